/* crashdir.c - one dump's directory with its log and info.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/crashdir.h"

#include "core/text/escape.h"
#include "io/sys/files.h"
#include "io/sys/local_time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Dumps of one address in one second: several clients at one address, or a test. */
#define SAME_NAME_MAX 999

struct Crashdir {
    char *name;
    char *path;
    int fd;
    int log;           /* -1 until the first text */
    gboolean log_full; /* the line that says so has been written */
};

static Crashdir *crashdir_new(int fd, const char *dumpdir_path, const char *name)
{
    Crashdir *dir = g_new0(Crashdir, 1);
    dir->name = g_strdup(name);
    dir->path = g_build_filename(dumpdir_path, name, NULL);
    dir->fd = fd;
    dir->log = -1;
    return dir;
}

int crashdir_create(int dumpdir_fd, const char *dumpdir_path, const char *ip, gint64 when,
                    Crashdir **out, GError **error)
{
    if (!files_name_ok(ip))
        return files_fail(error, EINVAL, "'%s' is not a valid directory name in %s", ip,
                          dumpdir_path);
    char stamp[LOCAL_TIME_LEN];
    if (!local_time_format(when / G_USEC_PER_SEC, '-', FALSE, stamp))
        return files_fail(error, EINVAL, "invalid crash time for %s", ip);
    g_autofree char *name = g_strconcat(ip, "-", stamp, NULL);
    for (int i = 2; mkdirat(dumpdir_fd, name, 0700) < 0; i++) {
        if (errno != EEXIST || i > SAME_NAME_MAX)
            return files_fail(error, errno, "cannot create directory %s/%s", dumpdir_path, name);
        g_free(name);
        name = g_strdup_printf("%s-%s-%d", ip, stamp, i);
    }
    int fd = -1;
    int err = files_open_dir(dumpdir_fd, dumpdir_path, name, FALSE, &fd, error);
    if (err != 0) {
        (void)unlinkat(dumpdir_fd, name, AT_REMOVEDIR);
        return err;
    }
    (void)fsync(dumpdir_fd); /* so that the name outlives a power cut; no reason to fail */
    *out = crashdir_new(fd, dumpdir_path, name);
    return 0;
}

int crashdir_open(int dumpdir_fd, const char *dumpdir_path, const char *name, Crashdir **out,
                  GError **error)
{
    if (!files_name_ok(name))
        return files_fail(error, EINVAL, "'%s' is not a dump directory in %s", name, dumpdir_path);
    int fd = -1;
    int err = files_open_dir(dumpdir_fd, dumpdir_path, name, FALSE, &fd, error);
    if (err == 0)
        *out = crashdir_new(fd, dumpdir_path, name);
    return err;
}

/* Give back what was reserved and not needed. */
static void release_log(const Crashdir *dir)
{
    struct stat st;
    if (dir->log >= 0 && fstat(dir->log, &st) == 0)
        (void)ftruncate(dir->log, st.st_size);
}

void crashdir_free(Crashdir *dir)
{
    if (!dir)
        return;
    release_log(dir);
    files_close(&dir->log);
    files_close(&dir->fd);
    g_free(dir->name);
    g_free(dir->path);
    g_free(dir);
}

const char *crashdir_name(const Crashdir *dir)
{
    return dir->name;
}

const char *crashdir_path(const Crashdir *dir)
{
    return dir->path;
}

int crashdir_fd(const Crashdir *dir)
{
    return dir->fd;
}

static int log_open_size(Crashdir *dir, guint64 *size, GError **error)
{
    if (dir->log < 0) {
        int err =
            files_open(dir->fd, dir->path, "log", O_RDWR | O_CREAT | O_APPEND, &dir->log, error);
        if (err != 0)
            return err;
    }
    struct stat st;
    if (fstat(dir->log, &st) < 0)
        return files_fail(error, errno, "cannot stat %s/log", dir->path);
    *size = (guint64)st.st_size;
    return 0;
}

int crashdir_reserve_log(Crashdir *dir, GError **error)
{
    guint64 size;
    int err = log_open_size(dir, &size, error);
    if (err == 0)
        (void)fallocate(dir->log, FALLOC_FL_KEEP_SIZE, 0, CRASHDIR_LOG_RESERVE);
    return err;
}

/* The line that says why the log, which has `size` bytes now, ends here. */
static int log_end(const Crashdir *dir, guint64 size, guint64 limit)
{
    char last = '\n';
    gsize got = 0;
    if (size > 0) {
        int err = files_read(dir->log, &last, 1, (off_t)size - 1, &got);
        if (err != 0)
            return err;
    }
    char line[160];
    int n = g_snprintf(line, sizeof line,
                       "%s[netdump-server: log truncated at %" G_GUINT64_FORMAT " bytes]\n",
                       last == '\n' ? "" : "\n", limit);
    return files_write(dir->log, line, (gsize)n, -1);
}

int crashdir_append_log(Crashdir *dir, const char *text, gsize len, guint64 limit, GError **error)
{
    if (dir->log_full || len == 0)
        return 0;
    guint64 size = 0;
    int err = log_open_size(dir, &size, error);
    if (err != 0)
        return err;
    /* The line at the end takes the file over the limit, so that a restarted server sees it. */
    if (size > limit) {
        dir->log_full = TRUE;
        return 0;
    }
    gsize fits = len > limit - size ? text_cut(text, (gsize)(limit - size)) : len;
    err = files_write(dir->log, text, fits, -1);
    if (err == 0 && fits < len) {
        err = log_end(dir, size + fits, limit);
        dir->log_full = err == 0;
    }
    if (err != 0) {
        (void)ftruncate(dir->log, (off_t)size);
        return files_fail(error, err, "cannot write %s/log", dir->path);
    }
    return 0;
}

gboolean crashdir_key_ok(const char *key)
{
    return key && *key && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key);
}

/* Over the old text, for which no new block is needed. Not as safe as a new file, but on a full
 * disk it is this or an info that says that the dump still runs. */
static int write_info_over(const Crashdir *dir, const GString *text)
{
    int fd = -1;
    int err = files_open(dir->fd, dir->path, "info", O_WRONLY, &fd, NULL);
    if (err != 0)
        return err;
    err = files_write(fd, text->str, text->len, 0);
    if (err == 0 && (ftruncate(fd, (off_t)text->len) < 0 || fsync(fd) < 0))
        err = errno;
    files_close(&fd);
    return err;
}

int crashdir_write_info(Crashdir *dir, const CrashdirInfo *pairs, gsize n, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < n; i++) {
        if (!crashdir_key_ok(pairs[i].key))
            return files_fail(error, EINVAL, "'%s' is not a valid key for %s/info", pairs[i].key,
                              dir->path);
        if (!pairs[i].value)
            continue;
        gsize len = strlen(pairs[i].value);
        g_autofree char *value = g_malloc(TEXT_ESCAPED_MAX(len) + 1);
        gsize escaped = text_escape_line((const guint8 *)pairs[i].value, len, value);
        g_string_append_printf(text, "%s=", pairs[i].key);
        g_string_append_len(text, value, (gssize)escaped);
        g_string_append_c(text, '\n');
    }
    GError *reason = NULL;
    int err = files_replace(dir->fd, dir->path, "info", text->str, text->len, 0600, TRUE, &reason);
    if ((err == ENOSPC || err == EDQUOT) && write_info_over(dir, text) == 0) {
        g_clear_error(&reason);
        return 0;
    }
    if (err != 0)
        g_propagate_error(error, reason);
    return err;
}
