/* vmcore.h - the dump file: pages gathered into blocks, holes for zero pages, a clean finish.
 *
 * While it is written the file is `vmcore-incomplete` and has the header of a partial dump, by
 * which crash(8) says [PARTIAL DUMP]: whatever ends the server, what it leaves is marked. A whole
 * dump gets the header of a whole one when all pages are on the disk, and then its name `vmcore`.
 * What the headers say is the caller's: this file knows bytes and offsets only.
 *
 * All file work is jobs in the WorkQueue given at creation, in the order of the calls; the owner
 * may push jobs of its own between. A write that fails stops the queue and is reported to the
 * queue's `failed`: work_queue_retry() tries the same bytes again, vmcore_finish_partial() goes
 * past it. All calls and callbacks are for the loop's thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/session.h"
#include "io/store/vmcore_pool.h"
#include "io/work/work.h"

typedef struct Vmcore Vmcore;

/* EVENT_STORED: these pages (by the cookies of vmcore_put) have been written to the file, or are
 * its holes; they outlive this process; a power cut only once the file has been synced.
 * EVENT_FINISHED: finish_whole has succeeded (err 0), or finish_partial is done; err is then what
 * could not be saved of the file (0, or an errno), and nothing more is going to happen to it. */
typedef void (*VmcoreTell)(gpointer user, guint32 client, const Event *event);

/* Copied. */
typedef struct {
    SessionFile file;
    const guint8 *partial, *whole; /* headers of such dumps, file.header_size bytes each */
    VmcoreTell tell;
    gpointer user;
    guint32 client;
} VmcoreSpec;

typedef struct {
    guint64 bytes_written; /* handed to pwrite(), header not counted */
    guint64 pages_stored;
    guint64 zero_pages; /* of these, left as holes */
    guint64 pwrites;
} VmcoreStats;

/* A dump in the directory dirfd (duplicated), whose name for messages is path. The file
 * is not touched yet. NULL and *error if there are no descriptors left, or if spec->file breaks a
 * rule: the page size is one of LIMIT_PAGE_SIZE_MIN.._MAX, the header at most LIMIT_HEADER bytes
 * and a multiple of VMCORE_CHUNK, and the size not less than that. */
Vmcore *vmcore_new(VmcorePool *pool, WorkQueue *queue, int dirfd, const char *path,
                   const VmcoreSpec *spec, GError **error);

/* Create the file and write its header. replace: one that is there makes room, under the name
 * `vmcore-unusable` if anything is in it; else it is an error. */
void vmcore_create(Vmcore *v, gboolean replace);

/* Open the `vmcore-incomplete` that a previous instance left. The outcome is reported to fn: *error
 * NULL = opened; G_FILE_ERROR_EXIST: there is a `vmcore` already; else the file is missing, is not
 * a regular one, has another header than spec gives, or is too long, and vmcore_create() may
 * follow. A failure does not stop the queue. fn takes the error over. */
typedef void (*VmcoreOpened)(gpointer user, GError *error);
void vmcore_open(Vmcore *v, VmcoreOpened fn, gpointer user);

/* Take len bytes at offset of the file, inside one page: offset and len are multiples of 1024.
 * last: with these all of the page has been given, in this block or before; then EVENT_STORED names
 * its cookie. FALSE if there is no memory, or after a finish: the bytes have not been taken. After
 * vmcore_create(), or when vmcore_open() has succeeded. */
gboolean vmcore_put(Vmcore *v, guint64 offset, const guint8 *data, gsize len, gboolean last,
                    guint32 cookie) G_GNUC_WARN_UNUSED_RESULT;

/* Hand every open block to the disk. Needed when no page comes to fill them (the end, a long hole):
 * only pages that were handed over are ever stored. */
void vmcore_flush(Vmcore *v);

/* Flush, full size, sync, header, sync, rename to `vmcore`, sync the directory. On a failure it can
 * be retried like any job, or given up by vmcore_finish_partial(). Once a sync has failed it always
 * fails, since it is unknown which pages the kernel lost. */
void vmcore_finish_whole(Vmcore *v);

/* Write what can still be written, full size if the file system can, sync. Retries a stopped queue;
 * nothing of this dump stops it from here on, what fails is left out. */
void vmcore_finish_partial(Vmcore *v);

/* Throw away what is not written, close the file as it is, and free v; no callback comes any more.
 * The last call for every Vmcore, finished or not, and before its queue is freed. */
void vmcore_free(Vmcore *v);

/* Memory in blocks that are open or wait for the disk, in bytes; for tests. */
guint64 vmcore_pending(const Vmcore *v);
void vmcore_stats(const Vmcore *v, VmcoreStats *out);
