/* SPDX-License-Identifier: Apache-2.0 */

/* Actions that become OpenFlow groups: ct_lb, ct_lb_mark, ct_lb_mark_local,
 * select, fwd_group.
 *
 * The encoders describe the group that they want as a "struct ovn_group" and
 * are given its id (see include/ovn/group.h). */

#include <config.h>
#include "lib/actions-private.h"

#include <string.h>

#include "bitmap.h"
#include "flow.h"
#include "nx-match.h"
#include "ovn/group.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "string-array.h"
#include "util.h"

/* Hands the group over to 'ep' and appends the action that uses it. */
static void
put_group(struct ofpbuf *out, const struct ovnact_encode_params *ep,
          const struct ovn_group *group)
{
    ofpact_put_GROUP(out)->group_id = ep->group_id(group, ep->aux);
}

/* ct_lb; ct_lb(backends=...[; hash_fields="..."][; skip_snat|force_snat]);
 *
 * ct_lb_mark is ct_lb with ct_mark in place of ct_label; ct_lb_mark_local is
 * ct_lb_mark with a port's name in front of each backend. */

static bool
is_distributed(const struct ovnact_ct_lb *lb)
{
    return lb->ovnact.type == OVNACT_CT_LB_MARK_LOCAL;
}

/* "LPORT": */
static bool
parse_backend_port_name(struct act_parser *p, char **lport)
{
    if (!lex_is(p->lex, LEX_STRING)) {
        lex_syntax_error(p->lex, "expecting logical port name for "
                         "distributed load balancer.");
        return false;
    }
    *lport = xstrdup(lex_current(p->lex)->text);
    lex_advance(p->lex);
    return lex_expect(p->lex, LEX_COLON);
}

/* IP, or [IPv6] */
static void
parse_backend_address(struct act_parser *p,
                      struct ovnact_ct_lb_backend *backend, bool *bare_ip6)
{
    bool brackets = lex_accept(p->lex, LEX_LSQUARE);
    const struct lex_token *token = lex_current(p->lex);

    *bare_ip6 = false;
    if (brackets
        && !(token->type == LEX_INTEGER && token->format == LEX_IPV6)) {
        lex_syntax_error(p->lex, "expecting IPv6 address.");
        return;
    }
    if (token->type == LEX_INTEGER && token->format == LEX_IPV4) {
        backend->family = AF_INET;
        backend->ipv4 = token->value.ipv4;
    } else if (token->type == LEX_INTEGER && token->format == LEX_IPV6) {
        backend->family = AF_INET6;
        backend->ipv6 = token->value.ipv6;
        *bare_ip6 = !brackets;
    } else {
        lex_syntax_error(p->lex, "expecting IP address.");
        return;
    }
    lex_advance(p->lex);
    if (brackets && !lex_accept(p->lex, LEX_RSQUARE)) {
        lex_syntax_error(p->lex, "no closing square bracket.");
    }
}

static void
parse_backend(struct act_parser *p, bool distributed,
              struct ovnact_ct_lb_backend *backend)
{
    bool bare_ip6;

    if (distributed && !parse_backend_port_name(p, &backend->lport)) {
        return;
    }
    parse_backend_address(p, backend, &bare_ip6);
    if (!p->lex->error && lex_accept(p->lex, LEX_COLON)) {
        if (bare_ip6) {
            lex_syntax_error(p->lex, "IPv6 address needs square brackets "
                             "if port is included.");
            return;
        }
        if (act_check_nat_address(p, backend->family, &backend->ipv6)) {
            act_parse_u16(p, "port number", &backend->port);
        }
    }
}

static void
parse_backends(struct act_parser *p, struct ovnact_ct_lb *lb)
{
    size_t allocated = 0;

    while (!p->lex->error && !lex_is(p->lex, LEX_SEMICOLON)
           && !lex_is(p->lex, LEX_RPAREN)) {
        if (lb->n_backends >= ACT_MAX_ITEMS) {
            lex_error(p->lex, "\"%s\" action has more than %d backends.",
                      ovnact_word(&lb->ovnact), ACT_MAX_ITEMS);
            return;
        }
        if (lb->n_backends >= allocated) {
            lb->backends = x2nrealloc(lb->backends, &allocated,
                                      sizeof *lb->backends);
        }

        /* Counted before it is parsed, so that it is freed in any case. */
        struct ovnact_ct_lb_backend *backend
            = &lb->backends[lb->n_backends++];
        memset(backend, 0, sizeof *backend);
        parse_backend(p, is_distributed(lb), backend);
        lex_accept(p->lex, LEX_COMMA);
    }
}

/* Whether 'list', "FIELD,...", is one that a group can have: of fields that
 * have a number in messages, each once. */
static bool
is_hash_field_list(const char *list)
{
    struct mf_bitmap used = MF_BITMAP_INITIALIZER;
    char *copy = xstrdup(list);
    char *rest = copy;
    bool ok = true;

    for (char *name; ok && (name = strsep(&rest, ",")) != NULL; ) {
        const struct mf_field *field = mf_from_name(name);

        if (field) {
            ok = (mf_nxm_header(field->id)
                  && !bitmap_is_set(used.bm, field->id));
            bitmap_set1(used.bm, field->id);
        } else {
            ok = !*name;
        }
    }
    free(copy);
    return ok;
}

/* The list at the cursor: a copy, or NULL and an error. */
static char *
parse_hash_field_list(struct act_parser *p)
{
    const char *fields = lex_current(p->lex)->text;

    if (!lex_is(p->lex, LEX_STRING) || !is_hash_field_list(fields)) {
        lex_syntax_error(p->lex, "invalid hash_fields.");
        return NULL;
    }

    char *copy = xstrdup(fields);
    lex_advance(p->lex);
    return copy;
}

/* [; hash_fields="..."][; skip_snat | force_snat][; fallback] */
static void
parse_lb_options(struct act_parser *p, struct ovnact_ct_lb *lb)
{
    bool more = lex_accept(p->lex, LEX_SEMICOLON);

    if (more && lex_accept_word(p->lex, "hash_fields")) {
        if (!lex_expect(p->lex, LEX_ASSIGN)) {
            return;
        }
        lb->hash_fields = parse_hash_field_list(p);
        if (!lb->hash_fields) {
            return;
        }
        more = lex_accept(p->lex, LEX_SEMICOLON);
    }
    if (more) {
        bool snat_flag = true;

        if (lex_accept_word(p->lex, "skip_snat")) {
            lb->flag = OVN_CT_LB_SKIP_SNAT;
        } else if (lex_accept_word(p->lex, "force_snat")) {
            lb->flag = OVN_CT_LB_FORCE_SNAT;
        } else {
            snat_flag = false;
        }
        if (snat_flag) {
            more = lex_accept(p->lex, LEX_SEMICOLON);
        }
    }
    if (more) {
        if (is_distributed(lb) && lex_accept_word(p->lex, "fallback")) {
            lb->fallback = true;
        } else {
            lex_syntax_error(p->lex, "expecting `;'.");
        }
    }
}

void
act_parse_ct_lb(struct act_parser *p, enum ovnact_type type,
                const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_ct_lb *lb = ovnact_put(p, type, sizeof *lb);

    lb->ltable = p->pp->cur_ltable + 1;
    if (!lex_accept(p->lex, LEX_LPAREN) || lex_accept(p->lex, LEX_RPAREN)) {
        return;
    }
    if (!lex_accept_word(p->lex, "backends")) {
        lex_syntax_error(p->lex, "expecting backends.");
        return;
    }
    if (!lex_expect(p->lex, LEX_ASSIGN)) {
        return;
    }
    parse_backends(p, lb);
    if (p->lex->error) {
        return;
    }
    parse_lb_options(p, lb);
    if (!p->lex->error && !lex_accept(p->lex, LEX_RPAREN)) {
        lex_syntax_error(p->lex, "expecting `;'.");
    }
}

static void
format_backend(const struct ovnact_ct_lb_backend *backend, struct ds *s)
{
    if (backend->lport) {
        act_format_string(backend->lport, s);
        ds_put_char(s, ':');
    }
    if (backend->family == AF_INET) {
        ds_put_format(s, IP_FMT, IP_ARGS(backend->ipv4));
    } else {
        ipv6_format_addr_bracket(&backend->ipv6, s, backend->port);
    }
    if (backend->port) {
        ds_put_format(s, ":%"PRIu16, backend->port);
    }
}

void
act_format_ct_lb(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_ct_lb *lb
        = CONTAINER_OF(a, struct ovnact_ct_lb, ovnact);

    ds_put_cstr(s, ovnact_word(a));
    if (lb->n_backends) {
        ds_put_cstr(s, "(backends=");
        for (size_t i = 0; i < lb->n_backends; i++) {
            if (i) {
                ds_put_char(s, ',');
            }
            format_backend(&lb->backends[i], s);
        }
        if (lb->hash_fields) {
            ds_put_format(s, "; hash_fields=\"%s\"", lb->hash_fields);
        }
        if (lb->flag == OVN_CT_LB_SKIP_SNAT) {
            ds_put_cstr(s, "; skip_snat");
        } else if (lb->flag == OVN_CT_LB_FORCE_SNAT) {
            ds_put_cstr(s, "; force_snat");
        }
        if (lb->fallback) {
            ds_put_cstr(s, "; fallback");
        }
        ds_put_char(s, ')');
    }
    ds_put_char(s, ';');
}

void
act_free_ct_lb(struct ovnact *a)
{
    struct ovnact_ct_lb *lb = CONTAINER_OF(a, struct ovnact_ct_lb, ovnact);

    for (size_t i = 0; i < lb->n_backends; i++) {
        free(lb->backends[i].lport);
    }
    free(lb->backends);
    free(lb->hash_fields);
}

/* Without backends: what an established connection's first packet was
 * translated to is done to this packet, too. */
static bool
encode_lb_established(const struct ovnact_ct_lb *lb,
                      const struct ovnact_encode_params *ep,
                      struct ofpbuf *out)
{
    size_t start = out->size;
    struct ofpact_conntrack *ct = ofpact_put_CT(out);

    ct->zone_src.field = mf_from_id(act_zone_field(ep));
    ct->zone_src.n_bits = 16;
    ct->recirc_table = act_ptable(ep, lb->ltable);
    ofpact_put_NAT(out)->range_af = AF_UNSPEC;

    ct = out->header = ofpbuf_at_assert(out, start, sizeof *ct);
    ofpact_finish_CT(out, &ct);
    return true;
}

/* What ct_lb notes in ct_mark or ct_label of a connection that it has
 * balanced: bits, each with its own set_field. */
static size_t
lb_flag_bits(const struct ovnact_ct_lb *lb, uint8_t bits[2])
{
    size_t n = 0;

    bits[n++] = 2;
    if (lb->flag == OVN_CT_LB_SKIP_SNAT) {
        bits[n++] = 4;
    } else if (lb->flag == OVN_CT_LB_FORCE_SNAT) {
        bits[n++] = 8;
    }
    return n;
}

/* Sets the template of 'group', and the text of what is behind the address. */
static void
set_lb_template(struct ovn_group *group, const struct ovnact_ct_lb *lb,
                const struct ovnact_encode_params *ep)
{
    const struct mf_field *field
        = mf_from_id(lb->ovnact.type == OVNACT_CT_LB
                     ? MFF_CT_LABEL : MFF_CT_MARK);
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofpbuf ofpacts;
    uint8_t bits[2];
    size_t n_bits = lb_flag_bits(lb, bits);

    ofpbuf_init(&ofpacts, 128);
    struct ofpact_conntrack *ct = ofpact_put_CT(&ofpacts);
    ct->flags = NX_CT_F_COMMIT;
    ct->recirc_table = act_ptable(ep, lb->ltable);
    ct->zone_src.field = mf_from_id(act_zone_field(ep));
    ct->zone_src.n_bits = 16;
    ds_put_format(&s, "),commit,table=%d,zone=NXM_NX_REG%d[0..15],exec(",
                  ct->recirc_table, act_zone_field(ep) - MFF_REG0);

    ofpact_put_NAT(&ofpacts)->flags = NX_NAT_F_DST;
    for (size_t i = 0; i < n_bits; i++) {
        struct ofpact_set_field *sf = ofpact_put_set_field(&ofpacts, field,
                                                           NULL, NULL);

        /* The least significant byte. */
        ((uint8_t *) sf->value)[field->n_bytes - 1] = bits[i];
        ((uint8_t *) ofpact_set_field_mask(sf))[field->n_bytes - 1] = bits[i];
        ds_put_format(&s, "%sset_field:%d/%d->%s", i ? "," : "", bits[i],
                      bits[i], field->name);
    }
    ds_put_cstr(&s, "))");

    ct = ofpacts.header = ofpacts.data;
    ofpact_finish_CT(&ofpacts, &ct);
    group->template_len = ofpacts.size;
    group->template = xmemdup(ofpacts.data, ofpacts.size);
    group->template_text = ds_steal_cstr(&s);
    ofpbuf_uninit(&ofpacts);
}

static void
init_lb_bucket(struct ovn_group_bucket *bucket,
               const struct ovnact_ct_lb_backend *backend)
{
    if (backend->family == AF_INET) {
        in6_addr_set_mapped_ipv4(&bucket->address, backend->ipv4);
    } else {
        bucket->address = backend->ipv6;
    }
    bucket->weight = OVN_GROUP_DEFAULT_WEIGHT;
    bucket->port = backend->port;
    bucket->lport = nullable_xstrdup(backend->lport);
}

bool
act_encode_ct_lb(const struct ovnact *a,
                 const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_ct_lb *lb
        = CONTAINER_OF(a, struct ovnact_ct_lb, ovnact);

    if (!lb->n_backends) {
        return encode_lb_established(lb, ep, out);
    }

    struct ovn_group *group
        = ovn_group_create(lb->hash_fields ? "hash" : "dp_hash",
                           lb->n_backends);

    group->hash_fields = nullable_xstrdup(lb->hash_fields);
    set_lb_template(group, lb, ep);
    for (size_t i = 0; i < lb->n_backends; i++) {
        init_lb_bucket(&group->buckets[i], &lb->backends[i]);
    }
    group->is_switch = act_dp_is_switch(ep);
    group->ltable = lb->ltable - 1;
    group->affinity = ep->lb_affinity;
    group->local = is_distributed(lb);
    group->fallback = lb->fallback;
    group->lb_hint = nullable_xstrdup(ep->stage_hint);

    put_group(out, ep, group);
    ovn_group_destroy(group);
    return true;
}

/* R = select(ID[=WEIGHT], ...);
 * R = select(values=(ID[=WEIGHT], ...); hash_fields="..."); */

static void
parse_select_dst(struct act_parser *p, struct ovnact_select_dst *dst)
{
    dst->weight = OVN_GROUP_DEFAULT_WEIGHT;
    if (act_parse_u16(p, "id", &dst->id) && lex_accept(p->lex, LEX_ASSIGN)
        && act_parse_u16(p, "weight", &dst->weight) && !dst->weight) {
        lex_syntax_error(p->lex, "weight can't be 0.");
    }
}

/* Up to the parenthesis, and past it. */
static void
parse_select_dsts(struct act_parser *p, struct ovnact_select *select)
{
    size_t allocated = 0;

    while (!p->lex->error && !lex_accept(p->lex, LEX_RPAREN)) {
        if (select->n_dsts >= ACT_MAX_ITEMS) {
            lex_error(p->lex, "\"select\" action has more than %d members.",
                      ACT_MAX_ITEMS);
            return;
        }
        if (select->n_dsts >= allocated) {
            select->dsts = x2nrealloc(select->dsts, &allocated,
                                      sizeof *select->dsts);
        }
        parse_select_dst(p, &select->dsts[select->n_dsts++]);
        lex_accept(p->lex, LEX_COMMA);
    }
    if (select->n_dsts < 2) {
        lex_syntax_error(p->lex, "expecting at least 2 group members.");
    }
}

/* ; hash_fields="...") */
static void
parse_select_hash(struct act_parser *p, struct ovnact_select *select)
{
    if (!lex_expect(p->lex, LEX_SEMICOLON)) {
        return;
    }
    if (!lex_accept_word(p->lex, "hash_fields")) {
        lex_syntax_error(p->lex, "expecting hash_fields.");
        return;
    }
    if (!lex_accept(p->lex, LEX_ASSIGN)
        || lex_next(p->lex)->type != LEX_RPAREN) {
        lex_syntax_error(p->lex, "invalid hash_fields.");
        return;
    }
    select->hash_fields = parse_hash_field_list(p);
    lex_accept(p->lex, LEX_RPAREN);
}

void
act_parse_select(struct act_parser *p, enum ovnact_type type,
                 const struct expr_field *result)
{
    if (!act_check_field(p, result, result->n_bits, true)) {
        return;
    }
    if (result->n_bits < 16) {
        lex_error(p->lex, "cannot use %d-bit field %s[%d..%d] for "
                  "\"select\", which requires at least 16 bits.",
                  result->n_bits, result->symbol->name, result->ofs,
                  result->ofs + result->n_bits - 1);
        return;
    }

    struct ovnact_select *select = ovnact_put(p, type, sizeof *select);
    select->ltable = p->pp->cur_ltable + 1;
    select->dst = *result;
    if (!lex_accept_word(p->lex, "values")) {
        parse_select_dsts(p, select);
    } else if (lex_expect(p->lex, LEX_ASSIGN)
               && lex_expect(p->lex, LEX_LPAREN)) {
        parse_select_dsts(p, select);
        if (!p->lex->error) {
            parse_select_hash(p, select);
        }
    }
}

void
act_format_select(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_select *select
        = CONTAINER_OF(a, struct ovnact_select, ovnact);

    act_format_result(&select->dst, s);
    ds_put_cstr(s, select->hash_fields ? "select(values=(" : "select(");
    for (size_t i = 0; i < select->n_dsts; i++) {
        const struct ovnact_select_dst *dst = &select->dsts[i];
        ds_put_format(s, "%s%"PRIu16"=%"PRIu16,
                      i ? ", " : "", dst->id, dst->weight);
    }
    if (select->hash_fields) {
        ds_put_format(s, "); hash_fields=\"%s\"", select->hash_fields);
    }
    ds_put_cstr(s, ");");
}

void
act_free_select(struct ovnact *a)
{
    struct ovnact_select *select
        = CONTAINER_OF(a, struct ovnact_select, ovnact);

    free(select->dsts);
    free(select->hash_fields);
}

bool
act_encode_select(const struct ovnact *a,
                  const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_select *select
        = CONTAINER_OF(a, struct ovnact_select, ovnact);
    struct mf_subfield sf = expr_field_resolve(&select->dst);
    struct ovn_group *group
        = ovn_group_create(select->hash_fields ? "hash" : "dp_hash",
                           select->n_dsts);

    if (select->hash_fields) {
        group->hash_fields = xstrdup(select->hash_fields);
    } else {
        group->selection_param = UINT64_C(0x100000000);
    }
    for (size_t i = 0; i < select->n_dsts; i++) {
        struct ovn_group_bucket *bucket = &group->buckets[i];

        bucket->weight = select->dsts[i].weight;
        bucket->actions = xasprintf("load:%"PRIu16"->%s[%u..%u],"
                                    "resubmit(,%d)",
                                    select->dsts[i].id, sf.field->name,
                                    sf.ofs, sf.ofs + sf.n_bits - 1,
                                    act_ptable(ep, select->ltable));
    }

    put_group(out, ep, group);
    ovn_group_destroy(group);
    return true;
}

/* fwd_group([liveness="true"|"false", ]childports="P1", "P2", ...); */

static void
parse_fwd_liveness(struct act_parser *p, bool *liveness)
{
    const char *text = lex_current(p->lex)->text;
    bool is_text = lex_is(p->lex, LEX_STRING) || lex_is(p->lex, LEX_WORD);

    if (is_text && !strcmp(text, "true")) {
        *liveness = true;
    } else if (!is_text || strcmp(text, "false")) {
        lex_syntax_error(p->lex, "expecting true or false.");
        return;
    }
    lex_advance(p->lex);
    lex_expect(p->lex, LEX_COMMA);
}

static void
parse_fwd_ports(struct act_parser *p, struct ovnact_fwd_group *fwd)
{
    size_t allocated = 0;

    while (!p->lex->error && !lex_accept(p->lex, LEX_RPAREN)) {
        if (!lex_is(p->lex, LEX_STRING)) {
            lex_syntax_error(p->lex, "expecting logical switch port.");
            return;
        }
        if (fwd->n_ports >= ACT_MAX_ITEMS) {
            lex_error(p->lex, "\"fwd_group\" action has more than %d ports.",
                      ACT_MAX_ITEMS);
            return;
        }
        if (fwd->n_ports >= allocated) {
            fwd->ports = x2nrealloc(fwd->ports, &allocated,
                                    sizeof *fwd->ports);
        }
        fwd->ports[fwd->n_ports++] = xstrdup(lex_current(p->lex)->text);
        lex_advance(p->lex);
        lex_accept(p->lex, LEX_COMMA);
    }
}

void
act_parse_fwd_group(struct act_parser *p, enum ovnact_type type,
                    const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_fwd_group *fwd = ovnact_put(p, type, sizeof *fwd);

    if (!lex_accept(p->lex, LEX_LPAREN)) {
        return;
    }
    if (lex_accept_word(p->lex, "liveness")
        && lex_expect(p->lex, LEX_ASSIGN)) {
        parse_fwd_liveness(p, &fwd->liveness);
    }
    if (!p->lex->error && lex_accept_word(p->lex, "childports")
        && lex_expect(p->lex, LEX_ASSIGN)) {
        parse_fwd_ports(p, fwd);
    }
}

void
act_format_fwd_group(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_fwd_group *fwd
        = CONTAINER_OF(a, struct ovnact_fwd_group, ovnact);

    ds_put_cstr(s, "fwd_group");
    if (fwd->n_ports) {
        ds_put_format(s, "(%schildports=",
                      fwd->liveness ? "liveness=\"true\", " : "");
        for (size_t i = 0; i < fwd->n_ports; i++) {
            if (i) {
                ds_put_cstr(s, ", ");
            }
            act_format_string(fwd->ports[i], s);
        }
        ds_put_char(s, ')');
    }
    ds_put_char(s, ';');
}

void
act_free_fwd_group(struct ovnact *a)
{
    struct ovnact_fwd_group *fwd
        = CONTAINER_OF(a, struct ovnact_fwd_group, ovnact);

    string_array_destroy(fwd->ports, fwd->n_ports);
}

/* Makes 'bucket' that of child port 'port'.  Returns false if it is not known
 * how to reach it. */
static bool
init_fwd_bucket(struct ovn_group_bucket *bucket,
                const struct ovnact_fwd_group *fwd, const char *port,
                const struct ovnact_encode_params *ep)
{
    unsigned int key;

    if (!ep->env->port_key(port, &key, ep->env->aux)
        || (fwd->liveness
            && (!ep->tunnel_ofport
                || !ep->tunnel_ofport(port, &bucket->watch_port, ep->aux)))) {
        return false;
    }
    bucket->actions = xasprintf(
        "load=0x%x->NXM_NX_REG%d[0..15],resubmit(,%d)",
        key, MFF_LOG_OUTPORT - MFF_REG0, act_output_ptable(ep));
    return true;
}

bool
act_encode_fwd_group(const struct ovnact *a,
                     const struct ovnact_encode_params *ep,
                     struct ofpbuf *out)
{
    const struct ovnact_fwd_group *fwd
        = CONTAINER_OF(a, struct ovnact_fwd_group, ovnact);

    if (!fwd->n_ports) {
        return true;            /* Nothing to forward to. */
    }

    struct ovn_group *group = ovn_group_create("dp_hash", fwd->n_ports);
    bool complete = true;
    for (size_t i = 0; i < fwd->n_ports && complete; i++) {
        complete = init_fwd_bucket(&group->buckets[i], fwd, fwd->ports[i], ep);
    }
    /* As long as a port is missing, there is no group. */
    if (complete) {
        put_group(out, ep, group);
    }
    ovn_group_destroy(group);
    return true;
}
