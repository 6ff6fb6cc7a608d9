/* dumpdir.h - the directory that holds all dumps: checked and locked at start, asked for space.
 *
 * After dumpdir_open() a Dumpdir does not change: every function may be called from any thread, and
 * blocks on the disk. Errors: GError of domain G_FILE_ERROR, naming the path and what to do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct Dumpdir Dumpdir;

/* Open the dump directory; a missing one is made (0700), its parent must be there. It must be a
 * directory that we may write and that neither group nor others may write, and that belongs to us
 * or to root. Takes the lock `.netdump-server.lock` in it, which lives as long as the Dumpdir (and
 * a child that was forked, not executed, from us). NULL on failure: among others when another
 * server holds the lock, then the message names its process. The path itself may be a link: it is
 * the administrator's; below it no link is followed. */
Dumpdir *dumpdir_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void dumpdir_free(Dumpdir *dir);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dumpdir, dumpdir_free)

/* TRUE if a server holds the lock of the dump directory at this path; for readers. FALSE with
 * *error if this is unknown. */
gboolean dumpdir_is_served(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

const char *dumpdir_path(const Dumpdir *dir); /* absolute: holds after a chdir("/") */
int dumpdir_fd(const Dumpdir *dir);           /* stays the Dumpdir's */

typedef struct {
    guint64 total;     /* bytes of the file system; 0 where it does not say */
    guint64 available; /* bytes free for us: without root's reserve, unless we are root */
    guint64 usable;    /* of these, what can be used so that min_free percent of the file system
                          stay free (root's reserve counts as kept free); G_MAXUINT64 where the file
                          system does not tell its size */
} DumpdirSpace;

/* Request the file system now; min_free: 0 to 100, percent of the whole file system. 0 or an errno.
 */
int dumpdir_space(const Dumpdir *dir, guint min_free, DumpdirSpace *space,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The names, sorted, of the dumps' directories that still hold a journal. The array owns the
 * strings. NULL and error if the directory cannot be read. For the server's start. */
GPtrArray *dumpdir_unfinished(const Dumpdir *dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read `magic/<ip>`: 8 bytes, two 32-bit words, low word first, each in the client's byte order; or
 * 16 hex digits and a newline. Anything else is an error: ENOENT when the file is missing, EINVAL
 * when its contents, size or kind are wrong, else what the system said. */
int dumpdir_magic(const Dumpdir *dir, const char *ip, gboolean big_endian, guint64 *magic,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
