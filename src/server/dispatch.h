/* dispatch.h - where a datagram goes: to a session, to the console store, or nowhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "server/executor.h"

typedef struct Dispatch Dispatch;

/* Datagrams by what became of them. Malformed ones, which sessions find as well, are counted by
 * Effects.malformed. */
typedef struct {
    guint64 taken;       /* given to a session */
    guint64 console;     /* text of clients that have not crashed */
    guint64 not_allowed; /* allow= does not name the sender */
    guint64 stray;       /* a reply, but nothing was requested there */
    guint64 no_room;     /* a crash announced, but the table is full */
} DispatchStats;

/* Which datagrams are taken, and what is drawn for a new session. Borrowed; may change between two
 * calls. */
typedef struct {
    const NetRule *allow; /* none = everybody is welcome */
    gsize n_allow;
    guint32 (*random)(gpointer world); /* from the kernel's generator */
    void (*no_room)(gpointer world, const NetAddr *peer);
} DispatchRules;

/* Borrows everything. */
Dispatch *dispatch_new(Clients *clients, Executor *executor, const Effects *effects, gpointer world,
                       const DispatchRules *rules, const Mono *now);
void dispatch_free(Dispatch *dispatch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dispatch, dispatch_free)

/* One datagram that came on a port of the protocol `ops`. len: as sent; if it is greater than
 * ops->datagram_max, only that many bytes are in data. */
void dispatch_datagram(Dispatch *dispatch, const SessionOps *ops, const NetAddr *from,
                       const NetAddr *local, const guint8 *data, gsize len);

const DispatchStats *dispatch_stats(const Dispatch *dispatch);
