/* loop.c - pselect(), and whom to call when it returns. The only place that reads the clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/loop.h"

#include "io/store/pending_clients.h"
#include "io/sys/daemon.h"
#include "io/sys/log.h"
#include "server/dispatch.h"
#include "server/executor.h"
#include "server/metrics.h"
#include "server/rx_coalesce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <time.h>

/* Batches drained from the socket before timers and disk are looked at again. */
#define BATCHES_A_TURN 16

#define PROGRESS_EVERY SPAN_MS(500)

struct Loop {
    Config *config;
    Sock *sock;
    WorkPool *disk;
    Dumpdir *dumpdir;
    ConsoleStore *console;
    ConsoleIngest *console_log;
    Executor *perform;
    Dispatch *intake;
    Metrics *publish;
    PendingClients *callers;
    gboolean stop;
    gint64 wall; /* us since 1970, of this turn */
    Mono next_progress;
    RxCoalesce nap;
    guint64 drops_seen;
    guint64 send_failed_seen;
    LogLimit drops_limit, send_limit, select_limit;
};

static Mono read_clock(void)
{
    return (Mono){g_get_monotonic_time()};
}

static void set_time(Loop *l)
{
    l->wall = g_get_real_time();
    executor_set_time(l->perform, read_clock(), l->wall);
}

/* -- starting -----------------------------------------------------------------------------------
 */

static gboolean open_all(Loop *l, GError **error)
{
    SockOptions options = {.addr = &l->config->addr, .port = l->config->port};

    l->sock = sock_open(&options, error);
    if (!l->sock)
        return FALSE;
    l->dumpdir = dumpdir_open(l->config->dumpdir, error);
    if (!l->dumpdir)
        return FALSE;
    l->console = console_store_open(dumpdir_fd(l->dumpdir), dumpdir_path(l->dumpdir),
                                    g_get_real_time(), error);
    if (!l->console)
        return FALSE;
    l->disk = work_pool_new(WORK_THREADS, error);
    return l->disk != NULL;
}

Loop *loop_new(Config *config, GError **error)
{
    g_autoptr(Loop) l = g_new0(Loop, 1);
    ExecutorWorld world;

    l->config = config;
    if (!open_all(l, error))
        return NULL;
    l->console_log = console_ingest_new(l->disk, l->console);
    world = (ExecutorWorld){l->config,  l->sock,    l->disk,
                            l->dumpdir, l->console, console_ingest_queue(l->console_log)};
    l->perform = executor_new(&world);
    l->intake = dispatch_new(l->config, l->dumpdir, l->perform, l->console_log);
    l->publish = metrics_new(
        &(MetricsWorld){l->config, l->sock, l->disk, l->dumpdir, l->perform, l->intake});
    l->callers = pending_clients_new(l->disk, l->dumpdir, executor_clients(l->perform),
                                     dispatch_known, l->intake);
    l->drops_limit = (LogLimit)LOG_LIMIT(2, SPAN_S(60));
    l->send_limit = (LogLimit)LOG_LIMIT(2, SPAN_S(60));
    l->select_limit = (LogLimit)LOG_LIMIT(2, SPAN_S(60));
    set_time(l);
    return g_steal_pointer(&l);
}

void loop_free(Loop *l)
{
    if (!l)
        return;
    /* Jobs that still run use what the others own. */
    if (l->disk)
        work_pool_free(l->disk);
    pending_clients_free(l->callers);
    metrics_free(l->publish);
    dispatch_free(l->intake);
    console_ingest_free(l->console_log);
    executor_free(l->perform);
    console_store_free(l->console);
    dumpdir_free(l->dumpdir);
    sock_free(l->sock);
    config_free(l->config);
    g_free(l);
}

/* Machines that a former server had told to wait, and whose dumps have no journal. */
static void recall_callers(Loop *l)
{
    g_autoptr(GArray) records = pending_clients_load(l->dumpdir);
    guint n = 0;

    for (guint i = 0; i < records->len; i++) {
        const JournalRecord *r = &g_array_index(records, JournalRecord, i);
        WireStart start = pending_clients_start(r);

        n += dispatch_recall(l->intake, &r->client, &r->local, &start) ? 1 : 0;
    }
    if (n > 0)
        log_notice("asking %u machines that had called a former server", n);
    sock_flush(l->sock);
}

static void say_hello(Loop *l)
{
    const char *hint = sock_rcvbuf_hint(l->sock);
    char addr[NETADDR_STRLEN];
    guint n;

    if (hint)
        log_warning("%s", hint);
    log_notice("version " NETDUMP_VERSION ", listening on %s port %u, dumps go to %s, %u at a time",
               netaddr_is_any(&l->config->addr) ? "all addresses,"
                                                : netaddr_host_to_string(&l->config->addr, addr),
               sock_port(l->sock), dumpdir_path(l->dumpdir), l->config->max_concurrent_dumps);
    n = executor_resume(l->perform);
    if (n > 0)
        log_notice("going on with %u unfinished dumps", n);
    recall_callers(l);
}

/* -- signals ------------------------------------------------------------------------------------
 */

static void reload(Loop *l)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *kept = NULL;
    Config *config = config_reload(l->config, &kept, &error);

    if (!config) {
        log_error("the configuration stays as it was: %s", error->message);
        return;
    }
    if (kept)
        log_warning("%s: a change needs a restart", kept);
    executor_set_config(l->perform, config);
    dispatch_set_config(l->intake, config);
    metrics_set_config(l->publish, config);
    config_free(l->config);
    l->config = config;
    log_set_verbose(config->verbose);
    log_notice("the configuration has been read again");
}

static void on_signal(Loop *l, int signo)
{
    switch (signo) {
    case SIGTERM:
    case SIGINT:
        l->stop = TRUE;
        break;
    case SIGHUP:
        daemon_reloading();
        reload(l);
        daemon_reloaded();
        break;
    case SIGUSR1:
        metrics_log(l->publish);
        break;
    default: /* CHLD: children are looked for in every turn */
        break;
    }
}

static void take_signals(Loop *l)
{
    int signo;

    while ((signo = daemon_next_signal()) != 0)
        on_signal(l, signo);
    hooks_reap(executor_hooks(l->perform), executor_now(l->perform));
}

/* -- a turn -------------------------------------------------------------------------------------
 */

static void rest(Loop *l)
{
    struct timespec time = {.tv_nsec = rx_coalesce_span(&l->nap) * 1000};

    if (time.tv_nsec > 0)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static void drain_socket(Loop *l)
{
    gdouble answered;
    guint n = SOCK_BATCH;

    executor_mark_open(l->perform);
    for (guint i = 0; i < BATCHES_A_TURN && n >= SOCK_BATCH; i++) {
        set_time(l); /* round trips are measured by it */
        n = sock_receive(l->sock, dispatch_datagram, l->intake);
        sock_flush(l->sock);
    }
    answered = executor_answered(l->perform);
    if (answered >= 0)
        rx_coalesce_learn(&l->nap, answered);
}

static void watch_socket(Loop *l)
{
    const SockStats *stats = sock_stats(l->sock);
    guint64 drops = sock_drops(l->sock);
    char to[NETADDR_STRLEN];

    if (drops > l->drops_seen &&
        log_limited(&l->drops_limit, executor_now(l->perform), LOG_WARNING, NULL,
                    "the kernel has dropped %" G_GUINT64_FORMAT " datagrams because our receive "
                    "buffer was full; they are asked again; a greater net.core.rmem_max would help",
                    drops - l->drops_seen))
        l->drops_seen = drops;
    if (stats->send_failed > l->send_failed_seen) {
        l->send_failed_seen = stats->send_failed;
        log_limited(&l->send_limit, executor_now(l->perform), LOG_WARNING, NULL,
                    "cannot send to %s: %s; see to the route and the firewall",
                    netaddr_to_string(&stats->last_to, to), g_strerror(stats->last_errno));
    }
}

static void show_progress(Loop *l)
{
    g_autofree char *line = NULL;

    if (!log_has_progress() || mono_before(executor_now(l->perform), l->next_progress))
        return;
    line = metrics_progress(l->publish);
    log_progress(line);
    l->next_progress = line ? mono_add(executor_now(l->perform), PROGRESS_EVERY) : MONO_NEVER;
}

static struct timespec time_left(const Loop *l)
{
    Mono deadline = mono_min(executor_deadline(l->perform), metrics_deadline(l->publish));
    gint64 us;

    deadline = mono_min(deadline, pending_clients_deadline(l->callers));
    if (log_has_progress() && clients_count(executor_clients(l->perform)) > 0)
        deadline = mono_min(deadline, mono_add(read_clock(), PROGRESS_EVERY));
    us = CLAMP(mono_diff(deadline, read_clock()), 0, SPAN_S(3600));
    return (struct timespec){.tv_sec = us / SPAN_S(1), .tv_nsec = us % SPAN_S(1) * 1000};
}

static void add_fd(int fd, fd_set *readable, int *max_fd)
{
    FD_SET(fd, readable);
    *max_fd = MAX(*max_fd, fd);
}

static void turn(Loop *l)
{
    Hooks *hooks = executor_hooks(l->perform);
    struct timespec left = time_left(l);
    int max_fd = -1;
    fd_set readable;

    FD_ZERO(&readable);
    add_fd(daemon_signals_fd(), &readable, &max_fd);
    add_fd(work_pool_fd(l->disk), &readable, &max_fd);
    sock_add_fds(l->sock, &readable, &max_fd);
    hooks_add_fds(hooks, &readable, &max_fd);
    if (pselect(max_fd + 1, &readable, NULL, NULL, &left, daemon_signals_mask()) < 0) {
        FD_ZERO(&readable);
        if (errno != EINTR)
            log_limited(&l->select_limit, executor_now(l->perform), LOG_ERR, NULL, "pselect: %s",
                        g_strerror(errno));
    }

    if (sock_is_ready(l->sock, &readable))
        rest(l);
    set_time(l);
    take_signals(l);
    /* Packets before timers: what has arrived while we were busy is not late. */
    if (sock_is_ready(l->sock, &readable))
        drain_socket(l);
    if (FD_ISSET(work_pool_fd(l->disk), &readable))
        work_pool_dispatch(l->disk);
    hooks_handle_fds(hooks, &readable, executor_now(l->perform));
    executor_tick(l->perform);
    sock_flush(l->sock);
    watch_socket(l);
    pending_clients_tick(l->callers, executor_now(l->perform), l->wall);
    metrics_tick(l->publish, executor_now(l->perform), l->wall);
    show_progress(l);
}

void loop_run(Loop *l)
{
    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: a nap's length counts */
    say_hello(l);
    while (!l->stop)
        turn(l);
    log_notice("ending; unfinished dumps go on when the server is started again");
    daemon_stopping();
    log_progress(NULL);
    metrics_stop(l->publish);
    pending_clients_stop(l->callers);
    executor_shutdown(l->perform);
    console_ingest_stop(l->console_log);
    sock_flush(l->sock);
}
