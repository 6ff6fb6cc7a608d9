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
            /* Not ipi_addr: that can be a broadcast address, which nobody can answer from. */
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
        s->stats.truncated += d.len > SOCK_DATAGRAM_MAX;
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

/* Appends one control message; there is room for the two that we send. */
static void add_control(struct msghdr *h, int level, int type, const void *data, gsize len)
{
    struct cmsghdr *c = (gpointer)((guint8 *)h->msg_control + h->msg_controllen);

    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
    h->msg_controllen += CMSG_SPACE(len);
}

static void add_source(const Port *p, struct msghdr *h, const NetAddr *local, const NetAddr *to)
{
    /* Not known, or the only one that there is: the kernel chooses. */
    if (local->family != to->family || netaddr_is_any(local) ||
        netaddr_host_equal(local, &p->bound))
        return;
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

/* Makes a message for each parcel. */
static void pack(const Port *p)
{
    Outbox *out = p->out;
    guint k = 0;

    for (guint i = 0; i < out->n_parcels; i++) {
        const Parcel *parcel = &out->parcel[i];
        struct msghdr *h = &out->msg[i].msg_hdr;

        *h = (struct msghdr){.msg_name = &out->to[i], .msg_iov = &out->iov[k]};
        h->msg_namelen = netaddr_to_sockaddr(&parcel->to, &out->to[i]);
        for (guint j = parcel->first; h->msg_iovlen < parcel->n; j = out->next[j]) {
            out->iov[k++] = (struct iovec){out->data[j], parcel->len};
            h->msg_iovlen++;
        }
        h->msg_control = out->control[i].bytes;
        add_source(p, h, &parcel->local, &parcel->to);
#ifdef UDP_SEGMENT
        if (parcel->n > 1) {
            guint16 size = (guint16)parcel->len;
            add_control(h, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size);
        }
#endif
        if (h->msg_controllen == 0)
            h->msg_control = NULL;
    }
}

static void failed(Sock *s, const Parcel *parcel, int err)
{
    s->stats.send_failed += parcel->n;
    s->stats.last_errno = err;
    s->stats.last_to = parcel->to;
}

/* The parcels from `first` on that weren't sent, again, as one datagram each. */
static void unbundle(const Port *p, guint first)
{
    Outbox *out = p->out;
    Parcel old[SOCK_BATCH];
    guint n = out->n_parcels - first;

    memcpy(old, &out->parcel[first], n * sizeof *old);
    out->n_parcels = 0;
    for (guint i = 0; i < n; i++)
        for (guint j = old[i].first, left = old[i].n; left > 0; j = out->next[j], left--) {
            Parcel *single = &out->parcel[out->n_parcels++];
            *single = old[i];
            single->n = 1;
            single->first = single->last = j;
        }
    pack(p);
}

/* What a kernel or a device (no checksums, IPsec) says that can't cut a parcel. */
static gboolean is_about_segments(const Parcel *parcel, int err)
{
    return parcel->n > 1 && (err == EIO || err == EINVAL || err == EOPNOTSUPP || err == EMSGSIZE);
}

static void flush_port(Sock *s, Port *p)
{
    Outbox *out = p->out;
    guint i = 0;
    gboolean refused = FALSE;

    pack(p);
    while (i < out->n_parcels) {
        int sent = sendmmsg(p->fd, out->msg + i, out->n_parcels - i, MSG_DONTWAIT | MSG_NOSIGNAL);
        int err = sent < 0 ? errno : 0;

        if (sent > 0) {
            for (guint end = i + (guint)sent; i < end; i++)
                s->stats.sent += out->parcel[i].n;
            refused = FALSE;
        } else if (err == EINTR) {
            continue;
        } else if (err == EAGAIN || err == ENOBUFS) {
            for (; i < out->n_parcels; i++)
                s->stats.send_full += out->parcel[i].n;
        } else if (err == ECONNREFUSED && !refused) {
            refused = TRUE; /* an ICMP message about an earlier one: this one wasn't tried yet */
        } else if (is_about_segments(&out->parcel[i], err)) {
            s->gso = FALSE;
            unbundle(p, i);
            i = 0;
        } else {
            failed(s, &out->parcel[i++], err ? err : EIO);
            refused = FALSE;
        }
    }
    out->n = out->n_parcels = 0;
}

void sock_flush(Sock *s)
{
    for (guint i = 0; i < s->n_ports; i++)
        if (s->ports[i].out->n > 0)
            flush_port(s, &s->ports[i]);
}

/* The parcel that a datagram can join, or a new one. The latest is the likeliest. */
static Parcel *parcel_for(const Sock *s, Outbox *out, const NetAddr *local, const NetAddr *to,
                          gsize len)
{
    Parcel *parcel;

    for (guint i = out->n_parcels; s->gso && len > 0 && i-- > 0;) {
        parcel = &out->parcel[i];
        if (parcel->len == len && netaddr_equal(&parcel->to, to) &&
            netaddr_equal(&parcel->local, local))
            return parcel;
    }
    parcel = &out->parcel[out->n_parcels++];
    *parcel = (Parcel){.local = *local, .to = *to, .len = len};
    return parcel;
}

void sock_queue(Sock *s, const NetAddr *local, const NetAddr *to, const guint8 *data, gsize len)
{
    Port *p = NULL;
    Outbox *out;
    Parcel *parcel;
    guint k;

    for (guint i = 0; i < s->n_ports; i++)
        if (s->ports[i].family == to->family)
            p = &s->ports[i];
    if (!p || len > SOCK_SEND_MAX) {
        failed(s, &(Parcel){.to = *to, .n = 1}, p ? EMSGSIZE : EAFNOSUPPORT);
        return;
    }
    out = p->out;
    k = out->n;
    memcpy(out->data[k], data, len);
    parcel = parcel_for(s, out, local, to, len);
    if (parcel->n++ == 0)
        parcel->first = k;
    else
        out->next[parcel->last] = k;
    parcel->last = k;
    if (++out->n == SOCK_BATCH)
        flush_port(s, p);
}
