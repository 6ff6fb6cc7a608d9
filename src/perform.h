/* perform.h - carries out what the clients' state machines want done, and tells them the outcome.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "clients.h"
#include "config.h"
#include "console.h"
#include "disk.h"
#include "dumpdir.h"
#include "hooks.h"
#include "report.h"
#include "sock.h"

typedef struct Perform Perform;

/* Borrowed: they must outlive the Perform. */
typedef struct {
    const Config *config;
    Sock *sock;
    Disk *disk;
    Dumpdir *dumpdir;
    Console *console;
    DiskQueue *console_queue; /* in which text is written to it */
} PerformWorld;

typedef struct {
    guint64 complete, incomplete, not_dumped; /* dumps by result */
    guint64 unreachable;                      /* STARTs that led to nothing */
    guint64 bytes;                            /* of memory stored */
    guint64 retransmitted;                    /* pages asked again */
} PerformStats;

Perform *perform_new(const PerformWorld *world);
void perform_free(Perform *p); /* behind perform_shutdown() and disk_free() */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Perform, perform_free)

/* What time it is for everything until the next call. wall: us since 1970. */
void perform_set_time(Perform *p, Mono now, gint64 wall);
Mono perform_now(const Perform *p);
gint64 perform_wall(const Perform *p);

/* A new configuration: limits and times hold from now on, running dumps go on. */
void perform_set_config(Perform *p, const Config *config);

Clients *perform_clients(Perform *p);
Hooks *perform_hooks(Perform *p);

/* Take up what a former server left; blocks on the disk. Returns the number of dumps. */
guint perform_resume(Perform *p);

/* One event for a client, and all that follows from it. The entry may be gone afterwards. */
void perform_event(Perform *p, ClientEntry *entry, const Event *event);

/* A machine says that it has just started: runs netdump-start. */
void perform_started(Perform *p, const NetAddr *host);

/* Timers that are due, and the shares of the socket buffer. */
void perform_tick(Perform *p);
Mono perform_deadline(const Perform *p);

/* Remember which requests for pages are open. */
void perform_mark_open(Perform *p);

/* What part of them has been answered since, 0..1; -1 if no page has come. Where machines differ,
 * each answer counts for the part that its own machine has worked off: the one that is about to run
 * out of requests tells, not another one that has many left. */
gdouble perform_answered(const Perform *p);

/* Leave every dump so that the next server can go on with it; waits for the disk, but not for
 * ever. */
void perform_shutdown(Perform *p);

/* What reports on this client are made of; its pointers live as long as the entry. */
Report perform_report(Perform *p, const ClientEntry *entry);

const PerformStats *perform_stats(const Perform *p);
