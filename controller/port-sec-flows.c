/* SPDX-License-Identifier: Apache-2.0 */

/* Port security
 * =============
 *
 * check_in_port_sec() and check_out_port_sec() ask three OpenFlow tables
 * whether a packet may enter or leave through a logical port, as far as its
 * Port_Binding's port_security says.  The answer is the flag
 * MLF_CHECK_PORT_SEC: set means "drop".
 *
 * One unit for each port that is bound to this chassis puts its rules (see
 * lib/port-sec.h) into those tables. */

#include <config.h>
#include "port-sec-flows.h"

#include "binding.h"
#include "byte-order.h"
#include "flow-table.h"
#include "inputs.h"
#include "lflow-env.h"
#include "lport-type.h"
#include "module.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovn/logical-fields.h"
#include "port-sec.h"
#include "put-actions.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(port_sec);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct ps_port {
    struct inc_unit *unit;
    const struct ovn_tables *tables;
    uint32_t cookie;
    uint32_t dp_key;
    uint16_t port_key;
};

/* Where rules of 'table' go. */
static uint8_t
table_of(const struct ovn_tables *tables, enum port_sec_table table)
{
    switch (table) {
    case PORT_SEC_IN:
        return tables->in_port_sec;
    case PORT_SEC_ND:
        return tables->in_port_sec_nd;
    case PORT_SEC_OUT:
        return tables->out_port_sec;
    }
    OVS_NOT_REACHED();
}

static void
put_rule(const struct port_sec_rule *rule, void *p_)
{
    const struct ps_port *p = p_;
    struct match match = rule->match;
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_set_metadata(&match, htonll(p->dp_key));
    match_set_reg(&match, (rule->table == PORT_SEC_OUT ? MFF_LOG_OUTPORT
                           : MFF_LOG_INPORT) - MFF_REG0, p->port_key);
    if (rule->verdict == PORT_SEC_ASK_ND) {
        put_resubmit(p->tables->in_port_sec_nd, &ofpacts);
    } else {
        put_load_bits(MFF_LOG_FLAGS, MLF_CHECK_PORT_SEC_BIT, 1,
                      rule->verdict == PORT_SEC_DENY, &ofpacts);
    }
    flow_output_add(p->unit, table_of(p->tables, rule->table),
                    rule->priority, p->cookie, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
port_sec_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *lport = inc_unit_key(unit).data;
    const struct port_binding *pb = in_port_binding(unit, lport);
    const struct lflow_dp *dp = pb && lport_type_has_host(pb->type)
                                ? lflow_env_dp(unit, &pb->datapath) : NULL;

    flow_output_begin(unit);
    if (dp) {
        struct ps_port p = {
            .unit = unit,
            .tables = &in_dialect(unit)->tables,
            .cookie = pb->uuid.parts[0],
            .dp_key = dp->tunnel_key,
            .port_key = pb->tunnel_key,
        };
        char *error = port_sec_for_each_rule(pb->port_security,
                                             pb->n_port_security,
                                             in_dialect(unit)->has_narrow_nd,
                                             put_rule, &p);

        if (error) {
            UNIT_WARN(unit, &rl, "logical port %s: %s",
                      lport, error);
            free(error);
        }
    }
    flow_output_end(unit);
}

static const struct inc_unit_class port_sec_unit_class = {
    .name = "port-sec",
    .stage = STAGE_FLOW,
    .run = port_sec_run,
    .removed = flow_output_removed,
};

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    inc_kind_spawn(binding_kind_local_port, &port_sec_unit_class, NULL);
}

const struct module port_sec_module = {
    .name = "port-sec",
    .init = init,
};
