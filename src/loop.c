/* loop.c - pselect(), and whom to call when it returns. The only place that reads the clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop.h"

#include "callers.h"
#include "daemon.h"
#include "intake.h"
#include "log.h"
#include "nap.h"
#include "perform.h"
#include "publish.h"

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
    Disk *disk;
    Dumpdir *dumpdir;
    Console *console;
    ConsoleLog *console_log;
    Perform *perform;
    Intake *intake;
    Publish *publish;
    Callers *callers;
    gboolean stop;
    gint64 wall; /* us since 1970, of this turn */
    Mono next_progress;
    Nap nap;
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
    perform_set_time(l->perform, read_clock(), l->wall);
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
    l->console =
        console_open(dumpdir_fd(l->dumpdir), dumpdir_path(l->dumpdir), g_get_real_time(), error);
    if (!l->console)
        return FALSE;
    l->disk = disk_new(DISK_THREADS, error);
    return l->disk != NULL;
}

Loop *loop_new(Config *config, GError **error)
{
    g_autoptr(Loop) l = g_new0(Loop, 1);
    PerformWorld world;

    l->config = config;
    if (!open_all(l, error))
        return NULL;
    l->console_log = consolelog_new(l->disk, l->console);
    world = (PerformWorld){l->config,  l->sock,    l->disk,
                           l->dumpdir, l->console, consolelog_queue(l->console_log)};
    l->perform = perform_new(&world);
    l->intake = intake_new(l->config, l->dumpdir, l->perform, l->console_log);
    l->publish = publish_new(
        &(PublishWorld){l->config, l->sock, l->disk, l->dumpdir, l->perform, l->intake});
    l->callers =
        callers_new(l->disk, l->dumpdir, perform_clients(l->perform), intake_known, l->intake);
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
        disk_free(l->disk);
    callers_free(l->callers);
    publish_free(l->publish);
    intake_free(l->intake);
    consolelog_free(l->console_log);
    perform_free(l->perform);
    console_free(l->console);
    dumpdir_free(l->dumpdir);
    sock_free(l->sock);
    config_free(l->config);
    g_free(l);
}

/* Machines that a former server had told to wait, and whose dumps have no journal. */
static void recall_callers(Loop *l)
{
    g_autoptr(GArray) records = callers_load(l->dumpdir);
    guint n = 0;

    for (guint i = 0; i < records->len; i++) {
        const JournalRecord *r = &g_array_index(records, JournalRecord, i);
        WireStart start = callers_start(r);

        n += intake_recall(l->intake, &r->client, &r->local, &start) ? 1 : 0;
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
    n = perform_resume(l->perform);
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
    perform_set_config(l->perform, config);
    intake_set_config(l->intake, config);
    publish_set_config(l->publish, config);
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
        publish_log(l->publish);
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
    hooks_reap(perform_hooks(l->perform), perform_now(l->perform));
}

/* -- a turn -------------------------------------------------------------------------------------
 */

static void rest(Loop *l)
{
    struct timespec time = {.tv_nsec = nap_span(&l->nap) * 1000};

    if (time.tv_nsec > 0)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static void drain_socket(Loop *l)
{
    gdouble answered;
    guint n = SOCK_BATCH;

    perform_mark_open(l->perform);
    for (guint i = 0; i < BATCHES_A_TURN && n >= SOCK_BATCH; i++) {
        set_time(l); /* round trips are measured by it */
        n = sock_receive(l->sock, intake_datagram, l->intake);
        sock_flush(l->sock);
    }
    answered = perform_answered(l->perform);
    if (answered >= 0)
        nap_learn(&l->nap, answered);
}

static void watch_socket(Loop *l)
{
    const SockStats *stats = sock_stats(l->sock);
    guint64 drops = sock_drops(l->sock);
    char to[NETADDR_STRLEN];

    if (drops > l->drops_seen &&
        log_limited(&l->drops_limit, perform_now(l->perform), LOG_WARNING, NULL,
                    "the kernel has dropped %" G_GUINT64_FORMAT " datagrams because our receive "
                    "buffer was full; they are asked again; a greater net.core.rmem_max would help",
                    drops - l->drops_seen))
        l->drops_seen = drops;
    if (stats->send_failed > l->send_failed_seen) {
        l->send_failed_seen = stats->send_failed;
        log_limited(&l->send_limit, perform_now(l->perform), LOG_WARNING, NULL,
                    "cannot send to %s: %s; see to the route and the firewall",
                    netaddr_to_string(&stats->last_to, to), g_strerror(stats->last_errno));
    }
}

static void show_progress(Loop *l)
{
    g_autofree char *line = NULL;

    if (!log_has_progress() || mono_before(perform_now(l->perform), l->next_progress))
        return;
    line = publish_progress(l->publish);
    log_progress(line);
    l->next_progress = line ? mono_add(perform_now(l->perform), PROGRESS_EVERY) : MONO_NEVER;
}

static struct timespec time_left(const Loop *l)
{
    Mono deadline = mono_min(perform_deadline(l->perform), publish_deadline(l->publish));
    gint64 us;

    deadline = mono_min(deadline, callers_deadline(l->callers));
    if (log_has_progress() && clients_count(perform_clients(l->perform)) > 0)
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
    Hooks *hooks = perform_hooks(l->perform);
    struct timespec left = time_left(l);
    int max_fd = -1;
    fd_set readable;

    FD_ZERO(&readable);
    add_fd(daemon_signals_fd(), &readable, &max_fd);
    add_fd(disk_fd(l->disk), &readable, &max_fd);
    sock_add_fds(l->sock, &readable, &max_fd);
    hooks_add_fds(hooks, &readable, &max_fd);
    if (pselect(max_fd + 1, &readable, NULL, NULL, &left, daemon_signals_mask()) < 0) {
        FD_ZERO(&readable);
        if (errno != EINTR)
            log_limited(&l->select_limit, perform_now(l->perform), LOG_ERR, NULL, "pselect: %s",
                        g_strerror(errno));
    }

    if (sock_is_ready(l->sock, &readable))
        rest(l);
    set_time(l);
    take_signals(l);
    /* Packets before timers: what has arrived while we were busy is not late. */
    if (sock_is_ready(l->sock, &readable))
        drain_socket(l);
    if (FD_ISSET(disk_fd(l->disk), &readable))
        disk_dispatch(l->disk);
    hooks_handle_fds(hooks, &readable, perform_now(l->perform));
    perform_tick(l->perform);
    sock_flush(l->sock);
    watch_socket(l);
    callers_tick(l->callers, perform_now(l->perform), l->wall);
    publish_tick(l->publish, perform_now(l->perform), l->wall);
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
    publish_stop(l->publish);
    callers_stop(l->callers);
    perform_shutdown(l->perform);
    consolelog_stop(l->console_log);
    sock_flush(l->sock);
}
