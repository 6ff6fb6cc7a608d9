/* test-window-orders.c - pages in random orders, with loss, duplicates, reordering and restarts:
 * every page lands exactly once.
 *
 * The client and the disk are simulated. A restart makes a new window out of window_missing() of
 * the one before, as bytes and back; what was in flight or not stored yet is gone with it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/window.h"

#define PAGES     2000 /* the highest one may be fewer */
#define PAGE_SIZE 4096u

typedef struct {
    guint64 first, end;
} Range;

typedef struct {
    guint32 nr, pfn;
} Request;

typedef struct {
    guint32 pages;
    gboolean ram[PAGES];
    gboolean done[PAGES]; /* over all instances: stored, or known to be no RAM */
    guint landed[PAGES];  /* times that it was stored, likewise */

    Window *w;
    Mono now;
    guint32 nr_first, n_drawn;
    gboolean drawn[PAGES];              /* by this window, or needless */
    GQueue wanted;                      /* of Range: those that the window has taken */
    GArray *path;                       /* of Request, on their way to the client */
    GArray *replies;                    /* of Request, on their way back */
    GArray *whole;                      /* of Request, on their way to the disk */
    guint loss, duplicates, reordering; /* percent */
} World;

static gboolean chance(guint percent)
{
    return (guint)g_test_rand_int_range(0, 100) < percent;
}

static guint32 below(guint n)
{
    return (guint32)g_test_rand_int_range(0, (gint32)n);
}

static void open_window(World *x, PageSet *missing)
{
    WindowSpec spec = {.missing = missing,
                       .page_size = PAGE_SIZE,
                       .nr_first = x->nr_first,
                       .max_in_flight = 1 + below(LIMIT_IN_FLIGHT)};
    Rtt rtt = {0};

    x->w = window_new(&spec, &rtt);
    x->n_drawn = 0;
    for (guint32 i = 0; i < x->pages; i++)
        x->drawn[i] = x->done[i];
    g_queue_init(&x->wanted);
    x->path = g_array_new(FALSE, FALSE, sizeof(Request));
    x->replies = g_array_new(FALSE, FALSE, sizeof(Request));
    x->whole = g_array_new(FALSE, FALSE, sizeof(Request));
}

static void close_window(World *x)
{
    x->nr_first = window_nr_end(x->w);
    g_clear_pointer(&x->w, window_free);
    g_queue_clear_full(&x->wanted, g_free);
    g_array_unref(x->path);
    g_array_unref(x->replies);
    g_array_unref(x->whole);
}

/* What is missing is what was not done, as the test has counted; it survives as bytes. */
static void restart(World *x)
{
    g_autoptr(PageSet) missing = window_missing(x->w);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    PageSet *again = page_set_new();

    for (guint32 i = 0; i < x->pages; i++)
        g_assert_cmpint(page_set_has(missing, i), ==, !x->done[i]);
    g_assert_cmpuint(page_set_count(missing), ==, window_missing_count(x->w));
    page_set_encode(missing, G_MAXSIZE, bytes);
    g_assert_true(page_set_decode(again, bytes->data, bytes->len, x->pages));
    close_window(x);
    open_window(x, again);
}

/* -- the order ----------------------------------------------------------------------------------
 */

static void want(World *x)
{
    Range r = {below(x->pages + 10), 0};
    gboolean missing = FALSE;

    r.end = r.first + below(chance(20) ? 300 : 10);
    for (guint64 i = r.first; i < MIN(r.end, x->pages); i++)
        missing |= !x->drawn[i];
    if (window_want(x->w, r.first, r.end) && missing)
        g_queue_push_tail(&x->wanted, g_memdup2(&r, sizeof r));
}

/* The page that is to be drawn: the first of the first range, or the first of all. */
static guint32 expected(World *x)
{
    for (Range *r; (r = g_queue_peek_head(&x->wanted)); g_free(g_queue_pop_head(&x->wanted))) {
        for (guint64 i = r->first; i < MIN(r->end, x->pages); i++)
            if (!x->drawn[i])
                return (guint32)i;
    }
    for (guint32 i = 0; i < x->pages; i++)
        if (!x->drawn[i])
            return i;
    return x->pages;
}

static void request_all(World *x)
{
    Request q;

    while (window_next(x->w, x->now, &q.nr, &q.pfn)) {
        g_assert_cmpuint(q.pfn, <, x->pages);
        g_assert_false(x->done[q.pfn]); /* nothing is requested that is here */
        if (q.nr - x->nr_first == x->n_drawn) {
            g_assert_cmpuint(q.pfn, ==, expected(x));
            x->drawn[q.pfn] = TRUE;
            x->n_drawn++;
        } else {
            g_assert_cmpuint(q.nr - x->nr_first, <, x->n_drawn);
        }
        if (!chance(x->loss))
            g_array_append_val(x->path, q);
        if (chance(x->duplicates))
            g_array_append_val(x->path, q);
    }
}

/* -- the client, the network and the disk -------------------------------------------------------
 */

static gboolean take(World *x, GArray *queue, gboolean any, Request *q)
{
    guint i;

    if (queue->len == 0)
        return FALSE;
    i = any ? below(queue->len) : chance(x->reordering) ? below(MIN(queue->len, 20)) : 0;
    *q = g_array_index(queue, Request, i);
    g_array_remove_index(queue, i);
    return TRUE;
}

/* No RAM at a page: so it is with all up to the next one that is, and the client says so. */
static void reserved(World *x, const Request *q)
{
    guint32 next = q->pfn;
    gboolean known = x->done[q->pfn];

    while (next < x->pages && !x->ram[next])
        next++;
    g_assert_true(window_reserved(x->w, x->now, q->nr, next == x->pages ? 0 : next));
    if (known)
        return; /* a duplicate: the window needs not believe it again */
    x->done[q->pfn] = TRUE;
    for (guint32 i = q->pfn; i < next; i++) {
        x->done[i] |= !x->drawn[i];
        x->drawn[i] = TRUE;
    }
}

static void reply(World *x, const Request *q)
{
    guint32 pfn = 0;

    if (!x->ram[q->pfn]) {
        reserved(x, q);
        return;
    }
    for (guint32 offset = 0; offset < PAGE_SIZE; offset += 1024) {
        ChunkVerdict v;

        if (chance(x->loss))
            continue;
        v = window_chunk(x->w, x->now, q->nr, offset, &pfn);
        if (v == CHUNK_FRESH || v == CHUNK_WHOLE)
            g_assert_cmpuint(pfn, ==, q->pfn);
        else
            g_assert_cmpint(v, ==, CHUNK_DUPLICATE);
        if (v == CHUNK_WHOLE)
            g_array_append_val(x->whole, *q);
    }
}

static void store(World *x)
{
    Request q;

    if (!take(x, x->whole, TRUE, &q))
        return;
    window_stored(x->w, q.nr);
    x->landed[q.pfn]++;
    x->done[q.pfn] = TRUE;
}

static void turn(World *x)
{
    Request q;

    x->now = mono_add(x->now, 50);
    request_all(x);
    if (take(x, x->path, FALSE, &q) && !chance(x->loss))
        g_array_append_val(x->replies, q);
    if (take(x, x->replies, FALSE, &q))
        reply(x, &q);
    if (chance(70))
        store(x);
    if (x->path->len == 0 && x->replies->len == 0 && window_deadline(x->w).us != G_MAXINT64) {
        x->now = mono_add(window_deadline(x->w), 0);
        window_expire(x->w, x->now);
    }
}

static void make_world(World *x)
{
    gboolean ram = chance(80);

    x->pages = 1 + below(PAGES);
    for (guint32 i = 0; i < x->pages; i++) {
        x->ram[i] = ram;
        if (chance(2))
            ram = !ram;
    }
    x->now = (Mono){SPAN_S(1)};
    x->nr_first = g_test_rand_bit() ? 1 : (guint32)g_test_rand_int();
    x->loss = chance(50) ? 0 : below(20);
    x->duplicates = chance(50) ? 0 : below(20);
    x->reordering = chance(50) ? 0 : below(50);
}

static void run_world(guint wants, guint restarts)
{
    g_autofree World *x = g_new0(World, 1);
    PageSet *all = page_set_new();

    make_world(x);
    page_set_add(all, 0, x->pages);
    open_window(x, all);
    while (!window_all_stored(x->w)) {
        if (chance(wants))
            want(x);
        if (restarts > 0 && below(500) < restarts)
            restart(x);
        turn(x);
    }
    g_assert_cmpuint(window_missing_count(x->w), ==, 0);
    for (guint32 i = 0; i < x->pages; i++) {
        g_assert_true(x->done[i]);
        g_assert_cmpuint(x->landed[i], ==, x->ram[i] ? 1 : 0);
    }
    close_window(x);
}

static void test_ascending(void)
{
    for (int i = 0; i < 50; i++)
        run_world(0, 0);
}

static void test_wanted(void)
{
    for (int i = 0; i < 200; i++)
        run_world(below(50), 0);
}

static void test_restarts(void)
{
    for (int i = 0; i < 300; i++)
        run_world(below(50), 1 + below(10));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/window-orders/ascending", test_ascending);
    g_test_add_func("/window-orders/wanted", test_wanted);
    g_test_add_func("/window-orders/restarts", test_restarts);
    return g_test_run();
}
