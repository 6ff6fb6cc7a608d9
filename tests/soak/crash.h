/* crash.h - the memory of a crashed client, see kernel.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/kernel.h"

Crash *crash_new(World *w, Kernel *k);

/* What RESERVED says of a page that is no RAM: the next page of RAM, 0 = none above; with `chain`
 * parts of 10,000 one below that. */
guint32 crash_next_ram(World *w, const Crash *c, guint32 pfn, guint chain);
