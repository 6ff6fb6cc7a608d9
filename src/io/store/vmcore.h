/* vmcore.h - the dump file: pages gathered into blocks, holes for zero pages, a clean finish.
 *
 * While it is written the file is `vmcore-incomplete` and its header carries the note that makes
 * crash(8) say [PARTIAL DUMP]: whatever ends the server, what it leaves is marked. A whole dump
 * gets the header without that note when all pages are on the disk, and then its name `vmcore`.
 *
 * All file work is jobs in the WorkQueue given at creation, in the order of the calls; the owner
 * may push jobs of its own between. A write that fails
 * stops the queue and is told to the queue's `failed`: work_queue_retry() tries the same bytes
 * again, work_queue_drop() throws them away (every page not reported as stored must then be given
 * again from its first byte), and vmcore_finish_partial() goes past it. All calls and callbacks are
 * for the loop's thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/elf_netdump.h"
#include "io/work/work.h"

#include <glib.h>

#define VMCORE_BLOCK_SIZE                                                                          \
    131072                    /* bytes gathered for one write: 32 pages of 4 KiB, 2 of 64 KiB      \
                               */
#define VMCORE_OPEN_BLOCKS 4  /* a dump's blocks that wait for more pages; the oldest gives way */
#define VMCORE_POOL_BLOCKS 64 /* default of vmcore_pool_new(): 8 MiB */

typedef struct VmcorePool VmcorePool; /* blocks, shared by all dumps */
typedef struct Vmcore Vmcore;

typedef struct {
    /* These pages (by the cookies of vmcore_put) have been written to the file, or are its holes;
     * they outlive this process; a power cut only once the file has been synced. */
    void (*stored)(gpointer user, const guint32 *cookies, guint n);
    /* finish_whole has succeeded (err 0), or finish_partial is done; err is then what could not be
     * saved of the file (0, or an errno), and nothing more is going to happen to it. */
    void (*finished)(gpointer user, int err);
} VmcoreEvents;

typedef struct {
    guint64 bytes_written; /* handed to pwrite(), header not counted */
    guint64 pages_stored;
    guint64 zero_pages; /* of these, left as holes */
    guint64 pwrites;
} VmcoreStats;

/* cap: blocks that all dumps together may hold, 1..65536. It is exceeded where every block waits
 * for the disk, rather than that a page is refused; of what is above it, a block a dump is kept for
 * further use. Without a dump the pool is empty. */
VmcorePool *vmcore_pool_new(guint cap);
void vmcore_pool_free(VmcorePool *pool);           /* behind the last Vmcore and its queue */
guint64 vmcore_pool_bytes(const VmcorePool *pool); /* in blocks, free ones included */

/* A new dump in the directory dirfd (duplicated, not kept); spec is copied, spec->partial ignored.
 * path is the directory's name for messages. Creating the file and writing its header are the first
 * job; NULL and *error only if there are no descriptors left. user: a client's id, for events. */
Vmcore *vmcore_create(VmcorePool *pool, WorkQueue *queue, int dirfd, const char *path,
                      const ElfSpec *spec, const VmcoreEvents *events, gpointer user,
                      GError **error);

/* Go on with a `vmcore-incomplete` that a former server left. It blocks: for the
 * start of the server, before its loop. NULL and *error if the file is not there, is no plain
 * file, has another header than spec gives, or is too long. */
Vmcore *vmcore_resume(VmcorePool *pool, WorkQueue *queue, int dirfd, const char *path,
                      const ElfSpec *spec, const VmcoreEvents *events, gpointer user,
                      GError **error);

/* What the head of a dump in dirfd, whole or not, says of the kernel: into spec->kernel; the rest
 * of spec must be that dump's. FALSE if it says nothing, or is not such a dump. It blocks. */
gboolean vmcore_recall(int dirfd, const char *path, ElfSpec *spec);

/* Take len bytes at offset of page pfn: offset and len multiples of 1024 inside the page. whole:
 * with these all of the page has been given, in this block or before; then cookie comes back in
 * stored(). FALSE if there is no memory, or after a finish: the bytes have not been taken. */
gboolean vmcore_put(Vmcore *v, guint32 pfn, guint32 offset, const guint8 *chunk, gsize len,
                    gboolean whole, guint32 cookie) G_GNUC_WARN_UNUSED_RESULT;

/* Hand every open block to the disk. Needed when no page comes to fill them (the end, a long hole):
 * only pages that were handed over are ever stored. */
void vmcore_flush(Vmcore *v);

/* Flush, full size, sync, header, sync, rename to `vmcore`, sync the directory; then finished(0).
 * On a failure it can be retried like any job, or given up by vmcore_finish_partial(). Once a sync
 * has failed it fails for ever, since nobody can tell which pages the kernel lost. */
void vmcore_finish_whole(Vmcore *v);

/* Write what can still be written, full size if the file system can, sync; then finished(err).
 * Retries a stopped queue; nothing of this dump stops it from here on, what fails is left out. */
void vmcore_finish_partial(Vmcore *v);

/* Throw away what is not written, close the file as it is, and free v; no callback comes any more.
 * The last call for every Vmcore, finished or not, and before its queue is freed. */
void vmcore_free(Vmcore *v);

/* Memory in blocks that are open or wait for the disk, in bytes: what an owner limits. */
guint64 vmcore_pending(const Vmcore *v);
void vmcore_stats(const Vmcore *v, VmcoreStats *out);
