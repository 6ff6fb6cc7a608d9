/* verify.h - is the server's dump the machine's memory, byte for byte?
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/machine.h"

#include <glib.h>

/* Searches the server's dump directory for a `vmcore` of this machine (by its address) that was
 * written at or after `since` (us since 1970) and compare its headers, registers and every page.
 * Waits up to wait_us for it to appear. If the address has several, one of them must be equal. On
 * failure error says which file differs, and where first. */
gboolean verify_dump(const char *dumpdir, const MachineSetup *setup, const Machine *machine,
                     guint32 index, gint64 since, gint64 wait_us,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
