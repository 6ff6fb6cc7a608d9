/* console_ingest.c - console text of machines that have not crashed, on its way to the console
 * store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/console_ingest.h"

#include "core/text/escape.h"
#include "io/sys/log.h"

#include <errno.h>

#define PENDING_MAX (4u << 20) /* bytes of text that wait for a slow disk */

/* Pieces of text, usually lines, that are taken at once and then in a second: some machines that
 * boot, but not so many that their files cost a dump its processor. */
#define BURST     8192
#define RATE      20000
#define RATE_BUSY 2000

struct ConsoleIngest {
    ConsoleStore *console;
    WorkQueue *queue; /* one for all machines: the store works on one at a time anyway */
    LogLimit limit;
    Mono now;
    gdouble budget; /* pieces that may come now */
};

typedef struct {
    ConsoleIngest *log;
    NetAddr host;
    gint64 wall;
    gsize len;
    char *text;
} Piece;

static void piece_free(gpointer data)
{
    Piece *piece = data;

    g_free(piece->text);
    g_free(piece);
}

static int run_append(gpointer data)
{
    Piece *piece = data;
    char host[NETADDR_STRLEN];
    g_autoptr(GError) error = NULL;

    return console_store_append(piece->log->console, netaddr_host_to_string(&piece->host, host),
                                piece->wall, piece->text, piece->len, &error);
}

static void done_append(gpointer data, int err)
{
    Piece *piece = data;
    char host[NETADDR_STRLEN];
    LogAbout about = {.client = netaddr_host_to_string(&piece->host, host)};

    if (err)
        log_limited(&piece->log->limit, piece->log->now, LOG_WARNING, &about,
                    "its console text is not kept: %s",
                    err == EUSERS ? "the console store is full" : g_strerror(err));
}

/* Never called: every job bears its failure by itself. */
static void on_failed(G_GNUC_UNUSED gpointer user, G_GNUC_UNUSED int err,
                      G_GNUC_UNUSED const char *what)
{
}

ConsoleIngest *console_ingest_new(WorkPool *disk, ConsoleStore *console)
{
    ConsoleIngest *log = g_new0(ConsoleIngest, 1);

    log->console = console;
    log->budget = BURST;
    log->queue = work_queue_new(disk, on_failed, log);
    log->limit = (LogLimit)LOG_LIMIT(3, SPAN_S(60));
    return log;
}

void console_ingest_free(ConsoleIngest *log)
{
    g_free(log);
}

/* FALSE if there is too much of it. */
static gboolean in_budget(ConsoleIngest *log, gboolean busy, Mono now)
{
    gdouble passed = (gdouble)mono_diff(now, log->now) / 1e6;

    log->budget = MIN(BURST, log->budget + passed * (busy ? RATE_BUSY : RATE));
    log->now = now;
    if (log->budget < 1)
        return FALSE;
    log->budget--;
    return TRUE;
}

void console_ingest_take(ConsoleIngest *log, const NetAddr *host, const guint8 *text, gsize len,
                         gboolean busy, Mono now, gint64 wall)
{
    Piece *piece;
    WorkJob job = {
        .run = run_append,
        .done = done_append,
        .destroy = piece_free,
        .what = "write console text",
        .ignore_failure = TRUE,
    };

    if (!in_budget(log, busy, now) || work_queue_bytes(log->queue) > PENDING_MAX) {
        log_limited(&log->limit, now, LOG_WARNING, NULL,
                    "console text is dropped: it comes faster than %s",
                    log->budget < 1 ? "it can be taken beside the dumps" : "the disk takes it");
        return;
    }
    piece = g_new0(Piece, 1);
    *piece = (Piece){.log = log, .host = *host, .wall = wall};
    piece->text = g_malloc(TEXT_ESCAPED_MAX(len) + 1);
    piece->len = text_escape(text, len, piece->text);
    job.data = piece;
    job.bytes = TEXT_ESCAPED_MAX(len) + sizeof *piece;
    work_queue_push(log->queue, &job);
}

WorkQueue *console_ingest_queue(ConsoleIngest *log)
{
    return log->queue;
}

void console_ingest_stop(ConsoleIngest *log)
{
    work_queue_close(log->queue);
}
