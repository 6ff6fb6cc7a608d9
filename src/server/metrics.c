/* metrics.c - what the server tells those who don't read logs: its status and its metrics.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/metrics.h"

#include "core/text/escape.h"
#include "io/sys/files.h"
#include "io/sys/log.h"
#include "server/dump_files.h"
#include "server/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_EVERY SPAN_S(1)
#define IDLE_EVERY SPAN_S(15)

struct Metrics {
    MetricsWorld world;
    WorkQueue *queue;
    Mono next;
    gint64 wall;
    gboolean pending; /* the last texts are still on their way: a slow disk gets no more */
    gboolean failed;  /* ... and the way it failed has been told */
};

typedef struct {
    Metrics *p;
    char *status;
    char *metrics_path; /* NULL: none wanted */
    char *metrics;      /* made in the job, which knows the free space */
    DumpdirSpace space;
} Texts;

/* -- status -------------------------------------------------------------------------------------
 */

static void add(GString *line, const char *key, const char *value)
{
    gsize len = strlen(value);
    g_autofree char *safe = g_malloc(TEXT_ESCAPED_MAX(len) + 1);

    safe[text_escape_line((const guint8 *)value, len, safe)] = '\0';
    if (line->len > 0 && line->str[line->len - 1] != '\n')
        g_string_append_c(line, '\t');
    g_string_append_printf(line, "%s=%s", key, safe);
}

static void add_number(GString *line, const char *key, guint64 value)
{
    char text[24];

    g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, value);
    add(line, key, text);
}

static void add_client(GString *text, const Metrics *p, const ClientEntry *entry)
{
    Report r = executor_report(p->world.perform, entry);
    const SessionFacts *f = r.facts;
    gdouble rate = report_rate(&r);
    guint64 done = report_pages_done(f);

    add(text, "address", entry->host);
    add_number(text, "port", entry->peer.port);
    add(text, "state", session_state_name(f->state));
    add_number(text, "page_size", f->page_size);
    add_number(text, "pages", f->nr_pages);
    add_number(text, "pages_done", done);
    add_number(text, "bytes_per_second", (guint64)(rate * f->page_size));
    if (f->state == SESSION_DUMPING && rate > 0)
        add_number(text, "seconds_left", (guint64)((gdouble)(f->nr_pages - done) / rate));
    add_number(text, "retransmitted_pages", f->pages.retransmitted);
    add(text, "directory", r.files ? dump_files_path(r.files) : "");
    g_string_append_c(text, '\n');
}

static guint64 malformed(const DispatchStats *intake)
{
    guint64 n = 0;

    for (guint i = WIRE_OK + 1; i < WIRE_N_FAULTS; i++)
        n += intake->malformed[i];
    return n;
}

static char *status_text(const Metrics *p, gint64 wall)
{
    const ExecutorStats *stats = executor_stats(p->world.perform);
    const DispatchStats *intake = dispatch_stats(p->world.intake);
    Clients *clients = executor_clients(p->world.perform);
    GString *text = g_string_new(NULL);

    add_number(text, "status_version", 1);
    add(text, "version", NETDUMP_VERSION);
    add_number(text, "pid", (guint64)getpid());
    add_number(text, "written", (guint64)wall / G_USEC_PER_SEC);
    add_number(text, "udp_port", sock_port(p->world.sock));
    add(text, "dumpdir", dumpdir_path(p->world.dumpdir));
    add_number(text, "dumps_running", clients_slots(clients));
    add_number(text, "dumps_max", p->world.config->max_concurrent_dumps);
    add_number(text, "complete", stats->complete);
    add_number(text, "incomplete", stats->incomplete);
    add_number(text, "not_dumped", stats->not_dumped);
    add_number(text, "bytes", stats->bytes);
    add_number(text, "packets_received", sock_stats(p->world.sock)->received);
    add_number(text, "packets_not_allowed", intake->not_allowed);
    add_number(text, "packets_malformed", malformed(intake));
    g_string_append_c(text, '\n');
    for (guint i = 0; i < clients_count(clients); i++)
        add_client(text, p, clients_nth(clients, i));
    return g_string_free(text, FALSE);
}

/* -- log and terminal ---------------------------------------------------------------------------
 */

void metrics_log(const Metrics *p)
{
    const ExecutorStats *stats = executor_stats(p->world.perform);
    Clients *clients = executor_clients(p->world.perform);
    guint n = clients_count(clients);

    for (guint i = 0; i < n; i++) {
        Report report = executor_report(p->world.perform, clients_nth(clients, i));
        g_autofree char *line = report_line(&report);

        log_notice("%s", line);
    }
    log_notice("%u machines, %u of %u dumps running; since the start %" G_GUINT64_FORMAT
               " complete, %" G_GUINT64_FORMAT " incomplete, %" G_GUINT64_FORMAT " not dumped",
               n, clients_slots(clients), p->world.config->max_concurrent_dumps, stats->complete,
               stats->incomplete, stats->not_dumped);
}

char *metrics_progress(const Metrics *p)
{
    Clients *clients = executor_clients(p->world.perform);
    guint n = clients_count(clients);
    Report report;
    g_autofree char *line = NULL;

    if (n == 0)
        return NULL;
    report = executor_report(p->world.perform, clients_nth(clients, 0));
    line = report_line(&report);
    return n == 1 ? g_steal_pointer(&line) : g_strdup_printf("[%u machines] %s", n, line);
}

/* -- metrics ------------------------------------------------------------------------------------
 */

static void family(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP netdump_%s %s\n# TYPE netdump_%s %s\n", name, help, name,
                           type);
}

static void sample(GString *out, const char *name, const char *labels, guint64 value)
{
    g_string_append_printf(out, "netdump_%s%s %" G_GUINT64_FORMAT "\n", name, labels, value);
}

static void single(GString *out, const char *name, const char *type, const char *help,
                   guint64 value)
{
    family(out, name, type, help);
    sample(out, name, "", value);
}

/* By dumps that are not closed yet: who watches a line that loses packets can't wait for the end.
 */
static guint64 retransmitted_now(const Metrics *p)
{
    Clients *clients = executor_clients(p->world.perform);
    guint64 pages = 0;

    for (guint i = 0; i < clients_count(clients); i++) {
        Report r = executor_report(p->world.perform, clients_nth(clients, i));

        if (r.files)
            pages += r.facts->pages.retransmitted;
    }
    return pages;
}

static void add_dumps(GString *out, const Metrics *p)
{
    const ExecutorStats *s = executor_stats(p->world.perform);
    Clients *clients = executor_clients(p->world.perform);

    family(out, "dumps_total", "counter", "Crashed machines dealt with, by result.");
    sample(out, "dumps_total", "{result=\"complete\"}", s->complete);
    sample(out, "dumps_total", "{result=\"incomplete\"}", s->incomplete);
    sample(out, "dumps_total", "{result=\"not_dumped\"}", s->not_dumped);
    sample(out, "dumps_total", "{result=\"unreachable\"}", s->unreachable);
    single(out, "dump_bytes_total", "counter", "Memory of crashed machines stored.", s->bytes);
    single(out, "retransmitted_pages_total", "counter", "Pages asked for again.",
           s->retransmitted + retransmitted_now(p));
    single(out, "clients", "gauge", "Crashed machines being looked after.", clients_count(clients));
    single(out, "dumps_running", "gauge", "Dumps being received.", clients_slots(clients));
    single(out, "dumps_max", "gauge", "Dumps received at a time (max_concurrent_dumps).",
           p->world.config->max_concurrent_dumps);
}

static void add_packets(GString *out, const Metrics *p)
{
    const DispatchStats *s = dispatch_stats(p->world.intake);
    const SockStats *sock = sock_stats(p->world.sock);

    family(out, "packets_refused_total", "counter", "Datagrams not answered, by reason.");
    sample(out, "packets_refused_total", "{reason=\"not_allowed\"}", s->not_allowed);
    sample(out, "packets_refused_total", "{reason=\"stray\"}", s->stray);
    sample(out, "packets_refused_total", "{reason=\"insecure\"}", s->insecure);
    sample(out, "packets_refused_total", "{reason=\"no_room\"}", s->no_room);
    family(out, "packets_malformed_total", "counter",
           "Datagrams that are neither netdump nor text, by what is wrong.");
    for (guint i = WIRE_OK + 1; i < WIRE_N_FAULTS; i++)
        g_string_append_printf(
            out, "netdump_packets_malformed_total{kind=\"%s\"} %" G_GUINT64_FORMAT "\n",
            wire_fault_name((WireFault)i), s->malformed[i]);
    single(out, "packets_received_total", "counter", "Datagrams received.", sock->received);
    single(out, "packets_sent_total", "counter", "Datagrams sent.", sock->sent);
    single(out, "packets_unsent_total", "counter", "Datagrams that could not be sent.",
           sock->send_full + sock->send_failed);
    single(out, "socket_drops_total", "counter",
           "Datagrams that the kernel dropped because the receive buffer was full.",
           sock_drops(p->world.sock));
}

static void add_script(GString *out, const Hooks *hooks, HooksKind kind)
{
    guint64 failed = hooks_failed(hooks, kind);
    const struct {
        const char *end;
        guint64 runs;
    } ends[] = {
        {"succeeded", hooks_count(hooks, kind, HOOKS_EXITED) - failed},
        {"failed", failed},
        {"signalled", hooks_count(hooks, kind, HOOKS_SIGNALLED)},
        {"timed_out", hooks_count(hooks, kind, HOOKS_TIMED_OUT)},
        {"not_run", hooks_count(hooks, kind, HOOKS_NOT_RUN)},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++)
        g_string_append_printf(
            out, "netdump_script_runs_total{script=\"%s\",end=\"%s\"} %" G_GUINT64_FORMAT "\n",
            hooks_name(kind), ends[i].end, ends[i].runs);
}

static void add_scripts(GString *out, const Metrics *p)
{
    family(out, "script_runs_total", "counter", "Scripts, by name and how they ended.");
    for (guint kind = 0; kind < HOOKS_N_KINDS; kind++)
        add_script(out, executor_hooks(p->world.perform), (HooksKind)kind);
}

static void add_space(GString *out, const DumpdirSpace *space)
{
    single(out, "dumpdir_size_bytes", "gauge", "Size of the file system that takes the dumps.",
           space->total);
    single(out, "dumpdir_free_bytes", "gauge", "Free for us on it.", space->available);
}

/* All but the free space, which a job asks for. */
static GString *metrics_of_loop(const Metrics *p)
{
    GString *out = g_string_new(NULL);

    family(out, "server_info", "gauge", "Constant 1, with the server's version.");
    sample(out, "server_info", "{version=\"" NETDUMP_VERSION "\"}", 1);
    add_dumps(out, p);
    add_packets(out, p);
    add_scripts(out, p);
    return out;
}

/* -- writing ------------------------------------------------------------------------------------
 */

static void texts_free(gpointer data)
{
    Texts *t = data;

    g_free(t->status);
    g_free(t->metrics_path);
    g_free(t->metrics);
    g_free(t);
}

/* Readers see the old file or the new one, never a part. */
static int replace_file(int dirfd, const char *path, const char *text, mode_t mode)
{
    g_autofree char *temporary = g_strdup_printf("%s.tmp", path);
    int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    int err;

    if (fd < 0)
        return errno;
    err = files_write(fd, text, strlen(text), -1);
    if (!err && fchmod(fd, mode))
        err = errno;
    files_close(&fd);
    if (!err && renameat(dirfd, temporary, dirfd, path))
        err = errno;
    if (err)
        unlinkat(dirfd, temporary, 0);
    return err;
}

static int run_write(gpointer data)
{
    Texts *t = data;
    const MetricsWorld *w = &t->p->world;
    int err = replace_file(dumpdir_fd(w->dumpdir), STATUS_FILE, t->status, 0600);
    g_autoptr(GString) all = NULL;

    if (!t->metrics_path)
        return err;
    all = g_string_new(t->metrics);
    if (dumpdir_space(w->dumpdir, 0, &t->space, NULL) == 0)
        add_space(all, &t->space);
    return replace_file(AT_FDCWD, t->metrics_path, all->str, 0644) ?: err;
}

static void done_write(gpointer data, int err)
{
    Texts *t = data;

    t->p->pending = FALSE;
    if (err && !t->p->failed)
        log_warning("cannot write the status to %s/" STATUS_FILE "%s%s: %s",
                    dumpdir_path(t->p->world.dumpdir), t->metrics_path ? " or the metrics to " : "",
                    t->metrics_path ? t->metrics_path : "", g_strerror(err));
    t->p->failed = err != 0;
}

static void write_texts(Metrics *p, gint64 wall)
{
    Texts *t = g_new0(Texts, 1);
    WorkJob job = {
        .run = run_write,
        .done = done_write,
        .destroy = texts_free,
        .data = t,
        .what = "write the status",
        .ignore_failure = TRUE,
    };

    t->p = p;
    t->status = status_text(p, wall);
    t->metrics_path = g_strdup(p->world.config->metrics_file);
    if (t->metrics_path)
        t->metrics = g_string_free(metrics_of_loop(p), FALSE);
    p->pending = TRUE;
    work_queue_push(p->queue, &job);
}

/* -- life ---------------------------------------------------------------------------------------
 */

static void never_fails(G_GNUC_UNUSED gpointer user, G_GNUC_UNUSED int err,
                        G_GNUC_UNUSED const char *what)
{
}

Metrics *metrics_new(const MetricsWorld *world)
{
    Metrics *p = g_new0(Metrics, 1);

    p->world = *world;
    p->queue = work_queue_new(world->disk, never_fails, p);
    return p;
}

void metrics_free(Metrics *p)
{
    g_free(p);
}

void metrics_stop(Metrics *p)
{
    work_queue_free(p->queue);
    p->pending = TRUE;
}

void metrics_set_config(Metrics *p, const Config *config)
{
    p->world.config = config;
}

void metrics_tick(Metrics *p, Mono now, gint64 wall)
{
    gboolean busy = clients_count(executor_clients(p->world.perform)) > 0;

    /* Whoever has just become busy should not have to wait for the next idle round. */
    if (busy && mono_diff(p->next, now) > BUSY_EVERY)
        p->next = now;
    if (mono_before(now, p->next) || p->pending)
        return;
    p->next = mono_add(now, busy ? BUSY_EVERY : IDLE_EVERY);
    write_texts(p, wall);
}

Mono metrics_deadline(const Metrics *p)
{
    return p->pending ? MONO_NEVER : p->next;
}
