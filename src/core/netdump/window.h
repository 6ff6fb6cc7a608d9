/* window.h - the pages that were asked for and are not yet on disk.
 *
 * A page passes through the window like this:
 *
 *   drawn from the source -> in flight -> whole (all chunks here) -> stored
 *                              ^   |
 *                              +- lost (asked again before new ones are drawn)
 *
 * The crashed client answers strictly in the order of the requests. So when a chunk of a page that
 * was asked for later arrives, an earlier page that is still not whole has lost something, and is
 * asked for again at once (fast re-request); a timer (rtt.h) covers what has nothing behind it.
 * How much is in flight grows while nothing is lost and shrinks once a round trip when something
 * is, but not below what the path was measured to carry: a lossy line is not a congested one.
 *
 * nr of the request for the k-th page drawn is nr_first + k: never used for another page, used
 * again when the page is asked again (a late chunk of the first answer is as good as one of the
 * second). Memory use is fixed; it does not depend on the number of pages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/rtt.h"
#include "core/netdump/page_source.h"

#define WINDOW_MAX                                                                                 \
    128                  /* pages in flight: half a NIC's receive ring of 256, polled 64 at a time \
                          */
#define WINDOW_START 4   /* pages in flight at first */
#define WINDOW_AHEAD 512 /* pages between the oldest one not stored and the newest asked for, */
#define WINDOW_BYTES (2u << 20) /* and bytes: what a disk that stands still can make us hold */

typedef struct Window Window;

typedef struct {
    guint32 first_pfn; /* 0, or where a resumed dump goes on */
    guint32 nr_pages;  /* one above the last pfn */
    guint32 page_size; /* bytes, a power of two from 4 KiB to 64 KiB */
    guint32 nr_first;
    guint max_in_flight; /* 1..WINDOW_MAX */
} WindowSpec;

typedef struct {
    guint64 answered;      /* requests to which the whole answer came */
    guint64 stored;        /* pages that are on disk */
    guint64 reserved;      /* pages that are no RAM, as far as they were asked for */
    guint64 zero;          /* pages that the client said are zero: holes, and done */
    guint64 retransmitted; /* pages asked for again, each time */
    guint64 duplicate_bytes;
    guint64 unknown;  /* chunks and answers to nothing that we asked */
    guint64 timeouts; /* times that the timer, not a gap, found a loss */
    guint in_flight;
    guint backoff; /* how many times in a row the timer has expired: nothing is coming */
    guint cwnd;    /* how many may be in flight now */
} WindowStats;

typedef enum {
    CHUNK_FRESH,     /* store it */
    CHUNK_WHOLE,     /* store it; with it the page is whole */
    CHUNK_DUPLICATE, /* it is here already */
    CHUNK_UNKNOWN,   /* for a page that was never asked for, or out of the page's range */
} ChunkVerdict;

Window *window_new(const WindowSpec *spec, const Rtt *rtt);
void window_free(Window *w);

/* The next page to ask for now, or FALSE if none may be or need be. It counts as sent. */
gboolean window_next(Window *w, Mono now, guint32 *nr, guint32 *pfn);

/* A chunk of WIRE_CHUNK_SIZE bytes at `offset` of the page asked for with `nr`. *pfn is set for
 * FRESH and WHOLE. */
ChunkVerdict window_chunk(Window *w, Mono now, guint32 nr, guint32 offset, guint32 *pfn);

/* The page of `nr` is no RAM, and none is up to pfn `next`: 0 = none above it, anything not above
 * the page itself = just this one. FALSE if it was not asked for. */
gboolean window_reserved(Window *w, Mono now, guint32 nr, guint32 next);

/* The page of `nr` and those above it, `n` in all, are zero. FALSE if it was not asked for. */
gboolean window_zero(Window *w, Mono now, guint32 nr, guint32 n);

/* The page of `nr`, whole before, is on disk. */
void window_stored(Window *w, guint32 nr);

/* When window_expire() wants to be called; MONO_NEVER if nothing is in flight. */
Mono window_deadline(const Window *w);

/* To be called when the deadline has passed: what is in flight counts as lost. */
void window_expire(Window *w, Mono now);

/* What is in flight counts as lost, without blame: after a pause in which answers were dropped. */
void window_restart(Window *w);

/* The limit that the server as a whole can afford at the moment; 0 = wait for your turn. */
void window_limit(Window *w, guint max_in_flight);

gboolean window_all_whole(const Window *w);  /* every page asked for so far is */
gboolean window_all_stored(const Window *w); /* nothing left to do */

/* Every page below this pfn is stored or no RAM. */
guint32 window_floor(const Window *w);

/* An nr above every nr used so far. */
guint32 window_nr_end(const Window *w);

const Rtt *window_rtt(const Window *w);
WindowStats window_stats(const Window *w);
