/* SPDX-License-Identifier: Apache-2.0 */

/* Commands of services.
 *
 * What ovs-appctl asks arrives on the main thread, and what services keep
 * belongs to the packet thread.  So a command is sent there and executed
 * between two packets, and the reply comes back to be sent.  Both queues are
 * as long as operators' connections are many. */

#include <config.h>

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "pinctrl/pinctrl-private.h"
#include "seq.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"

struct call {
    struct ovs_list list_node;
    const struct pin_command *command;
    struct unixctl_conn *conn;  /* Main thread only. */
    struct svec args;
    struct ds reply;
};

/* Changes when there are replies for the main thread. */
static struct seq *seq;
static uint64_t seen;           /* Main thread. */

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list asked OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&asked);
static struct ovs_list answered OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&answered);

static void
ask(struct unixctl_conn *conn, int argc, const char *argv[], void *command)
{
    struct call *call = xmalloc(sizeof *call);

    call->command = command;
    call->conn = conn;
    svec_init(&call->args);
    for (int i = 0; i < argc; i++) {
        svec_add(&call->args, argv[i]);
    }
    svec_terminate(&call->args);
    ds_init(&call->reply);

    ovs_mutex_lock(&mutex);
    ovs_list_push_back(&asked, &call->list_node);
    ovs_mutex_unlock(&mutex);
    pin_wake_thread();
}

void
pin_commands_init(void)
{
    seq = seq_create();
}

void
pin_commands_register(const struct pin_service *service)
{
    for (const struct pin_command *c = service->commands; c && c->name; c++) {
        unixctl_command_register(c->name, c->usage, c->min_args, c->max_args,
                                 ask, CONST_CAST(struct pin_command *, c));
    }
}

static struct call *
pop(struct ovs_list *list)
{
    struct call *call = NULL;

    ovs_mutex_lock(&mutex);
    if (!ovs_list_is_empty(list)) {
        call = CONTAINER_OF(ovs_list_pop_front(list), struct call, list_node);
    }
    ovs_mutex_unlock(&mutex);
    return call;
}

void
pin_commands_run(void)
{
    struct call *call;

    while ((call = pop(&asked))) {
        call->command->run(call->args.n, (const char **) call->args.names,
                           &call->reply);
        ovs_mutex_lock(&mutex);
        ovs_list_push_back(&answered, &call->list_node);
        ovs_mutex_unlock(&mutex);
        seq_change(seq);
    }
}

static void
call_destroy(struct call *call)
{
    svec_destroy(&call->args);
    ds_destroy(&call->reply);
    free(call);
}

void
pin_commands_reply(void)
{
    struct call *call;

    seen = seq_read(seq);
    while ((call = pop(&answered))) {
        unixctl_command_reply(call->conn, ds_cstr(&call->reply));
        call_destroy(call);
    }
}

void
pin_commands_wait(void)
{
    seq_wait(seq, seen);
}

void
pin_commands_destroy(void)
{
    struct call *call;

    pin_commands_reply();
    while ((call = pop(&asked))) {
        unixctl_command_reply_error(call->conn, "exiting");
        call_destroy(call);
    }
    seq_destroy(seq);
}
