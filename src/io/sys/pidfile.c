/* pidfile.c - the pidfile, locked while the server runs, so that a stale one is recognized
 * even if its pid is in use again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/pidfile.h"

#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID_TEXT_MAX 32
#define OPEN_TRIES   10 /* each lost to a server that was just removing its own */

static struct {
    int fd; /* open and locked, -1 = none */
    char *path;
} the_pidfile = {.fd = -1};

static gboolean fail(GError **error, const char *path, int err)
{
    files_fail(error, err, "cannot write pidfile %s", path);
    return FALSE;
}

/* TRUE if the text is a pid and a newline, or nothing: what a server can leave. */
static gboolean read_pid(int fd, guint64 *pid)
{
    char text[PID_TEXT_MAX + 1];
    ssize_t n = pread(fd, text, PID_TEXT_MAX, 0);

    *pid = 0;
    if (n < 0)
        return FALSE;
    text[n] = '\0';
    if (strlen(text) != (gsize)n)
        return FALSE;
    g_strchomp(text);
    return *text == '\0' || g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT, pid, NULL);
}

/* Another server may have removed the file between our open() and our lock. */
static gboolean is_still_there(int fd, const char *path)
{
    struct stat ours, named;

    return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && ours.st_dev == named.st_dev &&
           ours.st_ino == named.st_ino;
}

/* Returns the locked descriptor; -1 with an error; -2: try again. */
static int open_locked(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    struct stat st;
    guint64 pid;

    if (fd < 0) {
        fail(error, path, errno);
        return -1;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !read_pid(fd, &pid)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s exists and is not a pidfile, left unchanged; remove it, or set another "
                    "with pidfile= or --pidfile",
                    path);
        close(fd);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK && pid)
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                        "a server is already running, pid %" G_GUINT64_FORMAT " (from pidfile %s)",
                        pid, path);
        else if (errno == EWOULDBLOCK)
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                        "a server is already running and holds pidfile %s", path);
        else
            fail(error, path, errno);
        close(fd);
        return -1;
    }
    if (!is_still_there(fd, path)) {
        close(fd);
        return -2;
    }
    return fd;
}

gboolean pidfile_take(const char *path, GError **error)
{
    char text[PID_TEXT_MAX];
    int len, fd = -2;

    for (int i = 0; i < OPEN_TRIES && fd == -2; i++)
        fd = open_locked(path, error);
    if (fd == -2)
        return fail(error, path, EAGAIN);
    if (fd < 0)
        return FALSE;
    len = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (fchmod(fd, 0644) < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len) {
        fail(error, path, errno);
        close(fd);
        return FALSE;
    }
    pidfile_drop();
    the_pidfile.fd = fd;
    the_pidfile.path = g_strdup(path);
    return TRUE;
}

void pidfile_drop(void)
{
    if (the_pidfile.fd < 0)
        return;
    if (is_still_there(the_pidfile.fd, the_pidfile.path))
        unlink(the_pidfile.path);
    close(the_pidfile.fd);
    the_pidfile.fd = -1;
    g_clear_pointer(&the_pidfile.path, g_free);
}
