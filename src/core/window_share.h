/* window_share.h - the socket buffer, shared out among the clients that transfer memory.
 *
 * The replies to all requests in flight must fit into the buffer, or bursts of them are dropped.
 * Clients that push, and request nothing, have no share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"

typedef struct {
    guint turn;     /* index of the first entry whose turn it is */
    Mono turn_ends; /* MONO_NEVER = each client has its share all the time */
} WindowShare;

void window_share_init(WindowShare *share);

/* To be called once a turn of the loop; the buffer's size is clients_limits()->rcvbuf. The ids
 * (guint32) of the clients whose share has grown are put into `grown`, emptied first: they are to
 * be given EVENT_TIMER. */
void window_share_balance(WindowShare *share, Clients *clients, Mono now, GArray *grown);

/* When it wants to be called next. */
Mono window_share_deadline(const WindowShare *share);
