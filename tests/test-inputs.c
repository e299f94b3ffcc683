/* SPDX-License-Identifier: Apache-2.0 */

/* A test of the controller's inputs against real databases.
 *
 *     ovstest test-inputs SB-REMOTE OVS-REMOTE < COMMANDS
 *
 * Executes each line of standard input with the shell, follows the databases
 * meanwhile, and when everything has arrived compares all cells, which were
 * brought up to date by change tracking, with those that are made from scratch
 * of the same rows.  Prints the number of cells after each. */

#include <config.h>

#include "inputs.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "idl-columns.h"
#include "inc-proc-eng-private.h"
#include "module.h"
#include "openvswitch/poll-loop.h"
#include "ovn-sb-idl.h"
#include "ovs-config.h"
#include "ovsdb-idl.h"
#include "ovstest.h"
#include "timeval.h"
#include "util.h"
#include "vswitch-idl.h"

#define N_KINDS (sizeof(struct inputs_kinds) / sizeof(struct inc_kind *))

static struct ovsdb_idl *sb_idl, *ovs_idl;
static struct inc_engine *engine;

static void
follow_rows(void)
{
    const struct ovs_config config = {
        .chassis_name = "hv1", .br_int = "br-int",
    };
    struct turn turn = {
        .ovs_idl = ovs_idl, .sb_idl = sb_idl, .config = &config,
    };

    inputs_module.input(&turn);
}

static void
iterate(void)
{
    ovsdb_idl_run(sb_idl);
    ovsdb_idl_run(ovs_idl);
    if (ovsdb_idl_has_ever_connected(sb_idl)
        && ovsdb_idl_has_ever_connected(ovs_idl)) {
        follow_rows();
        inc_run(engine, N_STAGES - 1);
        ovsdb_idl_track_clear(sb_idl);
        ovsdb_idl_track_clear(ovs_idl);
    }
}

static void
block(void)
{
    ovsdb_idl_wait(sb_idl);
    ovsdb_idl_wait(ovs_idl);
    poll_timer_wait(100);       /* For the child's exit. */
    poll_block();
}

/* Executes 'command', following the databases meanwhile. */
static void
execute(const char *command)
{
    pid_t pid = fork();
    int status;

    assert(pid >= 0);
    if (!pid) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    while (waitpid(pid, &status, WNOHANG) != pid) {
        iterate();
        block();
    }
    if (status) {
        ovs_fatal(0, "\"%s\" failed", command);
    }
}

/* Waits until all that was committed before has arrived: whatever precedes a
 * transaction of ours, arrives before its reply. */
static void
synchronize(struct ovsdb_idl *idl, bool is_sb)
{
    long long int deadline = time_msec() + 30 * 1000;

    for (;;) {
        enum ovsdb_idl_txn_status status = TXN_TRY_AGAIN;

        iterate();
        const struct ovsdb_idl_row *row
            = (is_sb ? ovsdb_idl_first_row(idl, &sbrec_table_sb_global)
               : ovsdb_idl_first_row(idl, &ovsrec_table_open_vswitch));
        if (row && ovsdb_idl_is_connected(idl)) {
            struct ovsdb_idl_txn *txn = ovsdb_idl_txn_create(idl);
            ovsdb_idl_txn_increment(txn, row,
                                    is_sb ? &sbrec_sb_global_col_nb_cfg
                                    : &ovsrec_open_vswitch_col_next_cfg,
                                    true);
            while ((status = ovsdb_idl_txn_commit(txn)) == TXN_INCOMPLETE) {
                ovsdb_idl_txn_wait(txn);
                block();
                /* The IDL must not run while a transaction is being made, but
                 * may while one is in flight. */
                iterate();
            }
            ovsdb_idl_txn_destroy(txn);
        }
        if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
            iterate();
            return;
        }
        if (time_msec() > deadline) {
            ovs_fatal(0, "the database does not answer");
        }
        block();
    }
}

static bool
sets_equal(const struct inc_set *a, const struct inc_set *b)
{
    if (inc_set_count(a) != inc_set_count(b)) {
        return false;
    }
    for (size_t i = 0; i < inc_set_count(a); i++) {
        if (!inc_set_contains(b, inc_set_at(a, i))) {
            return false;
        }
    }
    return true;
}

struct comparison {
    struct inc_kind *old, *new;
    int n;
};

static void
compare_cell(struct inc_key key, const void *new, void *c_)
{
    struct comparison *c = c_;
    bool equal;

    if (c->old->class->is_set) {
        equal = sets_equal(inc_peek_set(c->old, key),
                           inc_peek_set(c->new, key));
    } else {
        const void *old = inc_peek(c->old, key);
        equal = old && (old == new || c->old->class->equal(old, new));
    }
    if (!equal) {
        ovs_fatal(0, "a cell of %s has not followed", c->old->class->name);
    }
    c->n++;
}

static void
count_cell(struct inc_key key OVS_UNUSED, const void *value OVS_UNUSED,
           void *n)
{
    ++*(int *) n;
}

/* Makes all cells anew and compares.  Returns their number. */
static int
compare_with_scratch(void)
{
    struct inc_engine *old_engine = engine;
    struct inputs_kinds old_kinds = in_kinds;
    struct inc_kind **old = (struct inc_kind **) &old_kinds;
    struct inc_kind **new = (struct inc_kind **) &in_kinds;
    int n_cells = 0;

    inputs_module.destroy();
    engine = inc_engine_create(N_STAGES);
    inputs_module.init(engine);
    follow_rows();
    inc_run(engine, N_STAGES - 1);
    for (size_t i = 0; i < N_KINDS; i++) {
        struct comparison c = { old[i], new[i], 0 };
        int n_old = 0;

        inc_kind_for_each(new[i], compare_cell, &c);
        inc_kind_for_each(old[i], count_cell, &n_old);
        if (n_old != c.n) {
            ovs_fatal(0, "%s has %d cells instead of %d",
                      c.old->class->name, n_old, c.n);
        }
        n_cells += c.n;
    }
    inc_engine_destroy(old_engine);
    return n_cells;
}

static void
test_inputs(int argc, char *argv[])
{
    char line[4096];

    if (argc != 3) {
        ovs_fatal(0, "usage: %s SB-REMOTE OVS-REMOTE < COMMANDS", argv[0]);
    }
    sb_idl = ovsdb_idl_create(argv[1], &sbrec_idl_class, false, true);
    ovs_idl = ovsdb_idl_create(argv[2], &ovsrec_idl_class, false, true);

    struct idl_columns columns;
    idl_columns_init(&columns, sb_idl);
    inputs_module.register_sb(&columns);
    idl_columns_add(&columns, &sbrec_sb_global_col_nb_cfg, IDL_READ);
    idl_columns_apply(&columns);
    idl_columns_destroy(&columns);
    idl_columns_init(&columns, ovs_idl);
    inputs_module.register_ovs(&columns);
    idl_columns_add(&columns, &ovsrec_open_vswitch_col_next_cfg, IDL_READ);
    idl_columns_apply(&columns);
    idl_columns_destroy(&columns);

    engine = inc_engine_create(N_STAGES);
    inputs_module.init(engine);

    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        execute(line);
        synchronize(sb_idl, true);
        synchronize(ovs_idl, false);
        printf("%d: %s\n", compare_with_scratch(), line);
        fflush(stdout);
    }

    inc_engine_destroy(engine);
    inputs_module.destroy();
    ovsdb_idl_destroy(sb_idl);
    ovsdb_idl_destroy(ovs_idl);
}

OVSTEST_REGISTER("test-inputs", test_inputs);
