/* hook_output.h - what hooks print goes to the log, line by line and within limits. Inside
 * io/hooks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/sys/log.h"

#define HOOK_LINE_MAX   1024  /* bytes; longer ones are cut in pieces */
#define HOOK_LINES_MAX  1000  /* a run */
#define HOOK_OUTPUT_MAX 65536 /* bytes a run */
#define HOOK_READ_MAX   65536 /* bytes a turn of the loop: what a pipe holds */

/* What one run prints. */
typedef struct {
    int fd; /* our end of the pipe, -1 = closed */
    char line[HOOK_LINE_MAX + 1];
    gsize len; /* of the line so far */
    guint lines;
    gsize bytes;
    gboolean muted; /* over the limit: read and thrown away */
} HookOutput;

/* Reads what is there, up to HOOK_READ_MAX; prefix: "netdump-crash[10.0.0.5]: ". At its end the
 * descriptor is closed. */
void hook_output_read(HookOutput *out, const char *prefix, LogLimit *limit, Mono now);

/* Logs a last line without newline, and closes. */
void hook_output_end(HookOutput *out, const char *prefix, LogLimit *limit, Mono now);
