/* callers.h - the list of machines that wait for the server, in a world: as callers.c keeps it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/server.h"

typedef struct {
    Machine *machine;
    const Crash *crash; /* whose START it is; NULL: a stranger's */
    WireStart start;
} Caller;

void callers_tick(World *w); /* has anything changed? Then it is written, some time */
void callers_write(World *w, guint32 life);
gboolean callers_know(const World *w, const Machine *m);
void callers_recall(World *w);
void callers_end(World *w, EndKind how); /* it is not synced: a power cut may take it */
