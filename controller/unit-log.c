/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */


/* Complaints of units; see unit-log.h. */

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
