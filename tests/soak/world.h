/* world.h - a world in virtual time: machines that crash, a network, a server with its disk.
 *
 * Everything that happens is an entry in one queue, ordered by time; chance comes from one
 * generator. So a seed gives the same run, to the last action. Memory comes from an arena that is
 * emptied with the run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"

#include "sim/rng.h"

#include <setjmp.h>

#define MACHINES_MAX 12
#define CRASHES_MAX  64

typedef struct Machine Machine;
typedef struct Crash Crash;
typedef struct Dump Dump;
typedef struct World World;

typedef enum {
    HAPPEN_TO_SERVER,  /* data: Datagram */
    HAPPEN_TO_MACHINE, /* data: Datagram */
    HAPPEN_KERNEL,     /* data: Machine, token: its life */
    HAPPEN_TIRE,       /* data: Machine, token: its crash's number */
    HAPPEN_DISK,       /* data: Strand, token: the server's life */
    HAPPEN_CALLERS,    /* token: the server's life */
    HAPPEN_HOOK,       /* data: HookRun, token: the server's life */
    HAPPEN_SERVER_UP,
    HAPPEN_OUTAGE, /* the network begins or ends to lose everything */
    HAPPEN_FORGE,
} HappenKind;

typedef struct {
    Mono at;
    guint32 order;
    HappenKind kind;
    guint32 token;
    gpointer data;
} Happen;

/* What chance has decided beforehand. Rates are parts of 10,000. */
typedef struct {
    guint machines, max_dumps, max_in_flight;
    gsize rcvbuf;
    Span client_timeout;
    guint loss[2], dup[2], late[2]; /* to the server, to the machines */
    guint corrupt, truncate;
    Span delay, jitter, lateness;
    guint outages, forgeries;
    gboolean disk_faults, no_space, hook_slow;
    guint unusable; /* vmcore-incomplete can't be gone on with */
    Span disk_delay;
    guint gather;       /* whole pages that wait for more before they are written */
    int fault_kind;     /* of job that fails, -1 = any */
    guint64 fault_at;   /* which one of them, ... */
    guint fault_length; /* how many do, unless netdump-nospace helps */
    guint ends;         /* how often the server ends */
    int end_on[4];      /* an action of this kind, -1 = a step */
    guint64 end_at[4];  /* the how manieth */
} Scenario;

typedef enum { END_KILLED, END_POWER_CUT, END_SHUTDOWN } EndKind;

typedef struct {
    guint64 happenings, steps, actions, datagrams, stores;
    guint64 dumps, complete, incomplete, not_dumped, interrupted, resumed, orphaned;
    guint64 ends[3], disk_faults, forgeries, recrashes, deaths, outages;
} Totals;

struct World {
    guint64 seed, chance;
    gboolean verbose;
    Mono now;
    Scenario sc;
    Machine *machines[MACHINES_MAX];
    Crash *crashes[CRASHES_MAX];
    guint n_crashes;
    GPtrArray *dumps; /* of Dump: the directories */

    GArray *queue; /* of Happen: a heap */
    guint32 order;
    guint8 *arena;
    gsize arena_used, arena_size;
    GPtrArray *arena_more;

    /* the server */
    gboolean up, ending; /* ending: it was killed in the middle of this turn */
    EndKind how;
    guint32 life;
    Clients *clients;
    GArray *actions, *outcome;
    GPtrArray *grown;
    guint64 step;
    guint64 acted[ACTION_CLOSE + 1]; /* how often, by kind */

    GArray *callers;             /* of Caller: on the disk */
    guint64 pending_clients_are; /* a hash of those that should be */
    gboolean pending_clients_pending;

    gboolean outage;
    guint64 disk_ops;
    guint faults_left;
    guint8 *datagram;    /* what the server is reading: its end is the buffer's end */
    GPtrArray *recorded; /* of Datagram: for replays */

    guint64 trace; /* a hash of all events and actions */
    Totals totals;
    jmp_buf failed;
};

/* -- world.c -- */
World *world_new(void);
void world_free(World *w);
/* TRUE if nothing was wrong; else it has been printed. *trace: the hash of all that happened. */
gboolean world_run(World *w, guint64 seed, guint64 *trace);
gpointer world_alloc(World *w, gsize size); /* zeroed, until the run ends */
void world_happen(World *w, Span in, HappenKind kind, gpointer data, guint32 token);
void world_trace(World *w, guint64 value);
void world_say(const World *w, const char *format, ...) G_GNUC_PRINTF(2, 3); /* if verbose */
void world_fail(World *w, const char *format, ...) G_GNUC_PRINTF(2, 3) G_GNUC_NORETURN;

static inline guint64 world_random(World *w)
{
    return rng_next(&w->chance);
}

/* 0 .. n - 1; n > 0 */
static inline guint64 world_below(World *w, guint64 n)
{
    return world_random(w) % n;
}

/* With `parts` of 10,000. */
static inline gboolean world_chance(World *w, guint parts)
{
    return parts > 0 && world_below(w, 10000) < parts;
}

/* Small numbers are as likely as large ones: the exponent is chosen first. 0 .. 2^bits - 1 */
static inline guint64 world_scaled(World *w, guint bits)
{
    return world_random(w) & (((guint64)1 << world_below(w, bits + 1)) - 1);
}

/* -- scenario.c -- */
void scenario_choose(World *w);
void scenario_print(const World *w);
