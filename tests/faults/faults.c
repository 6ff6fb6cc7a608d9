/* faults.c - makes system calls fail on purpose, in a program that it is preloaded into.
 *
 * FAULT="CALL ERRNO SKIP TIMES PATH": the call (pwrite, write, openat, mkdirat, fsync, fdatasync,
 * ftruncate, renameat, fstatvfs, sendmmsg, recvmmsg) fails with this errno (a number) on files
 * whose path has PATH in it, after it has succeeded SKIP times there, TIMES times (0 =
 * indefinitely). openat fails only where it would create. Sockets have no path: give them "-".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char call[32], path[256];
static int error, skip, times, active;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void)
{
    const char *fault = getenv("FAULT");

    active = fault && sscanf(fault, "%31s %d %d %d %255s", call, &error, &skip, &times, path) == 5;
    if (times == 0)
        times = -1;
}

/* The path of an open directory or file, and a name in it. */
static int matches(int fd, const char *name)
{
    char link[64], target[4096];
    ssize_t n;

    if (strcmp(path, "-") == 0)
        return 1;
    if (name && strstr(name, path))
        return 1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, target, sizeof target - 1);
    if (n <= 0)
        return 0;
    target[n] = '\0';
    return strstr(target, path) != NULL;
}

/* 1, with errno set, if this call is to fail. */
static int fails(const char *which, int fd, const char *name)
{
    int now = 0;

    if (!active || strcmp(which, call) != 0 || !matches(fd, name))
        return 0;
    pthread_mutex_lock(&lock);
    if (skip > 0) {
        skip--;
    } else if (times != 0) {
        times -= times > 0;
        now = 1;
    }
    pthread_mutex_unlock(&lock);
    if (now)
        errno = error;
    return now;
}

static void *real(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);

    if (!f)
        abort();
    return f;
}

/* One interposed function; the parameters with their types, then as they are passed on. */
#define FAULTY(result, symbol, which, fd, name, params, args)                                      \
    result symbol params;                                                                          \
    result symbol params                                                                           \
    {                                                                                              \
        static result(*next) params;                                                               \
        if (fails(which, fd, name))                                                                \
            return -1;                                                                             \
        if (!next)                                                                                 \
            next = (result(*) params)real(#symbol);                                                \
        return next args;                                                                          \
    }

FAULTY(ssize_t, write, "write", fd, NULL, (int fd, const void *p, size_t n), (fd, p, n))
FAULTY(ssize_t, pwrite, "pwrite", fd, NULL, (int fd, const void *p, size_t n, off_t at),
       (fd, p, n, at))
FAULTY(ssize_t, pwrite64, "pwrite", fd, NULL, (int fd, const void *p, size_t n, off64_t at),
       (fd, p, n, at))
FAULTY(int, fsync, "fsync", fd, NULL, (int fd), (fd))
FAULTY(int, fdatasync, "fdatasync", fd, NULL, (int fd), (fd))
FAULTY(int, ftruncate, "ftruncate", fd, NULL, (int fd, off_t n), (fd, n))
FAULTY(int, ftruncate64, "ftruncate", fd, NULL, (int fd, off64_t n), (fd, n))
FAULTY(int, mkdirat, "mkdirat", fd, name, (int fd, const char *name, mode_t mode), (fd, name, mode))
FAULTY(int, renameat, "renameat", fd, from, (int fd, const char *from, int fd2, const char *to),
       (fd, from, fd2, to))
FAULTY(int, fstatvfs, "fstatvfs", fd, NULL, (int fd, struct statvfs *out), (fd, out))
FAULTY(int, fstatvfs64, "fstatvfs", fd, NULL, (int fd, struct statvfs64 *out), (fd, out))
FAULTY(int, sendmmsg, "sendmmsg", fd, NULL, (int fd, struct mmsghdr *m, unsigned n, int flags),
       (fd, m, n, flags))
FAULTY(int, recvmmsg, "recvmmsg", fd, NULL,
       (int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t), (fd, m, n, flags, t))

#define FAULTY_OPEN(symbol)                                                                        \
    int symbol(int fd, const char *name, int flags, ...);                                          \
    int symbol(int fd, const char *name, int flags, ...)                                           \
    {                                                                                              \
        static int (*next)(int, const char *, int, ...);                                           \
        va_list args;                                                                              \
        mode_t mode;                                                                               \
        va_start(args, flags);                                                                     \
        mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;                                         \
        va_end(args);                                                                              \
        if (flags & O_CREAT && fails("openat", fd, name))                                          \
            return -1;                                                                             \
        if (!next)                                                                                 \
            next = (int (*)(int, const char *, int, ...))real(#symbol);                            \
        return next(fd, name, flags, mode);                                                        \
    }

FAULTY_OPEN(openat)
FAULTY_OPEN(openat64)
