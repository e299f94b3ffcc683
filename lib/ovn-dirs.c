/* SPDX-License-Identifier: Apache-2.0 */

/* Where OVN's daemons have their files; see ovn-dirs.h. */

#include <config.h>
#include "ovn-dirs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "ovn/version.h"
#include "util.h"

static const char *
dir_get(const char *variable, const char *default_value)
{
    const char *value = getenv(variable);
    return value && value[0] ? value : default_value;
}

/* /var/run/ovn */
static const char *
rundir(void)
{
    return dir_get("OVN_RUNDIR", OVN_DEFAULT_RUNDIR);
}

const char *
ovn_sysconfdir(void)
{
    return dir_get("OVN_SYSCONFDIR", OVN_DEFAULT_SYSCONFDIR);
}

char *
ovn_unixctl_path(const char *override)
{
    return (!override ? xasprintf("%s/%s.%ld.ctl", rundir(), program_name,
                                  (long int) getpid())
            : !strcmp(override, "none") ? xstrdup(override)
            : abs_file_name(rundir(), override));
}

void
ovn_set_pidfile(const char *name)
{
    char *path = (name ? abs_file_name(rundir(), name)
                  : xasprintf("%s/%s.pid", rundir(), program_name));

    set_pidfile(path);
    free(path);
}

char *
ovn_default_remote(const char *variable, const char *socket)
{
    const char *remote = getenv(variable);

    return (remote && remote[0] ? xstrdup(remote)
            : xasprintf("unix:%s/%s", rundir(), socket));
}
