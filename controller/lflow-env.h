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
void lflow_env_destroy(void);
const struct shash *lflow_env_symtab(void);

/* NULL if 'dp' is not local. */
const struct lflow_dp *lflow_env_dp(struct inc_unit *, const struct uuid *dp);
/* Appends the local datapaths of Logical_DP_Group 'group' to '*dps' (whose
 * array the caller frees). */
void lflow_env_group(struct inc_unit *, const struct uuid *group,
                     const struct lflow_dp ***dps, size_t *n);
/* The local datapath with tunnel key 'key', or NULL. */
const struct lflow_dp *lflow_env_dp_by_key(struct inc_unit *, uint32_t key);

/* Whether packets of logical port 'lport', of a local datapath, can enter or
 * leave the logical pipeline here: not those of a VIF of another chassis. */
bool lflow_env_takes_part(struct inc_unit *, const char *lport);

/* The value of template variable 'name' on this chassis, or NULL; 'unit' is a
 * "struct inc_unit *". */
const char *lflow_env_template_var(const char *name, void *unit);

struct lflow_sample;

/* One logical flow's questions. */
struct lflow_env {
    struct expr_env env;        /* To be passed to the library. */
    struct inc_unit *unit;
    const struct lflow_dp *dp;  /* The datapath at hand, may be changed. */

    /* Set when an answer depended on 'dp'. */
    bool asked_port;
    bool asked_port_group;

    struct hmap ports;          /* Those asked for, by the answer. */
    struct shash address_sets;  /* Those asked for: expr_constant_sets. */
    /* If 'sample' is not NULL, address sets are those samples of them. */
    const struct lflow_sample *sample;
    bool sample_before;
    struct gen_opt opt;         /* The last option asked for. */
};
void lflow_env_start(struct lflow_env *, struct inc_unit *);
void lflow_env_finish(struct lflow_env *);
void lflow_env_forget_address_sets(struct lflow_env *);
void lflow_env_set_dp(struct lflow_env *, const struct lflow_dp *);
/* Whether 'key', which has been answered for the datapath at hand, is that of
 * a port that takes part here. */
bool lflow_env_key_takes_part(const struct lflow_env *, uint32_t key);
/* For "struct ovnact_parse_params". */
const struct gen_opt *lflow_env_option(const char *name, bool is_dhcpv6,
                                       void *env);

#endif /* controller/lflow-env.h */
