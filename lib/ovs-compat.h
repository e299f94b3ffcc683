/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVS_COMPAT_H
#define OVS_COMPAT_H 1

/* One source, many releases of libopenvswitch
 * ===========================================
 *
 * The library has no stable interface: a function gets another parameter, a
 * member of a struct another name.  What we use of that kind has a name here,
 * that of the library with "ovs_" before it, and means the same whatever the
 * release is.
 *
 * "ovs-features.h" is made for the library that we are built with, by
 * compiling a line for each feature (build-aux/ovs-features). */

#include "daemon.h"
#include "flow.h"
#include "openvswitch/json.h"
#include "openvswitch/ofp-actions.h"
#include "ovs-features.h"
#include "packets.h"

/* daemonize_start() of a daemon that has no business with hardware ports. */
static inline void
ovs_daemonize_start(bool access_datapath)
{
#if OVS_HAS_DAEMONIZE_2
    daemonize_start(access_datapath, false);
#else
    daemonize_start(access_datapath);
#endif
}

/* flow_compose() with good checksums. */
static inline void
ovs_flow_compose(struct dp_packet *packet, const struct flow *flow,
                 const void *l7, size_t l7_len)
{
#if OVS_HAS_FLOW_COMPOSE_5
    flow_compose(packet, flow, l7, l7_len, false);
#else
    flow_compose(packet, flow, l7, l7_len);
#endif
}

/* compose_nd_ns() that is sent to the solicited-node multicast address. */
static inline void
ovs_compose_nd_ns(struct dp_packet *packet, struct eth_addr eth_src,
                  const struct in6_addr *ipv6_src,
                  const struct in6_addr *ipv6_dst)
{
#if OVS_HAS_COMPOSE_ND_NS_6
    compose_nd_ns(packet, true, eth_src, eth_addr_zero, ipv6_src, ipv6_dst);
#else
    compose_nd_ns(packet, eth_src, ipv6_src, ipv6_dst);
#endif
}

/* The elements of a JSON array. */
static inline size_t
ovs_json_array_size(const struct json *json)
{
#if OVS_HAS_JSON_ACCESSORS
    return json_array_size(json);
#else
    return json->array.n;
#endif
}

static inline const struct json *
ovs_json_array_at(const struct json *json, size_t i)
{
#if OVS_HAS_JSON_ACCESSORS
    return json_array_at(json, i);
#else
    return json->array.elems[i];
#endif
}

/* The observation domain and point of 'sample' are these numbers. */
static inline void
ovs_sample_set_obs(struct ofpact_sample *sample, uint32_t domain,
                   uint32_t point)
{
#if OVS_HAS_SAMPLE_SOURCES
    sample->obs_domain_imm = domain;
    sample->obs_point_imm = point;
#else
    sample->obs_domain_id = domain;
    sample->obs_point_id = point;
#endif
}

/* The observation point of 'sample' is what the packet has in 'src', 32 bits.
 * Returns false if the library knows no such samples: before 3.4. */
static inline bool
ovs_sample_set_obs_point_src(struct ofpact_sample *sample,
                             const struct mf_subfield *src)
{
#if OVS_HAS_SAMPLE_SOURCES
    sample->obs_point_src = *src;
    return true;
#else
    (void) sample;
    (void) src;
    return false;
#endif
}

#endif /* ovs-compat.h */
