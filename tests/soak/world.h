/* world.h - a world in virtual time: kernels that crash, a network, a server with its disk.
 *
 * Everything that happens is an entry in one queue, ordered by time; chance comes from one
 * generator. So a seed gives the same run, to the last action. Memory comes from an arena that is
 * emptied with the run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/pending_set.h"
#include "core/window_share.h"
#include "server/dispatch.h"

#include "sim/rng.h"

#include <setjmp.h>

#define KERNELS_MAX 12
#define CRASHES_MAX 64

typedef struct Kernel Kernel;
typedef struct Crash Crash;
typedef struct Dump Dump;
typedef struct Model Model;
typedef struct Pending Pending;
typedef struct World World;

typedef enum {
    WORLD_TO_SERVER,  /* data: Datagram */
    WORLD_TO_KERNEL,  /* data: Datagram */
    WORLD_KERNEL,     /* data: Kernel, token: its life */
    WORLD_TIRE,       /* data: Kernel, token: its crash's number */
    WORLD_JOB,        /* data: JobQueue; the next ones up to HOOK have the server's life as token */
    WORLD_JOB_TOLD,   /* data: Told */
    WORLD_MAGIC,      /* data: MagicReply */
    WORLD_PENDING,    /* data: PendingWrite; it is on the disk */
    WORLD_RECORDED,   /* data: likewise; it is told */
    WORLD_HOOK,       /* data: HookRun */
    WORLD_SERVER_END, /* token: likewise */
    WORLD_SERVER_UP,
    WORLD_OUTAGE, /* the network begins or ends to lose everything */
    WORLD_FORGE,
    WORLD_FORGED_ACK, /* data: Kernel */
} WorldEventKind;

typedef struct {
    Mono at;
    guint32 order;
    WorldEventKind kind;
    guint32 token;
    gpointer data;
} WorldEvent;

/* What the server wants of its disk. Those up to FORGET are jobs in a queue. */
typedef enum {
    JOB_DIR,
    JOB_SPACE,
    JOB_OPEN,   /* a file that is to be resumed */
    JOB_CREATE, /* a new one */
    JOB_PAGES,
    JOB_WHOLE,   /* FINISH, whole */
    JOB_PARTIAL, /* or not */
    JOB_INFO,
    JOB_JOURNAL,
    JOB_FORGET, /* the journal is removed */
    JOB_MAGIC,
    JOB_RECORD, /* of pending clients */
    JOB_N_KINDS
} JobKind;

/* What chance has decided beforehand. Rates are parts of 10,000. */
typedef struct {
    guint kernels, max_dumps, max_in_flight;
    gsize rcvbuf;
    Span client_timeout;
    gboolean secure;
    guint loss[2], dup[2], late[2]; /* to the server, to the kernels */
    guint corrupt, truncate;
    Span delay, jitter, lateness;
    guint outages, forgeries;
    gboolean disk_faults, no_space, hook_slow;
    guint space_low;             /* less than min_free is left, after a journal is written */
    guint unusable;              /* vmcore-incomplete cannot be used any more */
    Span job_delay[JOB_N_KINDS]; /* at most */
    guint at_once;               /* replies that come inside the call */
    Span told_delay;             /* at most: from the end of a job to the loop's look at it */
    guint gather;                /* whole pages that wait for more before they are written */
    int fault_kind;              /* of job that fails, -1 = any */
    guint64 fault_at;            /* which one of them, ... */
    guint fault_length;          /* how many do, unless netdump-nospace helps */
    int never_kind;              /* of job that never ends, -1 = none */
    guint64 never_at;            /* which one of them */
    guint ends;                  /* how often the server ends */
    int end_on[4];               /* an action of this kind, -1 = a step */
    guint64 end_at[4];           /* which one of them */
} Scenario;

typedef enum { END_KILLED, END_POWER_CUT, END_SHUTDOWN } EndKind;

typedef struct {
    guint64 events, steps, actions, datagrams, stores, records;
    guint64 dumps, complete, incomplete, not_dumped, interrupted, resumed, orphaned;
    guint64 ends[3], disk_faults, nevers, forgeries, recrashes, deaths, outages, refused;
} Totals;

struct World {
    guint64 seed, chance;
    gboolean verbose;
    Mono now;
    Scenario sc;
    Kernel *kernels[KERNELS_MAX];
    Crash *crashes[CRASHES_MAX];
    guint n_crashes;
    GPtrArray *dumps; /* of Dump: the directories */

    GArray *queue; /* of WorldEvent: a heap */
    guint32 order;
    guint8 *arena;
    gsize arena_used, arena_size;
    GPtrArray *arena_more;

    /* the server */
    gboolean up, ending; /* ending: it was killed in the middle of this turn */
    EndKind how;
    guint32 life;
    Clients *clients;
    Executor *executor;
    Dispatch *dispatch;
    WindowShare share;
    GPtrArray *models; /* of Model, by the client's id */
    guint64 step;
    guint64 acted[ACTION_N]; /* how often, by kind */
    guint64 jobs[JOB_N_KINDS];

    /* the datagram in work */
    Kernel *from;
    Crash *speaker; /* that sent it; NULL: a stranger, or there is none */
    const struct Datagram *arrived;
    gsize arrived_len; /* bytes that came of it */
    guint texts;       /* places that its text was put into */
    guint malformed;   /* how often it was refused */
    Model *current;    /* whose step it is */

    PendingSet *pending_set;
    GArray *pending; /* of Pending: the record on the disk */

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
gpointer world_copy(World *w, gconstpointer bytes, gsize size);
void world_schedule(World *w, Span in, WorldEventKind kind, gpointer data, guint32 token);
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
