/* files.c - open, read and write files below a directory without ever following a link.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_LEN 128

gboolean files_name_ok(const char *name)
{
    gsize len = name ? strlen(name) : 0;
    if (len == 0 || len > NAME_MAX_LEN || name[0] == '.')
        return FALSE;
    for (const char *p = name; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr(":._%-", *p))
            return FALSE;
    }
    return TRUE;
}

int files_fail(GError **error, int err, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        g_autofree char *what = g_strdup_vprintf(format, args);
        va_end(args);
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err), "%s: %s", what,
                    g_strerror(err));
    }
    return err;
}

void files_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}

/* A name in a message: a path that is absolute needs no directory before it. */
static char *shown(const char *dir, const char *name)
{
    return g_path_is_absolute(name) ? g_strdup(name) : g_strdup_printf("%s/%s", dir, name);
}

int files_open(int dirfd, const char *dir, const char *name, int flags, int *fd, GError **error)
{
    /* O_NONBLOCK: a FIFO that was planted there must not block; regular files ignore it. */
    int f = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (f < 0) {
        int err = errno;
        g_autofree char *path = shown(dir, name);
        if (err == ELOOP)
            return files_fail(error, err, "%s is a symbolic link; remove it", path);
        return files_fail(error, err, "cannot open %s", path);
    }
    struct stat st;
    if (fstat(f, &st) < 0) {
        int err = errno;
        files_close(&f);
        return files_fail(error, err, "cannot stat %s/%s", dir, name);
    }
    if (!S_ISREG(st.st_mode)) {
        files_close(&f);
        return files_fail(error, EINVAL, "%s/%s is not a regular file; remove it", dir, name);
    }
    *fd = f;
    return 0;
}

int files_open_dir(int dirfd, const char *dir, const char *name, gboolean create, int *fd,
                   GError **error)
{
    if (create && mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
        return files_fail(error, errno, "cannot create directory %s/%s", dir, name);
    int f = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (f < 0) {
        int err = errno;
        if (err == ENOTDIR || err == ELOOP)
            return files_fail(error, err, "%s/%s is a symbolic link or not a directory", dir, name);
        return files_fail(error, err, "cannot open directory %s/%s", dir, name);
    }
    *fd = f;
    return 0;
}

int files_write(int fd, const void *bytes, gsize len, off_t offset)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = offset < 0 ? write(fd, p, len) : pwrite(fd, p, len, offset);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        if (n == 0)
            return EIO;
        p += n;
        len -= (gsize)n;
        if (offset >= 0)
            offset += n;
    }
    return 0;
}

int files_read(int fd, void *bytes, gsize size, off_t offset, gsize *got)
{
    char *p = bytes;
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(fd, p + *got, size - *got, offset + (off_t)*got);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        if (n == 0)
            break;
        *got += (gsize)n;
    }
    return 0;
}

int files_read_fd(int fd, gsize max, char **text, gsize *len)
{
    g_autoptr(GString) all = g_string_new(NULL);
    char buffer[8192];

    while (all->len < max) {
        ssize_t n = read(fd, buffer, MIN(sizeof buffer, max - all->len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            break;
        g_string_append_len(all, buffer, n);
    }
    if (len)
        *len = all->len;
    *text = g_string_free(g_steal_pointer(&all), FALSE);
    return 0;
}

int files_read_all(int dirfd, const char *dir, const char *name, gsize max, char **text, gsize *len,
                   GError **error)
{
    int fd = -1;
    int err = files_open(dirfd, dir, name, O_RDONLY, &fd, error);
    if (err != 0)
        return err;
    err = files_read_fd(fd, max, text, len);
    files_close(&fd);
    if (err != 0) {
        g_autofree char *path = shown(dir, name);
        return files_fail(error, err, "cannot read %s", path);
    }
    return 0;
}

/* ".info.new" for "info", beside it. */
static char *temporary_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;

    return g_strdup_printf("%.*s%s%s.new", (int)(base - name), name, *base == '.' ? "" : ".", base);
}

static int write_new(int dirfd, const char *name, const void *bytes, gsize len, mode_t mode,
                     gboolean sync)
{
    int err, fd;

    /* What lies there is left from a crash, or planted. */
    (void)unlinkat(dirfd, name, 0);
    fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode);
    if (fd < 0)
        return errno;
    err = files_write(fd, bytes, len, -1);
    if (err == 0 && fchmod(fd, mode) < 0) /* whatever the umask is */
        err = errno;
    if (err == 0 && sync && fsync(fd) < 0)
        err = errno;
    /* NFS reports a full disk here. */
    if (close(fd) < 0 && err == 0)
        err = errno;
    return err;
}

int files_replace(int dirfd, const char *dir, const char *name, const void *bytes, gsize len,
                  mode_t mode, gboolean sync, GError **error)
{
    g_autofree char *temporary = temporary_name(name), *path = NULL;
    int err = write_new(dirfd, temporary, bytes, len, mode, sync);

    if (err == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
        err = errno;
    if (err == 0)
        return 0;
    (void)unlinkat(dirfd, temporary, 0);
    path = shown(dir, name);
    return files_fail(error, err, "cannot write %s", path);
}
