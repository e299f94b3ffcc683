/* SPDX-License-Identifier: Apache-2.0 */

/* Negative tests: nonsense must be refused, not crash.
 *
 * "test-ovn fuzz KIND SEED N" feeds N random texts through every step of the
 * expression language.  KIND is "bytes" (any bytes), "tokens" (words of the
 * language in random order, of which a good part can be parsed), or "mutate"
 * (valid expressions with a few bytes changed).  What can be parsed must
 * survive formatting and parsing again.
 *
 * "test-ovn garble SEED N" prints N lines, each made from one or two of those
 * on the standard input with some changes, for other commands to read.
 *
 * "test-ovn generate-actions SEED N" prints N lines of random valid actions.
 *
 * "test-ovn fuzz-replay" reads what fuzzers have found (tests/fuzz/found.txt)
 * and prints the lines for which the properties do not hold.
 *
 * Run them under the sanitizers. */

#include <config.h>
#include "test-ovn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "random.h"
#include "svec.h"
#include "util.h"

static const char *const words[] = {
    "(", ")", "[", "]", "{", "}", "==", "!=", "<", "<=", ">", ">=", "!",
    "&&", "&&", "||", "||", "..", ",", ";", "=", "<->", "--", "-", ":", "/",
    "0", "1", "2", "3", "15", "0x10", "1/1", "0/0", "0xff/0xf0", "1.2.3.4",
    "10.0.0.0/8", "::1", "fe80::/64", "00:00:00:00:00:01", "\"eth0\"",
    "\"lsp1\"", "\"nope\"", "$set1", "$set4", "$nope", "@pg1", "@pg_empty",
    "^t", "eth.src", "eth.type", "ip4", "ip4.src", "ip.proto", "tcp",
    "tcp.dst", "tcp.src[0..3]", "ct.new", "ct_mark[0]", "vlan.vid", "reg0",
    "xxreg1[3]", "inport", "outport", "ip.is_frag", "nd.target", "bad_prereq",
    "self_recurse", "mutual_recurse_1", "icmp4.frag_mtu",
    "is_chassis_resident", "is_chassis_resident(\"lsp1\")",
};

static const char *const expressions[] = {
    "ip4.src == {10.0.0.1, 10.0.0.2} && tcp.dst == {80, 443}",
    "(inport == @pg1 || !ip.is_frag) && 1024 <= udp.src <= 49151",
    "!(tcp.flags == 2/2 || ct.est) && eth.dst == $set3",
    "is_chassis_resident(\"lsp1\") && ip6.dst == fe80::/64 && nd.target[0]",
    "reg0[3..5] != {1, 2} && xxreg1 == 0x123456789abcdef0123456789",
};

static const char *
random_word(void)
{
    return words[random_range(ARRAY_SIZE(words))];
}

static void
make_bytes(struct ds *s)
{
    for (int n = random_range(40); n > 0; n--) {
        ds_put_char(s, 1 + random_range(255));
    }
}

static void
make_tokens(struct ds *s)
{
    /* Operand, operator, operand, ... most of the time. */
    for (int n = random_range(20); n > 0; n--) {
        if (random_range(4)) {
            ds_put_format(s, "%s %s %s %s ", random_word(), random_word(),
                          random_word(), random_range(2) ? "&&" : "||");
        } else {
            ds_put_format(s, "%s ", random_word());
        }
        if (!random_range(3)) {
            ds_put_cstr(s, "tcp.src == 1 ");
            return;
        }
    }
}

static void
make_mutation(struct ds *s)
{
    ds_put_cstr(s, expressions[random_range(ARRAY_SIZE(expressions))]);
    for (int n = random_range(4); n > 0; n--) {
        char *p = &s->string[random_range(s->length)];
        if (random_range(2)) {
            *p = ' ' + random_range(95);
        } else {
            const char *word = random_word();
            memcpy(p, word, MIN(strlen(word), strlen(p)));
        }
    }
}

static void
test_fuzz(int argc OVS_UNUSED, char *argv[])
{
    void (*make)(struct ds *) = (!strcmp(argv[1], "bytes") ? make_bytes
                                 : !strcmp(argv[1], "tokens") ? make_tokens
                                 : make_mutation);
    struct ds s = DS_EMPTY_INITIALIZER;
    struct test_ovn world;
    int n_parsed = 0;
    int n = atoi(argv[3]);

    test_ovn_init(&world);
    random_set_seed(1 + atoi(argv[2]));
    for (int i = 0; i < n; i++) {
        ds_clear(&s);
        make(&s);

        bool parsed;
        char *error = test_ovn_check_expr(ds_cstr(&s), &world.env, &parsed);
        if (error) {
            ovs_fatal(0, "%s: %s", ds_cstr(&s), error);
        }
        n_parsed += parsed;
    }
    printf("%d texts, %s\n", n, n_parsed ? "some parsed" : "none parsed");
    ds_destroy(&s);
    test_ovn_destroy(&world);
}

TEST_OVN_COMMAND("fuzz", 3, 3, test_fuzz);

/* Garbled lines. */

/* Makes the part of 's' from 'from' to 'to' be followed by itself or, if not
 * 'twice', be gone. */
static void
change_part(struct ds *s, size_t from, size_t to, bool twice)
{
    char *rest = xstrdup(&s->string[twice ? from : to]);

    ds_truncate(s, twice ? to : from);
    ds_put_cstr(s, rest);
    free(rest);
}

static void
garble(struct ds *s, const struct svec *corpus)
{
    if (!s->length) {
        return;
    }

    const size_t from = random_range(s->length);
    const char *other = corpus->names[random_range(corpus->n)];
    const size_t to = from + random_range(MIN(s->length - from, 16)) + 1;
    switch (random_range(9)) {
    case 0:
        change_part(s, from, to, false);
        break;
    case 1:
        change_part(s, from, to, true);
        break;
    case 2:
        s->string[from] = 1 + random_range(255);
        break;
    case 3:
        s->string[from] = "()[]{},;=-.0123456789"[random_range(21)];
        break;
    case 4:
        /* The rest of another line instead of this one's. */
        ds_truncate(s, from);
        ds_put_cstr(s, other + random_range(strlen(other) + 1));
        break;
    case 5:
        ds_put_format(s, " %s", other);
        break;
    default:
        /* Numbers: what follows is most often still understood. */
        for (size_t i = from; i < s->length; i++) {
            if (isdigit((unsigned char) s->string[i])) {
                s->string[i] = '0' + random_range(10);
                break;
            }
        }
        break;
    }
}

static void
test_garble(int argc OVS_UNUSED, char *argv[])
{
    struct svec corpus = SVEC_EMPTY_INITIALIZER;
    struct ds s = DS_EMPTY_INITIALIZER;

    random_set_seed(1 + atoi(argv[1]));
    while (test_ovn_next_line(&s)) {
        svec_add(&corpus, ds_cstr(&s));
    }
    if (!corpus.n) {
        ovs_fatal(0, "nothing to garble");
    }
    for (int n = atoi(argv[2]); n > 0; n--) {
        ds_clear(&s);
        ds_put_cstr(&s, corpus.names[random_range(corpus.n)]);
        for (int i = random_range(3); i >= 0; i--) {
            garble(&s, &corpus);
        }
        for (char *p = ds_cstr(&s); *p; p++) {
            *p = *p == '\n' ? ' ' : *p;
        }
        puts(ds_cstr(&s));
    }
    ds_destroy(&s);
    svec_destroy(&corpus);
}

TEST_OVN_COMMAND("garble", 2, 2, test_garble);

/* Valid actions. */

static void
test_generate_actions(int argc OVS_UNUSED, char *argv[])
{
    struct ds s = DS_EMPTY_INITIALIZER;

    random_set_seed(1 + atoi(argv[1]));
    for (int n = atoi(argv[2]); n > 0; n--) {
        uint8_t bytes[64];
        struct test_ovn_choices c = { .bytes = bytes, .n = sizeof bytes };

        ds_clear(&s);
        random_bytes(bytes, sizeof bytes);
        test_ovn_generate_actions(&c, &s);
        puts(ds_cstr(&s));
    }
    ds_destroy(&s);
}

TEST_OVN_COMMAND("generate-actions", 2, 2, test_generate_actions);

/* What fuzzers have found. */

/* Checks 'text' as the fuzzer called 'part' would. */
static char *
replay(const char *part, const char *text, struct test_ovn_actions *a)
{
    bool parsed;

    if (!strcmp(part, "lex")) {
        return test_ovn_check_lex(text);
    } else if (!strcmp(part, "expr")) {
        return test_ovn_check_expr(text, &a->world.env, &parsed);
    } else if (!strcmp(part, "actions")) {
        test_ovn_actions_set_kind(a, 1);
        return test_ovn_check_actions(text, a, &parsed);
    } else if (!strcmp(part, "encode")) {
        char *rest;
        test_ovn_actions_set_kind(a, strtoul(text, &rest, 10));
        return test_ovn_check_actions(rest, a, &parsed);
    }
    return xasprintf("no fuzzer \"%s\"", part);
}

static void
test_fuzz_replay(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct test_ovn_actions a;

    test_ovn_actions_init(&a);
    while (test_ovn_next_line(&s)) {
        char *text = ds_cstr(&s);
        char *part = strsep(&text, " ");
        char *error = replay(part, text ? text : "", &a);
        if (error) {
            printf("%s %s\n    %s\n", part, text ? text : "", error);
            free(error);
        }
    }
    ds_destroy(&s);
    test_ovn_actions_destroy(&a);
}

TEST_OVN_COMMAND("fuzz-replay", 0, 0, test_fuzz_replay);
