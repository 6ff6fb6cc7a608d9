/* session_rebooting.c - REBOOTING: REBOOT and HELLO until HELLO stays unanswered.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

/* For the reply to the HELLO after a REBOOT: a multiple of the RTO within these limits; twice and
 * four times that later on. */
#define HELLO_WAIT_RTOS 4
#define HELLO_WAIT_MIN  SPAN_MS(150)
#define HELLO_WAIT_MAX  SPAN_MS(250)
#define HELLO_SILENCES  6  /* unanswered in a row: it reboots */
#define LOSSY_SILENCES  16 /* ... if 30 % are lost each way, that many are worth as much */
#define REBOOTS_MAX     40 /* and if it always replies, this is where it ends */

#define PRINTS_FOR SPAN_MS(500) /* after a piece of text: it prints, and hears nothing */
#define PRINTS_MAX SPAN_S(120)  /* ... but text can be forged */

/* How many silences in a row are proof depends on how much this network loses; after a restart of
 * the server nothing is known of that. */
static guint silences_needed(const Netdump *n)
{
    const WindowStats *stats = &n->transfer.stats;
    guint64 repeated = n->base.facts.counters.requests_repeated + stats->retransmitted;
    guint64 pages = stats->stored + stats->zero;

    if (n->base.facts.resumed && pages == 0)
        return LOSSY_SILENCES;
    return 32 * repeated > pages + 3 ? LOSSY_SILENCES : HELLO_SILENCES;
}

static Span hello_wait(const Netdump *n)
{
    Span wait = CLAMP(HELLO_WAIT_RTOS * rtt_rto(&n->rtt), HELLO_WAIT_MIN, HELLO_WAIT_MAX);

    return wait << MIN(3 * n->reboot.silences / silences_needed(n), 2);
}

/* REBOOT has no reply; a reply to the HELLO after it shows that it was lost. */
static void send_reboot(Step *s)
{
    Netdump *n = s->n;

    n->reboot.sent++;
    session_send(s, WIRE_CMD_REBOOT, n->requests.next_nr--, 0, 0);
    session_send(s, WIRE_CMD_HELLO, n->requests.next_nr--, 0, 0);
    n->timer = mono_add(s->now, hello_wait(n));
}

void session_begin_reboot(Step *s)
{
    Netdump *n = s->n;

    requests_close_all(&n->requests);
    n->reboot = (Reboot){.nr = n->requests.next_nr, .since = s->now};
    session_enter(s, NETDUMP_REBOOTING);
    session_journal(s, FALSE);
    send_reboot(s);
}

static void rebooting_on_timer(Step *s)
{
    Netdump *n = s->n;
    guint needed = silences_needed(n);

    if (mono_before(s->now, n->timer))
        return;
    if (++n->reboot.silences < needed && n->reboot.sent < REBOOTS_MAX) {
        send_reboot(s);
        return;
    }
    session_note(s, n->reboot.silences < needed ? NOTE_REBOOT_REFUSED : NOTE_REBOOTED);
    session_close(s, FALSE);
}

/* REBOOT was lost, or the client has not got to it yet; the timer sends the next one. A reply that
 * took longer than the time to the next HELLO counts as well. */
static void rebooting_on_message(Step *s, const WireMessage *m)
{
    Netdump *n = s->n;

    if (m->kind != WIRE_MSG_HELLO || n->reboot.nr - m->nr >= n->reboot.nr - n->requests.next_nr)
        return;
    n->reboot.silences = 0;
    if (n->reboot.sent >= REBOOTS_MAX) {
        session_note(s, NOTE_REBOOT_REFUSED);
        session_close(s, FALSE);
    }
}

/* A client that still prints is deaf, but not gone. */
static void rebooting_on_text(Step *s)
{
    Netdump *n = s->n;

    n->reboot.silences = 0;
    if (mono_diff(s->now, n->reboot.since) < PRINTS_MAX)
        n->timer = mono_add(s->now, PRINTS_FOR);
}

const StateOps session_rebooting = {
    .name = "rebooting",
    .phase = PHASE_REBOOTING,
    .on_message = rebooting_on_message,
    .on_text = rebooting_on_text,
    .on_timer = rebooting_on_timer,
};
