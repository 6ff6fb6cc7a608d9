/* metrics.h - what the server tells those who don't read logs: its status and its metrics.
 *
 * The status is a file in the dump directory that `netdump-server --status` reads: it needs no
 * port, and a reader can't hold up the loop. A line for the server, then one for each client; a
 * line is key=value pairs with tabs between them, the values escaped. The metrics are a text file
 * for node_exporter's textfile collector. Both are written by a disk job, whole or not at all.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "server/dispatch.h"
#include "server/executor.h"

#define STATUS_FILE ".netdump-server.status"

typedef struct Metrics Metrics;

/* Borrowed. */
typedef struct {
    const Config *config;
    Sock *sock;
    WorkPool *disk;
    Dumpdir *dumpdir;
    Executor *perform;
    Dispatch *intake;
} MetricsWorld;

Metrics *metrics_new(const MetricsWorld *world);
void metrics_free(Metrics *p); /* behind work_pool_free() */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Metrics, metrics_free)

void metrics_set_config(Metrics *p, const Config *config);

/* Write what is due: every second while something goes on, else every 15 s. wall: us since 1970. */
void metrics_tick(Metrics *p, Mono now, gint64 wall);
Mono metrics_deadline(const Metrics *p);

/* A line for each client and one for all, to the log (SIGUSR1). */
void metrics_log(const Metrics *p);

/* The line for the terminal's bottom; NULL if nothing is going on. To be freed. */
char *metrics_progress(const Metrics *p);

/* Nothing is written any more. Before work_pool_free(). */
void metrics_stop(Metrics *p);
