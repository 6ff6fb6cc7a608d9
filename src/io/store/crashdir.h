/* crashdir.h - one dump's directory, `<ip>-YYYY-MM-DD-HH:MM:SS`, with its `log` and `info`.
 *
 * The functions block on the disk and return 0 or an errno, with a GError (G_FILE_ERROR) naming the
 * file. A Crashdir belongs to one dump: its functions must not run in two threads at once (the jobs
 * of one WorkQueue do not); two Crashdirs share nothing. crashdir_name, _path and _fd may be called
 * at any time. All can be called again after a failure: what failed has left nothing behind.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define CRASHDIR_LOG_LIMIT ((guint64)16 << 20) /* bytes of a dump's `log` */

typedef struct Crashdir Crashdir;

/* Make a new directory (0700) below the dump directory (its descriptor and its path). `when`: the
 * crash, microseconds since 1970 (UTC); the name shows it in local time. For an existing name "-2",
 * "-3" ... is appended. */
int crashdir_create(int dumpdir_fd, const char *dumpdir_path, const char *ip, gint64 when,
                    Crashdir **out, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Opens the directory of a dump to be resumed. */
int crashdir_open(int dumpdir_fd, const char *dumpdir_path, const char *name, Crashdir **out,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Close it; the files stay. */
void crashdir_free(Crashdir *dir);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Crashdir, crashdir_free)

const char *crashdir_name(const Crashdir *dir); /* the last component */
const char *crashdir_path(const Crashdir *dir);
int crashdir_fd(const Crashdir *dir); /* stays the Crashdir's */

/* Append escaped text (text.h) to `log`, which is made with the first. The file takes `limit` bytes
 * of text, then one line that says that the rest is missing; from then on text is dropped and 0
 * returned. When a write fails, nothing of this text stays in the file. */
int crashdir_append_log(Crashdir *dir, const char *text, gsize len, guint64 limit,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make `log`, and set blocks aside for it where the file system can: so that console text after the
 * dump has room even if the dump has filled the disk. */
#define CRASHDIR_LOG_RESERVE (256 << 10) /* bytes */
int crashdir_reserve_log(Crashdir *dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean crashdir_key_ok(const char *key); /* [a-z0-9_]+ */

typedef struct {
    const char *key;   /* [a-z0-9_]+ */
    const char *value; /* any text; NULL: the pair is left out */
} CrashdirInfo;

/* Replace `info` with one line `key=value` for each pair, in order. Bytes of a value that are no
 * text, newlines among them, are escaped, so that a value is always one line. The new file is whole
 * and on the disk before it takes the name; on failure the old one stays. On a full disk the old
 * one is written over, where there is one. */
int crashdir_write_info(Crashdir *dir, const CrashdirInfo *pairs, gsize n,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
