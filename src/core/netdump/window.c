/* window.c - the pages that were asked for and are not yet on disk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/window.h"

#define CHUNK_SHIFT 10 /* log2(WIRE_CHUNK_SIZE) */
#define NONE        G_MAXUINT16

#define SLACK_START 3  /* positions a page may be late before it counts as lost: TCP's threshold */
#define SLACK_MAX   64 /* ... at most, on a network that was seen to reorder */

#define ENOUGH        32          /* pages: cwnd grows so far on any path */
#define HARMLESS      8           /* pages that even a switch's queue of 32 KiB holds */
#define BACK_OFF      0.7         /* what is left of cwnd after a loss: CUBIC's, RFC 9438 */
#define RATE_INTERVAL SPAN_MS(10) /* the shortest time over which the rate is measured */

typedef enum { ENTRY_IN_FLIGHT, ENTRY_LOST, ENTRY_WHOLE, ENTRY_DONE } EntryState;

typedef struct {
    guint64 missing; /* a bit for each chunk that is not here yet */
    Mono sent;       /* when it was asked for last */
    guint32 pfn;
    guint32 seq;        /* position of the last request among all requests */
    guint16 prev, next; /* in the list of its state */
    guint8 state;
    guint8 tries; /* saturates */
    guint8 fast;  /* found lost by a gap, not by the timer */
} Entry;

typedef struct {
    guint16 head, tail;
} List;

struct Window {
    Entry ring[WINDOW_AHEAD]; /* the entry of the k-th page drawn is ring[k % WINDOW_AHEAD] */
    guint32 tail, head;       /* k of the oldest entry kept, and of the next one to draw */
    guint32 ahead;            /* entries that may be kept: WINDOW_AHEAD, fewer for large pages */
    guint32 nr_first;
    guint64 all_chunks; /* `missing` of a page of which nothing is here */
    PageSource source;
    List in_flight; /* in the order of the requests */
    List lost;      /* in the order in which they were found lost */
    guint n_lost;

    Rtt rtt;
    guint32 seq;     /* of the last request sent */
    guint32 heard;   /* the highest seq of which an answer is here */
    guint32 recover; /* losses up to this seq have been answered by backing off */
    Mono timer_from; /* the last time that something new arrived, or that the timer expired */
    guint slack;
    gdouble cwnd, ssthresh;
    guint max, limit;

    Mono rate_since; /* the running measurement */
    guint rate_pages;
    gdouble rate; /* pages a microsecond, 0 = not known yet */

    WindowStats stats;
};

Window *window_new(const WindowSpec *spec, const Rtt *rtt)
{
    Window *w = g_new0(Window, 1);
    guint chunks = spec->page_size >> CHUNK_SHIFT;

    w->ahead = MIN(WINDOW_AHEAD, WINDOW_BYTES / spec->page_size);
    w->nr_first = spec->nr_first;
    w->all_chunks = chunks >= 64 ? G_MAXUINT64 : ((guint64)1 << chunks) - 1;
    w->source = (PageSource){.next = spec->first_pfn, .end = spec->nr_pages};
    w->in_flight = w->lost = (List){NONE, NONE};
    w->rtt = *rtt;
    w->slack = SLACK_START;
    w->cwnd = WINDOW_START;
    w->ssthresh = WINDOW_MAX;
    w->max = w->limit = CLAMP(spec->max_in_flight, 1, WINDOW_MAX);
    return w;
}

void window_free(Window *w)
{
    g_free(w);
}

/* -- lists ------------------------------------------------------------------------------------ */

static Entry *entry_at(Window *w, guint32 k)
{
    return &w->ring[k % WINDOW_AHEAD];
}

static guint16 index_of(const Window *w, const Entry *e)
{
    return (guint16)(e - w->ring);
}

static void list_append(Window *w, List *l, Entry *e)
{
    guint16 i = index_of(w, e);

    e->prev = l->tail;
    e->next = NONE;
    if (l->tail == NONE)
        l->head = i;
    else
        w->ring[l->tail].next = i;
    l->tail = i;
}

static void list_remove(Window *w, List *l, Entry *e)
{
    if (e->prev == NONE)
        l->head = e->next;
    else
        w->ring[e->prev].next = e->next;
    if (e->next == NONE)
        l->tail = e->prev;
    else
        w->ring[e->next].prev = e->prev;
}

/* Moves an entry from the list of its old state, if any, to that of the new one, if any. */
static void entry_set_state(Window *w, Entry *e, EntryState state)
{
    if (e->state == ENTRY_IN_FLIGHT) {
        list_remove(w, &w->in_flight, e);
        w->stats.in_flight--;
    } else if (e->state == ENTRY_LOST) {
        list_remove(w, &w->lost, e);
        w->n_lost--;
    }
    e->state = (guint8)state;
    if (state == ENTRY_IN_FLIGHT) {
        list_append(w, &w->in_flight, e);
        w->stats.in_flight++;
    } else if (state == ENTRY_LOST) {
        list_append(w, &w->lost, e);
        w->n_lost++;
    }
}

static void entry_done(Window *w, Entry *e)
{
    entry_set_state(w, e, ENTRY_DONE);
    while (w->tail != w->head && entry_at(w, w->tail)->state == ENTRY_DONE)
        w->tail++;
}

/* The entry of a request, NULL if it is not kept (any more). */
static Entry *entry_find(Window *w, guint32 nr)
{
    guint32 k = nr - w->nr_first;

    return k - w->tail < w->head - w->tail ? entry_at(w, k) : NULL;
}

static gboolean was_asked(const Window *w, guint32 nr)
{
    return nr - w->nr_first < w->head;
}

/* -- how much may be in flight ------------------------------------------------------------------
 */

/* What the path holds when it is busy and nothing queues: the measured rate times the shortest
 * round trip. */
static gdouble path_pages(const Window *w)
{
    return w->rate * (gdouble)w->rtt.min;
}

static void measure_rate(Window *w, Mono now)
{
    Span interval = mono_diff(now, w->rate_since);
    gdouble sample;

    if (w->rate_pages++ == 0) {
        w->rate_since = now;
        return;
    }
    if (interval < MAX(RATE_INTERVAL, w->rtt.srtt))
        return;
    sample = (gdouble)(w->rate_pages - 1) / (gdouble)interval;
    w->rate = MAX(sample, (7 * w->rate + sample) / 8);
    w->rate_pages = 0;
}

/* Twice what the path holds is enough to keep it busy; more would only sit in queues. But where a
 * round trip takes less time than we need to wake up, it is us that must be bridged. */
static void grow(Window *w)
{
    gdouble enough = MAX(2 * path_pages(w) + 8, ENOUGH);

    if (w->stats.in_flight + 1 < (guint)w->cwnd || w->cwnd >= enough)
        return;
    w->cwnd += w->cwnd < w->ssthresh ? 1 : 1 / w->cwnd;
    w->cwnd = MIN(w->cwnd, WINDOW_MAX);
}

/* A request with position `seq` was lost. Losses of one round trip count once. */
static void back_off(Window *w, guint32 seq)
{
    gdouble floor = MIN(MAX(1.25 * path_pages(w) + WINDOW_START, HARMLESS), w->cwnd);

    if ((gint32)(seq - w->recover) <= 0)
        return;
    w->recover = w->seq;
    w->cwnd = MAX(MAX(w->cwnd * BACK_OFF, floor), 1);
    w->ssthresh = w->cwnd;
}

/* -- what was lost ------------------------------------------------------------------------------
 */

/* In a small window few pages can come behind a lost one, so fewer must do as evidence. */
static guint slack_now(const Window *w)
{
    return w->slack > SLACK_START ? w->slack : CLAMP(w->stats.in_flight / 2, 1, SLACK_START);
}

static void find_gaps(Window *w)
{
    gint32 slack = (gint32)slack_now(w);

    while (w->in_flight.head != NONE) {
        Entry *e = &w->ring[w->in_flight.head];

        if ((gint32)(w->heard - e->seq) <= slack)
            return;
        e->fast = TRUE;
        entry_set_state(w, e, ENTRY_LOST);
        back_off(w, e->seq);
    }
}

/* An answer to the request of `e` is here. That of a page that was asked for twice may belong to
 * the first time, and then it tells nothing about what was asked in between: after a timeout
 * always, after a gap only if it came faster than an answer can. */
static void heard_of(Window *w, const Entry *e, Mono now)
{
    gboolean to_the_last = e->tries == 1 || (e->fast && mono_diff(now, e->sent) >= w->rtt.min);

    if (to_the_last && (gint32)(e->seq - w->heard) > 0)
        w->heard = e->seq;
}

/* The answer to `e` is whole: a sample, and a reason to ask for more. */
static void answered(Window *w, Entry *e, Mono now)
{
    Span waited = mono_diff(now, e->sent);

    w->stats.answered++;
    if (e->tries == 1)
        rtt_sample(&w->rtt, waited);
    else
        w->rtt.backoff = 0;

    /* Faster than any answer can be: it was late, not lost. So wait longer for the next ones, until
     * some have really been lost. */
    if (e->fast && (e->state == ENTRY_LOST || waited < w->rtt.min / 2))
        w->slack = MIN(2 * w->slack, SLACK_MAX);
    else if (e->fast && w->slack > SLACK_START)
        w->slack--;
    measure_rate(w, now);
    grow(w);
}

/* -- verbs --------------------------------------------------------------------------------------
 */

static Entry *draw(Window *w)
{
    Entry *e = entry_at(w, w->head);
    guint32 pfn;

    if (w->head - w->tail >= w->ahead || !source_draw(&w->source, &pfn))
        return NULL;
    *e = (Entry){.pfn = pfn, .missing = w->all_chunks, .state = ENTRY_DONE};
    w->head++;
    return e;
}

gboolean window_next(Window *w, Mono now, guint32 *nr, guint32 *pfn)
{
    Entry *e;

    if (w->stats.in_flight >= MIN((guint)w->cwnd, w->limit))
        return FALSE;
    if (w->lost.head != NONE) {
        e = &w->ring[w->lost.head];
        w->stats.retransmitted++;
    } else if (!(e = draw(w))) {
        return FALSE;
    }

    e->sent = now;
    e->seq = ++w->seq;
    e->tries = (guint8)MIN(e->tries + 1, G_MAXUINT8);
    entry_set_state(w, e, ENTRY_IN_FLIGHT);
    *pfn = e->pfn;
    *nr = w->nr_first + w->tail + (index_of(w, e) - w->tail) % WINDOW_AHEAD;
    return TRUE;
}

ChunkVerdict window_chunk(Window *w, Mono now, guint32 nr, guint32 offset, guint32 *pfn)
{
    Entry *e = entry_find(w, nr);
    guint64 bit = offset >> CHUNK_SHIFT < 64 ? (guint64)1 << (offset >> CHUNK_SHIFT) : 0;

    if (!was_asked(w, nr) || !(w->all_chunks & bit)) {
        w->stats.unknown++;
        return CHUNK_UNKNOWN;
    }
    if (!e || !(e->missing & bit)) {
        w->stats.duplicate_bytes += (guint64)1 << CHUNK_SHIFT;
        return CHUNK_DUPLICATE;
    }

    *pfn = e->pfn;
    e->missing &= ~bit;
    w->timer_from = now;
    w->rtt.backoff = 0; /* the path works: what is missing was lost, not late */
    heard_of(w, e, now);
    if (e->missing) {
        find_gaps(w);
        return CHUNK_FRESH;
    }
    answered(w, e, now);
    entry_set_state(w, e, ENTRY_WHOLE);
    find_gaps(w);
    return CHUNK_WHOLE;
}

/* Nothing is to be stored for the page of `nr`, and for those up to `next`: 0 = all there are. */
static gboolean leave_out(Window *w, Mono now, guint32 nr, guint32 next, guint64 *count)
{
    Entry *e = entry_find(w, nr);
    guint32 before = w->source.next;

    if (!was_asked(w, nr)) {
        w->stats.unknown++;
        return FALSE;
    }
    /* A page of which chunks are here is RAM, whatever a duplicate or a forger says. */
    if (!e || e->missing != w->all_chunks)
        return TRUE;

    if (next == 0 || next > e->pfn)
        source_skip(&w->source, next);
    *count += 1 + (w->source.next - before);
    heard_of(w, e, now);
    answered(w, e, now);
    e->missing = 0;
    entry_done(w, e);
    find_gaps(w);
    return TRUE;
}

gboolean window_reserved(Window *w, Mono now, guint32 nr, guint32 next)
{
    return leave_out(w, now, nr, next, &w->stats.reserved);
}

gboolean window_zero(Window *w, Mono now, guint32 nr, guint32 n)
{
    const Entry *e = entry_find(w, nr);
    guint32 room = e ? G_MAXUINT32 - e->pfn : 0;

    /* `next` not above the page itself: just this one. */
    return leave_out(w, now, nr, e ? e->pfn + MIN(MAX(n, 1), room) : 1, &w->stats.zero);
}

void window_stored(Window *w, guint32 nr)
{
    Entry *e = entry_find(w, nr);

    if (e && e->state == ENTRY_WHOLE) {
        w->stats.stored++;
        entry_done(w, e);
    }
}

/* As in RFC 6298 (5.3) the timer starts again whenever something new arrives: as long as the client
 * works its way towards us, a gap will tell what was lost. */
Mono window_deadline(const Window *w)
{
    Mono since;

    if (w->in_flight.head == NONE)
        return MONO_NEVER;
    since = w->ring[w->in_flight.head].sent;
    if (mono_before(since, w->timer_from))
        since = w->timer_from;
    return mono_add(since, rtt_rto(&w->rtt));
}

static void lose(Window *w, Entry *e)
{
    e->fast = FALSE;
    entry_set_state(w, e, ENTRY_LOST);
    back_off(w, e->seq);
}

void window_expire(Window *w, Mono now)
{
    Span rto = rtt_rto(&w->rtt);

    if (mono_before(now, window_deadline(w)))
        return;
    w->stats.timeouts++;
    w->timer_from = now;
    /* The first time it may be that the client was just slow, and a whole window asked again would
     * make it slower: only the oldest page is, to see. */
    if (w->rtt.backoff == 0 && w->stats.in_flight > WINDOW_START) {
        lose(w, &w->ring[w->in_flight.head]);
    } else {
        while (w->in_flight.head != NONE &&
               !mono_before(now, mono_add(w->ring[w->in_flight.head].sent, rto)))
            lose(w, &w->ring[w->in_flight.head]);
        w->cwnd = w->rtt.backoff > 0 ? 1 : MIN(w->cwnd, WINDOW_START);
    }
    rtt_expired(&w->rtt);
}

void window_restart(Window *w)
{
    while (w->in_flight.head != NONE)
        entry_set_state(w, &w->ring[w->in_flight.head], ENTRY_LOST);
    w->rtt.backoff = 0;
    w->rate_pages = 0;
}

void window_limit(Window *w, guint max_in_flight)
{
    w->limit = MIN(max_in_flight, w->max);
}

gboolean window_all_whole(const Window *w)
{
    return w->stats.in_flight == 0 && w->n_lost == 0;
}

gboolean window_all_stored(const Window *w)
{
    return source_empty(&w->source) && w->tail == w->head;
}

guint32 window_floor(const Window *w)
{
    return w->tail == w->head ? w->source.next : w->ring[w->tail % WINDOW_AHEAD].pfn;
}

guint32 window_nr_end(const Window *w)
{
    return w->nr_first + w->head;
}

const Rtt *window_rtt(const Window *w)
{
    return &w->rtt;
}

WindowStats window_stats(const Window *w)
{
    WindowStats stats = w->stats;

    stats.cwnd = MIN((guint)w->cwnd, w->limit);
    stats.backoff = w->rtt.backoff;
    return stats;
}
