/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LFLOW_SAMPLE_H
#define CONTROLLER_LFLOW_SAMPLE_H 1

/* Small stand-ins for large address sets
 * ======================================
 *
 * When members of an address set come or go, what becomes of a logical flow
 * that mentions the set is found out by compiling it twice: with a sample of
 * the set as it was before, and one as it is now.  See "Samples" in
 * ovn/expr.h for when this is right.
 *
 * In the samples are the members that have come or gone, two of each set that
 * stay, and those that the logical flow mentions otherwise, too: what the
 * three have in common is that their flows may be those of more than one part
 * of the expression.  A set that is part of the text, but has fewer than two
 * members, is taken as a whole, like what is written out.
 *
 * Port groups have few members here, so there are no samples of them; what has
 * come to them and gone from them is known, too: see lflow-env.c.
 *
 * To be used from within a unit's update(). */

#include <stdbool.h>
#include <stddef.h>
#include "inc-proc-eng.h"

struct expr;
struct expr_constant_set;

struct lflow_sample {
    struct inc_unit *unit;
    struct sampled_set *sets;   /* Those that the text mentions. */
    size_t n_sets, allocated_sets;
    struct sampled_key *keys;   /* Members that are in the samples. */
    size_t n_keys, allocated_keys;
};

/* Prepares for a logical flow with the given match.  Returns false if samples
 * do not do.  To be destroyed in any case. */
bool lflow_sample_init(struct lflow_sample *, struct inc_unit *,
                       const char *match);
void lflow_sample_destroy(struct lflow_sample *);

/* A sample of set 'name', as it was 'before' or as it is, for the caller to
 * free; NULL if there is none. */
struct expr_constant_set *lflow_sample_get(const struct lflow_sample *,
                                           const char *name, bool before);
/* Adds members that normalized 'expr' mentions otherwise.  Returns whether
 * there were any. */
bool lflow_sample_extend(struct lflow_sample *, const struct expr *);
/* How many times more members than samples sets have. */
size_t lflow_sample_scale(const struct lflow_sample *);

#endif /* controller/lflow-sample.h */
