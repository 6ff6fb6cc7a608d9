/* journal-v1-sample.h - a record that version 1.0 wrote, with something in every field.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/netdump/journal_v1.h"

/* Where its fields are. */
enum {
    V1_VERSION = 8,
    V1_LENGTH = 12,
    V1_SEQUENCE = 16,
    V1_CLIENT = 24,
    V1_LOCAL = 47,
    V1_STARTED = 70,
    V1_STATE = 78,
    V1_MACHINE = 82,
    V1_OLDEST = 86,
    V1_CLIENT_VERSION = 114,
    V1_PAGE_SIZE = 115,
    V1_NR_PAGES = 119,
    V1_REGS_LEN = 127,
    V1_FLOOR_WRITTEN = 133,
    V1_FLOOR_SYNCED = 137,
    V1_PAGES_STORED = 141,
    V1_BOOT_ID = 189,
    V1_REGS = 205,
    V1_END = 1253,
    V1_CHECKSUM = 4092,
};

static inline void v1_seal(guint8 record[JOURNAL_V1_SIZE])
{
    bytes_put_le32(record + V1_CHECKSUM, crc32c(record, V1_CHECKSUM));
}

/* tests/fixtures-1.0/record, made by 1.0's record_encode() out of its tests' sample. */
static inline void v1_sample(guint8 record[JOURNAL_V1_SIZE])
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "tests/fixtures-1.0/record", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    gsize len = 0;

    g_file_get_contents(path, &text, &len, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(len, ==, JOURNAL_V1_SIZE);
    memcpy(record, text, JOURNAL_V1_SIZE);
}
