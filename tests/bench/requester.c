/* requester.c - the least that can take a dump, to measure netdump-server against.
 *
 * recvmmsg(), a fixed number of pages in flight, pages gathered and written 128 KiB at a time at
 * their place, retransmitted after a fixed time. No ELF header, no zero pages, no journal, no
 * second client, and no memory with holes: a ceiling, not a server.
 *
 *     requester ADDRESS FILE [IN_FLIGHT]
 *
 * Says "port N" on stdout when it listens, a line of JSON when the machine has its order to reboot.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH       64
#define IN_FLIGHT   64
#define RING        512                /* pages of memory; the oldest may lag so far behind */
#define BLOCK_BYTES (128 * 1024)       /* of one write */
#define RCVBUF      (16 * 1024 * 1024) /* as netdump-server */
#define AGAIN_AFTER 200000             /* us until an unanswered request is repeated */
#define WAKE_EVERY  50000              /* us of silence until that is looked at */
#define GIVE_UP     (10 * G_USEC_PER_SEC)
#define NR_PAGE_0   1000 /* the nr of page 0; below are those of the questions */
#define REPLY_MAX   1500

typedef struct {
    int fd, file;
    guint32 nr_pages, page_size, in_flight_max;
    guint64 whole; /* a page's chunks, one bit each */

    guint32 base, next; /* oldest page that is not written, next to ask for */
    guint32 in_flight;
    guint64 got[RING];
    gint64 asked[RING]; /* us */
    guint8 *pages;      /* RING of them */
    guint64 again;
    gint64 heard;

    guint8 reply[BATCH][REPLY_MAX];
    struct iovec reply_iov[BATCH];
    struct mmsghdr replies[BATCH];
    guint8 request[BATCH][WIRE_REQUEST_SIZE];
    struct iovec request_iov[BATCH];
    struct mmsghdr requests[BATCH];
    guint n_requests;
} Requester;

static gboolean failed(const char *what)
{
    (void)fprintf(stderr, "requester: %s: %s\n", what, g_strerror(errno));
    return FALSE;
}

static guint32 get32(const guint8 *at)
{
    return (guint32)at[0] << 24 | (guint32)at[1] << 16 | (guint32)at[2] << 8 | at[3];
}

static gboolean open_port(Requester *r, const char *address)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    struct timeval wake = {0, WAKE_EVERY};
    socklen_t len = sizeof sa;
    int size = RCVBUF;

    r->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (r->fd < 0 || inet_pton(AF_INET, address, &sa.sin_addr) != 1 ||
        bind(r->fd, (struct sockaddr *)&sa, sizeof sa) != 0 ||
        getsockname(r->fd, (struct sockaddr *)&sa, &len) != 0 ||
        setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof wake) != 0)
        return failed(address);
    if (setsockopt(r->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)printf("port %u\n", ntohs(sa.sin_port));
    return fflush(stdout) == 0;
}

static void make_messages(Requester *r)
{
    for (guint i = 0; i < BATCH; i++) {
        r->reply_iov[i] = (struct iovec){r->reply[i], REPLY_MAX};
        r->replies[i].msg_hdr = (struct msghdr){.msg_iov = &r->reply_iov[i], .msg_iovlen = 1};
        r->request_iov[i] = (struct iovec){r->request[i], WIRE_REQUEST_SIZE};
        r->requests[i].msg_hdr = (struct msghdr){.msg_iov = &r->request_iov[i], .msg_iovlen = 1};
    }
}

static void flush_requests(Requester *r)
{
    /* What cannot be sent is as good as lost: it is repeated. */
    if (r->n_requests > 0)
        (void)sendmmsg(r->fd, r->requests, r->n_requests, 0);
    r->n_requests = 0;
}

static void request(Requester *r, WireCommand command, guint32 nr, guint32 from)
{
    WireRequest q = {.nr = nr, .command = command, .from = from};

    wire_pack_request(&q, r->request[r->n_requests]);
    if (++r->n_requests == BATCH)
        flush_requests(r);
}

/* -- before the pages ---------------------------------------------------------------------------
 */

/* The machine that crashed is the first that says so; from then on nobody else is heard. */
static gboolean await_start(Requester *r)
{
    gint64 until = g_get_monotonic_time() + GIVE_UP;

    while (g_get_monotonic_time() < until) {
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(r->fd, r->reply[0], REPLY_MAX, 0, (struct sockaddr *)&from, &len);

        if (n >= WIRE_HEADER_SIZE && get32(r->reply[0] + 5) == WIRE_CODE_START_NETDUMP)
            return connect(r->fd, (struct sockaddr *)&from, len) == 0 || failed("connect");
    }
    errno = ETIMEDOUT;
    return failed("no machine has crashed");
}

static gboolean ask(Requester *r, WireCommand command, guint32 code, guint32 *info)
{
    for (guint tries = 0; tries < 20; tries++) {
        gint64 until = g_get_monotonic_time() + AGAIN_AFTER;

        request(r, command, (guint32)command, 0);
        flush_requests(r);
        while (g_get_monotonic_time() < until) {
            ssize_t n = recv(r->fd, r->reply[0], REPLY_MAX, 0);

            if (n < WIRE_HEADER_SIZE || get32(r->reply[0] + 5) != code)
                continue;
            *info = get32(r->reply[0] + 9);
            return TRUE;
        }
    }
    errno = ETIMEDOUT;
    return failed("a question was not answered");
}

static gboolean ask_all(Requester *r)
{
    guint32 regs;

    request(r, WIRE_CMD_START_NETDUMP_ACK, 0, WIRE_VERSION);
    if (!ask(r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, &r->page_size) ||
        !ask(r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES, &r->nr_pages) ||
        !ask(r, WIRE_CMD_GET_REGS, WIRE_CODE_REGS, &regs))
        return FALSE;
    errno = ERANGE;
    if (r->page_size < LIMIT_PAGE_SIZE_MIN || r->page_size > LIMIT_PAGE_SIZE_MAX ||
        (r->page_size & (r->page_size - 1)) != 0 || r->nr_pages > G_MAXUINT32 - RING - NR_PAGE_0)
        return failed("the machine's memory");
    r->whole = G_MAXUINT64 >> (64 - r->page_size / WIRE_CHUNK_SIZE);
    r->pages = g_malloc((gsize)RING * r->page_size);
    return TRUE;
}

/* -- pages --------------------------------------------------------------------------------------
 */

static void ask_page(Requester *r, guint32 pfn, gint64 now)
{
    r->asked[pfn % RING] = now;
    request(r, WIRE_CMD_SEND_MEM, NR_PAGE_0 + pfn, pfn);
}

static void ask_more(Requester *r, gint64 now)
{
    while (r->in_flight < r->in_flight_max && r->next < r->nr_pages && r->next - r->base < RING) {
        r->got[r->next % RING] = 0;
        r->in_flight++;
        ask_page(r, r->next++, now);
    }
    flush_requests(r);
}

static void ask_again(Requester *r, gint64 now)
{
    for (guint32 pfn = r->base; pfn < r->next; pfn++) {
        if (r->got[pfn % RING] == r->whole || now - r->asked[pfn % RING] < AGAIN_AFTER)
            continue;
        r->again++;
        ask_page(r, pfn, now);
    }
    flush_requests(r);
}

static void take(Requester *r, const guint8 *reply, gsize len)
{
    guint32 pfn = get32(reply + 1) - NR_PAGE_0, offset = get32(reply + 9);
    guint64 bit;

    if (len != WIRE_MEM_SIZE || get32(reply + 5) != WIRE_CODE_MEM ||
        pfn - r->base >= r->next - r->base || offset >= r->page_size ||
        offset % WIRE_CHUNK_SIZE != 0)
        return;
    bit = (guint64)1 << offset / WIRE_CHUNK_SIZE;
    if (r->got[pfn % RING] & bit)
        return;
    memcpy(r->pages + (gsize)(pfn % RING) * r->page_size + offset, reply + WIRE_HEADER_SIZE,
           WIRE_CHUNK_SIZE);
    r->got[pfn % RING] |= bit;
    r->in_flight -= r->got[pfn % RING] == r->whole;
}

static gboolean write_all(int fd, const guint8 *data, gsize len, off_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, at);

        if (n < 0)
            return failed("write");
        data += n;
        len -= (gsize)n;
        at += n;
    }
    return TRUE;
}

/* Block after block, as soon as all of its pages are here. Blocks start at multiples of their size,
 * and the ring is a multiple of it, so that none is cut in two. */
static gboolean write_blocks(Requester *r)
{
    while (r->base < r->nr_pages) {
        guint32 n = MIN(BLOCK_BYTES / r->page_size, r->nr_pages - r->base);

        for (guint32 i = 0; i < n; i++)
            if (r->base + i >= r->next || r->got[(r->base + i) % RING] != r->whole)
                return TRUE;
        if (!write_all(r->file, r->pages + (gsize)(r->base % RING) * r->page_size,
                       (gsize)n * r->page_size, (off_t)r->base * r->page_size))
            return FALSE;
        r->base += n;
    }
    return TRUE;
}

static gboolean take_pages(Requester *r)
{
    gint64 now = g_get_monotonic_time();

    r->heard = now;
    while (r->base < r->nr_pages) {
        ask_more(r, now);
        int n = recvmmsg(r->fd, r->replies, BATCH, MSG_WAITFORONE, NULL);

        now = g_get_monotonic_time();
        for (int i = 0; i < n; i++)
            if (r->replies[i].msg_len >= WIRE_HEADER_SIZE)
                take(r, r->reply[i], r->replies[i].msg_len);
        if (n > 0) {
            r->heard = now;
        } else if (now - r->heard > GIVE_UP) {
            errno = ETIMEDOUT;
            return failed("the machine is silent");
        }
        if (!write_blocks(r))
            return FALSE;
        if (n <= 0)
            ask_again(r, now);
    }
    return TRUE;
}

int main(int argc, char **argv)
{
    static Requester r = {.in_flight_max = IN_FLIGHT};
    gint64 began, ended;

    if (argc < 3 || argc > 4) {
        (void)fputs("Usage: requester ADDRESS FILE [IN_FLIGHT]\n", stderr);
        return 2;
    }
    if (argc == 4)
        r.in_flight_max = (guint32)CLAMP(strtol(argv[3], NULL, 10), 1, RING / 2);
    r.file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (r.file < 0)
        return failed(argv[2]) ? 0 : 1;
    make_messages(&r);
    if (!open_port(&r, argv[1]) || !await_start(&r) || !ask_all(&r))
        return 1;
    began = g_get_monotonic_time();
    if (!take_pages(&r))
        return 1;
    ended = g_get_monotonic_time();
    request(&r, WIRE_CMD_REBOOT, 0, 0);
    flush_requests(&r);
    g_free(r.pages);
    if (close(r.file) != 0)
        return failed(argv[2]) ? 0 : 1;
    (void)printf("{\"pages\":%u,\"us\":%" G_GINT64_FORMAT ",\"again\":%" G_GUINT64_FORMAT "}\n",
                 r.nr_pages, ended - began, r.again);
    return fflush(stdout) == 0 ? 0 : 1;
}
