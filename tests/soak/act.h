/* act.h - carries out the actions of a world's clients.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/server.h"

/* An outcome that is known at once: told when the present step is through. */
void act_follow(World *w, guint32 id, Event event);

/* speaker: the crash of which the packet in work came, or NULL. */
void act(World *w, ClientEntry *entry, const Action *action, const Event *event, Crash *speaker);
