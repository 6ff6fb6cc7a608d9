/* pending_clients.c - the machines that wait for us, for a server that comes after us.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/pending_clients.h"

#include "core/netdump/session_record.h"
#include "io/sys/files.h"
#include "io/sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_NEW PENDING_CLIENTS_FILE ".new"

/* From one write to the next, with so many records in the first: a tenth of the time that a flood
 * of STARTs leaves a processor. */
#define PAUSE(n) (SPAN_MS(10) + (n)*SPAN_MS(1) / 5)

struct PendingClients {
    const Dumpdir *dumpdir;
    const Clients *clients;
    PendingClientsKnown known;
    gpointer user;
    WorkQueue *queue;
    guint64 written; /* the signature of what was written last */
    guint64 is;      /* and of what is */
    gboolean pending, failed;
    Mono next; /* not before */
};

typedef struct {
    PendingClients *callers;
    GArray *records; /* of JournalRecord */
    GArray *ids;     /* of guint32 */
} Work;

/* Its journal does not yet tell that its dump is over. */
static gboolean is_waiting(const ClientEntry *entry)
{
    return session_facts(entry->client)->state < SESSION_ENDING;
}

/* Changes whenever the set does: ids are never used twice. */
static guint64 signature(const Clients *clients)
{
    guint64 sum = 0;

    for (guint i = 0; i < clients_count(clients); i++) {
        const ClientEntry *entry = clients_nth(clients, i);

        if (is_waiting(entry))
            sum = sum * G_GUINT64_CONSTANT(6364136223846793005) + entry->id;
    }
    return sum;
}

static void collect(Work *w, const Clients *clients, gint64 wall)
{
    w->records = g_array_new(FALSE, TRUE, sizeof(JournalRecord));
    w->ids = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint i = 0; i < clients_count(clients); i++) {
        const ClientEntry *entry = clients_nth(clients, i);
        const SessionFacts *facts = session_facts(entry->client);
        JournalRecord *r;

        if (!is_waiting(entry))
            continue;
        g_array_append_val(w->ids, entry->id);
        g_array_set_size(w->records, w->ids->len);
        r = &g_array_index(w->records, JournalRecord, w->records->len - 1);
        r->client = entry->peer;
        r->local = entry->local;
        r->started = wall;
        session_record_fill(r, facts);
    }
}

/* -- writing ------------------------------------------------------------------------------------
 */

static int write_records(int fd, const GArray *records)
{
    guint8 bytes[JOURNAL_RECORD_SIZE];
    int err = 0;

    for (guint i = 0; !err && i < records->len; i++)
        if (journal_record_encode(&g_array_index(records, JournalRecord, i), i + 1, bytes))
            err = files_write(fd, bytes, sizeof bytes, -1);
    return err;
}

static int run_write(gpointer data)
{
    const Work *w = data;
    int dirfd = dumpdir_fd(w->callers->dumpdir), fd = -1, err;

    if (w->records->len == 0)
        return unlinkat(dirfd, PENDING_CLIENTS_FILE, 0) && errno != ENOENT ? errno : 0;
    err = files_open(dirfd, dumpdir_path(w->callers->dumpdir), FILE_NEW,
                     O_WRONLY | O_CREAT | O_TRUNC, &fd, NULL);
    if (err)
        return err;
    err = write_records(fd, w->records);
    files_close(&fd);
    if (!err && renameat(dirfd, FILE_NEW, dirfd, PENDING_CLIENTS_FILE))
        err = errno;
    if (err)
        unlinkat(dirfd, FILE_NEW, 0);
    return err;
}

static void done_write(gpointer data, int err)
{
    const Work *w = data;
    PendingClients *c = w->callers;

    c->pending = FALSE;
    if (err && !c->failed)
        log_warning("cannot write %s/" PENDING_CLIENTS_FILE
                    ": %s; machines that have just crashed are not known to the next server if "
                    "this one is killed",
                    dumpdir_path(c->dumpdir), g_strerror(err));
    c->failed = err != 0;
    for (guint i = 0; i < w->ids->len; i++)
        c->known(c->user, g_array_index(w->ids, guint32, i));
}

static void work_free(gpointer data)
{
    Work *w = data;

    g_array_unref(w->records);
    g_array_unref(w->ids);
    g_free(w);
}

/* Returns the number of records. */
static guint push_write(PendingClients *c, gint64 wall)
{
    Work *w = g_new0(Work, 1);
    WorkJob job = {
        .run = run_write,
        .done = done_write,
        .destroy = work_free,
        .data = w,
        .what = "write down who waits for us",
        .ignore_failure = TRUE,
    };

    w->callers = c;
    collect(w, c->clients, wall);
    job.bytes = w->records->len * sizeof(JournalRecord);
    c->written = c->is;
    c->pending = TRUE;
    work_queue_push(c->queue, &job);
    return w->records->len;
}

void pending_clients_tick(PendingClients *c, Mono now, gint64 wall)
{
    c->is = signature(c->clients);
    if (c->is == c->written || c->pending || mono_before(now, c->next))
        return;
    c->next = mono_add(now, PAUSE(push_write(c, wall)));
}

Mono pending_clients_deadline(const PendingClients *c)
{
    return c->is == c->written || c->pending ? MONO_NEVER : c->next;
}

/* -- life ---------------------------------------------------------------------------------------
 */

static void never_fails(G_GNUC_UNUSED gpointer user, G_GNUC_UNUSED int err,
                        G_GNUC_UNUSED const char *what)
{
}

PendingClients *pending_clients_new(WorkPool *disk, const Dumpdir *dumpdir, const Clients *clients,
                                    PendingClientsKnown known, gpointer user)
{
    PendingClients *c = g_new0(PendingClients, 1);

    c->dumpdir = dumpdir;
    c->clients = clients;
    c->known = known;
    c->user = user;
    c->queue = work_queue_new(disk, never_fails, c);
    /* What a former server left is not ours; where there is nothing, the first machine that calls
     * need not wait behind its removal. */
    if (faccessat(dumpdir_fd(dumpdir), PENDING_CLIENTS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        c->written = G_MAXUINT64;
    return c;
}

void pending_clients_stop(PendingClients *c)
{
    work_queue_close(c->queue);
}

void pending_clients_free(PendingClients *c)
{
    g_free(c);
}

/* -- reading ------------------------------------------------------------------------------------
 */

GArray *pending_clients_load(const Dumpdir *dumpdir)
{
    GArray *records = g_array_new(FALSE, FALSE, sizeof(JournalRecord));
    guint8 bytes[JOURNAL_RECORD_SIZE];
    JournalRecord record;
    guint64 sequence;
    gsize got = 0;
    int fd = -1;

    if (files_open(dumpdir_fd(dumpdir), dumpdir_path(dumpdir), PENDING_CLIENTS_FILE, O_RDONLY, &fd,
                   NULL))
        return records;
    for (guint i = 0; i < CLIENTS_MAX; i++) {
        if (files_read(fd, bytes, sizeof bytes, (off_t)i * JOURNAL_RECORD_SIZE, &got) || got == 0)
            break;
        if (!journal_record_decode(bytes, got, &record, &sequence))
            g_array_append_val(records, record);
    }
    files_close(&fd);
    return records;
}

WireStart pending_clients_start(const JournalRecord *record)
{
    SessionFacts facts;

    (void)session_record_read(record, &facts);
    return facts.start;
}
