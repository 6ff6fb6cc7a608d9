/* clients.h - the table of clients, and the limits that hold over all of them.
 *
 * A client is known by its address and port; all clients at one address are one host (console text
 * comes from other ports). A client is called by its id everywhere else; ids are never used twice.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/netaddr.h"
#include "core/netdump/session.h"

#define CLIENTS_MAX        1024 /* in all */
#define CLIENTS_HOST_MAX   64   /* at one address, by their ports */
#define CLIENTS_CALLED_MAX 512  /* that have not yet proved that they exist: START can be forged */

/* Whoever has called is looked after for so long at least. A machine that has had our ACK never
 * calls again: to forget it at once, for the next of a flood of forged STARTs, would leave it
 * hanging, while one that is not answered just goes on calling. */
#define CLIENTS_CALLED_LIFE SPAN_S(2)

typedef struct Clients Clients;

/* An entry belongs to the table; it lives until clients_remove(). */
typedef struct {
    guint32 id;
    NetAddr peer, local;       /* where it sends from, and our address that it sends to */
    char host[NETADDR_STRLEN]; /* its address without port, as text */
    Session *client;
    Mono since;           /* when it called */
    gboolean held;        /* its START waits until it is written down that we know of it */
    gboolean slot;        /* it counts in max_concurrent_dumps */
    guint share;          /* pages that it may have in flight; 0 where it does not dump */
    gpointer files;       /* perform.c's: its DumpFiles, or NULL */
    guint64 drops_before; /* of the socket, when it came */
    guint open;           /* perform.c's: see executor_mark_open() */
    guint64 answered_before;
} ClientEntry;

typedef struct {
    guint max_dumps;
    guint max_in_flight; /* pages in flight of one client, 1..WINDOW_MAX */
    gsize rcvbuf;        /* bytes of socket buffer granted: all clients' answers must fit into it */
    Span client_timeout;
} ClientsLimits;

Clients *clients_new(const ClientsLimits *limits);
void clients_free(Clients *clients);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Clients, clients_free)

/* New limits hold for what comes; dumps that run go on. */
void clients_set_limits(Clients *clients, const ClientsLimits *limits);

/* A machine that says that it crashed. random: fresh from the kernel's generator, where its request
 * numbers begin. Where the table, or what an address may have of it, is full
 * the oldest one that has proved nothing gives way, unless it is younger than CLIENTS_CALLED_LIFE;
 * NULL if there is none. */
ClientEntry *clients_admit(Clients *clients, const NetAddr *peer, const NetAddr *local,
                           const WireStart *start, guint32 random, Mono now);

/* A machine that a former server had begun with; NULL if its address is in the table. */
ClientEntry *clients_readmit(Clients *clients, const NetAddr *peer, const NetAddr *local,
                             const SessionFacts *facts, gboolean rebooting, guint32 random,
                             Mono now);

void clients_remove(Clients *clients, ClientEntry *entry);

/* NULL if there is none. */
ClientEntry *clients_find(const Clients *clients, const NetAddr *peer);
ClientEntry *clients_by_id(const Clients *clients, guint32 id);

/* How many there are at this address, whatever their ports. */
guint clients_at_host(const Clients *clients, const NetAddr *host);

/* TRUE, and the entry has a slot, if one was free; resumed dumps get theirs in any case. */
gboolean clients_take_slot(Clients *clients, ClientEntry *entry);
void clients_give_slot(Clients *clients, ClientEntry *entry);
guint clients_slots(const Clients *clients);

/* All entries in the order of their ids. The array changes with the next admission or removal. */
guint clients_count(const Clients *clients);
ClientEntry *clients_nth(const Clients *clients, guint i);

/* Share out what may be in flight. Entries whose share has grown are to be given EVENT_TIMER:
 * they are put into `grown` (of ClientEntry *, emptied first). To be called once a turn. */
void clients_balance(Clients *clients, Mono now, GPtrArray *grown);

/* The next time that any of them, or the balance, wants to be called. */
Mono clients_deadline(const Clients *clients);
