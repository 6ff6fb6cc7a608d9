/* loop.h - pselect(), and whom to call when it returns. The only place that reads the clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "server/server.h"

/* Until TERM or INT; what was under way is left so that the next server can resume it. */
void loop_run(Server *server);

/* One turn; waits for something to happen. FALSE if TERM or INT came. */
gboolean loop_turn(Server *server);
