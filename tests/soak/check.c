/* check.c - what must hold in each step of a session. See check.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/check.h"

#include "core/base/limits.h"

#define ACTIONS_MAX (LIMIT_IN_FLIGHT + 24)

#define SYNC_MAX SPAN_S(10) /* from one sync to the next while something comes */

#define BIT(n) (1u << (n))

/* All that a client may cause before it is proven that it has its address. */
static const guint32 unproven_actions =
    BIT(ACTION_SEND) | BIT(ACTION_CHECK_MAGIC) | BIT(ACTION_RECORD) | BIT(ACTION_CONSOLE_TEXT) |
    BIT(ACTION_BOOTED) | BIT(ACTION_MALFORMED) | BIT(ACTION_NOTE) | BIT(ACTION_CLOSE);

/* -- events ------------------------------------------------------------------------------------ */

/* The one reply to each of these actions. */
static int reply_to(ActionKind kind)
{
    switch (kind) {
    case ACTION_CHECK_MAGIC:
        return EVENT_MAGIC;
    case ACTION_RECORD:
        return EVENT_RECORDED;
    case ACTION_TAKE_SLOT:
        return EVENT_SLOT;
    case ACTION_OPEN_DIR:
        return EVENT_DIR;
    case ACTION_CHECK_SPACE:
        return EVENT_SPACE;
    case ACTION_OPEN_FILE:
        return EVENT_FILE;
    case ACTION_FINISH:
        return EVENT_FINISHED;
    case ACTION_RUN_HOOK:
        return EVENT_HOOK;
    default:
        return -1;
    }
}

static gboolean is_reply(EventKind kind)
{
    for (int action = 0; action < ACTION_N; action++)
        if (reply_to((ActionKind)action) == (int)kind)
            return TRUE;
    return FALSE;
}

static void on_slot(World *w, const Model *model, const Event *event)
{
    Crash *c = w->speaker ? w->speaker : model->crash;

    if (event->ok && clients_slots(w->clients) > w->sc.max_dumps && !model->restored)
        world_fail(w, "a slot for session %u, but %u of %u are taken", model->id,
                   clients_slots(w->clients), w->sc.max_dumps);
    if (event->ok)
        return;
    if (clients_slots(w->clients) < w->sc.max_dumps || (model->restored && model->had_dir))
        world_fail(w, "no slot for session %u, but %u of %u are taken", model->id,
                   clients_slots(w->clients), w->sc.max_dumps);
    if (c)
        c->denied = TRUE;
}

void check_event(World *w, Model *model, const Event *event)
{
    if (model->closed)
        world_fail(w, "an event for session %u, which is closed", model->id);
    if (is_reply(event->kind) && --model->awaits[event->kind] < 0)
        world_fail(w, "event %d for session %u, which did not ask for it", event->kind, model->id);
    if (event->kind == EVENT_RECORDED)
        model->recorded = TRUE;
    if (event->kind == EVENT_MAGIC && model->kernel)
        model->magic_told |= !event->err && event->magic == model->kernel->magic;
    if (event->kind == EVENT_SLOT)
        on_slot(w, model, event);
}

/* -- actions ----------------------------------------------------------------------------------- */

static void check_facts(World *w, Model *model, const SessionFacts *f)
{
    /* A dump that a full disk has stopped requests nothing, as before its start. */
    if (f->phase < model->phase && (model->phase >= PHASE_REBOOTING || f->phase != PHASE_PREPARING))
        world_fail(w, "session %u goes from phase %d back to %d", f->id, model->phase, f->phase);
    if (f->bytes_total > 0 && f->bytes_done > f->bytes_total)
        world_fail(w, "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes are done",
                   f->bytes_done, f->bytes_total);
    if (f->flow.in_flight > LIMIT_IN_FLIGHT)
        world_fail(w, "%u requests in flight", f->flow.in_flight);
    if (memchr(f->system, 0, sizeof f->system) == NULL || !f->state)
        world_fail(w, "facts without an end");
}

static void check_action(World *w, Model *model, const SessionFacts *f, const Action *a)
{
    gboolean unproven = model->phase == PHASE_UNPROVEN &&
                        (f->phase == PHASE_UNPROVEN || f->phase == PHASE_CLOSED) && !model->had_dir;

    if (a->client != f->id)
        world_fail(w, "an action is for another client");
    if (model->closed)
        world_fail(w, "action %d after CLOSE", a->kind);
    if (unproven && !(unproven_actions & BIT(a->kind)))
        world_fail(w, "action %d for session %u, which has proven nothing", a->kind, f->id);
    if (a->kind == ACTION_SEND && !model->recorded && model->starts < 2)
        world_fail(w, "session %u gets a reply before it is recorded", f->id);
    if (a->kind == ACTION_SEND && w->sc.secure && !model->had_dir && !model->magic_told)
        world_fail(w, "session %u gets a reply before its magic is checked", f->id);
    if (a->kind == ACTION_CLOSE)
        model->closed = TRUE;
    if (reply_to(a->kind) >= 0)
        model->awaits[reply_to(a->kind)]++;
}

static gboolean requests_pages(const Action *a)
{
    WireRequest r;

    return a->kind == ACTION_SEND && wire_parse_request(a->send.bytes, a->send.len, &r) &&
           (r.command == WIRE_CMD_SEND_MEM || r.command == WIRE_CMD_SEND_RUN);
}

/* A forged START must not make the server send more than the forger did. */
static void check_amplification(World *w, const Model *model, const Event *event, gsize sent)
{
    if (model->restored || event->kind == EVENT_TIMER)
        return;
    if (sent > model->start_len)
        world_fail(w, "%" G_GSIZE_FORMAT " bytes in reply to a START of %" G_GSIZE_FORMAT, sent,
                   model->start_len);
}

static void check_deadline(World *w, Session *s, const Event *event)
{
    Mono deadline = s->ops->deadline(s);

    if (event->kind == EVENT_TIMER && !mono_before(w->now, deadline))
        world_fail(w, "%s: the timer is due again at once", s->facts.state);
    if (s->facts.phase == PHASE_CLOSED && deadline.us != G_MAXINT64)
        world_fail(w, "a closed session has a deadline");
}

/* What is stored is in the journal after some time, and in any case when the server ends. */
static void check_journaled(World *w, Model *model, const SessionFacts *f, const Event *event,
                            const GArray *actions)
{
    gboolean sync = FALSE;

    for (guint i = 0; i < actions->len; i++) {
        const Action *a = &g_array_index(actions, Action, i);

        sync |= a->kind == ACTION_JOURNAL && (a->journal.sync || f->phase >= PHASE_FINISHING);
    }
    if (event->kind == EVENT_SHUTDOWN && f->dir == DIR_OPEN && !sync)
        world_fail(w, "session %u is not journaled at the end", f->id);
    if (sync || f->phase != PHASE_TRANSFERRING || f->bytes_done == model->synced_bytes) {
        model->synced_bytes = f->bytes_done;
        model->synced_at = w->now;
    } else if (mono_diff(w->now, model->synced_at) > SYNC_MAX) {
        world_fail(w, "session %u is not journaled for %.0f s", f->id, (double)SYNC_MAX / 1e6);
    }
}

void check_step(World *w, Model *model, Session *s, const Event *event, const GArray *actions)
{
    const SessionFacts *f = &s->facts;
    const ClientEntry *entry = clients_by_id(w->clients, f->id);
    gboolean pages = FALSE;
    gsize sent = 0;

    if (actions->len > ACTIONS_MAX)
        world_fail(w, "%u actions in a step", actions->len);
    check_facts(w, model, f);
    for (guint i = 0; i < actions->len; i++) {
        const Action *a = &g_array_index(actions, Action, i);

        check_action(w, model, f, a);
        sent += a->kind == ACTION_SEND ? a->send.len : 0;
        pages |= requests_pages(a);
        if (a->kind == ACTION_CLOSE)
            check_close(w, model, s, a->keep);
    }
    if (f->phase == PHASE_UNPROVEN)
        check_amplification(w, model, event, sent);
    if (pages && (f->flow.in_flight > entry->share || f->phase != PHASE_TRANSFERRING))
        world_fail(w, "%u requests in flight, but %u may be", f->flow.in_flight, entry->share);
    check_deadline(w, s, event);
    check_journaled(w, model, f, event, actions);
    if ((f->phase == PHASE_CLOSED) != model->closed)
        world_fail(w, "CLOSE and %s do not go together", f->state);
    if (w->outage && f->phase >= PHASE_REBOOTING && model->kernel->crash)
        model->kernel->crash->excused = TRUE; /* REBOOT may have gone nowhere */
    model->phase = f->phase;
}

/* -- what is sent ------------------------------------------------------------------------------ */

static void check_pages(World *w, const Model *model, const WireRequest *r)
{
    guint32 n = r->command == WIRE_CMD_SEND_RUN ? r->to : 1;

    if (n > WIRE_RUN_MAX || (guint64)r->from + n > model->crash->nr_pages)
        world_fail(w, "pages 0x%x, %u of them, are requested, of 0x%x", r->from, n,
                   model->crash->nr_pages);
    for (guint32 i = 0; i < n; i++) {
        guint32 pfn = r->from + i;

        kernel_note_nr(w, model->kernel, model->crash, r->nr + i, &pfn);
    }
}

void check_request(World *w, Model *model, const guint8 *bytes, gsize len)
{
    const Crash *c = model->crash;
    WireRequest r;

    if (len != WIRE_REQUEST_SIZE || !wire_parse_request(bytes, len, &r))
        world_fail(w, "no request is sent, but %" G_GSIZE_FORMAT " bytes", len);
    if (model->files && model->files->dump && !c->start_doubt && r.magic != c->start.magic)
        world_fail(w, "a request has another magic than START had");
    if (r.command == WIRE_CMD_START_NETDUMP_ACK && r.from != WIRE_VERSION)
        world_fail(w, "ACK with version %u", r.from);
    if (r.command == WIRE_CMD_REBOOT && model->phase < PHASE_REBOOTING)
        world_fail(w, "REBOOT in phase %d", model->phase);
    world_say(w, "session %u sends %d, nr 0x%x, %u, %u", model->id, r.command, r.nr, r.from, r.to);
    model->ack_sent |= r.command == WIRE_CMD_START_NETDUMP_ACK;
    if (r.command == WIRE_CMD_SEND_MEM || r.command == WIRE_CMD_SEND_RUN)
        check_pages(w, model, &r);
    else
        kernel_note_nr(w, model->kernel, c, r.nr, NULL);
}

/* -- hooks, text, slots ------------------------------------------------------------------------ */

void check_hook(World *w, Model *model, const ClientEntry *entry, SessionHook hook)
{
    if (model->running[hook])
        world_fail(w, "hook %d runs twice at once", hook);
    if (++model->hooks[hook] > 1)
        world_fail(w, "hook %d is run again", hook);
    if (entry->session->facts.phase < PHASE_PREPARING)
        world_fail(w, "hook %d for session %u, which has proven nothing", hook, model->id);
}

void check_text(World *w, const guint8 *text, gsize len)
{
    const guint8 *end = w->datagram + WIRE_MAX_SIZE;

    if (text < end - w->arrived_len || text + len > end)
        world_fail(w, "text that is no part of a datagram");
}

void check_received(World *w, gboolean valid, gboolean text)
{
    if (valid && text && w->texts == 0)
        world_fail(w, "text goes nowhere");
    if (valid ? w->malformed > 0 : w->malformed != 1)
        world_fail(w, "a datagram that is %s is %s", valid ? "valid" : "none",
                   valid ? "malformed" : "taken");
}

void check_slots(World *w)
{
    guint n = 0;

    for (guint i = 0; i < clients_count(w->clients); i++)
        n += clients_nth(w->clients, i)->slot ? 1 : 0;
    if (n != clients_slots(w->clients))
        world_fail(w, "%u slots are taken, but %u count", n, clients_slots(w->clients));
}

void check_slot_given(World *w, guint32 id)
{
    if (clients_by_id(w->clients, id)->slot)
        world_fail(w, "session %u keeps its slot", id);
}
