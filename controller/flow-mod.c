/* SPDX-License-Identifier: Apache-2.0 */

/* The message that changes flows; see flow-mod.h. */

#include <config.h>
#include "flow-mod.h"

#include "openflow/openflow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

struct ofpbuf *
flow_mod_encode(const struct flow_mod *fm)
{
    size_t match_len = sizeof(struct ofp11_match_header) + fm->oxm_len;
    struct ofpbuf *msg = ofpraw_alloc(OFPRAW_OFPT11_FLOW_MOD, OFP15_VERSION,
                                      ROUND_UP(match_len, 8)
                                      + fm->instructions_len);
    struct ofp11_flow_mod *ofm = ofpbuf_put_zeros(msg, sizeof *ofm);

    ofm->cookie = fm->cookie;
    ofm->cookie_mask = fm->cookie_mask;
    ofm->table_id = fm->table_id;
    ofm->command = fm->command;
    ofm->priority = htons(fm->priority);
    ofm->buffer_id = htonl(UINT32_MAX);
    ofm->out_port = ofputil_port_to_ofp11(OFPP_ANY);
    ofm->out_group = htonl(OFPG_ANY);

    struct ofp11_match_header *omh = ofpbuf_put_uninit(msg, sizeof *omh);
    omh->type = htons(OFPMT_OXM);
    omh->length = htons(match_len);
    ofpbuf_put(msg, fm->oxm, fm->oxm_len);
    ofpbuf_put_zeros(msg, PAD_SIZE(match_len, 8));

    if (fm->instructions_len) {
        ofpbuf_put(msg, fm->instructions, fm->instructions_len);
    }
    ofpmsg_update_length(msg);
    return msg;
}
