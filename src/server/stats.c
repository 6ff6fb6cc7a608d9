/* stats.c - what happened since the server started, for the status file, the metrics and SIGUSR1.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/stats.h"

static void count_end(Stats *stats, const SessionFacts *facts)
{
    stats->complete += facts->result == RESULT_COMPLETE;
    stats->incomplete += facts->result == RESULT_INCOMPLETE;
    if (facts->reason == REASON_UNREACHABLE)
        stats->unreachable++;
    else
        stats->not_dumped += facts->result == RESULT_NOT_DUMPED;
}

void stats_note(Stats *stats, const SessionFacts *facts, SessionNote note)
{
    if (note == NOTE_ENDED)
        count_end(stats, facts);
    else if (note == NOTE_NO_MAGIC || note == NOTE_WRONG_MAGIC)
        stats->insecure++;
}

static guint64 transferred(const SessionFacts *facts)
{
    return facts->counters.bytes_new - facts->counters.bytes_zero;
}

void stats_closed(Stats *stats, const SessionFacts *facts)
{
    stats->bytes += transferred(facts);
    stats->retransmitted += facts->counters.retransmitted;
}

void stats_malformed(Stats *stats, DatagramFault fault)
{
    stats->malformed[fault]++;
}

guint64 stats_malformed_sum(const Stats *stats)
{
    guint64 sum = 0;

    for (guint i = DATAGRAM_OK + 1; i < DATAGRAM_N_FAULTS; i++)
        sum += stats->malformed[i];
    return sum;
}

guint64 stats_bytes(const Stats *stats, const Clients *clients)
{
    guint64 sum = stats->bytes;

    for (guint i = 0; i < clients_count(clients); i++)
        sum += transferred(&clients_nth(clients, i)->session->facts);
    return sum;
}

guint64 stats_retransmitted(const Stats *stats, const Clients *clients)
{
    guint64 sum = stats->retransmitted;

    for (guint i = 0; i < clients_count(clients); i++)
        sum += clients_nth(clients, i)->session->facts.counters.retransmitted;
    return sum;
}
