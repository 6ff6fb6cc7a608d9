/* dump_files_internal.h - what the files that make up dumpfiles.h share. Nobody else includes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "server/dump_files.h"

struct DumpFiles {
    const DumpFilesShared *shared;
    guint32 id;
    guint refs; /* the owner's, and one for each of our jobs */
    gboolean closed;
    gboolean adopted; /* from a former server */
    NetAddr peer, local;
    gint64 started;
    char host[NETADDR_STRLEN];

    WorkQueue *queue;         /* of the dump */
    WorkQueue *journal_queue; /* of the journal */
    gboolean is_open;         /* dir and journal are there; from then on only the jobs use them */
    Crashdir *dir;
    Journal *journal;
    Vmcore *vmcore;
    KernelInfo *kernel; /* of an adopted dump: what its head says; may be NULL */
    guint32 synced;     /* floor_synced of the last sync that succeeded; for journal jobs only, */
    gboolean unsynced;  /* like this: one has failed, nobody knows which pages the kernel lost */

    guint64 need; /* bytes that the last space check was for */
    DumpdirSpace space;
    guint info_pending;    /* info that waits for the disk, */
    struct DumpWork *last; /* and the journal's last record, which waits for that */
    GString *text;         /* escaped, for the log: waits until log_jobs are done */
    guint log_jobs;
    gboolean log_dropped;
};

/* One of our own jobs; which fields are used depends on the job. */
typedef struct DumpWork {
    DumpFiles *files;
    char *text;
    gsize len;
    gboolean enough, sync;
    guint min_free;
    CrashdirInfo *pairs;
    JournalRecord record;
} DumpWork;

/* It counts as a reference to f until it is freed. */
DumpWork *dump_work_new(DumpFiles *f);
void dump_work_free(gpointer data);

/* Failures of our own jobs do not stop a queue: each says itself what follows from it. */
void dump_work_push(WorkQueue *queue, DumpWork *w, int (*run)(gpointer),
                    void (*done)(gpointer, int), const char *what, gsize bytes);

/* From a pool thread; frees the error. */
void dump_work_complain(DumpFiles *f, GError *error);

/* What the dump's file is to be like. */
ElfSpec dump_files_spec(const SessionFacts *facts);

/* The journal's last record, which waited until info was written, can go. */
void dump_files_push_last(DumpFiles *f);

/* All console text that has come so far. */
void dump_files_push_text(DumpFiles *f);
