/* hook_table.c - the table of hooks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/hook_table.h"

#include "core/base/limits.h"
#include "core/session.h"

#define RUNNING 16

/* Anyone can say that a host has just booted, in anyone's name: that must leave room for the
 * others. */
#define STARTS_RUNNING 8
#define STARTS_WAITING 64

G_STATIC_ASSERT((int)HOOK_TABLE_START == (int)SESSION_HOOK_N);

static const HookRow rows[HOOK_TABLE_N] = {
    [SESSION_HOOK_CRASH] = {"netdump-crash", TRUE, RUNNING, LIMIT_CLIENTS},
    [SESSION_HOOK_NOSPACE] = {"netdump-nospace", TRUE, RUNNING, LIMIT_CLIENTS},
    [SESSION_HOOK_REBOOT] = {"netdump-reboot", TRUE, RUNNING, LIMIT_CLIENTS},
    [HOOK_TABLE_START] = {"netdump-start", FALSE, STARTS_RUNNING, STARTS_WAITING},
};

const HookRow *hook_table(void)
{
    return rows;
}
