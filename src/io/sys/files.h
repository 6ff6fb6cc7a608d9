/* files.h - open, read and write files below a directory without ever following a link.
 *
 * For the effects that keep files in the dump directory. Every function that can fail returns 0 or
 * an errno, and where it takes a GError it is then set (domain G_FILE_ERROR) with a text that names
 * the file. `dir` is the directory's path, for messages only. No state: safe in any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* TRUE if name can be one component of a path that we make: 1 to 128 bytes of [A-Za-z0-9:._%-], not
 * starting with a dot. Every address in text form is one. */
gboolean files_name_ok(const char *name);

/* Open a regular file. O_NOFOLLOW, O_CLOEXEC are added to flags; with O_CREAT its mode is 0600.
 * A link, a FIFO, a device at that name: an error, and no waiting. */
int files_open(int dirfd, const char *dir, const char *name, int flags, int *fd,
               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Open a directory, never through a link; with `create` it is made (0700) if it is missing. */
int files_open_dir(int dirfd, const char *dir, const char *name, gboolean create, int *fd,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Write all bytes at offset (-1: at the file's position, or its end with O_APPEND). */
int files_write(int fd, const void *bytes, gsize len, off_t offset) G_GNUC_WARN_UNUSED_RESULT;

/* Read up to `size` bytes at offset; *got is less than size only at the file's end. */
int files_read(int fd, void *bytes, gsize size, off_t offset, gsize *got) G_GNUC_WARN_UNUSED_RESULT;

/* Read a descriptor from its position on to the end, a pipe too, but at most `max` bytes: to detect
 * more, pass one more than allowed. *text has a NUL after its *len bytes (len may be NULL);
 * g_free() it. */
int files_read_fd(int fd, gsize max, char **text, gsize *len) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a regular file, opened as by files_open(). */
int files_read_all(int dirfd, const char *dir, const char *name, gsize max, char **text, gsize *len,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Replace a file, or make it: readers see the old contents or the new ones, never a part. `name`
 * may be a path if its directory is writable by the server only. The bytes go to a temporary file
 * beside it (".NAME.new"; what lies at that name is removed, never written through) that is then
 * renamed. `sync`: they are on the disk before that, so that even a power cut leaves one of the
 * two. On failure the old contents stay. */
int files_replace(int dirfd, const char *dir, const char *name, const void *bytes, gsize len,
                  mode_t mode, gboolean sync, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Set *error to "<format>: <the errno's text>" and return err. */
int files_fail(GError **error, int err, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Close a descriptor and set it to -1; nothing for -1. errno is kept. */
void files_close(int *fd);
