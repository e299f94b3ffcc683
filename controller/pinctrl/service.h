/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_SERVICE_H
#define CONTROLLER_PINCTRL_SERVICE_H 1

/* Packet-in services: what there is to know to write one
 * ======================================================
 *
 * A service answers packets that the switch hands to the controller, or sends
 * packets of its own.  It is one file in this directory, which includes this
 * header and defines one variable:
 *
 *     struct pin_service echo_pin_service = {
 *         .name = "echo",
 *         .opcodes = { { ACTION_OPCODE_ECHO, handle_echo } },
 *     };
 *
 * and one row in services.def, PIN_SERVICE(echo).  Nothing else in the
 * controller knows the service.  The howto "Add a packet-in service" has
 * a whole one as an example.
 *
 * Two threads
 * -----------
 *
 * Packets never wait for the computation of flows: there is a thread for them,
 * the packet thread, with its own connection to the switch.  Each hook below
 * belongs to one of the two threads, and so does each variable of a service.
 * The threads share nothing but what passes between them in two ways:
 *
 *     main thread                               packet thread
 *
 *     cells of the engine --watchers--> facts --> packet(), timer()
 *     southbound rows <--write()-- results <----- pin_result_put()
 *
 * Facts (fact.h) are immutable and found without locks.  They are the cells of
 * the engine that the service follows; so it cannot know what it has not
 * subscribed to.  What a flow needs to know is published before the flow is
 * sent to the switch, as both follow from one run of the engine.
 *
 * Results are what is to be written into the southbound database.  They wait
 * in a bounded queue until the main thread has written them.
 *
 * A pointer to a fact is good until the hook that has found it returns.
 *
 * Bounds
 * ------
 *
 * Everything in a packet is controlled by whoever has sent it: lengths are
 * checked first, pin_malformed() is told of what makes no sense, and all that
 * is kept of packets is bounded: wait-queue.h keeps packets, and results are
 * limited by 'max_results', the oldest being thrown away.  A hook returns
 * within a millisecond or so: all other services wait for it, and BFD is among
 * them.  Who has more to do does it in portions, by timer().
 *
 * Completeness
 * ------------
 *
 * After a start, packets come before the southbound database has been read.  A
 * service that decides by facts says so with 'needs_facts': until the snapshot
 * is complete, its packets are kept (a bounded number of them), and its timer
 * does not run.
 *
 * Building packets: lib/packet-build.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dp-packet.h"
#include "inc-proc-eng.h"
#include "openvswitch/compiler.h"
#include "openvswitch/flow.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "ovn/actions.h"
#include "ovs-atomic.h"

struct ds;
struct idl_columns;
struct ovn_dialect;
struct pin_continuation;
struct pin_service_state;
struct sbrec_chassis;
struct sbrec_port_binding;
struct turn;

/* A packet-in, taken apart.  All borrowed by the handler. */
struct pin {
    const struct ofputil_packet_in *in;
    uint32_t opcode;
    struct dp_packet *packet;   /* With its layers' offsets set. */
    const struct flow *headers; /* Of 'packet'. */
    const struct flow *md;      /* Registers and metadata in the pipeline. */
    struct ofpbuf *userdata;    /* What follows the opcode (and, if there is to
                                 * be a result, where that goes). */
    uint32_t dp_key;            /* Of the logical datapath, */
    uint16_t inport_key;        /* and its ports, from the registers. */
    uint16_t outport_key;

    /* The frame's. */
    const struct pin_service *service;
    struct pin_continuation *continuation; /* Of a paused packet, or NULL. */
};

typedef void pin_handler(const struct pin *);

struct pin_opcode {
    enum action_opcode opcode;
    pin_handler *handle;
    bool has_result;            /* The logical action has one, "R = ...": the
                                 * userdata starts with where R is. */
};

/* What write() has found. */
enum pin_written {
    PIN_WRITTEN,                /* Has been put into the transaction, which may
                                 * fail: asks again after it. */
    PIN_DONE,                   /* It is there: nothing to be done. */
    PIN_MOOT,                   /* Nobody wants it any more, e.g. because its
                                 * port is gone. */
};

/* A command of ovs-appctl, executed on the packet thread.  Returns false if
 * what it has put into 'reply' is an error. */
struct pin_command {
    const char *name;           /* "bfd/show" */
    const char *usage;
    int min_args, max_args;
    void (*run)(int argc, const char *argv[], struct ds *reply);
};

/* A number for memory/show, of things that are kept. */
struct pin_gauge {
    const char *name;           /* "sessions" */
    atomic_size_t value;
};
static inline void
pin_gauge_set(struct pin_gauge *gauge, size_t value)
{
    atomic_store_relaxed(&gauge->value, value);
}

#define PIN_MAX_OPCODES 8

struct pin_service {
    const char *name;
    bool needs_facts;           /* Nothing before the snapshot is complete. */

    /* Packets, on the packet thread.  An opcode belongs to one service. */
    struct pin_opcode opcodes[PIN_MAX_OPCODES];

    /* Packet thread.  Does what is due at 'now', in ms as of time_msec(), and
     * returns when it is to be called next at the latest, LLONG_MAX for never.
     * Called first as soon as the thread runs (or, if the service needs facts,
     * has them), and then when it has said, or earlier if pin_timer_at() has
     * been called.  May be NULL. */
    long long int (*timer)(long long int now);
    /* Packet thread.  There is a new connection to the switch.  Or NULL. */
    void (*connected)(void);

    /* Main thread, once, in this order: declares kinds and units of the
     * engine, follows kinds by fact tables; says which southbound columns it
     * reads and writes.  May be NULL. */
    void (*init)(struct inc_engine *);
    void (*register_sb)(struct idl_columns *);

    /* Main thread.  Writes 'result' into turn->sb_txn, for our chassis 'us',
     * unless what the rows say is what it says.  Must look only at columns
     * that are read.  Called in each turn that has a transaction, until it
     * returns something other than PIN_WRITTEN. */
    enum pin_written (*write)(void *result, const struct turn *,
                              const struct sbrec_chassis *us);
    void (*destroy_result)(void *result); /* NULL: free(). */
    size_t max_results;         /* That wait at a time. */

    /* Main thread, once: the snapshot is complete, which the packet thread is
     * going to be told.  What the hook leaves behind in variables, the packet
     * thread may take as soon as pin_facts_complete().  May be NULL. */
    void (*start)(const struct turn *);
    /* Main thread, behind write() in each turn in which databases may be
     * written: for rows that are kept as they should be.  'us' is NULL while
     * there is no such row, turn->sb_txn while nothing can be written.  May be
     * NULL. */
    void (*commit)(const struct turn *, const struct sbrec_chassis *us);

    const struct pin_command *commands; /* Up to one without name, or NULL. */
    struct pin_gauge *const *gauges;    /* Up to NULL; or NULL. */

    /* At the end, when the packet thread is no more: frees what the service
     * keeps, and its fact tables.  May be NULL. */
    void (*destroy)(void);

    struct pin_service_state *state; /* The frame's. */
};

/* Packet thread: what to do with a packet-in. */

/* Executes the OpenFlow actions in pin->userdata on 'packet', with the
 * metadata that pin->packet had. */
void pin_execute(const struct pin *, const struct dp_packet *packet);
/* Appends those actions to 'ofpacts', or returns what is wrong with them. */
enum ofperr pin_actions(const struct pin *, struct ofpbuf *ofpacts);
/* Puts the VLAN header that pin->packet has, if any, in front of 'packet'. */
void pin_copy_vlan(const struct pin *, struct dp_packet *packet);

/* Has the pipeline go on, behind the action that has paused it, with 'packet'
 * (NULL: the one that it has paused), and 'result' as the action's result, if
 * it has one.  Only the first call for a packet-in counts; a packet that the
 * handler has not resumed when it returns, is, unchanged, with a result of
 * false. */
void pin_resume(const struct pin *, const struct dp_packet *packet,
                bool result);
/* The same with an answer, and true as the result: with the headers of the
 * packet, which is UDP, and 'payload'.  For logical flows that turn the packet
 * round; if 'ip_dst' is not zero, the answer, IPv4, is to that address. */
void pin_resume_udp(const struct pin *, const struct ofpbuf *payload,
                    ovs_be32 ip_dst);
/* The packet is not to go on. */
void pin_drop(const struct pin *);

/* What is wrong with a packet-in: a counter for each, in coverage/show. */
enum pin_fault {
    PIN_BAD_USERDATA,           /* What the flow says, not the packet. */
    PIN_BAD_PROTOCOL,           /* Not the kind of packet it is for. */
    PIN_BAD_LENGTH,             /* Too short, or lengths contradict. */
    PIN_BAD_CHECKSUM,
    PIN_BAD_CONTENT,            /* Anything else, such as bad options. */
    PIN_N_FAULTS
};

/* Counts, and logs with the flow's cookie, that the packet-in makes no sense.
 * The log's rate is limited. */
void pin_malformed(const struct pin *, enum pin_fault, const char *format, ...)
    OVS_PRINTF_FORMAT(3, 4);

/* Packet thread: packets that nobody has asked for. */

/* Where a packet enters the pipeline. */
enum pin_entry {
    PIN_INGRESS,                /* The ingress pipeline of 'dp_key', as from
                                 * 'inport_key'. */
    PIN_OUTPUT,                 /* As by "output;" of the ingress pipeline: to
                                 * 'outport_key', wherever it is. */
    PIN_LOCAL_OUTPUT,           /* The same, on this chassis only. */
};

struct pin_place {
    enum pin_entry entry;
    uint32_t dp_key;
    uint16_t inport_key;
    uint16_t outport_key;
    uint32_t flags;             /* MLF_*. */
    const struct flow *md;      /* Or this in place of the four: all the
                                 * metadata, e.g. that of a packet-in. */
};

/* Has 'packet' enter the pipeline.  Returns false if there is no connection to
 * the switch or it does not take any more, in which case the packet is lost,
 * and counted. */
bool pin_inject(const struct pin_place *, const struct dp_packet *packet);

/* Packet thread: the rest. */

/* Has 'result' written by the service's write().  'key' says what it is about:
 * it takes the place of one about the same that has not been written yet.
 * Takes ownership of 'result'. */
void pin_result_put(struct pin_service *, struct inc_key key, void *result);

/* The service's timer() is to be called at 'when' at the latest. */
void pin_timer_at(struct pin_service *, long long int when);

/* The snapshot of the southbound database has been complete. */
bool pin_facts_complete(void);

/* The OpenFlow tables and registers of the central's release. */
const struct ovn_dialect *pin_dialect(void);

/* Asserts that this is the packet thread. */
void pin_assert_thread(void);

/* Main thread. */

/* The Port_Binding with 'port_key' on the datapath with 'dp_key', or NULL. */
const struct sbrec_port_binding *pin_find_port(uint32_t dp_key,
                                               uint32_t port_key);

#endif /* controller/pinctrl/service.h */
