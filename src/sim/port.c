/* port.c - the sockets of one crashed machine.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define BATCH       64
#define REQUEST_MAX 64 /* what we look at of a datagram; a request has 24 bytes */
/* Room for 20,000 requests at 768 bytes of socket buffer each: the real client has all of memory.
 */
#define RECEIVE_BUFFER (16 * 1024 * 1024)
#define GSO_BYTES      65000 /* of one UDP_SEGMENT send: under 65,507 */
#define GSO_SEGMENTS   64    /* UDP_MAX_SEGMENTS of the oldest kernels that have it */

/* Prepared once: a batch is received for every few pages. */
typedef struct {
    struct sockaddr_storage from[BATCH];
    guint8 data[BATCH][REQUEST_MAX];
    struct iovec iov[BATCH];
    struct mmsghdr msgs[BATCH];
} Batch;

struct Port {
    int dump_fd, text_fd; /* may be the same */
    struct sockaddr_storage server;
    socklen_t server_len;
    guint16 number;
    gboolean only_same_port, gso;
    char address[INET6_ADDRSTRLEN];
    PortStats stats;
    Batch *batch;
    guint8 *gather; /* GSO_BYTES, NULL without gso */
    gsize gathered, segment;
};

static socklen_t address_size(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* sin_port and sin6_port are at the same place. */
static guint16 get_port(const struct sockaddr_storage *a)
{
    return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
}

static void set_port(struct sockaddr_storage *a, guint16 port)
{
    ((struct sockaddr_in *)(void *)a)->sin_port = htons(port);
}

static const void *raw_address(const struct sockaddr_storage *a, gsize *len)
{
    if (a->ss_family == AF_INET6) {
        *len = sizeof(struct in6_addr);
        return &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    }
    *len = sizeof(struct in_addr);
    return &((const struct sockaddr_in *)(const void *)a)->sin_addr;
}

gboolean same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    gsize len, len_b;
    const void *x = raw_address(a, &len), *y = raw_address(b, &len_b);

    return a->ss_family == b->ss_family && memcmp(x, y, len) == 0;
}

static void describe(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN])
{
    gsize len;

    if (!inet_ntop(a->ss_family, raw_address(a, &len), out, INET6_ADDRSTRLEN))
        g_strlcpy(out, "?", INET6_ADDRSTRLEN);
}

static int open_socket(const PortSetup *setup, guint16 port, GError **error)
{
    struct sockaddr_storage local = setup->local;
    int fd = socket(local.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int size = RECEIVE_BUFFER;

    set_port(&local, port);
    if (fd < 0 || bind(fd, (struct sockaddr *)&local, address_size(&local)) != 0) {
        int saved = errno;
        char address[INET6_ADDRSTRLEN];

        if (fd >= 0)
            (void)close(fd);
        describe(&local, address);
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(saved),
                    "cannot bind %s, UDP port %u: %s%s", address, port, g_strerror(saved),
                    saved == EADDRINUSE && setup->only_same_port
                        ? " (rhel3 needs the server's port: run a server on this host with an "
                          "address of its own, netdump-server --addr)"
                        : "");
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return fd;
}

/* The address and port of a socket, all zero on failure. */
static struct sockaddr_storage name_of(int fd, sa_family_t family)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        name = (struct sockaddr_storage){.ss_family = family};
    return name;
}

/* Which address we are: bound to none, the one that a connected socket would have. */
static void learn_name(Port *port)
{
    static const guint8 any[16];
    struct sockaddr_storage name = name_of(port->dump_fd, port->server.ss_family);
    gsize size;
    const void *raw = raw_address(&name, &size);

    port->number = get_port(&name);
    if (memcmp(raw, any, size) == 0) {
        int fd = socket(port->server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (struct sockaddr *)&port->server, port->server_len) == 0)
            name = name_of(fd, port->server.ss_family);
        if (fd >= 0)
            (void)close(fd);
    }
    describe(&name, port->address);
}

static Batch *batch_new(void)
{
    Batch *b = g_new0(Batch, 1);

    for (guint i = 0; i < BATCH; i++) {
        b->iov[i] = (struct iovec){b->data[i], REQUEST_MAX};
        b->msgs[i].msg_hdr = (struct msghdr){.msg_name = &b->from[i],
                                             .msg_namelen = sizeof(b->from[i]),
                                             .msg_iov = &b->iov[i],
                                             .msg_iovlen = 1};
    }
    return b;
}

Port *port_open(const PortSetup *setup, GError **error)
{
    g_autoptr(Port) port = g_new0(Port, 1);

    port->text_fd = port->dump_fd = -1;
    port->server = setup->server;
    port->server_len = address_size(&setup->server);
    port->only_same_port = setup->only_same_port;
    port->gso = setup->gso;
    port->dump_fd = open_socket(setup, setup->port, error);
    if (port->dump_fd < 0)
        return NULL;
    port->text_fd =
        setup->text_from_dump_port ? port->dump_fd : open_socket(setup, setup->log_port, error);
    if (port->text_fd < 0)
        return NULL;
    if (port->gso)
        port->gather = g_malloc(GSO_BYTES);
    port->batch = batch_new();
    learn_name(port);
    return g_steal_pointer(&port);
}

void port_close(Port *port)
{
    if (!port)
        return;
    if (port->text_fd >= 0 && port->text_fd != port->dump_fd)
        (void)close(port->text_fd);
    if (port->dump_fd >= 0)
        (void)close(port->dump_fd);
    g_free(port->batch);
    g_free(port->gather);
    g_free(port);
}

int port_fd(const Port *port)
{
    return port->dump_fd;
}

const char *port_address(const Port *port)
{
    return port->address;
}

guint16 port_number(const Port *port)
{
    return port->number;
}

const PortStats *port_stats(const Port *port)
{
    return &port->stats;
}

/* A datagram that cannot be sent counts as lost. */
static void send_now(Port *port, int fd, const guint8 *data, gsize len)
{
    (void)sendto(fd, data, len, 0, (const struct sockaddr *)&port->server, port->server_len);
}

void port_flush(Port *port)
{
    union {
        char bytes[CMSG_SPACE(sizeof(guint16))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {port->gather, port->gathered};
    struct msghdr msg = {.msg_name = &port->server,
                         .msg_namelen = port->server_len,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    guint16 segment = (guint16)port->segment;

    if (port->gathered == 0)
        return;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof(segment));
    memcpy(CMSG_DATA(c), &segment, sizeof(segment));
    /* A kernel or a route without segmentation: send them one by one, now and from here on. */
    if (sendmsg(port->dump_fd, &msg, 0) < 0 &&
        (errno == EINVAL || errno == EIO || errno == EOPNOTSUPP)) {
        for (gsize at = 0; at < port->gathered; at += port->segment)
            send_now(port, port->dump_fd, port->gather + at, port->segment);
        port->gso = FALSE;
    }
    port->gathered = 0;
}

void port_send(Port *port, Lane lane, const guint8 *data, gsize len)
{
    port->stats.sent_packets++;
    port->stats.sent_bytes += len;
    if (!port->gso) {
        send_now(port, lane == LANE_TEXT ? port->text_fd : port->dump_fd, data, len);
        return;
    }
    if (lane == LANE_TEXT || (port->gathered > 0 && len != port->segment) ||
        port->gathered + len > GSO_BYTES || port->gathered / MAX(port->segment, 1) >= GSO_SEGMENTS)
        port_flush(port);
    if (lane == LANE_TEXT) {
        send_now(port, port->text_fd, data, len);
        return;
    }
    memcpy(port->gather + port->gathered, data, len);
    port->gathered += len;
    port->segment = len;
}

guint port_receive(Port *port, PortReceived received, gpointer user)
{
    Batch *b = port->batch;
    int n = recvmmsg(port->dump_fd, b->msgs, BATCH, MSG_DONTWAIT, NULL);

    for (int i = 0; i < n; i++) {
        gboolean ours = same_address(&b->from[i], &port->server) &&
                        (!port->only_same_port || get_port(&b->from[i]) == port->number);

        if (ours)
            received(user, b->data[i], b->msgs[i].msg_len);
        else
            port->stats.foreign++;
    }
    return n > 0 ? (guint)n : 0;
}
