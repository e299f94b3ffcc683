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


/* Fuzzer for the encoders.
 *
 * The bytes are choices: from them tests/test-ovn-generate.c makes actions
 * that are valid, so that no time is spent on texts that are not.  The first
 * byte says in what kind of datapath, pipeline and chassis, and whether to
 * format them, too: that takes longer than to encode them. */

#include <config.h>
#include "fuzz.h"

#include <stdlib.h>

#include "test-ovn.h"
#include "util.h"

static void
set_parameters(struct test_ovn_actions *a, uint8_t flags)
{
    test_ovn_actions_forget(a);
    a->ep.is_switch = flags & 1;
    a->pp.pipeline = a->ep.pipeline = flags & 2 ? OVN_P_EGRESS : OVN_P_INGRESS;
    a->ep.common_zone_is_snat = flags & 4;
    a->ep.controller_meter = flags & 8 ? "meter" : NULL;
    a->ep.ct_zero_snat = flags & 16 ? test_ovn_ct_zero_snat : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct test_ovn_actions a;

    if (!size) {
        return 0;
    }
    if (!a.dhcp_opts) {
        test_ovn_actions_init(&a);
    }
    set_parameters(&a, data[0]);

    struct test_ovn_choices c = { .bytes = data + 1, .n = size - 1 };
    struct ds text = DS_EMPTY_INITIALIZER;
    bool parsed;

    a.skip_format = data[0] & 0xe0;
    test_ovn_generate_actions(&c, &text);
    char *error = test_ovn_check_actions(ds_cstr(&text), &a, &parsed);
    if (!error && !parsed) {
        error = xstrdup("generated actions are refused");
    }
    fuzz_check(ds_cstr(&text), error);
    ds_destroy(&text);
    return 0;
}
