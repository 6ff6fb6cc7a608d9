/* hooks_internal.h - one run of a hook: a thread starts it, the loop watches, ends and reaps it.
 * Shared by hooks.c and hook_run.c; nobody else includes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/hooks/hook_exec.h"
#include "io/hooks/hook_output.h"
#include "io/hooks/hooks.h"

typedef enum {
    HOOK_WAITING,    /* in Hooks.waiting */
    HOOK_STARTING,   /* a thread checks and forks */
    HOOK_GIVEN_UP,   /* the same, but it takes too long; reported */
    HOOK_RUNNING,    /* has a process */
    HOOK_TERMINATED, /* TERM was sent */
    HOOK_TIDYING,    /* ended after TERM, but kept as a zombie until KILL so that the rest of its
                        group can be named; reported */
    HOOK_KILLED,     /* KILL was sent */
    HOOK_LEFT,       /* KILL has no effect yet; reported */
    HOOK_N_STATES
} HookState;

typedef struct HookSpawn HookSpawn;

typedef struct {
    guint kind;
    guint64 key, id;
    char *ip, *dir;
    char *prefix; /* of its lines in the log */
    HookState state;
    Mono deadline;    /* of the state */
    HookSpawn *spawn; /* while a thread starts it */
    HookChild child;
    HookOutput out;
    Mono drain_at; /* when muted output is read again */
} HookRun;

typedef struct {
    guint64 count[HOOK_N_ENDS];
    guint64 failed;
    gboolean missing; /* as the last check said */
    LogLimit refused, full;
} HookStats;

struct Hooks {
    char *dumpdir;
    HooksSpec spec;
    HookStats *stats;  /* of each row */
    Mono now;          /* of the last call that reported it */
    GPtrArray *active; /* HookRun, owned: has, or gets, a process */
    GQueue waiting;    /* HookRun, owned; the oldest at the head */
    GQueue refused;    /* HookRun, owned: the queue was full; to be reported */
    Mono start_at;     /* when to see whose turn has come; MONO_NEVER = nothing new */
    LogLimit ended, output;
};

HookRun *hook_run_new(const Hooks *h, guint kind, guint64 key, const char *ip, const char *dir,
                      guint64 id);
void hook_run_free(HookRun *run);

/* Has a thread start it. */
void hook_run_start(Hooks *h, HookRun *run);

/* The callback has been called: the run waits only for its process to be gone. */
gboolean hook_run_is_reported(const HookRun *run);

/* Calls the callback. */
void hook_run_report(Hooks *h, const HookRun *run, HookEnd end, int value);

/* Its process may have ended; its deadline has come. The run may be freed. */
void hook_run_reap(Hooks *h, HookRun *run);
void hook_run_overdue(Hooks *h, HookRun *run);

/* At the end of the server: TERM; KILL `at_once` or if that is what it waits for. FALSE if there is
 * no process. */
gboolean hook_run_end(const HookRun *run, gboolean at_once);
gboolean hook_run_is_gone(const HookRun *run);
