/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LFLOW_CONJ_IDS_H
#define CONTROLLER_LFLOW_CONJ_IDS_H 1

/* Ids of conjunctive matches
 * ==========================
 *
 * A conjunctive match (see "Conjunctive Match Fields" in ovs-fields(7)) ties
 * its clauses together by an id.  Two matches may have the same id as long as
 * no packet can be looked up among the clauses of both, that is, unless they
 * are in the same OpenFlow table and the same logical datapath.  This is what
 * makes it possible to simply use the start of the logical flow's UUID, which
 * is the same after a restart: collisions within one table of one datapath
 * are very rare.  They are settled by taking the next free ids.
 *
 * Thread-safety: main thread only. */

#include <stdint.h>
#include "openvswitch/uuid.h"

struct ds;

void conj_ids_destroy(void);

/* The first of 'n' consecutive ids for 'lflow' in OpenFlow table 'table_id' of
 * datapath 'dp', whose tunnel key is 'dp_key'; 0 if there are none left. */
uint32_t conj_ids_alloc(const struct uuid *lflow, const struct uuid *dp,
                        uint8_t table_id, uint32_t dp_key, uint32_t n);
/* What conj_ids_alloc() has returned for 'lflow' and 'dp', if that was for 'n'
 * ids in the same table, otherwise 0. */
uint32_t conj_ids_find(const struct uuid *lflow, const struct uuid *dp,
                       uint8_t table_id, uint32_t n);
/* Frees all ids of 'lflow'. */
void conj_ids_free(const struct uuid *lflow);

/* For debug/dump-lflow-conj-ids. */
void conj_ids_dump(struct ds *);

#endif /* controller/lflow-conj-ids.h */
