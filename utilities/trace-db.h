/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_DB_H
#define TRACE_DB_H 1

/* The southbound database, as a trace sees it
 * ===========================================
 *
 * Look-ups by name and key over what the IDL has, and the answers to what the
 * language library asks.
 *
 * Of a large database, a trace needs little: the logical flows, MAC bindings
 * and FDB entries of the datapaths that the packet comes through.  These
 * tables are monitored only for datapaths that have been asked for.  Which
 * ones a packet comes through is known only after it has: so a trace notes
 * the datapaths that it misses (trace_db_has()), goes on without them, and
 * is run again once they are there (trace_db_fetch()).  While a trace runs,
 * nothing changes.
 *
 * A small database is read as a whole. */

#include <netinet/in.h>
#include "openvswitch/compiler.h"
#include "openvswitch/hmap.h"
#include "openvswitch/shash.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"
#include "ovn/dialect.h"
#include "ovn/expr.h"
#include "uuidset.h"

struct ds;
struct gen_opts;
struct ovsdb_idl;
struct sbrec_multicast_group;
struct sbrec_port_binding;
struct sset;
struct sbrec_logical_dp_group;
struct trace_flows;
struct trace_lbs;
struct trace_rows;
struct trace_served;

struct trace_dp {
    struct hmap_node uuid_node;
    struct uuid sb_uuid;
    struct uuid nb_uuid;        /* Of its switch or router; or zero. */
    const char *name;           /* Never NULL. */
    const char *friendly_name;
    const char *unfriendly_name;
    uint32_t key;
    bool is_router;
    bool has_l3gateway;         /* A gateway router. */
    struct hmap ports;          /* "struct trace_port"s by 'key_node'. */
    struct hmap mcgroups;       /* "struct trace_mcgroup"s by 'key_node'. */
};

struct trace_port {
    struct hmap_node key_node;
    const struct sbrec_port_binding *row;
    struct trace_dp *dp;
    const char *name;
    const char *friendly_name;
    const char *type;
    uint32_t key;
    bool is_nf;                 /* A network function's. */

    /* The other end of a "patch" or "l3gateway" port, or the port that a
     * "chassisredirect" port stands for.  NULL if there is none. */
    struct trace_port *peer;
    struct trace_port *distributed_port;
};

struct trace_mcgroup {
    struct hmap_node key_node;
    const struct sbrec_multicast_group *row;
    const char *name;
    uint32_t key;
};

struct trace_db {
    struct ovsdb_idl *idl;

    /* What has changed since the last refresh. */
    bool ports_changed;         /* Datapaths, ports, multicast groups. */
    bool sets_changed;          /* What texts of logical flows refer to. */
    bool flows_changed;
    bool lbs_changed;
    bool chassis_changed;
    struct uuidset changed_flows;

    struct hmap dps;            /* "struct trace_dp"s by 'uuid_node'. */
    struct shash ports;         /* "struct trace_port"s by name. */
    struct shash address_sets;  /* sbrec_address_set; parsed on demand: */
    struct shash parsed_sets;   /* struct expr_constant_set. */
    struct shash port_groups;   /* sbrec_port_group. */
    struct gen_opts *dhcp_opts, *dhcpv6_opts;
    struct shash symtab;

    struct ovn_dialect dialect; /* By SB_Global alone. */

    struct trace_rows *rows;
    struct trace_flows *flows;
    struct trace_lbs *lbs;
    bool any_local;             /* trace_lbs_any_local(). */
    struct trace_served *served;
    struct uuidset wanted;      /* Datapaths whose rows are there... */
    struct uuidset missed;      /* ...and that should be. */
    bool wants_all;             /* Those of all datapaths are there. */

    struct sset *warned;        /* Texts of warnings that have been given. */
};

/* A database at 'remote'.  For a daemon, changes are seen. */
struct trace_db *trace_db_create(const char *remote, bool is_daemon,
                                 bool leader_only);
void trace_db_destroy(struct trace_db *);

/* Takes what has arrived.  Must not be called while a trace runs. */
void trace_db_run(struct trace_db *);
void trace_db_wait(struct trace_db *);
/* NULL as long as there is hope of a connection, else what is wrong (caller
 * frees). */
char *trace_db_error(const struct trace_db *);
/* From now on, the connection may get lost and is made again. */
void trace_db_enable_reconnect(struct trace_db *);

/* Whether the tables that are monitored in full are there. */
bool trace_db_is_ready(const struct trace_db *);

/* To be called before a trace: makes the look-ups up to date. */
void trace_db_refresh(struct trace_db *);

/* Whether the rows of 'dp' are there.  If not, notes that they are missed. */
bool trace_db_has(struct trace_db *, const struct trace_dp *dp);
/* Whether those of all datapaths are. */
bool trace_db_has_all(const struct trace_db *);
/* Starts to fetch what was missed.  Returns true if there was anything, and
 * then '*condition_seqno' is what to wait for with trace_db_has_fetched(). */
bool trace_db_fetch(struct trace_db *, unsigned int *condition_seqno);
bool trace_db_has_fetched(const struct trace_db *,
                          unsigned int condition_seqno);

/* Look-ups; NULL if there is no such thing. */
struct trace_dp *trace_db_dp_by_name(const struct trace_db *, const char *);
struct trace_port *trace_db_port(const struct trace_db *, const char *name);
struct trace_port *trace_dp_port(const struct trace_dp *, uint32_t key);
struct trace_mcgroup *trace_dp_mcgroup(const struct trace_dp *, uint32_t key);

/* The owners (see trace-rows.h) of datapath 'dp''s logical flows: 'dp' itself,
 * which comes first, and the groups that it is a member of.  The caller frees
 * the result. */
struct uuid *trace_db_owners(const struct trace_db *, const struct uuid *dp,
                             size_t *n);

/* The ports of 'mcgroup', in order of their names, for the
 * caller to free. */
struct trace_port **trace_mcgroup_ports(const struct trace_db *,
                                        const struct trace_mcgroup *,
                                        size_t *n);

/* The MAC address that neighbor 'ip' (IPv4 as IPv4-mapped) of port 'port_key'
 * has according to MAC_Binding and Static_MAC_Binding.  False if there is
 * none. */
bool trace_db_neighbor(const struct trace_db *, const struct trace_dp *,
                       uint32_t port_key, const struct in6_addr *ip,
                       struct eth_addr *mac);
/* Whether one of the rows of those tables about 'ip' has 'mac'. */
bool trace_db_has_neighbor(const struct trace_db *, const struct trace_dp *,
                           uint32_t port_key, const struct in6_addr *ip,
                           struct eth_addr mac);
/* The port behind which 'mac' is according to the FDB table, or 0. */
uint32_t trace_db_fdb(const struct trace_db *, const struct trace_dp *,
                      struct eth_addr mac);

/* What the language library asks.  'env->aux' is a "struct trace_env". */
struct sbrec_chassis;
struct trace_env {
    struct expr_env env;
    struct trace_db *db;
    const struct trace_dp *dp;  /* NULL: names are those of all datapaths. */
    const struct sbrec_chassis *chassis; /* Whose view it is, or NULL. */
    bool is_microflow;          /* An unknown port is no warning, but... */
    char *unknown_port;         /* ...noted here; for the user to free. */
};
void trace_env_init(struct trace_env *, struct trace_db *,
                    const struct trace_dp *, const struct sbrec_chassis *);

/* Logs a warning, unless this has been done since the last call of
 * trace_db_forget_warnings(): a trace may run several times. */
void trace_db_warn(struct trace_db *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);
void trace_db_forget_warnings(struct trace_db *);

#endif /* utilities/trace-db.h */
