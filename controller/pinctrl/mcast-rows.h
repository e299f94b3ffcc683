/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_MCAST_ROWS_H
#define CONTROLLER_PINCTRL_MCAST_ROWS_H 1

/* Rows of IGMP_Group
 * ==================
 *
 * Our rows of IGMP_Group say what mcast.c has learned, and nothing else does.
 * Each time that something has been learned on a datapath, the main thread
 * gets a snapshot of what there is altogether.  So there is nothing to be lost
 * on the way, and as many snapshots wait as there are datapaths.
 *
 * A group is doubted when a snapshot says something new about it, or when
 * somebody has changed a row about it.  As long as it is doubted, its row is
 * compared, and mended, in each turn that has a transaction; as in
 * desired-rows.h, only when there is nothing to write the doubt is over.
 *
 * Nothing is written or deleted before all datapaths have been heard of after
 * a start.  Then a row of ours that no snapshot speaks of goes.
 *
 * Thread-safety: main thread only, but for snapshots. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcast.h"
#include "openvswitch/uuid.h"

struct idl_columns;
struct inc_engine;
struct sbrec_chassis;
struct turn;

/* IGMP_Group.address of the row that has the ports with routers. */
#define MCAST_ROUTERS_ADDRESS "mrouters"

struct mcast_snapshot_group {
    struct in6_addr ip;         /* Zero: the ports with routers. */
    enum mcast_protocol protocol; /* MCAST_N_PROTOCOLS: not known, or for
                                   * routers. */
    size_t first_port;          /* In 'ports'. */
    size_t n_ports;
};

struct mcast_snapshot {
    struct uuid dp;             /* Zero: all have been heard of. */
    uint32_t dp_key;
    size_t n_groups;            /* 0: it does not snoop. */
    struct mcast_snapshot_group *groups;
    uint16_t *ports;            /* Port keys. */
};
void mcast_snapshot_destroy(void *);

void mcast_rows_init(struct inc_engine *);
void mcast_rows_register(struct idl_columns *);
void mcast_rows_take(const struct mcast_snapshot *);
void mcast_rows_commit(const struct turn *, const struct sbrec_chassis *us);
void mcast_rows_destroy(void);

/* What our rows say at a start, for whoever goes on from there.  A port that
 * has moved away meanwhile is left out. */
struct mcast_remembered {
    struct in6_addr ip;         /* Zero: there is a router behind the port. */
    enum mcast_protocol protocol;
    uint32_t dp_key;
    uint16_t port_key;
};
struct mcast_remembered *mcast_rows_remember(const struct turn *, size_t *n);

#endif /* controller/pinctrl/mcast-rows.h */
