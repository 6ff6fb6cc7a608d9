/* hooks.h - runs the scripts in <dumpdir>/scripts: starts, watches, reaps, ends them.
 *
 * At most 16 run at once and 1,024 wait, of netdump-start 8 and 64; those of one key run strictly
 * one after another, in the order of hooks_run(). Whoever has waited for two timeouts and 10 s is
 * not run. A script gets "/dev/null", a pipe for its output, a clean environment, a process group
 * of its own, the directory "/", umask 077, and nothing else of ours: argv: <script> <client's
 * address> [<dump's directory>] PATH, LANG=C, HOME=/, NETDUMP_HOOK=netdump-crash, NETDUMP_CLIENT,
 * NETDUMP_DIR (not for netdump-start), NETDUMP_DUMPDIR Its output goes to our log line by line, up
 * to 1,000 lines or 64 KiB a run.
 *
 * All calls from one thread (the loop's).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"

#include <sys/select.h>

typedef enum {
    HOOKS_START,   /* netdump-start: no directory */
    HOOKS_CRASH,   /* netdump-crash */
    HOOKS_NOSPACE, /* netdump-nospace */
    HOOKS_REBOOT,  /* netdump-reboot */
    HOOKS_N_KINDS
} HooksKind;

typedef enum {
    HOOKS_MISSING, /* there is no such script: normal, nothing was logged, no callback will come */
    HOOKS_REFUSED, /* can't be run or the queue is full: was logged; no callback will come */
    HOOKS_QUEUED,  /* exactly one callback will come, never from inside hooks_run() */
} HooksAnswer;

typedef enum {
    HOOKS_EXITED,    /* value: exit status 0..255 */
    HOOKS_SIGNALLED, /* value: the signal that ended it */
    HOOKS_TIMED_OUT, /* we ended it; value: 0 */
    HOOKS_NOT_RUN,   /* couldn't be started when its turn came (logged); value: errno */
} HooksEnd;

/* id is hooks_run()'s. May call hooks_run(), not hooks_free(). */
typedef void (*HooksEndFn)(gpointer user, guint64 id, HooksKind kind, HooksEnd end, int value);

typedef struct Hooks Hooks;

/* dumpdir: absolute. */
Hooks *hooks_new(const char *dumpdir, Span timeout, HooksEndFn fn, gpointer user);

/* Ends what runs: TERM, up to 2 s, KILL. Blocks that long at most; no callbacks come. */
void hooks_free(Hooks *hooks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Hooks, hooks_free)

/* For the runs that start from now on. */
void hooks_set_timeout(Hooks *hooks, Span timeout);

/* ip, dir: copied; dir may be NULL for HOOKS_START only. key: any number that stands for the client
 * whose scripts must keep their order. */
HooksAnswer hooks_run(Hooks *hooks, HooksKind kind, guint64 key, const char *ip, const char *dir,
                      guint64 id, Mono now);

/* Pipes of running scripts: add them before select(), hand them back behind it. */
void hooks_add_fds(const Hooks *hooks, fd_set *readable, int *max_fd);
void hooks_handle_fds(Hooks *hooks, const fd_set *readable, Mono now);

/* After SIGCHLD. Reaps our own children only. */
void hooks_reap(Hooks *hooks, Mono now);

/* Time limits, and the scripts whose turn has come. */
Mono hooks_deadline(const Hooks *hooks);
void hooks_tick(Hooks *hooks, Mono now);

/* "netdump-crash" ... Never NULL. */
const char *hooks_name(HooksKind kind);

guint hooks_running(const Hooks *hooks);
guint hooks_waiting(const Hooks *hooks);

/* Runs by kind and end since hooks_new(), for statistics. Those that were refused count as not run.
 */
guint64 hooks_count(const Hooks *hooks, HooksKind kind, HooksEnd end);

/* Of those that exited: with a status other than 0. */
guint64 hooks_failed(const Hooks *hooks, HooksKind kind);
