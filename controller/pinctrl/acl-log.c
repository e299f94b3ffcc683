/* SPDX-License-Identifier: Apache-2.0 */

/* Logging of ACLs, as lines of the log module "acl_log". */

#include <config.h>

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/vlog.h"
#include "ovn/actions.h"
#include "ovn/dialect.h"
#include "pinctrl/service.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(acl_log);

static void
handle_log(const struct pin *pin)
{
    const uint8_t *fixed = ofpbuf_try_pull(pin->userdata, 2);

    if (!fixed) {
        pin_malformed(pin, PIN_BAD_USERDATA,
                      "log needs a verdict and a severity");
        return;
    }

    char *name = (pin->userdata->size
                  ? xmemdup0(pin->userdata->data, pin->userdata->size)
                  : xstrdup("<unnamed>"));
    struct ds line = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&line, "name=");
    json_string_escape(name, &line);
    ds_put_format(&line, ", verdict=%s, severity=%s, direction=%s: ",
                  ovnact_verdict_name(fixed[0]),
                  ovnact_severity_name(fixed[1]),
                  (pin->in->table_id < pin_dialect()->tables.egress
                   ? "from-lport" : "to-lport"));
    flow_format(&line, pin->headers, NULL);
    VLOG_INFO("%s", ds_cstr(&line));
    ds_destroy(&line);
    free(name);
}

struct pin_service acl_log_pin_service = {
    .name = "acl-log",
    .opcodes = { { ACTION_OPCODE_LOG, handle_log, false } },
};
