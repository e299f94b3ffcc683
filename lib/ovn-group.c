/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

/* Load-balancing groups: what an action asks for.
 *
 * A "struct ovn_group" is a value: it is built by the encoder of a
 * load-balancing action, cloned by whoever keeps it, and compared by its
 * identity.  What is in it never depends on which backends are local; that is
 * the content, which controller/group.c decides. */

#include <config.h>
#include "ovn/actions.h"

#include "bitmap.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

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
    free(group->method);
    free(group->lb_hint);
    free(group);
}

struct ovn_group *
ovn_group_clone(const struct ovn_group *group)
{
    struct ovn_group *clone = xmemdup(group, sizeof *group);

    clone->method = xstrdup(group->method);
    clone->lb_hint = nullable_xstrdup(group->lb_hint);
    clone->buckets = xcalloc(MAX(group->n_buckets, 1), sizeof *clone->buckets);
    for (size_t i = 0; i < group->n_buckets; i++) {
        clone->buckets[i] = group->buckets[i];
        clone->buckets[i].actions = xstrdup(group->buckets[i].actions);
        clone->buckets[i].lport = nullable_xstrdup(group->buckets[i].lport);
    }
    return clone;
}

/* Appends 'n' to 's' in decimal.  The text of a group is mostly numbers, and
 * made whenever a logical flow that uses it is compiled. */
static void
put_number(struct ds *s, size_t n)
{
    char digits[20];
    size_t i = sizeof digits;

    do {
        digits[--i] = '0' + n % 10;
        n /= 10;
    } while (n);
    ds_put_buffer(s, &digits[i], sizeof digits - i);
}

/* Appends the text of the group to 's', with the buckets whose bit is 1 in
 * 'in_force', or with all of them if it is NULL.  A bucket's id is its place
 * among all buckets, so it does not move when a neighbour comes or goes. */
void
ovn_group_format(const struct ovn_group *group, const unsigned long *in_force,
                 struct ds *s)
{
    ds_put_cstr(s, group->method);
    for (size_t i = 0; i < group->n_buckets; i++) {
        if (!in_force || bitmap_is_set(in_force, i)) {
            const struct ovn_group_bucket *b = &group->buckets[i];
            ds_put_cstr(s, ",bucket=");
            if (b->weight) {
                ds_put_cstr(s, "bucket_id=");
                put_number(s, i);
                ds_put_cstr(s, ",weight:");
                put_number(s, b->weight);
                ds_put_cstr(s, ",actions=");
            }
            ds_put_cstr(s, b->actions);
        }
    }
}

/* Appends the identity of 'group' to 's'.
 *
 * The identity of a group whose buckets are all in force, whatever happens, is
 * its text, which is what an operator knows it by.  For others, what decides
 * about the buckets comes in front of it.  A name may hold any character, so
 * its length goes with it. */
void
ovn_group_identity(const struct ovn_group *group, struct ds *s)
{
    if (group->local) {
        for (size_t i = 0; i < group->n_buckets; i++) {
            const char *lport = (group->buckets[i].lport
                                 ? group->buckets[i].lport : "");

            ds_put_format(s, "local(%"PRIuSIZE":%s)", strlen(lport), lport);
        }
        ds_put_cstr(s, group->fallback ? "fallback," : ",");
    }
    if (group->affinity && (group->local || group->lb_hint)) {
        ds_put_cstr(s, "affinity,");
    }
    if (group->lb_hint) {
        ds_put_format(s, "lb=%"PRIuSIZE":%s,", strlen(group->lb_hint),
                      group->lb_hint);
    }
    ovn_group_format(group, NULL, s);
}
