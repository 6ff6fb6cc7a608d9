/* window.c - the pages that were requested and are not stored yet.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/window.h"

#include "core/netdump/page_plan.h"
#include "core/netdump/page_ring.h"

#define CHUNK_SHIFT 10 /* log2(WIRE_CHUNK_SIZE) */
#define PAGES_END   ((guint64)1 << 32)

G_STATIC_ASSERT(WINDOW_AHEAD <= PAGE_RING_SIZE);

struct Window {
    PageRing ring;
    PagePlan plan;
    guint64 all_chunks; /* `missing` of a page of which nothing is here */

    Congestion congestion;
    guint32 seq;     /* of the last request sent */
    guint32 heard;   /* the highest seq of which a reply is here */
    Mono timer_from; /* the last time that something new arrived, or that the timer expired */
    guint max, limit;

    WindowStats stats;
};

Window *window_new(const WindowSpec *spec, const Rtt *rtt)
{
    Window *w = g_new0(Window, 1);
    guint chunks = spec->page_size >> CHUNK_SHIFT;

    w->all_chunks = chunks >= 64 ? G_MAXUINT64 : ((guint64)1 << chunks) - 1;
    page_ring_init(&w->ring, MIN(WINDOW_AHEAD, WINDOW_BYTES / spec->page_size), spec->nr_first);
    page_plan_init(&w->plan, spec->missing);
    congestion_init(&w->congestion, rtt);
    w->max = w->limit = CLAMP(spec->max_in_flight, 1, LIMIT_IN_FLIGHT);
    return w;
}

void window_free(Window *w)
{
    if (!w)
        return;
    page_plan_clear(&w->plan);
    g_free(w);
}

static guint in_flight(const Window *w)
{
    return w->ring.lists[PAGE_IN_FLIGHT].n;
}

/* -- what was lost ------------------------------------------------------------------------------
 */

static void find_gaps(Window *w)
{
    RingPage *p = page_ring_first(&w->ring, PAGE_IN_FLIGHT);
    gint32 slack;

    if (!p || (gint32)(w->heard - p->seq) <= 0)
        return; /* as nearly always */
    slack = (gint32)congestion_slack(&w->congestion, in_flight(w));
    for (; p && (gint32)(w->heard - p->seq) > slack;
         p = page_ring_first(&w->ring, PAGE_IN_FLIGHT)) {
        p->fast = TRUE;
        page_ring_set_state(&w->ring, p, PAGE_LOST);
        congestion_back_off(&w->congestion, p->seq, w->seq);
    }
}

/* A reply to the request of `p` is here. If that was sent twice, it may be the reply to the first
 * one, and then it says nothing about requests in between: after a timeout always, after a gap only
 * if it came faster than a reply can. */
static void heard_of(Window *w, const RingPage *p, Mono now)
{
    gboolean to_the_last =
        p->tries == 1 || (p->fast && mono_diff(now, p->sent) >= w->congestion.rtt.min);

    if (to_the_last && (gint32)(p->seq - w->heard) > 0)
        w->heard = p->seq;
}

/* The reply to `p` is whole: a sample, and a reason to request more. */
static void answered(Window *w, RingPage *p, Mono now)
{
    Congestion *c = &w->congestion;
    Span waited = mono_diff(now, p->sent);

    w->stats.answered++;
    if (p->tries == 1)
        rtt_sample(&c->rtt, waited);
    else
        c->rtt.backoff = 0;

    /* Faster than any reply can be: it was late, not lost. So wait longer for the next ones, until
     * some have really been lost. */
    if (p->fast && (p->state == PAGE_LOST || waited < c->rtt.min / 2))
        congestion_was_late(c);
    else if (p->fast)
        congestion_was_lost(c);
    congestion_grow(c, now, in_flight(w));
}

/* -- verbs --------------------------------------------------------------------------------------
 */

static RingPage *draw(Window *w)
{
    guint32 pfn;

    if (page_ring_is_full(&w->ring) || !page_plan_draw(&w->plan, &pfn))
        return NULL;
    return page_ring_add(&w->ring, pfn, w->all_chunks);
}

gboolean window_want(Window *w, guint64 first, guint64 end)
{
    return page_plan_want(&w->plan, first, end);
}

gboolean window_next(Window *w, Mono now, guint32 *nr, guint32 *pfn)
{
    RingPage *p = page_ring_first(&w->ring, PAGE_LOST);

    if (in_flight(w) >= MIN((guint)w->congestion.cwnd, w->limit))
        return FALSE;
    if (p)
        w->stats.retransmitted++;
    else if (!(p = draw(w)))
        return FALSE;

    p->sent = now;
    p->seq = ++w->seq;
    p->tries = (guint8)MIN(p->tries + 1, G_MAXUINT8);
    page_ring_set_state(&w->ring, p, PAGE_IN_FLIGHT);
    *pfn = p->pfn;
    *nr = page_ring_nr(&w->ring, p);
    return TRUE;
}

ChunkVerdict window_chunk(Window *w, Mono now, guint32 nr, guint32 offset, guint32 *pfn)
{
    RingPage *p = page_ring_find(&w->ring, nr);
    guint64 bit = offset >> CHUNK_SHIFT < 64 ? (guint64)1 << (offset >> CHUNK_SHIFT) : 0;

    if (!page_ring_was_drawn(&w->ring, nr) || !(w->all_chunks & bit)) {
        w->stats.unknown++;
        return CHUNK_UNKNOWN;
    }
    if (!p || !(p->missing & bit)) {
        w->stats.duplicate_bytes += (guint64)1 << CHUNK_SHIFT;
        return CHUNK_DUPLICATE;
    }

    *pfn = p->pfn;
    p->missing &= ~bit;
    w->timer_from = now;
    w->congestion.rtt.backoff = 0; /* the path works: what is missing was lost, not late */
    heard_of(w, p, now);
    if (p->missing) {
        find_gaps(w);
        return CHUNK_FRESH;
    }
    answered(w, p, now);
    page_ring_set_state(&w->ring, p, PAGE_WHOLE);
    find_gaps(w);
    return CHUNK_WHOLE;
}

/* Nothing is to be stored for the page of `nr`, and for those up to `next`: 0 = all there are. */
static gboolean leave_out(Window *w, Mono now, guint32 nr, guint32 next, guint64 *count)
{
    RingPage *p = page_ring_find(&w->ring, nr);

    if (!page_ring_was_drawn(&w->ring, nr)) {
        w->stats.unknown++;
        return FALSE;
    }
    /* A page of which chunks are here is RAM, whatever a duplicate or a forger says. */
    if (!p || p->missing != w->all_chunks)
        return TRUE;

    *count += 1 + page_plan_skip(&w->plan, (guint64)p->pfn + 1, next == 0 ? PAGES_END : next);
    heard_of(w, p, now);
    answered(w, p, now);
    p->missing = 0;
    page_ring_set_state(&w->ring, p, PAGE_DONE);
    find_gaps(w);
    return TRUE;
}

gboolean window_reserved(Window *w, Mono now, guint32 nr, guint32 next)
{
    return leave_out(w, now, nr, next, &w->stats.reserved);
}

gboolean window_zero(Window *w, Mono now, guint32 nr, guint32 n)
{
    const RingPage *p = page_ring_find(&w->ring, nr);
    guint32 room = p ? G_MAXUINT32 - p->pfn : 0;

    /* `next` not above the page itself: just this one. */
    return leave_out(w, now, nr, p ? p->pfn + MIN(MAX(n, 1), room) : 1, &w->stats.zero);
}

void window_stored(Window *w, guint32 nr)
{
    RingPage *p = page_ring_find(&w->ring, nr);

    if (p && p->state == PAGE_WHOLE) {
        w->stats.stored++;
        page_ring_set_state(&w->ring, p, PAGE_DONE);
    }
}

/* As in RFC 6298 (5.3) the timer starts again whenever something new arrives: as long as the client
 * works its way towards us, a gap will tell what was lost. */
Mono window_deadline(const Window *w)
{
    guint16 oldest = w->ring.lists[PAGE_IN_FLIGHT].head;
    Mono since;

    if (oldest == PAGE_RING_NONE)
        return MONO_NEVER;
    since = w->ring.pages[oldest].sent;
    if (mono_before(since, w->timer_from))
        since = w->timer_from;
    return mono_add(since, rtt_rto(&w->congestion.rtt));
}

static void lose(Window *w, RingPage *p)
{
    p->fast = FALSE;
    page_ring_set_state(&w->ring, p, PAGE_LOST);
    congestion_back_off(&w->congestion, p->seq, w->seq);
}

void window_expire(Window *w, Mono now)
{
    Span rto = rtt_rto(&w->congestion.rtt);
    RingPage *p = page_ring_first(&w->ring, PAGE_IN_FLIGHT);

    if (!p || mono_before(now, window_deadline(w)))
        return;
    w->stats.timeouts++;
    w->timer_from = now;
    /* The first time it may be that the client was just slow, and a whole window retransmitted
     * would make it slower: only the oldest page is, to see. */
    if (w->congestion.rtt.backoff == 0 && in_flight(w) > CONGESTION_START) {
        lose(w, p);
    } else {
        for (; p && !mono_before(now, mono_add(p->sent, rto));
             p = page_ring_first(&w->ring, PAGE_IN_FLIGHT))
            lose(w, p);
        congestion_collapse(&w->congestion);
    }
    rtt_expired(&w->congestion.rtt);
}

void window_restart(Window *w)
{
    RingPage *p;

    while ((p = page_ring_first(&w->ring, PAGE_IN_FLIGHT)))
        page_ring_set_state(&w->ring, p, PAGE_LOST);
    congestion_restart(&w->congestion);
}

void window_limit(Window *w, guint max_in_flight)
{
    w->limit = MIN(max_in_flight, w->max);
}

gboolean window_all_whole(const Window *w)
{
    return in_flight(w) == 0 && w->ring.lists[PAGE_LOST].n == 0;
}

gboolean window_all_stored(const Window *w)
{
    return w->ring.n_kept == 0 && page_set_is_empty(w->plan.missing);
}

PageSet *window_missing(const Window *w)
{
    PageSet *missing = page_set_copy(w->plan.missing);

    page_ring_add_to(&w->ring, missing);
    return missing;
}

guint64 window_missing_count(const Window *w)
{
    return page_set_count(w->plan.missing) + w->ring.n_kept;
}

guint32 window_nr_end(const Window *w)
{
    return w->ring.nr_first + w->ring.head;
}

const Rtt *window_rtt(const Window *w)
{
    return &w->congestion.rtt;
}

WindowStats window_stats(const Window *w)
{
    WindowStats stats = w->stats;

    stats.in_flight = in_flight(w);
    stats.cwnd = MIN((guint)w->congestion.cwnd, w->limit);
    stats.backoff = w->congestion.rtt.backoff;
    return stats;
}
