/* rtt.h - how long to wait for a reply before retransmitting: RFC 6298 in milliseconds.
 *
 * The RFC's minimum of one second is for the Internet; a crashed client is on a LAN and every
 * second counts, so RTO_MIN tolerates a descheduled peer on a busy two-core host. Only replies to
 * requests that were sent once are samples (Karn).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"

#define RTO_INITIAL SPAN_MS(500)
#define RTO_MIN     SPAN_MS(20)
#define RTO_MAX     SPAN_S(2) /* 30 tries fit into the default client_timeout */

typedef struct {
    Span srtt; /* smoothed round-trip time; 0 = no sample yet */
    Span rttvar;
    Span min;      /* the shortest sample, 0 = no sample yet */
    guint backoff; /* how many times in a row the timer has expired */
} Rtt;

static inline void rtt_sample(Rtt *r, Span sample)
{
    sample = MAX(sample, 1);
    if (r->srtt == 0) {
        r->srtt = sample;
        r->rttvar = sample / 2;
        r->min = sample;
    } else {
        r->rttvar += (ABS(r->srtt - sample) - r->rttvar) / 4;
        r->srtt = MAX(r->srtt + (sample - r->srtt) / 8, 1);
        r->min = MIN(r->min, sample);
    }
    r->backoff = 0;
}

/* The time after which a request is retransmitted, exponential back-off included. */
static inline Span rtt_rto(const Rtt *r)
{
    Span rto = r->srtt == 0 ? RTO_INITIAL : MAX(r->srtt + MAX(4 * r->rttvar, r->srtt), RTO_MIN);

    for (guint i = 0; i < r->backoff && rto < RTO_MAX; i++)
        rto *= 2;
    return MIN(rto, RTO_MAX);
}

static inline void rtt_expired(Rtt *r)
{
    if (r->backoff < 16)
        r->backoff++;
}
