/* vmcore_pool.h - memory in which pages of all dumps are gathered. In vmcore_block.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define VMCORE_BLOCK_SIZE  131072 /* bytes gathered for one write: 2 to 32 pages */
#define VMCORE_CHUNK       1024u  /* bytes: offsets and lengths are multiples of it */
#define VMCORE_POOL_BLOCKS 64     /* default of vmcore_pool_new(): 8 MiB */

typedef struct VmcorePool VmcorePool; /* blocks, shared by all dumps */

/* cap: blocks that all dumps together may hold, 1..65536. It is exceeded if every block waits for
 * the disk, rather than that a page is refused; of what is above it, a block a dump is kept for
 * further use. Without a dump the pool is empty. */
VmcorePool *vmcore_pool_new(guint cap);
void vmcore_pool_free(VmcorePool *pool);           /* after the last Vmcore and its queue */
guint64 vmcore_pool_bytes(const VmcorePool *pool); /* in blocks, free ones included; for tests */
