/* modern.h - what a client with a current kernel does beyond version 5 (client/PROTOCOL).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/kernel.h"

/* The end of START's text; returns the number of bytes written, at most `room`. */
gsize modern_start(const Kernel *k, char *text, gsize room);

/* One of the extensions' replies in place of MEM. FALSE: MEM it is. */
gboolean modern_send_page(World *w, Kernel *k, const WireRequest *r);

/* One of the extensions' commands. FALSE: it is none that was agreed on. */
gboolean modern_answer(World *w, Kernel *k, const WireRequest *r);

/* A client with a magic obeys only requests that carry it. */
gboolean modern_obeys(const Kernel *k, const WireRequest *r);

/* A second has gone by: does it still wait? */
void modern_tire(World *w, Kernel *k, guint32 crash);
