/* modern.h - what a machine with today's kernel does beyond version 5 (client/PROTOCOL).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/kernel.h"

/* START's text goes on; the number of bytes written, at most `room`. */
gsize modern_start(const Machine *m, char *text, gsize room);

/* One of the extensions' replies in place of MEM. FALSE: MEM it is. */
gboolean modern_send_page(World *w, Machine *m, const WireRequest *r);

/* One of the extensions' commands. FALSE: it is none that was agreed on. */
gboolean modern_answer(World *w, Machine *m, const WireRequest *r);

/* With a magic of its own it obeys nobody else. */
gboolean modern_obeys(const Machine *m, const WireRequest *r);

/* A second has gone by: does it still wait? */
void modern_tire(World *w, Machine *m, guint32 crash);
