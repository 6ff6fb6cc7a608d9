/* dispatch.h - where a datagram goes: to a client, to the console store, or nowhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/wire.h"
#include "io/net/sock.h"
#include "server/console_ingest.h"
#include "server/executor.h"

typedef struct Dispatch Dispatch;

/* Datagrams by what became of them. */
typedef struct {
    guint64 taken;                    /* given to a client */
    guint64 console;                  /* text of machines that have not crashed */
    guint64 not_allowed;              /* allow= does not name the sender */
    guint64 malformed[WIRE_N_FAULTS]; /* by the parser's reason */
    guint64 stray;                    /* an answer, but we asked nobody there */
    guint64 insecure;                 /* START without the right magic */
    guint64 no_room;                  /* START, but the table of clients is full */
} DispatchStats;

/* Borrows everything. */
Dispatch *dispatch_new(const Config *config, Dumpdir *dumpdir, Executor *perform,
                       ConsoleIngest *console);
void dispatch_free(Dispatch *intake);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dispatch, dispatch_free)

void dispatch_set_config(Dispatch *intake, const Config *config);

/* A SockFn; user is the Dispatch. */
void dispatch_datagram(gpointer user, const SockDatagram *datagram);

/* A PendingClientsKnown; user is the Dispatch: the START of this client, which was held back, is
 * taken now. (Should that never come, the machine's next START is not held back.) */
void dispatch_known(gpointer user, guint32 id);

/* A machine whose START a former server got, with its answer perhaps: as if it came now. FALSE if
 * it is known, or not welcome. */
gboolean dispatch_recall(Dispatch *intake, const NetAddr *from, const NetAddr *local,
                         const WireStart *start);

const DispatchStats *dispatch_stats(const Dispatch *intake);
