/* dumpfiles.c - the files of one client: directory, log, info, vmcore, journal, and their queues.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "dumpfiles.h"

#include "log.h"
#include "recordfacts.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_PENDING_MAX (1u << 20) /* bytes of console text that wait for a slow disk */

struct DumpFiles {
    const DumpFilesShared *shared;
    guint32 id;
    guint refs; /* the owner's, and one for each of our jobs */
    gboolean closed;
    gboolean adopted; /* from a former server */
    NetAddr peer, local;
    gint64 started;
    char host[NETADDR_STRLEN];

    DiskQueue *queue;         /* of the dump */
    DiskQueue *journal_queue; /* of the journal */
    gboolean is_open;         /* dir and journal are there; from then on only the jobs use them */
    Crashdir *dir;
    Journal *journal;
    Vmcore *vmcore;
    Kernel *kernel;    /* of an adopted dump: what its head says; may be NULL */
    guint32 synced;    /* floor_synced of the last sync that succeeded; for journal jobs only, */
    gboolean unsynced; /* like this: one has failed, nobody knows which pages the kernel lost */

    guint64 need; /* bytes that the last space check was for */
    DumpdirSpace space;
    guint info_pending; /* info that waits for the disk, */
    struct Work *last;  /* and the journal's last record, which waits for that */
    GString *text;      /* escaped, for the log: waits until log_jobs are done */
    guint log_jobs;
    gboolean log_dropped;
};

/* One of our own jobs; which fields are used depends on the job. */
typedef struct Work {
    DumpFiles *files;
    char *text;
    gsize len;
    gboolean enough, sync;
    guint min_free;
    CrashdirInfo *pairs;
    JournalRecord record;
} Work;

static void push_journal(DumpFiles *f, Work *w);

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

static void work_free(gpointer data)
{
    Work *w = data;

    for (CrashdirInfo *p = w->pairs; p && p->key; p++)
        g_free((gpointer)(gintptr)p->value);
    g_free(w->pairs);
    g_free(w->text);
    unref(w->files);
    g_free(w);
}

static Work *work_new(DumpFiles *f)
{
    Work *w = g_new0(Work, 1);

    w->files = f;
    w->min_free = f->shared->min_free;
    f->refs++;
    return w;
}

/* Failures of our own jobs do not stop a queue: each says itself what follows from it. */
static void push(DiskQueue *queue, Work *w, int (*run)(gpointer), void (*done)(gpointer, int),
                 const char *what, gsize bytes)
{
    DiskJob job = {
        .run = run,
        .done = done,
        .destroy = work_free,
        .data = w,
        .what = what,
        .bytes = bytes,
        .ignore_failure = TRUE,
    };

    disk_queue_push(queue, &job);
}

/* From a pool thread. */
static void complain(DumpFiles *f, GError *error)
{
    LogAbout about = {.client = f->host, .dir = f->dir ? crashdir_path(f->dir) : NULL};

    log_about(LOG_WARNING, &about, "%s", error->message);
    g_error_free(error);
}

static void on_failed(gpointer user, int err, const char *what)
{
    DumpFiles *f = user;
    LogAbout about = {.client = f->host, .dir = dumpfiles_path(f)};

    log_about(LOG_ERR, &about, "cannot %s: %s", what, g_strerror(err));
    f->shared->failed(f->shared->user, f->id, err);
}

static DumpFiles *new_files(const DumpFilesShared *shared)
{
    DumpFiles *f = g_new0(DumpFiles, 1);

    f->shared = shared;
    f->text = g_string_new(NULL);
    f->refs = 1;
    f->queue = disk_queue_new(shared->disk, on_failed, f);
    f->journal_queue = disk_queue_new(shared->disk, on_failed, f);
    return f;
}

DumpFiles *dumpfiles_new(const DumpFilesShared *shared, guint32 id, const NetAddr *peer,
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

void dumpfiles_set_id(DumpFiles *files, guint32 id)
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

    if (console_tail(f->shared->console, f->host, CONSOLE_TAIL, &tail, &len, &lost)) {
        complain(f, lost);
        return 0; /* a pity, but no reason to lose the dump */
    }
    return len == 0 ? 0 : crashdir_append_log(f->dir, tail, len, CRASHDIR_LOG_LIMIT, error);
}

/* Run again after a failure it goes on where it was. */
static int run_open_dir(gpointer data)
{
    DumpFiles *f = ((Work *)data)->files;
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
        complain(f, error);
    return err;
}

static void done_open_dir(gpointer data, int err)
{
    DumpFiles *f = ((Work *)data)->files;

    f->is_open = err == 0;
    if (!f->closed)
        f->shared->opened(f->shared->user, f->id, err);
}

void dumpfiles_open_dir(DumpFiles *files)
{
    push(files->queue, work_new(files), run_open_dir, done_open_dir, "make the dump's directory",
         0);
}

DumpFiles *dumpfiles_adopt(const DumpFilesShared *shared, const char *name, JournalRecord *record,
                           GError **error)
{
    DumpFiles *f = new_files(shared);
    Dumpdir *d = shared->dumpdir;

    if (crashdir_open(dumpdir_fd(d), dumpdir_path(d), name, &f->dir, error) ||
        journal_load(crashdir_fd(f->dir), crashdir_path(f->dir), record, error) ||
        journal_open(crashdir_fd(f->dir), crashdir_path(f->dir), FALSE, &f->journal, error)) {
        dumpfiles_close(f, TRUE);
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
    DumpFiles *f = ((Work *)data)->files;
    GError *error = NULL;
    int err = journal_remove(crashdir_fd(f->dir), crashdir_path(f->dir), &error);

    if (err)
        complain(f, error);
    return err;
}

static void push_log(DumpFiles *f);

void dumpfiles_close(DumpFiles *files, gboolean keep)
{
    if (files->is_open)
        push_log(files);
    if (files->is_open && !keep)
        push(files->queue, work_new(files), run_remove_journal, NULL, "remove the journal", 0);
    files->closed = TRUE;
    if (files->last && keep)
        push_journal(files, g_steal_pointer(&files->last));
    if (files->last)
        work_free(g_steal_pointer(&files->last));
    if (files->vmcore)
        vmcore_free(files->vmcore);
    files->vmcore = NULL;
    disk_queue_close(files->journal_queue);
    disk_queue_close(files->queue);
    unref(files);
}

/* -- space --------------------------------------------------------------------------------------
 */

static int run_check_space(gpointer data)
{
    Work *w = data;
    DumpFiles *f = w->files;
    GError *error = NULL;
    int err = dumpdir_space(f->shared->dumpdir, w->min_free, &f->space, &error);

    /* Where the file system can't tell, the dump is tried: a full disk would show later. */
    w->enough = err || f->space.usable >= f->need;
    if (err)
        complain(f, error);
    return err;
}

static void done_check_space(gpointer data, G_GNUC_UNUSED int err)
{
    Work *w = data;
    DumpFiles *f = w->files;

    if (!f->closed)
        f->shared->space(f->shared->user, f->id, w->enough);
}

void dumpfiles_check_space(DumpFiles *files, guint64 need)
{
    Work *w = work_new(files);

    files->need = need;
    push(files->queue, w, run_check_space, done_check_space, "ask for free space", 0);
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

static ElfcoreSpec spec_of(const ClientFacts *facts)
{
    ElfcoreSpec spec = {
        .machine = facts->start.machine,
        .page_size = facts->page_size,
        .nr_pages = facts->nr_pages,
        .page_offset = facts->start.page_offset,
        .task = facts->start.task,
    };

    elfcore_set_regs(&spec, facts->regs, facts->regs_len);
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
static int forget_floor(DumpFiles *f, const ClientFacts *facts)
{
    JournalRecord r = {.client = f->peer, .local = f->local, .started = f->started};
    ClientFacts empty = *facts;
    GError *error = NULL;
    int err;

    if (facts->floor_written == 0 && !facts->transferred)
        return 0;
    empty.floor_written = empty.floor_synced = 0;
    empty.stored_before = 0;
    empty.transferred = FALSE;
    recordfacts_fill(&r, &empty);
    f->synced = 0;
    err = journal_write(f->journal, &r, TRUE, &error);
    if (err)
        complain(f, error);
    return err;
}

static int resume_vmcore(DumpFiles *f, const ClientFacts *facts, const ElfcoreSpec *spec)
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
    complain(f, g_steal_pointer(&error));
    err = forget_floor(f, facts);
    return err ? err : set_aside(f, TRUE);
}

int dumpfiles_open_vmcore(DumpFiles *files, const ClientFacts *facts, gboolean resume,
                          gboolean *resumed)
{
    ElfcoreSpec spec = spec_of(facts);
    GError *error = NULL;
    int err = 0;

    if (!elfcore_valid(&spec))
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
    complain(files, error);
    return EMFILE;
}

Vmcore *dumpfiles_vmcore(DumpFiles *files)
{
    return files->vmcore;
}

void dumpfiles_retry(DumpFiles *files)
{
    disk_queue_retry(files->queue);
}

/* -- log and info -------------------------------------------------------------------------------
 */

static int run_log(gpointer data)
{
    Work *w = data;
    GError *error = NULL;
    int err = crashdir_append_log(w->files->dir, w->text, w->len, CRASHDIR_LOG_LIMIT, &error);

    if (err)
        complain(w->files, error);
    return err;
}

static void done_log(gpointer data, int err);

/* All that has come since the last one. */
static void push_log(DumpFiles *f)
{
    Work *w;

    if (f->text->len == 0)
        return;
    w = work_new(f);
    w->len = f->text->len;
    w->text = g_string_free(f->text, FALSE);
    f->text = g_string_new(NULL);
    f->log_jobs++;
    push(f->queue, w, run_log, done_log, "write to the dump's log", w->len);
}

static void done_log(gpointer data, G_GNUC_UNUSED int err)
{
    DumpFiles *f = ((Work *)data)->files;

    if (--f->log_jobs == 0)
        push_log(f);
}

void dumpfiles_log(DumpFiles *files, const guint8 *text, gsize len)
{
    LogAbout about = {.client = files->host, .dir = dumpfiles_path(files)};
    gsize at = files->text->len;

    if (at > LOG_PENDING_MAX) {
        if (!files->log_dropped)
            log_about(LOG_WARNING, &about,
                      "the disk is too slow for its console text: some of it "
                      "is missing in the log");
        files->log_dropped = TRUE;
        return;
    }
    g_string_set_size(files->text, at + TEXT_ESCAPED_MAX(len) + 1);
    g_string_truncate(files->text, at + text_escape(text, len, files->text->str + at));
    /* One job at a time: masses of text, forged perhaps, must not cost the dump its disk. */
    if (files->log_jobs == 0)
        push_log(files);
}

static int run_info(gpointer data)
{
    Work *w = data;
    GError *error = NULL;
    int err = crashdir_write_info(w->files->dir, w->pairs, w->len, &error);

    if (err)
        complain(w->files, error);
    return err;
}

static void done_info(gpointer data, G_GNUC_UNUSED int err)
{
    DumpFiles *f = ((Work *)data)->files;

    if (--f->info_pending == 0 && f->last)
        push_journal(f, g_steal_pointer(&f->last));
}

void dumpfiles_write_info(DumpFiles *files, const CrashdirInfo *pairs, gsize n)
{
    Work *w;

    if (!files->is_open)
        return;
    w = work_new(files);
    w->len = n;
    w->pairs = g_new0(CrashdirInfo, n + 1);
    for (gsize i = 0; i < n; i++)
        w->pairs[i] = (CrashdirInfo){pairs[i].key, g_strdup(pairs[i].value)};
    files->info_pending++;
    push(files->queue, w, run_info, done_info, "write info", 0);
}

/* -- the journal --------------------------------------------------------------------------------
 */

/* A descriptor of our own: the dump's may be busy, and the data to be synced is the file's. */
static int sync_vmcore(int dirfd)
{
    int fd = openat(dirfd, "vmcore-incomplete", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    int err = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : errno; /* it is `vmcore` already, and was synced for that */
    if (fdatasync(fd))
        err = errno;
    close(fd);
    return err;
}

static int run_journal(gpointer data)
{
    Work *w = data;
    DumpFiles *f = w->files;
    GError *error = NULL;
    int err = 0;

    if (w->sync && !f->unsynced)
        err = sync_vmcore(crashdir_fd(f->dir));
    if (err) { /* it will come out when the dump is finished; the journal keeps to what it knows */
        f->unsynced = TRUE;
        return err;
    }
    if (!f->unsynced)
        f->synced = w->sync ? w->record.floor_synced : MIN(f->synced, w->record.floor_synced);
    w->record.floor_synced = MIN(w->record.floor_synced, f->synced);
    err = journal_write(f->journal, &w->record, w->sync, &error);
    if (err)
        complain(f, error);
    return err;
}

/* Also the time to see whether the disk is filling up: a job behind which no page waits. */
static int run_journal_and_look(gpointer data)
{
    Work *w = data;
    DumpdirSpace space;

    w->enough = dumpdir_space(w->files->shared->dumpdir, w->min_free, &space, NULL) != 0 ||
                space.usable > 0;
    return run_journal(w);
}

static void done_journal(gpointer data, G_GNUC_UNUSED int err)
{
    Work *w = data;
    DumpFiles *f = w->files;

    if (!f->closed && !w->enough)
        f->shared->full(f->shared->user, f->id);
}

static void push_journal(DumpFiles *f, Work *w)
{
    push(f->journal_queue, w, run_journal_and_look, done_journal, "write the journal", 0);
}

void dumpfiles_journal(DumpFiles *files, const ClientFacts *facts, gboolean sync)
{
    Work *w;

    if (!files->is_open)
        return;
    w = work_new(files);
    w->sync = sync;
    w->record.client = files->peer;
    w->record.local = files->local;
    w->record.started = files->started;
    recordfacts_fill(&w->record, facts);
    /* Who reads that the dump is over does not write info again: that comes first. */
    if (w->record.state == JOURNAL_REBOOTING && files->info_pending > 0) {
        if (files->last)
            work_free(files->last);
        files->last = w;
    } else {
        push_journal(files, w);
    }
}

/* The journal has no room for what today's kernels tell; the dump's own head has it. */
static const Kernel *recall_kernel(DumpFiles *f, const ClientFacts *facts)
{
    ElfcoreSpec spec = spec_of(facts);

    g_clear_pointer(&f->kernel, g_free);
    if (facts->dumps && elfcore_valid(&spec) &&
        vmcore_recall(crashdir_fd(f->dir), crashdir_path(f->dir), &spec)) {
        f->kernel = g_new(Kernel, 1);
        *f->kernel = spec.kernel;
    }
    return f->kernel;
}

gboolean dumpfiles_facts(DumpFiles *files, const JournalRecord *record, ClientFacts *facts)
{
    gboolean rebooting = recordfacts_read(record, facts);

    facts->kernel = recall_kernel(files, facts);
    return rebooting;
}

/* -- what there is ------------------------------------------------------------------------------
 */

gboolean dumpfiles_is_open(const DumpFiles *files)
{
    return files->is_open;
}

const char *dumpfiles_path(const DumpFiles *files)
{
    return files->is_open ? crashdir_path(files->dir) : dumpdir_path(files->shared->dumpdir);
}

gint64 dumpfiles_started(const DumpFiles *files)
{
    return files->started;
}

void dumpfiles_space_seen(const DumpFiles *files, guint64 *need, DumpdirSpace *space)
{
    *need = files->need;
    *space = files->space;
}
