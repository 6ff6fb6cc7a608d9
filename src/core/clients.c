/* clients.c - the table of clients: admission, slots, eviction.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/clients.h"

#include "core/base/limits.h"

#include <stdlib.h>

struct Clients {
    ClientsLimits limits;
    GPtrArray *entries;  /* of ClientEntry, by id */
    GHashTable *by_peer; /* Key, owned -> entry */
    GHashTable *at_host; /* NetAddr, owned, its port not looked at -> number of entries */
    guint32 last_id;
    guint slots;
    Mono full_until; /* no eviction before this time, so that a flood is not counted for each
                        datagram */
};

/* What a client is known by. */
typedef struct {
    NetAddr peer;
    const SessionOps *ops;
} Key;

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const Key *x = a, *y = b;

    return x->ops == y->ops && netaddr_equal(&x->peer, &y->peer);
}

static guint key_hash(gconstpointer key)
{
    return netaddr_hash(&((const Key *)key)->peer);
}

static void entry_free(gpointer data)
{
    ClientEntry *entry = data;

    entry->session->ops->free(entry->session);
    g_free(entry);
}

Clients *clients_new(const ClientsLimits *limits)
{
    Clients *clients = g_new0(Clients, 1);

    clients->limits = *limits;
    clients->entries = g_ptr_array_new_with_free_func(entry_free);
    clients->by_peer = g_hash_table_new_full(key_hash, key_equal, g_free, NULL);
    clients->at_host = g_hash_table_new_full(netaddr_host_hash, netaddr_host_equal, g_free, NULL);
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
    for (guint i = 0; i < clients->entries->len; i++) {
        Session *session = clients_nth(clients, i)->session;

        session->ops->set_timeout(session, limits->client_timeout);
    }
}

const ClientsLimits *clients_limits(const Clients *clients)
{
    return &clients->limits;
}

/* -- admission --------------------------------------------------------------------------------- */

guint clients_at_host(const Clients *clients, const NetAddr *host)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(clients->at_host, host));
}

/* Of all, or of those at the address of `host` if that is not NULL: how many have proven nothing,
 * and the oldest of them; *all: how many there are. */
static guint count_unproven(const Clients *clients, const NetAddr *host, ClientEntry **oldest,
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
        if (entry->session->facts.phase != PHASE_UNPROVEN || entry->session->facts.resumed)
            continue;
        if (n++ == 0)
            *oldest = entry;
    }
    return n;
}

/* FALSE if there are `max` and none can be evicted; unproven entries can from unproven_max on. */
static gboolean make_room(Clients *clients, const NetAddr *host, guint max, guint unproven_max,
                          Mono now)
{
    ClientEntry *oldest;
    guint all, unproven;

    if ((host ? clients_at_host(clients, host) : clients->entries->len) < MIN(max, unproven_max))
        return TRUE;
    unproven = count_unproven(clients, host, &oldest, &all);
    if (all < max && unproven < unproven_max)
        return TRUE;
    if (!oldest)
        return FALSE;
    if (mono_diff(now, oldest->since) < CLIENTS_UNPROVEN_LIFE) {
        if (!host)
            clients->full_until = mono_add(oldest->since, CLIENTS_UNPROVEN_LIFE);
        return FALSE;
    }
    clients_remove(clients, oldest);
    return TRUE;
}

static SessionSpec next_spec(Clients *clients, guint32 random)
{
    return (SessionSpec){
        .id = ++clients->last_id,
        .random = random,
        .client_timeout = clients->limits.client_timeout,
        .max_in_flight = clients->limits.max_in_flight,
        .secure = clients->limits.secure,
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

/* Takes the session over. */
static ClientEntry *add(Clients *clients, Session *session, const NetAddr *peer,
                        const NetAddr *local, Mono now)
{
    ClientEntry *entry = g_new0(ClientEntry, 1);
    Key *key = g_new(Key, 1);

    entry->id = session->facts.id;
    entry->peer = *peer;
    entry->local = *local;
    entry->session = session;
    entry->since = now;
    netaddr_host_to_string(peer, entry->host);
    *key = (Key){*peer, session->ops};
    g_ptr_array_add(clients->entries, entry);
    g_hash_table_insert(clients->by_peer, key, entry);
    count_host(clients, peer, 1);
    session->ops->limit(session, 0);
    return entry;
}

ClientEntry *clients_admit(Clients *clients, const SessionOps *ops, const NetAddr *peer,
                           const NetAddr *local, const guint8 *data, gsize len, guint32 random,
                           Mono now)
{
    SessionSpec spec;

    if (mono_before(now, clients->full_until) ||
        !make_room(clients, NULL, LIMIT_CLIENTS, CLIENTS_UNPROVEN_MAX, now) ||
        !make_room(clients, peer, CLIENTS_HOST_MAX, CLIENTS_HOST_MAX, now))
        return NULL;
    spec = next_spec(clients, random);
    return add(clients, ops->open(&spec, data, len, now), peer, local, now);
}

ClientEntry *clients_readmit(Clients *clients, const SessionOps *ops, const NetAddr *peer,
                             const NetAddr *local, const SessionRemains *remains, guint32 random,
                             Mono now, const char **why)
{
    SessionSpec spec;
    Session *session;

    *why = NULL;
    if (clients_find(clients, ops, peer) || clients->entries->len >= LIMIT_CLIENTS)
        return NULL;
    spec = next_spec(clients, random);
    session = ops->restore(&spec, remains, now, why);
    return session ? add(clients, session, peer, local, now) : NULL;
}

/* -- the table --------------------------------------------------------------------------------- */

void clients_remove(Clients *clients, ClientEntry *entry)
{
    const Key key = {entry->peer, entry->session->ops};

    clients->full_until = (Mono){0};
    count_host(clients, &entry->peer, -1);
    clients_give_slot(clients, entry);
    g_hash_table_remove(clients->by_peer, &key);
    g_ptr_array_remove(clients->entries, entry);
}

ClientEntry *clients_find(const Clients *clients, const SessionOps *ops, const NetAddr *peer)
{
    const Key key = {*peer, ops};

    return g_hash_table_lookup(clients->by_peer, &key);
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

Mono clients_deadline(const Clients *clients)
{
    Mono deadline = MONO_NEVER;

    for (guint i = 0; i < clients->entries->len; i++) {
        Session *session = clients_nth(clients, i)->session;

        deadline = mono_min(deadline, session->ops->deadline(session));
    }
    return deadline;
}

/* -- slots ------------------------------------------------------------------------------------- */

gboolean clients_take_slot(Clients *clients, ClientEntry *entry)
{
    if (entry->slot)
        return TRUE;
    if (clients->slots >= clients->limits.max_dumps && !entry->session->facts.resumed)
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
