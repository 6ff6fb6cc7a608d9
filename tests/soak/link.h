/* link.h - the network between clients and server: it loses, doubles, delays, damages, and
 * carries what strangers forge.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/world.h"

#define PORT_DUMP 6666
#define PORT_LOG  6664

typedef struct Datagram {
    Kernel *kernel; /* whose address it comes from, or goes to */
    guint16 port;   /* the client's */
    gboolean forged;
    Crash *crash;    /* the sender's; NULL if it has not crashed */
    gboolean memory; /* a MEM reply, written out when it arrives */
    guint32 nr, pfn, offset;
    guint8 version;
    guint16 len;
    guint8 bytes[];
} Datagram;

Datagram *link_datagram(World *w, Kernel *kernel, guint16 port, gconstpointer bytes, gsize len);
void link_to_server(World *w, Datagram *d, Span after); /* sent so much later */
void link_to_kernel(World *w, Kernel *kernel, const guint8 *data, gsize len);

/* The bytes as they arrive, at the end of w->datagram; 0 if nothing of use is left of them. */
gsize link_arrive(World *w, const Datagram *d);

void link_outage(World *w);
void link_forge(World *w);
void link_forge_ack(World *w, Kernel *k); /* if it waits for one, and there is no server */
