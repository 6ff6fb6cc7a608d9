/* dump_files.c - the files of one client: directory, log, info, dump, journal, and their queues.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dump_files_internal.h"

#include "io/config/config.h"
#include "io/sys/log.h"

/* What is still open of a client's files. */
typedef struct {
    Journal *journal;
    Crashdir *dir;
} Leftover;

static void close_leftover(gpointer data)
{
    Leftover *left = data;

    journal_close(left->journal);
    crashdir_free(left->dir);
    g_free(left);
}

static void unref(DumpFiles *f)
{
    Leftover *left;

    if (--f->refs > 0)
        return;
    left = g_new(Leftover, 1);
    *left = (Leftover){f->journal, f->dir};
    work_pool_close(f->shared->disk, close_leftover, left);
    g_string_free(f->text, TRUE);
    g_clear_pointer(&f->record, g_byte_array_unref);
    g_free(f->header);
    g_free(f);
}

/* -- jobs -------------------------------------------------------------------------------------- */

void dump_work_free(gpointer data)
{
    DumpWork *w = data;

    if (w->pairs)
        g_ptr_array_unref(w->pairs);
    tagged_writer_clear(&w->fields);
    g_free(w->text);
    unref(w->files);
    g_free(w);
}

DumpWork *dump_work_new(DumpFiles *f)
{
    DumpWork *w = g_new0(DumpWork, 1);

    w->files = f;
    w->min_free = f->shared->report->config->min_free;
    f->refs++;
    return w;
}

void dump_work_push(WorkQueue *queue, DumpWork *w, int (*run)(gpointer),
                    void (*done)(gpointer, int), const char *what, gsize bytes)
{
    WorkJob job = {
        .run = run,
        .done = done,
        .destroy = dump_work_free,
        .data = w,
        .what = what,
        .bytes = bytes,
        .ignore_failure = TRUE,
    };

    work_queue_push(queue, &job);
}

void dump_work_complain(DumpFiles *f, GError *error)
{
    LogAbout about = {.client = f->host, .dir = f->dir ? crashdir_path(f->dir) : NULL};

    log_about(LOG_WARNING, &about, "%s", error->message);
    g_error_free(error);
}

void dump_files_tell(DumpFiles *f, Event event)
{
    if (!f->closed)
        executor_tell(f->shared->executor, f->id, &event);
}

static void on_failed(gpointer user, int err, const char *what)
{
    DumpFiles *f = user;
    LogAbout about = {.client = f->host, .dir = dump_files_path(f)};

    log_about(LOG_ERR, &about, "cannot %s: %s", what, g_strerror(err));
    dump_files_tell(f, (Event){.kind = EVENT_DISK_FAILED, .err = err, .ok = TRUE});
}

/* -- beginning and end ------------------------------------------------------------------------- */

DumpFiles *dump_files_alloc(const DumpFilesShared *shared)
{
    DumpFiles *f = g_new0(DumpFiles, 1);

    f->shared = shared;
    f->text = g_string_new(NULL);
    f->refs = 1;
    f->queue = work_queue_new(shared->disk, on_failed, f);
    f->journal_queue = work_queue_new(shared->disk, on_failed, f);
    f->drops_before = shared->socket_drops ? *shared->socket_drops : 0;
    return f;
}

DumpFiles *dump_files_new(const DumpFilesShared *shared, const ClientEntry *entry)
{
    DumpFiles *f = dump_files_alloc(shared);

    f->id = entry->id;
    f->peer = entry->peer;
    f->local = entry->local;
    f->started = *shared->report->wall;
    g_strlcpy(f->host, entry->host, sizeof f->host);
    return f;
}

static int run_remove_journal(gpointer data)
{
    DumpFiles *f = ((DumpWork *)data)->files;
    GError *error = NULL;
    int err = journal_remove(crashdir_fd(f->dir), crashdir_path(f->dir), &error);

    if (err)
        dump_work_complain(f, error);
    return err;
}

void dump_files_close(DumpFiles *files, gboolean keep)
{
    dump_files_push_text(files);
    if (files->is_open && !keep)
        dump_work_push(files->queue, dump_work_new(files), run_remove_journal, NULL,
                       "remove the journal", 0);
    files->closed = TRUE;
    if (keep)
        dump_files_push_last(files);
    g_clear_pointer(&files->last, dump_work_free);
    g_clear_pointer(&files->vmcore, vmcore_free);
    work_queue_close(files->journal_queue);
    work_queue_close(files->queue);
    unref(files);
}

/* -- the directory ----------------------------------------------------------------------------- */

/* What the client printed before it crashed goes first. */
static int begin_log(DumpFiles *f, GError **error)
{
    g_autofree char *tail = NULL;
    gsize len = 0;
    GError *lost = NULL;

    if (console_store_tail(f->shared->console, f->host, CONSOLE_TAIL, &tail, &len, &lost)) {
        dump_work_complain(f, lost);
        return 0; /* a pity, but no reason to lose the dump */
    }
    return len == 0 ? 0 : crashdir_append_log(f->dir, tail, len, CRASHDIR_LOG_LIMIT, error);
}

/* Run again after a failure it continues where it was. */
static int run_open_dir(gpointer data)
{
    DumpFiles *f = ((DumpWork *)data)->files;
    const DumpFilesShared *s = f->shared;
    GError *error = NULL;
    int err = 0;

    if (!f->dir)
        err = crashdir_create(dumpdir_fd(s->dumpdir), dumpdir_path(s->dumpdir), f->host, f->started,
                              &f->dir, &error);
    if (!err && !f->journal)
        err = journal_create(crashdir_fd(f->dir), crashdir_path(f->dir), &f->journal, &error);
    if (!err)
        err = crashdir_reserve_log(f->dir, &error);
    if (!err)
        err = begin_log(f, &error);
    if (err)
        dump_work_complain(f, error);
    return err;
}

static void done_open_dir(gpointer data, int err)
{
    DumpFiles *f = ((DumpWork *)data)->files;

    f->is_open = err == 0;
    dump_files_push_text(f);
    dump_files_tell(f, (Event){.kind = EVENT_DIR, .err = err});
}

void dump_files_open_dir(DumpFiles *files)
{
    /* After all console text that has come so far: its end belongs into the log. */
    dump_work_push(files->shared->console_queue, dump_work_new(files), run_open_dir, done_open_dir,
                   "create the dump's directory", 0);
}

/* -- space ------------------------------------------------------------------------------------- */

static int run_check_space(gpointer data)
{
    DumpWork *w = data;
    DumpFiles *f = w->files;
    GError *error = NULL;
    int err = dumpdir_space(f->shared->dumpdir, w->min_free, &f->space, &error);

    /* If the file system cannot tell, the dump is tried: a full disk would show later. */
    w->enough = err || f->space.usable >= f->space_needed;
    if (err)
        dump_work_complain(f, error);
    return err;
}

static void done_check_space(gpointer data, G_GNUC_UNUSED int err)
{
    DumpWork *w = data;

    dump_files_tell(w->files, (Event){.kind = EVENT_SPACE, .ok = w->enough});
}

void dump_files_check_space(DumpFiles *files, guint64 bytes)
{
    files->space_needed = bytes;
    if (files->shared->report->config->space_check)
        dump_work_push(files->queue, dump_work_new(files), run_check_space, done_check_space,
                       "read free space", 0);
    else
        dump_files_tell(files, (Event){.kind = EVENT_SPACE, .ok = TRUE});
}

/* -- what there is ----------------------------------------------------------------------------- */

const char *dump_files_path(const DumpFiles *files)
{
    return files->is_open ? crashdir_path(files->dir) : dumpdir_path(files->shared->dumpdir);
}

DumpFacts dump_files_facts(const DumpFiles *files)
{
    VmcoreStats stats = {0};
    const guint64 *drops;

    if (!files)
        return (DumpFacts){0};
    drops = files->shared->socket_drops;
    if (files->vmcore)
        vmcore_stats(files->vmcore, &stats);
    return (DumpFacts){
        .path = dump_files_path(files),
        .started = files->started,
        .space_needed = files->space_needed,
        .space_usable = files->space.usable,
        .zero_pages = stats.zero_pages,
        .bytes_written = stats.bytes_written,
        .socket_drops = drops ? *drops - files->drops_before : 0,
    };
}
