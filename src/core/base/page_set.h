/* page_set.h - a set of pages, by pfn.
 *
 * Over CRoaring, so ranges and single pages are both small. Used for what is still missing of a
 * dump: the next page to request is then page_set_next(set, 0). Memory follows the number of ranges
 * and is bounded by one bit for each page.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct PageSet PageSet;

PageSet *page_set_new(void); /* empty */
PageSet *page_set_copy(const PageSet *set);
void page_set_free(PageSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PageSet, page_set_free)

/* Pages first..end-1; end may be 2^32. An empty range (end <= first) does nothing. */
void page_set_add(PageSet *set, guint64 first, guint64 end);
void page_set_remove(PageSet *set, guint64 first, guint64 end);

gboolean page_set_has(const PageSet *set, guint32 pfn);
gboolean page_set_is_empty(const PageSet *set);
guint64 page_set_count(const PageSet *set);                                   /* of pages */
guint64 page_set_count_range(const PageSet *set, guint64 first, guint64 end); /* in first..end-1 */
guint64 page_set_count_ranges(const PageSet *set);                            /* of ranges */

/* The lowest page of the set that is not below `from`; FALSE if there is none. */
gboolean page_set_next(const PageSet *set, guint32 from, guint32 *pfn);

/* The first range that is not wholly below `from`, cut to begin at `from` at the earliest. */
gboolean page_set_next_range(const PageSet *set, guint64 from, guint64 *first, guint64 *end);

gboolean page_set_equal(const PageSet *a, const PageSet *b);

/* As bytes: pairs of LEB128 numbers (gap to the last range's end, length of the range), ascending.
 * Where that would take more than `max` bytes, ranges with the smallest gaps between them are
 * joined: the result holds every page of the set, and perhaps others. Never more than `max` (at
 * least 16). */
void page_set_encode(const PageSet *set, gsize max, GByteArray *out);

/* Adds what the bytes say to `set`. FALSE, and an unspecified set, if they are not such a list, or
 * name a page that is not below `end`. */
gboolean page_set_decode(PageSet *set, const guint8 *bytes, gsize len,
                         guint64 end) G_GNUC_WARN_UNUSED_RESULT;
