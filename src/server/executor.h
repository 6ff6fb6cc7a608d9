/* executor.h - carries out what the clients' state machines want done, and tells them the outcome.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"
#include "io/config/config.h"
#include "io/hooks/hooks.h"
#include "io/net/sock.h"
#include "io/store/console_store.h"
#include "io/store/dumpdir.h"
#include "io/work/work.h"
#include "server/report.h"

typedef struct Executor Executor;

/* Borrowed: they must outlive the Executor. */
typedef struct {
    const Config *config;
    Sock *sock;
    WorkPool *disk;
    Dumpdir *dumpdir;
    ConsoleStore *console;
    WorkQueue *console_queue; /* in which text is written to it */
} ExecutorWorld;

typedef struct {
    guint64 complete, incomplete, not_dumped; /* dumps by result */
    guint64 unreachable;                      /* STARTs that led to nothing */
    guint64 bytes;                            /* of memory stored */
    guint64 retransmitted;                    /* pages asked again */
} ExecutorStats;

Executor *executor_new(const ExecutorWorld *world);
void executor_free(Executor *p); /* behind executor_shutdown() and work_pool_free() */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Executor, executor_free)

/* What time it is for everything until the next call. wall: us since 1970. */
void executor_set_time(Executor *p, Mono now, gint64 wall);
Mono executor_now(const Executor *p);
gint64 executor_wall(const Executor *p);

/* A new configuration: limits and times hold from now on, running dumps go on. */
void executor_set_config(Executor *p, const Config *config);

Clients *executor_clients(Executor *p);
Hooks *executor_hooks(Executor *p);

/* Take up what a former server left; blocks on the disk. Returns the number of dumps. */
guint executor_resume(Executor *p);

/* One event for a client, and all that follows from it. The entry may be gone afterwards. */
void executor_event(Executor *p, ClientEntry *entry, const Event *event);

/* A machine says that it has just started: runs netdump-start. */
void executor_started(Executor *p, const NetAddr *host);

/* Timers that are due, and the shares of the socket buffer. */
void executor_tick(Executor *p);
Mono executor_deadline(const Executor *p);

/* Remember which requests for pages are open. */
void executor_mark_open(Executor *p);

/* What part of them has been answered since, 0..1; -1 if no page has come. Where machines differ,
 * each answer counts for the part that its own machine has worked off: the one that is about to run
 * out of requests tells, not another one that has many left. */
gdouble executor_answered(const Executor *p);

/* Leave every dump so that the next server can go on with it; waits for the disk, but not for
 * ever. */
void executor_shutdown(Executor *p);

/* What reports on this client are made of; its pointers live as long as the entry. */
Report executor_report(Executor *p, const ClientEntry *entry);

const ExecutorStats *executor_stats(const Executor *p);
