/* console_store.h - the console store: console text of clients that have not crashed, bounded on
 * disk.
 *
 * `console/<ip>.log` in the dump directory, CONSOLE_FILE_MAX bytes for each client, then renamed to
 * `<ip>.log.1` (which replaces the one before). At most CONSOLE_MACHINES clients, including those
 * found on the disk at start. If there is no room for a new one, the least recently written client
 * is evicted if it has been idle for CONSOLE_IDLE; otherwise the new one is refused.
 *
 * The functions block on the disk. A ConsoleStore has a lock of its own and may be used from any
 * thread, but the lock is held while the disk works: use one queue for all clients. `now` is
 * wall-clock time, microseconds since 1970. 0 or an errno, with a GError (G_FILE_ERROR).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define CONSOLE_FILE_MAX 1048576                       /* bytes in <ip>.log */
#define CONSOLE_MACHINES 1024                          /* clients kept */
#define CONSOLE_OPEN     32                            /* files kept open */
#define CONSOLE_IDLE     G_GINT64_CONSTANT(3600000000) /* us; idle time before eviction */
#define CONSOLE_TAIL     65536 /* bytes that a dump's log gets from before the crash */

typedef struct ConsoleStore ConsoleStore;

typedef struct {
    guint machines;  /* on disk now */
    guint open;      /* descriptors held now */
    guint64 refused; /* refused appends since the start */
    guint64 evicted; /* evicted clients */
    guint64 rotated; /* files renamed to .log.1 */
} ConsoleCounts;

/* Open (or make) `console` below the dump directory and count what is there. NULL on failure. */
ConsoleStore *console_store_open(int dumpdir_fd, const char *dumpdir_path, gint64 now,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
void console_store_free(ConsoleStore *console);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConsoleStore, console_store_free)

/* Append escaped text (text.h) of the client `ip`. EUSERS: refused, no room. When a write fails
 * nothing of this text stays in the file. */
int console_store_append(ConsoleStore *console, const char *ip, gint64 now, const char *text,
                         gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The last `max` bytes (CONSOLE_TAIL) of a client's text, over both files, cut at the start of a
 * line; the text stays in the store. *text is NUL-terminated, to be freed with g_free, and *len its
 * bytes: 0 for an unknown client. */
int console_store_tail(ConsoleStore *console, const char *ip, gsize max, char **text, gsize *len,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

void console_store_counts(ConsoleStore *console, ConsoleCounts *counts);
