/* push.c - datagrams as large as a dump's, one way and as fast as it goes: what a line can carry.
 *
 *     push receive ADDRESS               says "port N", then a line of JSON
 *     push send ADDRESS PORT DATAGRAMS
 *
 * The sender makes one system call a datagram, as a crashed kernel sends its chunks. The receiver
 * counts until a datagram of another size says that this is all, or nothing comes for a while.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH      64
#define RCVBUF     (16 * 1024 * 1024)
#define SILENCE    1    /* s; the receiver's end where the last datagrams were lost */
#define FIRST_WAIT 10   /* s until the first datagram */
#define GOODBYES   8    /* one of them will arrive */
#define GAP        1000 /* us between them, so that the line's queue is no reason to lose all */

static int failed(const char *what)
{
    (void)fprintf(stderr, "push: %s: %s\n", what, g_strerror(errno));
    return 1;
}

static int set_patience(int fd, int seconds)
{
    struct timeval tv = {seconds, 0};

    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
}

static int open_receiver(const char *address)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = RCVBUF;

    if (fd < 0 || inet_pton(AF_INET, address, &sa.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0 || set_patience(fd, FIRST_WAIT) != 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)printf("port %u\n", ntohs(sa.sin_port));
    return fflush(stdout) == 0 ? fd : -1;
}

static int receive(const char *address)
{
    static guint8 data[BATCH][WIRE_MAX_SIZE];
    struct iovec iov[BATCH];
    struct mmsghdr msg[BATCH] = {0};
    gint64 first = 0, last = 0;
    guint64 n = 0, before_last = 0;
    int fd = open_receiver(address), got;
    gboolean more = TRUE;

    if (fd < 0)
        return failed(address);
    for (guint i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){data[i], WIRE_MAX_SIZE};
        msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
    }
    while (more && (got = recvmmsg(fd, msg, BATCH, MSG_WAITFORONE, NULL)) > 0) {
        gint64 now = g_get_monotonic_time();
        guint64 here = 0;

        for (int i = 0; i < got; i++) {
            here += msg[i].msg_len == WIRE_MEM_SIZE;
            more = more && msg[i].msg_len == WIRE_MEM_SIZE;
        }
        if (here == 0)
            continue;
        if (n == 0) { /* the clock runs from the first batch on, which does not count */
            first = now;
            before_last = here;
            (void)set_patience(fd, SILENCE);
        }
        n += here;
        last = now;
    }
    (void)close(fd);
    (void)printf("{\"datagrams\":%" G_GUINT64_FORMAT ",\"timed\":%" G_GUINT64_FORMAT
                 ",\"us\":%" G_GINT64_FORMAT "}\n",
                 n, n - before_last, last - first);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int send_all(const char *address, const char *port, const char *count)
{
    static guint8 data[WIRE_MEM_SIZE];
    struct sockaddr_in sa = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    guint64 n = g_ascii_strtoull(count, NULL, 10);

    sa.sin_port = htons((guint16)g_ascii_strtoull(port, NULL, 10));
    if (fd < 0 || inet_pton(AF_INET, address, &sa.sin_addr) != 1)
        return failed(address);
    memset(data, 0x5a, sizeof data);
    for (guint64 i = 0; i < n; i++)
        if (sendto(fd, data, sizeof data, 0, (struct sockaddr *)&sa, sizeof sa) < 0)
            return failed("send");
    for (guint i = 0; i < GOODBYES; i++) {
        (void)usleep(GAP);
        (void)sendto(fd, data, 1, 0, (struct sockaddr *)&sa, sizeof sa);
    }
    return close(fd) == 0 ? 0 : failed("close");
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "receive") == 0)
        return receive(argv[2]);
    if (argc == 5 && strcmp(argv[1], "send") == 0)
        return send_all(argv[2], argv[3], argv[4]);
    (void)fputs("Usage: push receive ADDRESS | push send ADDRESS PORT DATAGRAMS\n", stderr);
    return 2;
}
