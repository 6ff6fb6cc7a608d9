/* hook_exec.h - may a hook be run, and how it is started. Inside io/hooks.
 *
 * Blocks on the file system; may be called in any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef enum { HOOK_FINE, HOOK_MISSING, HOOK_REFUSED } HookCheck;

/* Checks whether the hook may run. On HOOK_REFUSED *why is the reason and what to do. */
HookCheck hook_check(const char *dumpdir, const char *name, char **why);

typedef struct {
    const char *dumpdir;
    const char *name;
    const char *ip;
    const char *dir; /* NULL = none */
} HookCommand;

typedef struct {
    pid_t pid;    /* leader of its process group; 0 = none */
    int out_fd;   /* what it prints; non-blocking */
    int error_fd; /* the errno of an exec that failed, or nothing; non-blocking */
} HookChild;

/* 0 or an errno. A hook that exec refuses shows up only when it ends: hook_exec_error(). */
int hook_start(const HookCommand *command, HookChild *child);

/* Once the child has ended: why exec failed, 0 = it did not. Closes error_fd. Does not block. */
int hook_exec_error(HookChild *child);

/* What an errno of hook_start() or hook_exec_error() means for the administrator. */
const char *hook_errno_hint(int err);
