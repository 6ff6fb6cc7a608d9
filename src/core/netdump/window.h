/* window.h - the pages that were requested and are not stored yet.
 *
 * A page passes through the window like this:
 *
 *   missing -> drawn: in flight -> whole (all chunks here) -> stored
 *                       ^   |
 *                       +- lost (retransmitted before new ones are drawn)
 *
 * Wanted pages are drawn first, then the others in ascending order. The client replies strictly in
 * the order of the requests. So when a chunk of a page that was requested later arrives, an earlier
 * page that is still not whole has lost something, and is retransmitted at once; a timer (rtt.h)
 * covers what has nothing after it. congestion.h says how much is in flight.
 *
 * nr of the request for the k-th page drawn is nr_first + k, also when it is retransmitted: a late
 * chunk of the first reply is as good as one of the second. Memory: `missing` and a fixed part.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/page_set.h"
#include "core/netdump/congestion.h"

#define WINDOW_START CONGESTION_START
#define WINDOW_AHEAD 512        /* pages between the oldest not stored and the newest drawn, */
#define WINDOW_BYTES (2u << 20) /* and bytes: what a disk that stands still can make us hold */

typedef struct Window Window;

typedef struct {
    PageSet *missing;  /* pages to be requested; the window takes it over */
    guint32 page_size; /* bytes, a power of two from 4 KiB to 64 KiB */
    guint32 nr_first;
    guint max_in_flight; /* 1..LIMIT_IN_FLIGHT */
} WindowSpec;

typedef struct {
    guint64 answered;      /* requests of which the whole reply came */
    guint64 stored;        /* pages that are on disk */
    guint64 reserved;      /* pages that are no RAM */
    guint64 zero;          /* pages that the client said are zero: holes, and done */
    guint64 retransmitted; /* requests sent again, each time */
    guint64 duplicate_bytes;
    guint64 unknown;  /* chunks and replies to no request of ours */
    guint64 timeouts; /* times that the timer, not a gap, found a loss */
    guint in_flight;
    guint backoff; /* how many times in a row the timer has expired: nothing is coming */
    guint cwnd;    /* how many may be in flight now */
} WindowStats;

typedef enum {
    CHUNK_FRESH,     /* store it */
    CHUNK_WHOLE,     /* store it; with it the page is whole */
    CHUNK_DUPLICATE, /* it is here already */
    CHUNK_UNKNOWN,   /* for a page that was never requested, or out of the page's range */
} ChunkVerdict;

Window *window_new(const WindowSpec *spec, const Rtt *rtt);
void window_free(Window *w);

/* Someone waits for pages first..end-1: they come before all others, first come first served. Those
 * that are not missing are skipped. FALSE if too many ranges are wanted already. */
gboolean window_want(Window *w, guint64 first, guint64 end);

/* The next page to request now, or FALSE if none may be or need be. It counts as sent. */
gboolean window_next(Window *w, Mono now, guint32 *nr, guint32 *pfn);

/* A chunk of WIRE_CHUNK_SIZE bytes at `offset` of the page requested with `nr`. *pfn is set for
 * FRESH and WHOLE. */
ChunkVerdict window_chunk(Window *w, Mono now, guint32 nr, guint32 offset, guint32 *pfn);

/* The page of `nr` is no RAM, and none is up to pfn `next`: 0 = none above it, anything not above
 * the page itself = just this one. FALSE if it was not requested. */
gboolean window_reserved(Window *w, Mono now, guint32 nr, guint32 next);

/* The page of `nr` and those above it, `n` in all, are zero. FALSE if it was not requested. */
gboolean window_zero(Window *w, Mono now, guint32 nr, guint32 n);

void window_stored(Window *w, guint32 nr); /* the page of `nr`, whole before, is on disk */

/* When window_expire() wants to be called; MONO_NEVER if nothing is in flight. */
Mono window_deadline(const Window *w);

/* The deadline has passed: what is in flight counts as lost. */
void window_expire(Window *w, Mono now);
/* What is in flight counts as lost, without blame: after a pause in which replies were dropped. */
void window_restart(Window *w);

/* The limit that all clients together allow this one at the moment; 0 = none now. */
void window_limit(Window *w, guint max_in_flight);

gboolean window_all_whole(const Window *w);  /* every page drawn so far is */
gboolean window_all_stored(const Window *w); /* nothing left to do */
/* Pages that are not done: neither stored nor known to be none of RAM, whether requested or not. A
 * new set, the caller's. The count costs nothing. */
PageSet *window_missing(const Window *w);
guint64 window_missing_count(const Window *w);
guint32 window_nr_end(const Window *w); /* above every nr used so far */
const Rtt *window_rtt(const Window *w);
WindowStats window_stats(const Window *w);
