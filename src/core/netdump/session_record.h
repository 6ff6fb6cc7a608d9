/* session_record.h - what of a client's facts goes into its journal, and comes back out of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/journal_record.h"
#include "core/netdump/session.h"

/* All of a record but whose it is (client, local, started), which the caller fills in. */
void session_record_fill(JournalRecord *record, const SessionFacts *facts);

/* For session_resume(); what no record holds is zero. TRUE if only the reboot was left. */
gboolean session_record_read(const JournalRecord *record, SessionFacts *facts);
