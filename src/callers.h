/* callers.h - the machines that wait for us, for a server that comes after us.
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

#include "clients.h"
#include "disk.h"
#include "dumpdir.h"
#include "record.h"

#define CALLERS_FILE ".netdump-server.callers"

typedef struct Callers Callers;

/* The file tells of this client now, or can't be written: told once or oftener. */
typedef void (*CallersKnown)(gpointer user, guint32 id);

/* Borrows everything. */
Callers *callers_new(Disk *disk, const Dumpdir *dumpdir, const Clients *clients, CallersKnown known,
                     gpointer user);
void callers_free(Callers *callers); /* behind disk_free() */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Callers, callers_free)

/* The file stays as it is, but for what is on its way to it. Before disk_free(). */
void callers_stop(Callers *callers);

/* Has anything changed? Then the file is written, not oftener than a flood of STARTs deserves.
 * wall: us since 1970. */
void callers_tick(Callers *callers, Mono now, gint64 wall);
Mono callers_deadline(const Callers *callers);

/* What a former server wrote, of JournalRecord; empty where there is nothing. Blocks: for the
 * start. */
GArray *callers_load(const Dumpdir *dumpdir);

/* What START said. */
WireStart callers_start(const JournalRecord *record);
