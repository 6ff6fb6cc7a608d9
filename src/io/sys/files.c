/* files.c - open, read and write files below a directory without ever following a link.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
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

int files_open(int dirfd, const char *dir, const char *name, int flags, int *fd, GError **error)
{
    /* O_NONBLOCK: a FIFO that was planted there must not make us wait; files don't care. */
    int f = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (f < 0) {
        int err = errno;
        if (err == ELOOP)
            return files_fail(error, err, "%s/%s is a symbolic link; remove it", dir, name);
        return files_fail(error, err, "can't open %s/%s", dir, name);
    }
    struct stat st;
    if (fstat(f, &st) < 0) {
        int err = errno;
        files_close(&f);
        return files_fail(error, err, "can't look at %s/%s", dir, name);
    }
    if (!S_ISREG(st.st_mode)) {
        files_close(&f);
        return files_fail(error, EINVAL, "%s/%s is no regular file; remove it", dir, name);
    }
    *fd = f;
    return 0;
}

int files_open_dir(int dirfd, const char *dir, const char *name, gboolean create, int *fd,
                   GError **error)
{
    if (create && mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
        return files_fail(error, errno, "can't make the directory %s/%s", dir, name);
    int f = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (f < 0) {
        int err = errno;
        if (err == ENOTDIR || err == ELOOP)
            return files_fail(error, err, "%s/%s is no directory, or a symbolic link", dir, name);
        return files_fail(error, err, "can't open the directory %s/%s", dir, name);
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
