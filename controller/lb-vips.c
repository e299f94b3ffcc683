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


/* Load balancers' VIPs with templates; see lb-vips.h. */

#include <config.h>
#include "lb-vips.h"

#include <stdlib.h>

#include "inputs.h"
#include "lb.h"
#include "lflow-env.h"
#include "ovn/lex.h"
#include "smap.h"
#include "util.h"

/* A copy of 's' with its variables expanded. */
static char *
expand(struct inc_unit *unit, const char *s)
{
    char *expanded = lex_expand_templates(s, lflow_env_template_var, unit);

    return expanded ? expanded : xstrdup(s);
}

void
lb_vips_read(struct inc_unit *unit, const struct load_balancer *lb,
             struct lb_vip **vips, size_t *n, char **bad)
{
    if (!smap_get_bool(&lb->options, "template", false)) {
        lb_vips_parse(&lb->vips, vips, n, bad);
        return;
    }

    struct smap expanded = SMAP_INITIALIZER(&expanded);
    const struct smap_node **nodes = smap_sort(&lb->vips);
    for (size_t i = 0; i < smap_count(&lb->vips); i++) {
        char *vip = expand(unit, nodes[i]->key);

        /* Of two that come to the same VIP, the first one counts. */
        if (!smap_get(&expanded, vip)) {
            smap_add_nocopy(&expanded, vip, expand(unit, nodes[i]->value));
        } else {
            free(vip);
        }
    }
    free(nodes);
    lb_vips_parse(&expanded, vips, n, bad);
    smap_destroy(&expanded);
}
