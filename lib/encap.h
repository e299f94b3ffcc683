/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_ENCAP_H
#define OVN_ENCAP_H 1

/* Tunnels between two chassis
 * ===========================
 *
 * Which tunnels there are from one chassis to another, and which of several a
 * packet takes: decided here, for the controller, which makes the tunnels, and
 * for ovn-trace, which says what becomes of a packet.
 *
 * Thread-safety: no global state. */

#include <stdbool.h>
#include <stddef.h>

/* The encapsulations, best first: VXLAN has no room for all of the
 * metadata. */
enum encap_type {
    ENCAP_GENEVE,
    ENCAP_STT,
    ENCAP_VXLAN,
    N_ENCAP_TYPES               /* None of them. */
};

enum encap_type encap_type_from_word(const char *);
const char *encap_type_to_word(enum encap_type);

/* The type of the tunnels between two chassis that have the types in the sets
 * 'a' and 'b' (bits 1u << type): the best that both have, or N_ENCAP_TYPES. */
enum encap_type encap_common_type(unsigned int a, unsigned int b);

/* What a chassis says about with whom it has tunnels. */
struct encap_realm {
    const char *const *transport_zones;
    size_t n_transport_zones;
    bool is_remote;             /* In another availability zone. */
    bool is_interconn;          /* A gateway to other availability zones. */
};

/* Whether there are tunnels from 'here' to 'there': the two have a transport
 * zone in common (those without any are in one together), and 'here' is an
 * interconnection gateway if 'there' is in another availability zone. */
bool encap_may_tunnel(const struct encap_realm *here,
                      const struct encap_realm *there);

/* The ends of a tunnel. */
struct encap_end {
    enum encap_type type;
    const char *ip;             /* The far end's. */
    bool is_default;            /* Of the far end's chassis' addresses. */
    const char *local_ip;       /* This end's, or NULL if that is any. */
};

/* Of several tunnels to a chassis, whether 'a' is to be taken rather than 'b'
 * by packets for a port that asks for 'ip' from one that asks for 'local_ip'
 * (NULL: for no address in particular).  What is left open by that is decided
 * in the same way everywhere: the chassis' default, then by the type, then by
 * the addresses. */
bool encap_is_better(const struct encap_end *a, const struct encap_end *b,
                     const char *ip, const char *local_ip);

/* Where a tunnel leads, and from where, as a text that is the same for all
 * spellings of an address.  The switch has one tunnel to a place: whatever
 * else can make two tunnels different is the same for all of ours, or part of
 * the Encap, which is the only one of its type and address.  Caller frees. */
char *encap_place(const struct encap_end *);

/* What names a tunnel: "CHASSIS@IP" or, if it starts from a particular
 * address, "CHASSIS@IP%LOCAL-IP". */
struct encap_mark {
    char *chassis_name;
    char *ip;                   /* The far end's. */
    char *local_ip;             /* This end's, or NULL if that is any. */
};

/* 'local_ip' may be NULL.  Caller frees. */
char *encap_mark_format(const char *chassis_name, const char *ip,
                        const char *local_ip);
/* Returns false, and leaves nothing to destroy, if 's' (may be NULL) has no
 * such form. */
bool encap_mark_parse(const char *s, struct encap_mark *);
void encap_mark_destroy(struct encap_mark *);

/* A chassis to which there would be a tunnel. */
struct encap_claim {
    const char *chassis_name;
    const char *ip;             /* As in its Encap. */
    bool is_encaps_own;         /* Is it the chassis that its Encap names? */
};

/* If several chassis have one place, which takes somebody's hand in the
 * database, one of them has the tunnel: the switch refuses the others, and
 * would choose by the order in which it hears of them.  Whether 'a' has it
 * rather than 'b': the chassis that the Encap names, or else the first by
 * name. */
bool encap_claim_wins(const struct encap_claim *a,
                      const struct encap_claim *b);

#endif /* lib/encap.h */
