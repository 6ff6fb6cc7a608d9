/* clients.h - the table of clients: admission, slots, eviction.
 *
 * A client is known by its protocol, address and port; all clients at one address are one host
 * (console text comes from other ports). Everybody else names a client by its id; ids are never
 * used twice.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/netaddr.h"
#include "core/session.h"

#define CLIENTS_HOST_MAX     64  /* at one address, by their ports */
#define CLIENTS_UNPROVEN_MAX 512 /* nothing proves that they exist: a crash can be forged */

/* A client that announced a crash is kept at least this long. After the ACK a client never
 * announces itself again, so evicting it at once, for the next spoofed announcement, would leave it
 * hanging; a client without a reply repeats its announcement. */
#define CLIENTS_UNPROVEN_LIFE SPAN_S(2)

typedef struct Clients Clients;

/* An entry belongs to the table; it lives until clients_remove(), or until it is evicted. */
typedef struct {
    guint32 id;
    NetAddr peer, local;       /* where it sends from, and our address and port that it sends to */
    char host[NETADDR_STRLEN]; /* its address without port, as text */
    Session *session;
    Mono since;              /* when it announced itself, or was restored */
    gboolean slot;           /* it counts in max_concurrent_dumps */
    guint share;             /* requests that it may have in flight; 0 if it transfers nothing */
    struct DumpFiles *files; /* the executor's; NULL before they are needed */
} ClientEntry;

typedef struct {
    guint max_dumps;
    guint max_in_flight; /* requests in flight of one client, 1..LIMIT_IN_FLIGHT */
    gsize rcvbuf; /* bytes of socket buffer granted: the replies to all requests must fit in */
    Span client_timeout;
    gboolean secure; /* for sessions that begin from now on */
} ClientsLimits;

Clients *clients_new(const ClientsLimits *limits);
void clients_free(Clients *clients);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Clients, clients_free)

/* New limits apply to new dumps; running dumps continue. */
void clients_set_limits(Clients *clients, const ClientsLimits *limits);
const ClientsLimits *clients_limits(const Clients *clients);

/* A client that announces its crash with this datagram (an INTRO_CALL). random: fresh from the
 * kernel's generator. If the table, or an address's part of it, is full the oldest unproven entry
 * is evicted, unless it is younger than CLIENTS_UNPROVEN_LIFE; NULL if there is none. An evicted
 * client has no files; later replies for its id are ignored. */
ClientEntry *clients_admit(Clients *clients, const SessionOps *ops, const NetAddr *peer,
                           const NetAddr *local, const guint8 *data, gsize len, guint32 random,
                           Mono now);

/* A client of a previous instance. NULL if it is in the table already or the table is full (*why
 * NULL), or if its record is invalid (*why is the reason, a static string). */
ClientEntry *clients_readmit(Clients *clients, const SessionOps *ops, const NetAddr *peer,
                             const NetAddr *local, const SessionRemains *remains, guint32 random,
                             Mono now, const char **why);

void clients_remove(Clients *clients, ClientEntry *entry);

/* NULL if there is none. */
ClientEntry *clients_find(const Clients *clients, const SessionOps *ops, const NetAddr *peer);
ClientEntry *clients_by_id(const Clients *clients, guint32 id);

/* How many there are at this address, whatever their ports and protocols. */
guint clients_at_host(const Clients *clients, const NetAddr *host);

/* TRUE, and the entry has a slot, if one was free; resumed dumps get theirs in any case. */
gboolean clients_take_slot(Clients *clients, ClientEntry *entry);
void clients_give_slot(Clients *clients, ClientEntry *entry);
guint clients_slots(const Clients *clients);

/* All entries in the order of their ids. The array changes with the next admission or removal. */
guint clients_count(const Clients *clients);
ClientEntry *clients_nth(const Clients *clients, guint i);

/* The next time that any session wants EVENT_TIMER. */
Mono clients_deadline(const Clients *clients);
