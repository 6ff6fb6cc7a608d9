/* probe.h - sessions of a protocol as the world watches them.
 *
 * The executor, dispatch and clients get these operations in place of the protocol's own: they call
 * those, and look at every event and action that passes. Here a server that is killed stops.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/world.h"

extern const SessionOps probe_ops; /* netdump's */

void probe_set_world(World *w); /* of every session from now on */
