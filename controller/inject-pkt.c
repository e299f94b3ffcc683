/* SPDX-License-Identifier: Apache-2.0 */

/* ovn-appctl inject-pkt; see inject-pkt.h. */

#include <config.h>
#include "inject-pkt.h"

#include <string.h>

#include "binding.h"
#include "dp-packet.h"
#include "flow.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/shash.h"
#include "ovn/expr.h"
#include "ovn/logical-fields.h"
#include "ovs-compat.h"
#include "packets.h"
#include "put-actions.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"

/* The language gives a port its tunnel key, from which its name does not
 * follow without the datapath.  So ports are numbered in the order in which
 * the microflow names them, from 1. */
struct injection {
    struct svec ports;
};

static bool
number_port(const char *name, unsigned int *key, void *injection_)
{
    struct svec *ports = &((struct injection *) injection_)->ports;

    /* The library may ask for a name again, and must get the same answer. */
    for (size_t i = 0; i < ports->n; i++) {
        if (!strcmp(ports->names[i], name)) {
            *key = i + 1;
            return true;
        }
    }
    svec_add(ports, name);
    *key = ports->n;
    return true;
}

static const struct expr_constant_set *
no_set(const char *name OVS_UNUSED, void *aux OVS_UNUSED)
{
    return NULL;
}

static const char *
no_variable(const char *name OVS_UNUSED, void *aux OVS_UNUSED)
{
    return NULL;
}

static bool
is_resident(const char *name, void *aux OVS_UNUSED)
{
    return binding_peek_resident(name);
}

/* Sends 'packet' (a container's 'tag'ged) through the whole pipeline. */
static void
send_packet(struct dp_packet *packet, const struct local_port *lp)
{
    uint64_t stub[128 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    if (lp->tag) {
        eth_push_vlan(packet, htons(ETH_TYPE_VLAN_8021Q), htons(lp->tag));
    }
    put_resubmit(inputs_dialect()->tables.phy_to_log, &ofpacts);
    ofctrl_send(ofctrl_encode_packet_out(packet, lp->ofport, &ofpacts));
    ofpbuf_uninit(&ofpacts);
}

/* Returns an error message (caller frees) or NULL. */
static char *
inject(const char *microflow)
{
    struct injection injection = { SVEC_EMPTY_INITIALIZER };
    struct shash symtab = SHASH_INITIALIZER(&symtab);
    struct expr_env env = {
        .symtab = &symtab,
        .address_set = no_set,
        .port_group = no_set,
        .template_var = no_variable,
        .port_key = number_port,
        .is_chassis_resident = is_resident,
        .aux = &injection,
    };
    struct flow flow;

    ovn_init_symtab(&symtab);
    char *error = expr_parse_microflow(microflow, &env, &flow);
    if (!error) {
        uint32_t n = flow.regs[MFF_LOG_INPORT - MFF_REG0];
        const struct local_port *lp
            = (n > 0 && n <= injection.ports.n
               ? inc_peek(binding_kind_local_port,
                          inc_key_string(injection.ports.names[n - 1]))
               : NULL);

        if (!lp || !lp->ofport) {
            error = xstrdup("ingress port not found on hypervisor.");
        } else if (!ofctrl_is_connected()) {
            error = xstrdup("not connected to the integration bridge.");
        } else {
            struct dp_packet packet;

            dp_packet_init(&packet, 0);
            ovs_flow_compose(&packet, &flow, NULL, 64);
            send_packet(&packet, lp);
            dp_packet_uninit(&packet);
        }
    }
    expr_symtab_destroy(&symtab);
    shash_destroy(&symtab);
    svec_destroy(&injection.ports);
    return error;
}

static void
inject_pkt(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
           void *aux OVS_UNUSED)
{
    char *error = inject(argv[1]);

    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
    } else {
        unixctl_command_reply(conn, NULL);
    }
}

static void
register_commands(void)
{
    unixctl_command_register("inject-pkt", "MICROFLOW", 1, 1, inject_pkt,
                             NULL);
}

const struct module inject_pkt_module = {
    .name = "inject-pkt",
    .commands = register_commands,
};
