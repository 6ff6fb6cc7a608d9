/* daemon.h - being a daemon: background and readiness.
 *
 * All of it belongs to the main thread. There is one process, so the state is static.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Points stdin, stdout and stderr to /dev/null where we were started without: else the next file or
 * socket that is opened would be taken for one of them. The very first thing to do. */
void daemon_fill_stdio(void);

typedef enum {
    DAEMON_CHILD,  /* in the background: continue, and end with daemon_ready() or daemon_failed() */
    DAEMON_PARENT, /* the child is ready or has failed: exit with *status */
    DAEMON_FAILED, /* no child: see error */
} DaemonSide;

/* Forks; call it before any thread starts. The parent waits for the child's word, prints its reason
 * if it failed or died, and gets the exit status. The child is a session leader with umask 077 in
 * the directory "/"; its stdin, stdout and stderr go to /dev/null at daemon_ready(). */
DaemonSide daemon_background(int *status, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For the foreground: umask 077. (The working directory stays.) */
void daemon_foreground(void);

/* The socket is bound and all is well: lets the waiting parent exit with 0 (and will tell the
 * service manager). Once; harmless in the foreground. */
void daemon_ready(void);

/* The start went wrong: the reason goes to the log, and in the background to the waiting parent
 * too, which prints it and exits with 1. */
void daemon_failed(const char *reason);

/* For the service manager, around reading the configuration again and at the end. */
void daemon_reloading(void);
void daemon_reloaded(void);
void daemon_stopping(void);

/* Says how to run as user netdump, if we are root. */
void daemon_warn_if_root(void);
