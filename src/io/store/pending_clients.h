/* pending_clients.h - the machines that wait for us, for a server that comes after us.
 *
 * A crashed machine that has had our ACK says nothing more until it is asked, and waits for ever.
 * Between the ACK and the first record of its dump's journal nobody but us knows of it; who is
 * killed there would leave it hanging. So the START of each machine whose dump is not over is kept
 * in one file of the dump directory, as records (record.h) without any page, and answered when it
 * is there. It is not synced: it is for our end, not for the host's. A journal that can't be used
 * does less harm, too: the machine is dumped anew.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"
#include "core/format/journal_record.h"
#include "io/store/dumpdir.h"
#include "io/work/work.h"

#define PENDING_CLIENTS_FILE ".netdump-server.callers"

typedef struct PendingClients PendingClients;

/* The file tells of this client now, or can't be written: told once or oftener. */
typedef void (*PendingClientsKnown)(gpointer user, guint32 id);

/* Borrows everything. */
PendingClients *pending_clients_new(WorkPool *disk, const Dumpdir *dumpdir, const Clients *clients,
                                    PendingClientsKnown known, gpointer user);
void pending_clients_free(PendingClients *callers); /* behind work_pool_free() */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PendingClients, pending_clients_free)

/* The file stays as it is, but for what is on its way to it. Before work_pool_free(). */
void pending_clients_stop(PendingClients *callers);

/* Has anything changed? Then the file is written, not oftener than a flood of STARTs deserves.
 * wall: us since 1970. */
void pending_clients_tick(PendingClients *callers, Mono now, gint64 wall);
Mono pending_clients_deadline(const PendingClients *callers);

/* What a former server wrote, of JournalRecord; empty where there is nothing. Blocks: for the
 * start. */
GArray *pending_clients_load(const Dumpdir *dumpdir);

/* What START said. */
WireStart pending_clients_start(const JournalRecord *record);
