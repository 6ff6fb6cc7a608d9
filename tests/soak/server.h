/* server.h - the server of a world: the daemon's wiring, with a disk and hooks that are made up.
 *
 * What perform.c and intake.c do with the real state machines and the real table of clients, in
 * the same order: outcomes that are known at once follow the step that asked for them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/disk.h"

typedef struct {
    guint32 id;
    Event event;
} Outcome;

/* A client in the table: its entry's files. */
typedef struct {
    Machine *machine;
    Crash *crash;          /* that it is about, as far as we know; NULL: a stranger says so */
    Dump *dump;            /* NULL before OPEN_DIR */
    Crash *regs_of;        /* that has sent its registers last */
    const Crash *start_of; /* whose START came last; NULL: a stranger's */
    Crash *answered;       /* that has told its page size */
    gboolean forged;       /* a START came that was not its own */
    gboolean hook[3];      /* is running */
} Served;

void server_begin(World *w);
/* START is answered now, if it has waited until it was written down. */
void server_take_start(World *w, ClientEntry *entry);
/* A machine that a former server has written down. */
void server_recall(World *w, Machine *m, const Crash *crash, const WireStart *start);
void server_receive(World *w, const Datagram *d);
void server_hook_ends(World *w, gpointer run, guint32 life);
void server_tick(World *w);
Mono server_deadline(const World *w);

/* From the disk: for the client whose dump it is, if it is still there. */
void server_tell(World *w, const Dump *dump, Event event);
gboolean server_no_space(World *w, const Dump *dump);
