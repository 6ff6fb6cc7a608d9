/* report.h - what an administrator reads of a client: log messages, `info`, progress.
 *
 * Made of what is common to all protocols; what only one knows comes from SessionOps.describe.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"
#include "io/config/config.h"
#include "io/sys/log.h"

/* Borrowed; what it points to changes with time and configuration. */
typedef struct {
    const Config *config;
    const Mono *now;
    const gint64 *wall; /* us since 1970 */
    LogLimit *limit;    /* for what anyone can provoke with a forged address */
} ReportWorld;

/* What is known of a client's files; all zero before there are any. */
typedef struct {
    const char *path;      /* of the dump's directory */
    gint64 started;        /* us since 1970 */
    guint64 space_needed;  /* bytes, of the last space check; the result: */
    guint64 space_usable;  /* bytes */
    guint64 zero_pages;    /* that came, and were left as holes */
    guint64 bytes_written; /* of memory, to the file */
    guint64 socket_drops;  /* since the dump began */
} DumpFacts;

/* Log a note of the session. */
void report_note(const ReportWorld *world, const ClientEntry *entry, const DumpFacts *files,
                 SessionNote note);

/* The pairs of the info file: keys and values in turn. The array owns them. */
GPtrArray *report_info(const ReportWorld *world, const ClientEntry *entry, const DumpFacts *files);

/* Bytes a second that are done, from the first request for memory until now; 0 = not known. */
gdouble report_rate(const SessionFacts *facts, Mono now);

/* Seconds until all is done at that rate; G_MAXUINT64 = not known. */
guint64 report_seconds_left(const SessionFacts *facts, Mono now);

/* Pages that so many bytes are; 0 while the size of a page is not known. */
guint64 report_pages(const SessionFacts *facts, guint64 bytes);

/* One line on a client, for SIGUSR1: state, pages done of how many, MB/s, time left,
 * retransmissions. To be freed. */
char *report_line(const ClientEntry *entry, Mono now);
