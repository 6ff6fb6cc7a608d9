/* sock.c - our UDP port: open it, say what the kernel granted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/net/sock_internal.h"

#include "io/sys/files.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COALESCED_MAX 65536     /* what UDP_GRO hands over at most (65,507 + header) */
#define SNDBUF        (1 << 20) /* so that a burst of requests to a slow link is not dropped here */
#define PORT_TRIES    16        /* to find one number that is free for IPv4 and for IPv6 */

static gboolean fail(GError **error, const char *what, int err)
{
    files_fail(error, err, "%s", what);
    return FALSE;
}

static gboolean set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

typedef enum {
    OPENED,
    NO_FAMILY, /* this family does not exist here, and that is no fault: no error is set */
    IN_USE,
    FAILED
} Opening;

static Opening bind_failed(const NetAddr *addr, int err, GError **error)
{
    char text[NETADDR_STRLEN];
    const char *family = addr->family == NET_IPV6 ? "IPv6" : "IPv4";

    if (err == EADDRINUSE)
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err),
                    "UDP port %u (%s) is already in use; stop the program shown by \"ss -ulpn "
                    "sport = :%u\", or set another port with port= or --port",
                    addr->port, family, addr->port);
    else if (err == EADDRNOTAVAIL)
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err),
                    "cannot listen on %s: not an address of this host; see \"ip address\", or "
                    "remove addr= to use all",
                    netaddr_host_to_string(addr, text));
    else if (err == EACCES)
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err),
                    "UDP port %u is privileged; set port= or --port to 1024 or higher, or grant "
                    "CAP_NET_BIND_SERVICE",
                    addr->port);
    else
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err),
                    "cannot listen on %s (UDP): %s", netaddr_to_string(addr, text),
                    g_strerror(err));
    return err == EADDRINUSE ? IN_USE : FAILED;
}

static gboolean set_options(Sock *s, const Port *p, GError **error)
{
    const int asked = (int)SOCK_RCVBUF;
    int granted = 0;
    socklen_t len = sizeof granted;

    if (p->family == NET_IPV6 && !set_int(p->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
        return fail(error, "cannot set IPV6_V6ONLY on the UDP socket", errno);
    if (netaddr_is_any(&p->bound) &&
        !(p->family == NET_IPV6 ? set_int(p->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                : set_int(p->fd, IPPROTO_IP, IP_PKTINFO, 1)))
        return fail(error, "cannot set IP_PKTINFO on the UDP socket", errno);
    /* All that follows makes things better where the kernel allows it. */
    set_int(p->fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    if (!set_int(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, SNDBUF))
        set_int(p->fd, SOL_SOCKET, SO_SNDBUF, SNDBUF);
    if (!set_int(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, asked))
        set_int(p->fd, SOL_SOCKET, SO_RCVBUF, asked);
    if (getsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &granted, &len) < 0)
        return fail(error, "cannot read the UDP socket's buffer size", errno);
    s->rcvbuf = s->rcvbuf ? MIN(s->rcvbuf, (gsize)granted) : (gsize)granted;
    if (granted < 2 * asked && !s->hint)
        s->hint = g_strdup_printf(
            "receive buffer is %d KiB instead of %d KiB, dumps will be slower; set "
            "net.core.rmem_max=%d (sysctl -w, /etc/sysctl.d) and restart the server",
            granted / 2048, asked / 1024, asked);
#ifdef UDP_GRO
    if (set_int(p->fd, IPPROTO_UDP, UDP_GRO, 1))
        s->gro = TRUE;
#endif
    return TRUE;
}

static Opening open_port(Sock *s, const NetAddr *addr, GError **error)
{
    gboolean wildcard = netaddr_is_any(addr);
    Port *p = &s->ports[s->n_ports];
    struct sockaddr_storage sa;
    socklen_t len = netaddr_to_sockaddr(addr, &sa);

    p->family = addr->family;
    p->bound = *addr;
    p->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    if (p->fd < 0 && errno == EAFNOSUPPORT && wildcard)
        return NO_FAMILY;
    if (p->fd < 0)
        return fail(error, "cannot create a UDP socket", errno), FAILED;
    s->n_ports++;
    if (p->fd >= FD_SETSIZE)
        return fail(error, "cannot create a UDP socket", EMFILE), FAILED;
    if (!set_options(s, p, error))
        return FAILED;
    if (bind(p->fd, (struct sockaddr *)&sa, len) < 0) {
        /* That is how IPv6 looks where it is switched off by net.ipv6.conf.all.disable_ipv6. */
        if (errno == EADDRNOTAVAIL && wildcard) {
            close(p->fd);
            s->n_ports--;
            return NO_FAMILY;
        }
        return bind_failed(addr, errno, error);
    }
    len = sizeof sa;
    if (getsockname(p->fd, (struct sockaddr *)&sa, &len) < 0 ||
        !netaddr_from_sockaddr((struct sockaddr *)&sa, len, &p->bound))
        return fail(error, "cannot read the UDP socket's address", errno), FAILED;
    s->port = p->bound.port;
    return OPENED;
}

static void close_ports(Sock *s)
{
    for (guint i = 0; i < s->n_ports; i++)
        close(s->ports[i].fd);
    s->n_ports = 0;
}

/* OPENED if one family at least is. */
static Opening open_ports(Sock *s, const SockOptions *options, GError **error)
{
    gboolean one = options->addr && options->addr->family != NET_NONE;
    NetAddr addr = one ? *options->addr : (NetAddr){.family = NET_IPV4};
    Opening opening;

    addr.port = options->port;
    opening = open_port(s, &addr, error);
    if (!one && (opening == OPENED || opening == NO_FAMILY)) {
        addr = (NetAddr){.family = NET_IPV6, .port = s->n_ports ? s->port : options->port};
        opening = open_port(s, &addr, error);
    }
    if (opening == NO_FAMILY && s->n_ports > 0)
        return OPENED;
    if (opening == NO_FAMILY)
        return fail(error, "cannot create a UDP socket", EAFNOSUPPORT), FAILED;
    return opening;
}

/* Buffers for coalesced datagrams are 4 MiB of address space, of which the kernel touches only what
 * it fills: the first page of each where nothing is coalesced. */
static void make_boxes(Sock *s)
{
    s->in.size = s->gro ? COALESCED_MAX : s->datagram_max;
    s->in.data = g_malloc_n(SOCK_BATCH, s->in.size);
    for (guint i = 0; i < SOCK_BATCH; i++)
        s->in.iov[i] = (struct iovec){s->in.data + i * s->in.size, s->in.size};
    sock_make_ready(&s->in, SOCK_BATCH);
    for (guint i = 0; i < s->n_ports; i++)
        s->ports[i].out = g_new0(Outbox, 1);
}

Sock *sock_open(const SockOptions *options, GError **error)
{
    g_autoptr(Sock) s = g_new0(Sock, 1);

    s->datagram_max = options->datagram_max;
    for (guint try = 0;; try++) {
        g_autoptr(GError) reason = NULL;
        Opening opening = open_ports(s, options, &reason);

        if (opening == OPENED)
            break;
        /* The number that was given for IPv4 may be taken for IPv6: another might do. */
        if (opening != IN_USE || options->port != 0 || try >= PORT_TRIES) {
            g_propagate_error(error, g_steal_pointer(&reason));
            return NULL;
        }
        close_ports(s);
    }
    make_boxes(s);
    return g_steal_pointer(&s);
}

void sock_free(Sock *s)
{
    if (!s)
        return;
    close_ports(s);
    for (guint i = 0; i < G_N_ELEMENTS(s->ports); i++)
        g_free(s->ports[i].out);
    g_free(s->in.data);
    g_free(s->hint);
    g_free(s);
}

guint16 sock_port(const Sock *s)
{
    return s->port;
}

gsize sock_rcvbuf(const Sock *s)
{
    return s->rcvbuf;
}

const char *sock_rcvbuf_hint(const Sock *s)
{
    return s->hint;
}

void sock_add_fds(const Sock *s, fd_set *readable, int *max_fd)
{
    for (guint i = 0; i < s->n_ports; i++) {
        FD_SET(s->ports[i].fd, readable);
        *max_fd = MAX(*max_fd, s->ports[i].fd);
    }
}

gboolean sock_is_ready(const Sock *s, const fd_set *readable)
{
    for (guint i = 0; i < s->n_ports; i++)
        if (FD_ISSET(s->ports[i].fd, readable))
            return TRUE;
    return FALSE;
}

const SockStats *sock_stats(const Sock *s)
{
    return &s->stats;
}

guint64 sock_drops(const Sock *s)
{
    return s->drops;
}
