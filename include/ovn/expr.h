/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_EXPR_H
#define OVN_EXPR_H 1

/* Logical-flow expressions
 * ========================
 *
 * From the text of a match to OpenFlow matches, in the steps that ovn-sb(5)
 * (Logical_Flow table, "match" column) describes:
 *
 *     text --parse--> tree --annotate--> --simplify--> --normalize--> DNF
 *          --to_matches--> OpenFlow matches
 *
 *   - parse: symbols are looked up, types and levels of measurement checked,
 *     predicates expanded, sets turned into comparisons joined by || or &&.
 *   - annotate: the prerequisites of every symbol are ANDed in.
 *   - simplify: inequalities become bitwise equalities; nothing but ==, &&,
 *     || remains.  is_chassis_resident() is resolved to a constant.
 *   - normalize: disjunctive normal form, in which one disjunct may be a
 *     conjunctive match (see ovs-fields(7)) where that is smaller.
 *
 * Each step takes the tree it is given (it must not be used afterwards) and
 * returns the new one.  Match and prerequisites of the actions are joined
 * with expr_and() between parsing and annotating.
 *
 * The library knows no database.  What it must ask (a port's key, an address
 * set), it asks through "struct expr_env".
 *
 * Thread-safety: a symbol table is read-only once built and may be shared.
 * Trees belong to one thread at a time. */

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/shash.h"
#include "ovn/lex.h"
#include "ovs-atomic.h"

struct ds;
struct expr;
struct ofpbuf;

/* Symbols. */

/* Level of measurement: which relational operators make sense. */
enum expr_level {
    EXPR_L_NOMINAL,             /* == and != only, no masks: "enumerations". */
    EXPR_L_BOOLEAN,             /* 1-bit or predicates: may stand alone. */
    EXPR_L_ORDINAL,             /* Every operator; subfields, masks. */
};
const char *expr_level_to_string(enum expr_level);

/* A name that may stand in an expression.  Exactly one of 'field', 'parent',
 * 'predicate' and 'ovn_field' says what it is. */
struct expr_symbol {
    char *name;
    int width;                  /* In bits; 0 for strings. */

    const struct mf_field *field;     /* A whole OpenFlow field, */
    const struct expr_symbol *parent; /* bits of another symbol, */
    int parent_ofs;
    char *predicate;            /* or a Boolean predicate's text. */
    const struct ovn_field *ovn_field; /* or an OVN field (no OpenFlow one).*/

    enum expr_level level;
    char *prereqs;              /* Expression text, or NULL. */
    bool must_crossproduct;     /* Not to be a dimension of a conjunction. */
    bool rw;                    /* Whether actions may write it. */

    /* 'predicate' or 'prereqs', parsed and annotated, NULL as long as nobody
     * has asked.  The one thing in a symbol that changes after it is built:
     * whichever thread comes first puts it in, for good. */
    ATOMIC(struct expr *) expansion;
};

/* Fields of the OVN language that no OpenFlow field implements: actions may
 * load them ("icmp4.frag_mtu = 1500;"). */
enum ovn_field_id {
    OVN_ICMP4_FRAG_MTU,
    OVN_ICMP6_FRAG_MTU,
    OVN_FIELD_N_IDS
};
struct ovn_field {
    enum ovn_field_id id;
    const char *name;
    unsigned int n_bytes, n_bits;
};

/* Adding symbols to 'symtab' (name -> struct expr_symbol).  Names must be
 * new.  The strings are copied. */
struct expr_symbol *expr_symtab_add_field(struct shash *symtab,
                                          const char *name,
                                          enum mf_field_id,
                                          const char *prereqs,
                                          bool must_crossproduct);
struct expr_symbol *expr_symtab_add_string(struct shash *symtab,
                                           const char *name,
                                           enum mf_field_id,
                                           const char *prereqs);
struct expr_symbol *expr_symtab_add_subfield(struct shash *symtab,
                                             const char *name,
                                             const char *prereqs,
                                             const char *subfield);
struct expr_symbol *expr_symtab_add_predicate(struct shash *symtab,
                                              const char *name,
                                              const char *expansion);
struct expr_symbol *expr_symtab_add_ovn_field(struct shash *symtab,
                                              const char *name,
                                              enum ovn_field_id);
void expr_symbol_format(const struct expr_symbol *, struct ds *);
/* Frees the symbols and empties 'symtab', which is left to the caller to
 * destroy. */
void expr_symtab_destroy(struct shash *symtab);

/* What the library asks of the world. */

/* A set of constants.  'strings' for port groups, 'integers' for address
 * sets. */
struct expr_constant {
    union mf_subvalue value, mask;
    bool masked;
    bool sample;                /* See "Samples" below. */
    enum lex_format format;
    char *string;               /* For strings; else NULL. */
};
struct expr_constant_set {
    struct expr_constant *values;
    size_t n;
    bool is_string;
    bool in_curlies;
};
void expr_constant_set_destroy(struct expr_constant_set *); /* And frees. */
/* From addresses as Address_Set.addresses holds them.  Addresses that are
 * malformed are left out and reported in '*errors' (one line each; NULL if
 * none; caller frees). */
struct expr_constant_set *expr_constant_set_from_addresses(
    const char *const *addresses, size_t n, char **errors);
struct expr_constant_set *expr_constant_set_from_ports(
    const char *const *names, size_t n);

/* One address as Address_Set.addresses holds it, and in few bytes, of which
 * the first is its format.  Addresses that mean the same, however they are
 * written ("fd00::A" and "fd00::a", "10.0.0.1/32" and "10.0.0.1"), have the
 * same bytes. */
#define EXPR_PACKED_MAX_LEN 33
char *expr_constant_from_address(const char *address, struct expr_constant *);
size_t expr_constant_pack(const struct expr_constant *,
                          uint8_t packed[EXPR_PACKED_MAX_LEN]);
void expr_constant_unpack(const uint8_t *packed, size_t len,
                          struct expr_constant *);
/* A set of 'n' that the caller fills in. */
struct expr_constant_set *expr_constant_set_create(size_t n);

struct expr_env {
    const struct shash *symtab;

    /* Address set 'name' or port group 'name' (of the datapath at hand).
     * NULL if there is none.  The result is borrowed until the next call. */
    const struct expr_constant_set *(*address_set)(const char *name,
                                                   void *aux);
    const struct expr_constant_set *(*port_group)(const char *name, void *aux);
    /* The value of template variable 'name' or NULL. */
    const char *(*template_var)(const char *name, void *aux);
    /* Logical port or multicast group 'name' of the datapath at hand: true
     * and its '*key', the tunnel_key of its row; or false. */
    bool (*port_key)(const char *name, unsigned int *key, void *aux);
    /* Is logical port 'name' resident on this chassis? */
    bool (*is_chassis_resident)(const char *name, void *aux);
    void *aux;

    /* Whether expr_normalize() leaves out comparisons that others cover where
     * it intersects sets of them, as in "f != {1, 2}". */
    bool leaves_out_covered;
    /* Whether in place of "f != C" expr_simplify() puts comparisons whose
     * masks are prefixes of that of C, rather than of one bit each. */
    bool negates_by_prefix;
};

/* Trees. */

/* Bounds on what one expression may ask for.
 *
 * Parentheses may be nested this deeply. */
#define EXPR_MAX_NESTING 100
/* A tree may have this many comparisons, sets and prerequisites written out,
 * at any step.  This is what keeps an expression like "reg0 != {1, 2, 3, 4}",
 * whose disjunctive normal form has 2**20 terms, from taking all memory.  An
 * address set of 10,000 addresses is far below it, and so is anything that
 * ovn-northd writes.  (Fuzzers are built with a small one, because they would
 * spend their time on expressions like that.) */
#ifndef EXPR_MAX_TERMS
#define EXPR_MAX_TERMS (1u << 19)
#endif

/* Parses 'text', in which it first expands template variables ("^name") if
 * 'env' has 'template_var'.  Returns a tree, or NULL and sets '*errorp'
 * (caller frees). */
struct expr *expr_parse_text(const char *text, const struct expr_env *,
                             char **errorp);

/* Each takes the tree and returns the new one; those with 'errorp' return
 * NULL on error, after setting '*errorp' to the message (caller frees).
 *
 * Prerequisites are only parsed and type-checked with the symbols: a
 * prerequisite that does not parse is found when the tree is annotated. */
struct expr *expr_annotate(struct expr *, const struct shash *symtab,
                           char **errorp);
struct expr *expr_simplify(struct expr *, const struct expr_env *);
struct expr *expr_normalize(struct expr *, const struct expr_env *,
                            char **errorp);

/* Returns "a && b", "a || b".  Either may be NULL, which is left out. */
struct expr *expr_and(struct expr *a, struct expr *b);
struct expr *expr_or(struct expr *a, struct expr *b);
/* Returns the constant true or false. */
struct expr *expr_boolean(bool);
/* Whether 'expr' is the constant 'value'. */
bool expr_is_boolean(const struct expr *, bool value);

struct expr *expr_clone(const struct expr *);
void expr_destroy(struct expr *);
void expr_format(const struct expr *, struct ds *);
/* The same with fields' values as ovs-fields(7) writes them ("10.0.0.1", where
 * the former has 0xa000001), for people. */
void expr_format_plainly(const struct expr *, struct ds *);
bool expr_is_simplified(const struct expr *);
bool expr_is_normalized(const struct expr *);

/* Evaluates 'expr' for 'flow'. */
bool expr_evaluate(const struct expr *, const struct flow *,
                   const struct expr_env *);

/* Parses 'text' as a microflow: a conjunction that gives every field it names
 * one value, prerequisites included.  Returns an error (caller frees) or
 * NULL. */
char *expr_parse_microflow(const char *text, const struct expr_env *,
                           struct flow *);

/* The first string but 'except' (NULL: any) that a comparison in 'expr' says
 * string field 'symbol' equals, or NULL.  Borrowed from 'expr'. */
const char *expr_find_string(const struct expr *, const char *symbol,
                             const char *except);

/* OpenFlow matches. */

/* One clause of a conjunctive match that a flow takes part in. */
struct expr_clause {
    uint32_t id;                /* 1, 2, ... within one expression. */
    uint8_t clause;             /* 0-based. */
    uint8_t n_clauses;
};

struct expr_match {
    struct match match;         /* Without metadata (the datapath). */
    struct expr_clause *clauses; /* Nonempty: actions=conjunction(...) only.
                                  * If match.flow.conj_id is nonzero, it is
                                  * such a relative id, too. */
    size_t n_clauses;
};
/* Cannot be moved, because it may point into itself. */
struct expr_matches {
    struct expr_match *matches;
    size_t n, allocated;
    uint32_t n_conjunctions;    /* Ids in use are 1...n_conjunctions. */
    struct expr_match stub[1];  /* Most expressions have one match. */
};

/* Converts normalized 'expr', which it does not consume, into '*matches',
 * which it initializes.  String fields are resolved with env->port_key();
 * a disjunct that names an unknown port, or that no packet can fulfill, is
 * left out.  The matches are all different: what is a clause of several
 * conjunctions is one match with several clauses. */
void expr_to_matches(const struct expr *, const struct expr_env *,
                     struct expr_matches *matches);
void expr_matches_destroy(struct expr_matches *);
/* Appends the matches to 's', one a line, in order. */
void expr_matches_format(const struct expr_matches *, struct ds *s);

/* Samples.
 *
 * An expression that mentions an address set of thousands of members mostly
 * comes to one match a member, which has nothing to do with other members.
 * Then what becomes of a few members, a sample of the set, need not be found
 * out by compiling the expression with all of them: it is what becomes of them
 * if the set has no others.  This is so if
 *
 *   - the set is tested for equality, and not within an odd number of "!"s;
 *   - nothing else in the same conjunction is about the same field;
 *   - each member goes its own way: either it is one of the alternatives in a
 *     dimension of a conjunctive match, or it is in a match of its own, in
 *     which there is no other set's member and no dimension;
 *   - the set, and the sample, have at least two members, so that they are a
 *     disjunction, and none that matches everything;
 *   - all members of the set are addresses of the field's kind, so that equal
 *     values come of equal members only;
 *   - the sample includes all members that equal something else that the
 *     expression, normalized, compares with the field.
 *
 * The last three are for the caller to see to.  The others are checked here,
 * on the comparisons that come of constants with 'sample' set.
 *
 * The same is true of ports that join or leave a port group, of which there
 * are few in one place: the group is taken as a whole, before and after, and
 * those that have come or gone have 'sample' set. */

/* Compiles 'text' and, if that is nonnull, 'prereqs', which stays the
 * caller's, to normal form.  Returns NULL if there is an error, or if the
 * conditions are not met.  Sets '*n_terms' to the number of comparisons that
 * count against EXPR_MAX_TERMS. */
struct expr *expr_compile_sample(const char *text, const struct expr *prereqs,
                                 const struct expr_env *, size_t *n_terms);
/* Calls 'cb' with each constant, packed, that normalized 'expr' compares with
 * a field that it compares with samples, but for the samples themselves. */
void expr_for_each_beside_samples(const struct expr *,
                                  void (*cb)(const uint8_t *packed, size_t len,
                                             void *aux), void *aux);

/* Fields in actions. */

/* A field or subfield as an operand of an action. */
struct expr_field {
    const struct expr_symbol *symbol;
    int ofs;                    /* In bits, within the symbol. */
    int n_bits;                 /* 0 for strings. */
};
/* Parses "FIELD" or "FIELD[ofs]" or "FIELD[ofs..end]" at the cursor.  If
 * 'prereqs' is nonnull, ANDs the field's prerequisites, annotated, into
 * '*prereqs', which may be NULL.  Returns false, with the error in the cursor,
 * on error. */
bool expr_field_parse(struct lex_cursor *, const struct shash *symtab,
                      struct expr_field *, struct expr **prereqs);
void expr_field_format(const struct expr_field *, struct ds *);
/* The OpenFlow (sub)field behind it. */
struct mf_subfield expr_field_resolve(const struct expr_field *);
/* NULL if the field can be what is asked ('n_bits' of 0: a string; 'rw':
 * written), else a message (caller frees). */
char *expr_field_check(const struct expr_field *, int n_bits, bool rw);

/* Parses a constant for 'field' at the cursor (a number, a string, or a
 * template's expansion). */
bool expr_constant_parse(struct lex_cursor *, const struct expr_field *,
                         struct expr_constant *);
void expr_constant_format(const struct expr_constant *,
                          const struct expr_field *, struct ds *);
void expr_constant_destroy(struct expr_constant *);
bool expr_constant_set_parse(struct lex_cursor *, struct expr_constant_set *);
void expr_constant_set_format(const struct expr_constant_set *, struct ds *);

#endif /* ovn/expr.h */
