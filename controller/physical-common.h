/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PHYSICAL_COMMON_H
#define CONTROLLER_PHYSICAL_COMMON_H 1

/* The pieces of which physical flows are made, beyond those of
 * lib/put-actions.h: between the files controller/physical*.c only. */

#include "inputs.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "ovn/dialect.h"
#include "ovn/logical-fields.h"
#include "put-actions.h"
#include "tunnel.h"

struct inc_engine;
struct inc_unit;

/* Conntrack zones of a logical port and its datapath; 0: none. */
struct zone_ids {
    int port;
    int dnat;
    int snat;
};
/* The zones of 'lport', which is on 'dp'. */
struct zone_ids zone_ids_get(struct inc_unit *, const char *lport,
                             const struct uuid *dp);
/* Loads the registers of those zones that there are. */
void put_zones(const struct zone_ids *, const struct ovn_dialect *,
               struct ofpbuf *);
/* Where a packet goes on that has been to other chassis, too. */
static inline uint8_t
table_after_remote(const struct ovn_tables *t)
{
    return t->remote_vtep_output ? t->remote_vtep_output : t->local_output;
}
void put_port_zone(const struct ovn_dialect *, int zone, struct ofpbuf *);
/* Which of our addresses the tunnels start from that a packet takes: see
 * local-encaps.h. */
void put_encap_id(const struct ovn_dialect *, size_t id, struct ofpbuf *);
void match_encap_id(const struct ovn_dialect *, size_t id, struct match *);
/* A match on where packets that come by 't' say that they come from. */
void match_tunnel_source(const struct tunnel *, struct match *);
/* Outputs to 't', if it is by flow with its endpoints. */
void put_to_tunnel(struct inc_unit *, const struct tunnel *, struct ofpbuf *);

/* Addresses a packet to a VTEP of EVPN's. */
void put_vtep_ends(struct inc_unit *, const struct in6_addr *local,
                   const struct in6_addr *remote, struct ofpbuf *);
/* The same for one more copy, from the same address. */
void put_vtep_destination(const struct in6_addr *remote, struct ofpbuf *);

void put_set_eth_src(const struct eth_addr *, struct ofpbuf *);
void put_push_vlan(uint16_t ethertype, int tag, struct ofpbuf *);
/* To the egress pipeline, with clean registers, but for the upper half of
 * 'half_kept' unless that is 0. */
void put_enter_egress(const struct ovn_tables *, enum mf_field_id half_kept,
                      struct ofpbuf *);
void put_output(ofp_port_t, struct ofpbuf *);
/* Drops what is dropped in 'table', which is empty, or, as SB_Global's
 * options:debug_drop_* ask for, a sample of it. */
void put_drop(struct inc_unit *, uint8_t table, struct ofpbuf *);
/* Makes it possible to output to the packet's own input port. */
void put_forget_in_port(struct ofpbuf *);
void put_push_in_port(struct ofpbuf *);
void put_pop_in_port(struct ofpbuf *);

/* Loads the metadata of a packet from the logical input port in its register
 * to output port (or multicast group) 'out_key' of datapath 'dp_key' where a
 * tunnel of 'type' carries it.  'geneve' is the Geneve option's field; false,
 * and nothing done, if it is needed but there is none. */
bool put_tunnel_metadata(enum encap_type type, enum mf_field_id geneve,
                         uint32_t dp_key, uint16_t out_key, struct ofpbuf *);

/* A match on the logical datapath and output port. */
void match_outport(struct match *, uint32_t dp_key, uint32_t port_key);
/* A match on bits 'flags' (enum mff_log_flags_bits) being 'value'. */
void match_flags(struct match *, uint32_t value, uint32_t flags);

/* The localnet port by which ports of datapath 'dp' elsewhere are reached: the
 * first one that this chassis implements (that has a patch port), or NULL. */
const struct port_binding *physical_localnet(struct inc_unit *,
                                             const struct uuid *dp);
/* Each of them: the next one of 'names' (binding_localnet_ports()) from '*i'
 * on, and its patch port; NULL after the last one. */
const struct port_binding *physical_next_localnet(struct inc_unit *,
                                                  const struct inc_set *names,
                                                  size_t *i,
                                                  ofp_port_t *ofport);

/* The IP address of the encap of 'chassis' that is among the 'n' ones in
 * 'encaps', or NULL. */
const char *physical_encap_ip(struct inc_unit *, const struct uuid *chassis,
                              const struct uuid *encaps, size_t n);

/* Flows that tell senders what is too large for the tunnels that packets from
 * and to 'pb' take, which is local port 'lp' and on other chassis, too. */
struct local_port;
void physical_add_path_mtu(struct inc_unit *, const struct port_binding *pb,
                           const struct local_port *lp, uint32_t dp_key);

/* Flows for what network functions on this chassis send on with what came by
 * 't', a tunnel with a port of its own. */
void physical_add_nf_return(struct inc_unit *, const struct tunnel *);

/* Calls 'cb' with each network and MAC address of 'mappings', the form of
 * ovn-chassis-mac-mappings.  The unit says what is wrong with the rest. */
void chassis_macs_for_each(struct inc_unit *, const char *mappings,
                           void (*cb)(const char *network,
                                      const struct eth_addr *, void *aux),
                           void *aux);

/* Table 0's conjunction of source MAC address (clause 0) and VLAN (clause 1)
 * that recognizes another chassis' router ports. */
#define CHASSIS_MAC_CONJ_ID 100
void put_chassis_mac_clause(int clause, struct ofpbuf *);

/* Cookie of the flows that stem from the row 'uuid'. */
static inline uint32_t
row_cookie(const struct uuid *uuid)
{
    return uuid->parts[0];
}

/* The units. */
void physical_drop_init(struct inc_engine *);
void physical_port_init(void);
void physical_mcast_init(void);
void physical_tunnel_init(void);
void physical_lookup_init(struct inc_engine *);
void physical_nf_init(struct inc_engine *);
void physical_evpn_init(void);

#endif /* controller/physical-common.h */
