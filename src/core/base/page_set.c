/* page_set.c - a set of pages, by pfn.
 *
 * The uppermost range is kept as two numbers, `top`, and only what lies below it in a Roaring
 * bitmap. What is missing of a dump that is taken from the first page to the last is such a range
 * and little else. So the next page costs no search, and a client that claims 2^32 pages costs no
 * memory until its pages are requested in another order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/page_set.h"

#include <roaring/roaring.h>

#define PAGES_END ((guint64)1 << 32)

/* Removing single pages splits runs, and a container of many short runs takes more than a bit for a
 * page. After so many removals all containers take their smallest form again. */
#define SPLITS_MAX 65536

#define WALK 16 /* pages */

/* Members in `low` are below top.first. They may be adjacent to it. */
struct PageSet {
    roaring_bitmap_t *low;
    guint64 n_low;
    struct {
        guint64 first, end; /* first == end: empty, and `low` has any pages */
    } top;
    guint splits;
};

PageSet *page_set_new(void)
{
    PageSet *set = g_new0(PageSet, 1);

    set->low = roaring_bitmap_create();
    return set;
}

PageSet *page_set_copy(const PageSet *set)
{
    PageSet *copy = g_new0(PageSet, 1);

    *copy = *set;
    copy->low = roaring_bitmap_copy(set->low);
    return copy;
}

void page_set_free(PageSet *set)
{
    if (!set)
        return;
    roaring_bitmap_free(set->low);
    g_free(set);
}

/* -- what lies below the top range --------------------------------------------------------------
 */

static gboolean low_seek(const PageSet *set, guint32 from, roaring_uint32_iterator_t *it)
{
    if (set->n_low == 0)
        return FALSE;
    roaring_init_iterator(set->low, it);
    return it->current_value >= from || roaring_move_uint32_iterator_equalorlarger(it, from);
}

static gboolean low_next(const PageSet *set, guint32 from, guint32 *pfn)
{
    roaring_uint32_iterator_t it;

    if (!low_seek(set, from, &it))
        return FALSE;
    *pfn = it.current_value;
    return TRUE;
}

/* Not roaring_bitmap_contains_range(): in 0.2.66 it reads beyond its array. */
static gboolean low_is_whole(const PageSet *set, guint64 first, guint64 end)
{
    return roaring_bitmap_range_cardinality(set->low, first, end) == end - first;
}

/* The end of the range at the iterator, at most `limit`. A few pages are quickly walked over. Then
 * the step doubles, and halves; complete parts are not counted again. */
static guint64 low_range_end(const PageSet *set, roaring_uint32_iterator_t *it, guint64 limit)
{
    guint64 end = it->current_value;
    guint64 step = 1;

    for (guint i = 0; i < WALK; i++) {
        end++;
        if (end >= limit || !roaring_advance_uint32_iterator(it) || it->current_value != end)
            return end;
    }
    while (end < limit && low_is_whole(set, end, MIN(end + step, limit))) {
        end = MIN(end + step, limit);
        step *= 2;
    }
    for (step /= 2; step > 0; step /= 2)
        if (end + step <= limit && low_is_whole(set, end, end + step))
            end += step;
    return end;
}

static gboolean low_next_range(const PageSet *set, guint64 from, guint64 limit, guint64 *first,
                               guint64 *end)
{
    roaring_uint32_iterator_t it;

    if (from >= limit || !low_seek(set, (guint32)from, &it) || it.current_value >= limit)
        return FALSE;
    *first = it.current_value;
    *end = low_range_end(set, &it, limit);
    return TRUE;
}

static guint64 low_count(const PageSet *set, guint64 first, guint64 end)
{
    return set->n_low > 0 ? roaring_bitmap_range_cardinality(set->low, first, end) : 0;
}

static void low_add(PageSet *set, guint64 first, guint64 end)
{
    if (end <= first)
        return;
    set->n_low += end - first - low_count(set, first, end);
    roaring_bitmap_add_range_closed(set->low, (guint32)first, (guint32)(end - 1));
}

static void low_split(PageSet *set)
{
    if (++set->splits < SPLITS_MAX)
        return;
    set->splits = 0;
    (void)roaring_bitmap_run_optimize(set->low);
}

static void low_remove(PageSet *set, guint64 first, guint64 end)
{
    if (end <= first || set->n_low == 0)
        return;
    if (end == first + 1) {
        set->n_low -= roaring_bitmap_remove_checked(set->low, (guint32)first);
    } else {
        set->n_low -= low_count(set, first, end);
        roaring_bitmap_remove_range_closed(set->low, (guint32)first, (guint32)(end - 1));
    }
    low_split(set);
}

/* -- the whole ----------------------------------------------------------------------------------
 */

static gboolean top_is_empty(const PageSet *set)
{
    return set->top.first == set->top.end;
}

static void set_top(PageSet *set, guint64 first, guint64 end)
{
    set->top.first = first;
    set->top.end = end;
}

void page_set_add(PageSet *set, guint64 first, guint64 end)
{
    guint32 pfn;

    end = MIN(end, PAGES_END);
    if (end <= first)
        return;
    if (top_is_empty(set)) {
        if (low_next(set, (guint32)first, &pfn))
            low_add(set, first, end);
        else
            set_top(set, first, end);
    } else if (first > set->top.end) {
        low_add(set, set->top.first, set->top.end);
        set_top(set, first, end);
    } else if (end < set->top.first) {
        low_add(set, first, end);
    } else {
        low_remove(set, first, set->top.first);
        set_top(set, MIN(first, set->top.first), MAX(end, set->top.end));
    }
}

void page_set_remove(PageSet *set, guint64 first, guint64 end)
{
    end = MIN(end, PAGES_END);
    if (end <= first)
        return;
    if (top_is_empty(set)) {
        low_remove(set, first, end);
        return;
    }
    low_remove(set, first, MIN(end, set->top.first));
    if (end <= set->top.first || first >= set->top.end)
        return;
    if (end >= set->top.end) {
        set_top(set, set->top.first, MAX(first, set->top.first));
        return;
    }
    low_add(set, set->top.first, first);
    set_top(set, end, set->top.end);
}

gboolean page_set_has(const PageSet *set, guint32 pfn)
{
    guint32 next;

    return page_set_next(set, pfn, &next) && next == pfn;
}

gboolean page_set_is_empty(const PageSet *set)
{
    return page_set_count(set) == 0;
}

guint64 page_set_count(const PageSet *set)
{
    return set->n_low + (set->top.end - set->top.first);
}

guint64 page_set_count_range(const PageSet *set, guint64 first, guint64 end)
{
    guint64 top = MAX(first, set->top.first);
    guint64 top_end = MIN(end, set->top.end);

    end = MIN(end, PAGES_END);
    return low_count(set, first, end) + (top < top_end ? top_end - top : 0);
}

guint64 page_set_count_ranges(const PageSet *set)
{
    guint64 n = 0;
    guint64 first;

    for (guint64 at = 0; page_set_next_range(set, at, &first, &at);)
        n++;
    return n;
}

gboolean page_set_next(const PageSet *set, guint32 from, guint32 *pfn)
{
    if (low_next(set, from, pfn))
        return TRUE;
    if (from >= set->top.end || top_is_empty(set))
        return FALSE;
    *pfn = MAX(from, (guint32)set->top.first);
    return TRUE;
}

gboolean page_set_next_range(const PageSet *set, guint64 from, guint64 *first, guint64 *end)
{
    guint64 limit = top_is_empty(set) ? PAGES_END : set->top.first;

    if (low_next_range(set, from, limit, first, end)) {
        if (*end == set->top.first)
            *end = set->top.end;
        return TRUE;
    }
    if (from >= set->top.end || top_is_empty(set))
        return FALSE;
    *end = set->top.end;
    *first = MAX(from, set->top.first);
    return TRUE;
}

gboolean page_set_equal(const PageSet *a, const PageSet *b)
{
    guint64 first_a, first_b;
    guint64 at_a = 0;
    guint64 at_b = 0;

    if (page_set_count(a) != page_set_count(b))
        return FALSE;
    while (page_set_next_range(a, at_a, &first_a, &at_a)) {
        if (!page_set_next_range(b, at_b, &first_b, &at_b) || first_a != first_b || at_a != at_b)
            return FALSE;
    }
    return TRUE;
}

/* -- as bytes -----------------------------------------------------------------------------------
 */

#define LEB128_MAX 5 /* bytes of a number up to 2^32 */

static gsize leb128_put(guint8 *out, guint64 n)
{
    gsize len = 0;

    for (; n >= 0x80; n >>= 7)
        out[len++] = (guint8)(n | 0x80);
    out[len++] = (guint8)n;
    return len;
}

/* FALSE at the end of the bytes, for a number above 2^32 and for one that is longer than need be.
 */
static gboolean leb128_get(const guint8 **p, const guint8 *end, guint64 *n)
{
    *n = 0;
    for (guint shift = 0; *p < end && shift < 7 * LEB128_MAX; shift += 7) {
        guint8 byte = *(*p)++;

        *n |= (guint64)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return *n <= PAGES_END && (byte != 0 || shift == 0);
    }
    return FALSE;
}

/* The list with all gaps up to `join` left out; without `out` it is only measured. FALSE if it is
 * longer than `max`. */
static gboolean encode(const PageSet *set, guint64 join, gsize max, GByteArray *out)
{
    guint64 first = 0, end = 0, next = 0, next_end = 0;
    guint64 before = 0;
    gsize size = 0;
    gboolean more = page_set_next_range(set, 0, &first, &end);

    while (more) {
        guint8 pair[2 * LEB128_MAX];
        gsize len;

        while ((more = page_set_next_range(set, end, &next, &next_end)) && next - end <= join)
            end = next_end;
        len = leb128_put(pair, first - before);
        len += leb128_put(pair + len, end - first);
        size += len;
        if (size > max)
            return FALSE;
        if (out)
            g_byte_array_append(out, pair, (guint)len);
        before = end;
        first = next;
        end = next_end;
    }
    return TRUE;
}

void page_set_encode(const PageSet *set, gsize max, GByteArray *out)
{
    guint64 join = 0;
    guint64 enough = PAGES_END;

    if (encode(set, 0, max, NULL))
        enough = 0;
    while (join < enough) { /* the smallest that is enough is in join..enough */
        guint64 middle = join + (enough - join) / 2;

        if (encode(set, middle, max, NULL))
            enough = middle;
        else
            join = middle + 1;
    }
    (void)encode(set, enough, max, out);
}

gboolean page_set_decode(PageSet *set, const guint8 *bytes, gsize len, guint64 end)
{
    const guint8 *p = bytes;
    const guint8 *stop = len > 0 ? bytes + len : bytes;
    guint64 at = 0;
    guint64 gap, length;

    end = MIN(end, PAGES_END);
    while (p < stop) {
        if (!leb128_get(&p, stop, &gap) || (gap == 0 && at > 0) || !leb128_get(&p, stop, &length) ||
            length == 0)
            return FALSE;
        at += gap;
        if (at >= end || length > end - at)
            return FALSE;
        page_set_add(set, at, at + length);
        at += length;
    }
    return TRUE;
}
