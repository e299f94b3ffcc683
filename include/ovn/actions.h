/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_ACTIONS_H
#define OVN_ACTIONS_H 1

/* Logical-flow actions
 * ====================
 *
 * The actions of ovn-sb(5)'s Logical_Flow table: text -> "struct ovnact"s ->
 * OpenFlow actions, and back to text.
 *
 * Every action has a row in ovn/actions.def, its type and the word that it
 * starts with, and one in the registry in lib/actions.c, its functions to
 * parse, format, encode and free.  The loops over the registry are there, too;
 * the functions are in lib/actions-FAMILY.c.  To add an action, write its
 * functions and its rows.
 *
 * Parsed actions lie one after another in an ofpbuf, like ofpacts: each
 * starts with a "struct ovnact" and is padded to OVNACT_ALIGNTO.
 *
 * Thread-safety: no global state.  What is shared (the symbol table, the
 * option tables) is only read. */

#include <netinet/in.h>
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/uuid.h"
#include "ovn/dialect.h"
#include "ovn/expr.h"

struct gen_opt;
struct gen_opts;
struct ovn_group;

enum ovn_pipeline { OVN_P_INGRESS, OVN_P_EGRESS, N_OVN_PIPELINES };

/* Types.  lib/actions-private.h, private to lib/ and to programs that walk
 * over actions (ovn-trace), has the structs; those that the controller needs
 * are below. */
enum ovnact_type {
#define OVNACT(ENUM, WORD) OVNACT_##ENUM,
#include "ovn/actions.def"
#undef OVNACT
    N_OVNACTS
};

struct ovnact {
    enum ovnact_type type;
    unsigned int len;           /* Of the whole action, without padding. */
};
#define OVNACT_ALIGNTO 8
static inline struct ovnact *
ovnact_next(const struct ovnact *a)
{
    return (void *) ((char *) a + ROUND_UP(a->len, OVNACT_ALIGNTO));
}
/* 'OVNACTS' may be NULL if 'LEN' is 0. */
#define OVNACT_FOR_EACH(POS, OVNACTS, LEN)                              \
    for ((POS) = (struct ovnact *) (OVNACTS);                           \
         (LEN) && (char *) (POS) < (char *) (OVNACTS) + (LEN);          \
         (POS) = ovnact_next(POS))

/* Load balancing: ct_lb, ct_lb_mark, ct_lb_mark_local. */
struct ovnact_ct_lb_backend {
    int family;                 /* AF_INET or AF_INET6. */
    union {
        ovs_be32 ipv4;
        struct in6_addr ipv6;
    };
    uint16_t port;              /* 0: the packet's own. */
    char *lport;                /* ct_lb_mark_local; else NULL.  NULL, too, if
                                 * lb_make_local() (lib/lb.h) made it so. */
};
enum ovnact_ct_lb_flag {
    OVN_CT_LB_NO_SNAT,          /* No flag. */
    OVN_CT_LB_SKIP_SNAT,
    OVN_CT_LB_FORCE_SNAT,
};
struct ovnact_ct_lb {
    struct ovnact ovnact;       /* OVNACT_CT_LB, _MARK or _MARK_LOCAL. */
    struct ovnact_ct_lb_backend *backends;
    size_t n_backends;
    uint8_t ltable;             /* Logical table of the next stage. */
    char *hash_fields;          /* "ip_src,ip_dst" or NULL. */
    enum ovnact_ct_lb_flag flag;
    bool fallback;              /* ct_lb_mark_local: all when none is local. */
};

/* Parsing. */

/* An initializer for 'n_tables' below: what there is room for in TABLES, a
 * "const struct ovn_tables *". */
#define OVNACT_N_TABLES(TABLES) {               \
        [OVN_P_INGRESS] = (TABLES)->n_ingress,  \
        [OVN_P_EGRESS] = (TABLES)->n_egress,    \
    }

struct ovnact_parse_params {
    const struct expr_env *env; /* 'symtab', 'template_var', ... */

    /* Option tables of put_dhcp_opts and put_dhcpv6_opts (ovn/gen-opts.h),
     * or NULL for an empty one. */
    const struct gen_opts *dhcp_opts;
    const struct gen_opts *dhcpv6_opts;
    /* If not NULL, it is asked instead of the tables, so that the caller
     * learns which options matter: returns option 'name', borrowed until the
     * next call, or NULL.  'aux' is that of 'env'. */
    const struct gen_opt *(*option)(const char *name, bool is_dhcpv6,
                                    void *aux);

    enum ovn_pipeline pipeline;
    uint8_t n_tables[N_OVN_PIPELINES]; /* Logical tables of each. */
    uint8_t cur_ltable;         /* 0-based, of the flow being parsed. */
};

/* Appends the actions in 'text' to 'ovnacts'.  Returns NULL on success, and
 * then '*prereqsp' is the actions' prerequisites (NULL if none; caller
 * owns).  On error returns the message (caller frees), and 'ovnacts' is as it
 * was. */
char *ovnacts_parse_text(const char *text, const struct ovnact_parse_params *,
                         struct ofpbuf *ovnacts, struct expr **prereqsp);
void ovnacts_format(const struct ovnact *, size_t len, struct ds *);
void ovnacts_free(struct ovnact *, size_t len); /* Not the ofpbuf itself. */

/* Encoding. */

enum ovnact_dp_fact {
    OVN_DP_KEY,                 /* Its tunnel key. */
    OVN_DP_IS_SWITCH,           /* Logical switch, or router. */
    OVN_DP_CZONE_IS_SNAT,       /* Zone of ct_*_in_czone: that of SNAT (the
                                 * datapath has a "snat-ct-zone"), or DNAT. */
    N_OVN_DP_FACTS
};

struct ovnact_encode_params {
    const struct expr_env *env; /* Only 'symtab', 'port_key' and 'aux'. */
    const struct ovn_dialect *dialect; /* OpenFlow tables and registers. */

    /* The OpenFlow port of the tunnel to the chassis that has logical port
     * 'port_name', for "fwd_group" to watch.  Returns false if there is none,
     * as for a port that is here. */
    bool (*tunnel_ofport)(const char *port_name, ofp_port_t *, void *aux);

    /* A fact about the datapath.  It is asked for, so that the caller learns
     * on which of them an encoding depends, and on which it does not. */
    uint32_t (*dp_fact)(enum ovnact_dp_fact, void *aux);

    /* Ids for OpenFlow groups and meters. */
    uint32_t (*group_id)(const struct ovn_group *, void *aux);
    uint32_t (*meter_id)(const char *name, void *aux);
    /* Whether the switch's datapath can translate sources to "all zeros"
     * (capability ct_zero_snat of the Datapath table): then ct_commit also
     * resolves collisions of source ports. */
    bool (*ct_zero_snat)(void *aux);
    /* Whether 'id' is a Flow_Sample_Collector_Set here (for "sample"). */
    bool (*has_collector_set)(uint32_t id, void *aux);
    void *aux;

    struct uuid lflow_uuid;     /* For "sample" and "log". */
    uint32_t learn_cookie;      /* Of flows that the switch is to learn. */
    const char *stage_hint;     /* For load balancing; NULL if none. */
    bool lb_affinity;           /* For clients that have an affinity. */
    const char *controller_meter; /* For packet-ins, or NULL. */

    enum ovn_pipeline pipeline;
};

/* Appends OpenFlow actions for the actions to 'ofpacts'.  Only reads
 * 'ovnacts'.  Returns false if an action has been left out, because its
 * encoding would be too long. */
bool ovnacts_encode(const struct ovnact *, size_t len,
                    const struct ovnact_encode_params *,
                    struct ofpbuf *ofpacts);

/* Packet-ins: the userdata of a controller action starts with this header;
 * the opcodes are those that the stock controller uses. */
enum action_opcode {
#define ACTION_OPCODE(ENUM, VALUE) ACTION_OPCODE_##ENUM = VALUE,
#include "ovn/action-opcodes.def"
#undef ACTION_OPCODE
};
struct action_header {
    ovs_be32 opcode;            /* One of ACTION_OPCODE_*. */
    uint8_t pad[4];
};
BUILD_ASSERT_DECL(sizeof(struct action_header) == 8);

/* What starts a "note" among the actions that follow in a controller action's
 * userdata, which is for the controller itself. */
#define ACTION_NOTE_MAGIC "ovn"
enum action_note_type {
    ACTION_NOTE_ICMP4_FRAG_MTU, /* An ovs_be16 follows. */
    ACTION_NOTE_ICMP6_FRAG_MTU, /* An ovs_be32 follows. */
};
struct action_note {
    char magic[4];              /* ACTION_NOTE_MAGIC */
    ovs_be16 type;              /* enum action_note_type. */
    ovs_be16 pad;
};
BUILD_ASSERT_DECL(sizeof(struct action_note) == 8);

/* "trigger_event": the userdata goes on with the event's number, the only one
 * that there is, and its values: a code and a length of 16 bits each, and that
 * many bytes.  Beyond what other controllers understand, an event without a
 * "vip" is of the VIP that the packet is for, without its port if the event
 * does have a "protocol". */
#define OVN_EVENT_EMPTY_LB_BACKENDS 0
#define OVN_EVENT_EMPTY_LB_BACKENDS_NAME "empty_lb_backends"
enum ovn_event_value {
    OVN_EVENT_VIP = 1,
    OVN_EVENT_PROTOCOL = 2,
    OVN_EVENT_LOAD_BALANCER = 3,
};
/* The name of the value with 'code', or NULL. */
const char *ovnact_event_value(uint16_t code);

/* "log": the userdata goes on with a verdict and a severity of 8 bits each
 * (the latter as in RFC 5424), and the ACL's name.  These are their words. */
const char *ovnact_verdict_name(uint8_t verdict);
const char *ovnact_severity_name(uint8_t severity);

#endif /* ovn/actions.h */
