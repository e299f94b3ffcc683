/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LOGICAL_FIELDS_H
#define OVN_LOGICAL_FIELDS_H 1

/* Where the logical pipeline keeps its metadata in OpenFlow's registers, as
 * ovn-architecture(7), "Architectural Physical Life Cycle of a Packet", has
 * it, and the symbol table of ovn-sb(5). */

#include "openvswitch/meta-flow.h"
#include "openvswitch/shash.h"

#define MFF_LOG_DATAPATH MFF_METADATA /* Logical datapath, 24 bits. */
#define MFF_LOG_FLAGS MFF_REG10       /* enum mff_log_flags. */
#define MFF_LOG_DNAT_ZONE MFF_REG11   /* Router's DNAT zone. */
#define MFF_LOG_SNAT_ZONE MFF_REG12   /* Router's SNAT zone. */
#define MFF_LOG_CT_ZONE MFF_REG13     /* Logical port's zone. */
#define MFF_LOG_INPORT MFF_REG14      /* Logical input port, 15 bits. */
#define MFF_LOG_OUTPORT MFF_REG15     /* Logical output port, 16 bits. */
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
};
#define MLF_BIT(NAME) (1u << MLF_##NAME##_BIT)

/* Fills 'symtab' with every symbol of ovn-sb(5); free it with
 * expr_symtab_destroy(). */
void ovn_init_symtab(struct shash *symtab);

/* OpenFlow tables of OVN 23.03's pipeline: ovn-architecture(7) and what the
 * stock controller installs. */
#define OFTABLE_PHY_TO_LOG                0
#define OFTABLE_LOG_INGRESS_PIPELINE      8 /* First of LOG_PIPELINE_LEN. */
#define OFTABLE_OUTPUT_LARGE_PKT_DETECT  37
#define OFTABLE_OUTPUT_LARGE_PKT_PROCESS 38
#define OFTABLE_REMOTE_OUTPUT            39
#define OFTABLE_LOCAL_OUTPUT             40
#define OFTABLE_CHECK_LOOPBACK           41
#define OFTABLE_LOG_EGRESS_PIPELINE      42
#define OFTABLE_SAVE_INPORT              64
#define OFTABLE_LOG_TO_PHY               65
#define OFTABLE_MAC_BINDING              66
#define OFTABLE_MAC_LOOKUP               67
#define OFTABLE_CHK_LB_HAIRPIN           68
#define OFTABLE_CHK_LB_HAIRPIN_REPLY     69
#define OFTABLE_CT_SNAT_HAIRPIN          70
#define OFTABLE_GET_FDB                  71
#define OFTABLE_LOOKUP_FDB               72
#define OFTABLE_CHK_IN_PORT_SEC          73
#define OFTABLE_CHK_IN_PORT_SEC_ND       74
#define OFTABLE_CHK_OUT_PORT_SEC         75
#define OFTABLE_ECMP_NH_MAC              76
#define OFTABLE_ECMP_NH                  77
#define OFTABLE_CHK_LB_AFFINITY          78

/* Number of tables of the logical ingress pipeline that northd may use; the
 * egress pipeline ends before OFTABLE_SAVE_INPORT. */
#define LOG_PIPELINE_INGRESS_LEN (OFTABLE_OUTPUT_LARGE_PKT_DETECT \
                                  - OFTABLE_LOG_INGRESS_PIPELINE)
#define LOG_PIPELINE_EGRESS_LEN (OFTABLE_SAVE_INPORT \
                                 - OFTABLE_LOG_EGRESS_PIPELINE)

#endif /* ovn/logical-fields.h */
