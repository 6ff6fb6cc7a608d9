/* rcvbuf.c - preloaded into a server: let it have a small receive buffer, as on a host where
 * net.core.rmem_max is small and it may not overrule that (SO_RCVBUFFORCE). That sysctl holds for
 * the whole host, so a benchmark cannot set it.
 *
 * BENCH_RMEM_MAX is the bytes that SO_RCVBUF may ask for; the kernel grants twice that.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    const char *text = getenv("BENCH_RMEM_MAX");
    int most = text ? (int)strtol(text, NULL, 10) : 0, asked;

    if (level == SOL_SOCKET && option == SO_RCVBUFFORCE && most > 0) {
        errno = EPERM;
        return -1;
    }
    if (level == SOL_SOCKET && option == SO_RCVBUF && most > 0 && len == sizeof asked) {
        memcpy(&asked, value, sizeof asked);
        asked = asked < most ? asked : most;
        return (int)syscall(SYS_setsockopt, fd, level, option, &asked, len);
    }
    return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}
