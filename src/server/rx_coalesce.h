/* rx_coalesce.h - how long to rest before the socket is drained.
 *
 * A wake-up for each datagram or two costs more than the datagrams. So when something has come the
 * loop rests a little and takes more at once. The clients that reply must not run out of requests
 * meanwhile, and how long a rest really takes cannot be known: on a busy or a virtual host a timer
 * is late by more than the rest itself. So the rest is as long as was seen to do no harm. Each turn
 * measures the part of the requests in flight that has been answered: if it is small, the delay
 * grows; if it is large, a client was about to be idle, and the delay shrinks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/clients.h"

#define RX_COALESCE_MIN (SPAN_MS(1) / 50) /* shorter ones are not worth the system call */
#define RX_COALESCE_MAX (SPAN_MS(1) / 2)  /* at 100 Mbit it catches five datagrams */

#define RX_COALESCE_LITTLE 0.5 /* of the requests in flight answered in a turn: rest longer */
#define RX_COALESCE_MOST   0.7 /* ... rest less */

typedef struct {
    Span next;     /* below RX_COALESCE_MIN: none */
    GArray *marks; /* of RxMark; NULL before the first */
} RxCoalesce;

void rx_coalesce_clear(RxCoalesce *rx);

/* To be called before the socket is drained: remembers which requests for memory are in flight. */
void rx_coalesce_mark(RxCoalesce *rx, const Clients *clients);

/* What part of them has been answered since, 0..1; -1 if no reply has come. If clients differ, each
 * reply counts for the part that its own client has worked off: the one that is about to run out of
 * requests counts, not one with many left. */
gdouble rx_coalesce_answered(const RxCoalesce *rx, const Clients *clients);

/* How long to rest now; 0 = not at all. */
static inline Span rx_coalesce_span(const RxCoalesce *rx)
{
    return rx->next >= RX_COALESCE_MIN ? rx->next : 0;
}

/* answered: 0..1. If the shortest rest does harm already, the next try is 20 turns away. */
static inline void rx_coalesce_learn(RxCoalesce *rx, gdouble answered)
{
    if (answered <= RX_COALESCE_LITTLE)
        rx->next = MIN(rx->next + (rx->next < RX_COALESCE_MIN ? 1 : 4), RX_COALESCE_MAX);
    else if (answered > RX_COALESCE_MOST)
        rx->next = rx->next > RX_COALESCE_MIN * 8 / 7 ? rx->next * 7 / 8 : 0;
}
