/* SPDX-License-Identifier: Apache-2.0 */

/* Problems that last; see problems.h. */

#include <config.h>
#include "problems.h"

#include "openvswitch/vlog.h"
#include "sset.h"

void
problems_report_new(struct sset *problems, struct sset *reported,
                    const struct vlog_module *module,
                    struct vlog_rate_limit *rl)
{
    const char *problem;

    SSET_FOR_EACH (problem, problems) {
        if (!sset_contains(reported, problem)) {
            vlog_rate_limit(module, VLL_WARN, rl, "%s", problem);
        }
    }
    sset_swap(reported, problems);
}
