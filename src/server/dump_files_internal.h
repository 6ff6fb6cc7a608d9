/* dump_files_internal.h - what the files that make up dump_files.h share. No other file includes
 * it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/store/crashdir.h"
#include "io/store/journal.h"
#include "server/dump_files.h"

typedef enum {
    JOURNAL_EMPTY, /* no record yet; the first one counts as synced (journal.h) */
    JOURNAL_SYNCED,
    JOURNAL_UNSYNCED /* a sync has failed: nobody knows which pages the kernel lost */
} JournalState;

struct DumpFiles {
    const DumpFilesShared *shared;
    guint32 id;
    guint refs; /* the owner's, and one for each of our jobs */
    gboolean closed;
    NetAddr peer, local;
    gint64 started; /* us since 1970 */
    char host[NETADDR_STRLEN];
    guint64 drops_before; /* of the socket, at the beginning */

    WorkQueue *queue;         /* of the dump */
    WorkQueue *journal_queue; /* of the journal */
    gboolean is_open;         /* dir and journal are there; from then on only the jobs use them */
    Crashdir *dir;
    Journal *journal;
    Vmcore *vmcore;
    const Session *session;     /* whose file is being opened */
    gboolean file_lost;         /* TAG_FILE_LOST belongs into the journal */
    JournalState journal_state; /* for journal jobs only */

    GByteArray *record; /* adopted: the journal's record, */
    TaggedReader fields;
    guint8 *header; /* and the beginning of the dump */

    guint64 space_needed; /* bytes, of the last space check */
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
    gboolean enough, sync, lost;
    guint min_free;
    GPtrArray *pairs; /* of info: keys and values in turn */
    TaggedWriter fields;
} DumpWork;

/* It counts as a reference to f until it is freed. */
DumpWork *dump_work_new(DumpFiles *f);
void dump_work_free(gpointer data);

/* Failures of our own jobs do not stop a queue: each says itself what follows from it. */
void dump_work_push(WorkQueue *queue, DumpWork *w, int (*run)(gpointer),
                    void (*done)(gpointer, int), const char *what, gsize bytes);

/* From any thread; frees the error. */
void dump_work_complain(DumpFiles *f, GError *error);

/* To the client's session, unless the files are closed. */
void dump_files_tell(DumpFiles *f, Event event);

/* Without an owner. NULL if the peer is not known yet. */
DumpFiles *dump_files_alloc(const DumpFilesShared *shared);

/* The journal must know that the file holds nothing of what the record says, before a new one takes
 * its place: a server that came next would resume in the middle of it. Then done(); 0 or an errno.
 */
void dump_files_journal_lost(DumpFiles *f, void (*done)(gpointer, int));

/* The journal's last record, which waited until info was written, can go. */
void dump_files_push_last(DumpFiles *f);

/* All console text that has come so far. */
void dump_files_push_text(DumpFiles *f);
