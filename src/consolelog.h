/* consolelog.h - console text of machines that have not crashed, on its way to the console store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "clock.h"
#include "console.h"
#include "disk.h"
#include "netaddr.h"

typedef struct ConsoleLog ConsoleLog;

/* Borrows both. */
ConsoleLog *consolelog_new(Disk *disk, Console *console);
void consolelog_free(ConsoleLog *log); /* behind disk_free() */

/* Text as it came; wall: us since 1970. What the disk can't take in time is dropped, and said so;
 * and so is what comes in masses while there are dumps, which are more important: `busy`. */
void consolelog_take(ConsoleLog *log, const NetAddr *host, const guint8 *text, gsize len,
                     gboolean busy, Mono now, gint64 wall);

/* Where text waits: a job that is pushed there finds in the store what has come before it. */
DiskQueue *consolelog_queue(ConsoleLog *log);

/* No text is taken any more; what was taken is still written. Before disk_free(). */
void consolelog_stop(ConsoleLog *log);
