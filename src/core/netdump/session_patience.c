/* session_patience.c - clients that are silent, or too slow, or that crash again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_step.h"

/* In this many client_timeouts a client must deliver a page for each SLOW_PAGE, or all replies
 * before the first page. (At 4 KiB/s a GiB takes three days.) */
#define SLOW_TIMEOUTS 5
#define SLOW_PAGE     SPAN_S(1)

#define STARTS_CRASH 3         /* so many STARTs ... */
#define STARTS_SPAN  SPAN_S(5) /* ... over such a time without a reply: it crashed again */

static Mono silence_deadline(const Netdump *n)
{
    return mono_add(n->heard, n->spec.client_timeout);
}

/* A client that replies now and then is not silent, but could hold its slot forever. */
static Mono slow_deadline(const Netdump *n)
{
    return mono_add(n->progress.since, SLOW_TIMEOUTS * n->spec.client_timeout);
}

Mono session_patience(const Netdump *n)
{
    return session_awaits_reply(n) ? mono_min(silence_deadline(n), slow_deadline(n)) : MONO_NEVER;
}

static gboolean is_slow(const Netdump *n)
{
    Span span = SLOW_TIMEOUTS * n->spec.client_timeout;

    return n->progress.pages - n->progress.pages_before < (guint64)MAX(span / SLOW_PAGE, 1);
}

gboolean session_check_patience(Step *s, SessionReason silence)
{
    const Netdump *n = s->n;

    if (mono_before(s->now, session_patience(n)))
        return TRUE;
    if (!mono_before(s->now, silence_deadline(n))) {
        session_give_up(s, silence);
        return FALSE;
    }
    if (is_slow(n)) {
        session_give_up(s, REASON_SLOW);
        return FALSE;
    }
    session_measure(s);
    return TRUE;
}

/* A client that still dumps answers HELLO; one that has crashed again drops it and repeats START.
 */
void session_probe_restart(Step *s, G_GNUC_UNUSED const WireStart *start)
{
    Netdump *n = s->n;
    RestartProbe *probe = &n->probe;

    if (n->followup == FOLLOWUP_NONE)
        return;
    if (probe->starts++ == 0)
        probe->since = s->now;
    if (probe->starts >= STARTS_CRASH && mono_diff(s->now, probe->since) >= STARTS_SPAN) {
        session_recrashed(s);
    } else if (!requests_is_open(&n->requests, WIRE_CMD_HELLO) &&
               mono_diff(s->now, probe->probed) >= PROBE_PAUSE) {
        probe->probed = s->now;
        session_request(s, WIRE_CMD_HELLO, 0, 0);
    }
}
