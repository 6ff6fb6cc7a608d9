/* journal_v1.h - the records of version 1.0, in its journals and its file of pending clients: read
 * only, as tagged fields.
 *
 * A record is JOURNAL_V1_SIZE bytes; a journal has three of them, of which the newest whole one
 * counts. Reading checks every field. Pure.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/tagged.h"

#define JOURNAL_V1_SIZE 4096

/* A TaggedConvert. */
const char *journal_v1_convert(const guint8 *bytes, gsize len, const guint8 boot_id[16],
                               TaggedWriter *out) G_GNUC_WARN_UNUSED_RESULT;
