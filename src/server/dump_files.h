/* dump_files.h - the files of one client: directory, log, info, vmcore, journal, and their queues.
 *
 * Two queues: one for the dump itself, in order, which stops when a write fails; one for the
 * journal, which must go on while the first is busy, and whose failures never stop anything. All
 * calls and callbacks are for the loop's thread; the disk is only touched by the jobs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/netaddr.h"
#include "core/netdump/session.h"
#include "io/store/console_store.h"
#include "io/store/crashdir.h"
#include "io/store/dumpdir.h"
#include "io/store/journal.h"
#include "io/store/vmcore.h"
#include "io/work/work.h"

typedef struct DumpFiles DumpFiles;

/* What all dumps share, and whom the files tell what happened. id is the client's. A callback may
 * free the files of any client. */
typedef struct {
    WorkPool *disk;
    Dumpdir *dumpdir;
    ConsoleStore *console;
    WorkQueue *console_queue; /* in which text is written to it */
    VmcorePool *pool;
    guint min_free; /* percent of the file system; may change */
    void (*opened)(gpointer user, guint32 id, int err);
    void (*space)(gpointer user, guint32 id, gboolean enough);
    void (*stored)(gpointer user, guint32 id, const guint32 *nrs, guint n);
    void (*failed)(gpointer user, guint32 id, int err);
    void (*full)(gpointer user,
                 guint32 id); /* less than min_free is left; nothing has failed yet */
    void (*finished)(gpointer user, guint32 id, int err);
    gpointer user;
} DumpFilesShared;

/* *shared must outlive the files. started: wall clock, us since 1970. */
DumpFiles *dump_files_new(const DumpFilesShared *shared, guint32 id, const NetAddr *peer,
                          const NetAddr *local, gint64 started);

/* The directory of a dump that a former server left, by its name, and its journal's last record.
 * It blocks: for the start. NULL with an error where there is nothing to go on with. */
DumpFiles *dump_files_adopt(const DumpFilesShared *shared, const char *name, JournalRecord *record,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Which client the adopted files belong to. */
void dump_files_set_id(DumpFiles *files, guint32 id);

/* Let what is queued run, then close everything. keep: the journal stays; else it is removed when
 * all that was queued has succeeded. */
void dump_files_close(DumpFiles *files, gboolean keep);

/* Answered by opened(): make the directory, begin its log with the console's tail. */
void dump_files_open_dir(DumpFiles *files);

/* Answered by space(). */
void dump_files_check_space(DumpFiles *files, guint64 need);

/* Open vmcore-incomplete. resume: the one that is there; *resumed tells if it could be used (it
 * stays under the name vmcore-unusable if not). 0 or an errno; EEXIST: `vmcore` is there already.
 */
int dump_files_open_vmcore(DumpFiles *files, const SessionFacts *facts, gboolean resume,
                           gboolean *resumed);

/* NULL before dump_files_open_vmcore(). */
Vmcore *dump_files_vmcore(DumpFiles *files);

/* TRUE once the directory is there: text goes to its log. */
gboolean dump_files_is_open(const DumpFiles *files);

/* ConsoleStore text as it came. */
void dump_files_log(DumpFiles *files, const guint8 *text, gsize len);

/* Run what failed again. */
void dump_files_retry(DumpFiles *files);

/* A copy of the pairs is taken. */
void dump_files_write_info(DumpFiles *files, const CrashdirInfo *pairs, gsize n);

/* sync: the pages stored so far are brought to the disk first. */
void dump_files_journal(DumpFiles *files, const SessionFacts *facts, gboolean sync);

/* What the journal's record and the head of an adopted dump say, for session_resume(). TRUE if only
 * the reboot was left. facts->kernel lives as long as the files. It blocks. */
gboolean dump_files_facts(DumpFiles *files, const JournalRecord *record, SessionFacts *facts);

/* The directory's path; the dump directory's before there is one. */
const char *dump_files_path(const DumpFiles *files);
gint64 dump_files_started(const DumpFiles *files);
void dump_files_space_seen(const DumpFiles *files, guint64 *need, DumpdirSpace *space);
