/* effects.h - the executor's effects on a world: see server/effects.h.
 *
 * What takes time replies late, in any order, or never, as the seed says. Each effect fails the run
 * if it makes no sense at that moment.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/disk.h"

typedef struct {
    guint32 id;
    int err;
    guint64 magic;
} MagicReply;

typedef struct {
    guint32 id;
    SessionHook hook;
    HookEnd end;
    int status;
} HookRun;

extern const Effects soak_effects;

void effects_magic_read(World *w, const MagicReply *reply, guint32 life);
void effects_hook_ended(World *w, const HookRun *run, guint32 life);
