/* SPDX-License-Identifier: Apache-2.0 */

/* The OpenFlow flows behind a logical flow; see trace-ovs.h. */

#include <config.h>
#include "trace-ovs.h"

#include <errno.h>
#include <stdlib.h>

#include "dirs.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovntrace_ovs);

/* How long a switch may take to answer, in ms. */
#define TIMEOUT 10000

struct trace_ovs {
    char *remote;
    struct vconn *vconn;
    int error;                  /* Nonzero: what was wrong the first time. */
};

char *
trace_ovs_default_remote(void)
{
    return xasprintf("unix:%s/br-int.mgmt", ovs_rundir());
}

struct trace_ovs *
trace_ovs_open(const char *remote)
{
    struct vconn *vconn;
    int error = vconn_open_block(remote, 1u << OFP15_VERSION, DSCP_DEFAULT,
                                 TIMEOUT, &vconn);

    if (error) {
        VLOG_WARN("%s: connection failed (%s)", remote,
                  ovs_retval_to_string(error));
        return NULL;
    }

    struct trace_ovs *ovs = xmalloc(sizeof *ovs);
    *ovs = (struct trace_ovs) { .remote = xstrdup(remote), .vconn = vconn };
    return ovs;
}

void
trace_ovs_close(struct trace_ovs *ovs)
{
    if (ovs) {
        vconn_close(ovs->vconn);
        free(ovs->remote);
        free(ovs);
    }
}

/* Waits for a message, but not for ever. */
static int
receive(struct vconn *vconn, long long int deadline, struct ofpbuf **msgp)
{
    for (;;) {
        if (time_msec() >= deadline) {
            return ETIMEDOUT;
        }
        int error = vconn_recv(vconn, msgp);
        if (error != EAGAIN) {
            return error;
        }
        vconn_run(vconn);
        vconn_run_wait(vconn);
        vconn_recv_wait(vconn);
        poll_timer_wait_until(deadline);
        poll_block();
    }
}

/* Appends the flows in 'msg', a reply. */
static int
append_flows(struct ofpbuf *msg, char ***flows, size_t *n)
{
    struct ofpbuf ofpacts;
    enum ofptype type;
    int error;

    if (ofptype_decode(&type, msg->data)
        || type != OFPTYPE_FLOW_STATS_REPLY) {
        return EPROTO;
    }

    ofpbuf_init(&ofpacts, 0);
    for (;;) {
        struct ds s = DS_EMPTY_INITIALIZER;
        struct ofputil_flow_stats fs;

        error = ofputil_decode_flow_stats_reply(&fs, msg, false, &ofpacts);
        if (error) {
            break;
        }
        ofputil_flow_stats_format(&s, &fs, NULL, NULL, true);
        *flows = xrealloc(*flows, (*n + 1) * sizeof **flows);
        (*flows)[(*n)++] = ds_steal_cstr(&s);
    }
    ofpbuf_uninit(&ofpacts);
    return error == EOF ? 0 : EPROTO;
}

static int
dump(struct trace_ovs *ovs, uint32_t cookie, char ***flows, size_t *n)
{
    const struct ofputil_flow_stats_request request = {
        .match = MATCH_CATCHALL_INITIALIZER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
        .cookie = htonll(cookie),
        .cookie_mask = OVS_BE64_MAX,
    };
    struct ofpbuf *msg
        = ofputil_encode_flow_stats_request(&request, OFPUTIL_P_OF15_OXM);
    ovs_be32 xid = ((const struct ofp_header *) msg->data)->xid;
    long long int deadline = time_msec() + TIMEOUT;
    bool more = true;

    int error = vconn_send_block(ovs->vconn, msg);
    if (error) {
        ofpbuf_delete(msg);
        return error;
    }
    while (more && !error) {
        error = receive(ovs->vconn, deadline, &msg);
        if (error) {
            break;
        }

        const struct ofp_header *oh = msg->data;
        if (oh->xid == xid) {
            error = append_flows(msg, flows, n);
            more = !error && ofpmp_more(oh);
        }
        ofpbuf_delete(msg);
    }
    return error;
}

int
trace_ovs_dump(struct trace_ovs *ovs, uint32_t cookie,
               char ***flows, size_t *n)
{
    *flows = NULL;
    *n = 0;
    if (ovs->error) {
        return ovs->error;
    }

    ovs->error = dump(ovs, cookie, flows, n);
    if (ovs->error) {
        VLOG_WARN("%s: error obtaining flow stats (%s)", ovs->remote,
                  ovs_retval_to_string(ovs->error));
        for (size_t i = 0; i < *n; i++) {
            free((*flows)[i]);
        }
        free(*flows);
        *flows = NULL;
        *n = 0;
    }
    return ovs->error;
}
