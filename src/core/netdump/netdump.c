/* netdump.c - the netdump protocol as a SessionOps: one crashed client as a state machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/netdump.h"

#include "core/netdump/journal_v1.h"
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

/* Session.deadline has to be computed: a time that no deadline has. */
#define DEADLINE_UNKNOWN ((Mono){G_MININT64})

static const StateOps *const states[NETDUMP_N_STATES] = {
    [NETDUMP_NEW] = &session_new,
    [NETDUMP_CALLED] = &session_called,
    [NETDUMP_RESUMING] = &session_resuming,
    [NETDUMP_ASKING] = &session_asking,
    [NETDUMP_PREPARING] = &session_preparing,
    [NETDUMP_DUMPING] = &session_dumping,
    [NETDUMP_STALLED] = &session_stalled,
    [NETDUMP_ENDING] = &session_ending,
    [NETDUMP_WAITING] = &session_waiting,
    [NETDUMP_REBOOTING] = &session_rebooting,
    [NETDUMP_CLOSED] = &session_closed,
};

/* -- datagrams ----------------------------------------------------------------------------------
 */

static void take_text(Step *s, ActionKind kind, const guint8 *text, gsize len)
{
    const StateOps *state = states[s->n->state];

    if (len > 0)
        session_emit(s, (Action){.kind = kind, .text = {text, len}});
    if (state->on_text)
        state->on_text(s);
}

/* From the client's own port. */
static void on_own_text(Step *s, const WireMessage *m)
{
    if (wire_text_announces_start(m->data, m->len))
        session_emit_kind(s, ACTION_BOOTED);
    take_text(s, s->n->base.facts.dir == DIR_OPEN ? ACTION_LOG_TEXT : ACTION_CONSOLE_TEXT, m->data,
              m->len);
}

static void on_datagram(Step *s, const Event *event)
{
    const StateOps *state = states[s->n->state];
    WireMessage m;
    DatagramFault fault = wire_parse(event->data, event->len, &m);

    if (fault != DATAGRAM_OK)
        session_emit(s, (Action){.kind = ACTION_MALFORMED, .fault = fault});
    else if (m.kind == WIRE_MSG_TEXT)
        on_own_text(s, &m);
    else if (m.kind == WIRE_MSG_START && state->on_start)
        state->on_start(s, &m.start);
    else if (m.kind != WIRE_MSG_START && state->on_message)
        state->on_message(s, &m);
}

/* From other ports; without a directory the console store has it already. */
static void on_text(Step *s, const Event *event)
{
    take_text(s, ACTION_LOG_TEXT, event->data, s->n->base.facts.dir == DIR_OPEN ? event->len : 0);
}

/* -- other events that every state takes --------------------------------------------------------
 */

static void on_timer(Step *s, G_GNUC_UNUSED const Event *event)
{
    Netdump *n = s->n;
    const StateOps *state = states[n->state];

    if (state->silence != REASON_NONE && !session_check_patience(s, state->silence))
        return;
    for (guint i = 0; i < REQUESTS_COMMANDS; i++)
        if (mono_before(s->now, requests_due(&n->requests.by_command[i], &n->rtt)))
            continue;
        else if (state->resend)
            state->resend(s, (WireCommand)i);
        else
            session_resend(s, (WireCommand)i);
    if (state->on_timer)
        state->on_timer(s);
}

static void on_slot(Step *s, const Event *event)
{
    s->n->slot = event->ok ? SLOT_GRANTED : SLOT_DENIED;
}

static void on_dir(Step *s, const Event *event)
{
    const StateOps *state = states[s->n->state];

    s->n->base.facts.dir = event->err ? DIR_FAILED : DIR_OPEN;
    if (!event->err) {
        session_journal(s, FALSE);
        session_run_hook(s, SESSION_HOOK_CRASH);
    } else if (state->on_done) {
        state->on_done(s, event);
    }
}

static void on_stored(Step *s, const Event *event)
{
    Netdump *n = s->n;

    if (!n->transfer.window)
        return;
    for (guint i = 0; i < event->n; i++)
        window_stored(n->transfer.window, event->cookies[i]);
    if (event->n > 0)
        n->base.facts.last_stored = s->now;
}

static void on_finished(Step *s, const Event *event)
{
    session_finished(s, event->err);
}

static void on_shutdown(Step *s, G_GNUC_UNUSED const Event *event)
{
    Netdump *n = s->n;
    SessionFacts *f = &n->base.facts;

    if (n->outcome != RECORD_REBOOTING)
        f->result = RESULT_INTERRUPTED;
    if (f->file_state == FILE_OPEN)
        session_emit_kind(s, ACTION_FLUSH);
    /* It is neither in a journal nor in the record of pending clients, so it must not be left
     * waiting. */
    if (f->dir != DIR_OPEN && n->outcome == RECORD_REBOOTING)
        session_send(s, WIRE_CMD_REBOOT, n->requests.next_nr--, 0, 0);
    session_journal(s, TRUE);
    session_close(s, TRUE);
}

/* What is not here is for the state alone. */
static void (*const handlers[EVENT_N])(Step *s, const Event *event) = {
    [EVENT_DATAGRAM] = on_datagram, [EVENT_TEXT] = on_text,         [EVENT_TIMER] = on_timer,
    [EVENT_SLOT] = on_slot,         [EVENT_DIR] = on_dir,           [EVENT_STORED] = on_stored,
    [EVENT_FINISHED] = on_finished, [EVENT_SHUTDOWN] = on_shutdown,
};

/* -- SessionOps ---------------------------------------------------------------------------------
 */

/* A state that is entered settles as well, in the same step. */
static void settle(Step *s)
{
    NetdumpState state;

    do {
        state = s->n->state;
        if (states[state]->settle)
            states[state]->settle(s);
    } while (s->n->state != state);
}

static void publish(Netdump *n)
{
    n->base.facts.state = states[n->state]->name;
    n->base.facts.phase = states[n->state]->phase;
    session_publish(n);
}

static void netdump_step(Session *base, Mono now, const Event *event, GArray *actions)
{
    Netdump *n = (Netdump *)base;
    Step s = {n, now, actions};

    if (n->state == NETDUMP_CLOSED)
        return;
    n->deadline = DEADLINE_UNKNOWN;
    if (handlers[event->kind])
        handlers[event->kind](&s, event);
    else if (states[n->state]->on_done)
        states[n->state]->on_done(&s, event);
    settle(&s);
    publish(n);
}

static Mono find_deadline(const Netdump *n)
{
    const StateOps *state = states[n->state];
    Mono deadline = mono_min(n->timer, requests_deadline(&n->requests, &n->rtt));

    if (state->silence != REASON_NONE)
        deadline = mono_min(deadline, session_patience(n));
    if (state->deadline)
        deadline = mono_min(deadline, state->deadline(n));
    return deadline;
}

static Mono netdump_deadline(Session *base)
{
    Netdump *n = (Netdump *)base;

    if (n->deadline.us == DEADLINE_UNKNOWN.us)
        n->deadline = find_deadline(n);
    return n->deadline;
}

static void netdump_limit(Session *base, guint in_flight)
{
    Netdump *n = (Netdump *)base;

    n->limit = MIN(in_flight, LIMIT_IN_FLIGHT);
    if (n->transfer.window)
        window_limit(n->transfer.window, n->limit);
}

static void netdump_set_timeout(Session *base, Span client_timeout)
{
    Netdump *n = (Netdump *)base;

    n->spec.client_timeout = client_timeout;
    n->deadline = DEADLINE_UNKNOWN;
}

static void netdump_classify(const guint8 *data, gsize len, Intro *intro)
{
    WireMessage m;

    *intro = (Intro){.fault = wire_parse(data, len, &m)};
    if (intro->fault != DATAGRAM_OK) {
        intro->kind = INTRO_MALFORMED;
    } else if (m.kind == WIRE_MSG_TEXT) {
        intro->kind = INTRO_TEXT;
        intro->text = m.data;
        intro->text_len = m.len;
        intro->booted = wire_text_announces_start(m.data, m.len);
    } else {
        intro->kind = m.kind == WIRE_MSG_START ? INTRO_CALL : INTRO_STRAY;
    }
}

/* -- life ---------------------------------------------------------------------------------------
 */

static void netdump_free(Session *base)
{
    Netdump *n = (Netdump *)base;

    if (!n)
        return;
    window_free(n->transfer.window);
    page_set_free(n->transfer.missing);
    g_free(n);
}

static Netdump *new_session(const SessionSpec *spec, Mono now)
{
    Netdump *n = g_new0(Netdump, 1);

    n->base.ops = &netdump_session_ops;
    n->base.facts.id = spec->id;
    n->base.facts.first_request = n->base.facts.last_stored = MONO_NEVER;
    n->spec = *spec;
    n->limit = spec->max_in_flight;
    n->nr_first = spec->random;
    n->heard = n->progress.since = n->transfer.synced = now;
    n->probe.probed = mono_add(now, -PROBE_PAUSE);
    n->timer = MONO_NEVER;
    n->deadline = DEADLINE_UNKNOWN;
    return n;
}

/* The datagram itself comes as the first event. */
static Session *netdump_open(const SessionSpec *spec, G_GNUC_UNUSED const guint8 *data,
                             G_GNUC_UNUSED gsize len, Mono now)
{
    Netdump *n = new_session(spec, now);

    n->requests.next_nr = n->nr_first - 1;
    publish(n);
    return &n->base;
}

static Session *netdump_restore(const SessionSpec *spec, const SessionRemains *remains, Mono now,
                                const char **why)
{
    Netdump *n = new_session(spec, now);

    *why = session_read_record(n, remains);
    if (*why) {
        netdump_free(&n->base);
        return NULL;
    }
    n->requests.next_nr = n->nr_first - 1;
    n->handshake.stage = CALL_INHERITED;
    if (remains->dir) {
        n->state = NETDUMP_RESUMING;
        n->base.facts.resumed = TRUE;
        n->base.facts.dir = DIR_OPEN;
        n->info = n->outcome == RECORD_REBOOTING ? INFO_INHERITED : INFO_OURS;
        n->transfer.journaled = session_pages_done(n);
    }
    publish(n);
    return &n->base;
}

const SessionOps netdump_session_ops = {
    .name = "netdump",
    .datagram_max = WIRE_MAX_SIZE,
    .classify = netdump_classify,
    .open = netdump_open,
    .restore = netdump_restore,
    .step = netdump_step,
    .deadline = netdump_deadline,
    .limit = netdump_limit,
    .set_timeout = netdump_set_timeout,
    .record = session_record,
    .header = session_header,
    .describe = session_describe,
    .tags = {TAG_NETDUMP, NETDUMP_TAG_END},
    .convert_old = journal_v1_convert,
    .free = netdump_free,
};
