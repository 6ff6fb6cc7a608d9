/* status.c - reports the state of the server: status file, metrics file, a line for log and
 * terminal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/status.h"

#include "io/store/status_file.h"
#include "io/sys/files.h"
#include "io/sys/log.h"
#include "server/dump_files.h"
#include "server/report.h"

#include <fcntl.h>
#include <unistd.h>

#define BUSY_EVERY SPAN_S(1)
#define IDLE_EVERY SPAN_S(15)

struct Status {
    StatusWorld world;
    WorkQueue *queue;
    Mono next;
    gboolean pending; /* the last texts are still on their way: a slow disk gets no more */
    gboolean status_failed, metrics_failed; /* the last time, and that has been logged */
};

/* A job. */
typedef struct {
    Status *status;
    GString *text;
    char *metrics_path; /* NULL: none wanted */
    GString *metrics;   /* completed by the job, which knows the free space */
    int status_err, metrics_err;
} Write;

/* -- what is in the status file ---------------------------------------------------------------- */

static GString *status_text(const Status *s, Mono now, gint64 wall)
{
    const MetricsSource *source = &s->world.source;
    const StatusServer server = {
        .status_version = 1,
        .version = NETDUMP_VERSION,
        .pid = (guint64)getpid(),
        .written = (guint64)wall / G_USEC_PER_SEC,
        .udp_port = s->world.udp_port,
        .dumpdir = dumpdir_path(s->world.dumpdir),
        .dumps_running = clients_slots(source->clients),
        .dumps_max = source->config->max_concurrent_dumps,
        .complete = source->stats->complete,
        .incomplete = source->stats->incomplete,
        .not_dumped = source->stats->not_dumped,
        .bytes = stats_bytes(source->stats, source->clients),
        .packets_received = source->traffic->received,
        .packets_not_allowed = source->dispatch->not_allowed,
        .packets_malformed = stats_malformed_sum(source->stats),
    };
    GString *text = status_file_begin(&server);

    for (guint i = 0; i < clients_count(source->clients); i++) {
        const ClientEntry *entry = clients_nth(source->clients, i);
        const SessionFacts *f = &entry->session->facts;
        guint64 left = report_seconds_left(f, now);
        const StatusClient client = {
            .address = entry->host,
            .port = entry->peer.port,
            .state = f->state,
            .page_size = f->file.page_size,
            .pages = report_pages(f, f->bytes_total),
            .pages_done = report_pages(f, f->bytes_done),
            .bytes_per_second = (guint64)report_rate(f, now),
            .seconds_left = left == G_MAXUINT64 ? STATUS_UNKNOWN : left,
            .retransmitted_pages = f->counters.retransmitted,
            .directory = entry->files ? dump_files_path(entry->files) : "",
        };

        status_file_add(text, &client);
    }
    return text;
}

/* -- log and terminal -------------------------------------------------------------------------- */

void status_log(const Status *s, Mono now)
{
    const MetricsSource *source = &s->world.source;
    guint n = clients_count(source->clients);

    for (guint i = 0; i < n; i++) {
        g_autofree char *line = report_line(clients_nth(source->clients, i), now);

        log_notice("%s", line);
    }
    log_notice("%u clients, %u of %u dumps running; since start: %" G_GUINT64_FORMAT
               " complete, %" G_GUINT64_FORMAT " incomplete, %" G_GUINT64_FORMAT " not dumped",
               n, clients_slots(source->clients), source->config->max_concurrent_dumps,
               source->stats->complete, source->stats->incomplete, source->stats->not_dumped);
}

char *status_progress(const Status *s, Mono now)
{
    const Clients *clients = s->world.source.clients;
    guint n = clients_count(clients);
    g_autofree char *line = NULL;

    if (n == 0)
        return NULL;
    line = report_line(clients_nth(clients, 0), now);
    return n == 1 ? g_steal_pointer(&line) : g_strdup_printf("[%u clients] %s", n, line);
}

/* -- writing ----------------------------------------------------------------------------------- */

static void write_free(gpointer data)
{
    Write *w = data;

    g_string_free(w->text, TRUE);
    if (w->metrics)
        g_string_free(w->metrics, TRUE);
    g_free(w->metrics_path);
    g_free(w);
}

static int run_write(gpointer data)
{
    Write *w = data;
    const Dumpdir *dumpdir = w->status->world.dumpdir;
    DumpdirSpace space;

    w->status_err = status_file_write(dumpdir_fd(dumpdir), dumpdir_path(dumpdir), w->text, NULL);
    if (!w->metrics)
        return 0;
    if (dumpdir_space(dumpdir, 0, &space, NULL) == 0)
        metrics_add_space(w->metrics, &space);
    w->metrics_err = files_replace(AT_FDCWD, "", w->metrics_path, w->metrics->str, w->metrics->len,
                                   0644, FALSE, NULL);
    return 0;
}

static void done_write(gpointer data, G_GNUC_UNUSED int err)
{
    Write *w = data;
    Status *s = w->status;

    s->pending = FALSE;
    if (w->status_err && !s->status_failed)
        log_warning("cannot write the status to %s/" STATUS_FILE ": %s",
                    dumpdir_path(s->world.dumpdir), g_strerror(w->status_err));
    if (w->metrics_err && !s->metrics_failed)
        log_warning("cannot write the metrics to %s: %s", w->metrics_path,
                    g_strerror(w->metrics_err));
    s->status_failed = w->status_err != 0;
    s->metrics_failed = w->metrics_err != 0;
}

static void write_files(Status *s, Mono now, gint64 wall)
{
    Write *w = g_new0(Write, 1);
    WorkJob job = {
        .run = run_write,
        .done = done_write,
        .destroy = write_free,
        .data = w,
        .what = "write the status",
    };

    w->status = s;
    w->text = status_text(s, now, wall);
    w->metrics_path = g_strdup(s->world.source.config->metrics_file);
    if (w->metrics_path)
        w->metrics = metrics_text(&s->world.source);
    s->pending = TRUE;
    work_queue_push(s->queue, &job);
}

/* -- life -------------------------------------------------------------------------------------- */

Status *status_new(const StatusWorld *world)
{
    Status *s = g_new0(Status, 1);

    s->world = *world;
    s->queue = work_queue_new(world->disk, NULL, NULL);
    return s;
}

void status_free(Status *s)
{
    g_free(s);
}

void status_stop(Status *s)
{
    work_queue_free(s->queue);
    s->pending = TRUE;
}

void status_set_config(Status *s, const Config *config)
{
    s->world.source.config = config;
}

void status_tick(Status *s, Mono now, gint64 wall)
{
    gboolean busy = clients_count(s->world.source.clients) > 0;

    /* Whoever has just become busy should not have to wait for the next idle round. */
    if (busy && mono_diff(s->next, now) > BUSY_EVERY)
        s->next = now;
    if (mono_before(now, s->next) || s->pending)
        return;
    s->next = mono_add(now, busy ? BUSY_EVERY : IDLE_EVERY);
    write_files(s, now, wall);
}

Mono status_deadline(const Status *s)
{
    return s->pending ? MONO_NEVER : s->next;
}
