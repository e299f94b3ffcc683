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

/* Logging of ACLs, as lines of the log module "acl_log". */

#include <config.h>

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/vlog.h"
#include "ovn/logical-fields.h"
#include "pinctrl/pinctrl-private.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(acl_log);

/* The numbers in the userdata are defined by the action "log":
 * lib/actions-report.c. */

static const char *
verdict_to_string(uint8_t verdict)
{
    static const char *names[] = { "allow", "drop", "reject" };

    return verdict < ARRAY_SIZE(names) ? names[verdict] : "<unknown>";
}

static const char *
severity_to_string(uint8_t severity)
{
    switch (severity) {         /* As in RFC 5424. */
    case 1: return "alert";
    case 4: return "warning";
    case 5: return "notice";
    case 6: return "info";
    case 7: return "debug";
    default: return "<unknown>";
    }
}

void
pin_handle_log(const struct pin *pin)
{
    const uint8_t *fixed = ofpbuf_try_pull(pin->userdata, 2);

    if (!fixed) {
        pin_malformed(pin, "log needs a verdict and a severity");
        return;
    }

    char *name = (pin->userdata->size
                  ? xmemdup0(pin->userdata->data, pin->userdata->size)
                  : xstrdup("<unnamed>"));
    struct ds line = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&line, "name=");
    json_string_escape(name, &line);
    ds_put_format(&line, ", verdict=%s, severity=%s, direction=%s: ",
                  verdict_to_string(fixed[0]), severity_to_string(fixed[1]),
                  (pin->in->table_id < OFTABLE_LOG_EGRESS_PIPELINE
                   ? "from-lport" : "to-lport"));
    flow_format(&line, pin->headers, NULL);
    VLOG_INFO("%s", ds_cstr(&line));
    ds_destroy(&line);
    free(name);
}
