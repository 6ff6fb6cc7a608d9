/* probe.c - sessions of a protocol as the world watches them. See probe.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/probe.h"

#include "core/netdump/netdump.h"
#include "soak/check.h"
#include "soak/server.h"

/* A session's operations are not told whose world it is in. */
static World *world;

static const SessionOps *const real = &netdump_session_ops;

void probe_set_world(World *w)
{
    world = w;
}

/* -- the trace --------------------------------------------------------------------------------- */

static guint64 hash_bytes(const guint8 *bytes, gsize len)
{
    guint64 hash = len;

    for (gsize i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * G_GUINT64_CONSTANT(0x100000001b3);
    return hash;
}

static void trace_event(World *w, const Session *s, const Event *e)
{
    world_trace(w, (guint64)w->now.us << 8 ^ (guint64)e->kind);
    world_trace(w, (guint64)s->facts.id << 32 ^ (guint64)(guint32)e->err << 8 ^ (guint64)e->ok);
    if (e->kind == EVENT_DATAGRAM)
        world_trace(w, hash_bytes(e->data, MIN(e->len, WIRE_HEADER_SIZE)));
    for (guint i = 0; e->kind == EVENT_STORED && i < e->n; i++)
        world_trace(w, e->cookies[i]);
}

static void trace_action(World *w, const Action *a)
{
    world_trace(w, (guint64)a->kind << 56);
    if (a->kind == ACTION_SEND)
        world_trace(w, hash_bytes(a->send.bytes, a->send.len));
    else if (a->kind == ACTION_STORE)
        world_trace(w,
                    a->store.offset ^ (guint64)a->store.len << 40 ^ (guint64)a->store.last << 63);
}

static void say_step(World *w, const Session *s, const Event *event, const GArray *actions)
{
    char text[160] = "";
    gsize n = 0;

    for (guint i = 0; w->verbose && i < actions->len && n < sizeof text - 8; i++)
        n += (gsize)g_snprintf(text + n, 8, " %d", g_array_index(actions, Action, i).kind);
    world_say(w, "session %u: event %d -> %s, actions:%s", s->facts.id, event->kind, s->facts.state,
              text);
}

/* -- ends -------------------------------------------------------------------------------------- */

static gboolean has_action(const GArray *actions, int kind)
{
    for (guint i = 0; i < actions->len; i++)
        if (g_array_index(actions, Action, i).kind == (ActionKind)kind)
            return TRUE;
    return FALSE;
}

static gboolean ends_now(World *w, const GArray *actions)
{
    gboolean ends = FALSE;

    for (guint i = 0; i < w->sc.ends; i++) {
        int kind = w->sc.end_on[i];

        ends |= kind == -1 ? w->step == w->sc.end_at[i]
                           : has_action(actions, kind) && w->acted[kind] + 1 == w->sc.end_at[i];
    }
    for (int kind = 0; kind < ACTION_N; kind++)
        w->acted[kind] += has_action(actions, kind) ? 1 : 0;
    return ends;
}

/* The server ends in this step, somewhere between its actions? */
static void maybe_end(World *w, GArray *actions)
{
    if (!ends_now(w, actions) || w->ending)
        return;
    w->ending = TRUE;
    w->how = (EndKind)world_below(w, 3);
    if (w->how != END_SHUTDOWN && world_chance(w, 5000))
        g_array_set_size(actions, (guint)world_below(w, actions->len + 1));
}

/* -- operations -------------------------------------------------------------------------------- */

static void do_classify(const guint8 *data, gsize len, Intro *intro)
{
    real->classify(data, len, intro);
}

static Session *adopt(Session *s, gboolean restored, gboolean dir)
{
    Model *model;

    if (!s)
        return NULL;
    s->ops = &probe_ops;
    model = server_new_model(world, s->facts.id);
    model->kernel = world->from;
    model->restored = model->recorded = model->ack_sent = restored;
    model->had_dir = dir;
    return s;
}

static Session *do_open(const SessionSpec *spec, const guint8 *data, gsize len, Mono now)
{
    Session *s = adopt(real->open(spec, data, len, now), FALSE, FALSE);

    server_note_start(world, server_model(world, spec->id));
    world_say(world, "session %u: START from kernel %u", spec->id, world->from->number);
    return s;
}

static Session *do_restore(const SessionSpec *spec, const SessionRemains *remains, Mono now,
                           const char **why)
{
    return adopt(real->restore(spec, remains, now, why), TRUE, remains->dir);
}

static void do_step(Session *s, Mono now, const Event *event, GArray *actions)
{
    World *w = world;
    Model *model = server_model(w, s->facts.id);

    if (server_was_killed(w))
        return;
    w->current = model;
    w->step++;
    w->totals.steps++;
    trace_event(w, s, event);
    check_event(w, model, event);
    real->step(s, now, event, actions);
    say_step(w, s, event, actions);
    check_step(w, model, s, event, actions);
    maybe_end(w, actions);
    for (guint i = 0; i < actions->len; i++)
        trace_action(w, &g_array_index(actions, Action, i));
    w->totals.actions += actions->len;
}

static Mono do_deadline(Session *s)
{
    return server_was_killed(world) ? MONO_NEVER : real->deadline(s);
}

static void do_limit(Session *s, guint in_flight)
{
    real->limit(s, in_flight);
}

static void do_set_timeout(Session *s, Span client_timeout)
{
    real->set_timeout(s, client_timeout);
}

static void do_record(const Session *s, TaggedWriter *out)
{
    real->record(s, out);
}

static void do_header(const Session *s, gboolean partial, guint8 *out)
{
    real->header(s, partial, out);
}

static void do_describe(const Session *s, SessionDescribe fn, gpointer user)
{
    real->describe(s, fn, user);
}

static void do_free(Session *s)
{
    real->free(s);
}

const SessionOps probe_ops = {
    .name = "netdump",
    .datagram_max = WIRE_MAX_SIZE,
    .classify = do_classify,
    .open = do_open,
    .restore = do_restore,
    .step = do_step,
    .deadline = do_deadline,
    .limit = do_limit,
    .set_timeout = do_set_timeout,
    .record = do_record,
    .header = do_header,
    .describe = do_describe,
    .free = do_free,
};
