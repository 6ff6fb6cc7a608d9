/* unpack.h - memory that a client has packed: the LZ4 block format.
 *
 * Pure. A block is a row of sequences, each a token, literals, and a match to be copied from what
 * is there already; the last one is literals only. The format is that of LZ4's block format
 * description; nothing of it is trusted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* TRUE if the block unpacks to exactly size bytes; else what is in out is of no use. */
gboolean unpack(const guint8 *block, gsize len, guint8 *out, gsize size) G_GNUC_WARN_UNUSED_RESULT;
