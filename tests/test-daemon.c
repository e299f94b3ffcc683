/* SPDX-License-Identifier: Apache-2.0 */

/* A C test that is a daemon; see test-daemon.h.  The options are what the
 * macros of libopenvswitch make of them. */

#include <config.h>
#include "test-daemon.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

#include "command-line.h"
#include "daemon.h"
#include "openvswitch/vlog.h"
#include "ovs-compat.h"
#include "unixctl.h"
#include "util.h"

struct unixctl_server *
test_daemon_start(const char *name, int argc, char *argv[], int n_args,
                  const char *usage)
{
    enum { OPT_UNIXCTL = UCHAR_MAX + 1, DAEMON_OPTION_ENUMS,
           VLOG_OPTION_ENUMS };
    static const struct option long_options[] = {
        { "unixctl", required_argument, NULL, OPT_UNIXCTL },
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        { NULL, 0, NULL, 0 },
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);
    const char *unixctl_path = NULL;
    struct unixctl_server *unixctl;
    int c;

    set_program_name(name);
    while ((c = getopt_long(argc, argv, short_options, long_options,
                            NULL)) != -1) {
        switch (c) {
        case OPT_UNIXCTL:
            unixctl_path = optarg;
            break;
        DAEMON_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS
        default:
            exit(EXIT_FAILURE);
        }
    }
    free(short_options);
    if (optind != argc - n_args) {
        ovs_fatal(0, "%s", usage);
    }

    ovs_daemonize_start(false);
    int error = unixctl_server_create(unixctl_path, &unixctl);
    if (error) {
        ovs_fatal(error, "failed to create unixctl server");
    }
    return unixctl;
}
