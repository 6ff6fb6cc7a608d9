/* executor.h - gives events to sessions and carries out their actions.
 *
 * Knows no protocol, no file and no socket: everything goes through a table of effects. The only
 * state is the table of clients and the queue of events that follow from the present step.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/window_share.h"
#include "server/effects.h"

typedef struct Executor Executor;

/* Borrows all of it. *now is the time of each event. */
Executor *executor_new(Clients *clients, const Effects *effects, gpointer world, const Mono *now);
void executor_free(Executor *executor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Executor, executor_free)

/* One event for a client, and all that follows from it. The entry may be gone afterwards. Not from
 * inside a step: effects reply with executor_tell(). */
void executor_event(Executor *executor, ClientEntry *entry, const Event *event);

/* The same by id, for replies of effects: unknown ids are ignored. From inside a step the event is
 * queued until the step is through; its data and cookies must then live that long. */
void executor_tell(Executor *executor, guint32 id, const Event *event);

/* Console text from an address, on none of its clients' own ports (port NULL) or from one that has
 * no log: to all other clients of that address. TRUE if one of them has a log, so that the text
 * need not be kept elsewhere. */
gboolean executor_text(Executor *executor, const NetAddr *host, const ClientEntry *from,
                       const guint8 *text, gsize len);

/* Timers that are due, and the shares of the socket buffer. */
void executor_tick(Executor *executor, WindowShare *share);

/* EVENT_SHUTDOWN for all. */
void executor_shutdown(Executor *executor);
