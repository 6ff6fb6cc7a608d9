/* ram.h - the physical memory of a crashed machine, from a file or generated.
 *
 * A pfn is a page frame number: physical address / page size. Pages in a hole are not RAM; the
 * machine answers RESERVED for them, and its dump reads as zero there. Generated memory is computed
 * when it is read, so a 64 GiB machine costs nothing: every 1024-byte chunk is a function of (seed,
 * machine, pfn, offset) and carries its own address, so that a chunk at a wrong place is always
 * found.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct Ram Ram;

typedef struct {
    guint32 first, last; /* pfns, both inclusive */
} RamHole;

/* Made-up memory of n_pages (at least 1). zero_percent of the pages are all zero, the others
 * random, patterns, or zero but for one byte. */
Ram *ram_generate(guint64 seed, guint32 n_pages, guint32 page_size, double zero_percent);

/* A raw file, page 0 first; a truncated last page is padded with zeros. */
Ram *ram_open(const char *path, guint32 page_size, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Holes may overlap and come in any order. FALSE if one is upside down or beyond the memory. */
gboolean ram_set_holes(Ram *ram, const RamHole *holes, gsize n,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

void ram_free(Ram *ram);

guint32 ram_pages(const Ram *ram);     /* highest pfn + 1, holes included */
guint32 ram_present(const Ram *ram);   /* pages that are RAM */
guint32 ram_page_size(const Ram *ram); /* bytes */

/* Is this pfn (below ram_pages()) no RAM? */
gboolean ram_is_hole(const Ram *ram, guint32 pfn);

/* The next RAM pfn above this one, 0 if there is none. */
guint32 ram_next(const Ram *ram, guint32 pfn);

/* Copy a whole chunk of 1024 bytes at offset (a multiple of 1024) in the page. Holes read as zero.
 * Machines of one simulation share a Ram; in generated memory each has its own contents. */
void ram_read(const Ram *ram, guint32 machine, guint32 pfn, guint32 offset, guint8 *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ram, ram_free)
