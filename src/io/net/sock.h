/* sock.h - our UDP port: bind, receive and send in batches, keep each datagram's local address.
 *
 * One descriptor for IPv4 and one for IPv6, or a single one for a single address. There may be
 * several Socks, one for each protocol. Nothing blocks.
 * All calls from one thread (the loop's).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/netaddr.h"

#include <sys/select.h>

#define SOCK_BATCH  64          /* datagrams a system call */
#define SOCK_RCVBUF (16u << 20) /* bytes of receive buffer that are asked for */

typedef struct Sock Sock;

typedef struct {
    const NetAddr *addr; /* NULL or NET_NONE: all addresses, IPv4 and IPv6 where the host has it */
    guint16 port;        /* 0 = any free one, the same for both families */
    gsize
        datagram_max; /* bytes of a datagram that can be received, 1..65535; longer ones are cut */
} SockOptions;

/* Error: of domain G_FILE_ERROR, with what to do. */
Sock *sock_open(const SockOptions *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void sock_free(Sock *sock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sock, sock_free)

guint16 sock_port(const Sock *sock);

/* Bytes of receive buffer granted to each descriptor, as the kernel counts them: it doubles what is
 * asked for and charges some 2,304 for a datagram of 1,037. */
gsize sock_rcvbuf(const Sock *sock);

/* NULL, or one sentence for the administrator: the buffer is smaller than asked for, what to do. */
const char *sock_rcvbuf_hint(const Sock *sock);

typedef struct {
    const NetAddr *from;  /* with port */
    const NetAddr *local; /* the address it was sent to, with our port: answer from there */
    const guint8 *data;
    gsize len; /* as sent: if it is over datagram_max, only that many bytes are in data */
} SockDatagram;

/* Everything in *datagram lives until the function returns. It may call sock_queue(). */
typedef void (*SockFn)(gpointer user, const SockDatagram *datagram);

/* At most one batch: calls fn for each datagram, returns how many there were; 0 = nothing left.
 * (With UDP_GRO a batch can be more than SOCK_BATCH of them.) */
guint sock_receive(Sock *sock, SockFn fn, gpointer user);

/* Takes a datagram of up to LIMIT_SEND bytes to be sent from local (as it came with the client's)
 * to `to`; the data is copied. Sends at once when the batch is full. Datagrams that cannot be sent
 * are dropped. */
void sock_queue(Sock *sock, const NetAddr *local, const NetAddr *to, const guint8 *data, gsize len);
void sock_flush(Sock *sock);

void sock_add_fds(const Sock *sock, fd_set *readable, int *max_fd);
gboolean sock_is_ready(const Sock *sock, const fd_set *readable);

typedef struct {
    guint64 received;  /* datagrams handed to fn */
    guint64 truncated; /* of these longer than datagram_max */
    guint64 sent;
    guint64 send_full;   /* dropped: the send buffer or the queue of the device was full */
    guint64 send_failed; /* dropped: another error, the last of which follows */
    int last_errno;      /* 0 = none so far */
    NetAddr last_to;     /* whom it was for */
    int receive_errno;   /* the last error in receiving, 0 = none */
} SockStats;

const SockStats *sock_stats(const Sock *sock);

/* Datagrams that the kernel dropped because our buffer was full, both descriptors together, as of
 * the last datagram received (SO_RXQ_OVFL). */
guint64 sock_drops(const Sock *sock);
