/* dump_files.c - the files of one client: directory, log, info, vmcore, journal, and their queues.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dump_files_internal.h"

#include "core/netdump/session_record.h"
#include "io/sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void unref(DumpFiles *f)
{
    if (--f->refs > 0)
        return;
    journal_close(f->journal);
    crashdir_free(f->dir);
    g_string_free(f->text, TRUE);
    g_free(f->kernel);
    g_free(f);
}

void dump_work_free(gpointer data)
{
    DumpWork *w = data;

    for (CrashdirInfo *p = w->pairs; p && p->key; p++)
        g_free((gpointer)(gintptr)p->value);
    g_free(w->pairs);
    g_free(w->text);
    unref(w->files);
    g_free(w);
}

DumpWork *dump_work_new(DumpFiles *f)
{
    DumpWork *w = g_new0(DumpWork, 1);

    w->files = f;
    w->min_free = f->shared->min_free;
    f->refs++;
    return w;
}

/* Failures of our own jobs do not stop a queue: each says itself what follows from it. */
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

/* From a pool thread. */
void dump_work_complain(DumpFiles *f, GError *error)
{
    LogAbout about = {.client = f->host, .dir = f->dir ? crashdir_path(f->dir) : NULL};

    log_about(LOG_WARNING, &about, "%s", error->message);
    g_error_free(error);
}

static void on_failed(gpointer user, int err, const char *what)
{
    DumpFiles *f = user;
    LogAbout about = {.client = f->host, .dir = dump_files_path(f)};

    log_about(LOG_ERR, &about, "cannot %s: %s", what, g_strerror(err));
    f->shared->failed(f->shared->user, f->id, err);
}

static DumpFiles *new_files(const DumpFilesShared *shared)
{
    DumpFiles *f = g_new0(DumpFiles, 1);

    f->shared = shared;
    f->text = g_string_new(NULL);
    f->refs = 1;
    f->queue = work_queue_new(shared->disk, on_failed, f);
    f->journal_queue = work_queue_new(shared->disk, on_failed, f);
    return f;
}

DumpFiles *dump_files_new(const DumpFilesShared *shared, guint32 id, const NetAddr *peer,
                          const NetAddr *local, gint64 started)
{
    DumpFiles *f = new_files(shared);

    f->id = id;
    f->peer = *peer;
    f->local = *local;
    f->started = started;
    netaddr_host_to_string(peer, f->host);
    return f;
}

void dump_files_set_id(DumpFiles *files, guint32 id)
{
    files->id = id;
}

/* -- the directory ------------------------------------------------------------------------------
 */

/* What the machine printed before it crashed goes first. */
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

/* Run again after a failure it goes on where it was. */
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
        err = journal_open(crashdir_fd(f->dir), crashdir_path(f->dir), TRUE, &f->journal, &error);
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
    if (!f->closed)
        f->shared->opened(f->shared->user, f->id, err);
}

void dump_files_open_dir(DumpFiles *files)
{
    /* Behind all console text that has come so far: its end belongs into the log. */
    dump_work_push(files->shared->console_queue, dump_work_new(files), run_open_dir, done_open_dir,
                   "make the dump's directory", 0);
}

DumpFiles *dump_files_adopt(const DumpFilesShared *shared, const char *name, JournalRecord *record,
                            GError **error)
{
    DumpFiles *f = new_files(shared);
    Dumpdir *d = shared->dumpdir;

    if (crashdir_open(dumpdir_fd(d), dumpdir_path(d), name, &f->dir, error) ||
        journal_load(crashdir_fd(f->dir), crashdir_path(f->dir), record, error) ||
        journal_open(crashdir_fd(f->dir), crashdir_path(f->dir), FALSE, &f->journal, error)) {
        dump_files_close(f, TRUE);
        return NULL;
    }
    f->adopted = TRUE;
    f->peer = record->client;
    f->local = record->local;
    f->started = record->started;
    f->synced = record->floor_synced;
    f->is_open = TRUE;
    netaddr_host_to_string(&f->peer, f->host);
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
    if (files->is_open)
        dump_files_push_text(files);
    if (files->is_open && !keep)
        dump_work_push(files->queue, dump_work_new(files), run_remove_journal, NULL,
                       "remove the journal", 0);
    files->closed = TRUE;
    if (keep)
        dump_files_push_last(files);
    if (files->last)
        dump_work_free(g_steal_pointer(&files->last));
    if (files->vmcore)
        vmcore_free(files->vmcore);
    files->vmcore = NULL;
    work_queue_close(files->journal_queue);
    work_queue_close(files->queue);
    unref(files);
}

/* -- space --------------------------------------------------------------------------------------
 */

static int run_check_space(gpointer data)
{
    DumpWork *w = data;
    DumpFiles *f = w->files;
    GError *error = NULL;
    int err = dumpdir_space(f->shared->dumpdir, w->min_free, &f->space, &error);

    /* Where the file system can't tell, the dump is tried: a full disk would show later. */
    w->enough = err || f->space.usable >= f->need;
    if (err)
        dump_work_complain(f, error);
    return err;
}

static void done_check_space(gpointer data, G_GNUC_UNUSED int err)
{
    DumpWork *w = data;
    DumpFiles *f = w->files;

    if (!f->closed)
        f->shared->space(f->shared->user, f->id, w->enough);
}

void dump_files_check_space(DumpFiles *files, guint64 need)
{
    DumpWork *w = dump_work_new(files);

    files->need = need;
    dump_work_push(files->queue, w, run_check_space, done_check_space, "ask for free space", 0);
}

/* -- vmcore -------------------------------------------------------------------------------------
 */

static void on_stored(gpointer user, const guint32 *nrs, guint n)
{
    DumpFiles *f = user;

    f->shared->stored(f->shared->user, f->id, nrs, n);
}

static void on_finished(gpointer user, int err)
{
    DumpFiles *f = user;

    f->shared->finished(f->shared->user, f->id, err);
}

static const VmcoreEvents vmcore_events = {on_stored, on_finished};

ElfSpec dump_files_spec(const SessionFacts *facts)
{
    ElfSpec spec = {
        .machine = facts->start.machine,
        .page_size = facts->page_size,
        .nr_pages = facts->nr_pages,
        .page_offset = facts->start.page_offset,
        .task = facts->start.task,
    };

    elf_netdump_set_regs(&spec, facts->regs, facts->regs_len);
    if (facts->kernel)
        spec.kernel = *facts->kernel;
    return spec;
}

/* The file of a former server, or what to do instead. */
/* A file of a former server's that can't be gone on with makes room for a new one: it is kept under
 * another name where there is anything in it. */
static int set_aside(const DumpFiles *f, gboolean has_pages)
{
    int dirfd = crashdir_fd(f->dir);
    struct stat st;

    if (fstatat(dirfd, "vmcore-incomplete", &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : errno;
    if (has_pages && st.st_size > 0)
        return renameat(dirfd, "vmcore-incomplete", dirfd, "vmcore-unusable") ? errno : 0;
    return unlinkat(dirfd, "vmcore-incomplete", 0) ? errno : 0;
}

/* A new file is to take the place of one that the journal tells of: before it is there the journal
 * must know that it is empty, or a server that comes after us would go on in its middle. */
static int forget_floor(DumpFiles *f, const SessionFacts *facts)
{
    JournalRecord r = {.client = f->peer, .local = f->local, .started = f->started};
    SessionFacts empty = *facts;
    GError *error = NULL;
    int err;

    if (facts->floor_written == 0 && !facts->transferred)
        return 0;
    empty.floor_written = empty.floor_synced = 0;
    empty.stored_before = 0;
    empty.transferred = FALSE;
    session_record_fill(&r, &empty);
    f->synced = 0;
    err = journal_write(f->journal, &r, TRUE, &error);
    if (err)
        dump_work_complain(f, error);
    return err;
}

static int resume_vmcore(DumpFiles *f, const SessionFacts *facts, const ElfSpec *spec)
{
    int dirfd = crashdir_fd(f->dir);
    int err;
    g_autoptr(GError) error = NULL;

    if (faccessat(dirfd, "vmcore", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    f->vmcore = vmcore_resume(f->shared->pool, f->queue, dirfd, crashdir_path(f->dir), spec,
                              &vmcore_events, f, &error);
    if (f->vmcore)
        return 0;
    dump_work_complain(f, g_steal_pointer(&error));
    err = forget_floor(f, facts);
    return err ? err : set_aside(f, TRUE);
}

int dump_files_open_vmcore(DumpFiles *files, const SessionFacts *facts, gboolean resume,
                           gboolean *resumed)
{
    ElfSpec spec = dump_files_spec(facts);
    GError *error = NULL;
    int err = 0;

    if (!elf_netdump_valid(&spec))
        return EINVAL;
    if (resume)
        err = resume_vmcore(files, facts, &spec);
    else if (files->adopted) /* it was killed before the journal knew of the file */
        err = set_aside(files, FALSE);
    *resumed = files->vmcore != NULL;
    if (err || *resumed)
        return err;
    files->vmcore = vmcore_create(files->shared->pool, files->queue, crashdir_fd(files->dir),
                                  crashdir_path(files->dir), &spec, &vmcore_events, files, &error);
    if (files->vmcore)
        return 0;
    dump_work_complain(files, error);
    return EMFILE;
}

Vmcore *dump_files_vmcore(DumpFiles *files)
{
    return files->vmcore;
}

void dump_files_retry(DumpFiles *files)
{
    work_queue_retry(files->queue);
}

/* -- what there is ------------------------------------------------------------------------------
 */

gboolean dump_files_is_open(const DumpFiles *files)
{
    return files->is_open;
}

const char *dump_files_path(const DumpFiles *files)
{
    return files->is_open ? crashdir_path(files->dir) : dumpdir_path(files->shared->dumpdir);
}

gint64 dump_files_started(const DumpFiles *files)
{
    return files->started;
}

void dump_files_space_seen(const DumpFiles *files, guint64 *need, DumpdirSpace *space)
{
    *need = files->need;
    *space = files->space;
}
