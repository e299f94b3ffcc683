/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LFLOW_ENV_H
#define CONTROLLER_LFLOW_ENV_H 1

/* What logical flows ask of the world
 * ===================================
 *
 * The language library asks its questions (what is the key of this port, what
 * is in this address set) through "struct expr_env".  Here they are answered
 * with reads of the engine's cells, so that a logical flow is subscribed to
 * exactly what its text mentions.
 *
 * Most of what is read here is derived in earlier stages from cells that know
 * more than a logical flow should depend on: a group of a thousand datapaths
 * is one cell. */

#include "inc-proc-eng.h"
#include "inputs.h"
#include "openvswitch/shash.h"
#include "ovn/actions.h"
#include "ovn/expr.h"
#include "ovn/gen-opts.h"

/* A local datapath as far as logical flows depend on it. */
struct lflow_dp {
    struct uuid uuid;
    uint32_t tunnel_key;
    bool is_switch;
    bool has_snat_zone;         /* Has external_ids:snat-ct-zone. */
};

void lflow_env_init(struct inc_engine *);

/* NULL if 'dp' is not local. */
const struct lflow_dp *lflow_env_dp(struct inc_unit *, const struct uuid *dp);
/* Appends the local datapaths of Logical_DP_Group 'group' to '*dps' (whose
 * array the caller frees). */
void lflow_env_group(struct inc_unit *, const struct uuid *group,
                     const struct lflow_dp ***dps, size_t *n);
/* Appends the local datapaths that 'lb' is used on to '*dps' (whose array the
 * caller frees). */
void lflow_env_lb(struct inc_unit *, const struct load_balancer *lb,
                  const struct lflow_dp ***dps, size_t *n);
/* The local datapath with tunnel key 'key', or NULL. */
const struct lflow_dp *lflow_env_dp_by_key(struct inc_unit *, uint32_t key);

/* Whether packets of logical port 'lport', of a local datapath, can enter or
 * leave the logical pipeline here: not those of a VIF of another chassis. */
bool lflow_env_takes_part(struct inc_unit *, const char *lport);

struct lflow_sample;

/* One logical flow's questions. */
struct lflow_env {
    struct expr_env env;        /* To be passed to the library. */
    struct inc_unit *unit;
    const struct lflow_dp *dp;  /* The datapath at hand, may be changed. */

    unsigned int asked;         /* For struct lflow_memo. */

    struct hmap ports;          /* Those asked for, by the answer. */
    struct shash address_sets;  /* Those asked for: expr_constant_sets. */
    struct shash port_groups;   /* The same, by KEY_NAME. */
    /* If 'sample' is not NULL, address sets are those samples of them. */
    const struct lflow_sample *sample;
    bool sample_before;
    bool sample_fails;          /* Samples do not do. */
    struct gen_opt opt;         /* The last option asked for. */
};
void lflow_env_start(struct lflow_env *, struct inc_unit *);
void lflow_env_finish(struct lflow_env *);
void lflow_env_forget_address_sets(struct lflow_env *);
void lflow_env_set_dp(struct lflow_env *, const struct lflow_dp *);
/* A fact about the datapath at hand, for "struct ovnact_encode_params". */
uint32_t lflow_env_dp_fact(struct lflow_env *, enum ovnact_dp_fact);

/* A flow that applies to many datapaths is computed in steps, and mostly a
 * step comes to the same for all of them.  Nobody has to know which ones do:
 * what a step asks about the datapath at hand is noted, and its result is good
 * for each datapath about which the answers would be the same.
 *
 *     if (!lflow_memo_is_good(&memo, &env)) {
 *         lflow_memo_begin(&env);
 *         ...compute and keep the result...
 *         lflow_memo_end(&memo, &env);
 *     }
 *
 * Steps do not nest. */
struct lflow_memo {
    const struct lflow_dp *dp;  /* NULL: there is no result. */
    unsigned int asked;         /* Bits: enum ovnact_dp_fact, and another. */
};
bool lflow_memo_is_good(const struct lflow_memo *,
                        const struct lflow_env *);
void lflow_memo_begin(struct lflow_env *);
void lflow_memo_end(struct lflow_memo *, const struct lflow_env *);

/* Whether 'key', which has been answered for the datapath at hand, is that of
 * a port that takes part here. */
bool lflow_env_key_takes_part(const struct lflow_env *, uint32_t key);
/* For "struct ovnact_parse_params". */
const struct gen_opt *lflow_env_option(const char *name, bool is_dhcpv6,
                                       void *env);

#endif /* controller/lflow-env.h */
