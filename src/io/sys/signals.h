/* signals.h - signals become something to read.
 *
 * All of it belongs to the main thread. A process has one set of handlers, so the state is static.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <signal.h>

/* TERM, INT, HUP, USR1 and CHLD make a pipe readable; PIPE and XFSZ are ignored. They are not
 * blocked outside pselect(): it delivers none while a descriptor is ready, so that a flood of
 * packets would hold TERM back. The mask is for pselect() all the same, should the process have
 * been started with one of them blocked. Error: of domain G_FILE_ERROR. */
gboolean signals_init(GError **error) G_GNUC_WARN_UNUSED_RESULT;
int signals_fd(void);
const sigset_t *signals_mask(void);

/* The next signal that came, 0 = no more. Each is reported once, however often it came. */
int signals_next(void);

/* Back to what was before, for tests. */
void signals_done(void);
