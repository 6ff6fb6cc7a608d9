/* netdump.h - the netdump protocol of Red Hat's kernels, and its extensions, as a SessionOps.
 *
 * The client waits for requests and answers each one; see doc and client/PROTOCOL. This is the only
 * header of the folder for the daemon's table of protocols; the states are in session_states.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/session.h"

extern const SessionOps netdump_session_ops;
