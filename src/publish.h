/* publish.h - what the server tells those who don't read logs: its status and its metrics.
 *
 * The status is a file in the dump directory that `netdump-server --status` reads: it needs no
 * port, and a reader can't hold up the loop. A line for the server, then one for each client; a
 * line is key=value pairs with tabs between them, the values escaped. The metrics are a text file
 * for node_exporter's textfile collector. Both are written by a disk job, whole or not at all.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "intake.h"
#include "perform.h"

#define PUBLISH_STATUS_FILE ".netdump-server.status"

typedef struct Publish Publish;

/* Borrowed. */
typedef struct {
    const Config *config;
    Sock *sock;
    Disk *disk;
    Dumpdir *dumpdir;
    Perform *perform;
    Intake *intake;
} PublishWorld;

Publish *publish_new(const PublishWorld *world);
void publish_free(Publish *p); /* behind disk_free() */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Publish, publish_free)

void publish_set_config(Publish *p, const Config *config);

/* Write what is due: every second while something goes on, else every 15 s. wall: us since 1970. */
void publish_tick(Publish *p, Mono now, gint64 wall);
Mono publish_deadline(const Publish *p);

/* A line for each client and one for all, to the log (SIGUSR1). */
void publish_log(const Publish *p);

/* The line for the terminal's bottom; NULL if nothing is going on. To be freed. */
char *publish_progress(const Publish *p);

/* Nothing is written any more. Before disk_free(). */
void publish_stop(Publish *p);
