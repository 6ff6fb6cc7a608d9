/* rate_limit.h - a token bucket: so many at once, and then so many a second.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"

typedef struct {
    guint burst;    /* that may come at once */
    gdouble tokens; /* of these, left */
    Mono at;        /* when they were counted */
} RateLimit;

static inline RateLimit rate_limit_new(guint burst)
{
    return (RateLimit){.burst = burst, .tokens = burst};
}

/* TRUE if one more may come. rate: tokens that come back in a second since the last call; fractions
 * are kept. */
static inline gboolean rate_limit_ready(RateLimit *limit, gdouble rate, Mono now)
{
    gdouble passed = (gdouble)mono_diff(now, limit->at) / 1e6;

    limit->tokens = MIN(limit->burst, limit->tokens + passed * rate);
    limit->at = now;
    return limit->tokens >= 1;
}

/* The same, and a token is gone. */
static inline gboolean rate_limit_take(RateLimit *limit, gdouble rate, Mono now)
{
    if (!rate_limit_ready(limit, rate, now))
        return FALSE;
    limit->tokens--;
    return TRUE;
}
