/* dumpfind.h - find the dumps that a server made of a machine.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* The paths of all `vmcore` files in dumpdir's directories of this address (`<address>-<date>`)
 * that were last written at or after `since` (us since 1970). The server renames a whole dump
 * before it says REBOOT, and the file may be on its way: waits up to wait_us for the first. Several
 * machines behind one address, or several crashes, make several. NULL: error, among them that there
 * is none. */
GPtrArray *dump_find(const char *dumpdir, const char *address, gint64 since, gint64 wait_us,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read len bytes at offset; fewer only at the end of the file. -1: see errno. */
gssize dump_read(int fd, guint8 *data, gsize len, guint64 offset);
