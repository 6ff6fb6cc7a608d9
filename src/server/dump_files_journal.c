/* dump_files_journal.c - a dump's journal, and what it says of a previous instance's dump.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dump_files_internal.h"

#include "core/base/limits.h"
#include "io/config/config.h"
#include "io/store/vmcore_file.h"

/* -- writing ----------------------------------------------------------------------------------- */

static int run_journal(gpointer data)
{
    DumpWork *w = data;
    DumpFiles *f = w->files;
    gboolean sync = w->sync || f->journal_state == JOURNAL_EMPTY;
    GError *error = NULL;
    int err = 0;

    if (sync && !w->lost && f->journal_state != JOURNAL_UNSYNCED)
        err = vmcore_file_sync_in(crashdir_fd(f->dir));
    if (err && f->journal_state == JOURNAL_SYNCED)
        f->journal_state = JOURNAL_UNSYNCED;
    if (err) /* it will come out when the dump is finished; the journal keeps to what it knows */
        return err;
    /* After a sync that failed no record may claim any more that its pages survive a power cut. */
    sync = w->lost || (sync && f->journal_state != JOURNAL_UNSYNCED);
    err = journal_write(f->journal, &w->fields, sync, &error);
    if (err)
        dump_work_complain(f, error);
    else if (f->journal_state == JOURNAL_EMPTY)
        f->journal_state = JOURNAL_SYNCED;
    return err;
}

/* Also the time to see whether the disk is filling up: a job that no page waits for. */
static int run_journal_and_check(gpointer data)
{
    DumpWork *w = data;
    DumpdirSpace space;

    w->enough = dumpdir_space(w->files->shared->dumpdir, w->min_free, &space, NULL) != 0 ||
                space.usable > 0;
    return run_journal(w);
}

static void done_journal(gpointer data, G_GNUC_UNUSED int err)
{
    DumpWork *w = data;

    if (!w->enough && w->files->shared->report->config->space_check)
        dump_files_tell(w->files, (Event){.kind = EVENT_SPACE_LOW});
}

static void push_journal(DumpFiles *f, DumpWork *w)
{
    dump_work_push(f->journal_queue, w, run_journal_and_check, done_journal, "write the journal",
                   0);
}

void dump_files_push_last(DumpFiles *f)
{
    if (f->last)
        push_journal(f, g_steal_pointer(&f->last));
}

static DumpWork *new_journal(DumpFiles *f, const Session *session)
{
    const char *protocol = session->ops->name;
    DumpWork *w = dump_work_new(f);

    w->fields = tagged_writer_new();
    tagged_add(&w->fields, TAG_PROTOCOL, protocol, strlen(protocol));
    tagged_add_addr(&w->fields, TAG_CLIENT, &f->peer);
    tagged_add_addr(&w->fields, TAG_LOCAL, &f->local);
    tagged_add_number(&w->fields, TAG_STARTED, (guint64)f->started);
    if (f->file_lost)
        tagged_add_number(&w->fields, TAG_FILE_LOST, 1);
    session->ops->record(session, &w->fields);
    return w;
}

void dump_files_journal(DumpFiles *files, const Session *session, gboolean sync,
                        gboolean after_info)
{
    DumpWork *w;

    if (!files->is_open)
        return;
    w = new_journal(files, session);
    w->sync = sync;
    if (files->info_pending == 0 || !(after_info || files->last)) {
        push_journal(files, w);
        return;
    }
    g_clear_pointer(&files->last, dump_work_free);
    files->last = w;
}

void dump_files_journal_lost(DumpFiles *f, void (*done)(gpointer, int))
{
    DumpWork *w = new_journal(f, f->session);

    w->lost = TRUE;
    dump_work_push(f->journal_queue, w, run_journal, done, "write the journal", 0);
}

/* -- reading ----------------------------------------------------------------------------------- */

static int read_record(DumpFiles *f, GError **error)
{
    const char *dir = crashdir_path(f->dir);
    const char *wrong;
    gsize used;
    guint64 number = 0;
    int err = journal_load(crashdir_fd(f->dir), dir, f->shared->convert, &f->record, error);

    if (err)
        return err;
    wrong = tagged_reader_init(&f->fields, f->record->data, f->record->len, &used);
    if (!wrong && !tagged_addr(&f->fields, TAG_CLIENT, &f->peer))
        wrong = "client";
    if (!wrong && !tagged_addr(&f->fields, TAG_LOCAL, &f->local))
        wrong = "local address";
    if (!wrong && (!tagged_number(&f->fields, TAG_STARTED, &number) || number > G_MAXINT64))
        wrong = "start";
    if (wrong) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s/journal: invalid record: %s", dir,
                    wrong);
        return EINVAL;
    }
    f->started = (gint64)number;
    f->file_lost = tagged_number(&f->fields, TAG_FILE_LOST, &number);
    return 0;
}

DumpFiles *dump_files_adopt(const DumpFilesShared *shared, const char *name,
                            SessionRemains *remains, GError **error)
{
    DumpFiles *f = dump_files_alloc(shared);
    Dumpdir *d = shared->dumpdir;

    if (crashdir_open(dumpdir_fd(d), dumpdir_path(d), name, &f->dir, error) ||
        read_record(f, error) ||
        journal_open(crashdir_fd(f->dir), crashdir_path(f->dir), shared->convert, &f->journal,
                     error)) {
        dump_files_close(f, TRUE);
        return NULL;
    }
    f->is_open = TRUE;
    f->journal_state = JOURNAL_SYNCED;
    netaddr_host_to_string(&f->peer, f->host);
    f->header = g_malloc(LIMIT_HEADER);
    *remains = (SessionRemains){
        .fields = &f->fields,
        .dir = TRUE,
        .header = f->header,
        .header_len = vmcore_file_header_in(crashdir_fd(f->dir), crashdir_path(f->dir), f->header,
                                            LIMIT_HEADER),
    };
    return f;
}

void dump_files_take_over(DumpFiles *files, guint32 id, const SessionOps *ops)
{
    files->id = id;
    journal_keep_unknown(files->journal, ops->tags.first, ops->tags.end);
    g_clear_pointer(&files->header, g_free);
    g_clear_pointer(&files->record, g_byte_array_unref);
}
