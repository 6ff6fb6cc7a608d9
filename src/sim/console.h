/* console.h - what a machine prints: before it crashes, and for SHOW_STATE.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef enum {
    CONSOLE_LOG_LINES, /* LOG packets, a line each (RHEL 4) or up to 1460 bytes (RHEL 3) */
    CONSOLE_PLAIN,     /* netconsole: datagrams "<5> line\n" without a header */
} ConsoleStyle;

#define CONSOLE_STARTUP "[...network console startup...]\n"

/* A text on its way out, line by line. Init with {text, strlen(text)}. */
typedef struct {
    const char *text;
    gsize left;
} Console;

/* The next piece to send: at most max bytes and at most one line, its newline included; 0 at the
 * end. */
gsize console_next(Console *console, gsize max, const char **piece);

/* An oops as the kernel of this machine might print it. To be freed by the caller. */
char *console_oops(const char *machine, guint64 task, guint64 seed);

/* What SHOW_STATE prints: registers, tasks, memory. To be freed by the caller. */
char *console_state(const char *machine, guint64 task, guint32 n_pages, guint32 n_present);
