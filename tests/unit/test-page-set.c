/* test-page-set.c - a set of pages does what a plain bit map does, in any order and as bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/page_set.h"

#include "unit/scratch.h"

#define PAGES_END ((guint64)1 << 32)

/* The bit map covers few pages, and they stand where the set's containers meet, or end. */
#define SPAN 3000

typedef struct {
    guint64 base;
    gboolean bits[SPAN];
} Map;

static const guint64 bases[] = {0, 65536 - SPAN / 2, PAGES_END - SPAN};

static void map_fill(Map *m, guint64 first, guint64 end, gboolean bit)
{
    for (guint64 i = first; i < MIN(end, SPAN); i++)
        m->bits[i] = bit;
}

static guint64 map_count(const Map *m, guint64 first, guint64 end)
{
    guint64 n = 0;

    for (guint64 i = first; i < MIN(end, SPAN); i++)
        n += m->bits[i] ? 1 : 0;
    return n;
}

static gboolean map_next_range(const Map *m, guint64 from, guint64 *first, guint64 *end)
{
    while (from < SPAN && !m->bits[from])
        from++;
    *first = from;
    while (from < SPAN && m->bits[from])
        from++;
    *end = from;
    return *first < SPAN;
}

static guint64 map_ranges(const Map *m)
{
    guint64 n = 0;
    guint64 first;

    for (guint64 at = 0; map_next_range(m, at, &first, &at);)
        n++;
    return n;
}

static guint64 random_page(void)
{
    return (guint64)g_test_rand_int_range(0, SPAN + 1);
}

static void check_from(const PageSet *set, const Map *m, guint64 from)
{
    guint64 first = 0, end = 0, want_first, want_end;
    guint32 pfn = 0;
    gboolean there = map_next_range(m, from, &want_first, &want_end);

    g_assert_cmpint(page_set_next_range(set, m->base + from, &first, &end), ==, there);
    if (there) {
        g_assert_cmpuint(first, ==, m->base + want_first);
        g_assert_cmpuint(end, ==, m->base + want_end);
    }
    if (m->base + from < PAGES_END) {
        g_assert_cmpint(page_set_next(set, (guint32)(m->base + from), &pfn), ==, there);
        if (there)
            g_assert_cmpuint(pfn, ==, m->base + want_first);
    }
    if (from < SPAN)
        g_assert_cmpint(page_set_has(set, (guint32)(m->base + from)), ==, m->bits[from]);
}

static PageSet *decoded(const GByteArray *bytes, guint64 end)
{
    PageSet *set = page_set_new();

    g_assert_true(page_set_decode(set, bytes->data, bytes->len, end));
    return set;
}

static void check_all(const PageSet *set, const Map *m)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(PageSet) again = NULL;
    g_autoptr(PageSet) copy = page_set_copy(set);
    guint64 a = random_page(), b = random_page();

    g_assert_cmpuint(page_set_count(set), ==, map_count(m, 0, SPAN));
    g_assert_cmpint(page_set_is_empty(set), ==, map_count(m, 0, SPAN) == 0);
    g_assert_cmpuint(page_set_count_ranges(set), ==, map_ranges(m));
    g_assert_cmpuint(page_set_count_range(set, m->base + a, m->base + b), ==, map_count(m, a, b));
    for (guint64 from = 0; from <= SPAN; from++)
        check_from(set, m, from);
    page_set_encode(set, G_MAXSIZE, bytes);
    again = decoded(bytes, PAGES_END);
    g_assert_true(page_set_equal(set, again));
    g_assert_true(page_set_equal(copy, set));
    if (page_set_is_empty(set))
        page_set_add(copy, 7, 8);
    else
        page_set_remove(copy, m->base, m->base + SPAN);
    g_assert_false(page_set_equal(copy, set));
}

static void test_random(gconstpointer data)
{
    g_autofree Map *m = g_new0(Map, 1);
    g_autoptr(PageSet) set = page_set_new();

    m->base = *(const guint64 *)data;
    for (int round = 0; round < 3000; round++) {
        guint64 first = random_page();
        guint64 end = g_test_rand_bit() ? MIN(first + 1, SPAN) : random_page();
        gboolean add = g_test_rand_bit();

        if (add)
            page_set_add(set, m->base + first, m->base + end);
        else
            page_set_remove(set, m->base + first, m->base + end);
        map_fill(m, first, end, add);
        check_from(set, m, random_page());
        g_assert_cmpuint(page_set_count(set), ==, map_count(m, 0, SPAN));
        if (round % 20 == 0)
            check_all(set, m);
    }
}

static void test_empty(void)
{
    g_autoptr(PageSet) set = page_set_new();
    g_autoptr(PageSet) other = page_set_new();
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint64 first, end;
    guint32 pfn;

    g_assert_true(page_set_is_empty(set));
    g_assert_false(page_set_has(set, 0));
    g_assert_false(page_set_next(set, 0, &pfn));
    g_assert_false(page_set_next_range(set, 0, &first, &end));
    page_set_add(set, 5, 5);
    page_set_add(set, 6, 5);
    page_set_add(set, PAGES_END, PAGES_END + 9);
    page_set_remove(set, 0, PAGES_END);
    page_set_remove(set, 6, 5);
    g_assert_true(page_set_is_empty(set));
    g_assert_true(page_set_equal(set, other));
    page_set_encode(set, 16, bytes);
    g_assert_cmpuint(bytes->len, ==, 0);
    g_assert_true(page_set_decode(set, NULL, 0, 0));
    page_set_free(NULL);
}

/* As many pages as a client can claim. */
static void test_huge(void)
{
    g_autoptr(PageSet) set = page_set_new();
    g_autoptr(PageSet) again = NULL;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint64 first, end;
    guint32 pfn;

    page_set_add(set, 0, PAGES_END + 1);
    g_assert_cmpuint(page_set_count(set), ==, PAGES_END);
    g_assert_true(page_set_has(set, G_MAXUINT32));
    page_set_remove(set, 3000000000, 3000000001);
    g_assert_cmpuint(page_set_count(set), ==, PAGES_END - 1);
    g_assert_cmpuint(page_set_count_ranges(set), ==, 2);
    g_assert_true(page_set_next(set, 3000000000, &pfn));
    g_assert_cmpuint(pfn, ==, 3000000001);
    g_assert_true(page_set_next_range(set, 77, &first, &end));
    g_assert_cmpuint(first, ==, 77);
    g_assert_cmpuint(end, ==, 3000000000);
    page_set_encode(set, 1000, bytes);
    again = decoded(bytes, PAGES_END);
    g_assert_true(page_set_equal(set, again));
    page_set_remove(set, 1, PAGES_END);
    g_assert_cmpuint(page_set_count(set), ==, 1);
    page_set_remove(set, 0, 1);
    g_assert_true(page_set_is_empty(set));
}

/* More single pages than a container holds before it takes another form, each removed alone. */
static void test_every_second(void)
{
    g_autoptr(PageSet) set = page_set_new();
    guint32 pfn = 0;

    page_set_add(set, 0, 200001);
    for (guint64 i = 0; i < 200000; i += 2)
        page_set_remove(set, i, i + 1);
    g_assert_cmpuint(page_set_count(set), ==, 100001);
    g_assert_cmpuint(page_set_count_ranges(set), ==, 100000);
    for (guint32 i = 1; i < 200000; i += 2) {
        g_assert_true(page_set_next(set, 0, &pfn));
        g_assert_cmpuint(pfn, ==, i);
        page_set_remove(set, pfn, (guint64)pfn + 1);
    }
    g_assert_cmpuint(page_set_count(set), ==, 1);
}

/* -- as bytes -----------------------------------------------------------------------------------
 */

static void test_layout(void)
{
    static const guint8 want[] = {3, 2, 0x80, 1, 0x81, 1};
    g_autoptr(PageSet) set = page_set_new();
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    page_set_add(set, 3, 5);
    page_set_add(set, 5 + 128, 5 + 128 + 129);
    page_set_encode(set, 6, bytes);
    assert_bytes(bytes->data, bytes->len, want, sizeof want);
}

/* Too little room: the result holds the set, ranges that were joined had the smallest gaps, and it
 * gets no smaller than it must. */
static void test_coarse(void)
{
    for (int round = 0; round < 200; round++) {
        g_autoptr(PageSet) set = page_set_new();
        g_autoptr(PageSet) again = NULL;
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        gsize max = (gsize)g_test_rand_int_range(16, 400);
        guint64 at = 0, first, end, widest = 0, narrowest = G_MAXUINT64;

        for (int n = g_test_rand_int_range(1, 200); n > 0; n--) {
            at += (guint64)1 << g_test_rand_int_range(0, 20);
            page_set_add(set, at, at + (guint64)g_test_rand_int_range(1, 100));
            at += 100;
        }
        page_set_encode(set, max, bytes);
        g_assert_cmpuint(bytes->len, <=, max);
        again = decoded(bytes, PAGES_END);
        at = 0;
        while (page_set_next_range(set, at, &first, &end)) {
            g_assert_cmpuint(page_set_count_range(again, first, end), ==, end - first);
            if (at > 0 && page_set_has(again, (guint32)at))
                widest = MAX(widest, first - at);
            else if (at > 0)
                narrowest = MIN(narrowest, first - at);
            at = end;
        }
        g_assert_cmpuint(widest, <, narrowest);
        if (page_set_equal(set, again))
            continue;
        g_byte_array_set_size(bytes, 0);
        page_set_encode(set, G_MAXSIZE, bytes);
        g_assert_cmpuint(bytes->len, >, max);
    }
}

static void refuse(const char *bytes, gsize len, guint64 end)
{
    g_autoptr(PageSet) set = page_set_new();
    g_autofree guint8 *exact = g_malloc(len); /* as long as it is: ASan sees a byte more */

    memcpy(exact, bytes, len);
    g_assert_false(page_set_decode(set, exact, len, end));
}

static void test_refused(void)
{
    static const struct {
        gsize len;
        const char *bytes;
    } wrong[] = {
        {1, "\3"},                         /* no length */
        {2, "\3\0"},                       /* an empty range */
        {4, "\3\1\0\1"},                   /* two that are one */
        {2, "\x80\1"},                     /* cut off */
        {3, "\x80\0\1"},                   /* longer than need be */
        {6, "\1\x80\x80\x80\x80\0"},       /* likewise */
        {6, "\0\x81\x80\x80\x80\x10"},     /* 2^32 + 1 pages */
        {6, "\1\x80\x80\x80\x80\x10"},     /* beyond the end */
        {7, "\0\xff\xff\xff\xff\xff\x01"}, /* no number of ours */
        {6, "\x80\x80\x80\x80\x10\1"},     /* begins at the end */
    };
    g_autoptr(PageSet) set = page_set_new();

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        refuse(wrong[i].bytes, wrong[i].len, G_MAXUINT64);
    refuse("\0\x0a", 2, 9);
    refuse("\x0a\1", 2, 10);
    g_assert_true(page_set_decode(set, (const guint8 *)"\0\x0a", 2, 10));
    g_assert_cmpuint(page_set_count(set), ==, 10);
    g_assert_true(page_set_decode(set, (const guint8 *)"\0\x80\x80\x80\x80\x10", 6, PAGES_END));
    g_assert_cmpuint(page_set_count(set), ==, PAGES_END);
}

/* Whatever is accepted packs into the same bytes. */
static void test_hostile(void)
{
    guint accepted = 0;

    for (int round = 0; round < 50000; round++) {
        g_autoptr(PageSet) set = page_set_new();
        g_autoptr(GByteArray) again = g_byte_array_new();
        guint8 bytes[12];
        gsize len = (gsize)g_test_rand_int_range(0, sizeof bytes + 1);

        for (gsize i = 0; i < len; i++)
            bytes[i] = (guint8)(g_test_rand_int() & (g_test_rand_bit() ? 0x7f : 0x87));
        if (!page_set_decode(set, bytes, len, PAGES_END))
            continue;
        accepted++;
        page_set_encode(set, sizeof bytes, again);
        assert_bytes(again->data, again->len, bytes, len);
    }
    g_assert_cmpuint(accepted, >, 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page-set/empty", test_empty);
    g_test_add_func("/page-set/huge", test_huge);
    g_test_add_func("/page-set/every-second", test_every_second);
    g_test_add_data_func("/page-set/random/lowest", &bases[0], test_random);
    g_test_add_data_func("/page-set/random/middle", &bases[1], test_random);
    g_test_add_data_func("/page-set/random/highest", &bases[2], test_random);
    g_test_add_func("/page-set/layout", test_layout);
    g_test_add_func("/page-set/coarse", test_coarse);
    g_test_add_func("/page-set/refused", test_refused);
    g_test_add_func("/page-set/hostile", test_hostile);
    return g_test_run();
}
