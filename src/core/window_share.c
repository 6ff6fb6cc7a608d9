/* window_share.c - the socket buffer, shared out among the clients that transfer memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/window_share.h"

#include "core/base/limits.h"

/* The kernel charges a datagram of 1,037 bytes with 2,304 bytes of socket buffer (measured), and
 * beyond 0.7 of the buffer a burst of replies begins to be dropped. Some room is for other
 * datagrams: announcements and text of clients that crash now, replies that were late and requested
 * again. */
#define DATAGRAM_COST 2304
#define BUFFER_SHARE  0.5

/* If there are more dumps than pages that fit into the buffer, they take turns this long. */
#define TURN SPAN_MS(10)

void window_share_init(WindowShare *share)
{
    *share = (WindowShare){.turn_ends = MONO_NEVER};
}

Mono window_share_deadline(const WindowShare *share)
{
    return share->turn_ends;
}

/* Bytes of buffer that the reply to one request of this client needs; 0 if it makes none now. */
static gsize cost_of(const ClientEntry *entry)
{
    const SessionFacts *facts = &entry->session->facts;

    return facts->phase == PHASE_TRANSFERRING ? (gsize)facts->flow.request_datagrams * DATAGRAM_COST
                                              : 0;
}

/* Requests whose replies may yet come into the buffer. A silent client must not hold what the
 * others could use. */
static guint in_flight(const ClientEntry *entry)
{
    const SessionFlow *flow = &entry->session->facts.flow;

    return flow->stalled ? 0 : flow->in_flight;
}

static void set_share(ClientEntry *entry, guint share, GArray *grown)
{
    if (share > entry->share)
        g_array_append_val(grown, entry->id);
    if (share != entry->share)
        entry->session->ops->limit(entry->session, share);
    entry->share = share;
}

/* Each gets the same part of the buffer; what one does not use is not lent out. */
static void share_evenly(Clients *clients, gsize bytes_each, GArray *grown)
{
    for (guint i = 0; i < clients_count(clients); i++) {
        ClientEntry *entry = clients_nth(clients, i);
        gsize cost = cost_of(entry);

        set_share(entry, cost > 0 ? (guint)MIN(bytes_each / cost, LIMIT_IN_FLIGHT) : 0, grown);
    }
}

/* One request each, for as many as fit, beginning with the one whose turn it is. What is still in
 * flight from those before them is waited for, so that the sum never exceeds the buffer. */
static void share_by_turns(const WindowShare *share, Clients *clients, gsize budget, GArray *grown)
{
    guint n = clients_count(clients);
    gsize used = 0;
    gboolean full = FALSE;

    for (guint i = 0; i < n; i++)
        used += in_flight(clients_nth(clients, i)) * cost_of(clients_nth(clients, i));
    for (guint i = 0; i < n; i++) {
        ClientEntry *entry = clients_nth(clients, (share->turn + i) % n);
        gsize cost = cost_of(entry);
        gsize more = in_flight(entry) == 0 ? cost : 0;

        full |= used + more > budget;
        if (!full)
            used += more;
        set_share(entry, cost > 0 && !full, grown);
    }
}

void window_share_balance(WindowShare *share, Clients *clients, Mono now, GArray *grown)
{
    gsize budget = (gsize)((gdouble)clients_limits(clients)->rcvbuf * BUFFER_SHARE);
    gsize greatest = 0; /* cost of a request */
    guint n = 0;

    g_array_set_size(grown, 0);
    for (guint i = 0; i < clients_count(clients); i++) {
        gsize cost = cost_of(clients_nth(clients, i));

        n += cost > 0;
        greatest = MAX(greatest, cost);
    }
    if (n == 0 || budget / n >= greatest) {
        share->turn_ends = MONO_NEVER;
        share_evenly(clients, budget / MAX(n, 1), grown);
        return;
    }
    if (share->turn_ends.us == G_MAXINT64 || !mono_before(now, share->turn_ends)) {
        share->turn = (share->turn + (guint)MAX(budget / greatest, 1)) % clients_count(clients);
        share->turn_ends = mono_add(now, TURN);
    }
    share_by_turns(share, clients, MAX(budget, greatest), grown);
}
