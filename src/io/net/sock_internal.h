/* sock_internal.h - what sock.c (opening) and sock_io.c (receiving, sending) share. No other file
 * includes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/net/sock.h"

#include "core/base/limits.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* In: the local address, the kernel's drops, the size of coalesced segments. Out: our address. */
#define IN_CONTROL                                                                                 \
    (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(guint32)) + CMSG_SPACE(sizeof(int)))
#define OUT_CONTROL CMSG_SPACE(sizeof(struct in6_pktinfo))

typedef struct {
    struct mmsghdr msg[SOCK_BATCH];
    struct iovec iov[SOCK_BATCH];
    struct sockaddr_storage from[SOCK_BATCH];
    union {
        char bytes[IN_CONTROL];
        struct cmsghdr align;
    } control[SOCK_BATCH];
    guint8 *data;
    gsize size; /* of one buffer in data */
    guint used; /* msg[0..used) were filled by the last call and must be made ready again */
} Inbox;

typedef struct {
    guint8 data[SOCK_BATCH][LIMIT_SEND];
    guint n; /* datagrams */
    struct mmsghdr msg[SOCK_BATCH];
    struct iovec iov[SOCK_BATCH];
    struct sockaddr_storage to[SOCK_BATCH];
    union {
        char bytes[OUT_CONTROL];
        struct cmsghdr align;
    } control[SOCK_BATCH];
} Outbox;

typedef struct {
    int fd;
    guint8 family;
    NetAddr bound;        /* what is sent to us is sent there; any if we hear on all addresses */
    guint32 kernel_drops; /* as last reported by SO_RXQ_OVFL: wraps */
    Outbox *out;
} Port;

struct Sock {
    Port ports[2];
    guint n_ports;
    guint turn; /* which port is asked first */
    guint16 port;
    gsize rcvbuf;
    char *hint;
    gboolean gro; /* the kernel coalesces what comes */
    gsize datagram_max;
    guint64 drops;
    SockStats stats;
    Inbox in;
};

/* The first n messages, for the kernel to fill again. */
void sock_make_ready(Inbox *in, guint n);
