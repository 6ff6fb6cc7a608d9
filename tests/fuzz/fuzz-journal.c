/* fuzz-journal.c - hostile bytes as a journal's slot: refused, or a record that packs into the same
 * bytes. The input is tried as it is and with a right checksum, so that the checks behind
 * the checksum are reached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/journal_record.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_slot(const guint8 *bytes, gsize len)
{
    JournalRecord record;
    guint64 sequence = 0;
    guint8 again[JOURNAL_RECORD_SIZE];
    if (journal_record_decode(bytes, len, &record, &sequence))
        return;
    if (len != JOURNAL_RECORD_SIZE || !journal_record_encode(&record, sequence, again) ||
        memcmp(again, bytes, JOURNAL_RECORD_SIZE) != 0)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    guint8 slot[JOURNAL_RECORD_SIZE] = {0};
    try_slot(data, size);
    memcpy(slot, data, MIN(size, JOURNAL_RECORD_SIZE));
    journal_record_seal(slot);
    try_slot(slot, sizeof slot);
    return 0;
}
