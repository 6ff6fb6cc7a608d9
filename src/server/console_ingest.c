/* console_ingest.c - console text of clients that have not crashed, on its way to the console
 * store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/console_ingest.h"

#include "core/base/rate_limit.h"
#include "core/text/escape.h"
#include "io/sys/log.h"

#include <errno.h>

#define PENDING_MAX (4u << 20) /* bytes of text that wait for a slow disk */

/* Pieces of text, usually lines, accepted in a burst, and then each second: enough for some clients
 * that boot, but a bounded share of the CPU. */
#define BURST     8192
#define RATE      20000
#define RATE_BUSY 2000

struct ConsoleIngest {
    ConsoleStore *console;
    WorkQueue *queue; /* one for all clients: the store has one lock */
    LogLimit limit;
    Mono now;
    RateLimit rate; /* of pieces */
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
                    "console text dropped: %s",
                    err == EUSERS ? "console store full" : g_strerror(err));
}

ConsoleIngest *console_ingest_new(WorkPool *disk, ConsoleStore *console)
{
    ConsoleIngest *log = g_new0(ConsoleIngest, 1);

    log->console = console;
    log->rate = rate_limit_new(BURST);
    log->queue = work_queue_new(disk, NULL, NULL);
    log->limit = (LogLimit)LOG_LIMIT(3, SPAN_S(60));
    return log;
}

void console_ingest_free(ConsoleIngest *log)
{
    g_free(log);
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

    gboolean too_fast = !rate_limit_take(&log->rate, busy ? RATE_BUSY : RATE, now);

    log->now = now;
    if (too_fast || work_queue_bytes(log->queue) > PENDING_MAX) {
        log_limited(&log->limit, now, LOG_WARNING, NULL, "console text dropped: %s",
                    too_fast ? "console rate limit exceeded" : "disk too slow");
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
