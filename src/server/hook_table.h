/* hook_table.h - the table of hooks.
 *
 * A new one is a row, and a call of hooks_run() where it is due; what the state machines have run
 * is a value of SessionHook as well.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/hooks/hooks.h"

/* Rows that no session runs; those before are indexed by SessionHook. */
enum {
    HOOK_TABLE_START = 3, /* a host has just booted: no dump, no directory */
    HOOK_TABLE_N
};

/* HOOK_TABLE_N rows. */
const HookRow *hook_table(void);
