/* port.h - the sockets of one crashed machine.
 *
 * Lane 0 is the netdump port, where requests come in; lane 1 the port that console text goes out
 * from, which may be the same socket. Sending blocks for as long as the kernel wants, as a crashed
 * machine waits for its network card.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>

typedef struct Port Port;

typedef enum { LANE_DUMP, LANE_TEXT } Lane;

typedef struct {
    struct sockaddr_storage server, local; /* the ports in local are ignored */
    guint16 port, log_port;                /* host order, 0: any */
    gboolean text_from_dump_port;          /* RHEL 3: lane 1 is lane 0 */
    gboolean only_same_port; /* RHEL 3: requests must come from the port number that is our own */
    gboolean gso;            /* hand equal-sized datagrams to the kernel many at a time */
} PortSetup;

typedef struct {
    guint64 sent_packets, sent_bytes; /* UDP payload */
    guint64 foreign;                  /* datagrams from elsewhere, which the machine never sees */
} PortStats;

/* data is valid during the call only. */
typedef void (*PortReceived)(gpointer user, const guint8 *data, gsize len);

Port *port_open(const PortSetup *setup, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void port_close(Port *port);

int port_fd(const Port *port);              /* to poll for requests */
const char *port_address(const Port *port); /* numeric local address */
guint16 port_number(const Port *port);      /* local netdump port, host order */
const PortStats *port_stats(const Port *port);

/* At most 1472 bytes. */
void port_send(Port *port, Lane lane, const guint8 *data, gsize len);

/* With gso: send what is gathered. Every other lane or size flushes by itself, so order is kept. */
void port_flush(Port *port);

/* Receive at most 64 datagrams without waiting; returns how many came, foreign ones included. */
guint port_receive(Port *port, PortReceived received, gpointer user);

/* Compare addresses, not ports. */
gboolean same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Port, port_close)
