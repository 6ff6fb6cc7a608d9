/* pending_clients.h - the record of clients that wait for this server, for the one that comes next.
 *
 * One file of the dump directory, see core/pending_set.h for what it is for: tagged records one
 * after the other, each with the client's addresses and what its session said when it asked to be
 * recorded. It is written whole when the set changes. It is not synced: it is for the end of the
 * server, not of its host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"
#include "io/store/dumpdir.h"
#include "io/work/work.h"

#define PENDING_CLIENTS_FILE ".netdump-server.callers"

typedef struct PendingClients PendingClients;

/* The file names this client now, or cannot be written. */
typedef void (*PendingClientsRecorded)(gpointer user, guint32 id);

/* Borrows everything. */
PendingClients *pending_clients_new(WorkPool *pool, const Dumpdir *dumpdir, const Clients *clients,
                                    PendingClientsRecorded recorded, gpointer user);
void pending_clients_free(PendingClients *pending); /* after work_pool_free() */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PendingClients, pending_clients_free)

/* The file stays as it is, but for what is on its way to it. Before work_pool_free(). */
void pending_clients_stop(PendingClients *pending);

/* Put it into the record, from which it disappears by itself. recorded() is called, never from
 * inside. wall: us since 1970. */
void pending_clients_add(PendingClients *pending, const ClientEntry *entry, Mono now, gint64 wall);

/* Writes the file if that is due. */
void pending_clients_tick(PendingClients *pending, Mono now, gint64 wall);
Mono pending_clients_deadline(const PendingClients *pending);

/* What a previous instance wrote: of GBytes, each a whole record for tagged_reader_init(). Empty if
 * there is nothing, or nothing usable. convert: for a file of version 1.0; may be NULL. Blocks: for
 * the start of the server. */
GPtrArray *pending_clients_load(const Dumpdir *dumpdir, TaggedConvert convert);
