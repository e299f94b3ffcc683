/* SPDX-License-Identifier: Apache-2.0 */

/* Once-only warnings of units; see unit-log.h. */

#include <config.h>
#include "unit-log.h"

#include "hash.h"
#include "openvswitch/dynamic-string.h"

void
unit_warn(struct inc_unit *unit, struct vlog_module *module,
          struct vlog_rate_limit *rl, const char *format, ...)
{
    struct ds message = DS_EMPTY_INITIALIZER;
    void **last = inc_unit_data(unit);
    va_list args;

    va_start(args, format);
    ds_put_format_valist(&message, format, args);
    va_end(args);

    /* Odd, so that it is never NULL. */
    uintptr_t hash = hash_string(ds_cstr(&message), 0) | 1;
    if ((uintptr_t) *last != hash) {
        vlog_rate_limit(module, VLL_WARN, rl, "%s", ds_cstr(&message));
        *last = (void *) hash;
    }
    ds_destroy(&message);
}

void
unit_no_warning(struct inc_unit *unit)
{
    *inc_unit_data(unit) = NULL;
}
