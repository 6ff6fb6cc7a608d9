/* test-window.c - pages in flight: chunks, losses, the window's size, what counts as stored.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/congestion.h"
#include "core/netdump/window.h"

#define NR    0xfffffff0u /* nrs wrap around early */
#define FIRST 4           /* pages in flight at first */

typedef struct {
    Window *w;
    Mono now;
    guint32 page_size;
} Bench;

static Bench bench(guint32 first, guint32 pages, guint32 page_size, guint max)
{
    WindowSpec spec = {
        .missing = page_set_new(), .page_size = page_size, .nr_first = NR, .max_in_flight = max};
    Rtt rtt = {0};

    page_set_add(spec.missing, first, pages);
    return (Bench){.w = window_new(&spec, &rtt), .now = {SPAN_S(1)}, .page_size = page_size};
}

static void bench_free(Bench *b)
{
    window_free(b->w);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_free)

/* Request for all that may be; the number of requests. *last: the last one's pfn. */
static guint ask(Bench *b, guint32 *last)
{
    guint32 nr = 0;
    guint32 pfn = 0;
    guint n = 0;

    while (window_next(b->w, b->now, &nr, &pfn))
        n++;
    if (last)
        *last = pfn;
    return n;
}

/* The lowest page that is not done; `end` if all are. */
static guint32 lowest_missing(const Bench *b, guint32 end)
{
    g_autoptr(PageSet) missing = window_missing(b->w);
    guint32 pfn = end;

    g_assert_cmpuint(page_set_count(missing), ==, window_missing_count(b->w));
    page_set_next(missing, 0, &pfn);
    return pfn;
}

static ChunkVerdict chunk(Bench *b, guint32 nr, guint32 offset)
{
    guint32 pfn = G_MAXUINT32;
    ChunkVerdict v = window_chunk(b->w, b->now, nr, offset, &pfn);

    g_assert_true((v == CHUNK_FRESH || v == CHUNK_WHOLE) == (pfn != G_MAXUINT32));
    return v;
}

static void whole(Bench *b, guint32 nr)
{
    for (guint32 offset = 0; offset < b->page_size - 1024; offset += 1024)
        g_assert_cmpint(chunk(b, nr, offset), ==, CHUNK_FRESH);
    g_assert_cmpint(chunk(b, nr, b->page_size - 1024), ==, CHUNK_WHOLE);
}

static void test_chunks(void)
{
    static const guint32 sizes[] = {4096, 8192, 16384, 32768, 65536};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_auto(Bench) b = bench(0, 1, sizes[i], LIMIT_IN_FLIGHT);
        guint32 offset = sizes[i];

        g_assert_cmpuint(ask(&b, NULL), ==, 1);
        g_assert_cmpint(chunk(&b, NR, offset), ==, CHUNK_UNKNOWN);
        g_assert_cmpint(chunk(&b, NR, 0xfffffc00), ==, CHUNK_UNKNOWN);
        g_assert_cmpint(chunk(&b, NR + 1, 0), ==, CHUNK_UNKNOWN);
        g_assert_cmpint(chunk(&b, NR - 1, 0), ==, CHUNK_UNKNOWN);
        while (offset > 1024) { /* backwards */
            offset -= 1024;
            g_assert_cmpint(chunk(&b, NR, offset), ==, CHUNK_FRESH);
            g_assert_cmpint(chunk(&b, NR, offset), ==, CHUNK_DUPLICATE);
        }
        g_assert_false(window_all_whole(b.w));
        g_assert_cmpint(chunk(&b, NR, 0), ==, CHUNK_WHOLE);
        g_assert_cmpint(chunk(&b, NR, 0), ==, CHUNK_DUPLICATE);
        g_assert_true(window_all_whole(b.w));
        g_assert_false(window_all_stored(b.w));
        window_stored(b.w, NR);
        g_assert_true(window_all_stored(b.w));
        g_assert_cmpint(chunk(&b, NR, 0), ==, CHUNK_DUPLICATE); /* long done */
        window_stored(b.w, NR);
        g_assert_cmpuint(window_stats(b.w).stored, ==, 1);
        g_assert_cmpuint(window_stats(b.w).unknown, ==, 4);
        g_assert_cmpuint(window_stats(b.w).duplicate_bytes, ==, sizes[i] + 1024);
        g_assert_cmpuint(window_missing_count(b.w), ==, 0);
        g_assert_cmphex(window_nr_end(b.w), ==, NR + 1);
    }
}

/* A page counts as done when it is stored, not when it is here. */
static void test_missing(void)
{
    g_auto(Bench) b = bench(10, 14, 4096, LIMIT_IN_FLIGHT);

    g_assert_cmpuint(lowest_missing(&b, 14), ==, 10);
    g_assert_cmpuint(ask(&b, NULL), ==, 4);
    for (guint32 i = 0; i < 4; i++)
        whole(&b, NR + i);
    g_assert_cmpuint(lowest_missing(&b, 14), ==, 10);
    window_stored(b.w, NR + 1);
    window_stored(b.w, NR + 3);
    g_assert_cmpuint(lowest_missing(&b, 14), ==, 10);
    g_assert_cmpuint(window_missing_count(b.w), ==, 2);
    window_stored(b.w, NR);
    g_assert_cmpuint(lowest_missing(&b, 14), ==, 12);
    window_stored(b.w, NR + 7); /* never asked */
    window_stored(b.w, NR - 7);
    g_assert_false(window_all_stored(b.w));
    window_stored(b.w, NR + 2);
    g_assert_cmpuint(lowest_missing(&b, 14), ==, 14);
    g_assert_true(window_all_stored(b.w));
}

static void test_stored_too_early(void)
{
    g_auto(Bench) b = bench(0, 1, 4096, LIMIT_IN_FLIGHT);

    ask(&b, NULL);
    window_stored(b.w, NR); /* nobody can have stored it */
    g_assert_cmpuint(window_stats(b.w).stored, ==, 0);
    g_assert_cmpuint(lowest_missing(&b, 99), ==, 0);
}

/* Not more than WINDOW_AHEAD pages, nor WINDOW_BYTES, wait for the disk. */
static void test_ahead(gconstpointer data)
{
    guint32 page_size = GPOINTER_TO_UINT(data);
    g_auto(Bench) b = bench(0, 100000, page_size, LIMIT_IN_FLIGHT);
    guint32 next = 0;

    for (guint asked = ask(&b, NULL); next < asked; next++) {
        b.now = mono_add(b.now, SPAN_MS(1));
        whole(&b, NR + next);
        asked += ask(&b, NULL);
        g_assert_cmpuint(window_stats(b.w).in_flight, <=, LIMIT_IN_FLIGHT);
    }
    g_assert_cmpuint(next, ==, MIN(WINDOW_AHEAD, WINDOW_BYTES / page_size));
    g_assert_cmpint(window_deadline(b.w).us, ==, G_MAXINT64);
    window_stored(b.w, NR + 5);
    g_assert_cmpuint(ask(&b, NULL), ==, 0);
    window_stored(b.w, NR);
    g_assert_cmpuint(ask(&b, NULL), ==, 1);
}

static void test_reserved(void)
{
    g_auto(Bench) b = bench(0, 100, 4096, LIMIT_IN_FLIGHT);
    guint32 pfn = 0;

    g_assert_false(window_reserved(b.w, b.now, NR, 50)); /* nothing was asked */
    ask(&b, NULL);                                       /* 0 to 3 */
    g_assert_true(window_reserved(b.w, b.now, NR + 1, 50));
    g_assert_true(window_reserved(b.w, b.now, NR + 1, 0)); /* a duplicate says nothing new */
    g_assert_cmpuint(lowest_missing(&b, 99), ==, 0);
    ask(&b, &pfn);
    g_assert_cmpuint(pfn, >=, 50);
    /* Not above the page itself: just this one. */
    g_assert_true(window_reserved(b.w, b.now, NR + 2, 1));
    g_assert_true(window_reserved(b.w, b.now, NR, 0xffffffff)); /* beyond all pages */
    g_assert_cmpuint(ask(&b, NULL), ==, 0);
    for (guint32 nr = NR; nr != window_nr_end(b.w); nr++)
        window_reserved(b.w, b.now, nr, 0);
    g_assert_true(window_all_stored(b.w));
    g_assert_cmpuint(lowest_missing(&b, 100), ==, 100);
    g_assert_cmpuint(window_stats(b.w).reserved, ==, 100);
    g_assert_cmpuint(window_stats(b.w).unknown, ==, 1);
}

/* A page of which a chunk is here is RAM, whatever anybody says. */
static void test_reserved_lie(void)
{
    g_auto(Bench) b = bench(0, 4, 4096, LIMIT_IN_FLIGHT);

    ask(&b, NULL);
    g_assert_cmpint(chunk(&b, NR, 1024), ==, CHUNK_FRESH);
    window_reserved(b.w, b.now, NR, 0);
    g_assert_cmpint(chunk(&b, NR, 0), ==, CHUNK_FRESH);
    window_reserved(b.w, b.now, NR + 1, 0);
    g_assert_cmpint(chunk(&b, NR + 1, 0), ==, CHUNK_DUPLICATE); /* nor the other way round */
    g_assert_cmpuint(lowest_missing(&b, 99), ==, 0);
}

/* The highest page counts: four billion of them, and one that is RAM. */
static void test_huge(void)
{
    g_auto(Bench) b = bench(0, G_MAXUINT32, 65536, LIMIT_IN_FLIGHT);
    guint32 pfn = 0;

    ask(&b, NULL);
    for (guint32 i = 0; i < FIRST; i++)
        window_reserved(b.w, b.now, NR + i, G_MAXUINT32 - 1);
    g_assert_cmpuint(ask(&b, &pfn), ==, 1);
    g_assert_cmpuint(pfn, ==, G_MAXUINT32 - 1);
    for (guint32 offset = 0; offset < 65536; offset += 1024)
        chunk(&b, NR + FIRST, offset);
    window_stored(b.w, NR + FIRST);
    g_assert_true(window_all_stored(b.w));
    g_assert_cmpuint(window_missing_count(b.w), ==, 0);
}

/* -- losses --------------------------------------------------------------------------------------
 */

static void test_timeout(void)
{
    g_auto(Bench) b = bench(0, 100, 4096, LIMIT_IN_FLIGHT);
    guint32 nr = 0;
    guint32 pfn = 0;

    g_assert_cmpuint(ask(&b, NULL), ==, FIRST);
    g_assert_cmpint(window_deadline(b.w).us, ==, b.now.us + RTO_INITIAL);
    g_assert_cmpint(chunk(&b, NR, 1024), ==, CHUNK_FRESH);
    window_expire(b.w, b.now); /* too early */
    g_assert_cmpuint(window_stats(b.w).timeouts, ==, 0);
    b.now = window_deadline(b.w);
    window_expire(b.w, b.now);
    g_assert_cmpuint(window_stats(b.w).timeouts, ==, 1);
    g_assert_cmpuint(window_stats(b.w).in_flight, ==, 0);
    g_assert_false(window_all_whole(b.w));
    g_assert_true(window_next(b.w, b.now, &nr, &pfn)); /* the same page has the same nr */
    g_assert_true(nr == NR && pfn == 0);
    g_assert_cmpint(window_deadline(b.w).us, ==, b.now.us + 2 * RTO_INITIAL);
    g_assert_cmpint(chunk(&b, NR, 1024), ==, CHUNK_DUPLICATE); /* what is here stays here */
    g_assert_cmpint(chunk(&b, NR, 0), ==, CHUNK_FRESH);
    g_assert_cmpint(chunk(&b, NR + 1, 0), ==, CHUNK_FRESH); /* late, but not too late */
    g_assert_cmpuint(window_stats(b.w).retransmitted, ==, 1);
    for (guint i = 0; i < 10; i++) {
        ask(&b, NULL);
        b.now = window_deadline(b.w);
        window_expire(b.w, b.now);
        g_assert_true(mono_before(b.now, window_deadline(b.w)));
        g_assert_cmpuint(window_stats(b.w).cwnd, ==, i == 0 ? CONGESTION_START : 1);
    }
    ask(&b, NULL);
    g_assert_cmpint(window_deadline(b.w).us, ==, b.now.us + RTO_MAX);
    /* One chunk shows that the path works: no more waiting for seconds. */
    g_assert_cmpint(chunk(&b, NR + 1, 1024), ==, CHUNK_FRESH);
    g_assert_cmpint(window_deadline(b.w).us, ==, b.now.us + RTO_INITIAL);
}

/* A client that is slow is not asked for its whole window again at the first timeout. */
static void test_slow_client(void)
{
    g_auto(Bench) b = bench(0, 1000, 4096, LIMIT_IN_FLIGHT);
    guint in_flight;
    Span rto;

    ask(&b, NULL);
    for (guint32 i = 0; i < 30; i++) {
        b.now = mono_add(b.now, SPAN_MS(1));
        whole(&b, NR + i);
        ask(&b, NULL);
    }
    in_flight = window_stats(b.w).in_flight;
    g_assert_cmpuint(in_flight, >, CONGESTION_START);
    rto = mono_diff(window_deadline(b.w), b.now);

    /* The timer runs from the last new chunk, not from the request. */
    b.now = mono_add(b.now, rto - 1);
    g_assert_cmpint(chunk(&b, NR + 30, 0), ==, CHUNK_FRESH);
    g_assert_cmpint(window_deadline(b.w).us, ==, b.now.us + rto);

    b.now = window_deadline(b.w);
    window_expire(b.w, b.now);
    g_assert_cmpuint(window_stats(b.w).in_flight, ==, in_flight - 1);
    b.now = window_deadline(b.w);
    window_expire(b.w, b.now);
    g_assert_cmpuint(window_stats(b.w).in_flight, ==, 0);
    g_assert_cmpuint(window_stats(b.w).cwnd, ==, 1);
}

/* Answers come in the order of the requests: what is behind shows what is lost. */
static void test_gap(void)
{
    g_auto(Bench) b = bench(0, 1000, 4096, LIMIT_IN_FLIGHT);
    guint32 nr = 0;
    guint32 pfn = 0;

    ask(&b, NULL);
    for (guint32 i = 0; i < 30; i++) {
        whole(&b, NR + i);
        ask(&b, NULL);
    }
    g_assert_cmpuint(window_stats(b.w).in_flight, >, 8);
    for (guint32 i = 31; i < 34; i++)
        whole(&b, NR + i);
    g_assert_cmpuint(window_stats(b.w).retransmitted, ==, 0); /* it may just be late */
    /* Now it is lost; it comes before new pages, as soon as the smaller window has room. */
    whole(&b, NR + 34);
    for (guint32 i = 35; !window_next(b.w, b.now, &nr, &pfn); i++) {
        g_assert_cmpuint(i, <, 45);
        whole(&b, NR + i);
    }
    g_assert_cmpuint(nr, ==, NR + 30);
    g_assert_cmpuint(window_stats(b.w).retransmitted, ==, 1);
    g_assert_cmpuint(window_stats(b.w).timeouts, ==, 0);
    /* The answer to the second request says nothing about those asked in between. */
    whole(&b, NR + 30);
    ask(&b, NULL);
    g_assert_cmpuint(window_stats(b.w).retransmitted, ==, 1);
}

/* So that the last four pages are in flight for the second time, and nothing else is. */
static void lose_the_last_four(Bench *b)
{
    ask(b, NULL);
    for (guint32 i = 0; i < 40; i++) {
        b->now = mono_add(b->now, i < 34 ? 100 : 0);
        if (i < 30 || i >= 34)
            whole(b, NR + i);
        ask(b, NULL);
    }
    g_assert_cmpuint(window_stats(b->w).retransmitted, ==, 4);
    g_assert_cmpuint(window_stats(b->w).in_flight, ==, 4);
}

/* A page lost twice is found by retransmitted pages after it, without the timer. */
static void test_gap_among_retries(void)
{
    g_auto(Bench) b = bench(0, 40, 4096, LIMIT_IN_FLIGHT);

    lose_the_last_four(&b);
    b.now = mono_add(b.now, SPAN_MS(1));
    whole(&b, NR + 31);
    whole(&b, NR + 32);
    whole(&b, NR + 33);
    g_assert_cmpuint(ask(&b, NULL), ==, 1);
    g_assert_cmpuint(window_stats(b.w).retransmitted, ==, 5);
    g_assert_cmpuint(window_stats(b.w).timeouts, ==, 0);
    whole(&b, NR + 30);
    g_assert_true(window_all_whole(b.w));
}

/* Faster than any answer can be, they are those to the first requests. */
static void test_late_answers(void)
{
    g_auto(Bench) b = bench(0, 40, 4096, LIMIT_IN_FLIGHT);

    lose_the_last_four(&b);
    b.now = mono_add(b.now, 10);
    whole(&b, NR + 31);
    whole(&b, NR + 32);
    whole(&b, NR + 33);
    g_assert_cmpuint(ask(&b, NULL), ==, 0);
    g_assert_cmpuint(window_stats(b.w).in_flight, ==, 1);
}

/* Answers come eight at a time, the wrong way round. Returns the oldest page that is in flight; all
 * up to the last one drawn are. */
static guint32 reorder(Bench *b)
{
    guint32 next = 0;
    guint64 before = 0;

    ask(b, NULL);
    for (; next < 200; next++) {
        whole(b, NR + next);
        window_stored(b->w, NR + next);
        b->now = mono_add(b->now, SPAN_MS(1));
        ask(b, NULL);
    }
    for (guint round = 0; round < 20; round++, next += 8) {
        if (round == 10)
            before = window_stats(b->w).retransmitted;
        for (guint32 i = 8; i > 0; i--) {
            whole(b, NR + next + i - 1);
            window_stored(b->w, NR + next + i - 1);
        }
        b->now = mono_add(b->now, SPAN_MS(8));
        ask(b, NULL);
    }
    g_assert_cmpuint(window_stats(b->w).retransmitted, ==, before);
    return next;
}

/* A network that reorders is given more patience. */
static void test_reordering(void)
{
    g_auto(Bench) b = bench(0, 100000, 4096, LIMIT_IN_FLIGHT);
    guint32 next = reorder(&b);

    g_assert_cmpuint(lowest_missing(&b, 0), ==, next);
}

/* A machine that answers 200 requests in order, but for the first one: it is lost. Returns how many
 * answers it took until it was retransmitted. */
static guint answer(Bench *b, GQueue *requests)
{
    guint64 again = window_stats(b->w).retransmitted;
    guint32 nr = 0;
    guint32 pfn = 0;
    guint until = 0;

    for (guint n = 0; n < 200; n++) {
        while (window_next(b->w, b->now, &nr, &pfn))
            g_queue_push_tail(requests, GUINT_TO_POINTER(nr));
        b->now = mono_add(b->now, 100);
        until += window_stats(b->w).retransmitted == again;
        nr = GPOINTER_TO_UINT(g_queue_pop_head(requests));
        for (guint32 offset = 0; n > 0 && offset < b->page_size; offset += 1024)
            if (chunk(b, nr, offset) == CHUNK_WHOLE)
                window_stored(b->w, nr);
    }
    return until;
}

/* But only for a while: where it loses and does not reorder any more, a gap soon tells again. */
static void test_patience_ends(void)
{
    g_auto(Bench) b = bench(0, 100000, 4096, LIMIT_IN_FLIGHT);
    GQueue requests = G_QUEUE_INIT;
    guint32 next = reorder(&b);
    guint first;

    for (guint i = 0; i < window_stats(b.w).in_flight; i++)
        g_queue_push_tail(&requests, GUINT_TO_POINTER(NR + next + i));
    first = answer(&b, &requests);
    for (guint i = 0; i < 80; i++)
        answer(&b, &requests);
    g_assert_cmpuint(answer(&b, &requests), <, first);
    g_assert_cmpuint(window_stats(b.w).timeouts, ==, 0);
    g_queue_clear(&requests);
}

/* The window grows while nothing is lost, shrinks when something is, and never beyond the limit. */
static void test_size(void)
{
    g_auto(Bench) b = bench(0, 100000, 4096, LIMIT_IN_FLIGHT);
    guint32 next = 0;
    guint before = 0;

    ask(&b, NULL);
    for (; next < 200; next++) {
        b.now = mono_add(b.now, 100);
        whole(&b, NR + next);
        window_stored(b.w, NR + next);
        ask(&b, NULL);
        g_assert_cmpuint(window_stats(b.w).in_flight, <=, window_stats(b.w).cwnd);
    }
    before = window_stats(b.w).cwnd;
    g_assert_cmpuint(before, >, 2 * FIRST);
    window_limit(b.w, 7);
    g_assert_cmpuint(window_stats(b.w).cwnd, ==, 7);
    g_assert_cmpuint(ask(&b, NULL), ==, 0);
    window_limit(b.w, 0);
    for (guint n = window_stats(b.w).in_flight; n > 0; n--) {
        whole(&b, NR + next);
        window_stored(b.w, NR + next++);
        g_assert_cmpuint(ask(&b, NULL), ==, 0);
    }
    g_assert_cmpint(window_deadline(b.w).us, ==, G_MAXINT64);
    window_limit(b.w, 1000);
    g_assert_cmpuint(ask(&b, NULL), >, 7);
    g_assert_cmpuint(window_stats(b.w).in_flight, <=, LIMIT_IN_FLIGHT);

    for (guint i = 0; i < 2; i++) {
        b.now = window_deadline(b.w);
        window_expire(b.w, b.now);
    }
    g_assert_cmpuint(window_stats(b.w).cwnd, <=, FIRST);
}

static void test_limits(void)
{
    g_auto(Bench) none = bench(0, 100, 4096, 0);
    g_auto(Bench) many = bench(0, 100, 4096, G_MAXUINT);
    g_auto(Bench) two = bench(0, 100, 4096, 2);

    g_assert_cmpuint(ask(&none, NULL), ==, 1); /* at least one */
    g_assert_cmpuint(ask(&many, NULL), ==, FIRST);
    g_assert_cmpuint(ask(&two, NULL), ==, 2);
    window_limit(two.w, 100);
    g_assert_cmpuint(ask(&two, NULL), ==, 0);
    window_free(NULL);
}

/* After a pause in which answers were dropped: all again, but without blame. */
static void test_restart(void)
{
    g_auto(Bench) b = bench(0, 100, 4096, LIMIT_IN_FLIGHT);
    guint cwnd;

    ask(&b, NULL);
    whole(&b, NR);
    ask(&b, NULL);
    cwnd = window_stats(b.w).cwnd;
    window_restart(b.w);
    g_assert_cmpuint(window_stats(b.w).in_flight, ==, 0);
    g_assert_cmpuint(window_stats(b.w).timeouts, ==, 0);
    g_assert_cmpuint(ask(&b, NULL), ==, cwnd);
    g_assert_cmpuint(window_stats(b.w).retransmitted, >=, FIRST - 1);
    for (guint32 i = 1; i < FIRST; i++)
        whole(&b, NR + i);
    g_assert_cmpint(window_rtt(b.w)->srtt, >, 0);
}

/* A dump whose last pages were stored by a previous instance. */
static void test_nothing_left(void)
{
    g_auto(Bench) b = bench(7, 7, 4096, LIMIT_IN_FLIGHT);

    g_assert_cmpuint(ask(&b, NULL), ==, 0);
    g_assert_true(window_all_stored(b.w));
    g_assert_cmpuint(window_missing_count(b.w), ==, 0);
}

/* -- wanted pages --------------------------------------------------------------------------------
 */

static void assert_next(Bench *b, guint32 want)
{
    guint32 nr = 0;
    guint32 pfn = 0;

    g_assert_true(window_next(b->w, b->now, &nr, &pfn));
    g_assert_cmpuint(pfn, ==, want);
    whole(b, nr);
    window_stored(b->w, nr);
}

static void test_wanted(void)
{
    g_auto(Bench) b = bench(0, 1000, 4096, LIMIT_IN_FLIGHT);

    assert_next(&b, 0);
    g_assert_true(window_want(b.w, 500, 503));
    g_assert_true(window_want(b.w, 1, 3));
    assert_next(&b, 500);
    g_assert_true(window_want(b.w, 501, 504)); /* what is wanted twice comes once */
    assert_next(&b, 501);
    assert_next(&b, 502);
    assert_next(&b, 1);
    assert_next(&b, 2);
    assert_next(&b, 503);
    assert_next(&b, 3);
    g_assert_true(window_want(b.w, 0, 2)); /* done */
    g_assert_true(window_want(b.w, 1000, (guint64)1 << 32));
    g_assert_true(window_want(b.w, 20, 10));
    assert_next(&b, 4);
    g_assert_true(window_want(b.w, 998, (guint64)1 << 32));
    assert_next(&b, 998);
    assert_next(&b, 999);
    assert_next(&b, 5);
    g_assert_cmpuint(window_missing_count(b.w), ==, 1000 - 12);
}

/* Whoever wants too much waits, and nothing is forgotten. */
static void test_wanted_full(void)
{
    g_auto(Bench) b = bench(0, 1000, 4096, LIMIT_IN_FLIGHT);
    guint32 n = 0;

    while (window_want(b.w, 999 - 2 * n, 1000 - 2 * n))
        n++;
    g_assert_cmpuint(n, >=, 16);
    for (guint32 i = 0; i < n; i++) {
        assert_next(&b, 999 - 2 * i);
        g_assert_true(window_want(b.w, 100 + i, 101 + i) == (i > 0));
    }
}

/* What the client says of pages that are not in flight counts for wanted ones as well. */
static void test_wanted_reserved(void)
{
    g_auto(Bench) b = bench(0, 1000, 4096, LIMIT_IN_FLIGHT);
    guint32 nr = 0;
    guint32 pfn = 0;

    g_assert_true(window_want(b.w, 600, 610));
    g_assert_true(window_next(b.w, b.now, &nr, &pfn));
    g_assert_cmpuint(pfn, ==, 600);
    g_assert_true(window_reserved(b.w, b.now, nr, 608));
    assert_next(&b, 608);
    assert_next(&b, 609);
    assert_next(&b, 0);
    g_assert_cmpuint(window_stats(b.w).reserved, ==, 8);
    g_assert_cmpuint(window_missing_count(b.w), ==, 1000 - 11);
    g_assert_true(window_want(b.w, 900, 901));
    g_assert_true(window_next(b.w, b.now, &nr, &pfn));
    g_assert_true(window_reserved(b.w, b.now, nr, 0)); /* none above, but those below */
    g_assert_cmpuint(window_missing_count(b.w), ==, 900 - 11);
    assert_next(&b, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/window/chunks", test_chunks);
    g_test_add_func("/window/missing", test_missing);
    g_test_add_func("/window/stored-too-early", test_stored_too_early);
    g_test_add_data_func("/window/ahead/4k", GUINT_TO_POINTER(4096), test_ahead);
    g_test_add_data_func("/window/ahead/16k", GUINT_TO_POINTER(16384), test_ahead);
    g_test_add_data_func("/window/ahead/64k", GUINT_TO_POINTER(65536), test_ahead);
    g_test_add_func("/window/reserved", test_reserved);
    g_test_add_func("/window/reserved-lie", test_reserved_lie);
    g_test_add_func("/window/huge", test_huge);
    g_test_add_func("/window/timeout", test_timeout);
    g_test_add_func("/window/slow-client", test_slow_client);
    g_test_add_func("/window/gap", test_gap);
    g_test_add_func("/window/gap-among-retries", test_gap_among_retries);
    g_test_add_func("/window/late-answers", test_late_answers);
    g_test_add_func("/window/reordering", test_reordering);
    g_test_add_func("/window/patience-ends", test_patience_ends);
    g_test_add_func("/window/size", test_size);
    g_test_add_func("/window/limits", test_limits);
    g_test_add_func("/window/restart", test_restart);
    g_test_add_func("/window/nothing-left", test_nothing_left);
    g_test_add_func("/window/wanted", test_wanted);
    g_test_add_func("/window/wanted-full", test_wanted_full);
    g_test_add_func("/window/wanted-reserved", test_wanted_reserved);
    return g_test_run();
}
