/* pending.c - the record of pending clients, in a world. See pending.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/pending.h"

#include "soak/files.h"
#include "soak/server.h"

static PendingWrite *collect(World *w)
{
    const GArray *ids = pending_set_begin(w->pending_set, w->now);
    PendingWrite *write = world_alloc(w, sizeof *write);

    write->items = world_alloc(w, (ids->len + 1) * sizeof *write->items);
    for (guint i = 0; i < ids->len; i++) {
        guint32 id = g_array_index(ids, guint32, i);
        const ClientEntry *entry = clients_by_id(w->clients, id);
        const Model *model = server_model(w, id);

        write->items[write->n++] =
            (Pending){id, model->kernel, model->start_of, model->forged,
                      files_record(w, &entry->peer, &entry->local, entry->session)};
    }
    return write;
}

void pending_tick(World *w)
{
    PendingWrite *write;

    if (!w->up || !pending_set_due(w->pending_set, w->clients, w->now))
        return;
    write = collect(w);
    if (!disk_is_stuck(w, JOB_RECORD))
        world_schedule(w, (Span)world_below(w, (guint64)w->sc.job_delay[JOB_RECORD] + 1),
                       WORLD_PENDING, write, w->life);
}

void pending_written(World *w, PendingWrite *write, guint32 life)
{
    gboolean failed;

    if (life != w->life || !w->up)
        return;
    failed = disk_fails(w, JOB_RECORD);
    if (!failed)
        g_array_set_size(w->pending, 0);
    for (guint i = 0; i < write->n; i++) {
        if (failed)
            server_model(w, write->items[i].id)->record_failed = TRUE;
        else
            g_array_append_val(w->pending, write->items[i]);
    }
    world_schedule(w, (Span)world_below(w, (guint64)w->sc.told_delay + 1), WORLD_RECORDED, NULL,
                   life);
}

void pending_told(World *w, guint32 life)
{
    g_autoptr(GArray) ids = NULL;

    if (life != w->life || !w->up)
        return;
    ids = pending_set_end(w->pending_set);
    for (guint i = 0; i < ids->len; i++)
        server_tell(w, g_array_index(ids, guint32, i), (Event){.kind = EVENT_RECORDED});
}

gboolean pending_know(const World *w, const Kernel *k)
{
    for (guint i = 0; i < w->pending->len; i++)
        if (g_array_index(w->pending, Pending, i).kernel == k)
            return TRUE;
    return FALSE;
}

void pending_restore(World *w)
{
    for (guint i = 0; i < w->pending->len && !server_was_killed(w); i++) {
        Pending *p = &g_array_index(w->pending, Pending, i);

        server_restore_pending(w, p);
    }
}

void pending_end(World *w, EndKind how)
{
    if (how != END_POWER_CUT || !world_chance(w, 5000))
        return;
    for (guint i = 0; i < w->pending->len; i++) {
        Crash *c = g_array_index(w->pending, Pending, i).kernel->crash;

        if (c && !disk_journals(w, c))
            c->orphaned = TRUE;
    }
    g_array_set_size(w->pending, 0);
}
