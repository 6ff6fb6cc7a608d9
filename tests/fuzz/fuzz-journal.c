/* fuzz-journal.c - hostile bytes as a record of version 1.0: refused, or fields that keep the rules
 * that a session relies on. Tried as they are and with a right checksum, so that the checks behind
 * the checksum are reached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/page_set.h"
#include "core/netdump/journal_v1.h"
#include "core/netdump/tags.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const TaggedReader *r)
{
    PageSet *missing = page_set_new();
    NetAddr client;
    guint64 nr_pages = 0;
    gsize len = 0;
    const guint8 *bytes = tagged_find(r, NETDUMP_TAG_MISSING, &len);

    if (!tagged_addr(r, TAG_CLIENT, &client) || client.port == 0)
        __builtin_trap();
    if (bytes && (!tagged_number(r, NETDUMP_TAG_NR_PAGES, &nr_pages) ||
                  !page_set_decode(missing, bytes, len, nr_pages)))
        __builtin_trap();
    page_set_free(missing);
}

static void try_record(const guint8 *bytes, gsize len)
{
    TaggedWriter w = tagged_writer_new();
    TaggedReader r;
    gsize used;

    if (!journal_v1_convert(bytes, len, NULL, &w)) {
        tagged_writer_seal(&w);
        if (tagged_reader_init(&r, w.bytes->data, w.bytes->len, &used))
            __builtin_trap();
        check(&r);
    }
    tagged_writer_clear(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    guint8 record[JOURNAL_V1_SIZE] = {0};

    try_record(data, size);
    memcpy(record, data, MIN(size, JOURNAL_V1_SIZE));
    bytes_put_le32(record + JOURNAL_V1_SIZE - 4, crc32c(record, JOURNAL_V1_SIZE - 4));
    try_record(record, sizeof record);
    return 0;
}
