/* callers.h - the list of machines that wait for the server, in a world: as callers.c keeps it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/server.h"

typedef struct {
    Machine *machine;
    const Crash *crash; /* whose START it is; NULL: a stranger's */
    WireStart start;
} Caller;

void pending_clients_tick(World *w); /* has anything changed? Then it is written, some time */
void pending_clients_write(World *w, guint32 life);
gboolean pending_clients_know(const World *w, const Machine *m);
void pending_clients_recall(World *w);
void pending_clients_end(World *w, EndKind how); /* it is not synced: a power cut may take it */
