/* dumpdir.c - the directory that holds all dumps: checked and locked at start, asked for space.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/dumpdir.h"

#include "core/base/bytes.h"
#include "io/sys/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOCK_NAME ".netdump-server.lock"

struct Dumpdir {
    char *path;
    int fd;
    int lock;
};

static gboolean open_path(Dumpdir *d, GError **error)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    d->fd = open(d->path, flags);
    if (d->fd < 0 && errno == ENOENT) {
        if (mkdir(d->path, 0700) < 0) {
            int err = errno;
            files_fail(error, err, "cannot create the dump directory %s%s", d->path,
                       err == ENOENT ? " (create its parent directory first)" : "");
            return FALSE;
        }
        d->fd = open(d->path, flags);
    }
    if (d->fd < 0) {
        int err = errno;
        files_fail(error, err, "cannot open the dump directory %s%s", d->path,
                   err == EACCES ? " (run 'chown' to make the server's user its owner, and check "
                                   "access to its parent directories)"
                                 : "");
    }
    return d->fd >= 0;
}

static gboolean refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean refuse(GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autoptr(GError) e = g_error_new_valist(G_FILE_ERROR, G_FILE_ERROR_ACCES, format, args);
    va_end(args);
    g_propagate_error(error, g_steal_pointer(&e));
    return FALSE;
}

/* Others with write permission could replace directories and links at any time. */
static gboolean check_owner(const Dumpdir *d, GError **error)
{
    struct stat st;
    if (fstat(d->fd, &st) < 0) {
        files_fail(error, errno, "cannot stat the dump directory %s", d->path);
        return FALSE;
    }
    uid_t us = geteuid();
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return refuse(error,
                      "the dump directory %s is writable by %s (mode %04o); run 'chmod go-w %s', "
                      "or set another dumpdir=",
                      d->path, st.st_mode & S_IWOTH ? "others" : "its group",
                      (guint)st.st_mode & 07777u, d->path);
    if (us != 0 && st.st_uid != us && st.st_uid != 0)
        return refuse(error,
                      "the dump directory %s is owned by uid %u, but the server runs as uid %u; "
                      "run 'chown %u %s', or start the server as the owner",
                      d->path, (guint)st.st_uid, (guint)us, (guint)us, d->path);
    if (faccessat(d->fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
        int err = errno;
        if (err == EACCES)
            return refuse(error,
                          "uid %u has no write access to the dump directory %s (mode %04o, owner "
                          "uid %u); run 'chown %u %s' and 'chmod 0700 %s'",
                          (guint)us, d->path, (guint)st.st_mode & 07777u, (guint)st.st_uid,
                          (guint)us, d->path, d->path);
        files_fail(error, err, "the dump directory %s is not writable", d->path);
        return FALSE;
    }
    return TRUE;
}

static gboolean write_pid(Dumpdir *dir, GError **error)
{
    char text[32];
    int len = g_snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int err = ftruncate(dir->lock, 0) < 0 ? errno : files_write(dir->lock, text, (gsize)len, 0);
    /* The lock is what counts: a disk that is full must not keep the server from starting. */
    if (err != 0 && err != ENOSPC && err != EDQUOT) {
        files_fail(error, err, "cannot write %s/%s", dir->path, LOCK_NAME);
        return FALSE;
    }
    return TRUE;
}

static gboolean take_lock(Dumpdir *d, GError **error)
{
    if (files_open(d->fd, d->path, LOCK_NAME, O_RDWR | O_CREAT, &d->lock, error) != 0)
        return FALSE;
    if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
        return write_pid(d, error);
    int err = errno;
    if (err != EWOULDBLOCK) {
        files_fail(error, err, "cannot lock %s/%s", d->path, LOCK_NAME);
        return FALSE;
    }
    char text[32];
    gsize got = 0;
    guint64 pid = 0;
    if (files_read(d->lock, text, sizeof text - 1, 0, &got) == 0) {
        text[got] = 0;
        g_strchomp(text);
        if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT32, &pid, NULL))
            pid = 0;
    }
    g_autofree char *who =
        pid ? g_strdup_printf("pid %" G_GUINT64_FORMAT, pid) : g_strdup("unknown pid");
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN,
                "another netdump-server (%s) is using the dump directory %s; stop it, or set "
                "another dumpdir=",
                who, d->path);
    return FALSE;
}

Dumpdir *dumpdir_open(const char *path, GError **error)
{
    Dumpdir *d = g_new0(Dumpdir, 1);
    d->fd = d->lock = -1;
    if (g_path_is_absolute(path)) {
        d->path = g_strdup(path);
    } else {
        g_autofree char *cwd = g_get_current_dir();
        d->path = g_build_filename(cwd, path, NULL);
    }
    if (open_path(d, error) && check_owner(d, error) && take_lock(d, error))
        return d;
    dumpdir_free(d);
    return NULL;
}

void dumpdir_free(Dumpdir *dir)
{
    if (!dir)
        return;
    files_close(&dir->lock);
    files_close(&dir->fd);
    g_free(dir->path);
    g_free(dir);
}

gboolean dumpdir_is_served(const char *path, GError **error)
{
    g_autofree char *name = g_build_filename(path, LOCK_NAME, NULL);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    gboolean served;

    if (fd < 0) {
        if (errno != ENOENT)
            files_fail(error, errno, "cannot open %s", name);
        return FALSE;
    }
    served = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    files_close(&fd);
    return served;
}

const char *dumpdir_path(const Dumpdir *dir)
{
    return dir->path;
}

int dumpdir_fd(const Dumpdir *dir)
{
    return dir->fd;
}

static guint64 times(guint64 a, guint64 b)
{
    guint64 product;
    return g_uint64_checked_mul(&product, a, b) ? product : G_MAXUINT64;
}

int dumpdir_space(const Dumpdir *dir, guint min_free, DumpdirSpace *space, GError **error)
{
    struct statvfs vfs;
    if (fstatvfs(dir->fd, &vfs) < 0)
        return files_fail(error, errno, "statvfs failed on %s", dir->path);
    guint64 unit = vfs.f_frsize ? vfs.f_frsize : vfs.f_bsize;
    guint64 really_free = times(vfs.f_bfree, unit);
    space->total = times(vfs.f_blocks, unit);
    space->available = geteuid() == 0 ? really_free : times(vfs.f_bavail, unit);
    if (space->total == 0) { /* a file system without a size, such as tmpfs with size=0 */
        space->usable = G_MAXUINT64;
        return 0;
    }
    guint64 keep = space->total / 100 * MIN(min_free, 100);
    space->usable = MIN(space->available, really_free > keep ? really_free - keep : 0);
    return 0;
}

static gboolean has_journal(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return FALSE;
    struct stat st;
    gboolean found = fstatat(fd, "journal", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
    files_close(&fd);
    return found;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *dumpdir_unfinished(const Dumpdir *dir, GError **error)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        files_fail(error, errno, "cannot read the dump directory %s", dir->path);
        files_close(&fd);
        return NULL;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        /* Only names that we could have made: others are none of our dumps. */
        if (files_name_ok(entry->d_name) && has_journal(dir->fd, entry->d_name))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    int err = errno;
    (void)closedir(d);
    if (err != 0) {
        files_fail(error, err, "cannot read the dump directory %s", dir->path);
        return NULL;
    }
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

static gboolean magic_parse(guint8 *bytes, gsize len, gboolean big_endian, guint64 *magic)
{
    if (len == 8) {
        guint32 low = big_endian ? bytes_get_be32(bytes) : bytes_get_le32(bytes);
        guint32 high = big_endian ? bytes_get_be32(bytes + 4) : bytes_get_le32(bytes + 4);
        *magic = (guint64)high << 32 | low;
        return TRUE;
    }
    if (len != 17 || bytes[16] != '\n')
        return FALSE;
    guint64 value = 0;
    for (gsize i = 0; i < 16; i++) {
        int digit = g_ascii_xdigit_value((char)bytes[i]);
        if (digit < 0)
            return FALSE;
        value = value << 4 | (guint64)digit;
    }
    *magic = value;
    return TRUE;
}

int dumpdir_magic(const Dumpdir *dir, const char *ip, gboolean big_endian, guint64 *magic,
                  GError **error)
{
    if (!files_name_ok(ip))
        return files_fail(error, EINVAL, "'%s' is not a valid file name in %s/magic", ip,
                          dir->path);
    int magic_dir = -1;
    int fd = -1;
    int err = files_open_dir(dir->fd, dir->path, "magic", FALSE, &magic_dir, error);
    if (err != 0)
        return err;
    g_autofree char *path = g_strconcat(dir->path, "/magic", NULL);
    err = files_open(magic_dir, path, ip, O_RDONLY, &fd, error);
    files_close(&magic_dir);
    if (err != 0)
        return err;
    guint8 bytes[18]; /* one more than the longest right one */
    gsize got = 0;
    err = files_read(fd, bytes, sizeof bytes, 0, &got);
    files_close(&fd);
    if (err != 0)
        return files_fail(error, err, "cannot read %s/%s", path, ip);
    if (magic_parse(bytes, got, big_endian, magic))
        return 0;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s/%s is not a magic file: expected 8 bytes, or 16 hex digits and a newline, "
                "found %s%" G_GSIZE_FORMAT " bytes%s",
                path, ip, got == sizeof bytes ? "at least " : "", got,
                got == 17 ? " of something else" : "");
    return EINVAL;
}
