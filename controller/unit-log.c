/* SPDX-License-Identifier: Apache-2.0 */

/* Once-only messages of units; see unit-log.h. */

#include <config.h>
#include "unit-log.h"

#include "hash.h"
#include "openvswitch/dynamic-string.h"

void
unit_log(struct inc_unit *unit, struct vlog_module *module,
         enum vlog_level level, struct vlog_rate_limit *rl,
         const char *format, ...)
{
    struct ds message = DS_EMPTY_INITIALIZER;
    va_list args;

    va_start(args, format);
    ds_put_format_valist(&message, format, args);
    va_end(args);
    if (inc_unit_is_news(unit, hash_string(ds_cstr(&message), 0))) {
        vlog_rate_limit(module, level, rl, "%s", ds_cstr(&message));
    }
    ds_destroy(&message);
}
