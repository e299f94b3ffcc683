/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

/* A chassis' own view; see trace-chassis.h. */

#include <config.h>
#include "trace-chassis.h"

#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "trace-db.h"
#include "util.h"

void
trace_chassis_monitor(struct ovsdb_idl *idl)
{
    struct ovsdb_idl_column *const columns[] = {
        &sbrec_port_binding_col_chassis,
        &sbrec_port_binding_col_encap,
        &sbrec_port_binding_col_tag,
        &sbrec_chassis_col_name,
        &sbrec_chassis_col_encaps,
        &sbrec_encap_col_type,
        &sbrec_encap_col_ip,
        &sbrec_chassis_template_var_col_chassis,
        &sbrec_chassis_template_var_col_variables,
    };

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_track_add_column(idl, columns[i]);
    }
}

const struct sbrec_chassis *
trace_chassis_find(struct ovsdb_idl *idl, const char *name)
{
    const struct sbrec_chassis *chassis;

    SBREC_CHASSIS_FOR_EACH (chassis, idl) {
        if (!strcmp(chassis->name, name)) {
            return chassis;
        }
    }
    return NULL;
}

const char *
trace_chassis_template_var(struct ovsdb_idl *idl,
                           const struct sbrec_chassis *chassis,
                           const char *name)
{
    const struct sbrec_chassis_template_var *row;

    SBREC_CHASSIS_TEMPLATE_VAR_FOR_EACH (row, idl) {
        if (!strcmp(row->chassis, chassis->name)) {
            return smap_get(&row->variables, name);
        }
    }
    return NULL;
}

const struct sbrec_chassis *
trace_port_chassis(const struct trace_port *port)
{
    return port->row->chassis;
}

bool
trace_chassis_is_resident(const struct sbrec_chassis *here,
                          const struct trace_port *port)
{
    return !here || trace_port_chassis(port) == here;
}

/* Whether ports like 'port' are on each chassis. */
static bool
is_everywhere(const struct trace_port *port)
{
    return (!strcmp(port->type, "patch")
            || !strcmp(port->type, "localnet")
            || !strcmp(port->type, "localport"));
}

static const struct trace_port *
find_localnet(const struct trace_dp *dp)
{
    const struct trace_port *port;

    HMAP_FOR_EACH (port, key_node, &dp->ports) {
        if (!strcmp(port->type, "localnet")) {
            return port;
        }
    }
    return NULL;
}

enum trace_way
trace_chassis_way(const struct sbrec_chassis *here,
                  const struct trace_port *port,
                  const struct sbrec_chassis **there,
                  const struct trace_port **localnet)
{
    *there = trace_port_chassis(port);
    *localnet = NULL;
    if (!here || is_everywhere(port) || *there == here) {
        return TRACE_HERE;
    } else if (!*there) {
        return TRACE_NOWHERE;
    }
    *localnet = find_localnet(port->dp);
    return *localnet ? TRACE_LOCALNET : TRACE_TUNNEL;
}

/* The kinds of tunnels, the preferred one first. */
static const char *const tunnel_types[] = { "geneve", "stt", "vxlan" };

static const struct sbrec_encap *
find_encap(const struct trace_port *port, const struct sbrec_chassis *there)
{
    if (port->row->encap) {
        return port->row->encap;
    }
    for (size_t i = 0; i < ARRAY_SIZE(tunnel_types); i++) {
        for (size_t j = 0; j < there->n_encaps; j++) {
            if (!strcmp(there->encaps[j]->type, tunnel_types[i])) {
                return there->encaps[j];
            }
        }
    }
    return NULL;
}

void
trace_chassis_format_tunnel(const struct trace_port *port,
                            const struct sbrec_chassis *there, struct ds *s)
{
    const struct sbrec_encap *encap = find_encap(port, there);

    if (encap) {
        ds_put_format(s, "%s tunnel to %s", encap->type, encap->ip);
    } else {
        ds_put_cstr(s, "no tunnel that is known");
    }
}
