/* hooks.h - runs the administrator's hooks, programs in <dumpdir>/scripts: checks, starts, watches
 * and ends them.
 *
 * Which hooks there are is a table of the server's. At most 16 run at once and of each hook as many
 * as its row allows; those of one key run strictly one after another, in the order of hooks_run().
 * A hook that has waited for two timeouts and 10 s is not run.
 *
 * A hook gets "/dev/null", a pipe for its output, a process group of its own, the directory "/",
 * umask 077, nothing else of the server's. Arguments: the client's address, and the dump's
 * directory if its row says so. Environment: PATH, LANG=C, HOME=/, NETDUMP_HOOK (its name),
 * NETDUMP_CLIENT, NETDUMP_DUMPDIR, and NETDUMP_DIR with a dump's directory. Its output goes to the
 * log line by line, up to 1,000 lines or 64 KiB a run.
 *
 * All calls from one thread, the loop's, which never waits for a file: checks, fork and exec are
 * jobs of `off`. A hook whose file system does not respond holds up no other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/hook.h"
#include "io/sys/off_loop.h"

#include <sys/select.h>

/* What the server knows of one hook. */
typedef struct {
    const char *name;  /* of the file in <dumpdir>/scripts */
    gboolean with_dir; /* it gets the dump's directory */
    guint running_max; /* at once, 1..16 */
    guint waiting_max;
} HookRow;

/* kind, id: hooks_run()'s. value: see HookEnd. May call hooks_run(), not hooks_free(). */
typedef void (*HooksEndFn)(gpointer user, guint64 id, guint kind, HookEnd end, int value);

typedef struct {
    const char *dumpdir; /* absolute; copied */
    const HookRow *rows; /* must live as long as the Hooks */
    guint n_rows;
    Span timeout; /* from the start of a hook to its TERM; 5 s later comes KILL */
    OffLoop off;  /* up to 16 jobs at once; whether it or the Hooks go first does not matter */
    HooksEndFn fn;
    gpointer user;
} HooksSpec;

typedef struct Hooks Hooks;

/* Looks which hooks there are, so it blocks: for the server's start. */
Hooks *hooks_new(const HooksSpec *spec);

/* Ends what runs: TERM, up to 2 s, KILL. Blocks that long at most; no callbacks come. */
void hooks_free(Hooks *hooks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Hooks, hooks_free)

/* For the hooks that start from now on. */
void hooks_set_timeout(Hooks *hooks, Span timeout);

/* Exactly one callback follows, never from inside. kind: a row. ip, dir: copied; dir may be NULL if
 * the row needs none. key: any number that stands for the client whose hooks must keep their order.
 */
void hooks_run(Hooks *hooks, guint kind, guint64 key, const char *ip, const char *dir, guint64 id,
               Mono now);

/* Pipes of running hooks: add them before select(), hand them back after it. */
void hooks_add_fds(const Hooks *hooks, fd_set *readable, int *max_fd);
void hooks_handle_fds(Hooks *hooks, const fd_set *readable, Mono now);

/* In each turn of the loop, before `off` calls back: children that have ended. Reaps its own only.
 */
void hooks_reap(Hooks *hooks, Mono now);

/* Time limits, and the hooks whose turn has come. */
Mono hooks_deadline(const Hooks *hooks);
void hooks_tick(Hooks *hooks, Mono now);

guint hooks_n(const Hooks *hooks);
const char *hooks_name(const Hooks *hooks, guint kind);

/* Runs by kind and end since hooks_new(), for statistics. A missing hook does not count. */
guint64 hooks_count(const Hooks *hooks, guint kind, HookEnd end);

/* Of those that exited: with a status other than 0. */
guint64 hooks_failed(const Hooks *hooks, guint kind);
