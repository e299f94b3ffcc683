/* SPDX-License-Identifier: Apache-2.0 */

/* Properties of the language: what must hold for every text.  See
 * test-ovn.h. */

#include <config.h>
#undef NDEBUG
#include "test-ovn.h"

#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "hash.h"
#include "lib/expr-private.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "ovs-compat.h"
#include "util.h"

/* Tokens. */

/* Whether 'a' and 'b' are written in the same way, apart from a zero, which is
 * "0" in decimal and in hexadecimal. */
static bool
formats_equal(const struct lex_token *a, const struct lex_token *b)
{
    return (a->format == b->format
            || (a->format == LEX_HEXADECIMAL && b->format == LEX_DECIMAL
                && !lex_value_width(&a->value)));
}

static bool
tokens_equal(const struct lex_token *a, const struct lex_token *b)
{
    bool has_value = a->type == LEX_INTEGER || a->type == LEX_MASKED;

    return (a->type == b->type
            && !a->text == !b->text
            && (!a->text || !strcmp(a->text, b->text))
            && (!has_value
                || (formats_equal(a, b)
                    && !memcmp(&a->value, &b->value, sizeof a->value)))
            && (a->type != LEX_MASKED
                || !memcmp(&a->mask, &b->mask, sizeof a->mask)));
}

/* Formats 'tokens', with single spaces, to 's'.  Returns false if there is
 * one that is none, which cannot be scanned again. */
static bool
format_tokens(const struct lex_tokens *tokens, struct ds *s)
{
    bool ok = true;

    for (size_t i = 0; i + 1 < tokens->n; i++) {
        ds_put_cstr(s, i ? " " : "");
        lex_token_format(&tokens->tokens[i], s);
        ok = ok && tokens->tokens[i].type != LEX_BAD;
    }
    return ok;
}

/* Tokens lie in the text, one after another. */
static char *
check_places(const struct lex_tokens *tokens, const char *text)
{
    const char *end = text + strlen(text);
    const char *p = text;

    if (!tokens->n || tokens->tokens[tokens->n - 1].type != LEX_END) {
        return xstrdup("no token for the end");
    }
    for (size_t i = 0; i < tokens->n; i++) {
        const struct lex_token *t = &tokens->tokens[i];

        if (t->start < p || t->start > end || t->length > end - t->start) {
            return xasprintf("token %"PRIuSIZE" is in the wrong place", i);
        }
        p = t->start + t->length;
    }
    return NULL;
}

static const char *
template_value(const char *name, void *aux OVS_UNUSED)
{
    return strlen(name) > 3 ? NULL : strlen(name) > 1 ? "{1, ^a}" : "";
}

char *
test_ovn_check_lex(const char *text)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct lex_tokens tokens, again;

    lex_scan(text, &tokens);
    char *error = check_places(&tokens, text);
    if (!error && format_tokens(&tokens, &s)) {
        lex_scan(ds_cstr(&s), &again);
        if (again.n != tokens.n) {
            error = xasprintf("%"PRIuSIZE" tokens became %"PRIuSIZE": %s",
                              tokens.n, again.n, ds_cstr(&s));
        }
        for (size_t i = 0; !error && i < tokens.n; i++) {
            if (!tokens_equal(&tokens.tokens[i], &again.tokens[i])) {
                error = xasprintf("token %"PRIuSIZE" changed: %s", i,
                                  ds_cstr(&s));
            }
        }
        lex_tokens_destroy(&again);
    }
    lex_tokens_destroy(&tokens);
    ds_destroy(&s);

    free(lex_expand_templates(text, template_value, NULL));
    return error;
}

/* What a table of matches does. */

/* Does what a switch does with 'flow' that arrives at a table of 'ms'. */
bool
test_ovn_classify(const struct expr_matches *ms, const struct flow *flow,
                  test_ovn_match_func *match_flow)
{
    uint64_t *clauses = xcalloc(ms->n_conjunctions + 1, sizeof *clauses);
    bool result = false;

    for (size_t i = 0; i < ms->n && !result; i++) {
        const struct expr_match *m = &ms->matches[i];

        if (!match_flow(&m->match, flow, 0)) {
            continue;
        }
        result = !m->n_clauses;
        for (size_t j = 0; j < m->n_clauses; j++) {
            const struct expr_clause *c = &m->clauses[j];
            clauses[c->id] |= UINT64_C(1) << c->clause;
        }
    }
    for (size_t i = 0; i < ms->n && !result; i++) {
        const struct expr_match *m = &ms->matches[i];

        for (size_t j = 0; j < m->n_clauses && !result; j++) {
            const struct expr_clause *c = &m->clauses[j];
            if (clauses[c->id] == (UINT64_C(1) << c->n_clauses) - 1) {
                for (size_t k = 0; k < ms->n; k++) {
                    result = result || (ms->matches[k].match.wc.masks.conj_id
                                        && match_flow(&ms->matches[k].match,
                                                      flow, c->id));
                }
            }
        }
    }
    free(clauses);
    return result;
}

/* Expressions. */

/* The stages of one expression. */
struct stages {
    struct expr *annotated, *simplified, *normalized;
    struct expr_matches ms;
};

/* Whether 'e' has a comparison that OpenFlow matches cannot say: of a part of
 * a field that is matched only as a whole, as "!ip.is_frag" has, which means
 * "not IP, or no fragment".  Our matches leave it out then, as those of the
 * stock controller do, flow for flow (tests/corpus/acl-matches.conf). */
static bool
has_inexpressible(const struct expr *e)
{
    if (e->type == EXPR_T_CMP && !e->cmp.string) {
        const struct mf_field *f = e->cmp.symbol->field;

        return (f->maskable == MFM_NONE
                && !ovs_u128_equals(e->cmp.mask,
                                    expr_u128_ones(0, f->n_bits)));
    }
    if (expr_is_andor(e)) {
        for (size_t i = 0; i < e->n; i++) {
            if (has_inexpressible(e->subs[i])) {
                return true;
            }
        }
    }
    return false;
}

static bool
match_flow(const struct match *match, const struct flow *flow,
           uint32_t conj_id)
{
    struct flow f = *flow;

    f.conj_id = conj_id;
    return flow_equal_except(&match->flow, &f, &match->wc);
}

/* Makes of 'flow' one that a packet can have: fields have no more bits than
 * packets have for them. */
static void
make_possible(struct flow *flow)
{
    bool is_icmp = (flow->dl_type == htons(ETH_TYPE_IP)
                    ? (flow->nw_proto == IPPROTO_ICMP
                       || flow->nw_proto == IPPROTO_IGMP)
                    : flow->nw_proto == IPPROTO_ICMPV6);

    flow->conj_id = 0;
    flow->nw_frag &= FLOW_NW_FRAG_MASK;
    flow->tcp_flags &= htons(0xfff);
    flow->ipv6_label &= htonl(IPV6_LABEL_MASK);
    if (is_icmp) {
        flow->tp_src &= htons(0xff);
        flow->tp_dst &= htons(0xff);
    }
}

/* Numbers for a check, from the text that is checked and nothing else. */
static uint32_t
next_number(uint32_t *state, uint32_t range)
{
    *state += 0x9e3779b9;
    return hash_finish(*state, 4) % range;
}

/* A flow that has to do with 'ms': random, except for what some of the
 * matches require. */
static void
make_flow(const struct expr_matches *ms, uint32_t *state, struct flow *flow)
{
    const size_t n = ms->n ? next_number(state, 4) : 0;
    uint64_t *words = (uint64_t *) flow;

    for (size_t i = 0; i < FLOW_U64S; i++) {
        *state += 0x9e3779b9;
        words[i] = hash_finish(*state, 8) * UINT64_C(0x9e3779b97f4a7c15);
    }
    flow->dl_type = htons(next_number(state, 2) ? ETH_TYPE_IP
                          : ETH_TYPE_IPV6);
    memset(&flow->tunnel, 0, sizeof flow->tunnel);
    for (size_t i = 0; i < n; i++) {
        const struct match *m = &ms->matches[next_number(state, ms->n)].match;
        const uint64_t *value = (const uint64_t *) &m->flow;
        const uint64_t *mask = (const uint64_t *) &m->wc.masks;

        for (size_t j = 0; j < FLOW_U64S; j++) {
            words[j] = (words[j] & ~mask[j]) | value[j];
        }
    }
    make_possible(flow);
}

/* How many packets to try an expression of 'size' with: what is small is
 * tried often, and what is big does not take the time of many that are
 * small. */
static int
n_packets(size_t size)
{
    return size <= 16 ? 8 : size <= 128 ? 128 / size : 1;
}

/* Every stage of an expression has the meaning that it had first. */
static char *
check_meaning(const struct stages *st, const struct expr_env *env,
              uint32_t state)
{
    const bool has_matches = !has_inexpressible(st->normalized);
    const int n = n_packets(MAX(st->ms.n, expr_n_terms(st->normalized)));

    for (int i = 0; i < n; i++) {
        struct flow flow;

        make_flow(&st->ms, &state, &flow);
        bool value = expr_evaluate(st->annotated, &flow, env);
        if (expr_evaluate(st->simplified, &flow, env) != value) {
            return xstrdup("simplifying changed the meaning");
        }
        if (expr_evaluate(st->normalized, &flow, env) != value) {
            return xstrdup("normalizing changed the meaning");
        }
        if (has_matches
            && test_ovn_classify(&st->ms, &flow, match_flow) != value) {
            char *s = flow_to_string(&flow, NULL);
            char *error = xasprintf("the matches have another meaning (should "
                                    "be %d) for %s", value, s);
            free(s);
            return error;
        }
    }
    return NULL;
}

/* Takes annotated 'e'.  'state' says with which packets it is tried. */
static char *
check_stages(struct expr *e, const struct expr_env *env, uint32_t state)
{
    struct stages st = { .annotated = e };
    char *error = NULL;
    char *refused = NULL;

    st.simplified = expr_simplify(expr_clone(e), env);
    if (!expr_is_simplified(st.simplified)) {
        error = xstrdup("not simplified");
    }
    st.normalized = expr_normalize(expr_clone(st.simplified), env,
                                   &refused);
    if (!st.normalized) {
        free(refused);
    } else {
        if (!error && !expr_is_normalized(st.normalized)) {
            error = xstrdup("not normalized");
        }
        expr_to_matches(st.normalized, env, &st.ms);
        if (!error) {
            error = check_meaning(&st, env, state);
        }
        expr_matches_destroy(&st.ms);
    }
    expr_destroy(st.normalized);
    expr_destroy(st.simplified);
    expr_destroy(st.annotated);
    return error;
}

/* Parsing what is formatted gives the same. */
static char *
check_expr_text(const struct expr *e, const struct expr_env *env)
{
    struct ds s1 = DS_EMPTY_INITIALIZER;
    struct ds s2 = DS_EMPTY_INITIALIZER;
    char *error = NULL;

    expr_format(e, &s1);
    char *refused;
    struct expr *e2 = expr_parse_text(ds_cstr(&s1), env, &refused);
    if (!e2) {
        error = xasprintf("formatted text \"%s\" is refused: %s",
                          ds_cstr(&s1), refused);
        free(refused);
    } else {
        expr_format(e2, &s2);
        if (strcmp(ds_cstr(&s1), ds_cstr(&s2))) {
            error = xasprintf("\"%s\" became \"%s\"", ds_cstr(&s1),
                              ds_cstr(&s2));
        }
    }
    expr_destroy(e2);
    ds_destroy(&s1);
    ds_destroy(&s2);
    return error;
}

/* Whether 'e' names a port that is not there: nothing equals it. */
static bool
names_unknown_port(const struct expr *e, const struct expr_env *env)
{
    unsigned int key;

    if (e->type == EXPR_T_CMP) {
        return (e->cmp.string
                && !env->port_key(e->cmp.string, &key, env->aux));
    }
    for (size_t i = 0; expr_is_andor(e) && i < e->n; i++) {
        if (names_unknown_port(e->subs[i], env)) {
            return true;
        }
    }
    return false;
}

/* If 'text' describes a microflow, then 'e', which is 'text', annotated, is
 * true for it, also after it has been a packet, as far as a packet says. */
static char *
check_microflow(const char *text, const struct expr *e,
                const struct expr_env *env)
{
    struct dp_packet packet;
    struct flow microflow;
    struct flow received;

    char *refused = expr_parse_microflow(text, env, &microflow);
    if (refused) {
        free(refused);
        return NULL;
    }
    /* It has no port then, and the expression is false.  Who traces a packet
     * must refuse that, and ovn-trace does. */
    if (names_unknown_port(e, env)) {
        return NULL;
    }
    if (!expr_evaluate(e, &microflow, env)) {
        return xstrdup("is not true for the microflow that it describes");
    }

    dp_packet_init(&packet, 0);
    ovs_flow_compose(&packet, &microflow, NULL, 64);
    flow_extract(&packet, &received);
    dp_packet_uninit(&packet);
    return (eth_addr_equals(received.dl_src, microflow.dl_src)
            && eth_addr_equals(received.dl_dst, microflow.dl_dst)
            ? NULL
            : xstrdup("its packet has other addresses"));
}

char *
test_ovn_check_expr(const char *text, const struct expr_env *env,
                    bool *parsed)
{
    char *refused = NULL;

    struct expr *e = expr_parse_text(text, env, &refused);
    *parsed = e != NULL;
    if (!e) {
        bool silent = !refused || !*refused;
        free(refused);
        return silent ? xstrdup("refused without a message") : NULL;
    }
    char *error = check_expr_text(e, env);
    if (error) {
        expr_destroy(e);
        return error;
    }
    e = expr_annotate(e, env->symtab, &refused);
    if (!e) {
        free(refused);
        return NULL;
    }
    error = check_microflow(text, e, env);
    if (error) {
        expr_destroy(e);
        return error;
    }
    return check_stages(e, env, hash_string(text, 0));
}

/* Actions. */

/* A size of buffers that most actions fit into: a struct ofpbuf that starts
 * empty is allocated anew every 64 bytes. */
#define BUFFER_SIZE 1024

/* Whether 'a' and 'b', of which either may be NULL, are written alike. */
static bool
same_expr(const struct expr *a, const struct expr *b)
{
    struct ds s1 = DS_EMPTY_INITIALIZER;
    struct ds s2 = DS_EMPTY_INITIALIZER;

    if (a) {
        expr_format(a, &s1);
    }
    if (b) {
        expr_format(b, &s2);
    }
    bool same = !strcmp(ds_cstr(&s1), ds_cstr(&s2));
    ds_destroy(&s1);
    ds_destroy(&s2);
    return same;
}

char *
test_ovn_check_format(const struct ofpbuf *ovnacts, const struct expr *prereqs,
                      struct test_ovn_actions *a)
{
    struct ds s1 = DS_EMPTY_INITIALIZER;
    struct ds s2 = DS_EMPTY_INITIALIZER;
    struct expr *prereqs2;
    struct ofpbuf again;
    char *error = NULL;

    ofpbuf_init(&again, BUFFER_SIZE);
    ovnacts_format(ovnacts->data, ovnacts->size, &s1);
    char *refused = ovnacts_parse_text(ds_cstr(&s1), &a->pp, &again,
                                       &prereqs2);
    if (refused) {
        error = xasprintf("formatted text \"%s\" is rejected: %s",
                          ds_cstr(&s1), refused);
        free(refused);
    } else {
        ovnacts_format(again.data, again.size, &s2);
        if (strcmp(ds_cstr(&s1), ds_cstr(&s2))) {
            error = xasprintf("formatted text \"%s\" formats as \"%s\"",
                              ds_cstr(&s1), ds_cstr(&s2));
        } else if (!same_expr(prereqs, prereqs2)) {
            error = xasprintf("formatted text \"%s\" has other prerequisites",
                              ds_cstr(&s1));
        }
        ovnacts_free(again.data, again.size);
        expr_destroy(prereqs2);
    }
    ofpbuf_uninit(&again);
    ds_destroy(&s1);
    ds_destroy(&s2);
    return error;
}

/* Sends 'ofpacts' over an OpenFlow connection, so to say: '*received' is what
 * the other side gets. */
static char *
transmit(const struct ofpbuf *ofpacts, struct ofpbuf *received)
{
    struct ofpbuf wire;
    uint64_t bitmap = 0;

    if (!ofpacts->size) {
        return NULL;
    }
    ofpbuf_init(&wire, BUFFER_SIZE);
    ofpacts_put_openflow_actions(ofpacts->data, ofpacts->size, &wire,
                                 OFP15_VERSION);
    enum ofperr error = ofpacts_pull_openflow_actions(
        &wire, wire.size, OFP15_VERSION, NULL, &bitmap, received);
    ofpbuf_uninit(&wire);
    return (error ? xasprintf("a switch rejects it: %s",
                              ofperr_to_string(error))
            : NULL);
}

char *
test_ovn_check_encoding(const struct ofpbuf *ovnacts,
                        struct test_ovn_actions *a, struct ofpbuf *ofpacts,
                        struct ofpbuf *received, bool *complete)
{
    struct ofpbuf again;
    char *error = NULL;

    ofpbuf_init(&again, BUFFER_SIZE);
    ds_clear(&a->groups);
    free(a->group_problem);
    a->group_problem = NULL;
    bool ok = ovnacts_encode(ovnacts->data, ovnacts->size, &a->ep, &again);
    ds_clear(&a->groups);
    *complete = ovnacts_encode(ovnacts->data, ovnacts->size, &a->ep, ofpacts);
    if (*complete != ok || !ofpbuf_equal(ofpacts, &again)) {
        error = xstrdup("encodes differently the second time");
    } else {
        error = transmit(ofpacts, received);
    }
    if (!error && a->group_problem) {
        error = xasprintf("a switch rejects its group: %s", a->group_problem);
    }
    ofpbuf_uninit(&again);
    return error;
}

char *
test_ovn_check_actions(const char *text, struct test_ovn_actions *a,
                       bool *parsed)
{
    struct ofpbuf ovnacts, ofpacts, received;
    struct expr *prereqs;
    bool complete;

    ofpbuf_init(&ovnacts, BUFFER_SIZE);
    char *refused = ovnacts_parse_text(text, &a->pp, &ovnacts, &prereqs);
    *parsed = !refused;
    if (refused) {
        bool clean = *refused && !ovnacts.size && !prereqs;

        free(refused);
        ofpbuf_uninit(&ovnacts);
        return (clean ? NULL
                : xstrdup("refused without a message, or not completely"));
    }

    ofpbuf_init(&ofpacts, BUFFER_SIZE);
    ofpbuf_init(&received, BUFFER_SIZE);
    char *error = (a->skip_format ? NULL
                   : test_ovn_check_format(&ovnacts, prereqs, a));
    if (!error) {
        error = test_ovn_check_encoding(&ovnacts, a, &ofpacts, &received,
                                        &complete);
    }
    ofpbuf_uninit(&received);
    ofpbuf_uninit(&ofpacts);
    ovnacts_free(ovnacts.data, ovnacts.size);
    ofpbuf_uninit(&ovnacts);
    expr_destroy(prereqs);
    return error;
}
