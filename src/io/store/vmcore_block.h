/* vmcore_block.h - neighbouring pages of a dump gathered in memory, and written to the file in one
 * go.
 *
 * Only vmcore.c uses it. A VmcoreBlock is VMCORE_BLOCK_SIZE bytes of the file; it knows which of
 * its 1 KiB chunks it has, which pages are whole, and what to tell when they have been written.
 * Blocks come from a pool that all dumps share and go back there. Loop thread, but for
 * vmcore_block_write().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/store/vmcore_pool.h"

#define VMCORE_BLOCK_PAGES_MAX (VMCORE_BLOCK_SIZE / 4096)

typedef struct VmcoreBlock VmcoreBlock;

typedef struct {
    guint64 bytes;
    guint pwrites;
    guint zero_pages;
    guint64 end; /* offset in the file after the last byte that was given */
    gboolean ends_in_hole;
} VmcoreBlockResult;

/* TRUE if a new block would need memory above the pool's cap. */
gboolean vmcore_block_pool_full(const VmcorePool *pool);

/* The pool frees its memory when no dump uses it. */
void vmcore_block_pool_enter(VmcorePool *pool);
void vmcore_block_pool_leave(VmcorePool *pool);

/* An empty block for n_pages pages of page_size bytes, 1..VMCORE_BLOCK_SIZE / page_size, the first
 * of which is at offset in the file. NULL if there is no memory. */
VmcoreBlock *vmcore_block_new(VmcorePool *pool, guint64 offset, guint32 page_size,
                              guint n_pages) G_GNUC_WARN_UNUSED_RESULT;
void vmcore_block_free(VmcoreBlock *block);

guint64 vmcore_block_offset(const VmcoreBlock *block);
guint64 vmcore_block_end(const VmcoreBlock *block); /* offset after its last page */

/* As vmcore_put(), but `at` counts from the block's offset. TRUE if now all its pages are whole. */
gboolean vmcore_block_put(VmcoreBlock *block, guint32 at, const guint8 *data, gsize len,
                          gboolean last, guint32 cookie);

/* TRUE if a page is in it of which some other chunks are not. */
gboolean vmcore_block_has_pieces(const VmcoreBlock *block);

/* Write what is there; whole pages of zeros are left out, or made a hole if the file may hold
 * something else there (below stale_end). Any thread. 0 or an errno; can be called again. */
int vmcore_block_write(const VmcoreBlock *block, int fd, guint64 stale_end,
                       VmcoreBlockResult *result) G_GNUC_WARN_UNUSED_RESULT;

/* The cookies of the whole pages; with `alone` only of those with all their chunks in this block.
 * Returns their number. */
guint vmcore_block_cookies(const VmcoreBlock *block, gboolean alone,
                           guint32 cookies[VMCORE_BLOCK_PAGES_MAX]);
