/* pending_set.c - which clients the record of pending clients must name, and when to write it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pending_set.h"

/* From one write to the next, with so many clients in the first: a tenth of the time that a flood
 * of forged announcements leaves a processor. */
#define PAUSE(n) (SPAN_MS(10) + (n)*SPAN_MS(1) / 5)

/* What the record says of a client. */
typedef enum {
    PENDING_NEW,     /* nothing yet */
    PENDING_WRITING, /* the current write contains it; it is notified when that ends */
    PENDING_TOLD
} PendingState;

typedef struct {
    guint32 id;
    PendingState state;
} Pending;

struct PendingSet {
    GArray *clients;  /* of Pending, ascending */
    GArray *written;  /* of guint32: ids that the last write named */
    gboolean changed; /* the set may be another than that */
    gboolean writing;
    Mono next; /* not before */
};

PendingSet *pending_set_new(gboolean stale)
{
    PendingSet *set = g_new0(PendingSet, 1);
    const guint32 nobody = 0;

    set->clients = g_array_new(FALSE, FALSE, sizeof(Pending));
    set->written = g_array_new(FALSE, FALSE, sizeof(guint32));
    if (stale) /* names a client that there never is */
        g_array_append_val(set->written, nobody);
    set->changed = stale;
    return set;
}

void pending_set_free(PendingSet *set)
{
    if (!set)
        return;
    g_array_unref(set->written);
    g_array_unref(set->clients);
    g_free(set);
}

static Pending *nth(const PendingSet *set, guint i)
{
    return &g_array_index(set->clients, Pending, i);
}

void pending_set_add(PendingSet *set, guint32 id)
{
    const Pending pending = {id, PENDING_NEW};
    guint i = set->clients->len;

    set->changed = TRUE;
    while (i > 0 && nth(set, i - 1)->id > id) /* the newest has the highest id */
        i--;
    if (i > 0 && nth(set, i - 1)->id == id)
        nth(set, i - 1)->state = PENDING_NEW;
    else
        g_array_insert_val(set->clients, i, pending);
}

/* Both lists ascend. */
static void forget(PendingSet *set, const Clients *clients)
{
    guint kept = 0, at = 0;

    for (guint i = 0; i < set->clients->len; i++) {
        const Pending *pending = nth(set, i);

        while (at < clients_count(clients) && clients_nth(clients, at)->id < pending->id)
            at++;
        if (at < clients_count(clients) && clients_nth(clients, at)->id == pending->id &&
            clients_nth(clients, at)->session->facts.phase < PHASE_FINISHING)
            *nth(set, kept++) = *pending;
    }
    set->changed |= kept < set->clients->len;
    g_array_set_size(set->clients, kept);
}

/* A client that has come and gone since the last write needs none. */
static gboolean is_written(const PendingSet *set)
{
    if (set->written->len != set->clients->len)
        return FALSE;
    for (guint i = 0; i < set->clients->len; i++)
        if (nth(set, i)->id != g_array_index(set->written, guint32, i) ||
            nth(set, i)->state == PENDING_NEW)
            return FALSE;
    return TRUE;
}

gboolean pending_set_due(PendingSet *set, const Clients *clients, Mono now)
{
    forget(set, clients);
    set->changed = set->changed && !is_written(set);
    return set->changed && !set->writing && !mono_before(now, set->next);
}

const GArray *pending_set_begin(PendingSet *set, Mono now)
{
    g_array_set_size(set->written, 0);
    for (guint i = 0; i < set->clients->len; i++) {
        Pending *pending = nth(set, i);

        g_array_append_val(set->written, pending->id);
        if (pending->state == PENDING_NEW)
            pending->state = PENDING_WRITING;
    }
    set->changed = FALSE;
    set->writing = TRUE;
    set->next = mono_add(now, PAUSE(set->written->len));
    return set->written;
}

GArray *pending_set_end(PendingSet *set)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint32));

    set->writing = FALSE;
    for (guint i = 0; i < set->clients->len; i++) {
        Pending *pending = nth(set, i);

        if (pending->state != PENDING_WRITING)
            continue;
        g_array_append_val(ids, pending->id);
        pending->state = PENDING_TOLD;
    }
    return ids;
}

Mono pending_set_deadline(const PendingSet *set)
{
    return set->changed && !set->writing ? set->next : MONO_NEVER;
}
