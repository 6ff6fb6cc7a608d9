/* pending_clients.c - the record of clients that wait for this server, for the one that comes next.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/pending_clients.h"

#include "core/base/limits.h"
#include "core/format/tagged.h"
#include "core/pending_set.h"
#include "io/sys/files.h"
#include "io/sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX 4096 /* bytes of one: most have some 300 */
#define OLD_BLOCK  4096

struct PendingClients {
    const Dumpdir *dumpdir;
    PendingClientsRecorded recorded;
    gpointer user;
    const Clients *clients;
    PendingSet *set;
    GHashTable *records; /* id -> GBytes, owned */
    WorkQueue *queue;
    gboolean failed; /* the last write, and that was logged */
};

/* One write. */
typedef struct {
    PendingClients *pending;
    GByteArray *bytes;
} Work;

/* -- writing ----------------------------------------------------------------------------------- */

static GBytes *make_record(const ClientEntry *entry, Mono now, gint64 wall)
{
    const Session *session = entry->session;
    const char *name = session->ops->name;
    TaggedWriter w = tagged_writer_new();
    GBytes *record;

    tagged_add(&w, TAG_PROTOCOL, name, strlen(name));
    tagged_add_addr(&w, TAG_CLIENT, &entry->peer);
    tagged_add_addr(&w, TAG_LOCAL, &entry->local);
    tagged_add_number(&w, TAG_STARTED, (guint64)(wall - mono_diff(now, entry->since)));
    session->ops->record(session, &w);
    tagged_writer_seal(&w);
    record = g_bytes_new(w.bytes->data, w.bytes->len);
    tagged_writer_clear(&w);
    return record;
}

void pending_clients_add(PendingClients *p, const ClientEntry *entry, Mono now, gint64 wall)
{
    g_hash_table_replace(p->records, GUINT_TO_POINTER(entry->id), make_record(entry, now, wall));
    pending_set_add(p->set, entry->id);
}

static int run_write(gpointer data)
{
    const Work *w = data;
    const Dumpdir *dir = w->pending->dumpdir;

    if (w->bytes->len == 0)
        return unlinkat(dumpdir_fd(dir), PENDING_CLIENTS_FILE, 0) && errno != ENOENT ? errno : 0;
    return files_replace(dumpdir_fd(dir), dumpdir_path(dir), PENDING_CLIENTS_FILE, w->bytes->data,
                         w->bytes->len, 0600, FALSE, NULL);
}

static void done_write(gpointer data, int err)
{
    PendingClients *p = ((const Work *)data)->pending;
    g_autoptr(GArray) ids = pending_set_end(p->set);

    if (err && !p->failed)
        log_warning("cannot write %s/" PENDING_CLIENTS_FILE
                    ": %s; new crashes will not survive a restart",
                    dumpdir_path(p->dumpdir), g_strerror(err));
    p->failed = err != 0;
    for (guint i = 0; i < ids->len; i++)
        p->recorded(p->user, g_array_index(ids, guint32, i));
}

static void work_free(gpointer data)
{
    Work *w = data;

    g_byte_array_unref(w->bytes);
    g_free(w);
}

/* As it is now while nothing proves which of several announcements is true; after that its journal
 * knows more, and the record stays small. */
static GBytes *record_of(const PendingClients *p, guint32 id, Mono now, gint64 wall)
{
    const ClientEntry *entry = clients_by_id(p->clients, id);

    if (entry->session->facts.phase == PHASE_UNPROVEN)
        return make_record(entry, now, wall);
    return g_bytes_ref(g_hash_table_lookup(p->records, GUINT_TO_POINTER(id)));
}

/* The records of these clients, one after the other; others are forgotten. */
static GByteArray *collect(PendingClients *p, const GArray *ids, Mono now, gint64 wall)
{
    GByteArray *all = g_byte_array_new();
    GHashTable *kept = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_bytes_unref);

    for (guint i = 0; i < ids->len; i++) {
        guint32 id = g_array_index(ids, guint32, i);
        GBytes *record = record_of(p, id, now, wall);
        gsize len;
        const guint8 *bytes = g_bytes_get_data(record, &len);

        g_byte_array_append(all, bytes, (guint)len);
        g_hash_table_insert(kept, GUINT_TO_POINTER(id), record);
    }
    g_hash_table_unref(p->records);
    p->records = kept;
    return all;
}

void pending_clients_tick(PendingClients *p, Mono now, gint64 wall)
{
    Work *w;
    WorkJob job = {
        .run = run_write,
        .done = done_write,
        .destroy = work_free,
        .what = "save pending clients",
        .ignore_failure = TRUE,
    };

    if (!pending_set_due(p->set, p->clients, now))
        return;
    w = g_new0(Work, 1);
    w->pending = p;
    w->bytes = collect(p, pending_set_begin(p->set, now), now, wall);
    job.data = w;
    job.bytes = w->bytes->len;
    work_queue_push(p->queue, &job);
}

Mono pending_clients_deadline(const PendingClients *p)
{
    return pending_set_deadline(p->set);
}

/* -- life -------------------------------------------------------------------------------------- */

PendingClients *pending_clients_new(WorkPool *pool, const Dumpdir *dumpdir, const Clients *clients,
                                    PendingClientsRecorded recorded, gpointer user)
{
    PendingClients *p = g_new0(PendingClients, 1);

    p->dumpdir = dumpdir;
    p->clients = clients;
    p->recorded = recorded;
    p->user = user;
    p->queue = work_queue_new(pool, NULL, NULL);
    p->records = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_bytes_unref);
    p->set = pending_set_new(
        faccessat(dumpdir_fd(dumpdir), PENDING_CLIENTS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    return p;
}

void pending_clients_stop(PendingClients *pending)
{
    work_queue_close(pending->queue);
}

void pending_clients_free(PendingClients *p)
{
    if (!p)
        return;
    pending_set_free(p->set);
    g_hash_table_unref(p->records);
    g_free(p);
}

/* -- reading ----------------------------------------------------------------------------------- */

/* 1.0 wrote blocks, each with one record. */
static void load_old(const guint8 *bytes, gsize len, TaggedConvert convert, GPtrArray *records)
{
    for (; len >= OLD_BLOCK; bytes += OLD_BLOCK, len -= OLD_BLOCK) {
        TaggedWriter w = tagged_writer_new();

        if (!convert(bytes, OLD_BLOCK, NULL, &w)) {
            tagged_writer_seal(&w);
            g_ptr_array_add(records, g_bytes_new(w.bytes->data, w.bytes->len));
        }
        tagged_writer_clear(&w);
    }
}

GPtrArray *pending_clients_load(const Dumpdir *dumpdir, TaggedConvert convert)
{
    GPtrArray *records = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autofree char *text = NULL;
    gsize len = 0, used = 0;

    if (files_read_all(dumpdir_fd(dumpdir), dumpdir_path(dumpdir), PENDING_CLIENTS_FILE,
                       (gsize)LIMIT_CLIENTS * RECORD_MAX, &text, &len, NULL))
        return records;
    for (const guint8 *at = (const guint8 *)text; len > 0; at += used, len -= used) {
        TaggedReader reader;

        if (tagged_reader_init(&reader, at, len, &used))
            break;
        g_ptr_array_add(records, g_bytes_new(at, used));
    }
    if (records->len == 0 && convert)
        load_old((const guint8 *)text, len, convert, records);
    return records;
}
