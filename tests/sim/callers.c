/* callers.c - the list of machines that wait for the server, in a world. See callers.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/callers.h"

static gboolean is_waiting(const ClientEntry *entry)
{
    return client_facts(entry->client)->state < CLIENT_ENDING;
}

static guint64 hash_of(const World *w)
{
    guint64 hash = 1;

    for (guint i = 0; i < clients_count(w->clients); i++) {
        const ClientEntry *entry = clients_nth(w->clients, i);

        if (is_waiting(entry))
            hash = rng_mix(hash ^ entry->id);
    }
    return hash;
}

void callers_tick(World *w)
{
    guint64 hash;

    if (!w->up || w->callers_pending)
        return;
    hash = hash_of(w);
    if (hash == w->callers_are)
        return;
    w->callers_are = hash;
    w->callers_pending = TRUE;
    world_happen(w, (Span)world_below(w, (guint64)w->sc.disk_delay + 20000), HAPPEN_CALLERS, NULL,
                 w->life);
}

void callers_write(World *w, guint32 life)
{
    if (life != w->life || !w->up)
        return;
    w->callers_pending = FALSE;
    g_array_set_size(w->callers, 0);
    for (guint i = 0; i < clients_count(w->clients); i++) {
        const ClientEntry *entry = clients_nth(w->clients, i);
        const Session *s = entry->files;
        Caller caller = {s->machine, s->start_of, client_facts(entry->client)->start};

        if (is_waiting(entry))
            g_array_append_val(w->callers, caller);
    }
    for (guint i = clients_count(w->clients); i > 0; i--)
        server_take_start(w, clients_nth(w->clients, i - 1));
}

gboolean callers_know(const World *w, const Machine *m)
{
    for (guint i = 0; i < w->callers->len; i++)
        if (g_array_index(w->callers, Caller, i).machine == m)
            return TRUE;
    return FALSE;
}

void callers_recall(World *w)
{
    for (guint i = 0; i < w->callers->len; i++) {
        const Caller *c = &g_array_index(w->callers, Caller, i);

        server_recall(w, c->machine, c->crash, &c->start);
    }
    w->callers_are = 0;
    w->callers_pending = FALSE;
}

void callers_end(World *w, EndKind how)
{
    if (how != END_POWER_CUT || !world_chance(w, 5000))
        return;
    for (guint i = 0; i < w->callers->len; i++) {
        Crash *c = g_array_index(w->callers, Caller, i).machine->crash;

        if (c && !disk_journals(w, c))
            c->orphaned = TRUE;
    }
    g_array_set_size(w->callers, 0);
}
