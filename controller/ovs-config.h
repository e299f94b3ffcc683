/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_OVS_CONFIG_H
#define CONTROLLER_OVS_CONFIG_H 1

/* What the main loop itself must know of the local configuration: who we are,
 * which bridge is ours, and how to get at the southbound database.
 * Everything else is read by those whom it concerns, as cells (inputs.h). */

#include <stdbool.h>

struct ovsdb_idl;
struct ovsrec_open_vswitch;

#define DEFAULT_BRIDGE "br-int"

/* Fallbacks from the command line for the SSL table; any may be NULL. */
struct ssl_options {
    const char *private_key;
    const char *certificate;
    const char *ca_cert;
    bool bootstrap_ca_cert;
};

struct ovs_config {
    char *chassis_name;         /* NULL if there is none. */
    char *br_int;               /* Name of the integration bridge. */
    char *sb_remote;            /* NULL if not set. */
    int sb_probe_ms;            /* 0: none. */
    char *bridge_remote;        /* Its OpenFlow socket, or NULL: by name. */
    int openflow_probe_s;       /* 0: none. */
    bool match_northd;          /* ovn-match-northd-version */
    bool force_takeover;        /* ovn-force-takeover */
    bool cleanup_on_exit;       /* ovn-cleanup-on-exit */
};

/* The first line of the system-id-override file, or NULL.  To be read once:
 * another controller of this host may be given its name by the same file
 * later on. */
char *ovs_config_system_id_override(void);

/* Reads the configuration.  'fixed_chassis_name' (may be NULL) comes before
 * external_ids:system-id.  What is missing is warned of. */
void ovs_config_read(struct ovs_config *, struct ovsdb_idl *ovs_idl,
                     const char *fixed_chassis_name);
void ovs_config_destroy(struct ovs_config *);

/* The value of external_ids:'key', or of 'key' with the chassis' name behind
 * it, which comes first; NULL if there is neither.  Borrowed from the row.
 * 'chassis_name' may be NULL. */
const char *ovs_config_get(const struct ovsrec_open_vswitch *,
                           const char *chassis_name, const char *key);

/* Makes the SSL library use the SSL table's files; for what it does not have,
 * those of the command line. */
void ovs_config_apply_ssl(struct ovsdb_idl *ovs_idl,
                          const struct ssl_options *);


struct module;
extern const struct module ovs_config_module;

#endif /* controller/ovs-config.h */
