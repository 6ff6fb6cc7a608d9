/* congestion.h - how many requests for memory may be in flight, and when one counts as lost.
 *
 * It grows while nothing is lost and shrinks once a round trip when something is, but not below
 * what the path was measured to carry: a lossy line is not a congested one. Sizes are in pages,
 * which is in requests. A seq is the position of a request among all requests, and may wrap.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/rtt.h"

#define CONGESTION_START 4 /* requests in flight at first */

typedef struct {
    Rtt rtt;
    gdouble cwnd, ssthresh;
    guint32 recover; /* losses up to this seq have been answered by backing off */
    guint slack;     /* positions a reply may be late before its page counts as lost */

    Mono rate_since; /* the running measurement */
    guint rate_pages;
    gdouble rate; /* pages a microsecond, 0 = not known yet */
} Congestion;

void congestion_init(Congestion *c, const Rtt *rtt);

/* A whole reply is here; in_flight: with the request that it answers. */
void congestion_grow(Congestion *c, Mono now, guint in_flight);

/* The request with position `seq` was lost; last_seq: of the last one sent. */
void congestion_back_off(Congestion *c, guint32 seq, guint32 last_seq);

/* The timer has expired and all that was in flight is lost. */
void congestion_collapse(Congestion *c);

/* What follows says nothing about what came before: after a pause. */
void congestion_restart(Congestion *c);

/* Positions a reply may be late now. */
guint congestion_slack(const Congestion *c, guint in_flight);

/* A page that counted as lost was only late; or was lost indeed. */
void congestion_was_late(Congestion *c);
void congestion_was_lost(Congestion *c);
