/* console_ingest.h - console text of clients that have not crashed, on its way to the console
 * store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/netaddr.h"
#include "io/store/console_store.h"
#include "io/work/work.h"

typedef struct ConsoleIngest ConsoleIngest;

/* Borrows both. */
ConsoleIngest *console_ingest_new(WorkPool *disk, ConsoleStore *console);
void console_ingest_free(ConsoleIngest *log); /* after work_pool_free() */

/* Text as it came; wall: us since 1970. Text that the disk cannot take in time is dropped, with a
 * warning; so is text above the rate limit, which is lower while dumps are running (`busy`). */
void console_ingest_take(ConsoleIngest *log, const NetAddr *host, const guint8 *text, gsize len,
                         gboolean busy, Mono now, gint64 wall);

/* Where text waits: a job that is pushed there finds in the store what has come before it. */
WorkQueue *console_ingest_queue(ConsoleIngest *log);

/* No text is taken any more; what was taken is still written. Before work_pool_free(). */
void console_ingest_stop(ConsoleIngest *log);
