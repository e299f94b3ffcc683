/* SPDX-License-Identifier: Apache-2.0 */

/* Simulation of the logical pipelines; see trace-pipeline.h. */

#include <config.h>
#include "trace-pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovn/expr.h"
#include "ovn/lex.h"
#include "ovn/logical-fields.h"
#include "trace-actions.h"
#include "trace-chassis.h"
#include "trace-db.h"
#include "trace-flows.h"
#include "trace-node.h"
#include "trace-ovs.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(trace_pipeline);

/* Bounds.  A packet goes through up to about 40 tables on each datapath, and a
 * multicast group may fork it into thousands; logical flows that loop would go
 * on for ever. */
#define MAX_DEPTH 1000
#define MAX_TABLES 250000

#define REG(FIELD) ((FIELD) - MFF_REG0)

/* Names. */

const char *
trace_dp_name(const struct trace *t, const struct trace_dp *dp)
{
    return (t->options->friendly_names
            ? dp->friendly_name : dp->unfriendly_name);
}

/* Returns 'text', part of a logical flow, with the quoted names of ports
 * replaced by those that people gave them, if that is wanted; then a blank at
 * the end is left out, too.  Takes ownership of 'text'; the caller owns what
 * is returned. */
char *
trace_befriend(const struct trace *t, char *text)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    const char *rest = text;
    const char *start, *end;

    if (!t->options->friendly_names) {
        return text;
    }
    while ((start = strchr(rest, '"')) && (end = strchr(start + 1, '"'))) {
        char *name = xmemdup0(start + 1, end - start - 1);
        const struct trace_port *port = trace_db_port(t->db, name);

        ds_put_buffer(&s, rest, start - rest);
        ds_put_format(&s, "\"%s\"", port ? port->friendly_name : name);
        free(name);
        rest = end + 1;
    }
    ds_put_cstr(&s, rest);
    ds_chomp(&s, ' ');
    free(text);
    return ds_steal_cstr(&s);
}

const char *
trace_port_name(const struct trace *t, const struct trace_dp *dp,
                uint32_t key)
{
    const struct trace_port *port = trace_dp_port(dp, key);
    const struct trace_mcgroup *mcgroup = trace_dp_mcgroup(dp, key);

    return (port ? (t->options->friendly_names ? port->friendly_name
                    : port->name)
            : mcgroup ? mcgroup->name
            : key ? "(unnamed)"
            : "");
}

/* Tables. */

/* The text of a match, as the chassis reads it if there is one. */
static char *
format_match(const struct trace *t, const struct trace_flow *flow)
{
    const char *match = trace_flow_match(flow);
    struct trace_env env;
    char *expanded = NULL;

    trace_env_init(&env, t->db, NULL, t->chassis);
    if (env.env.template_var) {
        expanded = lex_expand_templates(match, env.env.template_var,
                                        env.env.aux);
    }
    return trace_befriend(t, expanded ? expanded : xstrdup(match));
}

/* NULL if it will not be seen. */
static char *
format_flow_line(const struct trace *t, const struct trace_flow *flow)
{
    const struct trace_row *row = flow->row;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!(t->options->forms & TRACE_DETAILED)
        || !trace_flows_has_ids(t->db->flows, flow)) {
        return NULL;
    }

    ds_put_format(&s, "%2d. ", flow->table);
    if (row->stage_name) {
        ds_put_cstr(&s, row->stage_name);
    }
    if (row->source) {
        ds_put_format(&s, "%s(%s)", row->stage_name ? " " : "",
                      row->source);
    }
    if (row->stage_name || row->source) {
        ds_put_cstr(&s, ": ");
    }

    char *match = format_match(t, flow);
    ds_put_format(&s, "%s, priority %d, uuid %08x", match,
                  flow->priority, flow->uuid.parts[0]);
    free(match);
    return ds_steal_cstr(&s);
}

/* Puts the OpenFlow flows that the switch has for 'flow'. */
static void
put_openflow(struct trace_ovs *ovs, const struct trace_flow *flow,
             struct trace_node *parent)
{
    char **flows;
    size_t n;
    int error = trace_ovs_dump(ovs, flow->uuid.parts[0], &flows, &n);

    if (error) {
        trace_put(parent, TRACE_ERROR, "*** error obtaining flow stats (%s)",
                  ovs_retval_to_string(error));
        return;
    } else if (!n) {
        trace_put(parent, TRACE_ERROR, "*** no OpenFlow flows");
    }
    for (size_t i = 0; i < n; i++) {
        trace_put_nocopy(parent, TRACE_RESULT, flows[i]);
    }
    free(flows);
}

static void
put_no_match(struct trace *t, const struct trace_dp *dp,
             enum ovn_pipeline pipeline, uint8_t table,
             struct trace_node *parent)
{
    if (!(t->options->forms & TRACE_DETAILED)) {
        return;
    }

    const char *stage_name = trace_flows_stage_name(t->db->flows, dp,
                                                    t->chassis, pipeline,
                                                    table);
    trace_put(parent, TRACE_TABLE, "%2d. %s%sno match (implicit drop)", table,
              stage_name ? stage_name : "", stage_name ? ": " : "");
}

static void
lookup_and_execute(struct trace *t, const struct trace_dp *dp,
                   struct flow *packet, enum ovn_pipeline pipeline,
                   uint8_t table, struct trace_node *parent)
{
    const struct trace_flow *flow = trace_flows_lookup(t->db->flows, dp,
                                                       t->chassis, pipeline,
                                                       table, packet);
    if (!flow) {
        put_no_match(t, dp, pipeline, table, parent);
        return;
    }

    bool trivial = trace_flow_is_trivial(flow, t->db, dp, t->chassis);
    struct trace_node *node = trace_put_nocopy(parent, TRACE_TABLE,
                                               (trivial ? NULL
                                                : format_flow_line(t, flow)));
    if (trivial) {
        node->is_hidden = true;
        trace_table(t, dp, packet, pipeline, table + 1, node);
    } else {
        if (t->ovs) {
            put_openflow(t->ovs, flow, node);
        }
        trace_actions(t, dp, packet, flow, flow->ovnacts, flow->ovnacts_len,
                      node);
    }
}

void
trace_table(struct trace *t, const struct trace_dp *dp, struct flow *packet,
            enum ovn_pipeline pipeline, uint8_t table,
            struct trace_node *parent)
{
    if (!trace_db_has(t->db, dp)) {
        return;
    } else if (t->depth >= MAX_DEPTH) {
        trace_put(parent, TRACE_ERROR,
                  "*** logical flows loop: more than %d tables deep",
                  MAX_DEPTH);
        return;
    } else if (t->n_tables >= MAX_TABLES) {
        if (t->n_tables == MAX_TABLES) {
            t->n_tables++;
            trace_put(parent, TRACE_ERROR,
                      "*** trace is too long: more than %d tables",
                      MAX_TABLES);
        }
        return;
    }
    t->n_tables++;
    t->depth++;
    lookup_and_execute(t, dp, packet, pipeline, table, parent);
    t->depth--;
}

/* Pipelines. */

static struct trace_node *
put_ingress(struct trace *t, const struct trace_dp *dp,
            const struct flow *packet, struct trace_node *parent)
{
    uint32_t key = packet->regs[REG(MFF_LOG_INPORT)];
    const struct trace_port *port = trace_dp_port(dp, key);

    return trace_put(parent, TRACE_PIPELINE,
                     "ingress(dp=\"%s\", inport=\"%s\")",
                     trace_dp_name(t, dp),
                     port ? trace_port_name(t, dp, key) : "(unnamed)");
}

/* Runs the egress pipeline for a copy of 'packet'.  'outport' is the port's
 * name. */
static void
trace_egress(struct trace *t, const struct trace_dp *dp,
             const struct flow *packet, const char *outport, uint32_t key,
             bool is_multicast, struct trace_node *parent)
{
    struct flow copy = *packet;
    bool hairpin = (key == packet->regs[REG(MFF_LOG_INPORT)]
                    && !(packet->regs[REG(MFF_LOG_FLAGS)]
                         & MLF_BIT(ALLOW_LOOPBACK)));

    if (!hairpin || is_multicast) {
        parent = trace_put(parent, TRACE_PIPELINE,
                           "egress(dp=\"%s\", inport=\"%s\", outport=\"%s\")",
                           trace_dp_name(t, dp),
                           trace_port_name(t, dp,
                                           packet->regs[REG(MFF_LOG_INPORT)]),
                           outport);
    }
    if (hairpin) {
        trace_put(parent, TRACE_NOTE, "/* omitting output because inport == "
                  "outport && !flags.loopback */");
        return;
    }

    /* The egress pipeline starts with nothing but the ports. */
    for (int i = 0; i < MFF_N_LOG_REGS; i++) {
        copy.regs[i] = 0;
    }
    copy.regs[REG(MFF_LOG_FLAGS)] = 0;
    copy.regs[REG(MFF_LOG_OUTPORT)] = key;
    trace_table(t, dp, &copy, OVN_P_EGRESS, 0, parent);
}

/* On a physical network, a router that is everywhere must not be seen. */
static void
put_chassis_mac(const struct trace *t, const struct flow *packet,
                const struct trace_port *port, struct trace_node *parent)
{
    struct eth_addr mac;

    if (t->chassis && !strcmp(port->type, "localnet")
        && trace_chassis_hides_router(t->chassis, port, packet->dl_src,
                                      &mac)) {
        trace_put(parent, TRACE_LEAVE, "/* On the physical network, eth.src "
                  "is "ETH_ADDR_FMT", which stands for the router. */",
                  ETH_ADDR_ARGS(mac));
    }
}

/* From chassis to chassis. */

struct travel {
    struct trace *t;
    const struct trace_dp *dp;
    const struct flow *packet;
    const struct trace_port *port;
    const struct trace_port *egress_port;
    struct trace_node *parent;
};

/* By tunnel to 'there', and on there. */
static void
travel_by_tunnel(const struct sbrec_chassis *there, void *travel_)
{
    const struct travel *travel = travel_;
    struct trace *t = travel->t;
    const struct sbrec_chassis *here = t->chassis;
    const uint16_t key = travel->egress_port->key;
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "/* Leaves chassis \"%s\" for chassis \"%s\" by ",
                  here->name, there->name);
    if (!trace_chassis_format_tunnel(t->db->idl, here, travel->port, there,
                                     &s)) {
        trace_put(travel->parent, TRACE_ERROR, "*** there is no tunnel from "
                  "chassis \"%s\" to chassis \"%s\"", here->name,
                  there->name);
        ds_destroy(&s);
        return;
    }
    ds_put_cstr(&s, ". */");
    trace_put_nocopy(travel->parent, TRACE_LEAVE, ds_steal_cstr(&s));
    t->chassis = there;
    trace_egress(t, travel->dp, travel->packet,
                 trace_port_name(t, travel->dp, key), key, false,
                 travel->parent);
    t->chassis = here;
}

/* Says that the packet leaves for 'there', or for wherever its destination is
 * (NULL), through 'localnet'. */
static void
put_leave_by_localnet(const struct travel *travel,
                      const struct trace_port *localnet,
                      const struct sbrec_chassis *there)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "/* Leaves chassis \"%s\"", travel->t->chassis->name);
    if (there) {
        ds_put_format(&s, " for chassis \"%s\"", there->name);
    }
    ds_put_format(&s, " by physical network \"%s\"",
                  smap_get_def(&localnet->row->options, "network_name", ""));
    if (localnet->row->n_tag) {
        ds_put_format(&s, ", VLAN %"PRId64, localnet->row->tag[0]);
    }
    ds_put_cstr(&s, ". */");
    trace_put_nocopy(travel->parent, TRACE_LEAVE, ds_steal_cstr(&s));
}

/* On from 'localnet' on 'there', if anything is known of that. */
static void
arrive_by_localnet(const struct travel *travel,
                   const struct trace_port *localnet,
                   const struct sbrec_chassis *there)
{
    struct trace *t = travel->t;
    const struct sbrec_chassis *here = t->chassis;
    struct flow copy = *travel->packet;

    if (!there) {
        return;
    }
    memset(copy.regs, 0, sizeof copy.regs);
    copy.ct_state = 0;
    copy.regs[REG(MFF_LOG_INPORT)] = localnet->key;
    t->chassis = there;
    struct trace_node *node = put_ingress(t, localnet->dp, &copy,
                                          travel->parent);
    trace_table(t, localnet->dp, &copy, OVN_P_INGRESS, 0, node);
    t->chassis = here;
}

/* Through 'localnet' to 'there', and on there. */
static void
travel_by_localnet(const struct travel *travel,
                   const struct trace_port *localnet,
                   const struct sbrec_chassis *there)
{
    struct trace *t = travel->t;
    const struct flow *packet = travel->packet;
    bool turns_back = (packet->regs[REG(MFF_LOG_INPORT)] == localnet->key
                       && !(packet->regs[REG(MFF_LOG_FLAGS)]
                            & MLF_BIT(ALLOW_LOOPBACK)));

    /* It does not go out where it came in. */
    if (!turns_back) {
        put_leave_by_localnet(travel, localnet, there);
    }
    trace_egress(t, travel->dp, packet,
                 trace_port_name(t, travel->dp, localnet->key),
                 localnet->key, false, travel->parent);
    if (!turns_back) {
        arrive_by_localnet(travel, localnet, there);
    }
}

/* From a router straight out of 'localnet', of the switch behind
 * 'travel->egress_port', to 'there', and on there. */
static void
travel_bridged(const struct travel *travel, const struct trace_port *localnet,
               const struct sbrec_chassis *there)
{
    struct trace *t = travel->t;
    struct flow copy = *travel->packet;
    struct travel onward = *travel;
    struct eth_addr mac;

    if (!travel->egress_port->row->n_mac
        || !ovs_scan(travel->egress_port->row->mac[0], ETH_ADDR_SCAN_FMT,
                     ETH_ADDR_SCAN_ARGS(mac))) {
        return;
    }
    copy.dl_src = mac;
    onward.packet = &copy;
    trace_put(travel->parent, TRACE_MODIFY, "eth.src = "ETH_ADDR_FMT,
              ETH_ADDR_ARGS(mac));
    put_leave_by_localnet(&onward, localnet, there);
    put_chassis_mac(t, &copy, localnet, travel->parent);
    trace_put(travel->parent, TRACE_OUTPUT, "output(\"%s\")",
              trace_port_name(t, localnet->dp, localnet->key));
    arrive_by_localnet(&onward, localnet, there);
}

/* What is left of the way of 'packet' to 'port' if it is on other chassis:
 * says how it gets there, and goes on there.  False if the port is here, too.
 */
static bool
travel(struct trace *t, const struct trace_dp *dp, const struct flow *packet,
       const struct trace_port *port, const struct trace_port *egress_port,
       struct trace_node *parent)
{
    const struct trace_port *from
        = trace_dp_port(dp, packet->regs[REG(MFF_LOG_INPORT)]);
    struct travel travel = { t, dp, packet, port, egress_port, parent };
    const struct sbrec_chassis *there;
    const struct trace_port *localnet;

    switch (trace_chassis_way(t->db->idl, t->chassis, from, port, &there,
                              &localnet)) {
    case TRACE_HERE:
        if (t->chassis && port->row->n_additional_chassis) {
            trace_chassis_for_each(t->db->idl, t->chassis, port,
                                   travel_by_tunnel, &travel);
        }
        return false;

    case TRACE_NOWHERE:
        trace_put(parent, TRACE_ERROR,
                  "*** port \"%s\" is not bound to any chassis", port->name);
        return true;

    case TRACE_TUNNEL:
        trace_chassis_for_each(t->db->idl, t->chassis, port, travel_by_tunnel,
                               &travel);
        return true;

    case TRACE_BRIDGED:
        travel_bridged(&travel, localnet, there);
        return true;

    case TRACE_LOCALNET:
    default:
        travel_by_localnet(&travel, localnet, there);
        return true;
    }
}

/* The copy for a port of a multicast group.  Other chassis that hang on the
 * same physical network get theirs from there. */
static bool
travel_copy(struct trace *t, const struct trace_dp *dp,
            const struct flow *packet, const struct trace_port *port,
            struct trace_node *parent)
{
    const struct sbrec_chassis *there;
    const struct trace_port *localnet;
    enum trace_way way = trace_chassis_way(t->db->idl, t->chassis, NULL, port,
                                           &there, &localnet);

    if (way == TRACE_NOWHERE || trace_dp_has_localnet(dp)) {
        return way != TRACE_HERE;
    }
    return travel(t, dp, packet, port, port, parent);
}

static void
output_multicast(struct trace *t, const struct trace_dp *dp,
                 const struct flow *packet,
                 const struct trace_mcgroup *mcgroup,
                 struct trace_node *parent)
{
    struct trace_node *node
        = trace_put(parent, TRACE_PIPELINE,
                    "multicast(dp=\"%s\", mcgroup=\"%s\")",
                    trace_dp_name(t, dp), mcgroup->name);

    node->is_list = true;

    size_t n;
    struct trace_port **ports = trace_mcgroup_ports(t->db, mcgroup, &n);
    for (size_t i = 0; i < n; i++) {
        const struct trace_port *port = ports[i];
        const char *name = (t->options->friendly_names
                            ? port->friendly_name : port->name);

        if (!travel_copy(t, dp, packet, port, node)) {
            trace_egress(t, dp, packet, name, port->key, true, node);
        }
    }
    free(ports);
}

/* From the ingress pipeline to the egress pipeline. */
static void
output_ingress(struct trace *t, const struct trace_dp *dp,
               const struct flow *packet, struct trace_node *parent)
{
    uint32_t key = packet->regs[REG(MFF_LOG_OUTPORT)];
    const struct trace_mcgroup *mcgroup = trace_dp_mcgroup(dp, key);
    const struct trace_port *port = trace_dp_port(dp, key);

    if (!key) {
        trace_put(parent, TRACE_ERROR, "*** output to null logical port");
        return;
    } else if (mcgroup) {
        output_multicast(t, dp, packet, mcgroup, parent);
        return;
    }

    if (port && !strcmp(port->type, "chassisredirect")) {
        const struct trace_port *distributed = port->distributed_port;

        if (!distributed) {
            trace_put(parent, TRACE_ERROR, "*** output to type \"%s\" port "
                      "\"%s\" with no or invalid distributed port",
                      port->type, trace_port_name(t, dp, key));
            return;
        }
        trace_put(parent, TRACE_NOTE, "/* Replacing type \"%s\" outport "
                  "\"%s\" with distributed port \"%s\". */", port->type,
                  trace_port_name(t, dp, key),
                  trace_port_name(t, dp, distributed->key));
        key = distributed->key;
        if (travel(t, dp, packet, port, distributed, parent)) {
            return;
        }
    } else if (port && travel(t, dp, packet, port, port, parent)) {
        return;
    }
    trace_egress(t, dp, packet, trace_port_name(t, dp, key), key, false,
                 parent);
}

/* Out of a port. */
static void
output_egress(struct trace *t, const struct trace_dp *dp,
              const struct flow *packet, struct trace_node *parent)
{
    uint32_t key = packet->regs[REG(MFF_LOG_OUTPORT)];
    const struct trace_port *port = trace_dp_port(dp, key);
    const char *name = trace_port_name(t, dp, key);

    if (!key) {
        trace_put(parent, TRACE_ERROR, "*** output to null logical port");
        return;
    } else if (!port && !trace_dp_mcgroup(dp, key)) {
        trace_put(parent, TRACE_ERROR,
                  "*** unknown port or multicast group %"PRIu32, key);
    }
    trace_put(parent, TRACE_NOTE, "/* output to \"%s\", type \"%s\" */", name,
              port ? port->type : "");
    if (port) {
        put_chassis_mac(t, packet, port, parent);
    }

    if (port && port->peer) {
        const struct trace_port *peer = port->peer;
        struct flow copy = *packet;

        if (t->chassis) {
            /* Nothing else gets through from one datapath to another. */
            memset(copy.regs, 0, sizeof copy.regs);
            copy.ct_state = 0;
        }
        copy.regs[REG(MFF_LOG_INPORT)] = peer->key;
        copy.regs[REG(MFF_LOG_OUTPORT)] = 0;
        struct trace_node *node = put_ingress(t, peer->dp, &copy, parent);
        trace_table(t, peer->dp, &copy, OVN_P_INGRESS, 0, node);
    } else {
        trace_put(parent, TRACE_OUTPUT, "output(\"%s\")", name);
    }
}

void
trace_output(struct trace *t, const struct trace_dp *dp, struct flow *packet,
             enum ovn_pipeline pipeline, struct trace_node *parent)
{
    if (pipeline == OVN_P_INGRESS) {
        output_ingress(t, dp, packet, parent);
    } else {
        output_egress(t, dp, packet, parent);
    }
}

/* The microflow. */

/* Finds out where the packet starts.  'e' is the microflow, parsed. */
static char *
find_start(const struct trace_db *db, const struct trace_options *options,
           const struct expr *e, const struct trace_dp **dpp)
{
    const char *inport = expr_find_string(e, "inport", NULL);
    const struct trace_port *port = inport ? trace_db_port(db, inport) : NULL;
    const struct trace_dp *dp = port ? port->dp : NULL;

    if (inport && !options->datapath
        && expr_find_string(e, "inport", inport)) {
        return xstrdup("error parsing flow: flow match expression matches on "
                       "multiple inports");
    } else if (inport && !port) {
        return xasprintf("unknown port \"%s\"", inport);
    }
    if (options->datapath) {
        dp = trace_db_dp_by_name(db, options->datapath);
        if (!dp) {
            return xasprintf("unknown datapath \"%s\"", options->datapath);
        } else if (port && port->dp != dp) {
            return xasprintf("port \"%s\" is not on datapath \"%s\"", inport,
                             options->datapath);
        } else if (!port) {
            VLOG_WARN("microflow does not specify ingress port");
        }
    }
    *dpp = dp;
    return dp ? NULL : xstrdup("error parsing flow: flow match expression "
                               "does not match on inport");
}

static char *
parse_microflow(struct trace_db *db, const struct trace_options *options,
                const struct sbrec_chassis *chassis, struct flow *packet,
                const struct trace_dp **dpp)
{
    struct trace_env env;
    char *error;

    trace_env_init(&env, db, NULL, chassis);
    struct expr *e = expr_parse_text(options->microflow, &env.env, &error);
    if (!e) {
        goto error;
    }
    error = find_start(db, options, e, dpp);
    expr_destroy(e);
    if (error) {
        return error;
    }

    trace_env_init(&env, db, *dpp, chassis);
    env.is_microflow = true;
    error = expr_parse_microflow(options->microflow, &env.env, packet);
    if (!error && env.unknown_port) {
        error = xasprintf("unknown port \"%s\"", env.unknown_port);
        free(env.unknown_port);
        return error;
    }
    free(env.unknown_port);
    if (!error) {
        return NULL;
    }

error:;
    char *message = xasprintf("error parsing flow: %s", error);
    free(error);
    return message;
}

char *
trace_run(struct trace_db *db, const struct trace_options *options,
          struct trace_ovs *ovs, struct ds *s)
{
    struct trace t = { .db = db, .options = options, .ovs = ovs };
    const struct trace_dp *dp = NULL;
    struct flow packet;

    if (options->chassis) {
        t.chassis = trace_chassis_find(db->idl, options->chassis);
        if (!t.chassis) {
            return xasprintf("unknown chassis \"%s\"", options->chassis);
        }
    }

    char *error = parse_microflow(db, options, t.chassis, &packet, &dp);
    if (error) {
        return error;
    }

    char *text = flow_to_string(&packet, NULL);
    ds_put_format(s, "# %s\n", text);
    free(text);

    struct trace_node *root = trace_node_create();
    struct trace_node *node = put_ingress(&t, dp, &packet, root);
    trace_table(&t, dp, &packet, OVN_P_INGRESS, 0, node);
    trace_node_format(root, options->forms, s);
    trace_node_destroy(root);
    return NULL;
}
