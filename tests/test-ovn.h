/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_TEST_OVN_H
#define TESTS_TEST_OVN_H 1

/* The language's test driver, "ovstest test-ovn COMMAND [ARG]...".
 *
 * tests/test-ovn.c has the commands about single steps of the language; other
 * files add theirs with TEST_OVN_COMMAND().  Most commands read test lines
 * from standard input and print what the library makes of each.  They all see
 * the same small world, which is in tests/test-ovn-world.c.
 *
 * What must hold for every text, whatever is in it, is in
 * tests/test-ovn-check.c: the driver's negative tests and the fuzzers in
 * tests/fuzz/ check it with texts of different origin. */

#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "ovn/actions.h"
#include "ovn/expr.h"
#include "simap.h"
#include "smap.h"

/* The world. */
struct test_ovn {
    struct shash symtab;        /* ovn_init_symtab() and negative tests. */
    struct simap ports;         /* Name -> key. */
    struct shash address_sets;  /* Name -> struct expr_constant_set. */
    struct shash port_groups;   /* Name -> struct expr_constant_set. */
    struct smap templates;      /* Variables: none, at first. */
    struct expr_env env;
};
void test_ovn_init(struct test_ovn *);
void test_ovn_destroy(struct test_ovn *);

/* From now on, "^NAME" is replaced by VALUE, and unknown variables by their
 * names, as a controller does. */
void test_ovn_add_template(struct test_ovn *, const char *name,
                           const char *value);

/* Sets '*dialect' to that of the release 'version', e.g. "25.03.0". */
void test_ovn_release(const char *version, struct ovn_dialect *dialect);

/* The world, and what parsing and encoding actions takes. */
struct test_ovn_actions {
    struct test_ovn world;
    struct ovnact_parse_params pp;
    struct ovnact_encode_params ep;
    struct ovn_dialect dialect; /* 'ep.dialect'. */
    uint32_t dp_facts[N_OVN_DP_FACTS];
    struct gen_opts *dhcp_opts, *dhcpv6_opts;
    bool is_controller;         /* test_ovn_actions_as_controller(). */
    struct simap tunnels;       /* Port -> OpenFlow port of its tunnel. */

    struct simap group_ids;     /* Identity -> id. */
    struct simap meter_ids;     /* Name -> id. */
    struct ds groups;           /* "uses group: ..." lines. */
    char *group_problem;        /* Why a switch does not take one of them. */

    bool skip_format;           /* Checks are about encoding alone. */
};
void test_ovn_actions_init(struct test_ovn_actions *);
void test_ovn_actions_destroy(struct test_ovn_actions *);

/* Starts numbering groups and meters anew. */
void test_ovn_actions_forget(struct test_ovn_actions *);

/* Starts anew in a datapath, pipeline and chassis of kind 'kind', of which
 * each bit has a meaning.  Most kinds leave formatting, which takes longer
 * than encoding, out of test_ovn_check_actions(). */
void test_ovn_actions_set_kind(struct test_ovn_actions *, uint8_t kind);

/* A callback for 'ep.ct_zero_snat': the switch can do it. */
bool test_ovn_ct_zero_snat(void *);
bool test_ovn_any_collector_set(uint32_t id, void *aux);

/* Changes the parameters to those of a controller that has no ports yet.
 * Those that are added are local. */
void test_ovn_actions_as_controller(struct test_ovn_actions *);
void test_ovn_actions_set_release(struct test_ovn_actions *,
                                  const char *version);

/* Properties.  Each function returns NULL if they hold for 'text', else a
 * message that says which one does not (caller frees).  '*parsed' says whether
 * 'text' is in the language at all. */
char *test_ovn_check_lex(const char *text);
char *test_ovn_check_expr(const char *text, const struct expr_env *,
                          bool *parsed);
char *test_ovn_check_actions(const char *text, struct test_ovn_actions *,
                             bool *parsed);

/* The last part of test_ovn_check_actions(), for actions that are parsed:
 * appends to 'ofpacts' what they are encoded as, and to 'received' what a
 * switch makes of that.  '*complete' says whether all could be encoded. */
char *test_ovn_check_encoding(const struct ofpbuf *ovnacts,
                              struct test_ovn_actions *,
                              struct ofpbuf *ofpacts, struct ofpbuf *received,
                              bool *complete);
/* And of that part which is about text. */
char *test_ovn_check_format(const struct ofpbuf *ovnacts, const struct expr *,
                            struct test_ovn_actions *);

/* Whether a table of 'ms' lets 'flow' pass.  'match_flow' says whether one
 * match is fulfilled, given a conjunction's id. */
typedef bool test_ovn_match_func(const struct match *, const struct flow *,
                                 uint32_t conj_id);
bool test_ovn_classify(const struct expr_matches *ms, const struct flow *,
                       test_ovn_match_func *match_flow);

/* Actions that are valid by the grammar of ovn-sb(5), whatever the bytes in
 * 'bytes' are, which say what to choose.  When they are used up, each choice
 * is the first alternative. */
struct test_ovn_choices {
    const uint8_t *bytes;
    size_t n;
    int depth;                  /* Of nested actions, so far. */
};
void test_ovn_generate_actions(struct test_ovn_choices *, struct ds *);

/* Reads the next test line into 's', without its newline.  Skips blank lines
 * and comments.  False at the end of the input. */
bool test_ovn_next_line(struct ds *s);

/* A command: argv[0] is its name. */
typedef void test_ovn_func(int argc, char *argv[]);
void test_ovn_register(const char *name, int min_args, int max_args,
                       test_ovn_func *);

/* Makes FUNC the command NAME, which takes MIN to MAX arguments. */
#define TEST_OVN_COMMAND(NAME, MIN, MAX, FUNC)                          \
    static void __attribute__((constructor)) test_ovn_register_##FUNC(void) \
    {                                                                   \
        test_ovn_register(NAME, MIN, MAX, FUNC);                        \
    }                                                                   \
    static void test_ovn_register_##FUNC(void)

#endif /* tests/test-ovn.h */
