/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LOGICAL_FIELDS_H
#define OVN_LOGICAL_FIELDS_H 1

/* Where the logical pipeline keeps its metadata in OpenFlow's registers, as
 * ovn-architecture(7), "Architectural Physical Life Cycle of a Packet", has
 * it, and the symbol table of ovn-sb(5). */

#include "openvswitch/meta-flow.h"
#include "openvswitch/shash.h"

#define MFF_LOG_DATAPATH MFF_METADATA /* Logical datapath, 24 bits. */
#define MFF_LOG_FLAGS MFF_REG10       /* Bits: enum mff_log_flags_bits. */
#define MFF_LOG_DNAT_ZONE MFF_REG11   /* Router's DNAT zone. */
#define MFF_LOG_SNAT_ZONE MFF_REG12   /* Router's SNAT zone. */
#define MFF_LOG_CT_ZONE MFF_REG13     /* Logical port's zone. */
#define MFF_LOG_INPORT MFF_REG14      /* Logical input port, 15 bits. */
#define MFF_LOG_OUTPORT MFF_REG15     /* Logical output port, 16 bits. */
#define MFF_LOG_REMOTE_OUTPORT MFF_REG1 /* The same of get_remote_fdb. */
#define MFF_N_LOG_REGS 10             /* reg0...reg9 are the pipeline's. */

/* Bits of MFF_LOG_FLAGS, as observed in the flows of the stock controller. */
enum mff_log_flags_bits {
    MLF_ALLOW_LOOPBACK_BIT = 0,
    MLF_RCV_FROM_RAMP_BIT = 1,
    MLF_FORCE_SNAT_FOR_DNAT_BIT = 2,
    MLF_FORCE_SNAT_FOR_LB_BIT = 3,
    MLF_LOCAL_ONLY_BIT = 4,
    MLF_NESTED_CONTAINER_BIT = 5,
    MLF_LOOKUP_MAC_BIT = 6,
    MLF_LOOKUP_LB_HAIRPIN_BIT = 7,
    MLF_LOOKUP_FDB_BIT = 8,
    MLF_SKIP_SNAT_FOR_LB_BIT = 9,
    MLF_LOCALPORT_BIT = 10,
    MLF_USE_SNAT_ZONE_BIT = 11,
    MLF_CHECK_PORT_SEC_BIT = 12,
    MLF_LOOKUP_COMMIT_ECMP_NH_BIT = 13,
    MLF_USE_LB_AFF_SESSION_BIT = 14,
    MLF_LOCALNET_BIT = 15,
    MLF_RX_FROM_TUNNEL_BIT = 16,
    MLF_ICMP_SNAT_BIT = 17,
    MLF_OVERRIDE_LOCAL_ONLY_BIT = 18,
    MLF_FROM_CTRL_BIT = 19,
    MLF_UNSNAT_NEW_BIT = 20,
    MLF_UNSNAT_NOT_TRACKED_BIT = 21,
    MLF_IGMP_LOOPBACK_BIT = 22,
    MLF_PKT_SAMPLED_BIT = 23,
    MLF_RECIRCULATED_BIT = 24,
};
#define MLF_BIT(NAME) (1u << MLF_##NAME##_BIT)

/* Fills 'symtab' with every symbol of ovn-sb(5); free it with
 * expr_symtab_destroy(). */
void ovn_init_symtab(struct shash *symtab);

/* The same with "tcp", "udp", "sctp" and their ports as conntrack knows
 * them. */
void ovn_init_symtab_ct(struct shash *symtab);

#endif /* ovn/logical-fields.h */
