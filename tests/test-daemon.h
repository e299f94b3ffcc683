/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_TEST_DAEMON_H
#define TESTS_TEST_DAEMON_H 1

/* A C test that is a daemon, which ovs-appctl gives commands to.  It takes the
 * options of a daemon and of its log, and --unixctl. */

struct unixctl_server;

/* Parses the options, which 'n_args' other arguments have to follow (from
 * 'optind' on), or else ends the program with 'usage'; begins to be a daemon,
 * and listens for commands.  The caller registers these, and then calls
 * daemonize_complete(). */
struct unixctl_server *test_daemon_start(const char *name, int argc,
                                         char *argv[], int n_args,
                                         const char *usage);

#endif /* tests/test-daemon.h */
