/* SPDX-License-Identifier: Apache-2.0 */

/* The local configuration, as the main loop needs it; see ovs-config.h. */

#include <config.h>
#include "ovs-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config-values.h"
#include "idl-columns.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "ovn-dirs.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "stream-ssl.h"
#include "stream.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(ovs_config);

#define DEFAULT_SB_PROBE_MS 5000
#define MIN_SB_PROBE_MS 1000
#define MIN_OPENFLOW_PROBE_S 5

/* Longest line of the system-id-override file that is taken for a name. */
#define MAX_SYSTEM_ID 1024

const char *
ovs_config_get(const struct ovsrec_open_vswitch *cfg, const char *chassis_name,
               const char *key)
{
    const char *value = NULL;

    if (chassis_name) {
        char *own_key = xasprintf("%s-%s", key, chassis_name);

        value = smap_get(&cfg->external_ids, own_key);
        free(own_key);
    }
    return value ? value : smap_get(&cfg->external_ids, key);
}

/* A number of at least 'min', or 0.  Anything that is not a number counts as
 * 'def'. */
static int
get_interval(const struct ovsrec_open_vswitch *cfg, const char *chassis_name,
             const char *key, int def, int min)
{
    const char *s = ovs_config_get(cfg, chassis_name, key);
    int value = def;

    if (s && (!str_to_int(s, 10, &value) || value < 0)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
        VLOG_WARN_RL(&rl, "external_ids:%s: \"%s\" is not a number of at "
                     "least 0; using %d", key, s, def);
        value = def;
    }
    return value ? MAX(value, min) : 0;
}

/* A server on the same machine that does not answer is busy, not gone: its
 * socket would tell.  Of several remotes, the first decides, as it does for
 * the stock controller. */
static int
default_sb_probe_ms(const char *remote)
{
    return (remote && !stream_or_pstream_needs_probes(remote)
            ? 0 : DEFAULT_SB_PROBE_MS);
}

/* Older releases of OVN have a key in seconds, later ones one in ms. */
static int
get_openflow_probe_s(const struct ovsrec_open_vswitch *cfg, const char *name)
{
    static const char later_key[] = "ovn-bridge-remote-probe-interval";

    return (ovs_config_get(cfg, name, later_key)
            ? DIV_ROUND_UP(get_interval(cfg, name, later_key, 0,
                                        MIN_OPENFLOW_PROBE_S * 1000), 1000)
            : get_interval(cfg, name, "ovn-openflow-probe-interval", 0,
                           MIN_OPENFLOW_PROBE_S));
}

char *
ovs_config_system_id_override(void)
{
    char *name = xasprintf("%s/system-id-override", ovn_sysconfdir());
    FILE *stream = fopen(name, "r");
    char *id = NULL;

    if (stream) {
        char line[MAX_SYSTEM_ID];

        if (fgets(line, sizeof line, stream)) {
            line[strcspn(line, "\n")] = '\0';
            if (line[0]) {
                id = xstrdup(line);
            }
        }
        fclose(stream);
    } else if (errno != ENOENT) {
        VLOG_WARN("%s: open failed (%s)", name, ovs_strerror(errno));
    }
    free(name);
    return id;
}

static char *
find_chassis_name(const struct ovsrec_open_vswitch *cfg,
                  const char *fixed_chassis_name)
{
    if (fixed_chassis_name) {
        return xstrdup(fixed_chassis_name);
    }

    const char *system_id = smap_get(&cfg->external_ids, "system-id");
    if (!system_id || !system_id[0]) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
        VLOG_WARN_RL(&rl, "'system-id' in Open_vSwitch database is missing.");
        return NULL;
    }
    return xstrdup(system_id);
}

void
ovs_config_read(struct ovs_config *config, struct ovsdb_idl *ovs_idl,
                const char *fixed_chassis_name)
{
    const struct ovsrec_open_vswitch *cfg = ovsrec_open_vswitch_first(ovs_idl);

    *config = (struct ovs_config) { .cleanup_on_exit = true };
    if (!cfg) {
        config->br_int = xstrdup(DEFAULT_BRIDGE);
        return;
    }

    char *name = find_chassis_name(cfg, fixed_chassis_name);
    const char *br_int = ovs_config_get(cfg, name, "ovn-bridge");
    const char *remote = ovs_config_get(cfg, name, "ovn-remote");
    const char *match = ovs_config_get(cfg, name, "ovn-match-northd-version");

    config->chassis_name = name;
    config->br_int = xstrdup(br_int && br_int[0] ? br_int : DEFAULT_BRIDGE);
    if (remote && remote[0]) {
        config->sb_remote = xstrdup(remote);
    } else {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
        VLOG_WARN_RL(&rl, "'ovn-remote' in Open_vSwitch database is missing: "
                     "not connecting to the southbound database");
    }
    config->sb_probe_ms = get_interval(cfg, name, "ovn-remote-probe-interval",
                                       default_sb_probe_ms(config->sb_remote),
                                       MIN_SB_PROBE_MS);
    config->bridge_remote = nullable_xstrdup(
        ovs_config_get(cfg, name, "ovn-bridge-remote"));
    config->openflow_probe_s = get_openflow_probe_s(cfg, name);
    config->match_northd = config_value_bool(match, false);
    config->force_takeover = config_value_bool(
        ovs_config_get(cfg, name, "ovn-force-takeover"), false);
    config->cleanup_on_exit = config_value_bool(
        ovs_config_get(cfg, name, "ovn-cleanup-on-exit"), true);
}

void
ovs_config_destroy(struct ovs_config *config)
{
    free(config->chassis_name);
    free(config->br_int);
    free(config->sb_remote);
    free(config->bridge_remote);
}

void
ovs_config_apply_ssl(struct ovsdb_idl *ovs_idl,
                     const struct ssl_options *options)
{
    const struct ovsrec_ssl *ssl = ovsrec_ssl_first(ovs_idl);

    if (ssl) {
        stream_ssl_set_key_and_cert(ssl->private_key, ssl->certificate);
        stream_ssl_set_ca_cert_file(ssl->ca_cert, ssl->bootstrap_ca_cert);
        return;
    }
    if (options->private_key && options->certificate) {
        stream_ssl_set_key_and_cert(options->private_key,
                                    options->certificate);
    }
    if (options->ca_cert) {
        stream_ssl_set_ca_cert_file(options->ca_cert,
                                    options->bootstrap_ca_cert);
    }
}

static void
register_ovs(struct idl_columns *all)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &ovsrec_open_vswitch_col_external_ids,
        &ovsrec_open_vswitch_col_ssl,
        &ovsrec_ssl_col_private_key,
        &ovsrec_ssl_col_certificate,
        &ovsrec_ssl_col_ca_cert,
        &ovsrec_ssl_col_bootstrap_ca_cert,
    };

    idl_columns_add_all(all, columns, ARRAY_SIZE(columns), IDL_READ);
}

const struct module ovs_config_module = {
    .name = "ovs-config",
    .register_ovs = register_ovs,
};
