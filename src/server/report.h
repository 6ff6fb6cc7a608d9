/* report.h - what an administrator reads of a client: log messages, `info`, progress.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"
#include "io/sys/log.h"
#include "server/dump_files.h"

/* What a report needs beside the client's facts. */
typedef struct {
    const ClientEntry *entry;
    const SessionFacts *facts;
    DumpFiles *files; /* NULL before the machine has proved that it is there */
    Mono now;
    gint64 wall;          /* us since 1970 */
    guint client_timeout; /* seconds */
    guint max_dumps;
    guint64 socket_drops; /* since the dump began */
    LogLimit *limit;      /* for what anyone can provoke with a forged address */
} Report;

/* Log a note of the state machine. */
void report_note(const Report *r, SessionNote note);

/* Write the info file. */
void report_info(const Report *r);

/* Pages that are done with: stored, or known to be no RAM. */
guint64 report_pages_done(const SessionFacts *facts);

/* Pages a second that are done with, from the first page asked for until now; 0 = not known. */
gdouble report_rate(const Report *r);

/* One line on a client, for SIGUSR1: state, pages done of how many, MB/s, time left,
 * retransmissions. To be freed. */
char *report_line(const Report *r);
