/* vmcore_block.c - neighbouring pages of a dump gathered in memory, and written to the file in one
 * go.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/vmcore_block.h"

#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define N_CHUNKS (VMCORE_BLOCK_SIZE / VMCORE_CHUNK)

typedef enum {
    ABSENT,
    BYTES,
    HOLE, /* part of a page of zeros */
} ChunkKind;

struct VmcorePool {
    guint cap, total, users;
    VmcoreBlock *free;
};

struct VmcoreBlock {
    VmcorePool *pool;
    VmcoreBlock *next_free;
    guint64 offset;
    guint32 page_size;
    guint n_pages, n_whole;
    guint8 have[N_CHUNKS];
    gboolean whole[VMCORE_BLOCK_PAGES_MAX];
    guint32 cookies[VMCORE_BLOCK_PAGES_MAX];
    guint8 *data; /* mapped: goes back to the system when freed, and pwrite() likes whole pages */
};

VmcorePool *vmcore_pool_new(guint cap)
{
    VmcorePool *pool = g_new0(VmcorePool, 1);

    pool->cap = cap;
    return pool;
}

static void release(VmcoreBlock *block)
{
    block->pool->total--;
    munmap(block->data, VMCORE_BLOCK_SIZE);
    g_free(block);
}

/* To map a block and to fault its pages in costs as much as to fill it: what was once needed is
 * kept as long as there are as many dumps. */
static guint limit_of(const VmcorePool *pool)
{
    return pool->users > 0 ? pool->cap + pool->users : 0;
}

static void shrink(VmcorePool *pool)
{
    while (pool->free && pool->total > limit_of(pool)) {
        VmcoreBlock *block = pool->free;

        pool->free = block->next_free;
        release(block);
    }
}

void vmcore_pool_free(VmcorePool *pool)
{
    if (!pool)
        return;
    g_warn_if_fail(pool->total == 0 && pool->users == 0);
    g_free(pool);
}

guint64 vmcore_pool_bytes(const VmcorePool *pool)
{
    return (guint64)pool->total * VMCORE_BLOCK_SIZE;
}

gboolean vmcore_block_pool_full(const VmcorePool *pool)
{
    return !pool->free && pool->total >= pool->cap;
}

void vmcore_block_pool_enter(VmcorePool *pool)
{
    pool->users++;
}

void vmcore_block_pool_leave(VmcorePool *pool)
{
    pool->users--;
    shrink(pool);
}

static VmcoreBlock *allocate(VmcorePool *pool)
{
    guint8 *data =
        mmap(NULL, VMCORE_BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VmcoreBlock *block;

    if (data == MAP_FAILED)
        return NULL;
    block = g_new0(VmcoreBlock, 1);
    block->pool = pool;
    block->data = data;
    pool->total++;
    return block;
}

VmcoreBlock *vmcore_block_new(VmcorePool *pool, guint64 offset, guint32 page_size, guint n_pages)
{
    VmcoreBlock *block = pool->free;

    g_return_val_if_fail(n_pages > 0 && n_pages <= VMCORE_BLOCK_SIZE / page_size, NULL);
    if (block) {
        pool->free = block->next_free;
    } else {
        block = allocate(pool);
        if (!block)
            return NULL;
    }
    block->offset = offset;
    block->page_size = page_size;
    block->n_pages = n_pages;
    block->n_whole = 0;
    memset(block->have, FALSE, sizeof block->have);
    memset(block->whole, 0, sizeof block->whole);
    return block;
}

void vmcore_block_free(VmcoreBlock *block)
{
    VmcorePool *pool = block->pool;

    block->next_free = pool->free;
    pool->free = block;
    shrink(pool);
}

guint64 vmcore_block_offset(const VmcoreBlock *block)
{
    return block->offset;
}

guint64 vmcore_block_end(const VmcoreBlock *block)
{
    return block->offset + (guint64)block->n_pages * block->page_size;
}

gboolean vmcore_block_put(VmcoreBlock *block, guint32 at, const guint8 *data, gsize len,
                          gboolean last, guint32 cookie)
{
    memcpy(block->data + at, data, len);
    memset(block->have + at / VMCORE_CHUNK, TRUE, len / VMCORE_CHUNK);
    if (last) {
        guint32 page = at / block->page_size;

        block->n_whole += !block->whole[page];
        block->whole[page] = TRUE;
        block->cookies[page] = cookie;
    }
    return block->n_whole == block->n_pages;
}

/* How many of the page's chunks are there. */
static guint chunks_of(const VmcoreBlock *block, guint page)
{
    guint per_page = block->page_size / VMCORE_CHUNK, n = 0;

    for (guint i = 0; i < per_page; i++)
        n += block->have[page * per_page + i];
    return n;
}

gboolean vmcore_block_has_pieces(const VmcoreBlock *block)
{
    for (guint page = 0; page < block->n_pages; page++) {
        guint n = chunks_of(block, page);

        if (n > 0 && n < block->page_size / VMCORE_CHUNK)
            return TRUE;
    }
    return FALSE;
}

/* Bytes that are all the same as the one eight before, and the first eight 0: memcmp() runs at the
 * speed of memory and stops at the first difference. */
static gboolean all_zero(const guint8 *bytes, gsize len)
{
    static const guint8 zeros[8];

    return memcmp(bytes, zeros, sizeof zeros) == 0 &&
           memcmp(bytes, bytes + sizeof zeros, len - sizeof zeros) == 0;
}

static void classify(const VmcoreBlock *block, guint8 kind[N_CHUNKS], VmcoreBlockResult *result)
{
    guint per_page = block->page_size / VMCORE_CHUNK;

    for (guint page = 0; page < block->n_pages; page++) {
        guint first = page * per_page;

        if (chunks_of(block, page) == per_page &&
            all_zero(block->data + (gsize)first * VMCORE_CHUNK, block->page_size)) {
            memset(kind + first, HOLE, per_page);
            result->zero_pages++;
            continue;
        }
        for (guint i = first; i < first + per_page; i++)
            kind[i] = block->have[i] ? BYTES : ABSENT;
    }
}

static int make_hole(const VmcoreBlock *block, int fd, gsize at, gsize len, guint64 stale_end)
{
    off_t offset = (off_t)(block->offset + at);

    if (block->offset + at >= stale_end ||
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, (off_t)len) == 0)
        return 0;
    /* These bytes of the block are zeros. */
    return errno == EOPNOTSUPP ? files_write(fd, block->data + at, len, offset) : errno;
}

int vmcore_block_write(const VmcoreBlock *block, int fd, guint64 stale_end,
                       VmcoreBlockResult *result)
{
    guint n_chunks = block->n_pages * (block->page_size / VMCORE_CHUNK), end;
    guint8 kind[N_CHUNKS];
    int err = 0;

    *result = (VmcoreBlockResult){0};
    classify(block, kind, result);
    for (guint i = 0; i < n_chunks && !err; i = end) {
        gsize at = (gsize)i * VMCORE_CHUNK, len;

        for (end = i + 1; end < n_chunks && kind[end] == kind[i];)
            end++;
        len = (gsize)(end - i) * VMCORE_CHUNK;
        if (kind[i] != ABSENT) {
            result->end = block->offset + at + len;
            result->ends_in_hole = kind[i] == HOLE;
        }
        if (kind[i] == HOLE) {
            err = make_hole(block, fd, at, len, stale_end);
        } else if (kind[i] == BYTES) {
            err = files_write(fd, block->data + at, len, (off_t)(block->offset + at));
            result->bytes += len;
            result->pwrites++;
        }
    }
    return err;
}

guint vmcore_block_cookies(const VmcoreBlock *block, gboolean alone,
                           guint32 cookies[VMCORE_BLOCK_PAGES_MAX])
{
    guint n = 0;

    for (guint page = 0; page < block->n_pages; page++)
        if (block->whole[page] &&
            (!alone || chunks_of(block, page) == block->page_size / VMCORE_CHUNK))
            cookies[n++] = block->cookies[page];
    return n;
}
