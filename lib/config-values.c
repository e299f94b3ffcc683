/* SPDX-License-Identifier: Apache-2.0 */

/* Values of a chassis' configuration; see config-values.h. */

#include <config.h>
#include "config-values.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util.h"

bool
config_value_bool(const char *value, bool def)
{
    return (!value ? def
            : def ? strcasecmp(value, "false") != 0
            : strcasecmp(value, "true") == 0);
}

void
config_value_networks(const char *list,
                      bool (*cb)(const char *network, const char *value,
                                 void *aux), void *aux)
{
    char *copy = xstrdup(list ? list : "");
    char *save_ptr = NULL;
    bool done = false;

    for (char *item = strtok_r(copy, ", ", &save_ptr); item && !done;
         item = strtok_r(NULL, ", ", &save_ptr)) {
        char *colon = strchr(item, ':');

        if (!colon || colon == item || !colon[1]) {
            done = cb(item, NULL, aux);
        } else {
            *colon = '\0';
            done = cb(item, colon + 1, aux);
        }
    }
    free(copy);
}
