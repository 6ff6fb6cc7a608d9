/* hook_run.c - one run of a hook: a thread starts it, the loop watches, ends and reaps it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/hooks/hooks_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE      SPAN_S(5) /* from TERM to KILL */
#define AFTER_KILL SPAN_S(1) /* a process that survives SIGKILL hangs in the kernel */

/* What a thread is given, and what it brings back. Copies, since the run may be gone before. */
struct HookSpawn {
    Hooks *hooks;
    HookRun *run; /* for the loop; NULL = no longer needed */
    char *dumpdir, *name, *ip, *dir;
    HookCheck check;
    char *why;
    int err;
    HookChild child;
};

/* What a state does when the process has ended, and when its deadline has come. */
typedef struct {
    gboolean reported;
    void (*ended)(Hooks *h, HookRun *run);
    void (*overdue)(Hooks *h, HookRun *run);
} StateOps;

static const StateOps states[HOOK_N_STATES];

/* -- life ----------------------------------------------------------------------------------------
 */

HookRun *hook_run_new(const Hooks *h, guint kind, guint64 key, const char *ip, const char *dir,
                      guint64 id)
{
    const HookRow *row = &h->spec.rows[kind];
    HookRun *run = g_new0(HookRun, 1);

    run->kind = kind;
    run->key = key;
    run->id = id;
    run->ip = g_strdup(ip);
    run->dir = row->with_dir ? g_strdup(dir) : NULL;
    run->prefix = g_strdup_printf("%s[%s]: ", row->name, ip);
    run->child.error_fd = run->out.fd = -1;
    run->drain_at = MONO_NEVER;
    return run;
}

void hook_run_free(HookRun *run)
{
    if (run->spawn)
        run->spawn->run = NULL;
    if (run->out.fd >= 0)
        close(run->out.fd);
    if (run->child.error_fd >= 0)
        close(run->child.error_fd);
    g_free(run->ip);
    g_free(run->dir);
    g_free(run->prefix);
    g_free(run);
}

/* Out of the table, and freed. */
static void forget(Hooks *h, HookRun *run)
{
    g_ptr_array_remove(h->active, run);
    hook_run_free(run);
    h->start_at = h->now;
}

gboolean hook_run_is_reported(const HookRun *run)
{
    return states[run->state].reported;
}

static void call_back(Hooks *h, const HookRun *run, HookEnd end, int value)
{
    h->start_at = h->now; /* the next one of its key */
    h->spec.fn(h->spec.user, run->id, run->kind, end, value);
}

void hook_run_report(Hooks *h, const HookRun *run, HookEnd end, int value)
{
    h->stats[run->kind].count[end]++;
    h->stats[run->kind].failed += end == HOOK_EXITED && value != 0;
    call_back(h, run, end, value);
}

/* The group, and the hook itself should it have left it. Its pid is its own until it is reaped. */
static void send_signal(pid_t pid, int signum)
{
    kill(-pid, signum);
    kill(pid, signum);
}

static int reap(const HookRun *run)
{
    int status = 0;

    while (waitpid(run->child.pid, &status, 0) < 0)
        if (errno != EINTR)
            return W_EXITCODE(255, 0); /* reaped elsewhere: the status is unknown */
    return status;
}

/* What it printed last: a pipe's content at most. A grandchild that has the pipe too must not hold
 * us: it gets SIGPIPE if it writes on. */
static void end_output(Hooks *h, HookRun *run)
{
    hook_output_read(&run->out, run->prefix, &h->output, h->now);
    hook_output_end(&run->out, run->prefix, &h->output, h->now);
    run->drain_at = MONO_NEVER;
}

/* -- the start -----------------------------------------------------------------------------------
 */

static void spawn_run(gpointer data)
{
    HookSpawn *s = data;

    s->check = hook_check(s->dumpdir, s->name, &s->why);
    if (s->check == HOOK_FINE)
        s->err = hook_start(&(HookCommand){s->dumpdir, s->name, s->ip, s->dir}, &s->child);
    if (s->err)
        s->child.pid = 0;
}

/* The process becomes the run's. */
static void adopt(HookRun *run, HookSpawn *spawn, HookState state, Mono deadline)
{
    run->child = spawn->child;
    run->out.fd = spawn->child.out_fd;
    run->state = state;
    run->deadline = deadline;
    spawn->child.pid = 0;
}

static void not_started(Hooks *h, HookRun *run, const HookSpawn *spawn)
{
    if (spawn->check == HOOK_MISSING) {
        call_back(h, run, HOOK_NOT_RUN, 0);
    } else if (spawn->check == HOOK_REFUSED) {
        log_limited(&h->stats[run->kind].refused, h->now, LOG_WARNING, NULL, "%s[%s] not run: %s",
                    spawn->name, run->ip, spawn->why);
        hook_run_report(h, run, HOOK_NOT_RUN, EPERM);
    } else {
        log_limited(&h->ended, h->now, LOG_WARNING, NULL, "%scannot start: %s", run->prefix,
                    g_strerror(spawn->err));
        hook_run_report(h, run, HOOK_NOT_RUN, spawn->err);
    }
    forget(h, run);
}

static void spawn_done(gpointer data)
{
    HookSpawn *spawn = data;
    HookRun *run = spawn->run;
    Hooks *h = spawn->hooks;

    if (!run)
        return;
    run->spawn = NULL;
    spawn->run = NULL;
    h->stats[run->kind].missing = spawn->check == HOOK_MISSING;
    if (run->state == HOOK_GIVEN_UP && spawn->child.pid > 0) {
        adopt(run, spawn, HOOK_LEFT, MONO_NEVER);
        send_signal(run->child.pid, SIGKILL);
    } else if (run->state == HOOK_GIVEN_UP) {
        forget(h, run);
    } else if (spawn->child.pid == 0) {
        not_started(h, run, spawn);
    } else {
        log_debug("%sstarted, pid %d", run->prefix, (int)spawn->child.pid);
        adopt(run, spawn, HOOK_RUNNING, mono_add(h->now, h->spec.timeout));
        hook_run_reap(h, run); /* its SIGCHLD may have come before */
    }
}

static void spawn_free(gpointer data)
{
    HookSpawn *spawn = data;
    HookRun *run = spawn->run;

    /* The threads go before the hooks: hooks_free() ends it. */
    if (run) {
        run->spawn = NULL;
        if (spawn->child.pid > 0)
            adopt(run, spawn, HOOK_RUNNING, MONO_NEVER);
    }
    /* The hooks went before the threads. */
    if (spawn->child.pid > 0) {
        send_signal(spawn->child.pid, SIGKILL);
        (void)waitpid(spawn->child.pid, NULL, WNOHANG);
        close(spawn->child.out_fd);
        close(spawn->child.error_fd);
    }
    g_free(spawn->dumpdir);
    g_free(spawn->name);
    g_free(spawn->ip);
    g_free(spawn->dir);
    g_free(spawn->why);
    g_free(spawn);
}

void hook_run_start(Hooks *h, HookRun *run)
{
    HookSpawn *spawn = g_new0(HookSpawn, 1);

    spawn->hooks = h;
    spawn->run = run;
    spawn->dumpdir = g_strdup(h->dumpdir);
    spawn->name = g_strdup(h->spec.rows[run->kind].name);
    spawn->ip = g_strdup(run->ip);
    spawn->dir = g_strdup(run->dir);
    run->spawn = spawn;
    run->state = HOOK_STARTING;
    run->deadline = mono_add(h->now, h->spec.timeout);
    g_ptr_array_add(h->active, run);
    h->spec.off.push(h->spec.off.owner, &(OffLoopJob){spawn_run, spawn_done, spawn_free, spawn});
}

static void give_up_start(Hooks *h, HookRun *run)
{
    log_limited(&h->ended, h->now, LOG_WARNING, NULL,
                "%scannot start: file system does not respond", run->prefix);
    run->state = HOOK_GIVEN_UP;
    run->deadline = MONO_NEVER;
    hook_run_report(h, run, HOOK_NOT_RUN, ETIMEDOUT);
}

/* -- the end -------------------------------------------------------------------------------------
 */

static void report_status(Hooks *h, HookRun *run, int status)
{
    int err = hook_exec_error(&run->child);

    if (err) {
        log_limited(&h->ended, h->now, LOG_WARNING, NULL, "%scannot execute: %s%s", run->prefix,
                    g_strerror(err), hook_errno_hint(err));
        hook_run_report(h, run, HOOK_NOT_RUN, err);
    } else if (WIFSIGNALED(status)) {
        log_limited(&h->ended, h->now, LOG_WARNING, NULL, "%skilled by signal %d (%s)", run->prefix,
                    WTERMSIG(status), strsignal(WTERMSIG(status)));
        hook_run_report(h, run, HOOK_SIGNALLED, WTERMSIG(status));
    } else {
        if (WEXITSTATUS(status))
            log_limited(&h->ended, h->now, LOG_WARNING, NULL, "%sexited with status %d",
                        run->prefix, WEXITSTATUS(status));
        hook_run_report(h, run, HOOK_EXITED, WEXITSTATUS(status));
    }
}

static void ended_by_itself(Hooks *h, HookRun *run)
{
    end_output(h, run);
    report_status(h, run, reap(run));
    forget(h, run);
}

/* Others of its group can still be cleaning up: their time has not expired. */
static void ended_after_term(Hooks *h, HookRun *run)
{
    end_output(h, run);
    run->state = HOOK_TIDYING;
    hook_run_report(h, run, HOOK_TIMED_OUT, 0);
}

static void ended_after_kill(Hooks *h, HookRun *run)
{
    end_output(h, run);
    reap(run);
    hook_run_report(h, run, HOOK_TIMED_OUT, 0);
    forget(h, run);
}

static void ended_at_last(Hooks *h, HookRun *run)
{
    reap(run);
    forget(h, run);
}

static void terminate(Hooks *h, HookRun *run)
{
    log_limited(&h->ended, h->now, LOG_WARNING, NULL, "%stimed out (script_timeout), terminating",
                run->prefix);
    send_signal(run->child.pid, SIGTERM);
    run->state = HOOK_TERMINATED;
    run->deadline = mono_add(h->now, GRACE);
}

static void kill_run(Hooks *h, HookRun *run)
{
    send_signal(run->child.pid, SIGKILL);
    run->state = HOOK_KILLED;
    run->deadline = mono_add(h->now, AFTER_KILL);
}

static void kill_group(Hooks *h, HookRun *run)
{
    send_signal(run->child.pid, SIGKILL);
    reap(run);
    forget(h, run);
}

static void leave(Hooks *h, HookRun *run)
{
    log_limited(
        &h->ended, h->now, LOG_WARNING, NULL,
        "%spid %d still running after SIGKILL; check for a hung device or network file system",
        run->prefix, (int)run->child.pid);
    run->state = HOOK_LEFT;
    run->deadline = MONO_NEVER;
    end_output(h, run);
    hook_run_report(h, run, HOOK_TIMED_OUT, 0);
}

static const StateOps states[HOOK_N_STATES] = {
    [HOOK_WAITING] = {FALSE, NULL, NULL},
    [HOOK_STARTING] = {FALSE, NULL, give_up_start},
    [HOOK_GIVEN_UP] = {TRUE, NULL, NULL},
    [HOOK_RUNNING] = {FALSE, ended_by_itself, terminate},
    [HOOK_TERMINATED] = {FALSE, ended_after_term, kill_run},
    [HOOK_TIDYING] = {TRUE, NULL, kill_group},
    [HOOK_KILLED] = {FALSE, ended_after_kill, leave},
    [HOOK_LEFT] = {TRUE, ended_at_last, NULL},
};

/* TRUE if the hook's own process has ended; it stays a zombie. */
static gboolean has_ended(const HookRun *run)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)run->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
           info.si_pid == run->child.pid;
}

void hook_run_reap(Hooks *h, HookRun *run)
{
    if (states[run->state].ended && has_ended(run))
        states[run->state].ended(h, run);
}

void hook_run_overdue(Hooks *h, HookRun *run)
{
    if (states[run->state].overdue)
        states[run->state].overdue(h, run);
}

gboolean hook_run_end(const HookRun *run, gboolean at_once)
{
    if (run->child.pid == 0)
        return FALSE;
    send_signal(run->child.pid, at_once || run->state > HOOK_TERMINATED ? SIGKILL : SIGTERM);
    return TRUE;
}

gboolean hook_run_is_gone(const HookRun *run)
{
    return waitpid(run->child.pid, NULL, WNOHANG) != 0;
}
