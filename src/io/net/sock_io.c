/* sock_io.c - datagrams in and out of our UDP port, in batches, the local address kept.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/net/sock_internal.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

void sock_make_ready(Inbox *in, guint n)
{
    for (guint i = 0; i < n; i++) {
        struct msghdr *h = &in->msg[i].msg_hdr;
        h->msg_name = &in->from[i];
        h->msg_namelen = sizeof in->from[i];
        h->msg_iov = &in->iov[i];
        h->msg_iovlen = 1;
        h->msg_control = in->control[i].bytes;
        h->msg_controllen = sizeof in->control[i].bytes;
        h->msg_flags = 0;
    }
}

static gboolean is_multicast(const struct in6_addr *a)
{
    return a->s6_addr[0] == 0xff;
}

/* What the control messages say: the local address, drops; returns the size of the segments that
 * were coalesced, 0 = it is a single datagram. */
static gsize read_control(Sock *s, Port *p, struct msghdr *h, NetAddr *local)
{
    gsize segment = 0;

    *local = p->bound;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        const void *data = CMSG_DATA(c);
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, data, sizeof info);
            /* Not ipi_addr: that can be a broadcast address, which cannot be a source address. */
            memcpy(local->bytes, &info.ipi_spec_dst, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, data, sizeof info);
            if (is_multicast(&info.ipi6_addr))
                continue;
            memcpy(local->bytes, &info.ipi6_addr, 16);
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
                local->scope = (guint32)info.ipi6_ifindex;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            guint32 drops;
            memcpy(&drops, data, sizeof drops);
            s->drops += (guint32)(drops - p->kernel_drops);
            p->kernel_drops = drops;
#ifdef UDP_GRO
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, data, sizeof size);
            segment = size > 0 ? (gsize)size : 0;
#endif
        }
    }
    return segment;
}

/* Hands over one message, cut into the datagrams it was made of. */
static guint hand_over(Sock *s, Port *p, guint i, SockFn fn, gpointer user)
{
    struct mmsghdr *m = &s->in.msg[i];
    NetAddr from, local;
    SockDatagram d = {.from = &from, .local = &local, .data = s->in.iov[i].iov_base};
    gsize segment = read_control(s, p, &m->msg_hdr, &local);
    gsize left = m->msg_len;
    guint n = 0;

    if (!netaddr_from_sockaddr(m->msg_hdr.msg_name, m->msg_hdr.msg_namelen, &from))
        return 0;
    if (segment == 0 || left > s->in.size)
        segment = left;
    do {
        d.len = MIN(left, segment);
        s->stats.received++;
        s->stats.truncated += d.len > s->datagram_max;
        fn(user, &d);
        n++;
        d.data += d.len;
        left -= d.len;
    } while (left > 0);
    return n;
}

static guint receive_on(Sock *s, Port *p, SockFn fn, gpointer user)
{
    guint n = 0;
    int got;

    sock_make_ready(&s->in, s->in.used);
    s->in.used = 0;
    do
        got = recvmmsg(p->fd, s->in.msg, SOCK_BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        if (errno != EAGAIN)
            s->stats.receive_errno = errno;
        return 0;
    }
    s->in.used = (guint)got;
    for (guint i = 0; i < s->in.used; i++)
        n += hand_over(s, p, i, fn, user);
    return n;
}

guint sock_receive(Sock *s, SockFn fn, gpointer user)
{
    for (guint i = 0; i < s->n_ports; i++) {
        Port *p = &s->ports[s->turn++ % s->n_ports];
        guint n = receive_on(s, p, fn, user);
        if (n > 0)
            return n;
    }
    return 0;
}

static void add_control(struct msghdr *h, int level, int type, const void *data, gsize len)
{
    struct cmsghdr *c = h->msg_control;

    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
    h->msg_controllen = CMSG_SPACE(len);
}

/* msg_control is room for it, or NULL where none is needed. */
static void add_source(const Port *p, struct msghdr *h, const NetAddr *local, const NetAddr *to)
{
    /* Not known, or the only one that there is: the kernel chooses. */
    if (local->family != to->family || netaddr_is_any(local) ||
        netaddr_host_equal(local, &p->bound)) {
        h->msg_control = NULL;
        return;
    }
    if (local->family == NET_IPV4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->bytes, 4);
        add_control(h, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope ? local->scope : to->scope};
        memcpy(&info.ipi6_addr, local->bytes, 16);
        add_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

static void failed(Sock *s, const NetAddr *to, int err)
{
    s->stats.send_failed++;
    s->stats.last_errno = err;
    s->stats.last_to = *to;
}

static void failed_message(Sock *s, const struct msghdr *h, int err)
{
    NetAddr to;

    if (netaddr_from_sockaddr(h->msg_name, h->msg_namelen, &to))
        failed(s, &to, err);
}

static void flush_port(Sock *s, Port *p)
{
    Outbox *out = p->out;
    guint i = 0;
    gboolean refused = FALSE;

    while (i < out->n) {
        int sent = sendmmsg(p->fd, out->msg + i, out->n - i, MSG_DONTWAIT | MSG_NOSIGNAL);
        int err = sent < 0 ? errno : 0;

        if (sent > 0) {
            s->stats.sent += (guint)sent;
            i += (guint)sent;
            refused = FALSE;
        } else if (err == EINTR) {
            continue;
        } else if (err == EAGAIN || err == ENOBUFS) {
            s->stats.send_full += out->n - i;
            i = out->n;
        } else if (err == ECONNREFUSED && !refused) {
            refused = TRUE; /* an ICMP message about an earlier one: this one was not tried yet */
        } else {
            failed_message(s, &out->msg[i++].msg_hdr, err ? err : EIO);
            refused = FALSE;
        }
    }
    out->n = 0;
}

void sock_flush(Sock *s)
{
    for (guint i = 0; i < s->n_ports; i++)
        if (s->ports[i].out->n > 0)
            flush_port(s, &s->ports[i]);
}

void sock_queue(Sock *s, const NetAddr *local, const NetAddr *to, const guint8 *data, gsize len)
{
    Port *p = NULL;
    Outbox *out;
    struct msghdr *h;
    guint k;

    for (guint i = 0; i < s->n_ports; i++)
        if (s->ports[i].family == to->family)
            p = &s->ports[i];
    if (!p || len > LIMIT_SEND) {
        failed(s, to, p ? EMSGSIZE : EAFNOSUPPORT);
        return;
    }
    out = p->out;
    k = out->n;
    memcpy(out->data[k], data, len);
    out->iov[k] = (struct iovec){out->data[k], len};
    h = &out->msg[k].msg_hdr;
    *h = (struct msghdr){.msg_name = &out->to[k],
                         .msg_namelen = netaddr_to_sockaddr(to, &out->to[k]),
                         .msg_iov = &out->iov[k],
                         .msg_iovlen = 1,
                         .msg_control = out->control[k].bytes};
    add_source(p, h, local, to);
    if (++out->n == SOCK_BATCH)
        flush_port(s, p);
}
