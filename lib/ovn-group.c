/* SPDX-License-Identifier: Apache-2.0 */

/* Load-balancing groups as values, as text and as OpenFlow.
 *
 * With thousands of load balancers, groups are most of what a controller sends
 * at its start.  Therefore none of them goes through text: the actions of a
 * backend's bucket are a copy of the group's template with another address. */

#include <config.h>
#include "ovn/group.h"

#include <string.h>

#include "bitmap.h"
#include "flow.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

/* Lengths are 16 bits wide, and a message in a bundle has two headers. */
#define MAX_MESSAGE (UINT16_MAX - 64)

struct ovn_group *
ovn_group_create(const char *selection_method, size_t n_buckets)
{
    struct ovn_group *group = xzalloc(sizeof *group);

    group->type = OFPGT11_SELECT;
    group->selection_method = selection_method;
    group->buckets = xcalloc(MAX(n_buckets, 1), sizeof *group->buckets);
    group->n_buckets = n_buckets;
    return group;
}

/* Frees 'group' and all that it holds.  NULL is fine. */
void
ovn_group_destroy(struct ovn_group *group)
{
    if (!group) {
        return;
    }
    for (size_t i = 0; i < group->n_buckets; i++) {
        free(group->buckets[i].actions);
        free(group->buckets[i].lport);
    }
    free(group->buckets);
    free(group->hash_fields);
    free(group->template);
    free(group->template_text);
    free(group->lb_hint);
    free(group);
}

struct ovn_group *
ovn_group_clone(const struct ovn_group *group)
{
    struct ovn_group *clone = xmemdup(group, sizeof *group);

    clone->hash_fields = nullable_xstrdup(group->hash_fields);
    clone->template = (group->template
                       ? xmemdup(group->template, group->template_len) : NULL);
    clone->template_text = nullable_xstrdup(group->template_text);
    clone->lb_hint = nullable_xstrdup(group->lb_hint);
    clone->buckets = xcalloc(MAX(group->n_buckets, 1), sizeof *clone->buckets);
    for (size_t i = 0; i < group->n_buckets; i++) {
        const struct ovn_group_bucket *bucket = &group->buckets[i];

        clone->buckets[i] = *bucket;
        clone->buckets[i].actions = nullable_xstrdup(bucket->actions);
        clone->buckets[i].lport = nullable_xstrdup(bucket->lport);
    }
    return clone;
}

/* Identity. */

/* A number, or a string with its length in front, so that no two groups put
 * together the same bytes. */
static void
put_number(struct ofpbuf *b, uint64_t n)
{
    ofpbuf_put(b, &n, sizeof n);
}

static void
put_string(struct ofpbuf *b, const char *s)
{
    put_number(b, s ? strlen(s) + 1 : 0);
    if (s) {
        ofpbuf_put(b, s, strlen(s));
    }
}

static void
put_bucket_identity(struct ofpbuf *b, const struct ovn_group *group,
                    const struct ovn_group_bucket *bucket)
{
    put_number(b, (uint64_t) bucket->weight << 32
                  | (uint32_t) bucket->port << 16
                  | ofp_to_u16(bucket->watch_port));
    ofpbuf_put(b, &bucket->address, sizeof bucket->address);
    if (!group->template) {
        put_string(b, bucket->actions);
    }
    if (group->local) {
        put_string(b, bucket->lport);
    }
}

ovs_u128
ovn_group_hash(const struct ovn_group *group)
{
    uint64_t stub[2048 / 8];
    struct ofpbuf b = OFPBUF_STUB_INITIALIZER(stub);

    put_number(&b, group->type);
    put_number(&b, group->selection_param);
    put_number(&b, group->first_bucket_id);
    put_number(&b, group->n_buckets);
    /* Without a hint, all flows with these buckets share one group, wherever
     * they are. */
    put_number(&b, (group->local ? 1 : 0) | (group->fallback ? 2 : 0)
                   | (group->affinity && (group->local || group->lb_hint)
                      ? 4 : 0));
    put_string(&b, group->selection_method);
    put_string(&b, group->hash_fields);
    put_string(&b, group->lb_hint);
    put_string(&b, group->template_text);
    for (size_t i = 0; i < group->n_buckets; i++) {
        put_bucket_identity(&b, group, &group->buckets[i]);
    }

    ovs_u128 hash;
    hash_bytes128(b.data, b.size, 0, &hash);
    ofpbuf_uninit(&b);
    return hash;
}

/* Text. */

static void
format_backend(const struct ovn_group_bucket *bucket, struct ds *s)
{
    if (IN6_IS_ADDR_V4MAPPED(&bucket->address)) {
        ovs_be32 ip = in6_addr_get_mapped_ipv4(&bucket->address);

        ds_put_format(s, IP_FMT, IP_ARGS(ip));
    } else {
        ipv6_format_addr_bracket(&bucket->address, s, bucket->port);
    }
    if (bucket->port) {
        ds_put_format(s, ":%"PRIu16, bucket->port);
    }
}

static void
format_bucket(const struct ovn_group *group, size_t i, struct ds *s)
{
    const struct ovn_group_bucket *bucket = &group->buckets[i];

    ds_put_cstr(s, ",bucket=");
    if (bucket->weight) {
        ds_put_format(s, "bucket_id=%"PRIuSIZE",weight:%u,actions=",
                      group->first_bucket_id + i, bucket->weight);
    }
    if (bucket->watch_port) {
        ds_put_format(s, "watch_port:%"PRIu32",", bucket->watch_port);
    }
    if (group->template) {
        ds_put_cstr(s, "ct(nat(dst=");
        format_backend(bucket, s);
        ds_put_cstr(s, group->template_text);
    } else {
        ds_put_cstr(s, bucket->actions);
    }
}

void
ovn_group_format(const struct ovn_group *group, const unsigned long *in_force,
                 const char *extra, struct ds *s)
{
    ds_put_format(s, "type=%s",
                  group->type == OFPGT11_SELECT ? "select" : "all");
    if (group->selection_method) {
        ds_put_format(s, ",selection_method=%s", group->selection_method);
    }
    if (group->selection_param) {
        ds_put_format(s, ",selection_method_param=%#"PRIx64,
                      group->selection_param);
    }
    if (group->hash_fields) {
        ds_put_format(s, ",fields(%s)", group->hash_fields);
    }
    for (size_t i = 0; i < group->n_buckets; i++) {
        if (!in_force || bitmap_is_set(in_force, i)) {
            format_bucket(group, i, s);
        }
    }
    if (extra) {
        ds_put_format(s, ",bucket=bucket_id=%"PRIuSIZE",weight:%d,actions=%s",
                      group->first_bucket_id + group->n_buckets,
                      OVN_GROUP_DEFAULT_WEIGHT, extra);
    }
}

/* OpenFlow. */

/* Returns NULL, or what is wrong with 'text' (caller frees). */
static char *
parse_actions(const char *text, struct ofpbuf *ofpacts)
{
    enum ofputil_protocol usable;
    const struct ofpact_parse_params pp = {
        .ofpacts = ofpacts,
        .usable_protocols = &usable,
    };

    return ofpacts_parse_actions(text, &pp);
}

/* Appends the template, filled in for 'bucket'. */
static void
put_backend(const struct ovn_group *group,
            const struct ovn_group_bucket *bucket, struct ofpbuf *ofpacts)
{
    struct ofpact_conntrack *ct = ofpbuf_put(ofpacts, group->template,
                                             group->template_len);
    struct ofpact_nat *nat = ofpact_get_NAT(ct->actions);

    if (IN6_IS_ADDR_V4MAPPED(&bucket->address)) {
        nat->range_af = AF_INET;
        nat->range.addr.ipv4.min = in6_addr_get_mapped_ipv4(&bucket->address);
    } else {
        nat->range_af = AF_INET6;
        nat->range.addr.ipv6.min = bucket->address;
    }
    nat->range.proto.min = bucket->port;
}

/* Sets 'props' to what 'group' says of how to select a bucket.  The caller
 * destroys it. */
static void
make_props(const struct ovn_group *group, struct ofputil_group_props *props)
{
    memset(props, 0, sizeof *props);
    if (group->selection_method) {
        ovs_strlcpy(props->selection_method, group->selection_method,
                    sizeof props->selection_method);
    }
    props->selection_method_param = group->selection_param;
    if (group->hash_fields) {
        char *copy = xstrdup(group->hash_fields);
        char *save_ptr = NULL;

        for (char *name = strtok_r(copy, ", ", &save_ptr); name;
             name = strtok_r(NULL, ", ", &save_ptr)) {
            const struct mf_field *field = mf_from_name(name);
            union mf_value ones;

            memset(&ones, 0xff, sizeof ones);
            if (field) {
                field_array_set(field->id, &ones, &props->fields);
            }
        }
        free(copy);
    }
}

/* A bucket, and where its actions are, in an ofpbuf that may still move. */
struct encoded_bucket {
    struct ofputil_bucket up;
    size_t ofs;
};

static void
init_bucket(struct encoded_bucket *eb, uint32_t id, unsigned int weight,
            size_t ofs, const struct ofpbuf *ofpacts)
{
    eb->up = (struct ofputil_bucket) {
        .weight = weight,
        .watch_port = OFPP_ANY,
        .watch_group = OFPG_ANY,
        .bucket_id = id,
        .ofpacts_len = ofpacts->size - ofs,
    };
    eb->ofs = ofs;
}

/* Fills in 'ebs' and 'ofpacts'.  Returns NULL, or what is wrong (caller
 * frees). */
static char *
encode_buckets(const struct ovn_group *group, const unsigned long *in_force,
               const char *extra, struct encoded_bucket *ebs, size_t *n,
               struct ofpbuf *ofpacts)
{
    char *error = NULL;

    *n = 0;
    for (size_t i = 0; i < group->n_buckets && !error; i++) {
        const struct ovn_group_bucket *bucket = &group->buckets[i];
        size_t ofs = ofpacts->size;

        if (in_force && !bitmap_is_set(in_force, i)) {
            continue;
        }
        if (group->template) {
            put_backend(group, bucket, ofpacts);
        } else {
            error = parse_actions(bucket->actions, ofpacts);
        }
        struct encoded_bucket *eb = &ebs[(*n)++];
        if (bucket->weight) {
            init_bucket(eb, group->first_bucket_id + i, bucket->weight, ofs,
                        ofpacts);
        } else {
            init_bucket(eb, OFPG15_BUCKET_ALL, group->type == OFPGT11_SELECT,
                        ofs, ofpacts);
        }
        if (bucket->watch_port) {
            eb->up.watch_port = bucket->watch_port;
        }
    }
    if (extra && !error) {
        size_t ofs = ofpacts->size;

        error = parse_actions(extra, ofpacts);
        init_bucket(&ebs[(*n)++], group->first_bucket_id + group->n_buckets,
                    OVN_GROUP_DEFAULT_WEIGHT, ofs, ofpacts);
    }
    return error;
}

struct ofpbuf *
ovn_group_encode(const struct ovn_group *group, uint32_t id,
                 const unsigned long *in_force, const char *extra,
                 uint16_t command, char **errorp)
{
    struct ofputil_group_mod gm = {
        .command = command,
        .type = group->type,
        .group_id = id,
        .command_bucket_id = OFPG15_BUCKET_ALL,
    };
    struct encoded_bucket *ebs = xmalloc((group->n_buckets + 1) * sizeof *ebs);
    struct ofpbuf *msg = NULL;
    struct ofpbuf ofpacts;
    size_t n;

    ofpbuf_init(&ofpacts, 256);
    char *error = encode_buckets(group, in_force, extra, ebs, &n, &ofpacts);
    if (!error) {
        ovs_list_init(&gm.buckets);
        for (size_t i = 0; i < n; i++) {
            ebs[i].up.ofpacts = ofpbuf_at(&ofpacts, ebs[i].ofs, 0);
            ovs_list_push_back(&gm.buckets, &ebs[i].up.list_node);
        }
        make_props(group, &gm.props);
        msg = ofputil_encode_group_mod(OFP15_VERSION, &gm, NULL, -1);
        ofputil_group_properties_destroy(&gm.props);
        if (msg->size > MAX_MESSAGE) {
            error = xasprintf("%"PRIu32" bytes do not fit into an OpenFlow "
                              "message", msg->size);
            ofpbuf_delete(msg);
            msg = NULL;
        }
    }
    ofpbuf_uninit(&ofpacts);
    free(ebs);
    *errorp = error;
    return msg;
}
