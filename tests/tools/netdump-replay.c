/* netdump-replay.c - act as a recorded machine: answer a running server with the very packets of a
 * pcap.
 *
 *   netdump-replay [--bind=ADDR] [--verify=DIR] [--timeout=S] FILE.pcap SERVER:PORT
 *
 * The recorded console text and START go out first. Every request is answered with what was
 * recorded for the first request of the same command and page, with its nr put in; a request that
 * was never recorded gets no answer (a page in a recorded hole: the hole's RESERVED). REBOOT ends
 * it. Exit status: 0 after a REBOOT (and, with --verify, an equal dump), 1 otherwise, 2 usage.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/wire.h"
#include "replay/recording.h"
#include "sim/dumpfind.h"
#include "sim/parse.h"

#include <arpa/inet.h>
#include <elf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PORTS   4
#define START_EVERY 1000000 /* us */
#define VERIFY_WAIT 3000000 /* us */
#define HEAD_SIZE   4096
#define N_COMMANDS  10

typedef struct {
    Recording *recording;
    struct sockaddr_storage server, own;
    int fd[MAX_PORTS]; /* a socket for each port that the client sent from; the first is netdump's
                        */
    guint16 port[MAX_PORTS];
    guint n_ports;
    gint64 timeout; /* us */
    gboolean acked, rebooted;
    guint requests, derived, unanswered;
} Replay;

static socklen_t size_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* At the same place in both families. */
static in_port_t *port_of(struct sockaddr_storage *a)
{
    return &((struct sockaddr_in *)(void *)a)->sin_port;
}

static int open_socket(const Replay *r, in_port_t port)
{
    struct sockaddr_storage own = r->own;
    int fd = socket(own.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    *port_of(&own) = port;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&own, size_of(&own)) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* The socket that stands for a port of the recorded client; -1 if it cannot be had. A client that
 * was on the server's port (RHEL 3 must be) is on the server's port again, if a server on all
 * addresses of this host leaves it that; all others are on any. */
static int socket_for(Replay *r, guint16 port)
{
    guint i = 0;
    int fd = -1;

    while (i < r->n_ports && r->port[i] != port)
        i++;
    if (i < r->n_ports)
        return r->fd[i];
    if (i == MAX_PORTS)
        return -1;
    if (port == recording_server_port(r->recording))
        fd = open_socket(r, *port_of(&r->server));
    if (fd < 0)
        fd = open_socket(r, 0);
    if (fd >= 0) {
        r->port[i] = port;
        r->fd[i] = fd;
        r->n_ports++;
    }
    return fd;
}

static void send_packet(Replay *r, guint16 port, const guint8 *data, gsize len)
{
    (void)sendto(socket_for(r, port), data, len, 0, (struct sockaddr *)&r->server,
                 size_of(&r->server));
}

static void send_all(Replay *r, const GArray *packets, const guint8 *nr)
{
    for (guint i = 0; i < packets->len; i++) {
        const RecordedPacket *p = &g_array_index(packets, RecordedPacket, i);
        guint8 copy[65536];

        memcpy(copy, p->data, p->len);
        /* ConsoleStore text, in LOG packets or plain, is no answer: it keeps what is there. */
        if (nr && p->len >= WIRE_HEADER_SIZE && p->port == recording_client_port(r->recording) &&
            copy[8] != WIRE_CODE_LOG)
            memcpy(copy + 1, nr, 4);
        send_packet(r, p->port, copy, p->len);
    }
}

static void send_start(Replay *r)
{
    const RecordedPacket *start = recording_start(r->recording);

    send_packet(r, start->port, start->data, start->len);
}

static void answer(Replay *r, const guint8 *request)
{
    guint32 command = (guint32)request[12] << 24 | (guint32)request[13] << 16 |
                      (guint32)request[14] << 8 | request[15];
    guint32 from = (guint32)request[16] << 24 | (guint32)request[17] << 16 |
                   (guint32)request[18] << 8 | request[19];
    gboolean derived;

    r->requests++;
    if (!r->acked) {
        r->acked = command == WIRE_CMD_START_NETDUMP_ACK;
        if (!r->acked)
            send_start(r);
        return;
    }
    r->rebooted = command == WIRE_CMD_REBOOT;
    const GArray *packets = recording_answer(r->recording, command, from, &derived);
    if (packets)
        send_all(r, packets, request + 8);
    r->derived += derived ? 1 : 0;
    r->unanswered += packets ? 0 : 1;
}

/* TRUE when REBOOT came, FALSE when nothing came for too long. */
static gboolean run(Replay *r)
{
    gint64 heard = g_get_monotonic_time(), next_start = heard;

    send_all(r, recording_text(r->recording), NULL);
    while (!r->rebooted) {
        gint64 now = g_get_monotonic_time();
        struct pollfd fd = {r->fd[0], POLLIN, 0};
        guint8 request[64];

        if (now - heard > r->timeout)
            return FALSE;
        if (!r->acked && now >= next_start) {
            send_start(r);
            next_start = now + START_EVERY;
        }
        if (poll(&fd, 1, 50) <= 0)
            continue;
        ssize_t n = recv(r->fd[0], request, sizeof(request), MSG_DONTWAIT);
        if (n < WIRE_REQUEST_SIZE)
            continue;
        heard = now;
        answer(r, request);
    }
    return TRUE;
}

/* Where page 0 is: p_offset of the second program header. Both recorded machines are little-endian.
 */
static guint64 find_memory(const guint8 *head)
{
    Elf64_Phdr wide;
    Elf32_Phdr narrow;

    memcpy(&wide, head + sizeof(Elf64_Ehdr) + sizeof(wide), sizeof(wide));
    memcpy(&narrow, head + sizeof(Elf32_Ehdr) + sizeof(narrow), sizeof(narrow));
    if (memcmp(head, ELFMAG, SELFMAG) != 0)
        return 0;
    return head[EI_CLASS] == ELFCLASS64 ? GUINT64_FROM_LE(wide.p_offset)
                                        : GUINT32_FROM_LE(narrow.p_offset);
}

static guint compare_pages(const Recording *rec, int fd, guint64 offset)
{
    guint32 page_size = recording_page_size(rec), n = recording_n_pages(rec);
    guint differing = 0;

    for (guint32 pfn = 0; pfn < n; pfn++) {
        gboolean equal = TRUE;

        for (guint32 at = 0; at < page_size && equal; at += WIRE_CHUNK_SIZE) {
            static const guint8 zeros[WIRE_CHUNK_SIZE];
            const guint8 *recorded = recording_chunk(rec, pfn, at);
            guint8 stored[WIRE_CHUNK_SIZE];

            equal = dump_read(fd, stored, sizeof(stored), offset + (guint64)pfn * page_size + at) ==
                        WIRE_CHUNK_SIZE &&
                    memcmp(stored, recorded ? recorded : zeros, sizeof(stored)) == 0;
        }
        if (!equal && differing++ == 0)
            (void)printf("page 0x%x differs\n", pfn);
    }
    return differing;
}

static gboolean compare(const Replay *r, const char *path)
{
    guint8 head[HEAD_SIZE] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    gsize regs_len = 0;
    const guint8 *regs = recording_regs(r->recording, &regs_len);
    guint32 pages = recording_n_pages(r->recording), page_size = recording_page_size(r->recording);

    if (fd < 0 || dump_read(fd, head, sizeof(head), 0) != HEAD_SIZE) {
        (void)printf("%s: cannot be read\n", path);
        if (fd >= 0)
            (void)close(fd);
        return FALSE;
    }
    guint64 offset = find_memory(head);
    guint differing = compare_pages(r->recording, fd, offset);
    off_t size = lseek(fd, 0, SEEK_END);
    (void)close(fd);
    gboolean regs_there = regs && memmem(head, sizeof(head), regs, regs_len) != NULL;
    gboolean whole = size >= 0 && (guint64)size == offset + (guint64)pages * page_size;
    (void)printf("%s: %u of %u pages differ, registers %s, size %s\n", path, differing, pages,
                 regs_there ? "are there" : "are NOT there", whole ? "is right" : "is WRONG");
    return pages > 0 && differing == 0 && regs_there && whole;
}

static gboolean verify(const Replay *r, const char *dumpdir, gint64 since)
{
    char address[INET6_ADDRSTRLEN];
    g_autoptr(GError) error = NULL;
    const void *raw =
        r->own.ss_family == AF_INET6
            ? (const void *)&((const struct sockaddr_in6 *)(const void *)&r->own)->sin6_addr
            : &((const struct sockaddr_in *)(const void *)&r->own)->sin_addr;

    if (!inet_ntop(r->own.ss_family, raw, address, sizeof(address)))
        return FALSE;
    g_autoptr(GPtrArray) files = dump_find(dumpdir, address, since, VERIFY_WAIT, &error);
    if (!files)
        (void)printf("%s\n", error->message);
    for (guint i = 0; files && i < files->len; i++)
        if (compare(r, g_ptr_array_index(files, i)))
            return TRUE;
    return FALSE;
}

static gboolean set_up(Replay *r, const char *file, const char *server, const char *own,
                       double seconds)
{
    g_autoptr(GError) error = NULL;

    r->timeout = (gint64)(seconds * G_USEC_PER_SEC);
    if (!parse_address(server, 6688, &r->server, &error) ||
        !parse_address(own, 6688, &r->own, &error) ||
        !(r->recording = recording_open(file, &error))) {
        (void)fprintf(stderr, "netdump-replay: %s\n", error->message);
        return FALSE;
    }
    if (r->server.ss_family != r->own.ss_family ||
        socket_for(r, recording_client_port(r->recording)) < 0) {
        (void)fprintf(stderr, "netdump-replay: cannot be a client on %s\n", own);
        return FALSE;
    }
    return TRUE;
}

int main(int argc, char **argv)
{
    char *own = NULL, *dumpdir = NULL;
    double seconds = 10;
    struct poptOption options[] = {
        {"bind", 0, POPT_ARG_STRING, &own, 0, "own address (default 127.0.0.2)", "ADDR"},
        {"verify", 0, POPT_ARG_STRING, &dumpdir, 0, "compare the dump with the recording", "DIR"},
        {"timeout", 0, POPT_ARG_DOUBLE, &seconds, 0, "give up after so long (default 10)", "S"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context =
        poptGetContext("netdump-replay", argc, (const char **)(void *)argv, options, 0);
    Replay replay = {0};
    gint64 since = g_get_real_time();
    int status = 2;

    poptSetOtherOptionHelp(context, "[OPTION...] FILE.pcap SERVER:PORT");
    int rc = poptGetNextOpt(context);
    const char *file = rc == -1 ? poptGetArg(context) : NULL;
    const char *server = file ? poptGetArg(context) : NULL;
    if (!server)
        poptPrintUsage(context, stderr, 0);
    else if (set_up(&replay, file, server, own ? own : "127.0.0.2", seconds)) {
        status = run(&replay) ? 0 : 1;
        (void)printf(
            "%s after %u requests, %u in a hole that was not asked for in the recording, %u "
            "not answered\n",
            replay.rebooted ? "rebooted" : "gave up", replay.requests, replay.derived,
            replay.unanswered);
        if (status == 0 && dumpdir && !verify(&replay, dumpdir, since))
            status = 1;
    }
    for (guint i = 0; i < replay.n_ports; i++)
        (void)close(replay.fd[i]);
    recording_free(replay.recording);
    poptFreeContext(context);
    free(own);
    free(dumpdir);
    return status;
}
