/* server.c - the server of a world. See server.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/server.h"

#include "soak/act.h"
#include "soak/callers.h"
#include "soak/check.h"

#include <string.h>

/* -- steps --------------------------------------------------------------------------------------
 */

static void trace_event(World *w, const ClientEntry *entry, const Event *e)
{
    world_trace(w, (guint64)w->now.us << 8 ^ (guint64)e->kind);
    world_trace(w, (guint64)entry->id << 32 ^ (guint64)(guint32)e->err << 8 ^ (guint64)e->ok);
    if (e->kind == EVENT_PACKET)
        world_trace(w, (guint64)e->packet->nr << 32 ^ e->packet->info ^
                           (guint64)e->packet->kind << 24);
    for (guint i = 0; e->kind == EVENT_STORED && i < e->n; i++)
        world_trace(w, e->nrs[i]);
}

static void trace_action(World *w, const Action *a)
{
    world_trace(w, (guint64)a->kind << 56 ^ a->len);
    if (a->kind == ACTION_SEND)
        world_trace(w, (guint64)a->request.command << 56 ^ (guint64)a->request.nr << 24 ^
                           a->request.from);
    else if (a->kind == ACTION_STORE_CHUNK)
        world_trace(w, (guint64)a->chunk.pfn << 32 ^ a->chunk.offset ^ (guint64)a->chunk.whole);
}

static gboolean has_action(const World *w, int kind)
{
    for (guint i = 0; i < w->actions->len; i++)
        if (g_array_index(w->actions, Action, i).kind == (ActionKind)kind)
            return TRUE;
    return FALSE;
}

/* The server ends in this step, somewhere between its actions? */
static gboolean ends_now(World *w)
{
    gboolean ends = FALSE;

    for (guint i = 0; i < w->sc.ends; i++) {
        int kind = w->sc.end_on[i];

        ends |= kind == -1 ? w->step == w->sc.end_at[i]
                           : has_action(w, kind) && w->acted[kind] + 1 == w->sc.end_at[i];
    }
    for (int kind = 0; kind <= ACTION_CLOSE; kind++)
        w->acted[kind] += has_action(w, kind) ? 1 : 0;
    return ends;
}

static void step(World *w, ClientEntry *entry, const Event *event, Crash *speaker)
{
    gboolean closed = FALSE;
    guint to_do;

    w->step++;
    w->totals.steps++;
    trace_event(w, entry, event);
    g_array_set_size(w->actions, 0);
    session_step(entry->client, w->now, event, w->actions);
    world_say(w, "client %u: event %d -> %s, %u actions", entry->id, event->kind,
              session_state_name(session_facts(entry->client)->state), w->actions->len);
    check_step(w, entry, event);
    to_do = w->actions->len;
    if (ends_now(w) && !w->ending) {
        w->ending = TRUE;
        w->how = (EndKind)world_below(w, 3);
        if (w->how != END_SHUTDOWN && world_chance(w, 5000))
            to_do = (guint)world_below(w, to_do + 1);
    }
    for (guint i = 0; i < to_do; i++) {
        const Action *a = &g_array_index(w->actions, Action, i);

        trace_action(w, a);
        w->totals.actions++;
        act(w, entry, a, event, speaker);
        closed |= a->kind == ACTION_CLOSE;
        if (closed && i + 1 < w->actions->len)
            world_fail(w, "an action behind CLOSE");
    }
    if (closed)
        clients_remove(w->clients, entry);
}

static gboolean was_killed(const World *w)
{
    return w->ending && w->how != END_SHUTDOWN;
}

static void tell(World *w, ClientEntry *entry, const Event *event, Crash *speaker)
{
    if (was_killed(w))
        return;
    step(w, entry, event, speaker);
    for (guint i = 0; i < w->outcome->len && !was_killed(w); i++) {
        Outcome outcome = g_array_index(w->outcome, Outcome, i);
        ClientEntry *other = clients_by_id(w->clients, outcome.id);

        if (other)
            step(w, other, &outcome.event, speaker);
    }
    g_array_set_size(w->outcome, 0);
}

void server_tell(World *w, const Dump *dump, Event event)
{
    ClientEntry *entry =
        dump && dump->life == w->life ? clients_by_id(w->clients, dump->client) : NULL;

    if (entry)
        tell(w, entry, &event, NULL);
}

gboolean server_no_space(World *w, const Dump *dump)
{
    gboolean none = w->sc.no_space && world_chance(w, 5000);

    if (none)
        dump->crash->denied = TRUE;
    return none;
}

/* -- datagrams ----------------------------------------------------------------------------------
 */

static void on_text(World *w, const Machine *m, const Event *event)
{
    for (guint i = clients_count(w->clients); i > 0; i--) {
        ClientEntry *entry = clients_nth(w->clients, i - 1);

        if (netaddr_host_equal(&entry->peer, &m->peer))
            tell(w, entry, event, NULL);
    }
}

static ClientEntry *admit(World *w, Machine *m, const WireStart *start)
{
    NetAddr local = {.family = NET_IPV4, .port = 6688, .bytes = {10, 0, 0, 254}};
    ClientEntry *entry = clients_admit(w->clients, &m->peer, &local, start, g_random_int(), w->now);
    Served *s = world_alloc(w, sizeof *s);

    if (!entry)
        world_fail(w, "no room for a client");
    s->machine = m;
    s->crash = m->state == KERNEL_UP ? NULL : m->crash;
    entry->files = s;
    entry->held = TRUE;
    world_say(w, "client %u: START from machine %u", entry->id, m->number);
    return entry;
}

void server_take_start(World *w, ClientEntry *entry)
{
    const WireMessage m = {.kind = WIRE_MSG_START, .start = session_facts(entry->client)->start};
    const Event event = {.kind = EVENT_PACKET, .packet = &m};

    if (!entry->held)
        return;
    entry->held = FALSE;
    tell(w, entry, &event, NULL);
}

void server_recall(World *w, Machine *m, const Crash *crash, const WireStart *start)
{
    ClientEntry *entry = clients_find(w->clients, &m->peer);

    if (entry) { /* of two dumps of a machine the older one has a journal, and goes on */
        const Served *s = entry->files;

        if (s->crash != m->crash && m->crash)
            m->crash->orphaned = TRUE;
        return;
    }
    entry = admit(w, m, start);
    ((Served *)entry->files)->start_of = crash;
    if (crash != m->crash)
        ((Served *)entry->files)->forged = TRUE;
    server_take_start(w, entry);
}

void server_receive(World *w, const Datagram *d)
{
    WireMessage m;
    const Event event = {.kind = EVENT_PACKET, .packet = &m};
    ClientEntry *entry;
    gboolean is_new;
    gsize len;

    w->totals.datagrams++;
    if (!w->up)
        return;
    len = link_arrive(w, d);
    if (wire_parse(w->datagram + WIRE_MAX_SIZE - len, len, &m) != WIRE_OK)
        return;
    if (m.kind == WIRE_MSG_TEXT) {
        on_text(w, d->machine, &event);
        return;
    }
    if (d->port != d->machine->peer.port)
        return;
    entry = clients_find(w->clients, &d->machine->peer);
    if (!entry && m.kind != WIRE_MSG_START)
        return;
    is_new = entry == NULL;
    if (is_new)
        entry = admit(w, d->machine, &m.start);
    if (m.kind == WIRE_MSG_START && (d->forged || d->crash != d->machine->crash))
        ((Served *)entry->files)->forged = TRUE;
    if (m.kind == WIRE_MSG_START)
        ((Served *)entry->files)->start_of = d->forged ? NULL : d->crash;
    if (is_new)
        return; /* until it is written down */
    if (m.kind == WIRE_MSG_START)
        entry->held = FALSE;
    if (m.kind == WIRE_MSG_REGS && !d->forged)
        ((Served *)entry->files)->regs_of = d->crash;
    if (m.kind == WIRE_MSG_PAGE_SIZE && !d->forged)
        ((Served *)entry->files)->answered = d->crash;
    tell(w, entry, &event, d->crash);
    if (m.kind == WIRE_MSG_START)
        check_amplification(w, len);
}

/* -- turns --------------------------------------------------------------------------------------
 */

static void end(World *w);

void server_tick(World *w)
{
    const Event timer = {.kind = EVENT_TIMER};

    for (guint i = w->up ? clients_count(w->clients) : 0; i > 0 && !was_killed(w); i--) {
        ClientEntry *entry = clients_nth(w->clients, i - 1);

        if (!mono_before(w->now, session_deadline(entry->client)))
            tell(w, entry, &timer, NULL);
    }
    if (w->up && !was_killed(w)) {
        clients_balance(w->clients, w->now, w->grown);
        for (guint i = 0; i < w->grown->len; i++)
            tell(w, g_ptr_array_index(w->grown, i), &timer, NULL);
    }
    if (w->ending)
        end(w);
    pending_clients_tick(w);
}

Mono server_deadline(const World *w)
{
    return w->up ? clients_deadline(w->clients) : MONO_NEVER;
}

/* -- life and death -----------------------------------------------------------------------------
 */

static ClientsLimits limits_of(const World *w)
{
    return (ClientsLimits){.max_dumps = w->sc.max_dumps,
                           .max_in_flight = w->sc.max_in_flight,
                           .rcvbuf = w->sc.rcvbuf,
                           .client_timeout = w->sc.client_timeout};
}

/* The newest dump of a machine goes on; of an older one the journal stays where it is. */
static void resume(World *w, Dump *d)
{
    NetAddr local = {.family = NET_IPV4, .port = 6688, .bytes = {10, 0, 0, 254}};
    ClientEntry *entry;
    SessionFacts facts;
    gboolean rebooting;
    Served *s;

    if (!d->journal)
        return;
    rebooting = session_record_read(&d->latest, &facts);
    facts.kernel = facts.dumps ? d->kernel : NULL;
    entry = clients_readmit(w->clients, &d->machine->peer, &local, &facts, rebooting,
                            g_random_int(), w->now);
    if (!entry)
        return;
    s = world_alloc(w, sizeof *s);
    *s = (Served){.machine = d->machine, .crash = d->crash, .dump = d};
    entry->files = s;
    disk_adopt(w, d, entry->id);
    world_say(w, "client %u: dump %u of machine %u is taken up, floor %u", entry->id, d->number,
              d->machine->number, d->latest.floor_written);
    check_resumed(w, d);
    tell(w, entry, &(Event){.kind = EVENT_TIMER}, NULL);
}

void server_begin(World *w)
{
    ClientsLimits limits = limits_of(w);

    w->up = TRUE;
    w->life++;
    w->clients = clients_new(&limits);
    for (guint i = w->dumps->len; i > 0 && !was_killed(w); i--)
        resume(w, w->dumps->pdata[i - 1]);
    if (!was_killed(w))
        pending_clients_recall(w);
}

/* Machines that neither a journal nor the list of callers tells of will not be found. */
static void orphan(World *w)
{
    for (guint i = 0; i < clients_count(w->clients); i++) {
        const ClientEntry *entry = clients_nth(w->clients, i);
        const Served *s = entry->files;
        Crash *c = s->machine->crash;

        if ((s->dump && s->dump->journal) || !c || c->orphaned || entry->held ||
            pending_clients_know(w, s->machine))
            continue;
        c->orphaned = TRUE;
        w->totals.orphaned++;
    }
}

static void shut_down(World *w)
{
    const Event event = {.kind = EVENT_SHUTDOWN};

    while (clients_count(w->clients) > 0) {
        const ClientEntry *entry = clients_nth(w->clients, 0);
        guint32 id = entry->id;

        tell(w, clients_nth(w->clients, 0), &event, NULL);
        if (clients_by_id(w->clients, id))
            world_fail(w, "SHUTDOWN does not close client %u", id);
    }
    disk_drain(w);
}

static void end(World *w)
{
    w->totals.ends[w->how]++;
    world_say(w, "the server ends: %s",
              w->how == END_KILLED      ? "killed"
              : w->how == END_POWER_CUT ? "power cut"
                                        : "orderly");
    pending_clients_end(w, w->how);
    orphan(w);
    if (w->how == END_SHUTDOWN)
        shut_down(w);
    disk_end(w, w->how);
    g_array_set_size(w->outcome, 0);
    clients_free(w->clients);
    w->clients = NULL;
    w->up = w->ending = FALSE;
    world_happen(w, (Span)world_scaled(w, 25), HAPPEN_SERVER_UP, NULL, 0);
}
