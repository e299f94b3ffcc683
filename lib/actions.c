/* SPDX-License-Identifier: Apache-2.0 */

/* Actions: the registry, and the loops over it.  See ovn/actions.h.
 *
 * A text is a sequence of statements, each with a ";" after it.  A statement
 * is one of
 *
 *     WORD ...;                  a verb, found by its word;
 *     FIELD = WORD(...);         a verb that gives a result;
 *     FIELD = CONSTANT;          a load,
 *     FIELD = FIELD;             a move,
 *     FIELD <-> FIELD;           or an exchange.
 *
 * What an action's word is followed by is its own function's business. */

#include <config.h>
#include "lib/actions-private.h"

#include <string.h>

#include "expr-private.h"
#include "hash.h"
#include "nx-match.h"
#include "openvswitch/json.h"
#include "ovn/logical-fields.h"
#include "ovs-thread.h"
#include "util.h"

/* The registry. */

/* Rows count themselves, so that one that is missing does not compile. */
enum { BEFORE_FIRST_ROW = __COUNTER__ };

static const struct ovnact_class classes[N_OVNACTS] = {
#define ROW(ENUM, FORM, PREREQ, ...)                            \
    [OVNACT_##ENUM] = {                                         \
        .form = OVNACT_F_##FORM + 0 * __COUNTER__,              \
        .prereq = PREREQ,                                       \
        __VA_ARGS__                                             \
    }
#define P(NAME) .parse = act_parse_##NAME
#define F(NAME) .format = act_format_##NAME
#define E(NAME) .encode = act_encode_##NAME
#define X(NAME) .free = act_free_##NAME
#define NEEDS_NEXT .needs_next_table = true
#define SIMPLE(ENUM, PREREQ, NAME)                              \
    ROW(ENUM, VERB, PREREQ, P(word), F(word), E(NAME))
#define NESTED(ENUM, PREREQ)                                    \
    ROW(ENUM, VERB, PREREQ, P(nested), F(nested), E(nested), X(nested))
#define NAT(ENUM)                                               \
    ROW(ENUM, VERB, "ip", P(ct_nat), F(ct_nat), E(ct_nat), NEEDS_NEXT)
#define LB(ENUM)                                                \
    ROW(ENUM, VERB, "ip", P(ct_lb), F(ct_lb), E(ct_lb), X(ct_lb), NEEDS_NEXT)
#define LOOKUP(ENUM)                                            \
    ROW(ENUM, RESULT, NULL, P(result), F(result_action), E(lookup))

    /* actions-basic.c. */
    SIMPLE(OUTPUT, NULL, output),
    ROW(NEXT, VERB, NULL, P(next), F(next), E(next)),
    ROW(LOAD, INNER, NULL, F(load), E(load), X(load)),
    ROW(MOVE, INNER, NULL, F(move), E(move)),
    ROW(EXCHANGE, INNER, NULL, F(move), E(exchange)),
    ROW(OVNFIELD_LOAD, INNER, NULL,
        F(ovnfield_load), E(ovnfield_load), X(load)),
    ROW(PUSH, VERB, NULL, P(push), F(push), E(push)),
    ROW(POP, VERB, NULL, P(pop), F(pop), E(pop)),
    ROW(DEC_TTL, VERB, "ip", P(dec_ttl), F(dec_ttl), E(dec_ttl)),
    ROW(SET_QUEUE, VERB, NULL, P(set_queue), F(set_queue), E(set_queue)),
    ROW(CHECK_PKT_LARGER, RESULT, NULL,
        P(check_pkt_larger), F(check_pkt_larger), E(check_pkt_larger)),
    SIMPLE(IGMP, NULL, igmp),
    ROW(BIND_VPORT, VERB, NULL,
        P(bind_vport), F(bind_vport), E(bind_vport), X(bind_vport)),
    ROW(HANDLE_SVC_CHECK, VERB, NULL,
        P(handle_svc_check), F(handle_svc_check), E(handle_svc_check)),
    SIMPLE(HANDLE_DHCPV6_REPLY, NULL, handle_dhcpv6_reply),
    ROW(BFD_MSG, VERB, NULL, P(bfd_msg), F(bfd_msg), E(bfd_msg)),

    /* actions-ct.c. */
    ROW(CT_NEXT, VERB, "ip", P(ct_next), F(ct_next), E(ct_next), NEEDS_NEXT),
    ROW(CT_COMMIT_V1, INNER, NULL, F(ct_commit_v1), E(ct_commit_v1)),
    ROW(CT_COMMIT_V2, VERB, "ip",
        P(ct_commit), F(ct_commit_v2), E(ct_commit_v2), X(nested)),
    NAT(CT_DNAT),
    NAT(CT_SNAT),
    NAT(CT_DNAT_IN_CZONE),
    NAT(CT_SNAT_IN_CZONE),
    ROW(CT_COMMIT_NAT, VERB, "ip",
        P(ct_next), F(ct_next), E(ct_commit_nat), NEEDS_NEXT),
    ROW(CT_COMMIT_TO_ZONE, VERB, "ip", P(ct_commit_to_zone), F(ct_next),
        E(ct_commit_to_zone), NEEDS_NEXT),
    SIMPLE(CT_CLEAR, NULL, ct_clear),
    SIMPLE(CT_SNAT_TO_VIP, NULL, ct_snat_to_vip),

    /* actions-ct-orig.c. */
    ROW(CT_ORIG_NW_DST, RESULT, NULL,
        P(ct_orig), F(result_action), E(ct_orig)),
    ROW(CT_ORIG_IP6_DST, RESULT, NULL,
        P(ct_orig), F(result_action), E(ct_orig)),
    ROW(CT_ORIG_TP_DST, RESULT, NULL,
        P(ct_orig), F(result_action), E(ct_orig)),
    ROW(CT_ORIG_PROTO, RESULT, NULL,
        P(ct_orig), F(result_action), E(ct_orig)),
    ROW(CT_STATE_SAVE, RESULT, NULL,
        P(ct_orig), F(result_action), E(ct_orig)),

    /* actions-lb.c. */
    LB(CT_LB),
    LB(CT_LB_MARK),
    LB(CT_LB_MARK_LOCAL),
    ROW(SELECT, RESULT, NULL,
        P(select), F(select), E(select), X(select), NEEDS_NEXT),
    ROW(FWD_GROUP, VERB, NULL,
        P(fwd_group), F(fwd_group), E(fwd_group), X(fwd_group)),

    /* actions-nested.c. */
    ROW(CLONE, VERB, NULL, P(clone), F(nested), E(clone), X(nested)),
    NESTED(ARP, "ip"),          /* A next hop may be of the other family. */
    NESTED(ICMP4, "ip4"),
    NESTED(ICMP4_ERROR, "ip4"),
    NESTED(ICMP6, "ip6"),
    NESTED(ICMP6_ERROR, "ip6"),
    NESTED(TCP_RESET, "tcp"),
    NESTED(SCTP_ABORT, "sctp"),
    NESTED(REJECT, NULL),
    NESTED(ND_NA, "nd_ns"),
    NESTED(ND_NA_ROUTER, "nd_ns"),
    NESTED(ND_NS, "ip"),

    /* actions-remote.c. */
    SIMPLE(FLOOD_REMOTE, NULL, flood_remote),
    ROW(MIRROR, VERB, NULL,
        P(mirror), F(mirror), E(mirror), X(mirror)),

    /* actions-mac.c. */
    ROW(GET_ARP, VERB, NULL, P(mac_verb), F(mac_verb), E(get_mac)),
    ROW(GET_ND, VERB, NULL, P(mac_verb), F(mac_verb), E(get_mac)),
    ROW(PUT_ARP, VERB, NULL, P(mac_verb), F(mac_verb), E(put_mac)),
    ROW(PUT_ND, VERB, NULL, P(mac_verb), F(mac_verb), E(put_mac)),
    ROW(LOOKUP_ARP, RESULT, NULL,
        P(lookup_mac), F(lookup_mac), E(lookup_mac)),
    ROW(LOOKUP_ND, RESULT, NULL,
        P(lookup_mac), F(lookup_mac), E(lookup_mac)),
    ROW(LOOKUP_ARP_IP, RESULT, NULL,
        P(lookup_mac), F(lookup_mac), E(lookup_mac_ip)),
    ROW(LOOKUP_ND_IP, RESULT, NULL,
        P(lookup_mac), F(lookup_mac), E(lookup_mac_ip)),
    ROW(PUT_FDB, VERB, NULL, P(put_fdb), F(put_fdb), E(put_fdb)),
    ROW(GET_FDB, RESULT, NULL, P(get_fdb), F(get_fdb), E(get_fdb)),
    ROW(LOOKUP_FDB, RESULT, NULL,
        P(lookup_fdb), F(lookup_fdb), E(lookup_fdb)),
    ROW(GET_REMOTE_FDB, RESULT, NULL,
        P(get_fdb), F(get_fdb), E(get_remote_fdb)),
    SIMPLE(MAC_CACHE_USE, NULL, mac_cache_use),

    /* actions-dhcp.c. */
    ROW(PUT_DHCPV4_OPTS, RESULT, NULL,
        P(put_dhcp_opts), F(put_opts), E(put_dhcp_opts), X(put_opts)),
    ROW(PUT_DHCPV6_OPTS, RESULT, NULL,
        P(put_dhcpv6_opts), F(put_opts), E(put_dhcpv6_opts), X(put_opts)),
    ROW(PUT_ND_RA_OPTS, RESULT, "ip6",
        P(put_nd_ra_opts), F(put_opts), E(put_nd_ra_opts), X(put_opts)),
    ROW(DNS_LOOKUP, RESULT, "udp", P(result), F(result_action), E(dns_lookup)),

    /* actions-dhcp-relay.c. */
    ROW(DHCPV4_RELAY_REQ_CHK, RESULT, NULL,
        P(dhcp_relay), F(dhcp_relay), E(dhcp_relay)),
    ROW(DHCPV4_RELAY_RESP_CHK, RESULT, NULL,
        P(dhcp_relay), F(dhcp_relay), E(dhcp_relay)),

    /* actions-report.c. */
    ROW(LOG, VERB, NULL, P(log), F(log), E(log), X(log)),
    ROW(SET_METER, VERB, NULL, P(set_meter), F(set_meter), E(set_meter)),
    ROW(SAMPLE, VERB, NULL, P(sample), F(sample), E(sample)),
    ROW(TRIGGER_EVENT, VERB, NULL, P(trigger_event), F(trigger_event),
        E(trigger_event), X(trigger_event)),

    /* actions-lookup.c. */
    LOOKUP(CHK_LB_HAIRPIN),
    LOOKUP(CHK_LB_HAIRPIN_REPLY),
    LOOKUP(CHECK_IN_PORT_SEC),
    LOOKUP(CHECK_OUT_PORT_SEC),
    LOOKUP(CHK_ECMP_NH_MAC),
    LOOKUP(CHK_ECMP_NH),
    LOOKUP(CHK_LB_AFF),
    ROW(COMMIT_ECMP_NH, VERB, NULL,
        P(commit_ecmp_nh), F(commit_ecmp_nh), E(commit_ecmp_nh)),
    ROW(COMMIT_LB_AFF, VERB, NULL,
        P(commit_lb_aff), F(commit_lb_aff), E(commit_lb_aff)),

#undef ROW
#undef P
#undef F
#undef E
#undef X
#undef NEEDS_NEXT
#undef SIMPLE
#undef NESTED
#undef NAT
#undef LB
#undef LOOKUP
};

_Static_assert(__COUNTER__ - BEFORE_FIRST_ROW - 1 == N_OVNACTS,
               "each type of actions.def needs a row in 'classes'");

static const char *const words[N_OVNACTS] = {
#define OVNACT(ENUM, WORD) [OVNACT_##ENUM] = WORD,
#include "ovn/actions.def"
#undef OVNACT
};

const char *
ovnact_word(const struct ovnact *a)
{
    return words[a->type];
}

/* Words to types: a table with linear probing, built once and then only
 * read.  Four times as many slots as words keep the probes short. */
#define WORD_SLOTS 512
BUILD_ASSERT_DECL(N_OVNACTS * 4 <= WORD_SLOTS);
BUILD_ASSERT_DECL(N_OVNACTS < UINT8_MAX);
static uint8_t word_slots[WORD_SLOTS]; /* N_OVNACTS: an empty slot. */

static void
build_word_table(void)
{
    memset(word_slots, N_OVNACTS, sizeof word_slots);
    for (enum ovnact_type type = 0; type < N_OVNACTS; type++) {
        if (classes[type].form != OVNACT_F_INNER) {
            size_t i = hash_string(words[type], 0) % WORD_SLOTS;
            while (word_slots[i] != N_OVNACTS) {
                i = (i + 1) % WORD_SLOTS;
            }
            word_slots[i] = type;
        }
    }
}

/* Finds the action of form 'form' that 'word' starts. */
static bool
find_word(const char *word, enum ovnact_form form, enum ovnact_type *type)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        build_word_table();
        ovsthread_once_done(&once);
    }

    for (size_t i = hash_string(word, 0) % WORD_SLOTS;
         word_slots[i] != N_OVNACTS; i = (i + 1) % WORD_SLOTS) {
        if (!strcmp(words[word_slots[i]], word)) {
            *type = word_slots[i];
            return classes[*type].form == form;
        }
    }
    return false;
}

/* Parsing: help for the actions' functions. */

void *
ovnact_append(struct ofpbuf *ovnacts, enum ovnact_type type, size_t len)
{
    size_t padded = ROUND_UP(len, OVNACT_ALIGNTO);

    /* An ofpbuf by itself grows by so little that filling it takes quadratic
     * time. */
    if (ofpbuf_tailroom(ovnacts) < padded) {
        ofpbuf_prealloc_tailroom(ovnacts, MAX(padded, ovnacts->size));
    }

    struct ovnact *a = ofpbuf_put_zeros(ovnacts, padded);
    a->type = type;
    a->len = len;
    return a;
}

/* A prerequisite is a predicate, so that there is nothing to parse: what it
 * stands for is written out once, for all who mention it (expr_annotate()).
 * An action that has what another one before it has adds nothing. */
static void
add_prereq(struct act_parser *p, const char *prereq)
{
    const struct expr_symbol *symbol
        = shash_find_data(p->pp->env->symtab, prereq);

    if (!symbol) {
        /* Symbol tables are the library's, but for those of tests. */
        lex_error(p->lex, "Prerequisite `%s' is not a symbol.", prereq);
    } else if (!expr_has_bare(p->prereqs, symbol)) {
        p->prereqs = expr_and(p->prereqs, expr_new_bare(symbol));
    }
}

void
act_syntax_error(struct act_parser *p)
{
    const struct lex_token *token = lex_current(p->lex);

    if (token->type == LEX_BAD) {
        lex_syntax_error(p->lex, "%s", "");
    } else if (token->type == LEX_END) {
        lex_error(p->lex, "Syntax error at end of input.");
    } else {
        lex_error(p->lex, "Syntax error at `%.*s'.",
                  (int) token->length, token->start);
    }
}

/* A connection's fields may be written only when it is committed, and then
 * nothing else may. */
static bool
is_writable(const struct expr_field *field, bool in_ct_commit)
{
    enum mf_field_id id = expr_field_resolve(field).field->id;
    bool is_ct_field = id == MFF_CT_MARK || id == MFF_CT_LABEL;

    if (is_ct_field || in_ct_commit) {
        return is_ct_field && in_ct_commit;
    }
    char *error = expr_field_check(field, field->n_bits, true);
    free(error);
    return !error;
}

bool
act_check_field(struct act_parser *p, const struct expr_field *field,
                int n_bits, bool rw)
{
    if (field->symbol->ovn_field) {
        lex_error(p->lex, "Field %s may only be assigned a constant.",
                  field->symbol->name);
        return false;
    }

    char *error = expr_field_check(field, n_bits, false);
    if (!error && rw && !is_writable(field, p->in_ct_commit)) {
        error = xasprintf("Field %s is not modifiable.", field->symbol->name);
    }
    if (error) {
        lex_error(p->lex, "%s", error);
        free(error);
        return false;
    }
    return true;
}

bool
act_parse_field(struct act_parser *p, int n_bits, struct expr_field *field)
{
    return (expr_field_parse(p->lex, p->pp->env->symtab, field, &p->prereqs)
            && act_check_field(p, field, n_bits, false));
}

bool
act_accept_u32(struct act_parser *p, uint32_t *value)
{
    const struct lex_token *token = lex_current(p->lex);

    if (token->type != LEX_INTEGER || token->format != LEX_DECIMAL
        || lex_value_width(&token->value) > 32) {
        return false;
    }
    *value = ntohll(token->value.integer);
    lex_advance(p->lex);
    return true;
}

char *
act_parse_port_name(struct act_parser *p)
{
    if (!lex_expect(p->lex, LEX_LPAREN)) {
        return NULL;
    }
    if (!lex_is(p->lex, LEX_STRING)) {
        lex_syntax_error(p->lex, "expecting port name string.");
        return NULL;
    }

    char *name = xstrdup(lex_current(p->lex)->text);
    lex_advance(p->lex);
    return name;
}

bool
act_parse_u16(struct act_parser *p, const char *what, uint16_t *value)
{
    const struct lex_token *token = lex_current(p->lex);

    if (!lex_is_int(p->lex) || lex_value_width(&token->value) > 16) {
        lex_syntax_error(p->lex, "expecting %s.", what);
        return false;
    }
    *value = ntohll(token->value.integer);
    lex_advance(p->lex);
    return true;
}

bool
act_check_nat_address(struct act_parser *p, int family, const void *addr)
{
    if (!is_all_zeros(addr, family == AF_INET ? sizeof(struct in_addr)
                                              : sizeof(struct in6_addr))) {
        return true;
    }
    lex_error(p->lex, "Address %s may not be used with a port.",
              family == AF_INET ? "0.0.0.0" : "::");
    return false;
}

void
act_parse_word(struct act_parser *p, enum ovnact_type type,
               const struct expr_field *result OVS_UNUSED)
{
    ovnact_put(p, type, sizeof(struct ovnact_null));
}

/* Parsing: the loops. */

static void
parse_class(struct act_parser *p, enum ovnact_type type,
            const struct expr_field *result)
{
    const struct ovnact_class *class = &classes[type];

    /* Nothing but loads and moves can go into the switch's ct() action. */
    if (p->in_ct_commit) {
        lex_error(p->lex, "\"%s\" action not allowed here.", words[type]);
        return;
    }
    if (class->needs_next_table
        && p->pp->cur_ltable + 1 >= p->pp->n_tables[p->pp->pipeline]) {
        lex_error(p->lex, "\"%s\" action not allowed in last table.",
                  words[type]);
        return;
    }
    if (class->prereq) {
        add_prereq(p, class->prereq);
    }
    class->parse(p, type, result);
}

/* A statement that starts with a field. */
static void
parse_assignment(struct act_parser *p)
{
    struct expr_field lhs;
    enum ovnact_type type;

    if (!expr_field_parse(p->lex, p->pp->env->symtab, &lhs, &p->prereqs)) {
        return;
    }
    if (lex_accept(p->lex, LEX_EXCHANGE)) {
        act_parse_move(p, OVNACT_EXCHANGE, &lhs);
    } else if (!lex_accept(p->lex, LEX_ASSIGN)) {
        lex_syntax_error(p->lex, "expecting `=' or `<->'.");
    } else if (!lex_is(p->lex, LEX_WORD)) {
        act_parse_load(p, &lhs);
    } else if (lex_next(p->lex)->type == LEX_LPAREN
               && find_word(lex_current(p->lex)->text, OVNACT_F_RESULT,
                            &type)) {
        lex_advance(p->lex);
        lex_advance(p->lex);
        parse_class(p, type, &lhs);
    } else {
        act_parse_move(p, OVNACT_MOVE, &lhs);
    }
}

static void
parse_statement(struct act_parser *p)
{
    enum ovnact_type type;

    if (!lex_is(p->lex, LEX_WORD)) {
        act_syntax_error(p);
        return;
    }
    switch (lex_next(p->lex)->type) {
    case LEX_ASSIGN:
    case LEX_EXCHANGE:
    case LEX_LSQUARE:
        parse_assignment(p);
        break;

    default:
        if (!find_word(lex_current(p->lex)->text, OVNACT_F_VERB, &type)) {
            lex_syntax_error(p->lex, LEX_NO_ACTION);
            return;
        }
        lex_advance(p->lex);
        parse_class(p, type, NULL);
        break;
    }
    lex_expect(p->lex, LEX_SEMICOLON);
}

/* Parses statements up to 'sentinel' and, unless that is LEX_END, past it. */
static void
parse_statements(struct act_parser *p, enum lex_type sentinel)
{
    if (lex_is_word(p->lex, "drop")
        && lex_next(p->lex)->type == LEX_SEMICOLON) {
        lex_advance(p->lex);
        lex_advance(p->lex);
        if (sentinel == LEX_END) {
            lex_expect_end(p->lex);
        } else {
            lex_expect(p->lex, sentinel);
        }
        return;
    }

    for (int n = 0; !p->lex->error && !lex_is(p->lex, sentinel); n++) {
        if (n >= ACT_MAX_ACTIONS) {
            lex_error(p->lex, "more than %d actions", ACT_MAX_ACTIONS);
            return;
        }
        parse_statement(p);
    }
    if (!p->lex->error && sentinel != LEX_END) {
        lex_advance(p->lex);
    }
}

void
act_parse_block(struct act_parser *p, bool keep_prereqs, bool in_ct_commit,
                struct ovnact **nested, size_t *nested_len)
{
    *nested = NULL;
    *nested_len = 0;
    if (p->depth >= ACT_MAX_DEPTH) {
        lex_error(p->lex, "maximum depth of nested actions reached");
        return;
    }
    if (!lex_expect(p->lex, LEX_LCURLY)) {
        return;
    }

    struct ofpbuf ovnacts;
    ofpbuf_init(&ovnacts, 0);
    struct act_parser inner = {
        .lex = p->lex,
        .pp = p->pp,
        .ovnacts = &ovnacts,
        .depth = p->depth + 1,
        .in_ct_commit = in_ct_commit,
    };
    parse_statements(&inner, LEX_RCURLY);

    if (keep_prereqs && inner.prereqs) {
        p->prereqs = expr_and(p->prereqs, inner.prereqs);
    } else {
        expr_destroy(inner.prereqs);
    }
    *nested_len = ovnacts.size;
    *nested = ofpbuf_steal_data(&ovnacts);
}

/* ovnacts_parse_text() from tokens on.  On error, which is then in the cursor,
 * 'ovnacts' is as it was. */
static void
parse_tokens(struct lex_cursor *lex, const struct ovnact_parse_params *pp,
             struct ofpbuf *ovnacts, struct expr **prereqsp)
{
    size_t start = ovnacts->size;
    struct act_parser p = { .lex = lex, .pp = pp, .ovnacts = ovnacts };

    parse_statements(&p, LEX_END);
    if (lex->error) {
        if (ovnacts->size > start) {
            ovnacts_free(ofpbuf_at_assert(ovnacts, start, 0),
                         ovnacts->size - start);
            ovnacts->size = start;
        }
        expr_destroy(p.prereqs);
        p.prereqs = NULL;
    }
    *prereqsp = p.prereqs;
}

char *
ovnacts_parse_text(const char *text, const struct ovnact_parse_params *pp,
                   struct ofpbuf *ovnacts, struct expr **prereqsp)
{
    struct lex_tokens tokens;
    struct lex_cursor lex;

    char *expanded = (pp->env->template_var
                      ? lex_expand_templates(text, pp->env->template_var,
                                             pp->env->aux)
                      : NULL);
    lex_scan(expanded ? expanded : text, &tokens);
    lex_cursor_init(&lex, &tokens);
    parse_tokens(&lex, pp, ovnacts, prereqsp);
    char *error = lex_steal_error(&lex);
    lex_cursor_destroy(&lex);
    lex_tokens_destroy(&tokens);
    free(expanded);
    return error;
}

/* Formatting. */

void
act_format_word(const struct ovnact *a, struct ds *s)
{
    ds_put_format(s, "%s;", ovnact_word(a));
}

void
act_format_result(const struct expr_field *field, struct ds *s)
{
    expr_field_format(field, s);
    ds_put_cstr(s, " = ");
}

void
act_format_string(const char *string, struct ds *s)
{
    json_string_escape(string, s);
}

void
ovnacts_format(const struct ovnact *ovnacts, size_t len, struct ds *s)
{
    const struct ovnact *a;

    if (!len) {
        ds_put_cstr(s, "drop;");
        return;
    }
    OVNACT_FOR_EACH (a, ovnacts, len) {
        if (a != ovnacts) {
            ds_put_char(s, ' ');
        }
        classes[a->type].format(a, s);
    }
}

/* Freeing. */

void
ovnacts_free(struct ovnact *ovnacts, size_t len)
{
    struct ovnact *a;

    OVNACT_FOR_EACH (a, ovnacts, len) {
        if (classes[a->type].free) {
            classes[a->type].free(a);
        }
    }
}

/* Encoding: help for the actions' functions. */

uint8_t
act_first_ptable(const struct ovnact_encode_params *ep,
                 enum ovn_pipeline pipeline)
{
    return (pipeline == OVN_P_INGRESS
            ? ep->dialect->tables.ingress
            : ep->dialect->tables.egress);
}

uint8_t
act_output_ptable(const struct ovnact_encode_params *ep)
{
    return (ep->pipeline == OVN_P_INGRESS
            ? ep->dialect->tables.large_pkt_detect
            : ep->dialect->tables.save_inport);
}

enum mf_field_id
act_zone_field(const struct ovnact_encode_params *ep)
{
    return act_dp_is_switch(ep) ? MFF_LOG_CT_ZONE : MFF_LOG_DNAT_ZONE;
}

uint32_t
act_controller_meter(const struct ovnact_encode_params *ep)
{
    return (ep->controller_meter
            ? ep->meter_id(ep->controller_meter, ep->aux)
            : NX_CTLR_NO_METER);
}

bool
act_put_controller(struct ofpbuf *out, enum action_opcode opcode, bool pause,
                   const struct ovnact_encode_params *ep)
{
    return put_controller_finish(
        put_controller_start(opcode, pause, act_controller_meter(ep), out),
        out);
}

void
act_put_result_location(struct ofpbuf *out, const struct expr_field *field)
{
    struct mf_subfield dst = expr_field_resolve(field);
    ovs_be32 ofs = htonl(dst.ofs);

    nx_put_header(out, dst.field->id, OFP15_VERSION, false);
    ofpbuf_put(out, &ofs, sizeof ofs);
}

/* Encoding: the loop. */

bool
ovnacts_encode(const struct ovnact *ovnacts, size_t len,
               const struct ovnact_encode_params *ep, struct ofpbuf *ofpacts)
{
    const struct ovnact *a;
    bool ok = true;

    OVNACT_FOR_EACH (a, ovnacts, len) {
        size_t start = ofpacts->size;

        if (!classes[a->type].encode(a, ep, ofpacts)
            || ofpacts->size > ACT_MAX_OFPACTS) {
            ofpacts->size = start;
            ok = false;
        }
    }
    return ok;
}
