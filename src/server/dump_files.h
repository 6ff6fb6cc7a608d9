/* dump_files.h - the files of one client: directory, log, info, dump, journal, and their queues.
 *
 * The part of Effects that is about a client's files; replies go to the executor. Two queues: one
 * for the dump itself, in order, which stops when a write fails; one for the journal, which must
 * continue while the first is busy, and whose failures never stop anything. All calls are for the
 * loop's thread; only jobs touch the disk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/store/console_store.h"
#include "io/store/dumpdir.h"
#include "io/store/vmcore.h"
#include "io/work/work.h"
#include "server/executor.h"
#include "server/report.h"

/* What all dumps share. Borrowed. */
typedef struct {
    Executor *executor;
    WorkPool *disk;
    Dumpdir *dumpdir;
    ConsoleStore *console;
    WorkQueue *console_queue; /* in which text is written to it */
    VmcorePool *pool;
    const guint64 *socket_drops; /* datagrams that the kernel dropped; NULL in tests */
    const ReportWorld *report;
    TaggedConvert convert; /* of journals of version 1.0; NULL: none is read */
} DumpFilesShared;

/* -- Effects: see there ------------------------------------------------------------------------ */

/* *shared must outlive the files. */
DumpFiles *dump_files_new(const DumpFilesShared *shared, const ClientEntry *entry);

/* EVENT_DIR: the directory is made, its log begins with the end of the console store. */
void dump_files_open_dir(DumpFiles *files);

/* EVENT_SPACE; at once if space_check=0. */
void dump_files_check_space(DumpFiles *files, guint64 bytes);

/* EVENT_FILE. The session must live as long as the files. */
void dump_files_open_file(DumpFiles *files, const Session *session, gboolean resume);

/* EVENT_STORED, later. */
gboolean dump_files_store(DumpFiles *files, guint64 offset, const guint8 *data, gsize len,
                          gboolean last, guint32 cookie);
void dump_files_flush(DumpFiles *files);
void dump_files_retry(DumpFiles *files);

/* EVENT_FINISHED. */
void dump_files_finish(DumpFiles *files, gboolean whole);

/* EVENT_SPACE_LOW, if so; never without a directory. */
void dump_files_journal(DumpFiles *files, const Session *session, gboolean sync,
                        gboolean after_info);
void dump_files_info(DumpFiles *files, const ClientEntry *entry);

/* Console text as it came. */
void dump_files_log_text(DumpFiles *files, const guint8 *text, gsize len);

/* Let what is queued run, then close everything. keep: the journal stays; else it is removed when
 * all that was queued has succeeded. */
void dump_files_close(DumpFiles *files, gboolean keep);

/* -- dumps of a previous instance -------------------------------------------------------------- */

/* The directory of a dump that a previous instance left, by its name, with its journal. *remains is
 * for clients_readmit() and lives until dump_files_take_over() or _close(). Blocks: for the start
 * of the server. NULL with an error if there is nothing to resume: G_FILE_ERROR_INVAL if that will
 * not change. */
DumpFiles *dump_files_adopt(const DumpFilesShared *shared, const char *name,
                            SessionRemains *remains, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Which client the adopted files belong to. */
void dump_files_take_over(DumpFiles *files, guint32 id, const SessionOps *ops);

/* -- what there is ----------------------------------------------------------------------------- */

/* The directory's path; the dump directory's before there is one. */
const char *dump_files_path(const DumpFiles *files);

/* For reports. files may be NULL. */
DumpFacts dump_files_facts(const DumpFiles *files);
