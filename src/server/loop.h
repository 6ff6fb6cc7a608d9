/* loop.h - pselect(), and whom to call when it returns. The only place that reads the clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/config/config.h"

#include <glib.h>

typedef struct Loop Loop;

/* Binds, opens, locks, starts threads: everything that can fail. After it the first packet can
 * come. Takes *config over, also where it fails. Call it in the process that stays. */
Loop *loop_new(Config *config, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void loop_free(Loop *loop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Loop, loop_free)

/* Until TERM or INT; what was going on is left so that the next server can go on with it. */
void loop_run(Loop *loop);
