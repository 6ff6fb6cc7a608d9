/* dispatch.c - where a datagram goes: to a session, to the console store, or nowhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dispatch.h"

struct Dispatch {
    Clients *clients;
    Executor *executor;
    const Effects *effects;
    gpointer world;
    const DispatchRules *rules;
    const Mono *now;
    DispatchStats stats;
};

Dispatch *dispatch_new(Clients *clients, Executor *executor, const Effects *effects, gpointer world,
                       const DispatchRules *rules, const Mono *now)
{
    Dispatch *d = g_new0(Dispatch, 1);

    d->clients = clients;
    d->executor = executor;
    d->effects = effects;
    d->world = world;
    d->rules = rules;
    d->now = now;
    return d;
}

void dispatch_free(Dispatch *dispatch)
{
    g_free(dispatch);
}

const DispatchStats *dispatch_stats(const Dispatch *dispatch)
{
    return &dispatch->stats;
}

/* A client announces its crash. */
static void on_call(Dispatch *d, const SessionOps *ops, const NetAddr *from, const NetAddr *local,
                    const Event *event)
{
    ClientEntry *entry = clients_admit(d->clients, ops, from, local, event->data, event->len,
                                       d->rules->random(d->world), *d->now);

    if (!entry) {
        d->stats.no_room++;
        d->rules->no_room(d->world, from);
        return;
    }
    d->stats.taken++;
    executor_event(d->executor, entry, event);
}

static void on_text(Dispatch *d, const NetAddr *from, const Intro *intro)
{
    if (intro->booted)
        d->effects->booted(d->world, from);
    if (executor_text(d->executor, from, NULL, intro->text, intro->text_len)) {
        d->stats.taken++;
    } else {
        d->stats.console++;
        d->effects->console_text(d->world, from, intro->text, intro->text_len);
    }
}

/* From an address and port that no session of the protocol has. */
static void introduce(Dispatch *d, const SessionOps *ops, const NetAddr *from, const NetAddr *local,
                      const Event *event)
{
    Intro intro;

    ops->classify(event->data, event->len, &intro);
    switch (intro.kind) {
    case INTRO_CALL:
        on_call(d, ops, from, local, event);
        break;
    case INTRO_TEXT:
        on_text(d, from, &intro);
        break;
    case INTRO_STRAY:
        d->stats.stray++;
        break;
    case INTRO_MALFORMED:
        d->effects->malformed(d->world, from, event->len, intro.fault);
        break;
    }
}

void dispatch_datagram(Dispatch *d, const SessionOps *ops, const NetAddr *from,
                       const NetAddr *local, const guint8 *data, gsize len)
{
    const Event event = {.kind = EVENT_DATAGRAM, .data = data, .len = len};
    ClientEntry *entry;

    if (!netrule_match(d->rules->allow, d->rules->n_allow, from)) {
        d->stats.not_allowed++;
        return;
    }
    if (from->port == 0) { /* no reply can be sent there */
        d->stats.stray++;
        return;
    }
    entry = clients_find(d->clients, ops, from);
    if (entry) {
        d->stats.taken++;
        executor_event(d->executor, entry, &event);
    } else {
        introduce(d, ops, from, local, &event);
    }
}
