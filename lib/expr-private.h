/* SPDX-License-Identifier: Apache-2.0 */

#ifndef EXPR_PRIVATE_H
#define EXPR_PRIVATE_H 1

/* The expression tree, as the lib/expr-*.c files share it.
 *
 *     expr-symtab      symbols
 *     expr-constant    constants and sets of constants
 *     expr-field       fields and subfields
 *     expr-parse       text -> tree
 *     expr-format      tree -> text
 *     expr-tree        building, copying and freeing trees
 *     expr-annotate    prerequisites, predicates and subfields written out
 *     expr-simplify    bitwise equalities only
 *     expr-normalize   disjunctive normal form
 *     expr-match       OpenFlow matches
 *     expr-sample      what becomes of some members of a set
 *     expr-evaluate    the truth value for a given packet; microflows
 *
 * No field in the language is wider than 128 bits, therefore values and masks
 * are ovs_u128s. */

#include "byte-order.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/types.h"
#include "ovn/expr.h"
#include "unaligned.h"
#include "util.h"

#define EXPR_MAX_WIDTH 128

enum expr_relop {
    EXPR_R_EQ,
    EXPR_R_NE,
    EXPR_R_LT,
    EXPR_R_LE,
    EXPR_R_GT,
    EXPR_R_GE,
};
const char *expr_relop_to_string(enum expr_relop);
bool expr_relop_from_token(enum lex_type, enum expr_relop *);
/* "a R b" is "b turn(R) a"; "!(a R b)" is "a invert(R) b". */
enum expr_relop expr_relop_turn(enum expr_relop);
enum expr_relop expr_relop_invert(enum expr_relop);

enum expr_type {
    EXPR_T_CMP,                 /* A comparison of a symbol to a constant. */
    EXPR_T_AND,                 /* Conjunction. */
    EXPR_T_OR,                  /* Disjunction. */
    EXPR_T_BOOLEAN,             /* True or false. */
    EXPR_T_RESIDENT,            /* [!]is_chassis_resident(). */
};

/* Whether a comparison is with a sample of a set, see ovn/expr.h. */
enum expr_sample {
    EXPR_S_NONE,
    EXPR_S_PLAIN,               /* It is... */
    EXPR_S_ODD,                 /* ...in a way that does not meet the
                                 * conditions. */
};

struct expr_cmp {
    const struct expr_symbol *symbol;
    enum expr_relop relop;
    enum expr_sample sample;
    char *string;               /* String symbols; NULL for others. */

    /* Other symbols.  A bit in 'value' may be 1 only if it is in 'mask'.  If
     * 'relop' is not EQ or NE, the 1-bits in 'mask' are contiguous. */
    ovs_u128 value;
    ovs_u128 mask;
};

/* A node.  No operand of an AND is an AND, and no operand of an OR is an
 * OR. */
struct expr {
    enum expr_type type;
    union {
        struct expr_cmp cmp;    /* EXPR_T_CMP. */
        struct {                /* EXPR_T_AND, EXPR_T_OR. */
            struct expr **subs; /* Operands, owned. */
            size_t n, allocated;
        };
        bool boolean;           /* EXPR_T_BOOLEAN. */
        struct {                /* EXPR_T_RESIDENT. */
            char *port;
            bool negated;
        } resident;
    };
};

static inline bool
expr_is_andor(const struct expr *e)
{
    return e->type == EXPR_T_AND || e->type == EXPR_T_OR;
}

struct expr *expr_new_cmp(const struct expr_symbol *, enum expr_relop);
struct expr *expr_new_string_cmp(const struct expr_symbol *, enum expr_relop,
                                 const char *string);
struct expr *expr_new_resident(const char *port, bool negated);
/* What the parser makes of the name of 'symbol', which has one bit, if it
 * stands alone.  And whether 'e' is that, or has it in its outermost
 * conjunction; it may be NULL. */
struct expr *expr_new_bare(const struct expr_symbol *symbol);
bool expr_has_bare(const struct expr *e, const struct expr_symbol *symbol);

/* An AND or OR without operands, to which expr_add() adds owned ones, and
 * expr_add_unmerged() also if they are of the same type.  expr_finish() then
 * turns one with fewer than two operands into what it means. */
struct expr *expr_new_andor(enum expr_type);
void expr_add(struct expr *andor, struct expr *sub);
void expr_add_unmerged(struct expr *andor, struct expr *sub);
struct expr *expr_finish(struct expr *andor);
/* Frees an AND or OR, but not its operands. */
void expr_free_shell(struct expr *andor);

struct expr *expr_combine(enum expr_type, struct expr *a, struct expr *b);
struct expr *expr_not(struct expr *);

/* expr_normalize(), which also counts the comparisons that it makes, and says
 * whether a sample's is ANDed with another one of the same field. */
struct expr_normalize_stats {
    size_t n_terms;
    bool samples_met;
};
struct expr *expr_normalize_with_stats(struct expr *, const struct expr_env *,
                                       struct expr_normalize_stats *,
                                       char **errorp);

/* Number of comparisons in the tree. */
size_t expr_n_terms(const struct expr *);
/* The message for a tree that has more than EXPR_MAX_TERMS. */
char *expr_too_big_error(void);

/* Whether the field of some packet can have the bits that are set in 'value'.
 * The switch keeps two 16-bit fields in 8 bits: in a match or a packet others
 * would be lost, and ARP's operation 257 be its operation 1. */
bool expr_packet_can_have(const struct expr_symbol *, ovs_u128 value);

/* If all operands of 'andor' are comparisons of one symbol, returns the
 * symbol, otherwise NULL. */
const struct expr_symbol *expr_single_symbol(const struct expr *andor);

/* The number of bits of an address in that format, 0 if it is none. */
int expr_format_width(enum lex_format);

/* Parsing of parts. */
bool expr_parse_field_name(struct lex_cursor *, const struct shash *symtab,
                           struct expr_field *);
bool expr_parse_constant_set(struct lex_cursor *, const struct expr_env *,
                             struct expr_constant_set *);
/* Whether the constants may be compared with 'symbol' or assigned to it. */
bool expr_check_constants(struct lex_cursor *, const struct expr_symbol *,
                          const struct expr_constant_set *);
void expr_constant_set_clear(struct expr_constant_set *);
/* The prerequisites of 'symbol', which it must have, annotated.  NULL on
 * error, after setting '*errorp' to the message (caller frees). */
struct expr *expr_symbol_parse_prereqs(const struct expr_symbol *symbol,
                                       const struct shash *symtab,
                                       char **errorp);

/* 128-bit arithmetic that libopenvswitch does not have. */

static inline ovs_u128
expr_u128_or(ovs_u128 a, ovs_u128 b)
{
    return (ovs_u128) { .u64 = { .hi = a.u64.hi | b.u64.hi,
                                 .lo = a.u64.lo | b.u64.lo } };
}

static inline ovs_u128
expr_u128_xor(ovs_u128 a, ovs_u128 b)
{
    return (ovs_u128) { .u64 = { .hi = a.u64.hi ^ b.u64.hi,
                                 .lo = a.u64.lo ^ b.u64.lo } };
}

static inline bool
expr_u128_bit(ovs_u128 a, int bit)
{
    return (bit < 64 ? a.u64.lo >> bit : a.u64.hi >> (bit - 64)) & 1;
}

static inline ovs_u128
expr_u128_shift_left(ovs_u128 a, int n)
{
    ovs_u128 b = OVS_U128_ZERO;
    if (n >= 64) {
        b.u64.hi = a.u64.lo << (n - 64);
    } else if (n > 0) {
        b.u64.hi = a.u64.hi << n | a.u64.lo >> (64 - n);
        b.u64.lo = a.u64.lo << n;
    } else {
        b = a;
    }
    return b;
}

static inline ovs_u128
expr_u128_shift_right(ovs_u128 a, int n)
{
    ovs_u128 b = OVS_U128_ZERO;
    if (n >= 64) {
        b.u64.lo = a.u64.hi >> (n - 64);
    } else if (n > 0) {
        b.u64.lo = a.u64.lo >> n | a.u64.hi << (64 - n);
        b.u64.hi = a.u64.hi >> n;
    } else {
        b = a;
    }
    return b;
}

/* 'n' 1-bits, 1 <= n <= 128, from bit 'ofs' on. */
static inline ovs_u128
expr_u128_ones(int ofs, int n)
{
    return expr_u128_shift_left(expr_u128_shift_right(OVS_U128_MAX, 128 - n),
                                ofs);
}

/* Number of bits up to and including the most significant 1-bit. */
static inline int
expr_u128_width(ovs_u128 a)
{
    return (a.u64.hi ? 128 - raw_clz64(a.u64.hi)
            : a.u64.lo ? 64 - raw_clz64(a.u64.lo) : 0);
}

/* If the 1-bits in 'mask' are contiguous, sets '*ofs' and '*n' and returns
 * true. */
bool expr_u128_contiguous(ovs_u128 mask, int *ofs, int *n);

static inline ovs_u128
expr_u128_from_subvalue(const union mf_subvalue *sv)
{
    const uint8_t *bytes = &sv->u8[sizeof *sv - 16];
    return (ovs_u128) { .u64 = {
        .hi = ntohll(get_unaligned_be64(ALIGNED_CAST(const ovs_be64 *,
                                                     bytes))),
        .lo = ntohll(get_unaligned_be64(ALIGNED_CAST(const ovs_be64 *,
                                                     bytes + 8))) } };
}

#endif /* lib/expr-private.h */
