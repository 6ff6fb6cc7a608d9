/* session_step.c - actions and requests of a netdump session, as all of its states use them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_step.h"

/* -- actions ------------------------------------------------------------------------------------
 */

void session_emit(Step *s, Action action)
{
    action.client = s->n->base.facts.id;
    g_array_append_val(s->actions, action);
}

void session_emit_kind(Step *s, ActionKind kind)
{
    session_emit(s, (Action){.kind = kind});
}

void session_note(Step *s, SessionNote note)
{
    session_emit(s, (Action){.kind = ACTION_NOTE, .note = note});
}

void session_run_hook(Step *s, SessionHook hook)
{
    session_emit(s, (Action){.kind = ACTION_RUN_HOOK, .hook = hook});
}

void session_info(Step *s)
{
    if (s->n->base.facts.dir == DIR_OPEN)
        session_emit_kind(s, ACTION_INFO);
}

/* A server that finds a finished dump in the journal does not write info again, so info is written
 * first. */
void session_journal(Step *s, gboolean sync)
{
    Netdump *n = s->n;
    Action action = {.kind = ACTION_JOURNAL};

    if (n->base.facts.dir != DIR_OPEN)
        return;
    n->transfer.journaled = session_pages_done(n);
    if (sync) {
        n->transfer.durable = n->transfer.journaled;
        n->transfer.synced = s->now;
    }
    action.journal.sync = sync;
    action.journal.after_info = n->outcome == RECORD_REBOOTING;
    session_emit(s, action);
}

/* -- requests -----------------------------------------------------------------------------------
 */

void session_send(Step *s, WireCommand command, guint32 nr, guint32 from, guint32 to)
{
    const WireRequest request = {
        .magic = s->n->start.magic, .nr = nr, .command = command, .from = from, .to = to};
    Action action = {.kind = ACTION_SEND, .send = {.len = WIRE_REQUEST_SIZE}};

    wire_pack_request(&request, action.send.bytes);
    session_emit(s, action);
}

void session_resend(Step *s, WireCommand command)
{
    Request *request = &s->n->requests.by_command[command];

    if (request->tries++ > 0)
        s->n->base.facts.counters.requests_repeated++;
    request->sent = s->now;
    session_send(s, command, request->nr, request->from, request->to);
}

void session_request(Step *s, WireCommand command, guint32 from, guint32 to)
{
    if (!session_awaits_reply(s->n))
        s->n->heard = s->now;
    requests_open(&s->n->requests, command, from, to);
    session_resend(s, command);
}

/* -- replies ------------------------------------------------------------------------------------
 */

void session_heard(Step *s, const WireMessage *m)
{
    Netdump *n = s->n;

    if (n->probe.starts > 0 && n->probe.noted == PROBE_UNNOTED) {
        n->probe.noted = PROBE_NOTED;
        session_note(s, NOTE_STARTS_IGNORED);
    }
    n->heard = s->now;
    n->probe.starts = 0;
    n->version = m->version;
}

static WireCommand command_of(WireKind kind)
{
    switch (kind) {
    case WIRE_MSG_HELLO:
        return WIRE_CMD_HELLO;
    case WIRE_MSG_PAGE_SIZE:
        return WIRE_CMD_GET_PAGE_SIZE;
    case WIRE_MSG_NR_PAGES:
        return WIRE_CMD_GET_NR_PAGES;
    case WIRE_MSG_REGS:
        return WIRE_CMD_GET_REGS;
    case WIRE_MSG_DATA:
    case WIRE_MSG_ERROR: /* it has no such data */
        return WIRE_CMD_GET_DATA;
    default:
        return WIRE_CMD_NONE; /* never open */
    }
}

gboolean session_answered(Step *s, const WireMessage *m)
{
    Netdump *n = s->n;

    if (!requests_answer(&n->requests, command_of(m->kind), m->nr, s->now, &n->rtt))
        return FALSE;
    session_heard(s, m);
    return TRUE;
}

void session_on_reply(Step *s, const WireMessage *m)
{
    (void)session_answered(s, m);
}

gboolean session_awaits_reply(const Netdump *n)
{
    return requests_any_open(&n->requests) ||
           (n->transfer.window && !window_all_whole(n->transfer.window));
}

/* -- course -------------------------------------------------------------------------------------
 */

guint64 session_pages_done(const Netdump *n)
{
    const Transfer *t = &n->transfer;

    if (t->window)
        return n->elf.nr_pages - window_missing_count(t->window);
    return t->missing ? n->elf.nr_pages - page_set_count(t->missing) : 0;
}

void session_enter(Step *s, NetdumpState state)
{
    s->n->state = state;
    s->n->timer = MONO_NEVER;
    session_measure(s);
}

void session_measure(Step *s)
{
    s->n->progress.pages_before = s->n->progress.pages;
    s->n->progress.since = s->now;
}
