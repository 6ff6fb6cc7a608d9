/* session_patience.c - what becomes of a client when nothing comes, or too little.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_internal.h"

/* In so many client_timeouts a machine must have brought a page for each SLOW_PAGE of them, or all
 * answers before the first page. (At 4 KiB/s a GiB takes three days: nobody waits for that.) */
#define SLOW_TIMEOUTS 5
#define SLOW_PAGE     SPAN_S(1)

/* In these states a machine that says nothing is a reason to end. */
static gboolean is_awaited(const Session *c)
{
    SessionState state = c->facts.state;

    return (state == SESSION_CALLED || state == SESSION_RESUMING || state == SESSION_ASKING ||
            state == SESSION_DUMPING) &&
           session_waits(c);
}

static Mono silence_deadline(const Session *c)
{
    return mono_add(c->heard, c->spec.client_timeout);
}

/* A machine that says a word now and then is not silent, but could hold its slot for ever. */
static Mono slow_deadline(const Session *c)
{
    return mono_add(c->got_since, SLOW_TIMEOUTS * c->spec.client_timeout);
}

Mono time_patience(const Session *c)
{
    return is_awaited(c) ? mono_min(silence_deadline(c), slow_deadline(c)) : MONO_NEVER;
}

static gboolean is_slow(const Session *c)
{
    Span span = SLOW_TIMEOUTS * c->spec.client_timeout;

    return c->facts.state != SESSION_DUMPING ||
           c->got - c->got_before < (guint64)(span / SLOW_PAGE);
}

/* FALSE if that was the end of it. */
static gboolean check_patience(Step *s)
{
    Session *c = s->c;

    if (mono_before(s->now, time_patience(c)))
        return TRUE;
    if (!mono_before(s->now, silence_deadline(c))) {
        end_give_up(s, c->facts.state == SESSION_CALLED ? REASON_UNREACHABLE : REASON_SILENT);
        return FALSE;
    }
    if (is_slow(c)) {
        end_give_up(s, REASON_SLOW);
        return FALSE;
    }
    step_measure(s);
    return TRUE;
}

static void ask_again(Step *s)
{
    Session *c = s->c;

    for (guint i = 0; i < REQUESTS_COMMANDS; i++)
        if (mono_before(s->now, requests_again(&c->asks.by_command[i], &c->rtt)))
            continue;
        else if (c->facts.state == SESSION_CALLED)
            dump_call_again(s);
        else
            step_send_ask(s, (WireCommand)i);
}

void time_on_timer(Step *s)
{
    Session *c = s->c;

    if (c->facts.state == SESSION_REBOOTING) {
        end_check_reboot(s);
        return;
    }
    if (!check_patience(s))
        return;
    ask_again(s);
    if (c->facts.state == SESSION_DUMPING && !mono_before(s->now, window_deadline(c->window)))
        window_expire(c->window, s->now);
}
