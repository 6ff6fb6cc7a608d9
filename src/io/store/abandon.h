/* abandon.h - closes a dump of a previous instance that cannot be resumed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/store/dumpdir.h"

/* In the dump's directory `name`: `info` gets result=incomplete and this reason, all else that it
 * says stays; then the journal is removed. What there is of the dump is not touched. Blocks on the
 * disk: for the server's start. 0 or an errno. */
int abandon_dump(const Dumpdir *dumpdir, const char *name, const char *reason,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
