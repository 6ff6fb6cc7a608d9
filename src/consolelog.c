/* consolelog.c - console text of machines that have not crashed, on its way to the console store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "consolelog.h"

#include "log.h"
#include "text.h"

#include <errno.h>

#define PENDING_MAX (4u << 20) /* bytes of text that wait for a slow disk */

struct ConsoleLog {
    Console *console;
    DiskQueue *queue; /* one for all machines: the store works on one at a time anyway */
    LogLimit limit;
    Mono now;
};

typedef struct {
    ConsoleLog *log;
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

    return console_append(piece->log->console, netaddr_host_to_string(&piece->host, host),
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

ConsoleLog *consolelog_new(Disk *disk, Console *console)
{
    ConsoleLog *log = g_new0(ConsoleLog, 1);

    log->console = console;
    log->queue = disk_queue_new(disk, on_failed, log);
    log->limit = (LogLimit)LOG_LIMIT(3, SPAN_S(60));
    return log;
}

void consolelog_free(ConsoleLog *log)
{
    g_free(log);
}

void consolelog_take(ConsoleLog *log, const NetAddr *host, const guint8 *text, gsize len, Mono now,
                     gint64 wall)
{
    Piece *piece;
    DiskJob job = {
        .run = run_append,
        .done = done_append,
        .destroy = piece_free,
        .what = "write console text",
        .ignore_failure = TRUE,
    };

    log->now = now;
    if (disk_queue_bytes(log->queue) > PENDING_MAX) {
        log_limited(&log->limit, now, LOG_WARNING, NULL,
                    "console text is dropped: it comes faster than the disk takes it");
        return;
    }
    piece = g_new0(Piece, 1);
    *piece = (Piece){.log = log, .host = *host, .wall = wall};
    piece->text = g_malloc(TEXT_ESCAPED_MAX(len) + 1);
    piece->len = text_escape(text, len, piece->text);
    job.data = piece;
    job.bytes = TEXT_ESCAPED_MAX(len) + sizeof *piece;
    disk_queue_push(log->queue, &job);
}

void consolelog_stop(ConsoleLog *log)
{
    disk_queue_close(log->queue);
}
