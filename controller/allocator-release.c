/* SPDX-License-Identifier: Apache-2.0 */

/* Giving memory back; see allocator-release.h.
 *
 * Small changes are not worth it: what they leave unused is used by the next
 * ones. */

#include <config.h>
#include "allocator-release.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocator.h"
#include "coverage.h"
#include "module.h"
#include "ofctrl.h"
#include "simap.h"
#include "util.h"

COVERAGE_DEFINE(allocator_release);

/* So many units must have run. */
#define MANY_UNITS 1000

static size_t n_units;          /* That have run since it was last done. */
static bool is_due;
static uint64_t fence;          /* When the switch has reached this. */

static void
run(struct turn *turn OVS_UNUSED)
{
    if (is_due && ofctrl_reached(fence)) {
        COVERAGE_INC(allocator_release);
        allocator_release();
        is_due = false;
    }
}

static void
complete(const struct turn *turn)
{
    n_units += turn->n_units;
    if (n_units >= MANY_UNITS) {
        n_units = 0;
        is_due = true;
        fence = ofctrl_fence();
    }
}

static void
memory(struct simap *usage)
{
    size_t heap, unused;

    allocator_get_usage(&heap, &unused);
    simap_increase(usage, "heap-KB", heap / 1024);
    simap_increase(usage, "heap_unused-KB", unused / 1024);
}

const struct module allocator_release_module = {
    .name = "allocator",
    .run = run,
    .complete = complete,
    .memory = memory,
};
