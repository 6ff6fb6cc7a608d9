/* pending.h - the record of pending clients, in a world.
 *
 * core/pending_set.h says when it is to be written, and which clients it names; here it is written.
 * It is not synced: a power cut may take it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/disk.h"

struct Pending {
    guint32 id;
    Kernel *kernel;
    const Crash *crash; /* whose START it is; NULL: a stranger's */
    gboolean forged;    /* a START came that was not its own */
    Record record;
};

/* One write of all. */
typedef struct {
    Pending *items;
    guint n;
} PendingWrite;

void pending_tick(World *w);
void pending_written(World *w, PendingWrite *write, guint32 life);
void pending_told(World *w, guint32 life);
gboolean pending_know(const World *w, const Kernel *k);
void pending_restore(World *w);
void pending_end(World *w, EndKind how);
