/* stats.h - what happened since the server started, for the status file, the metrics and SIGUSR1.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"

typedef struct {
    guint64 complete, incomplete, not_dumped; /* dumps by result */
    guint64 unreachable;                      /* announcements that led to nothing */
    guint64 insecure;                         /* announcements without the right magic */
    guint64 malformed[DATAGRAM_N_FAULTS];     /* datagrams, by fault */
    guint64 bytes, retransmitted;             /* of clients that are gone, see stats_bytes() */
} Stats;

/* Datagrams of all ports together. */
typedef struct {
    guint64 received, sent;
    guint64 unsent;  /* that could not be sent */
    guint64 dropped; /* by the kernel, because the receive buffer was full */
} Traffic;

/* For Effects.note, .closed and .malformed. */
void stats_note(Stats *stats, const SessionFacts *facts, SessionNote note);
void stats_closed(Stats *stats, const SessionFacts *facts);
void stats_malformed(Stats *stats, DatagramFault fault);

guint64 stats_malformed_sum(const Stats *stats);

/* Memory stored, bytes that were transferred; requests for memory that were sent again. Of clients
 * that are gone and of those in the table: running dumps count, too. */
guint64 stats_bytes(const Stats *stats, const Clients *clients);
guint64 stats_retransmitted(const Stats *stats, const Clients *clients);
