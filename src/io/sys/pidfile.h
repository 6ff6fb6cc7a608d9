/* pidfile.h - the pidfile, locked as long as the process lives, so that a stale one is told from a
 * live one whatever process has got its number since.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Takes the pidfile, mode 0644, and keeps it locked until the process ends. A stale one is
 * replaced; one that a running server holds is refused with its pid, and so is a file that is no
 * pidfile. Call it in the process that stays. One for each process, so the state is static. Error:
 * of domain G_FILE_ERROR. */
gboolean pidfile_take(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes it if it is still the one that was taken. */
void pidfile_drop(void);
