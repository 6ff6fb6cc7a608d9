/* vmcore.c - the dump file: pages gathered into blocks, holes for zero pages, a clean finish.
 *
 * The loop's thread fills blocks and pushes jobs; the file belongs to the jobs. By `mode` a job
 * finds out whether its failure still matters to anyone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/vmcore.h"

#include "core/format/elf_kdump.h"
#include "io/store/vmcore_block.h"
#include "io/store/vmcore_file.h"
#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

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
    VmcoreEvents events;
    gpointer user;
    guint32 page_size, nr_pages, pages_per_block;
    guint64 page0; /* offset of the first page in the file */
    char *whats[N_WHATS];

    guint refs;    /* the owner's, and one for each job */
    gboolean left; /* the owner has gone */
    gboolean finishing, last_try_queued, finished;
    VmcoreBlock *open[VMCORE_OPEN_BLOCKS]; /* the oldest first */
    guint n_open, n_blocks;                /* n_blocks: open, or on their way */
    guint64 stale_end; /* below this offset the file may have bytes where zeros belong */
    VmcoreStats stats;

    gint mode; /* Mode; atomic: the loop sets it, the jobs look at it */

    /* The jobs': */
    VmcoreFile *file;
    int create_err; /* of the last try to make the file */
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

static void unref(Vmcore *v)
{
    int fd, dirfd;

    if (--v->refs > 0)
        return;
    vmcore_file_free(v->file, &fd, &dirfd);
    work_pool_close_fd(v->disk, fd);
    work_pool_close_fd(v->disk, dirfd);
    vmcore_block_pool_leave(v->pool);
    for (guint i = 0; i < N_WHATS; i++)
        g_free(v->whats[i]);
    g_free(v);
}

static void unref_job(gpointer data)
{
    unref(data);
}

static void push(Vmcore *v, int (*run)(gpointer), void (*done)(gpointer, int),
                 void (*destroy)(gpointer), guint what)
{
    WorkJob job = {.run = run, .done = done, .destroy = destroy, .data = v, .what = v->whats[what]};

    v->refs++;
    work_queue_push(v->queue, &job);
}

static int create_run(gpointer data)
{
    Vmcore *v = data;

    if (mode_of(v) == ABANDONED)
        return 0;
    v->create_err = vmcore_file_create(v->file);
    return mode_of(v) == NORMAL ? v->create_err : 0;
}

static Vmcore *vmcore_new(VmcorePool *pool, WorkQueue *queue, int dirfd, const char *path,
                          const ElfSpec *spec, const VmcoreEvents *events, gpointer user,
                          GError **error)
{
    static const char *const verbs[N_WHATS] = {"make", "write", "finish"};
    VmcoreFile *file;
    Vmcore *v;

    g_return_val_if_fail(elf_netdump_valid(spec), NULL);
    file = vmcore_file_new(dirfd, path, spec, error);
    if (!file)
        return NULL;
    v = g_new0(Vmcore, 1);
    v->pool = pool;
    v->queue = queue;
    v->disk = work_queue_pool(queue);
    v->events = *events;
    v->user = user;
    v->page_size = spec->page_size;
    v->nr_pages = spec->nr_pages;
    v->pages_per_block = VMCORE_BLOCK_SIZE / spec->page_size;
    v->page0 = elf_netdump_page_offset(spec, 0);
    v->file = file;
    v->refs = 1;
    for (guint i = 0; i < N_WHATS; i++)
        v->whats[i] = g_strdup_printf("%s %s/%s", verbs[i], path, VMCORE_FILE_INCOMPLETE);
    vmcore_block_pool_enter(pool);
    return v;
}

Vmcore *vmcore_create(VmcorePool *pool, WorkQueue *queue, int dirfd, const char *path,
                      const ElfSpec *spec, const VmcoreEvents *events, gpointer user,
                      GError **error)
{
    Vmcore *v = vmcore_new(pool, queue, dirfd, path, spec, events, user, error);

    if (v)
        push(v, create_run, NULL, unref_job, CREATE);
    return v;
}

Vmcore *vmcore_resume(VmcorePool *pool, WorkQueue *queue, int dirfd, const char *path,
                      const ElfSpec *spec, const VmcoreEvents *events, gpointer user,
                      GError **error)
{
    Vmcore *v = vmcore_new(pool, queue, dirfd, path, spec, events, user, error);

    if (v && vmcore_file_open(v->file, &v->stale_end, error) != 0) {
        unref(v);
        v = NULL;
    }
    return v;
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
    if (!err) {
        vmcore_file_written(v->file, w->result.bytes);
        return 0;
    }
    if (mode_of(v) == NORMAL)
        return err;
    w->lost = TRUE;
    v->lost_err = v->lost_err ? v->lost_err : err;
    return 0;
}

static void write_done(gpointer data, int err)
{
    Write *w = data;
    Vmcore *v = w->v;
    guint32 cookies[VMCORE_BLOCK_PAGES_MAX];
    guint n;

    (void)err;
    w->done = TRUE;
    v->stats.pwrites += w->result.pwrites;
    if (w->lost)
        return;
    n = vmcore_block_cookies(w->block, w->alone, cookies);
    v->stats.bytes_written += w->result.bytes;
    v->stats.zero_pages += w->result.zero_pages;
    v->stats.pages_stored += n;
    if (n > 0 && !v->left)
        v->events.stored(v->user, cookies, n);
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
                   .what = v->whats[WRITE],
                   .bytes = VMCORE_BLOCK_SIZE};

    w->v = v;
    w->block = v->open[place];
    w->stale_end = v->stale_end;
    if (vmcore_block_has_pieces(w->block))
        v->stale_end = MAX(v->stale_end, vmcore_block_end(w->block));
    v->n_open--;
    memmove(v->open + place, v->open + place + 1, (v->n_open - place) * sizeof v->open[0]);
    v->refs++;
    work_queue_push(v->queue, &job);
}

/* The place in v->open of the block that holds pfn, a new one if need be; -1 without memory. */
static int open_block(Vmcore *v, guint32 pfn)
{
    guint32 first = pfn - pfn % v->pages_per_block;
    guint64 offset = v->page0 + (guint64)first * v->page_size;
    guint n_pages = MIN(v->pages_per_block, v->nr_pages - first);
    VmcoreBlock *block;

    for (guint i = 0; i < v->n_open; i++)
        if (vmcore_block_offset(v->open[i]) == offset)
            return (int)i;
    if (v->n_open == VMCORE_OPEN_BLOCKS || (v->n_open > 0 && vmcore_block_pool_full(v->pool)))
        submit(v, 0);
    block = vmcore_block_new(v->pool, offset, v->page_size, n_pages);
    if (!block)
        return -1;
    v->n_blocks++;
    v->open[v->n_open] = block;
    return (int)v->n_open++;
}

gboolean vmcore_recall(int dirfd, const char *path, ElfSpec *spec)
{
    static const char *const names[] = {VMCORE_FILE_INCOMPLETE, VMCORE_FILE_WHOLE};
    g_autofree guint8 *head = g_malloc(ELF_KDUMP_SIZE);
    gboolean found = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(names) && !found; i++) {
        gsize got = 0;
        int fd;

        if (files_open(dirfd, path, names[i], O_RDONLY, &fd, NULL))
            continue;
        found = files_read(fd, head, ELF_KDUMP_SIZE, 0, &got) == 0 && got == ELF_KDUMP_SIZE &&
                elf_kdump_read(spec, head);
        files_close(&fd);
    }
    return found;
}

gboolean vmcore_put(Vmcore *v, guint32 pfn, guint32 offset, const guint8 *chunk, gsize len,
                    gboolean whole, guint32 cookie)
{
    int place;

    g_return_val_if_fail(pfn < v->nr_pages && offset % VMCORE_BLOCK_CHUNK == 0 &&
                             len % VMCORE_BLOCK_CHUNK == 0 && offset < v->page_size &&
                             len <= v->page_size - offset,
                         FALSE);
    if (v->finishing)
        return FALSE;
    place = open_block(v, pfn);
    if (place < 0)
        return FALSE;
    if (vmcore_block_put(v->open[place], pfn % v->pages_per_block, offset, chunk, len, whole,
                         cookie))
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
        v->events.finished(v->user, err);
}

static void finish_whole_done(gpointer data, int err)
{
    Vmcore *v = data;

    (void)err;
    if (v->is_whole)
        tell_finished(v, 0);
}

static void finish_partial_done(gpointer data, int err)
{
    Vmcore *v = data;

    (void)err;
    tell_finished(v, v->result);
}

/* Dropped before it ran: the owner may go on, or finish again. */
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
    push(v, finish_whole_run, finish_whole_done, finish_destroy, FINISH);
}

void vmcore_finish_partial(Vmcore *v)
{
    if (!v->finished && !v->last_try_queued) {
        vmcore_flush(v);
        v->finishing = v->last_try_queued = TRUE;
        g_atomic_int_set(&v->mode, LAST_TRY);
        push(v, finish_partial_run, finish_partial_done, finish_destroy, FINISH);
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
