/* status.h - reports the state of the server: status file, metrics file, a line for log and
 * terminal.
 *
 * Both files are written by jobs, whole or not at all.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/work/work.h"
#include "server/metrics.h"

typedef struct Status Status;

/* Borrowed. */
typedef struct {
    MetricsSource source;
    guint16 udp_port; /* of the first protocol */
    WorkPool *disk;
    const Dumpdir *dumpdir;
} StatusWorld;

Status *status_new(const StatusWorld *world);
void status_free(Status *status); /* after work_pool_free() */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Status, status_free)

void status_set_config(Status *status, const Config *config);

/* Write what is due: every second while there are clients, otherwise every 15 s. wall: us since
 * 1970. */
void status_tick(Status *status, Mono now, gint64 wall);
Mono status_deadline(const Status *status);

/* A line for each client and one for all, to the log (SIGUSR1). */
void status_log(const Status *status, Mono now);

/* The progress line of the terminal; NULL without clients. To be freed. */
char *status_progress(const Status *status, Mono now);

/* Nothing is written any more. Before work_pool_free(). */
void status_stop(Status *status);
