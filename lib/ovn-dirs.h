/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_DIRS_H
#define OVN_DIRS_H 1

/* Where OVN's daemons have their files, which is not where Open vSwitch's
 * have theirs: what "configure" was told, unless the environment says
 * otherwise (OVN_RUNDIR, OVN_SYSCONFDIR).
 *
 * Thread-safe, but for ovn_set_pidfile(). */

const char *ovn_sysconfdir(void);   /* /etc/ovn */

/* The program's control socket: 'override' or, if that is NULL, one that is
 * named after the program and the process.  A relative name is one in the run
 * directory, but for "none", which is none.  The caller frees the result. */
char *ovn_unixctl_path(const char *override);

/* Has the daemon write its process ID to 'name' or, if that is NULL, to a file
 * that is named after the program.  A relative name is one in the run
 * directory, where ovn-appctl looks.  To be called for OPT_PIDFILE, in the
 * place of libopenvswitch's handler. */
void ovn_set_pidfile(const char *name);

/* The database that environment variable 'variable' names, or else that at
 * 'socket' in the run directory.  The caller frees the result. */
char *ovn_default_remote(const char *variable, const char *socket);

#endif /* lib/ovn-dirs.h */
