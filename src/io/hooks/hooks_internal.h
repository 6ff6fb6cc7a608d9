/* hooks_internal.h - what hooks.c (queue and time limits), hookstart.c (checks, fork and exec) and
 * hookoutput.c (what a script prints) share. Nobody else includes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/hooks/hooks.h"
#include "io/sys/log.h"

#include <sys/types.h>

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

typedef enum { HOOK_FINE, HOOK_MISSING, HOOK_REFUSED } HookCheck;

/* May the script be run? On HOOK_REFUSED *why says what is wrong and what mends it. */
HookCheck hook_check(const char *dumpdir, const char *name, char **why);

typedef struct {
    const char *dumpdir;
    const char *name;
    const char *ip;
    const char *dir; /* NULL = none */
} HookCommand;

typedef struct {
    pid_t pid;    /* leader of its process group */
    int out_fd;   /* what it prints; non-blocking */
    int error_fd; /* the errno of an exec that failed, or nothing; non-blocking */
} HookChild;

/* 0 or an errno. A script that exec refuses shows up only when it ends: hook_exec_error(). */
int hook_start(const HookCommand *command, HookChild *child);

/* Once the child has ended: why exec failed, 0 = it did not. Closes error_fd. */
int hook_exec_error(HookChild *child);

/* What an errno of hook_start() or hook_exec_error() means for the administrator. */
const char *hook_errno_hint(int err);
