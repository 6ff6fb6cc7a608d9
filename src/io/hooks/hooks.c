/* hooks.c - the scripts' queue: whose turn it is, how long it may take, how it ended.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/hooks/hooks_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNNING_MAX 16
#define WAITING_MAX 1024 /* as many as there are machines looked after (CLIENTS_MAX) */

/* Anyone can say that a machine has just started, in anyone's name: those scripts must leave room
 * for the others. */
#define STARTS_RUNNING_MAX 8
#define STARTS_WAITING_MAX 64

#define GRACE       SPAN_S(5)   /* from TERM to KILL */
#define AFTER_KILL  SPAN_S(1)   /* a process that KILL doesn't end hangs in a device */
#define MUTED_PAUSE SPAN_MS(10) /* between reads of output that nobody wants: 6 MB/s at most */
#define END_WAIT_MS 2000

/* Who waits behind a script that hangs, and gets its own time then, has not waited for so long. */
#define WAIT_MAX(timeout) (2 * (timeout) + SPAN_S(10))

static const struct {
    const char *name;
    gboolean with_dir;
} kinds[HOOKS_N_KINDS] = {
    [HOOKS_START] = {"netdump-start", FALSE},
    [HOOKS_CRASH] = {"netdump-crash", TRUE},
    [HOOKS_NOSPACE] = {"netdump-nospace", TRUE},
    [HOOKS_REBOOT] = {"netdump-reboot", TRUE},
};

typedef enum { WAITING, RUNNING, TERMINATED, KILLED } Stage;

typedef struct {
    HooksKind kind;
    guint64 key, id;
    char *ip, *dir;
    char *prefix; /* of its lines in the log */
    Stage stage;
    Mono deadline;   /* of the stage; WAITING: when it is given up */
    gboolean told;   /* its callback has been called */
    gboolean zombie; /* it has ended, but its pid is kept so that its group can still be named */
    HookChild child;
    HookOutput out;
    Mono drain_at; /* when muted output is read again */
} Run;

/* The log's limits: by what provokes the message. */
enum { REFUSED, FULL = REFUSED + HOOKS_N_KINDS, FULL_OF_STARTS, ENDED, OUTPUT, N_LIMITS };

struct Hooks {
    char *dumpdir;
    Span timeout;
    HooksEndFn fn;
    gpointer user;
    GPtrArray *running; /* Run, owned; in any stage but WAITING */
    GQueue waiting;     /* Run, owned; the oldest at the head */
    Mono start_at;      /* when to look for runs that can start; MONO_NEVER = nothing new */
    guint64 count[HOOKS_N_KINDS][HOOKS_NOT_RUN + 1];
    guint64 failed[HOOKS_N_KINDS];
    LogLimit limit[N_LIMITS];
};

static void run_free(Run *run)
{
    if (run->out.fd >= 0)
        close(run->out.fd);
    if (run->child.error_fd >= 0)
        close(run->child.error_fd);
    g_free(run->ip);
    g_free(run->dir);
    g_free(run->prefix);
    g_free(run);
}

Hooks *hooks_new(const char *dumpdir, Span timeout, HooksEndFn fn, gpointer user)
{
    Hooks *h = g_new0(Hooks, 1);

    h->dumpdir = g_strdup(dumpdir);
    h->timeout = timeout;
    h->fn = fn;
    h->user = user;
    h->running = g_ptr_array_new();
    g_queue_init(&h->waiting);
    h->start_at = MONO_NEVER;
    for (gsize i = REFUSED; i <= FULL_OF_STARTS; i++)
        h->limit[i] = (LogLimit)LOG_LIMIT(3, SPAN_S(60));
    h->limit[ENDED] = (LogLimit)LOG_LIMIT(20, SPAN_S(5));
    h->limit[OUTPUT] = (LogLimit)LOG_LIMIT(2 * HOOK_LINES_MAX, SPAN_MS(50));
    return h;
}

void hooks_set_timeout(Hooks *h, Span timeout)
{
    h->timeout = timeout;
}

/* Of this kind, or of the others, as the limits tell them apart. */
static guint count_waiting(const Hooks *h, gboolean starts)
{
    guint n = 0;

    for (const GList *l = h->waiting.head; l; l = l->next)
        n += (((const Run *)l->data)->kind == HOOKS_START) == starts;
    return n;
}

static gboolean starts_are_full(const Hooks *h)
{
    guint n = 0;

    for (guint i = 0; i < h->running->len; i++)
        n += ((const Run *)g_ptr_array_index(h->running, i))->kind == HOOKS_START;
    return n >= STARTS_RUNNING_MAX;
}

static Run *run_new(HooksKind kind, guint64 key, const char *ip, const char *dir, guint64 id)
{
    Run *run = g_new0(Run, 1);

    run->kind = kind;
    run->key = key;
    run->id = id;
    run->ip = g_strdup(ip);
    run->dir = kinds[kind].with_dir ? g_strdup(dir) : NULL;
    run->prefix = g_strdup_printf("%s[%s]: ", kinds[kind].name, ip);
    run->child.error_fd = run->out.fd = -1;
    return run;
}

HooksAnswer hooks_run(Hooks *h, HooksKind kind, guint64 key, const char *ip, const char *dir,
                      guint64 id, Mono now)
{
    g_autofree char *why = NULL;
    HookCheck check = hook_check(h->dumpdir, kinds[kind].name, &why);
    guint waiting;
    Run *run;

    if (check == HOOK_MISSING)
        return HOOKS_MISSING;
    if (check == HOOK_REFUSED) {
        h->count[kind][HOOKS_NOT_RUN]++;
        log_limited(&h->limit[REFUSED + kind], now, LOG_WARNING, NULL, "%s[%s] isn't run: %s",
                    kinds[kind].name, ip, why);
        return HOOKS_REFUSED;
    }
    waiting = count_waiting(h, kind == HOOKS_START);
    if (waiting >= (kind == HOOKS_START ? STARTS_WAITING_MAX : WAITING_MAX)) {
        h->count[kind][HOOKS_NOT_RUN]++;
        log_limited(&h->limit[FULL + (kind == HOOKS_START)], now, LOG_WARNING, NULL,
                    "%s[%s] isn't run: %u scripts run and %u wait already", kinds[kind].name, ip,
                    h->running->len, waiting);
        return HOOKS_REFUSED;
    }
    run = run_new(kind, key, ip, dir, id);
    run->deadline = mono_add(now, WAIT_MAX(h->timeout));
    g_queue_push_tail(&h->waiting, run);
    h->start_at = now;
    return HOOKS_QUEUED;
}

/* The callback; the run may wait for its process to be gone, but its owner is done with it. */
static void tell(Hooks *h, Run *run, HooksEnd end, int value, Mono now)
{
    if (run->told)
        return;
    run->told = TRUE;
    h->count[run->kind][end]++;
    h->failed[run->kind] += end == HOOKS_EXITED && value != 0;
    h->start_at = now; /* the next one of its key */
    h->fn(h->user, run->id, run->kind, end, value);
}

/* Out of the table, and freed. */
static void forget(Hooks *h, Run *run, Mono now)
{
    g_ptr_array_remove(h->running, run);
    run_free(run);
    h->start_at = now;
}

static void start(Hooks *h, Run *run, Mono now)
{
    HookCommand command = {h->dumpdir, kinds[run->kind].name, run->ip, run->dir};
    int err = hook_start(&command, &run->child);

    g_ptr_array_add(h->running, run);
    if (err) {
        log_limited(&h->limit[ENDED], now, LOG_WARNING, NULL, "%scan't be started: %s", run->prefix,
                    g_strerror(err));
        tell(h, run, HOOKS_NOT_RUN, err, now);
        forget(h, run, now);
        return;
    }
    log_debug("%sstarted as process %d", run->prefix, (int)run->child.pid);
    run->stage = RUNNING;
    run->deadline = mono_add(now, h->timeout);
    run->out.fd = run->child.out_fd;
    run->drain_at = MONO_NEVER;
}

static gboolean key_is_busy(const Hooks *h, GList *waiting)
{
    const Run *run = waiting->data;

    for (guint i = 0; i < h->running->len; i++) {
        const Run *other = g_ptr_array_index(h->running, i);
        if (other->key == run->key && !other->told)
            return TRUE;
    }
    for (GList *l = waiting->prev; l; l = l->prev)
        if (((const Run *)l->data)->key == run->key)
            return TRUE;
    return FALSE;
}

static void start_waiting(Hooks *h, Mono now)
{
    GList *next;

    h->start_at = MONO_NEVER;
    for (GList *l = h->waiting.head; l && h->running->len < RUNNING_MAX; l = next) {
        Run *run = l->data;
        next = l->next;
        if (key_is_busy(h, l) || (run->kind == HOOKS_START && starts_are_full(h)))
            continue;
        g_queue_delete_link(&h->waiting, l);
        start(h, run, now);
    }
}

/* A machine must not wait for its reboot until all others' scripts have had their time. */
static void give_up_waiting(Hooks *h, Mono now)
{
    GList *next;

    for (GList *l = h->waiting.head; l; l = next) {
        Run *run = l->data;
        next = l->next;
        if (mono_before(now, run->deadline))
            continue;
        g_queue_delete_link(&h->waiting, l);
        log_limited(&h->limit[ENDED], now, LOG_WARNING, NULL,
                    "%sisn't run: other scripts have taken too long", run->prefix);
        tell(h, run, HOOKS_NOT_RUN, ETIMEDOUT, now);
        run_free(run);
    }
}

void hooks_add_fds(const Hooks *h, fd_set *readable, int *max_fd)
{
    for (guint i = 0; i < h->running->len; i++) {
        const Run *run = g_ptr_array_index(h->running, i);
        /* Muted output is read now and then by hooks_tick(): who prints for ever must not keep the
         * loop awake. */
        if (run->out.fd >= 0 && !run->out.muted) {
            FD_SET(run->out.fd, readable);
            *max_fd = MAX(*max_fd, run->out.fd);
        }
    }
}

void hooks_handle_fds(Hooks *h, const fd_set *readable, Mono now)
{
    for (guint i = 0; i < h->running->len; i++) {
        Run *run = g_ptr_array_index(h->running, i);
        if (run->out.fd < 0 || !FD_ISSET(run->out.fd, readable))
            continue;
        hook_output_read(&run->out, run->prefix, &h->limit[OUTPUT], now);
        if (run->out.fd >= 0 && run->out.muted && run->drain_at.us == MONO_NEVER.us)
            run->drain_at = mono_add(now, MUTED_PAUSE);
    }
}

/* What it printed last: a pipe's content at most. A grandchild that has the pipe too must not hold
 * us: it gets SIGPIPE if it writes on. */
static void end_output(Hooks *h, Run *run, Mono now)
{
    hook_output_read(&run->out, run->prefix, &h->limit[OUTPUT], now);
    hook_output_end(&run->out, run->prefix, &h->limit[OUTPUT], now);
    run->drain_at = MONO_NEVER;
}

static void tell_end(Hooks *h, Run *run, int status, Mono now)
{
    int err = hook_exec_error(&run->child);

    if (err) {
        log_limited(&h->limit[ENDED], now, LOG_WARNING, NULL, "%scan't be run: %s%s", run->prefix,
                    g_strerror(err), hook_errno_hint(err));
        tell(h, run, HOOKS_NOT_RUN, err, now);
    } else if (WIFSIGNALED(status)) {
        log_limited(&h->limit[ENDED], now, LOG_WARNING, NULL, "%swas ended by signal %d (%s)",
                    run->prefix, WTERMSIG(status), strsignal(WTERMSIG(status)));
        tell(h, run, HOOKS_SIGNALLED, WTERMSIG(status), now);
    } else {
        if (WEXITSTATUS(status))
            log_limited(&h->limit[ENDED], now, LOG_WARNING, NULL, "%sended with exit status %d",
                        run->prefix, WEXITSTATUS(status));
        tell(h, run, HOOKS_EXITED, WEXITSTATUS(status), now);
    }
}

/* TRUE if the script's own process has ended; it stays a zombie. */
static gboolean has_ended(const Run *run)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)run->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
           info.si_pid == run->child.pid;
}

static int reap(const Run *run)
{
    int status = 0;

    while (waitpid(run->child.pid, &status, 0) < 0)
        if (errno != EINTR)
            return W_EXITCODE(255, 0); /* taken by somebody else: that it went well isn't known */
    return status;
}

/* The group, and the script itself should it have left it. Its pid is its own until it is reaped.
 */
static void send_signal(const Run *run, int signum)
{
    kill(-run->child.pid, signum);
    kill(run->child.pid, signum);
}

static void look_after(Hooks *h, Run *run, Mono now)
{
    if (run->zombie || !has_ended(run))
        return;
    end_output(h, run, now);
    if (run->stage == RUNNING) {
        tell_end(h, run, reap(run), now);
        forget(h, run, now);
    } else if (run->stage == TERMINATED) {
        /* Others of its group may still be tidying up: their time isn't over. */
        run->zombie = TRUE;
        tell(h, run, HOOKS_TIMED_OUT, 0, now);
    } else {
        reap(run);
        tell(h, run, HOOKS_TIMED_OUT, 0, now);
        forget(h, run, now);
    }
}

void hooks_reap(Hooks *h, Mono now)
{
    for (guint i = h->running->len; i-- > 0;)
        look_after(h, g_ptr_array_index(h->running, i), now);
}

static void overrun(Hooks *h, Run *run, Mono now)
{
    switch (run->stage) {
    case RUNNING:
        log_limited(&h->limit[ENDED], now, LOG_WARNING, NULL,
                    "%stook longer than script_timeout and is being ended", run->prefix);
        send_signal(run, SIGTERM);
        run->stage = TERMINATED;
        run->deadline = mono_add(now, GRACE);
        break;
    case TERMINATED:
        send_signal(run, SIGKILL);
        run->stage = KILLED;
        run->deadline = mono_add(now, AFTER_KILL);
        if (run->zombie) {
            reap(run);
            forget(h, run, now);
        }
        break;
    case WAITING:
    case KILLED:
        log_limited(&h->limit[ENDED], now, LOG_WARNING, NULL,
                    "%sprocess %d can't be ended (it hangs in a device or a network file system)",
                    run->prefix, (int)run->child.pid);
        run->deadline = MONO_NEVER;
        end_output(h, run, now);
        tell(h, run, HOOKS_TIMED_OUT, 0, now);
        break;
    }
}

Mono hooks_deadline(const Hooks *h)
{
    Mono t = h->waiting.length ? h->start_at : MONO_NEVER;

    for (guint i = 0; i < h->running->len; i++) {
        const Run *run = g_ptr_array_index(h->running, i);
        t = mono_min(t, mono_min(run->deadline, run->drain_at));
    }
    for (const GList *l = h->waiting.head; l; l = l->next)
        t = mono_min(t, ((const Run *)l->data)->deadline);
    for (gsize i = 0; i < N_LIMITS; i++)
        t = mono_min(t, log_limit_deadline(&h->limit[i]));
    return t;
}

void hooks_tick(Hooks *h, Mono now)
{
    for (guint i = h->running->len; i-- > 0;) {
        Run *run = g_ptr_array_index(h->running, i);
        if (!mono_before(now, run->drain_at)) {
            hook_output_read(&run->out, run->prefix, &h->limit[OUTPUT], now);
            run->drain_at = run->out.fd >= 0 ? mono_add(now, MUTED_PAUSE) : MONO_NEVER;
        }
        if (!mono_before(now, run->deadline))
            overrun(h, run, now);
    }
    if (h->waiting.length && !mono_before(now, h->start_at))
        start_waiting(h, now);
    give_up_waiting(h, now);
    for (gsize i = 0; i < N_LIMITS; i++)
        log_limit_tick(&h->limit[i], now);
}

void hooks_free(Hooks *h)
{
    if (!h)
        return;
    g_queue_clear_full(&h->waiting, (GDestroyNotify)run_free);
    for (guint i = 0; i < h->running->len; i++) {
        const Run *run = g_ptr_array_index(h->running, i);
        send_signal(run, run->zombie ? SIGKILL : SIGTERM);
    }
    for (int ms = 0; h->running->len > 0 && ms < END_WAIT_MS + 500; ms += 10) {
        for (guint i = h->running->len; i-- > 0;) {
            Run *run = g_ptr_array_index(h->running, i);
            if (ms == END_WAIT_MS)
                send_signal(run, SIGKILL);
            if (waitpid(run->child.pid, NULL, WNOHANG) != 0) {
                g_ptr_array_remove_index_fast(h->running, i);
                run_free(run);
            }
        }
        if (h->running->len > 0)
            g_usleep(10000);
    }
    for (guint i = 0; i < h->running->len; i++)
        run_free(g_ptr_array_index(h->running, i));
    g_ptr_array_unref(h->running);
    g_free(h->dumpdir);
    g_free(h);
}

const char *hooks_name(HooksKind kind)
{
    return kinds[kind].name;
}

guint hooks_running(const Hooks *h)
{
    return h->running->len;
}

guint hooks_waiting(const Hooks *h)
{
    return h->waiting.length;
}

guint64 hooks_count(const Hooks *h, HooksKind kind, HooksEnd end)
{
    return h->count[kind][end];
}

guint64 hooks_failed(const Hooks *h, HooksKind kind)
{
    return h->failed[kind];
}
