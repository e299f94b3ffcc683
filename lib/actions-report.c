/* SPDX-License-Identifier: Apache-2.0 */

/* Telling someone, and metering it: log, set_meter, sample, trigger_event. */

#include <config.h>
#include "lib/actions-private.h"

#include <string.h>

#include "byte-order.h"
#include "lb.h"
#include "ovs-compat.h"
#include "util.h"
#include "uuid.h"

/* log([verdict=V, ][severity=S, ][name="...", ][meter="..."]); */

/* In the numbers' order: they go to the controller in the packet-in. */
static const char *const verdicts[] = { "allow", "drop", "reject", "pass" };

static const struct {
    const char *name;
    uint8_t level;              /* As in RFC 5424. */
} severities[] = {
    { "alert", 1 },
    { "warning", 4 },
    { "notice", 5 },
    { "info", 6 },
    { "debug", 7 },
};
#define DEFAULT_SEVERITY 6
#define NO_VERDICT UINT8_MAX
#define LOG_NAME_MAX 63

static void
parse_verdict(struct act_parser *p, struct ovnact_log *log)
{
    for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
        if (lex_accept_word(p->lex, verdicts[i])) {
            log->verdict = i;
            return;
        }
    }
    lex_syntax_error(p->lex, "unknown verdict.");
}

static void
parse_severity(struct act_parser *p, struct ovnact_log *log)
{
    if (!lex_is(p->lex, LEX_WORD)) {
        lex_syntax_error(p->lex, "expecting severity.");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(severities); i++) {
        if (lex_accept_word(p->lex, severities[i].name)) {
            log->severity = severities[i].level;
            return;
        }
    }
    lex_syntax_error(p->lex, "unknown severity.");
}

/* Replaces '*string' by the string at the cursor. */
static bool
parse_string(struct act_parser *p, char **string)
{
    if (!lex_is(p->lex, LEX_STRING)) {
        lex_syntax_error(p->lex, "expecting string.");
        return false;
    }
    free(*string);
    *string = xstrdup(lex_current(p->lex)->text);
    return true;
}

static void
parse_log_argument(struct act_parser *p, struct ovnact_log *log)
{
    if (lex_accept_word(p->lex, "verdict")) {
        if (lex_expect(p->lex, LEX_ASSIGN)) {
            parse_verdict(p, log);
        }
    } else if (lex_accept_word(p->lex, "severity")) {
        if (lex_expect(p->lex, LEX_ASSIGN)) {
            parse_severity(p, log);
        }
    } else if (lex_accept_word(p->lex, "name")) {
        if (lex_expect(p->lex, LEX_ASSIGN) && parse_string(p, &log->name)) {
            if (strlen(log->name) > LOG_NAME_MAX) {
                lex_syntax_error(p->lex,
                                 "name must be shorter than %d characters.",
                                 LOG_NAME_MAX + 1);
            } else {
                lex_advance(p->lex);
            }
        }
    } else if (lex_accept_word(p->lex, "meter")) {
        if (lex_expect(p->lex, LEX_ASSIGN) && parse_string(p, &log->meter)) {
            lex_advance(p->lex);
        }
    } else {
        act_syntax_error(p);
    }
}

void
act_parse_log(struct act_parser *p, enum ovnact_type type,
              const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_log *log = ovnact_put(p, type, sizeof *log);

    log->verdict = NO_VERDICT;
    log->severity = DEFAULT_SEVERITY;
    if (lex_accept(p->lex, LEX_LPAREN)) {
        while (!p->lex->error && !lex_accept(p->lex, LEX_RPAREN)) {
            parse_log_argument(p, log);
            lex_accept(p->lex, LEX_COMMA);
        }
    }
    if (log->verdict == NO_VERDICT) {
        lex_syntax_error(p->lex, "expecting verdict.");
    }
}

const char *
ovnact_verdict_name(uint8_t verdict)
{
    return verdict < ARRAY_SIZE(verdicts) ? verdicts[verdict] : "<unknown>";
}

const char *
ovnact_severity_name(uint8_t level)
{
    for (size_t i = 0; i < ARRAY_SIZE(severities); i++) {
        if (severities[i].level == level) {
            return severities[i].name;
        }
    }
    return "<unknown>";
}

void
act_format_log(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_log *log = CONTAINER_OF(a, struct ovnact_log, ovnact);

    ds_put_cstr(s, "log(");
    if (log->name) {
        ds_put_cstr(s, "name=");
        act_format_string(log->name, s);
        ds_put_cstr(s, ", ");
    }
    ds_put_format(s, "verdict=%s, severity=%s",
                  ovnact_verdict_name(log->verdict),
                  ovnact_severity_name(log->severity));
    if (log->meter) {
        ds_put_cstr(s, ", meter=");
        act_format_string(log->meter, s);
    }
    ds_put_cstr(s, ");");
}

void
act_free_log(struct ovnact *a)
{
    struct ovnact_log *log = CONTAINER_OF(a, struct ovnact_log, ovnact);

    free(log->name);
    free(log->meter);
}

bool
act_encode_log(const struct ovnact *a, const struct ovnact_encode_params *ep,
               struct ofpbuf *out)
{
    const struct ovnact_log *log = CONTAINER_OF(a, struct ovnact_log, ovnact);
    uint32_t meter_id = (log->meter ? ep->meter_id(log->meter, ep->aux)
                         : NX_CTLR_NO_METER);
    size_t start = put_controller_start(ACTION_OPCODE_LOG, false,
                                        meter_id, out);
    ofpbuf_put(out, &log->verdict, sizeof log->verdict);
    ofpbuf_put(out, &log->severity, sizeof log->severity);
    if (log->name) {
        ofpbuf_put(out, log->name, strlen(log->name));
    }
    return put_controller_finish(start, out);
}

/* set_meter(RATE[, BURST]); */

/* The current token, if it is a decimal number, or 0; in any case, goes past
 * it. */
static uint64_t
take_decimal(struct act_parser *p)
{
    const struct lex_token *token = lex_current(p->lex);
    bool ok = token->type == LEX_INTEGER && token->format == LEX_DECIMAL;
    uint64_t value = ok ? ntohll(token->value.integer) : 0;

    if (token->type == LEX_BAD) {
        lex_syntax_error(p->lex, "expecting integer.");
    }
    lex_advance(p->lex);
    return value;
}

void
act_parse_set_meter(struct act_parser *p, enum ovnact_type type,
                    const struct expr_field *result OVS_UNUSED)
{
    uint64_t rate, burst = 0;

    if (!lex_expect(p->lex, LEX_LPAREN)) {
        return;
    }
    rate = take_decimal(p);
    if (lex_accept(p->lex, LEX_COMMA)) {
        burst = take_decimal(p);
    }
    if (!lex_expect(p->lex, LEX_RPAREN)) {
        return;
    }
    if (!rate || rate > UINT32_MAX) {
        lex_error(p->lex, "Rate %"PRIu64" for set_meter is not in valid.",
                  rate);
        return;
    }
    if (burst > UINT32_MAX) {
        lex_error(p->lex, "Burst %"PRIu64" for set_meter is not valid.",
                  burst);
        return;
    }

    struct ovnact_set_meter *m = ovnact_put(p, type, sizeof *m);
    m->rate = rate;
    m->burst = burst;
}

void
act_format_set_meter(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_set_meter *m
        = CONTAINER_OF(a, struct ovnact_set_meter, ovnact);

    ds_put_format(s, "set_meter(%"PRIu32, m->rate);
    if (m->burst) {
        ds_put_format(s, ", %"PRIu32, m->burst);
    }
    ds_put_cstr(s, ");");
}

/* Each flow has a meter of its own, whose content is in its name. */
bool
act_encode_set_meter(const struct ovnact *a,
                     const struct ovnact_encode_params *ep,
                     struct ofpbuf *out)
{
    const struct ovnact_set_meter *m
        = CONTAINER_OF(a, struct ovnact_set_meter, ovnact);
    struct ds name = DS_EMPTY_INITIALIZER;

    ds_put_format(&name, "__string: uuid "UUID_FMT" kbps %sstats "
                  "bands=type=drop rate=%"PRIu32,
                  UUID_ARGS(&ep->lflow_uuid), m->burst ? "burst " : "",
                  m->rate);
    if (m->burst) {
        ds_put_format(&name, " burst_size=%"PRIu32, m->burst);
    }

    ofpact_put_METER(out)->meter_id = ep->meter_id(ds_cstr(&name), ep->aux);
    ds_destroy(&name);
    return true;
}

/* sample(probability=N[, collector_set=N][, obs_domain=N]
 *        [, obs_point=N|$cookie|FIELD]); */

/* N, $cookie or FIELD */
static void
parse_obs_point(struct act_parser *p, struct ovnact_sample *sample)
{
    if (lex_is(p->lex, LEX_ADDRESS_SET)
        && !strcmp(lex_current(p->lex)->text, "cookie")) {
        sample->point = OVN_OBS_COOKIE;
        lex_advance(p->lex);
    } else if (act_accept_u32(p, &sample->obs_point)) {
        sample->point = OVN_OBS_VALUE;
    } else if (act_parse_field(p, 32, &sample->obs_point_field)) {
        sample->point = OVN_OBS_FIELD;
    }
}

static void
parse_sample_argument(struct act_parser *p, struct ovnact_sample *sample)
{
    uint32_t value;

    if (lex_accept_word(p->lex, "probability")) {
        if (lex_expect(p->lex, LEX_ASSIGN) && lex_is_int(p->lex)) {
            act_parse_u16(p, "probability", &sample->probability);
        }
    } else if (lex_accept_word(p->lex, "collector_set")) {
        if (lex_expect(p->lex, LEX_ASSIGN)) {
            act_accept_u32(p, &sample->collector_set);
        }
    } else if (lex_accept_word(p->lex, "obs_domain")) {
        if (lex_expect(p->lex, LEX_ASSIGN)) {
            const struct lex_token *token = lex_current(p->lex);
            if (lex_is_int(p->lex) && lex_value_width(&token->value) > 8) {
                lex_syntax_error(p->lex, "obs_domain must be 8-bit long.");
            } else if (act_accept_u32(p, &value)) {
                sample->obs_domain = value;
            }
        }
    } else if (lex_accept_word(p->lex, "obs_point")) {
        if (lex_expect(p->lex, LEX_ASSIGN)) {
            parse_obs_point(p, sample);
        }
    } else {
        lex_syntax_error(p->lex, "unknown argument.");
    }
}

void
act_parse_sample(struct act_parser *p, enum ovnact_type type,
                 const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_sample *sample = ovnact_put(p, type, sizeof *sample);

    if (lex_accept(p->lex, LEX_LPAREN)) {
        while (!p->lex->error && !lex_accept(p->lex, LEX_RPAREN)) {
            parse_sample_argument(p, sample);
            lex_accept(p->lex, LEX_COMMA);
        }
    }
    if (!sample->probability) {
        lex_error(p->lex, "probability must be greater than zero");
    }
}

void
act_format_sample(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_sample *sample
        = CONTAINER_OF(a, struct ovnact_sample, ovnact);

    ds_put_format(s, "sample(probability=%"PRIu16
                  ",collector_set=%"PRIu32",obs_domain=%"PRIu8,
                  sample->probability, sample->collector_set,
                  sample->obs_domain);
    ds_put_cstr(s, ",obs_point=");
    switch (sample->point) {
    case OVN_OBS_VALUE:
        ds_put_format(s, "%"PRIu32, sample->obs_point);
        break;
    case OVN_OBS_COOKIE:
        ds_put_cstr(s, "$cookie");
        break;
    case OVN_OBS_FIELD:
        expr_field_format(&sample->obs_point_field, s);
        break;
    }
    ds_put_cstr(s, ");");
}

bool
act_encode_sample(const struct ovnact *a,
                  const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_sample *sample
        = CONTAINER_OF(a, struct ovnact_sample, ovnact);

    if (!ep->has_collector_set
        || !ep->has_collector_set(sample->collector_set, ep->aux)) {
        return true;            /* Nobody here wants samples. */
    }

    struct ofpact_sample *os = ofpact_put_SAMPLE(out);
    os->probability = sample->probability;
    os->collector_set_id = sample->collector_set;
    ovs_sample_set_obs(os,
                       ((uint32_t) sample->obs_domain << 24
                        | (ep->dp_fact(OVN_DP_KEY, ep->aux) & 0xffffff)),
                       (sample->point == OVN_OBS_COOKIE
                        ? ep->lflow_uuid.parts[0]
                        : sample->obs_point));
    os->sampling_port = OFPP_NONE;
    if (sample->point == OVN_OBS_FIELD) {
        struct mf_subfield src = expr_field_resolve(&sample->obs_point_field);
        return ovs_sample_set_obs_point_src(os, &src);
    }
    return true;
}

/* trigger_event(event = "NAME", OPTION = VALUE, ...); */

static const struct gen_opt empty_lb_opts[] = {
    { "vip", OVN_EVENT_VIP, GEN_OPT_STR },
    { "protocol", OVN_EVENT_PROTOCOL, GEN_OPT_STR },
    { "load_balancer", OVN_EVENT_LOAD_BALANCER, GEN_OPT_STR },
};

#define EMPTY_LB_BACKENDS OVN_EVENT_EMPTY_LB_BACKENDS_NAME

const char *
ovnact_event_value(uint16_t code)
{
    for (size_t i = 0; i < ARRAY_SIZE(empty_lb_opts); i++) {
        if (empty_lb_opts[i].code == code) {
            return empty_lb_opts[i].name;
        }
    }
    return NULL;
}

static const struct gen_opt *
find_empty_lb_opt(const void *aux OVS_UNUSED, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(empty_lb_opts); i++) {
        if (!strcmp(empty_lb_opts[i].name, name)) {
            return &empty_lb_opts[i];
        }
    }
    return NULL;
}

static void
check_empty_lb_opt(struct act_parser *p, const struct ovnact_opt *opt)
{
    const char *value = opt->values->values[0].string;
    struct lb_endpoint vip;
    struct uuid uuid;

    if (opt->values->n != 1) {
        lex_error(p->lex, "Invalid value for \"%s\" option", opt->name);
        return;
    }
    switch ((enum ovn_event_value) opt->code) {
    case OVN_EVENT_VIP:
        if (!lb_endpoint_parse(value, &vip)) {
            lex_error(p->lex, "Invalid load balancer VIP '%s'", value);
        }
        break;
    case OVN_EVENT_PROTOCOL:
        if (strcmp(value, "tcp") && strcmp(value, "udp")
            && strcmp(value, "sctp")) {
            lex_error(p->lex, "Load balancer protocol '%s' is not 'tcp', "
                      "'udp', or 'sctp'", value);
        }
        break;
    case OVN_EVENT_LOAD_BALANCER:
        if (!uuid_from_string(&uuid, value)) {
            lex_error(p->lex, "Load balancer '%s' is not a UUID", value);
        }
        break;
    }
}

void
act_parse_trigger_event(struct act_parser *p, enum ovnact_type type,
                        const struct expr_field *result OVS_UNUSED)
{
    if (!lex_expect(p->lex, LEX_LPAREN)) {
        return;
    }
    if (!lex_accept_word(p->lex, "event")) {
        lex_syntax_error(p->lex, "Expecting 'event' option.");
        return;
    }
    if (!lex_expect(p->lex, LEX_ASSIGN)) {
        return;
    }
    if (!lex_is(p->lex, LEX_STRING)) {
        lex_syntax_error(p->lex, "Expecting string.");
        return;
    }
    if (strcmp(lex_current(p->lex)->text, EMPTY_LB_BACKENDS)) {
        lex_syntax_error(p->lex, "Unknown event '-1'.");
        return;
    }
    lex_advance(p->lex);
    lex_accept(p->lex, LEX_COMMA);

    struct ovnact_trigger_event *te = ovnact_put(p, type, sizeof *te);
    te->event = OVN_EVENT_EMPTY_LB_BACKENDS;
    act_parse_opts(p, find_empty_lb_opt, NULL, EMPTY_LB_BACKENDS,
                   &te->opts, &te->n);
    for (size_t i = 0; i < te->n && !p->lex->error; i++) {
        check_empty_lb_opt(p, &te->opts[i]);
    }
}

void
act_format_trigger_event(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_trigger_event *te
        = CONTAINER_OF(a, struct ovnact_trigger_event, ovnact);

    ds_put_cstr(s, "trigger_event(event = \""EMPTY_LB_BACKENDS"\"");
    if (te->n) {
        ds_put_cstr(s, ", ");
        act_format_opts(te->opts, te->n, s);
    }
    ds_put_cstr(s, ");");
}

void
act_free_trigger_event(struct ovnact *a)
{
    struct ovnact_trigger_event *te
        = CONTAINER_OF(a, struct ovnact_trigger_event, ovnact);

    act_free_opts(te->opts, te->n);
}

bool
act_encode_trigger_event(const struct ovnact *a,
                         const struct ovnact_encode_params *ep,
                         struct ofpbuf *out)
{
    const struct ovnact_trigger_event *te
        = CONTAINER_OF(a, struct ovnact_trigger_event, ovnact);
    size_t start = put_controller_start(ACTION_OPCODE_EVENT, false,
                                        act_controller_meter(ep), out);
    ovs_be32 event = htonl(te->event);
    ofpbuf_put(out, &event, sizeof event);
    for (size_t i = 0; i < te->n; i++) {
        const char *value = te->opts[i].values->values[0].string;
        size_t len = strlen(value);
        ovs_be16 header[2] = { htons(te->opts[i].code), htons(len) };

        if (len > ACT_MAX_OFPACTS) {
            return false;
        }
        ofpbuf_put(out, header, sizeof header);
        ofpbuf_put(out, value, len);
    }
    return put_controller_finish(start, out);
}
