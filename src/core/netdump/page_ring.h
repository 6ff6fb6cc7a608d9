/* page_ring.h - the pages that were drawn and are not done: by request number, and in lists.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/page_set.h"

#define PAGE_RING_SIZE 512
#define PAGE_RING_NONE G_MAXUINT16 /* no index */

/* Pages in the first two states are in a list, in the order in which they came into it. */
typedef enum {
    PAGE_IN_FLIGHT,
    PAGE_LOST,
    PAGE_WHOLE,
    PAGE_DONE,
    PAGE_N_LISTS = PAGE_WHOLE
} PageState;

typedef struct {
    guint64 missing; /* a bit for each chunk that is not here yet */
    Mono sent;       /* when it was requested last */
    guint32 pfn;
    guint32 seq;        /* position of the last request among all requests */
    guint16 prev, next; /* the list's */
    guint8 state;       /* page_ring_set_state() */
    guint8 tries;       /* saturates */
    guint8 fast;        /* found lost by a gap, not by the timer */
} RingPage;

/* Read only for others: counts of the lists, n_kept. */
typedef struct {
    RingPage pages[PAGE_RING_SIZE]; /* the k-th page drawn is pages[k % PAGE_RING_SIZE] */
    guint32 tail, head;             /* k of the oldest page kept, and of the next one drawn */
    guint32 size;                   /* pages that may lie between the two */
    guint32 nr_first;               /* the request for the k-th page has the number nr_first + k */
    struct {
        guint16 head, tail;
        guint n;
    } lists[PAGE_N_LISTS];
    guint n_kept; /* pages that are not done */
} PageRing;

/* size: 1..PAGE_RING_SIZE */
void page_ring_init(PageRing *r, guint32 size, guint32 nr_first);

/* A page that was drawn, whose state is to be set next. The ring must not be full. */
RingPage *page_ring_add(PageRing *r, guint32 pfn, guint64 all_chunks);
void page_ring_set_state(PageRing *r, RingPage *p, PageState state);

/* Adds those that are not done. */
void page_ring_add_to(const PageRing *r, PageSet *set);

/* Called for each chunk that arrives, so inline. */

static inline gboolean page_ring_is_full(const PageRing *r)
{
    return r->head - r->tail >= r->size;
}

static inline RingPage *page_ring_at(PageRing *r, guint32 k)
{
    return &r->pages[k % PAGE_RING_SIZE];
}

static inline guint16 page_ring_index(const PageRing *r, const RingPage *p)
{
    return (guint16)(p - r->pages);
}

/* The first one of a list; NULL: it is empty. */
static inline RingPage *page_ring_first(PageRing *r, PageState state)
{
    guint16 i = r->lists[state].head;

    return i == PAGE_RING_NONE ? NULL : &r->pages[i];
}

/* The page of a request; NULL if it is not kept (any more). */
static inline RingPage *page_ring_find(PageRing *r, guint32 nr)
{
    guint32 k = nr - r->nr_first;

    return k - r->tail < r->head - r->tail ? page_ring_at(r, k) : NULL;
}

static inline gboolean page_ring_was_drawn(const PageRing *r, guint32 nr)
{
    return nr - r->nr_first < r->head;
}

static inline guint32 page_ring_nr(const PageRing *r, const RingPage *p)
{
    return r->nr_first + r->tail + (page_ring_index(r, p) - r->tail) % PAGE_RING_SIZE;
}
