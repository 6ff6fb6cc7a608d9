/* pending_set.h - which clients the record of pending clients must name, and when to write it.
 *
 * After the ACK a crashed client sends nothing until it gets a request, and waits indefinitely.
 * Until the first record of its journal only the server knows of it, so it is recorded first
 * (ACTION_RECORD), and the session continues afterwards (EVENT_RECORDED). It stays in the record
 * until the journal says that the dump is over.
 *
 * Pure: the owner writes, and says when that is done.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"

typedef struct PendingSet PendingSet;

/* stale: there is a record of a previous instance, so that even an empty set must be written. */
PendingSet *pending_set_new(gboolean stale);
void pending_set_free(PendingSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PendingSet, pending_set_free)

/* Adds this client to the record, and notifies it once it is written, for each call. */
void pending_set_add(PendingSet *set, guint32 id);

/* Forgets clients that are gone, or whose dump is over. To be called once a turn. TRUE if the
 * record is to be written now: something has changed, no other write is under way, and the last one
 * is long enough ago for the work that it made. */
gboolean pending_set_due(PendingSet *set, const Clients *clients, Mono now);

/* A write begins, which names these ids (guint32, ascending); they live until the next one. */
const GArray *pending_set_begin(PendingSet *set, Mono now);

/* The write has ended, successfully or not: the ids (guint32) in it that wait for the notification.
 * To be freed. */
GArray *pending_set_end(PendingSet *set);

/* When pending_set_due() may become TRUE without an event. */
Mono pending_set_deadline(const PendingSet *set);
