/* callers.c - the list of machines that wait for the server, in a world. See callers.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/callers.h"

static gboolean is_waiting(const ClientEntry *entry)
{
    return session_facts(entry->client)->state < SESSION_ENDING;
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

void pending_clients_tick(World *w)
{
    guint64 hash;

    if (!w->up || w->pending_clients_pending)
        return;
    hash = hash_of(w);
    if (hash == w->pending_clients_are)
        return;
    w->pending_clients_are = hash;
    w->pending_clients_pending = TRUE;
    world_happen(w, (Span)world_below(w, (guint64)w->sc.disk_delay + 20000), HAPPEN_CALLERS, NULL,
                 w->life);
}

void pending_clients_write(World *w, guint32 life)
{
    if (life != w->life || !w->up)
        return;
    w->pending_clients_pending = FALSE;
    g_array_set_size(w->callers, 0);
    for (guint i = 0; i < clients_count(w->clients); i++) {
        const ClientEntry *entry = clients_nth(w->clients, i);
        const Served *s = entry->files;
        Caller caller = {s->machine, s->start_of, session_facts(entry->client)->start};

        if (is_waiting(entry))
            g_array_append_val(w->callers, caller);
    }
    for (guint i = clients_count(w->clients); i > 0; i--)
        server_take_start(w, clients_nth(w->clients, i - 1));
}

gboolean pending_clients_know(const World *w, const Machine *m)
{
    for (guint i = 0; i < w->callers->len; i++)
        if (g_array_index(w->callers, Caller, i).machine == m)
            return TRUE;
    return FALSE;
}

void pending_clients_recall(World *w)
{
    for (guint i = 0; i < w->callers->len; i++) {
        const Caller *c = &g_array_index(w->callers, Caller, i);

        server_recall(w, c->machine, c->crash, &c->start);
    }
    w->pending_clients_are = 0;
    w->pending_clients_pending = FALSE;
}

void pending_clients_end(World *w, EndKind how)
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
