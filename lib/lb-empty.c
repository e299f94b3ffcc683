/* SPDX-License-Identifier: Apache-2.0 */

/* What becomes of a packet that a load balancer has no backend for; see
 * lb-empty.h. */

#include <config.h>
#include "lb-empty.h"

#include <string.h>

#include "flow.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "ovn/actions.h"
#include "ovn/logical-fields.h"
#include "put-actions.h"
#include "smap.h"
#include "util.h"
#include "uuid.h"

/* What the controller is told: reg0 has one of these, so that it is not taken
 * for something else, reg1 an argument, and reg4 to reg7 a load balancer. */
#define TELL_REJECT 0x6c620001u /* reg1: where the answer is resubmitted. */
#define TELL_EVENT 0x6c620002u  /* reg1: whether the VIP has a port. */

enum lb_empty
lb_empty_decide(bool affinity, const struct smap *options,
                const struct smap *global)
{
    if (affinity) {
        return LB_EMPTY_OTHERS;
    } else if (!options) {
        /* An event could not say which load balancer it is about. */
        return LB_EMPTY_DROP;
    } else if (smap_get_bool(options, "reject", false)) {
        return LB_EMPTY_REJECT;
    } else if (smap_get_bool(options, "event", false)
               || (global
                   && smap_get_bool(global, "controller_event", false))) {
        return LB_EMPTY_EVENT;
    } else {
        return LB_EMPTY_DROP;
    }
}

/* Behind what ovn-northd has in the egress pipeline for connection tracking
 * and ACLs, and for the translation of destinations. */
const char *const *
lb_empty_reject_stages(bool is_switch)
{
    static const char *const of_switch[] = {
        "ls_out_qos", "ls_out_qos_mark", NULL
    };
    static const char *const of_router[] = { "lr_out_snat", NULL };

    return is_switch ? of_switch : of_router;
}

char *
lb_empty_actions(enum lb_empty empty, const struct lb_empty_place *place)
{
    const struct uuid *lb = &place->lb;

    switch (empty) {
    case LB_EMPTY_REJECT:
        return xasprintf("set_field:%#x->reg0,set_field:%d->reg1,CONTROLLER",
                         TELL_REJECT,
                         place->reject_table);

    case LB_EMPTY_EVENT:
        return xasprintf("set_field:%#x->reg0,set_field:%d->reg1,"
                         "set_field:0x%08x%08x%08x%08x->xxreg1,CONTROLLER",
                         TELL_EVENT, place->has_port,
                         lb->parts[0], lb->parts[1], lb->parts[2],
                         lb->parts[3]);

    case LB_EMPTY_OTHERS:
        return xasprintf("set_field:0/%#x->%s,resubmit(,%d)",
                         LB_AFFINITY_BIT, mf_from_id(LB_AFFINITY_FIELD)->name,
                         place->table);

    case LB_EMPTY_DROP:
    default:
        return NULL;
    }
}

static void
put_opcode(struct ofpbuf *userdata, enum action_opcode opcode)
{
    const struct action_header header = { .opcode = htonl(opcode) };

    ofpbuf_put(userdata, &header, sizeof header);
}

/* reject { outport <-> inport; next(...); }; */
static void
put_reject(struct ofpbuf *userdata, uint8_t table)
{
    const struct mf_subfield in = put_whole_field(MFF_LOG_INPORT);
    const struct mf_subfield out = put_whole_field(MFF_LOG_OUTPORT);
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 0);
    put_push(&in, &ofpacts);
    put_push(&out, &ofpacts);
    put_pop(&in, &ofpacts);
    put_pop(&out, &ofpacts);
    put_resubmit(table, &ofpacts);
    put_opcode(userdata, ACTION_OPCODE_REJECT);
    ofpacts_put_openflow_actions(ofpacts.data, ofpacts.size, userdata,
                                 OFP15_VERSION);
    ofpbuf_uninit(&ofpacts);
}

static void
put_value(struct ofpbuf *userdata, uint16_t code, const char *value)
{
    const size_t len = strlen(value);
    const ovs_be16 header[2] = { htons(code), htons(len) };

    ofpbuf_put(userdata, header, sizeof header);
    ofpbuf_put(userdata, value, len);
}

/* The VIP is what the packet is for. */
static void
put_event(struct ofpbuf *userdata, const struct uuid *lb, bool has_port)
{
    const ovs_be32 event = htonl(OVN_EVENT_EMPTY_LB_BACKENDS);
    char uuid[UUID_LEN + 1];

    put_opcode(userdata, ACTION_OPCODE_EVENT);
    ofpbuf_put(userdata, &event, sizeof event);
    if (!has_port) {
        put_value(userdata, OVN_EVENT_PROTOCOL, "tcp");
    }
    snprintf(uuid, sizeof uuid, UUID_FMT, UUID_ARGS(lb));
    put_value(userdata, OVN_EVENT_LOAD_BALANCER, uuid);
}

bool
lb_empty_decode(struct flow *md, struct ofpbuf *userdata)
{
    const struct uuid lb = { { md->regs[4], md->regs[5], md->regs[6],
                               md->regs[7] } };

    if (md->regs[0] == TELL_REJECT) {
        put_reject(userdata, md->regs[1]);
        /* The answer is not from a backend: it must not get the source address
         * that a router gives to connections that it balances. */
        md->regs[MFF_LOG_FLAGS - MFF_REG0]
            &= ~(MLF_BIT(FORCE_SNAT_FOR_LB) | MLF_BIT(SKIP_SNAT_FOR_LB));
    } else if (md->regs[0] == TELL_EVENT) {
        put_event(userdata, &lb, md->regs[1]);
    } else {
        return false;
    }
    for (int i = 0; i < 8; i++) {
        md->regs[i] = 0;
    }
    return true;
}
