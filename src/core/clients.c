/* clients.c - the table of clients, and the limits that hold over all of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/clients.h"

#include <stdlib.h>

/* The kernel charges a datagram of 1,037 bytes with 2,304 bytes of socket buffer (measured), and
 * beyond 0.7 of the buffer a burst of answers begins to be dropped. Some room is for what comes
 * beside: calls and text of machines that crash now, answers that were late and asked for again. */
#define DATAGRAM_COST 2304
#define BUFFER_SHARE  0.5

/* Where there are more dumps than pages that fit into the buffer, they take turns this long. */
#define TURN SPAN_MS(10)

struct Clients {
    ClientsLimits limits;
    GPtrArray *entries;  /* of ClientEntry, by id */
    GHashTable *by_peer; /* NetAddr in the entry -> entry */
    GHashTable *at_host; /* NetAddr, owned, its port not looked at -> number of entries */
    guint32 last_id;
    guint slots;
    guint turn; /* index of the first entry whose turn it is */
    Mono turn_ends;
    Mono full_until; /* nobody gives way before: a flood need not be counted again each time */
};

static void entry_free(gpointer data)
{
    ClientEntry *entry = data;

    session_free(entry->client);
    g_free(entry);
}

Clients *clients_new(const ClientsLimits *limits)
{
    Clients *clients = g_new0(Clients, 1);

    clients->limits = *limits;
    clients->entries = g_ptr_array_new_with_free_func(entry_free);
    clients->by_peer = g_hash_table_new(netaddr_hash, netaddr_equal);
    clients->at_host = g_hash_table_new_full(netaddr_host_hash, netaddr_host_equal, g_free, NULL);
    clients->turn_ends = MONO_NEVER;
    return clients;
}

void clients_free(Clients *clients)
{
    if (!clients)
        return;
    g_hash_table_unref(clients->by_peer);
    g_hash_table_unref(clients->at_host);
    g_ptr_array_unref(clients->entries);
    g_free(clients);
}

void clients_set_limits(Clients *clients, const ClientsLimits *limits)
{
    clients->limits = *limits;
    for (guint i = 0; i < clients->entries->len; i++)
        session_set_timeout(clients_nth(clients, i)->client, limits->client_timeout);
}

/* -- the table ----------------------------------------------------------------------------------
 */

static SessionState state_of(const ClientEntry *entry)
{
    return session_facts(entry->client)->state;
}

guint clients_at_host(const Clients *clients, const NetAddr *host)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(clients->at_host, host));
}

/* Of all, or of those at the address of `host` if that is not NULL: how many have proved nothing,
 * and the oldest of them; *all: how many there are. */
static guint count_called(const Clients *clients, const NetAddr *host, ClientEntry **oldest,
                          guint *all)
{
    guint n = 0;

    *all = 0;
    *oldest = NULL;
    for (guint i = 0; i < clients->entries->len; i++) {
        ClientEntry *entry = clients_nth(clients, i);

        if (host && !netaddr_host_equal(&entry->peer, host))
            continue;
        ++*all;
        if (state_of(entry) != SESSION_CALLED)
            continue;
        if (n++ == 0)
            *oldest = entry;
    }
    return n;
}

/* FALSE if there are `max` and none gives way; who has only called gives way from called_max on. */
static gboolean make_room(Clients *clients, const NetAddr *host, guint max, guint called_max,
                          Mono now)
{
    ClientEntry *oldest;
    guint all, called;

    if ((host ? clients_at_host(clients, host) : clients->entries->len) < MIN(max, called_max))
        return TRUE;
    called = count_called(clients, host, &oldest, &all);
    if (all < max && called < called_max)
        return TRUE;
    if (!oldest)
        return FALSE;
    if (mono_diff(now, oldest->since) < CLIENTS_CALLED_LIFE) {
        if (!host)
            clients->full_until = mono_add(oldest->since, CLIENTS_CALLED_LIFE);
        return FALSE;
    }
    clients_remove(clients, oldest);
    return TRUE;
}

static SessionSpec spec_for(const Clients *clients, guint32 id, guint32 random)
{
    return (SessionSpec){
        .id = id,
        .nr_seed = random,
        .client_timeout = clients->limits.client_timeout,
        .max_in_flight = clients->limits.max_in_flight,
    };
}

static void count_host(Clients *clients, const NetAddr *host, int change)
{
    guint n = (guint)((int)clients_at_host(clients, host) + change);
    NetAddr *key;

    if (n == 0) {
        g_hash_table_remove(clients->at_host, host);
        return;
    }
    key = g_new(NetAddr, 1);
    *key = *host;
    g_hash_table_replace(clients->at_host, key, GUINT_TO_POINTER(n));
}

static ClientEntry *add(Clients *clients, const NetAddr *peer, const NetAddr *local)
{
    ClientEntry *entry = g_new0(ClientEntry, 1);

    entry->id = ++clients->last_id;
    entry->peer = *peer;
    entry->local = *local;
    netaddr_host_to_string(peer, entry->host);
    g_ptr_array_add(clients->entries, entry);
    g_hash_table_insert(clients->by_peer, &entry->peer, entry);
    count_host(clients, peer, 1);
    return entry;
}

ClientEntry *clients_admit(Clients *clients, const NetAddr *peer, const NetAddr *local,
                           const WireStart *start, guint32 random, Mono now)
{
    ClientEntry *entry;
    SessionSpec spec;

    if (mono_before(now, clients->full_until) ||
        !make_room(clients, NULL, CLIENTS_MAX, CLIENTS_CALLED_MAX, now) ||
        !make_room(clients, peer, CLIENTS_HOST_MAX, CLIENTS_HOST_MAX, now))
        return NULL;
    entry = add(clients, peer, local);
    entry->since = now;
    spec = spec_for(clients, entry->id, random);
    entry->client = session_new(&spec, start, now);
    session_limit(entry->client, 0);
    return entry;
}

ClientEntry *clients_readmit(Clients *clients, const NetAddr *peer, const NetAddr *local,
                             const SessionFacts *facts, gboolean rebooting, guint32 random,
                             Mono now)
{
    ClientEntry *entry;
    SessionSpec spec;

    if (clients_find(clients, peer) || clients->entries->len >= CLIENTS_MAX)
        return NULL;
    entry = add(clients, peer, local);
    spec = spec_for(clients, entry->id, random);
    entry->client = session_resume(&spec, facts, rebooting, now);
    session_limit(entry->client, 0);
    return entry;
}

void clients_remove(Clients *clients, ClientEntry *entry)
{
    clients->full_until = (Mono){0};
    count_host(clients, &entry->peer, -1);
    clients_give_slot(clients, entry);
    g_hash_table_remove(clients->by_peer, &entry->peer);
    g_ptr_array_remove(clients->entries, entry);
}

ClientEntry *clients_find(const Clients *clients, const NetAddr *peer)
{
    return g_hash_table_lookup(clients->by_peer, peer);
}

static int compare_id(const void *key, const void *element)
{
    guint32 id = *(const guint32 *)key;
    const ClientEntry *entry = *(ClientEntry *const *)element;

    return id < entry->id ? -1 : id > entry->id;
}

ClientEntry *clients_by_id(const Clients *clients, guint32 id)
{
    ClientEntry **found = NULL;

    if (clients->entries->len > 0)
        found =
            bsearch(&id, clients->entries->pdata, clients->entries->len, sizeof *found, compare_id);
    return found ? *found : NULL;
}

guint clients_count(const Clients *clients)
{
    return clients->entries->len;
}

ClientEntry *clients_nth(const Clients *clients, guint i)
{
    return g_ptr_array_index(clients->entries, i);
}

/* -- slots --------------------------------------------------------------------------------------
 */

gboolean clients_take_slot(Clients *clients, ClientEntry *entry)
{
    if (entry->slot)
        return TRUE;
    if (clients->slots >= clients->limits.max_dumps && !session_facts(entry->client)->resumed)
        return FALSE;
    entry->slot = TRUE;
    clients->slots++;
    return TRUE;
}

void clients_give_slot(Clients *clients, ClientEntry *entry)
{
    if (entry->slot)
        clients->slots--;
    entry->slot = FALSE;
}

guint clients_slots(const Clients *clients)
{
    return clients->slots;
}

/* -- the socket buffer, shared ------------------------------------------------------------------
 */

static gsize page_cost(const ClientEntry *entry)
{
    return (gsize)(session_facts(entry->client)->page_size / WIRE_CHUNK_SIZE) * DATAGRAM_COST;
}

/* Pages that may yet come into the buffer. A machine that is silent must not hold what the others
 * could use. */
static guint in_flight(const ClientEntry *entry)
{
    const WindowStats *pages = &session_facts(entry->client)->pages;

    return pages->backoff > 1 ? 0 : pages->in_flight;
}

static void set_share(ClientEntry *entry, guint share, GPtrArray *grown)
{
    if (share > entry->share)
        g_ptr_array_add(grown, entry);
    if (share != entry->share)
        session_limit(entry->client, share);
    entry->share = share;
}

/* Each gets the same part of the buffer; what one does not use is not lent out. */
static void share_evenly(Clients *clients, gsize bytes_each, GPtrArray *grown)
{
    for (guint i = 0; i < clients->entries->len; i++) {
        ClientEntry *entry = clients_nth(clients, i);
        gboolean dumps = state_of(entry) == SESSION_DUMPING;

        set_share(entry, dumps ? (guint)MIN(bytes_each / page_cost(entry), WINDOW_MAX) : 0, grown);
    }
}

/* One page each, for as many as fit, beginning with the one whose turn it is. What is still in
 * flight from those before them is waited for, so that the sum never exceeds the buffer. */
static void share_by_turns(Clients *clients, gsize budget, GPtrArray *grown)
{
    guint n = clients->entries->len;
    gsize used = 0;
    gboolean full = FALSE;

    for (guint i = 0; i < n; i++) {
        ClientEntry *entry = clients_nth(clients, i);

        if (state_of(entry) == SESSION_DUMPING)
            used += in_flight(entry) * page_cost(entry);
    }
    for (guint i = 0; i < n; i++) {
        ClientEntry *entry = clients_nth(clients, (clients->turn + i) % n);
        gboolean dumps = state_of(entry) == SESSION_DUMPING;
        gsize more = dumps && in_flight(entry) == 0 ? page_cost(entry) : 0;

        full |= used + more > budget;
        if (!full)
            used += more;
        set_share(entry, dumps && !full, grown);
    }
}

void clients_balance(Clients *clients, Mono now, GPtrArray *grown)
{
    gsize budget = (gsize)((gdouble)clients->limits.rcvbuf * BUFFER_SHARE);
    guint n = 0;
    gsize page = 0;

    g_ptr_array_set_size(grown, 0);
    for (guint i = 0; i < clients->entries->len; i++)
        if (state_of(clients_nth(clients, i)) == SESSION_DUMPING) {
            n++;
            page = MAX(page, page_cost(clients_nth(clients, i)));
        }
    if (n == 0 || budget / n >= page) {
        clients->turn_ends = MONO_NEVER;
        share_evenly(clients, budget / MAX(n, 1), grown);
    } else {
        if (clients->turn_ends.us == G_MAXINT64 || !mono_before(now, clients->turn_ends)) {
            clients->turn = (clients->turn + (guint)MAX(budget / page, 1)) % clients->entries->len;
            clients->turn_ends = mono_add(now, TURN);
        }
        share_by_turns(clients, MAX(budget, page), grown);
    }
}

Mono clients_deadline(const Clients *clients)
{
    Mono deadline = clients->turn_ends;

    for (guint i = 0; i < clients->entries->len; i++)
        deadline = mono_min(deadline, session_deadline(clients_nth(clients, i)->client));
    return deadline;
}
