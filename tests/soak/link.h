/* link.h - the network between the machines and the server: it loses, doubles, delays, damages, and
 * carries what strangers forge.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/world.h"

#define PORT_DUMP 6666
#define PORT_LOG  6664

typedef struct {
    Machine *machine; /* whose address it comes from, or goes to */
    guint16 port;     /* the machine's */
    gboolean forged;
    Crash *crash;    /* the sender's; NULL if it has not crashed */
    gboolean memory; /* a MEM reply, written out when it arrives */
    guint32 nr, pfn, offset;
    guint8 version;
    guint16 len;
    guint8 bytes[];
} Datagram;

Datagram *link_datagram(World *w, Machine *machine, guint16 port, gconstpointer bytes, gsize len);
void link_to_server(World *w, Datagram *d, Span behind); /* sent so much later */
void link_to_machine(World *w, Machine *machine, const WireRequest *request);

/* The bytes as they arrive, at the end of w->datagram; 0 if nothing of use is left of them. */
gsize link_arrive(World *w, const Datagram *d);

void link_outage(World *w);
void link_forge(World *w);
