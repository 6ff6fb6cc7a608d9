/* dump_files_journal.c - a dump's journal, and what it says of a former server's dump.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dump_files_internal.h"

#include "core/netdump/session_record.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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
    DumpWork *w = data;
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
        dump_work_complain(f, error);
    return err;
}

/* Also the time to see whether the disk is filling up: a job behind which no page waits. */
static int run_journal_and_look(gpointer data)
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
    DumpFiles *f = w->files;

    if (!f->closed && !w->enough)
        f->shared->full(f->shared->user, f->id);
}

static void push_journal(DumpFiles *f, DumpWork *w)
{
    dump_work_push(f->journal_queue, w, run_journal_and_look, done_journal, "write the journal", 0);
}

void dump_files_push_last(DumpFiles *f)
{
    if (f->last)
        push_journal(f, g_steal_pointer(&f->last));
}

void dump_files_journal(DumpFiles *files, const SessionFacts *facts, gboolean sync)
{
    DumpWork *w;

    if (!files->is_open)
        return;
    w = dump_work_new(files);
    w->sync = sync;
    w->record.client = files->peer;
    w->record.local = files->local;
    w->record.started = files->started;
    session_record_fill(&w->record, facts);
    /* Who reads that the dump is over does not write info again: that comes first. */
    if (w->record.state == JOURNAL_REBOOTING && files->info_pending > 0) {
        if (files->last)
            dump_work_free(files->last);
        files->last = w;
    } else {
        push_journal(files, w);
    }
}

/* The journal has no room for what today's kernels tell; the dump's own head has it. */
static const KernelInfo *recall_kernel(DumpFiles *f, const SessionFacts *facts)
{
    ElfSpec spec = dump_files_spec(facts);

    g_clear_pointer(&f->kernel, g_free);
    if (facts->dumps && elf_netdump_valid(&spec) &&
        vmcore_recall(crashdir_fd(f->dir), crashdir_path(f->dir), &spec)) {
        f->kernel = g_new(KernelInfo, 1);
        *f->kernel = spec.kernel;
    }
    return f->kernel;
}

gboolean dump_files_facts(DumpFiles *files, const JournalRecord *record, SessionFacts *facts)
{
    gboolean rebooting = session_record_read(record, facts);

    facts->kernel = recall_kernel(files, facts);
    return rebooting;
}
