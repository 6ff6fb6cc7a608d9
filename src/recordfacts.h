/* recordfacts.h - what of a client's facts goes into its journal, and comes back out of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "client.h"
#include "record.h"

/* All of a record but whose it is (client, local, started), which the caller fills in. */
void recordfacts_fill(JournalRecord *record, const ClientFacts *facts);

/* For client_resume(); what no record holds is zero. TRUE if only the reboot was left. */
gboolean recordfacts_read(const JournalRecord *record, ClientFacts *facts);
