/* vmcore.c - the dump file: pages gathered into blocks, holes for zero pages, a clean finish.
 *
 * The loop's thread fills blocks and pushes jobs; the file belongs to the jobs. By `mode` a job
 * finds out whether its failure still matters to anyone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/vmcore.h"

#include "io/store/vmcore_block.h"
#include "io/store/vmcore_file.h"
#include "io/sys/files.h"

#include <errno.h>
#include <string.h>

#define OPEN_BLOCKS 4 /* of a dump, waiting for more pages; the oldest is written first */

typedef enum {
    NORMAL,   /* a failure stops the queue */
    LAST_TRY, /* what fails is left out: the dump is going to be incomplete */
    ABANDONED /* nothing is to be written any more */
} Mode;

enum { CREATE, WRITE, FINISH, N_WHATS };

struct Vmcore {
    VmcorePool *pool;
    WorkQueue *queue;
    WorkPool *disk;
    VmcoreSpec spec; /* without the headers */
    VmcoreOpened opened;
    gpointer opened_user;
    guint64 room; /* bytes after the header */
    char *whats[N_WHATS];

    guint refs;    /* the owner's, and one for each job */
    gboolean left; /* the owner has gone */
    gboolean finishing, last_try_queued, finished;
    VmcoreBlock *open[OPEN_BLOCKS]; /* the oldest first */
    guint n_open, n_blocks;         /* n_blocks: open, or on their way */
    guint64 stale_end; /* below this offset the file may have bytes where zeros belong */
    VmcoreStats stats;

    gint mode; /* Mode; atomic: the loop sets it, the jobs look at it */

    /* The jobs': */
    VmcoreFile *file;
    GError *open_error;
    gboolean replace;
    int create_err; /* of the last try to create the file */
    int lost_err;   /* of the first block that was left out */
    gboolean is_whole;
    int result; /* for finished() */
};

typedef struct {
    Vmcore *v;
    VmcoreBlock *block;
    guint64 stale_end;
    VmcoreBlockResult result;
    gboolean lost, alone, done;
} Write;

static Mode mode_of(Vmcore *v)
{
    return (Mode)g_atomic_int_get(&v->mode);
}

/* A job's destroy. */
static void unref(gpointer data)
{
    Vmcore *v = data;
    int fd, dirfd;

    if (--v->refs > 0)
        return;
    vmcore_file_free(v->file, &fd, &dirfd);
    work_pool_close_fd(v->disk, fd);
    work_pool_close_fd(v->disk, dirfd);
    vmcore_block_pool_leave(v->pool);
    g_clear_error(&v->open_error);
    for (guint i = 0; i < N_WHATS; i++)
        g_free(v->whats[i]);
    g_free(v);
}

/* The job's data is v unless it says otherwise. */
static void push(Vmcore *v, const WorkJob *job, guint what)
{
    WorkJob full = *job;

    full.data = full.data ? full.data : v;
    full.what = v->whats[what];
    v->refs++;
    work_queue_push(v->queue, &full);
}

Vmcore *vmcore_new(VmcorePool *pool, WorkQueue *queue, int dirfd, const char *path,
                   const VmcoreSpec *spec, GError **error)
{
    static const char *const verbs[N_WHATS] = {"create", "write", "finish"};
    VmcoreFile *file;
    Vmcore *v;

    file = vmcore_file_new(dirfd, path, &spec->file, spec->partial, spec->whole, error);
    if (!file)
        return NULL;
    v = g_new0(Vmcore, 1);
    v->pool = pool;
    v->queue = queue;
    v->disk = work_queue_pool(queue);
    v->spec = *spec;
    v->spec.partial = v->spec.whole = NULL;
    v->room = (spec->file.size ? spec->file.size : VMCORE_FILE_SIZE_MAX) - spec->file.header_size;
    v->file = file;
    v->refs = 1;
    for (guint i = 0; i < N_WHATS; i++)
        v->whats[i] = g_strdup_printf("%s %s/%s", verbs[i], path, VMCORE_FILE_INCOMPLETE);
    vmcore_block_pool_enter(pool);
    return v;
}

static int create_run(gpointer data)
{
    Vmcore *v = data;

    if (mode_of(v) == ABANDONED)
        return 0;
    v->create_err = vmcore_file_create(v->file, v->replace);
    return mode_of(v) == NORMAL ? v->create_err : 0;
}

void vmcore_create(Vmcore *v, gboolean replace)
{
    v->replace = replace;
    push(v, &(WorkJob){.run = create_run, .destroy = unref}, CREATE);
}

static int open_run(gpointer data)
{
    Vmcore *v = data;

    return mode_of(v) == ABANDONED ? 0 : vmcore_file_open(v->file, &v->stale_end, &v->open_error);
}

static void open_done(gpointer data, G_GNUC_UNUSED int err)
{
    Vmcore *v = data;

    if (!v->left)
        v->opened(v->opened_user, g_steal_pointer(&v->open_error));
}

void vmcore_open(Vmcore *v, VmcoreOpened fn, gpointer user)
{
    v->opened = fn;
    v->opened_user = user;
    push(v,
         &(WorkJob){.run = open_run, .done = open_done, .destroy = unref, .ignore_failure = TRUE},
         CREATE);
}

static int write_run(gpointer data)
{
    Write *w = data;
    Vmcore *v = w->v;
    int err;

    w->lost = mode_of(v) == ABANDONED;
    if (w->lost)
        return 0;
    w->alone = v->lost_err != 0; /* the other pieces of a page may be among what was lost */
    err = vmcore_block_write(w->block, vmcore_file_fd(v->file), w->stale_end, &w->result);
    if (!err)
        err = vmcore_file_written(v->file, &w->result);
    if (!err || mode_of(v) == NORMAL)
        return err;
    w->lost = TRUE;
    v->lost_err = v->lost_err ? v->lost_err : err;
    return 0;
}

static void write_done(gpointer data, G_GNUC_UNUSED int err)
{
    Write *w = data;
    Vmcore *v = w->v;
    guint32 cookies[VMCORE_BLOCK_PAGES_MAX];
    guint n;

    w->done = TRUE;
    v->stats.pwrites += w->result.pwrites;
    if (w->lost)
        return;
    n = vmcore_block_cookies(w->block, w->alone, cookies);
    v->stats.bytes_written += w->result.bytes;
    v->stats.zero_pages += w->result.zero_pages;
    v->stats.pages_stored += n;
    if (n > 0 && !v->left)
        v->spec.tell(v->spec.user, v->spec.client,
                     &(Event){.kind = EVENT_STORED, .cookies = cookies, .n = n});
}

static void write_destroy(gpointer data)
{
    Write *w = data;
    Vmcore *v = w->v;

    if (!w->done || w->lost) /* some of it may have been written all the same */
        v->stale_end = MAX(v->stale_end, vmcore_block_end(w->block));
    vmcore_block_free(w->block);
    g_free(w);
    v->n_blocks--;
    unref(v);
}

/* Hand the open block at this place of v->open to the disk. */
static void submit(Vmcore *v, guint place)
{
    Write *w = g_new0(Write, 1);
    WorkJob job = {.run = write_run,
                   .done = write_done,
                   .destroy = write_destroy,
                   .data = w,
                   .bytes = VMCORE_BLOCK_SIZE};

    w->v = v;
    w->block = v->open[place];
    w->stale_end = v->stale_end;
    if (vmcore_block_has_pieces(w->block))
        v->stale_end = MAX(v->stale_end, vmcore_block_end(w->block));
    v->n_open--;
    memmove(v->open + place, v->open + place + 1, (v->n_open - place) * sizeof v->open[0]);
    push(v, &job, WRITE);
}

/* The place in v->open of the block at this offset, a new one if need be; -1 without memory. */
static int open_block(Vmcore *v, guint64 offset)
{
    guint32 page_size = v->spec.file.page_size;
    guint64 left = v->room - (offset - v->spec.file.header_size);
    guint n_pages = (guint)((MIN(left, VMCORE_BLOCK_SIZE) + page_size - 1) / page_size);
    VmcoreBlock *block;

    if (v->n_open == OPEN_BLOCKS || (v->n_open > 0 && vmcore_block_pool_full(v->pool)))
        submit(v, 0);
    block = vmcore_block_new(v->pool, offset, page_size, n_pages);
    if (!block)
        return -1;
    v->n_blocks++;
    v->open[v->n_open] = block;
    return (int)v->n_open++;
}

static int find_block(Vmcore *v, guint64 offset)
{
    for (guint i = 0; i < v->n_open; i++)
        if (vmcore_block_offset(v->open[i]) == offset)
            return (int)i;
    return open_block(v, offset);
}

gboolean vmcore_put(Vmcore *v, guint64 offset, const guint8 *data, gsize len, gboolean last,
                    guint32 cookie)
{
    guint32 page_size = v->spec.file.page_size;
    guint64 at = offset - v->spec.file.header_size; /* wraps around if the offset is below it */
    guint32 in_block = at % VMCORE_BLOCK_SIZE;
    int place;

    g_return_val_if_fail(at < v->room && len <= v->room - at && at % VMCORE_CHUNK == 0 &&
                             len % VMCORE_CHUNK == 0 && len <= page_size - (at & (page_size - 1)),
                         FALSE);
    if (v->finishing)
        return FALSE;
    place = find_block(v, offset - in_block);
    if (place < 0)
        return FALSE;
    if (vmcore_block_put(v->open[place], in_block, data, len, last, cookie))
        submit(v, (guint)place);
    return TRUE;
}

void vmcore_flush(Vmcore *v)
{
    while (v->n_open > 0)
        submit(v, 0);
}

static int finish_whole_run(gpointer data)
{
    Vmcore *v = data;
    int err;

    if (mode_of(v) != NORMAL)
        return 0;
    err = vmcore_file_finish_whole(v->file);
    v->is_whole = err == 0;
    return mode_of(v) == NORMAL ? err : 0;
}

static int finish_partial_run(gpointer data)
{
    Vmcore *v = data;
    int err;

    if (v->is_whole || mode_of(v) == ABANDONED)
        return 0;
    if (vmcore_file_fd(v->file) < 0) {
        v->result = v->create_err ? v->create_err : EBADF; /* EBADF: the first job was dropped */
        return 0;
    }
    err = vmcore_file_finish_partial(v->file);
    v->result = v->lost_err ? v->lost_err : err;
    return 0;
}

static void tell_finished(Vmcore *v, int err)
{
    if (v->finished)
        return;
    v->finished = TRUE;
    if (!v->left)
        v->spec.tell(v->spec.user, v->spec.client, &(Event){.kind = EVENT_FINISHED, .err = err});
}

static void finish_whole_done(gpointer data, G_GNUC_UNUSED int err)
{
    Vmcore *v = data;

    if (v->is_whole)
        tell_finished(v, 0);
}

static void finish_partial_done(gpointer data, G_GNUC_UNUSED int err)
{
    Vmcore *v = data;

    tell_finished(v, v->result);
}

/* Dropped before it ran: the owner can continue, or finish again. */
static void finish_destroy(gpointer data)
{
    Vmcore *v = data;

    v->finishing = v->finished;
    v->last_try_queued = FALSE;
    unref(v);
}

void vmcore_finish_whole(Vmcore *v)
{
    if (v->finishing)
        return;
    vmcore_flush(v);
    v->finishing = TRUE;
    push(v,
         &(WorkJob){.run = finish_whole_run, .done = finish_whole_done, .destroy = finish_destroy},
         FINISH);
}

void vmcore_finish_partial(Vmcore *v)
{
    if (!v->finished && !v->last_try_queued) {
        vmcore_flush(v);
        v->finishing = v->last_try_queued = TRUE;
        g_atomic_int_set(&v->mode, LAST_TRY);
        push(v,
             &(WorkJob){
                 .run = finish_partial_run, .done = finish_partial_done, .destroy = finish_destroy},
             FINISH);
    }
    work_queue_retry(v->queue);
}

void vmcore_free(Vmcore *v)
{
    if (!v)
        return;
    v->left = TRUE;
    g_atomic_int_set(&v->mode, ABANDONED);
    for (; v->n_open > 0; v->n_blocks--)
        vmcore_block_free(v->open[--v->n_open]);
    work_queue_retry(v->queue);
    unref(v);
}

guint64 vmcore_pending(const Vmcore *v)
{
    return (guint64)v->n_blocks * VMCORE_BLOCK_SIZE;
}

void vmcore_stats(const Vmcore *v, VmcoreStats *out)
{
    *out = v->stats;
}
