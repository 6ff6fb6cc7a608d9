/* daemon.h - being a daemon: background, readiness, pidfile, signals.
 *
 * All of it belongs to the main thread. There is one process, so the state is static.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <signal.h>

#define DAEMON_ERROR (daemon_error_quark())
GQuark daemon_error_quark(void);

/* Points stdin, stdout and stderr to /dev/null where we were started without: else the next file or
 * socket that is opened would be taken for one of them. The very first thing to do. */
void daemon_fill_stdio(void);

typedef enum {
    DAEMON_CHILD,  /* in the background: go on, and end with daemon_ready() or daemon_failed() */
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

/* Takes the pidfile, mode 0644, and keeps it locked until we end. A stale one is replaced; one that
 * a running server holds is refused with its pid, and so is a file that is no pidfile. Call it in
 * the process that stays. */
gboolean daemon_pidfile_take(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes it if it is still the one we took. */
void daemon_pidfile_drop(void);

/* TERM, INT, HUP, USR1 and CHLD make a pipe readable; PIPE and XFSZ are ignored. They are not
 * blocked outside pselect(): it delivers none while a descriptor is ready, so that a flood of
 * packets would hold TERM back. The mask is for pselect() all the same, should we have been started
 * with one of them blocked. */
gboolean daemon_signals_init(GError **error) G_GNUC_WARN_UNUSED_RESULT;
int daemon_signals_fd(void);
const sigset_t *daemon_signals_mask(void);

/* The next signal that came, 0 = no more. Each is told once, however often it came. */
int daemon_next_signal(void);

/* Back to what was before, for tests. */
void daemon_signals_done(void);
