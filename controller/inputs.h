/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_INPUTS_H
#define CONTROLLER_INPUTS_H 1

/* Inputs: both databases, as cells
 * ================================
 *
 * The one room in which rows of the southbound and the local Open vSwitch
 * database become cells of the incremental engine.  input() follows the
 * IDLs' change tracking; whoever computes something reads the records below
 * through the typed accessors, each of which subscribes the calling unit.
 *
 * A record is a plain copy of what the controller uses of a row (see
 * ovn-sb(5), ovs-vswitchd.conf.db(5)).  References to other rows are their
 * UUIDs (or port names), never pointers, so that nothing can be reached
 * without being read, hence subscribed to.
 *
 * Kinds are exposed for inc_kind_spawn() and inc_kind_watch() only. */

#include "inc-proc-eng.h"
#include "lport-type.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"
#include "ovn/dialect.h"
#include "smap.h"

struct idl_columns;
struct in6_addr;
struct lb_entry;
struct ovsdb_idl;

/* Stages of the controller's engine. */
enum controller_stage {
    STAGE_INPUT,                /* Set by inputs.c, from the IDLs. */
    STAGE_LB_CONFIG,            /* Configuration of load balancers. */
    STAGE_CONFIG,               /* Configuration, derived from Open_vSwitch. */
    STAGE_BINDING,              /* Which ports are local. */
    STAGE_CANDIDATE,            /* Load balancers with a backend here... */
    STAGE_ROUTER,               /* ...and the routers that have them. */
    STAGE_DATAPATH,             /* Which datapaths are local. */
    STAGE_DP_GROUP,             /* Which members of a group are local... */
    STAGE_ZONE,                 /* ...conntrack zones, tunnels, patches... */
    STAGE_LB,                   /* Flows of distributed load balancers... */
    STAGE_BACKEND,              /* ...and their backends' ports. */
    STAGE_SERVED_VIPS,          /* VIPs that routers serve here. */
    STAGE_FLOW,                 /* OpenFlow flows; wanted groups, meters. */
    STAGE_GROUP,                /* Contents of groups and meters. */
    N_STAGES
};

/* SB Port_Binding, by logical_port.  What no computation depends on is not
 * here, above all "up", which this controller itself writes. */
struct port_binding {
    struct uuid uuid;
    char *logical_port;
    enum lport_type type;
    struct uuid datapath;
    uint16_t tunnel_key;
    char *parent_port;          /* NULL if none.  LP_MIRROR: where the copies
                                 * go. */
    char *virtual_parent;       /* NULL if none. */
    int tag;                    /* 0 if none. */
    struct uuid chassis;        /* Zero if none; so all these. */
    struct uuid *additional_chassis; size_t n_additional_chassis;
    struct uuid requested_chassis;
    struct uuid *requested_additional_chassis; size_t n_requested_additional;
    struct uuid encap;
    struct uuid *additional_encap; size_t n_additional_encap;
    struct uuid ha_chassis_group;
    struct uuid *gateway_chassis; size_t n_gateway_chassis;
    struct smap options;
    char **mac; size_t n_mac;
    char **port_security; size_t n_port_security;
    struct uuid *mirrors; size_t n_mirrors;
    char **nat_addresses; size_t n_nat_addresses; /* Only for the cell of
                                                   * in_nat_addresses(). */
};

/* Port_Binding.nat_addresses, by logical_port; sorted. */
struct nat_addresses { char **words; size_t n; };

/* What of a Port_Binding does not change when it is bound, by logical_port:
 * for those, such as logical flows, that only need to know what a name
 * means. */
struct lport {
    struct uuid datapath;
    uint16_t tunnel_key;
    enum lport_type type;
};

/* SB Datapath_Binding, by UUID. */
struct datapath_binding {
    struct uuid uuid;
    uint32_t tunnel_key;
    struct smap external_ids;
    bool is_switch;             /* Has external_ids:logical-switch. */
    struct uuid nb_uuid;        /* The logical switch or router. */
};

/* SB Logical_Flow, by UUID.  Strings are borrowed from the IDL, which frees
 * them when it receives a change of the row: valid until the next
 * ovsdb_idl_run(), after which input() renews the record. */
struct logical_flow {
    struct uuid uuid;
    uint64_t hash;              /* Of the strings. */
    struct uuid datapath;       /* One of these is zero... */
    struct uuid dp_group;       /* ...or both. */
    bool ingress;
    uint8_t table_id;
    uint16_t priority;
    const char *match;
    const char *actions;
    const char *in_out_port;    /* tags:in_out_port or NULL. */
    bool ct_transport;          /* tags:acl_ct_translation: "tcp" and the like
                                 * are as conntrack knows them. */
    const char *controller_meter; /* Or NULL. */
    const char *stage_hint;     /* external_ids:stage-hint or NULL. */
    const char *stage_name;
    uint8_t stage;              /* For inputs-sb-flow.c. */
};

/* SB Logical_DP_Group, by UUID. */
struct dp_group {
    struct uuid *datapaths;     /* Sorted. */
    size_t n;
};

/* SB Multicast_Group, by UUID. */
struct multicast_group {
    struct uuid uuid;
    char *name;
    struct uuid datapath;
    uint32_t tunnel_key;
    char **ports; size_t n_ports; /* Logical port names, sorted. */
};

/* SB Chassis, by UUID, with its Encaps. */
struct encap {
    struct uuid uuid;
    char *type;                 /* "geneve", "vxlan", "stt" */
    char *ip;
    char *chassis_name;         /* Of the chassis that has created it. */
    struct smap options;
};
struct chassis {
    struct uuid uuid;
    char *name;
    char *hostname;
    struct encap *encaps; size_t n_encaps;
    struct smap other_config;
    char **transport_zones; size_t n_transport_zones;
};

/* SB HA_Chassis_Group and Gateway_Chassis, by UUID. */
struct ha_chassis { struct uuid chassis; int priority; };
struct ha_chassis_group {
    struct ha_chassis *members; size_t n;
    struct uuid *refs; size_t n_refs;
};

/* SB Address_Set and Port_Group, by name. */
struct string_set {
    char **names;               /* Sorted. */
    size_t n;
    size_t n_odd;               /* Addresses that could be written simpler. */
};

/* SB Load_Balancer, by UUID. */
struct load_balancer {
    struct uuid uuid;
    char *name;
    char *protocol;             /* "tcp", "udp", "sctp" or NULL. */
    struct smap vips;
    struct smap options;
    struct uuid lb_id;          /* NB UUID. */
    struct uuid *datapaths; size_t n_datapaths;
    /* Besides, the members of these groups; zero if none.  From 23.09 on, that
     * of switches and that of routers, before that the only one. */
    struct uuid dp_groups[2];
};

/* SB BFD, by UUID.  Of "status", only what the central says by it. */
struct bfd_row {
    struct uuid uuid;
    char *logical_port;
    char *dst_ip;
    int64_t src_port, disc, min_tx, min_rx, detect_mult; /* In ms. */
    char *status;
};

/* SB Service_Monitor, by UUID. */
struct service_monitor {
    struct uuid uuid;
    char *type;                 /* "load-balancer" if there is none. */
    char *protocol;             /* "tcp" if there is none. */
    char *ip;
    char *mac;                  /* "" if none; so is the next one. */
    char *logical_input_port;
    char *logical_port;
    int64_t port;
    char *src_ip, *src_mac;
    bool remote;
    int interval, timeout;      /* In ms. */
    int success_count, failure_count;
    char *status;               /* "" if there is none. */
};
#define SERVICE_MONITOR_MAX_SECONDS 100000

/* SB MAC_Binding, Static_MAC_Binding and FDB, by UUID. */
struct mac_binding {
    struct uuid uuid;
    char *logical_port; char *ip; char *mac;
    bool is_static, override_dynamic;
};
/* SB ECMP_Nexthop, by UUID. */
struct ecmp_nexthop {
    struct uuid uuid;
    struct uuid datapath;
    char *ip;
    char *port;                 /* Name of the router's, or NULL. */
    char *mac;
};
struct fdb { struct uuid uuid; char *mac; uint32_t dp_key, port_key; };
/* SB ACL_ID, by UUID. */
struct acl_id { uint16_t id; };

/* SB Advertised_Route and Learned_Route, by UUID. */
struct advertised_route {
    struct uuid uuid;
    struct uuid datapath;
    char *logical_port;         /* NULL if its row is not there. */
    bool is_tracked;            /* "tracked_port" is not empty... */
    char *tracked_port;         /* ...and if its row is there, its name. */
    char *ip_prefix;
};
struct learned_route {
    struct uuid uuid;
    struct uuid datapath;
    char *logical_port;         /* NULL if its row is not there. */
    char *ip_prefix, *nexthop;
};

/* SB Advertised_MAC_Binding, by UUID. */
struct advertised_mac {
    struct uuid uuid;
    struct uuid datapath;
    char *logical_port;         /* NULL if its row is not there. */
    char *ip, *mac;
};

/* SB Meter, by name. */
struct meter_band { bool drop; int rate, burst_size; };
struct meter { bool pktps; struct meter_band *bands; size_t n_bands; };

/* SB DHCP_Options and DHCPv6_Options. */
struct dhcp_option {
    struct uuid uuid;
    char *name;
    int code;
    char *type;                 /* "bool", "ipv4", "str", ... */
};

/* SB DNS, by UUID. */
struct mirror_row {
    char *name;
    char *type;
    char *filter;
    char *sink;
    int64_t index;
};

struct dns_row {
    struct uuid uuid;
    struct smap records;
    bool owned;                 /* options:ovn-owned */
    struct uuid *datapaths; size_t n_datapaths;
};

/* SB IP_Multicast, by UUID.  Columns that are not set are -1. */
struct ip_multicast {
    struct uuid datapath;       /* Zero if it is gone. */
    bool enabled, querier;
    int64_t table_size, idle_timeout, query_interval, query_max_resp;
    int64_t seq_no;
    char *eth_src, *ip4_src, *ip6_src;
};

/* SB IGMP_Group, by UUID. */
struct igmp_group {
    char *address;
    char *protocol;
    char *chassis_name;
    struct uuid datapath, chassis; /* Zero if there is none. */
    struct uuid *ports; size_t n_ports;
};

/* OVS Interface, by name. */
struct ovs_iface {
    struct uuid uuid;
    char *name;
    char *type;
    char *port;                 /* Name of its Port. */
    char *bridge;               /* Name of its Bridge. */
    int64_t ofport;             /* 0 if not known yet, -1 on failure. */
    int64_t mtu;                /* 0 if it has none. */
    struct smap external_ids;   /* Without what this controller writes. */
    struct smap options;
    struct smap port_external_ids;
    char *egress_iface;         /* Of a tunnel: the device that its packets
                                 * leave through, while that is up, or NULL. */
    struct smap bfd;            /* What is configured. */
    bool bfd_up;                /* Is there a BFD session that is up? */
};

/* Accessors: the record or NULL; the unit is subscribed. */
const struct port_binding *in_port_binding(struct inc_unit *, const char *lp);
const struct lport *in_lport(struct inc_unit *, const char *lp);
const struct nat_addresses *in_nat_addresses(struct inc_unit *,
                                             const char *lp);
const struct datapath_binding *in_datapath(struct inc_unit *,
                                           const struct uuid *);
const struct logical_flow *in_logical_flow(struct inc_unit *,
                                           const struct uuid *);
/* The logical table of stage 'name', one of those to which flows are added
 * (lib/lb-router.h) or that answers go to (lib/lb-empty.h): true if it is
 * known. */
bool in_stage(struct inc_unit *, const char *name, uint8_t *table_id);
const struct dp_group *in_dp_group(struct inc_unit *, const struct uuid *);
const struct multicast_group *in_multicast_group(struct inc_unit *,
                                                 const struct uuid *);
const struct chassis *in_chassis(struct inc_unit *, const struct uuid *);
const struct uuid *in_chassis_by_name(struct inc_unit *, const char *name);
const struct ha_chassis_group *in_ha_chassis_group(struct inc_unit *,
                                                   const struct uuid *);
const struct ha_chassis *in_gateway_chassis(struct inc_unit *,
                                            const struct uuid *);
/* The members of address set 'name', packed (see ovn/expr.h), and, if there is
 * one of that name, first of all INC_KEY_EXISTS.  Its kind keeps changes. */
const struct inc_set *in_address_constants(struct inc_unit *,
                                           const char *name);
#define INC_KEY_EXISTS ((struct inc_key) { "", 0 })
bool in_has_port_group(struct inc_unit *, const char *name);
/* The names of the port groups that have port 'name' as a member. */
const struct inc_set *in_groups_by_port(struct inc_unit *, const char *name);
const struct load_balancer *in_load_balancer(struct inc_unit *,
                                             const struct uuid *);
/* What ovn-lb-northd has published of load balancer 'nb'. */
const struct lb_entry *in_lb_entry(struct inc_unit *, const struct uuid *nb);
const struct bfd_row *in_bfd_row(struct inc_unit *, const struct uuid *);
const struct service_monitor *in_service_monitor(struct inc_unit *,
                                                 const struct uuid *);
const struct mac_binding *in_mac_binding(struct inc_unit *,
                                         const struct uuid *);
const struct mac_binding *in_static_mac_binding(struct inc_unit *,
                                                const struct uuid *);
const struct ecmp_nexthop *in_ecmp_nexthop(struct inc_unit *,
                                           const struct uuid *);
const struct fdb *in_fdb(struct inc_unit *, const struct uuid *);
const struct advertised_route *in_advertised_route(struct inc_unit *,
                                                   const struct uuid *);
const struct learned_route *in_learned_route(struct inc_unit *,
                                             const struct uuid *);
const struct advertised_mac *in_advertised_mac(struct inc_unit *,
                                               const struct uuid *);
const struct meter *in_meter(struct inc_unit *, const char *name);
const struct dhcp_option *in_dhcp_option(struct inc_unit *, const char *name);
const struct dhcp_option *in_dhcpv6_option(struct inc_unit *,
                                           const char *name);
const struct mirror_row *in_mirror_row(struct inc_unit *, const struct uuid *);
const struct dns_row *in_dns_row(struct inc_unit *, const struct uuid *);
const struct ip_multicast *in_ip_multicast(struct inc_unit *,
                                           const struct uuid *);
/* SB Chassis_Template_Var of 'chassis': its variables, or NULL. */
const struct smap *in_template_vars(struct inc_unit *, const char *chassis);
const struct smap *in_sb_options(struct inc_unit *); /* SB_Global.options. */
bool in_ipsec(struct inc_unit *); /* SB_Global.ipsec. */
/* What the central speaks; never NULL.  The second is for code outside of
 * units. */
const struct ovn_dialect *in_dialect(struct inc_unit *);
const struct ovn_dialect *inputs_dialect(void);
/* For code outside of units: the Port_Binding 'lport', and its datapath in
 * '*dp'; NULL if one of the two is not there. */
const struct port_binding *inputs_peek_port(
    const char *lport, const struct datapath_binding **dp);
const struct ovs_iface *in_iface(struct inc_unit *, const char *name);
/* A key of Open_vSwitch.external_ids, with the chassis-specific form
 * ("KEY-CHASSIS") preferred; NULL if unset. */
const char *in_config(struct inc_unit *, const char *key);
/* A capability of the integration bridge's datapath ("ct-zero-snat", NULL if
 * it lacks that), or what this chassis is called ("chassis-name"). */
const char *in_ovs_fact(struct inc_unit *, const char *name);
/* Our own Chassis row's UUID, zero until it is there. */
struct uuid in_our_chassis(struct inc_unit *);

/* Sets. */
const struct inc_set *in_ifaces_by_id(struct inc_unit *,
                                      const char *iface_id);    /* ifaces */
const struct inc_set *in_lports_by_address(struct inc_unit *,
                                           const struct in6_addr *); /*lports*/
/* The VIFs of datapath 'dp' that are on several chassis. */
const struct inc_set *in_migrating_ports(struct inc_unit *,
                                         const struct uuid *dp); /* lports */
/* Whether the port with 'tunnel_key' on datapath 'dp' is a VIF. */
bool in_is_vif(struct inc_unit *, const struct uuid *dp, uint32_t tunnel_key);
/* The SB UUIDs of load balancer 'nb', by its northbound UUID, and 'nb' itself
 * if there is an entry of ovn-lb-northd for it. */
const struct inc_set *in_lbs_by_nb(struct inc_unit *, const struct uuid *nb);
/* The rows of DNS that datapath 'dp' has. */
const struct inc_set *in_dns_rows(struct inc_unit *, const struct uuid *dp);
/* The ports of datapath 'dp' that prefix delegation is about. */
const struct inc_set *in_delegation_ports(struct inc_unit *,
                                          const struct uuid *dp); /* lports */
/* The gateway ports of datapath 'dp' that take part in dynamic routing. */
const struct inc_set *in_routing_ports(struct inc_unit *,
                                       const struct uuid *dp);  /* lports */
/* The ports of datapath 'dp' that network functions have. */
const struct inc_set *in_nf_ports(struct inc_unit *,
                                  const struct uuid *dp);       /* lports */
/* Tunnels that lead to all chassis.  (Those to one are in_kinds.tunnel_iface,
 * by the interface's name.) */
const struct inc_set *in_shared_tunnel_ifaces(struct inc_unit *); /* ifaces */
/* Tunnels that lead to VTEPs of EVPN's. */
const struct inc_set *in_evpn_tunnel_ifaces(struct inc_unit *); /* ifaces */
/* Whether the BFD session of the tunnel that the interface leads to has come
 * up in the last three seconds, after others had been up for that long. */
bool in_tunnel_is_new(struct inc_unit *, const char *iface);
const struct inc_set *in_bridges(struct inc_unit *);            /* names */
/* Whether a Flow_Sample_Collector_Set of the integration bridge has 'id'. */
bool in_has_collector_set(struct inc_unit *, uint32_t id);

/* Multicast group 'name' of datapath 'dp': its tunnel key, 0 if none. */
uint32_t in_multicast_key(struct inc_unit *, const struct uuid *dp,
                          const char *name);

/* The kinds. */
struct inputs_kinds {
    struct inc_kind *port_binding, *lport, *nat_addresses, *datapath,
        *logical_flow, *dp_group, *multicast_group, *chassis,
        *chassis_by_name, *ha_chassis_group, *gateway_chassis, *address_set,
        *address_constants, *port_group, *port_group_exists, *groups_by_port,
        *load_balancer, *dhcp_option, *dhcp_option_by_name, *dhcpv6_option,
        *dhcpv6_option_by_name, *template_vars, *mac_binding,
        *static_mac_binding, *fdb, *meter, *sb_options, *iface, *config,
        *ovs_fact, *ifaces_by_id, *lb_entry,
        *lb_flow,           /* By UUID: Logical_Flows that balance load... */
        *router_lb_flow,    /* ...and those of routers that may be changed. */
        *stage, *lports_by_address, *migrating_ports, *vifs_by_key,
        *lbs_by_nb,
        *tunnel_iface, *new_tunnel, *shared_tunnel_ifaces,
        *evpn_tunnel_ifaces, *bridges,
        *multicast_key,
        *service_monitor,
        *ipsec, *dialect, *dns_row, *dns_rows, *ip_multicast, *igmp_group,
        *bfd_row, *ecmp_nexthop, *advertised_route, *learned_route,
        *advertised_mac,
        *acl_id,
        *flushing_lb,       /* By UUID: Load_Balancers with ct_flush. */
        *our_chassis,       /* Under INC_KEY_ONLY; chassis.c sets it. */
        *mirror_row,
        *mirrored_port,     /* By name: Port_Bindings with mirrors. */
        *advertising_port,  /* By name: Port_Bindings with options:ipv6_ra_*,
                             * and... */
        *delegation_ports,  /* ...by datapath, those with ipv6_prefix*. */
        *routing_ports,     /* By datapath, those with dynamic-routing. */
        *nf_ports,          /* By datapath, those with options:is-nf. */
        *rare_port;         /* By name: Port_Bindings with options that
                             * unsupported.c is about. */
};
extern struct inputs_kinds in_kinds;

struct module;
extern const struct module inputs_module;

#endif /* controller/inputs.h */
