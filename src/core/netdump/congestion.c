/* congestion.c - how many requests for memory may be in flight, and when one counts as lost.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/congestion.h"

#include "core/base/limits.h"

#define SLACK_START 3  /* TCP's threshold */
#define SLACK_MAX   64 /* on a network that was seen to reorder */

#define ENOUGH        32          /* pages: cwnd grows so far on any path */
#define HARMLESS      8           /* pages that even a switch's queue of 32 KiB holds */
#define BACK_OFF      0.7         /* what is left of cwnd after a loss: CUBIC's, RFC 9438 */
#define RATE_INTERVAL SPAN_MS(10) /* the shortest time over which the rate is measured */

void congestion_init(Congestion *c, const Rtt *rtt)
{
    *c = (Congestion){
        .rtt = *rtt, .cwnd = CONGESTION_START, .ssthresh = LIMIT_IN_FLIGHT, .slack = SLACK_START};
}

/* What the path holds when it is busy and nothing queues: the measured rate times the shortest
 * round trip. */
static gdouble path_pages(const Congestion *c)
{
    return c->rate * (gdouble)c->rtt.min;
}

static void measure_rate(Congestion *c, Mono now)
{
    Span interval = mono_diff(now, c->rate_since);
    gdouble sample;

    if (c->rate_pages++ == 0) {
        c->rate_since = now;
        return;
    }
    if (interval < MAX(RATE_INTERVAL, c->rtt.srtt))
        return;
    sample = (gdouble)(c->rate_pages - 1) / (gdouble)interval;
    c->rate = MAX(sample, (7 * c->rate + sample) / 8);
    c->rate_pages = 0;
}

/* Twice what the path holds is enough to keep it busy; more would only sit in queues. But if a
 * round trip takes less time than we need to wake up, it is our sleep that must be bridged. */
void congestion_grow(Congestion *c, Mono now, guint in_flight)
{
    gdouble enough;

    measure_rate(c, now);
    enough = MAX(2 * path_pages(c) + 8, ENOUGH);
    if (in_flight + 1 < (guint)c->cwnd || c->cwnd >= enough)
        return;
    c->cwnd += c->cwnd < c->ssthresh ? 1 : 1 / c->cwnd;
    c->cwnd = MIN(c->cwnd, LIMIT_IN_FLIGHT);
}

/* Losses of one round trip count once. */
void congestion_back_off(Congestion *c, guint32 seq, guint32 last_seq)
{
    gdouble floor = MIN(MAX(1.25 * path_pages(c) + CONGESTION_START, HARMLESS), c->cwnd);

    if ((gint32)(seq - c->recover) <= 0)
        return;
    c->recover = last_seq;
    c->cwnd = MAX(MAX(c->cwnd * BACK_OFF, floor), 1);
    c->ssthresh = c->cwnd;
}

void congestion_collapse(Congestion *c)
{
    c->cwnd = c->rtt.backoff > 0 ? 1 : MIN(c->cwnd, CONGESTION_START);
}

void congestion_restart(Congestion *c)
{
    c->rtt.backoff = 0;
    c->rate_pages = 0;
}

/* In a small window few pages can come after a lost one, so fewer must do as evidence. */
guint congestion_slack(const Congestion *c, guint in_flight)
{
    return c->slack > SLACK_START ? c->slack : CLAMP(in_flight / 2, 1, SLACK_START);
}

void congestion_was_late(Congestion *c)
{
    c->slack = MIN(2 * c->slack, SLACK_MAX);
}

void congestion_was_lost(Congestion *c)
{
    if (c->slack > SLACK_START)
        c->slack--;
}
