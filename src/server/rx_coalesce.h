/* rx_coalesce.h - how long to rest before the socket is drained.
 *
 * A wake-up for each datagram or two costs more than the datagrams. So when something has come we
 * rest a little, and take more at once. The machines that answer must not run out of requests
 * meanwhile, and nobody can know beforehand how long a rest really takes: on a busy or a virtual
 * host an alarm is late by more than the rest itself. So the rest is what was seen to do no harm.
 * After each turn the loop tells what part of the requests that were open before it has been
 * answered: where little was, rests grow; where most was, a machine was about to be idle, and they
 * shrink.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"

#define RX_COALESCE_MIN (SPAN_MS(1) / 50) /* shorter ones are not worth the system call */
#define RX_COALESCE_MAX (SPAN_MS(1) / 2)  /* at 100 Mbit it catches five datagrams */

#define RX_COALESCE_LITTLE 0.5 /* of the open requests answered in a turn: it may be longer */
#define RX_COALESCE_MOST   0.7 /* ... and there was not enough */

typedef struct {
    Span next; /* below RX_COALESCE_MIN: none */
} RxCoalesce;

/* How long to rest now; 0 = not at all. */
static inline Span rx_coalesce_span(const RxCoalesce *nap)
{
    return nap->next >= RX_COALESCE_MIN ? nap->next : 0;
}

/* answered: 0..1. Where the shortest rest does harm already, the next try is 20 turns away. */
static inline void rx_coalesce_learn(RxCoalesce *nap, gdouble answered)
{
    if (answered <= RX_COALESCE_LITTLE)
        nap->next = MIN(nap->next + (nap->next < RX_COALESCE_MIN ? 1 : 4), RX_COALESCE_MAX);
    else if (answered > RX_COALESCE_MOST)
        nap->next = nap->next > RX_COALESCE_MIN * 8 / 7 ? nap->next * 7 / 8 : 0;
}
