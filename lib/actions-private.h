/* SPDX-License-Identifier: Apache-2.0 */

#ifndef ACTIONS_PRIVATE_H
#define ACTIONS_PRIVATE_H 1

/* Actions, from the inside
 * ========================
 *
 * For lib/actions.c, the lib/actions-FAMILY.c files and programs that walk
 * over parsed actions.  See ovn/actions.h for the public view.
 *
 * A family's file has, for each of its actions, up to four functions, which
 * the action's row in the registry (lib/actions.c) names:
 *
 *   - parse: called with the cursor after the action's word (for an action
 *     that gives a result, after "RESULT = WORD(").  It appends the action
 *     with ovnact_put() and reads up to, not including, the ";".  An error
 *     goes into the cursor; what was appended so far must be fit for "free".
 *
 *   - format: appends the text that parse takes, with the ";".
 *
 *   - encode: appends OpenFlow actions.  Returns false if that is impossible,
 *     with 'out' in any state.
 *
 *   - free: frees what the action points to, not the action itself. */

#include "openvswitch/ofp-actions.h"
#include "ovn/actions.h"
#include "ovn/gen-opts.h"
#include "put-actions.h"

/* Bounds on what a text may ask for. */
#define ACT_MAX_DEPTH 31        /* Nested "{ }"s, as the stock controller. */
#define ACT_MAX_ITEMS 65535     /* Backends, ports, ... of one action. */
#define ACT_MAX_ACTIONS 4096    /* In one sequence: more can't be encoded. */

/* Encoded actions of one flow may take this many bytes: an OpenFlow message
 * has at most 64 kB, and hardly any action is bigger there than in memory. */
#define ACT_MAX_OFPACTS 30000

/* Parsing. */

struct act_parser {
    struct lex_cursor *lex;
    const struct ovnact_parse_params *pp;
    struct ofpbuf *ovnacts;
    struct expr *prereqs;       /* Collected so far; NULL if none. */
    int depth;                  /* 0 outside of any "{ }". */
    bool in_ct_commit;          /* Inside of "ct_commit { }". */
};

/* How an action's word is used. */
enum ovnact_form {
    OVNACT_F_INNER,             /* Has no word of its own. */
    OVNACT_F_VERB,              /* "WORD ...;" */
    OVNACT_F_RESULT,            /* "FIELD = WORD(...);" */
};

struct ovnact_class {
    const char *word;
    enum ovnact_form form;
    const char *prereq;         /* The predicate that it needs, or NULL. */
    bool needs_next_table;      /* Not allowed in the last table. */

    void (*parse)(struct act_parser *, enum ovnact_type,
                  const struct expr_field *result);
    void (*format)(const struct ovnact *, struct ds *);
    bool (*encode)(const struct ovnact *, const struct ovnact_encode_params *,
                   struct ofpbuf *out);
    void (*free)(struct ovnact *); /* NULL if there is nothing to do. */
};
const char *ovnact_word(const struct ovnact *);

/* Appends a zeroed action of 'len' bytes.  The result moves when another
 * action is appended. */
void *ovnact_append(struct ofpbuf *ovnacts, enum ovnact_type, size_t len);
static inline void *
ovnact_put(struct act_parser *p, enum ovnact_type type, size_t len)
{
    return ovnact_append(p->ovnacts, type, len);
}

/* "Syntax error at `TOKEN'." */
void act_syntax_error(struct act_parser *);

/* A field as an argument.  'n_bits' of 0 asks for a string.  False and an
 * error in the cursor if there is none or it does not fit. */
bool act_parse_field(struct act_parser *, int n_bits, struct expr_field *);
/* Whether 'field' may be used in that way; if not, puts an error. */
bool act_check_field(struct act_parser *, const struct expr_field *field,
                     int n_bits, bool rw);

/* "(" and the name of a port, as a string.  NULL and an error in the cursor if
 * that is not what comes.  Caller frees. */
char *act_parse_port_name(struct act_parser *);

/* A decimal integer of at most 16 bits, or "expecting WHAT". */
bool act_parse_u16(struct act_parser *, const char *what, uint16_t *);
/* Whether 'addr', a "struct in_addr" or "struct in6_addr", can be translated
 * to together with a port; if not, puts an error.  In a switch, an address of
 * all zeros is none, and a port alone is refused. */
bool act_check_nat_address(struct act_parser *, int family, const void *addr);
/* An unsigned 32-bit integer; false, and nothing consumed, if there is none.*/
bool act_accept_u32(struct act_parser *, uint32_t *);

/* "{ action; ... }": parses into '*nested' and '*nested_len', which are always
 * set.  'keep_prereqs' says whether the inner actions' prerequisites are also
 * the outer one's. */
void act_parse_block(struct act_parser *, bool keep_prereqs,
                     bool in_ct_commit, struct ovnact **nested,
                     size_t *nested_len);

/* "NAME = VALUE, ...)", including the parenthesis, with the names that 'find'
 * knows. */
struct ovnact_opt;
typedef const struct gen_opt *act_find_opt_func(const void *aux,
                                                const char *name);
void act_parse_opts(struct act_parser *, act_find_opt_func *find,
                    const void *aux, const char *protocol,
                    struct ovnact_opt **opts, size_t *n);
void act_format_opts(const struct ovnact_opt *, size_t n, struct ds *);
void act_free_opts(struct ovnact_opt *, size_t n);

/* Encoding. */

/* The whole action, with nothing but the header as userdata. */
bool act_put_controller(struct ofpbuf *out, enum action_opcode, bool pause,
                        const struct ovnact_encode_params *);
/* The id of the meter for packet-ins. */
uint32_t act_controller_meter(const struct ovnact_encode_params *);

/* Appends the OXM header and bit offset that tell where a packet-in's result
 * goes. */
void act_put_result_location(struct ofpbuf *out, const struct expr_field *);

/* First OpenFlow table of the pipeline at hand. */
uint8_t act_first_ptable(const struct ovnact_encode_params *,
                         enum ovn_pipeline);
/* OpenFlow table of "output;" there. */
uint8_t act_output_ptable(const struct ovnact_encode_params *);
static inline uint8_t
act_ptable(const struct ovnact_encode_params *ep, uint8_t ltable)
{
    return act_first_ptable(ep, ep->pipeline) + ltable;
}
static inline bool
act_dp_is_switch(const struct ovnact_encode_params *ep)
{
    return ep->dp_fact(OVN_DP_IS_SWITCH, ep->aux);
}
/* The register with the zone for a flow's connections. */
enum mf_field_id act_zone_field(const struct ovnact_encode_params *);

/* "FIELD = " */
void act_format_result(const struct expr_field *, struct ds *);
void act_format_string(const char *, struct ds *); /* With quotes. */

/* "WORD;" with nothing else: ovnact_null. */
struct ovnact_null {
    struct ovnact ovnact;
};
void act_parse_word(struct act_parser *, enum ovnact_type,
                    const struct expr_field *);
void act_format_word(const struct ovnact *, struct ds *);

/* actions-basic.c. */

struct ovnact_next {
    struct ovnact ovnact;
    enum ovn_pipeline pipeline, from_pipeline;
    uint8_t ltable, from_ltable;
};
struct ovnact_load {            /* LOAD, OVNFIELD_LOAD. */
    struct ovnact ovnact;
    struct expr_field dst;
    struct expr_constant imm;
};
struct ovnact_move {            /* MOVE, EXCHANGE. */
    struct ovnact ovnact;
    struct expr_field lhs, rhs;
};
struct ovnact_field {           /* PUSH, POP, HANDLE_SVC_CHECK. */
    struct ovnact ovnact;
    struct expr_field field;
};
struct ovnact_set_queue {
    struct ovnact ovnact;
    uint16_t queue_id;
};
struct ovnact_check_pkt_larger {
    struct ovnact ovnact;
    struct expr_field dst;
    uint16_t len;
};
struct ovnact_bind_vport {
    struct ovnact ovnact;
    char *vport;
    struct expr_field parent;
};

/* What follows the first field of a statement that starts with one. */
void act_parse_load(struct act_parser *, const struct expr_field *lhs);
void act_parse_move(struct act_parser *, enum ovnact_type,
                    const struct expr_field *lhs);

/* actions-ct.c. */

/* The connection-tracking zone that a text names. */
enum ovnact_ct_zone {
    OVN_CT_ZONE_DEFAULT,        /* None: the pipeline's own. */
    OVN_CT_ZONE_DNAT,
    OVN_CT_ZONE_SNAT,
};
struct ovnact_ct_next {         /* CT_NEXT, CT_COMMIT_NAT, _TO_ZONE. */
    struct ovnact ovnact;
    enum ovnact_ct_zone zone;
    uint8_t ltable;
};
struct ovnact_ct_commit_v1 {
    struct ovnact ovnact;
    uint32_t mark, mark_mask;
    ovs_be128 label, label_mask;
};
struct ovnact_ct_nat {          /* CT_{DNAT,SNAT}{,_IN_CZONE}. */
    struct ovnact ovnact;
    int family;                 /* AF_INET, AF_INET6; AF_UNSPEC: un-NAT. */
    union {
        ovs_be32 ipv4;
        struct in6_addr ipv6;
    };
    uint16_t port_lo, port_hi;  /* 0: none. */
    uint8_t ltable;
};

/* actions-lb.c (struct ovnact_ct_lb is public). */

struct ovnact_select_dst {
    uint16_t id;
    uint16_t weight;
};
struct ovnact_select {
    struct ovnact ovnact;
    struct expr_field dst;
    struct ovnact_select_dst *dsts;
    size_t n_dsts;
    char *hash_fields;          /* "ip_src,ip_dst" or NULL. */
    uint8_t ltable;
};
struct ovnact_fwd_group {
    struct ovnact ovnact;
    bool liveness;
    char **ports;
    size_t n_ports;
    uint8_t ltable;
};

/* actions-nested.c: "WORD { ... }". */

struct ovnact_nest {
    struct ovnact ovnact;
    struct ovnact *nested;
    size_t nested_len;
};

/* actions-remote.c. */

struct ovnact_mirror {
    struct ovnact ovnact;
    char *port;
};

/* actions-dhcp-relay.c. */

struct ovnact_dhcp_relay {
    struct ovnact ovnact;
    struct expr_field dst;
    ovs_be32 relay, server;
};

/* actions-mac.c: the arguments that an action does not have are zeros. */

struct ovnact_mac {
    struct ovnact ovnact;
    struct expr_field dst, port, ip, mac;
};

/* actions-dhcp.c. */

struct ovnact_opt {
    char *name;
    uint8_t code;
    enum gen_opt_type type;
    struct expr_constant_set *values; /* At least one. */
};
struct ovnact_opts {            /* PUT_DHCPV*_OPTS, PUT_ND_RA_OPTS. */
    struct ovnact ovnact;
    struct expr_field dst;
    struct ovnact_opt *opts;
    size_t n;
};

/* actions-report.c. */

struct ovnact_log {
    struct ovnact ovnact;
    uint8_t verdict;            /* enum log_verdict. */
    uint8_t severity;           /* As syslog's. */
    char *name, *meter;         /* NULL if none. */
};
struct ovnact_set_meter {
    struct ovnact ovnact;
    uint32_t rate, burst;       /* kbps, kb; burst 0: none. */
};
enum ovnact_obs_point {         /* What the observation point is: */
    OVN_OBS_VALUE,              /* a number, */
    OVN_OBS_COOKIE,             /* the logical flow's cookie, */
    OVN_OBS_FIELD,              /* or what the packet has in a field. */
};
struct ovnact_sample {
    struct ovnact ovnact;
    uint16_t probability;
    uint8_t obs_domain;
    uint32_t collector_set;
    enum ovnact_obs_point point;
    uint32_t obs_point;         /* OVN_OBS_VALUE */
    struct expr_field obs_point_field; /* OVN_OBS_FIELD */
};
struct ovnact_trigger_event {
    struct ovnact ovnact;
    int event;
    struct ovnact_opt *opts;
    size_t n;
};

/* actions-lookup.c. */

struct ovnact_result {          /* "R = WORD();" */
    struct ovnact ovnact;
    struct expr_field dst;
};
struct ovnact_commit_ecmp_nh {
    struct ovnact ovnact;
    bool ipv6;
    uint8_t proto;
};
struct ovnact_commit_lb_aff {
    struct ovnact ovnact;
    struct in6_addr vip, backend; /* IPv4 as IPv4-mapped. */
    uint16_t vip_port, backend_port;
    uint8_t proto;              /* 0 if there is no 'vip_port'. */
    uint16_t timeout;
};

/* ")" behind "RESULT = WORD(", for a result of 'n_bits'. */
void act_parse_no_argument(struct act_parser *, enum ovnact_type,
                           const struct expr_field *result, int n_bits);

/* The functions that the registry names. */
#define ACT_PARSE(NAME)                                                 \
    void act_parse_##NAME(struct act_parser *, enum ovnact_type,        \
                          const struct expr_field *)
#define ACT_FORMAT(NAME)                                                \
    void act_format_##NAME(const struct ovnact *, struct ds *)
#define ACT_ENCODE(NAME)                                                \
    bool act_encode_##NAME(const struct ovnact *,                       \
                           const struct ovnact_encode_params *,         \
                           struct ofpbuf *)
#define ACT_FREE(NAME) void act_free_##NAME(struct ovnact *)

/* actions-basic.c. */
ACT_ENCODE(output);
ACT_PARSE(next);
ACT_FORMAT(next);
ACT_ENCODE(next);
ACT_FORMAT(load);
ACT_ENCODE(load);
ACT_FREE(load);
ACT_FORMAT(move);
ACT_ENCODE(move);
ACT_FORMAT(exchange);
ACT_ENCODE(exchange);
ACT_FORMAT(ovnfield_load);
ACT_ENCODE(ovnfield_load);
ACT_PARSE(push);
ACT_FORMAT(push);
ACT_ENCODE(push);
ACT_PARSE(pop);
ACT_FORMAT(pop);
ACT_ENCODE(pop);
ACT_PARSE(dec_ttl);
ACT_FORMAT(dec_ttl);
ACT_ENCODE(dec_ttl);
ACT_PARSE(set_queue);
ACT_FORMAT(set_queue);
ACT_ENCODE(set_queue);
ACT_PARSE(check_pkt_larger);
ACT_FORMAT(check_pkt_larger);
ACT_ENCODE(check_pkt_larger);
ACT_ENCODE(igmp);
ACT_PARSE(bind_vport);
ACT_FORMAT(bind_vport);
ACT_ENCODE(bind_vport);
ACT_FREE(bind_vport);
ACT_PARSE(handle_svc_check);
ACT_FORMAT(handle_svc_check);
ACT_ENCODE(handle_svc_check);
ACT_ENCODE(handle_dhcpv6_reply);
ACT_PARSE(bfd_msg);
ACT_FORMAT(bfd_msg);
ACT_ENCODE(bfd_msg);

/* actions-ct.c. */
ACT_PARSE(ct_next);
ACT_FORMAT(ct_next);
ACT_ENCODE(ct_next);
ACT_PARSE(ct_commit_to_zone);
ACT_ENCODE(ct_commit_to_zone);
ACT_PARSE(ct_commit);
ACT_FREE(ct_commit);
ACT_FORMAT(ct_commit_v1);
ACT_ENCODE(ct_commit_v1);
ACT_FORMAT(ct_commit_v2);
ACT_ENCODE(ct_commit_v2);
ACT_PARSE(ct_nat);
ACT_FORMAT(ct_nat);
ACT_ENCODE(ct_nat);
ACT_ENCODE(ct_commit_nat);
ACT_ENCODE(ct_clear);
ACT_ENCODE(ct_snat_to_vip);

/* actions-ct-orig.c. */
ACT_PARSE(ct_orig);
ACT_ENCODE(ct_orig);

/* actions-lb.c. */
ACT_PARSE(ct_lb);
ACT_FORMAT(ct_lb);
ACT_ENCODE(ct_lb);
ACT_FREE(ct_lb);
ACT_PARSE(select);
ACT_FORMAT(select);
ACT_ENCODE(select);
ACT_FREE(select);
ACT_PARSE(fwd_group);
ACT_FORMAT(fwd_group);
ACT_ENCODE(fwd_group);
ACT_FREE(fwd_group);

/* actions-nested.c. */
ACT_PARSE(nested);
ACT_FORMAT(nested);
ACT_ENCODE(nested);
ACT_FREE(nested);
ACT_PARSE(clone);
ACT_ENCODE(clone);

/* actions-remote.c. */
ACT_ENCODE(flood_remote);
ACT_PARSE(mirror);
ACT_FORMAT(mirror);
ACT_ENCODE(mirror);
ACT_FREE(mirror);

/* actions-dhcp-relay.c. */
ACT_PARSE(dhcp_relay);
ACT_FORMAT(dhcp_relay);
ACT_ENCODE(dhcp_relay);

/* actions-mac.c. */
ACT_PARSE(mac_verb);
ACT_FORMAT(mac_verb);
ACT_ENCODE(get_mac);
ACT_ENCODE(put_mac);
ACT_PARSE(lookup_mac);
ACT_FORMAT(lookup_mac);
ACT_ENCODE(lookup_mac);
ACT_ENCODE(lookup_mac_ip);
ACT_PARSE(put_fdb);
ACT_FORMAT(put_fdb);
ACT_ENCODE(put_fdb);
ACT_PARSE(get_fdb);
ACT_FORMAT(get_fdb);
ACT_ENCODE(get_fdb);
ACT_PARSE(lookup_fdb);
ACT_FORMAT(lookup_fdb);
ACT_ENCODE(lookup_fdb);
ACT_ENCODE(get_remote_fdb);
ACT_ENCODE(mac_cache_use);

/* actions-dhcp.c. */
ACT_PARSE(put_dhcp_opts);
ACT_FORMAT(put_opts);
ACT_ENCODE(put_dhcp_opts);
ACT_FREE(put_opts);
ACT_PARSE(put_dhcpv6_opts);
ACT_ENCODE(put_dhcpv6_opts);
ACT_PARSE(put_nd_ra_opts);
ACT_ENCODE(put_nd_ra_opts);
ACT_ENCODE(dns_lookup);

/* actions-report.c. */
ACT_PARSE(log);
ACT_FORMAT(log);
ACT_ENCODE(log);
ACT_FREE(log);
ACT_PARSE(set_meter);
ACT_FORMAT(set_meter);
ACT_ENCODE(set_meter);
ACT_PARSE(sample);
ACT_FORMAT(sample);
ACT_ENCODE(sample);
ACT_PARSE(trigger_event);
ACT_FORMAT(trigger_event);
ACT_ENCODE(trigger_event);
ACT_FREE(trigger_event);

/* actions-lookup.c. */
ACT_PARSE(result);
ACT_FORMAT(result_action);
ACT_ENCODE(lookup);
ACT_PARSE(commit_ecmp_nh);
ACT_FORMAT(commit_ecmp_nh);
ACT_ENCODE(commit_ecmp_nh);
ACT_PARSE(commit_lb_aff);
ACT_FORMAT(commit_lb_aff);
ACT_ENCODE(commit_lb_aff);

#endif /* lib/actions-private.h */
