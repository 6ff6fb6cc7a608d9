/* test-journal-v1.c - records of version 1.0 become tagged fields, and nothing is believed
 * unchecked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/page_set.h"
#include "core/netdump/tags.h"

#include "unit/journal-v1-sample.h"
#include "unit/scratch.h"

#define NR_PAGES 0xffffffffu

typedef TaggedWriter AutoWriter;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AutoWriter, tagged_writer_clear)

static TaggedReader reader_of(TaggedWriter *w)
{
    TaggedReader r = {0};
    gsize used;

    tagged_writer_seal(w);
    g_assert_null(tagged_reader_init(&r, w->bytes->data, w->bytes->len, &used));
    return r;
}

static void assert_number(const TaggedReader *r, guint16 tag, guint64 want)
{
    guint64 value = 0;

    g_assert_true(tagged_number(r, tag, &value));
    g_assert_cmphex(value, ==, want);
}

/* Pages floor..NR_PAGES-1 are missing. */
static void assert_floor(const TaggedReader *r, guint32 floor)
{
    g_autoptr(PageSet) missing = page_set_new();
    g_autoptr(PageSet) want = page_set_new();
    gsize len = 0;
    const guint8 *bytes = tagged_find(r, NETDUMP_TAG_MISSING, &len);

    g_assert_nonnull(bytes);
    g_assert_true(page_set_decode(missing, bytes, len, NR_PAGES));
    page_set_add(want, floor, NR_PAGES);
    g_assert_true(page_set_equal(missing, want));
    assert_number(r, NETDUMP_TAG_PAGES_STORED, floor); /* it says more, which comes once more */
}

static void test_every_field(void)
{
    static const NetAddr client = {.family = NET_IPV4, .port = 6666, .bytes = {10, 0, 0, 5}};
    static const NetAddr local = {.family = NET_IPV4, .port = 6688, .bytes = {10, 0, 0, 1}};
    guint8 record[JOURNAL_V1_SIZE];
    g_auto(AutoWriter) w = tagged_writer_new();
    TaggedReader r;
    NetAddr a;
    gsize len = 0;
    const guint8 *regs;

    v1_sample(record);
    g_assert_null(journal_v1_convert(record, sizeof record, NULL, &w));
    r = reader_of(&w);
    g_assert_true(tagged_addr(&r, TAG_CLIENT, &a));
    g_assert_true(netaddr_equal(&a, &client));
    g_assert_true(tagged_addr(&r, TAG_LOCAL, &a));
    g_assert_true(netaddr_equal(&a, &local));
    assert_number(&r, TAG_STARTED, G_GUINT64_CONSTANT(1767323045123456));
    assert_number(&r, NETDUMP_TAG_STATE, RECORD_TRANSFERRED);
    assert_number(&r, NETDUMP_TAG_MACHINE, 62);
    assert_number(&r, NETDUMP_TAG_OLDEST, 1);
    assert_number(&r, NETDUMP_TAG_TASK, 0x1012345678);
    assert_number(&r, NETDUMP_TAG_PAGE_OFFSET, 0xffff810000000000);
    assert_number(&r, NETDUMP_TAG_MAGIC, 0x0123456789abcdef);
    assert_number(&r, NETDUMP_TAG_EXTENSIONS, 7);
    assert_number(&r, NETDUMP_TAG_VMCOREINFO, 8);
    assert_number(&r, NETDUMP_TAG_CPU, 9);
    assert_number(&r, NETDUMP_TAG_VERSION, 5);
    assert_number(&r, NETDUMP_TAG_PAGE_SIZE, 4096);
    assert_number(&r, NETDUMP_TAG_NR_PAGES, NR_PAGES);
    assert_number(&r, NETDUMP_TAG_RAM_PAGES, 0xfffffff0);
    assert_number(&r, NETDUMP_TAG_NEXT_NR, 0xdeadbeef);
    assert_number(&r, NETDUMP_TAG_PAGES_RESERVED, 3);
    assert_number(&r, NETDUMP_TAG_PAGES_RETRANSMITTED, 4);
    assert_number(&r, NETDUMP_TAG_DUPLICATE_CHUNKS, 5);
    assert_floor(&r, 0xfffffffd);
    regs = tagged_find(&r, NETDUMP_TAG_REGS, &len);
    assert_bytes(regs, len, record + V1_REGS, (gsize)216);
    g_assert_null(tagged_find(&r, TAG_PROTOCOL, &len)); /* the first one of the table */
    g_assert_null(tagged_find(&r, TAG_SEQUENCE, &len)); /* the store's */
}

/* What the kernel had only taken counts as long as it runs. */
static void test_boots(void)
{
    static const guint8 zeros[16];
    guint8 record[JOURNAL_V1_SIZE], boot[16];

    v1_sample(record);
    memcpy(boot, record + V1_BOOT_ID, sizeof boot);
    for (guint i = 0; i < 3; i++) {
        g_auto(AutoWriter) w = tagged_writer_new();
        TaggedReader r;

        boot[0] ^= (guint8)i;
        if (i == 2) { /* neither knows */
            memset(record + V1_BOOT_ID, 0, 16);
            v1_seal(record);
        }
        g_assert_null(journal_v1_convert(record, sizeof record, i == 2 ? zeros : boot, &w));
        r = reader_of(&w);
        assert_floor(&r, i == 0 ? 0xfffffffe : 0xfffffffd);
    }
}

/* Before anything was known about the memory. */
static void test_no_file(void)
{
    guint8 record[JOURNAL_V1_SIZE];
    g_auto(AutoWriter) w = tagged_writer_new();
    TaggedReader r;
    gsize len;

    v1_sample(record);
    memset(record + V1_PAGE_SIZE, 0, 14);
    memset(record + V1_FLOOR_WRITTEN, 0, 8);
    memset(record + V1_REGS, 0, 1024);
    v1_seal(record);
    g_assert_null(journal_v1_convert(record, sizeof record, NULL, &w));
    r = reader_of(&w);
    g_assert_null(tagged_find(&r, NETDUMP_TAG_PAGE_SIZE, &len));
    g_assert_null(tagged_find(&r, NETDUMP_TAG_MISSING, &len));
    assert_number(&r, NETDUMP_TAG_MACHINE, 62);
}

/* Of the three in a journal the newest whole one counts. */
static void test_newest(void)
{
    static guint8 file[3 * JOURNAL_V1_SIZE + 100];
    static const guint64 sequences[][4] = {/* and the one that counts */
                                           {7, 8, 9, 9},
                                           {9, 8, 0, 9},
                                           {0, 3, 2, 3},
                                           {0, 0, 5, 5}};

    for (gsize i = 0; i < G_N_ELEMENTS(sequences); i++) {
        g_auto(AutoWriter) w = tagged_writer_new();
        TaggedReader r;

        for (gsize slot = 0; slot < 3; slot++) {
            guint8 *record = file + slot * JOURNAL_V1_SIZE;

            v1_sample(record);
            bytes_put_le64(record + V1_SEQUENCE, sequences[i][slot]);
            bytes_put_le32(record + V1_STATE, (guint32)(sequences[i][slot] % 3));
            v1_seal(record);
            if (sequences[i][slot] == 0)
                memset(record, slot % 2 ? 'x' : 0, JOURNAL_V1_SIZE);
        }
        g_assert_null(journal_v1_convert(file, sizeof file, NULL, &w));
        r = reader_of(&w);
        assert_number(&r, NETDUMP_TAG_STATE, sequences[i][3] % 3);
    }
}

static void refuse(guint8 *record, gsize len, const char *want)
{
    g_autofree guint8 *exact = g_malloc(len + 1); /* as long as it is, for ASan */
    g_auto(AutoWriter) w = tagged_writer_new();

    memcpy(exact, record, len);
    g_assert_cmpstr(journal_v1_convert(exact, len, NULL, &w), ==, want);
    g_assert_cmpuint(w.bytes->len, ==, TAGGED_HEADER_SIZE);
}

static void test_every_bit(void)
{
    guint8 record[JOURNAL_V1_SIZE];

    v1_sample(record);
    for (gsize i = 0; i < JOURNAL_V1_SIZE; i++) {
        g_auto(AutoWriter) w = tagged_writer_new();

        record[i] ^= (guint8)(1 << i % 8);
        g_assert_nonnull(journal_v1_convert(record, sizeof record, NULL, &w));
        record[i] ^= (guint8)(1 << i % 8);
    }
    for (gsize len = 0; len < JOURNAL_V1_SIZE; len += 13)
        refuse(record, len, "too short");
    memset(record, 0, sizeof record);
    refuse(record, sizeof record, "empty");
}

/* Wrong fields under a right checksum: size is 1 to 8 bytes. */
static void test_refused(void)
{
    static const struct {
        gsize at, size;
        guint64 value;
        const char *wrong;
    } cases[] = {
        {0, 1, 'X', "magic"},
        {V1_VERSION, 4, 2, "version"},
        {V1_VERSION, 4, 0, "version"},
        {V1_LENGTH, 4, 0, "length"},
        {V1_END, 1, 1, "length"},
        {V1_CHECKSUM - 1, 1, 1, "length"},
        {V1_SEQUENCE, 8, 0, "sequence number"},
        {V1_SEQUENCE, 8, G_MAXUINT64, "sequence number"},
        {V1_CLIENT, 1, 0, "client address"},
        {V1_CLIENT, 1, 5, "client address"},
        {V1_CLIENT + 1, 2, 0, "client address"},
        {V1_CLIENT + 3, 4, 1, "client address"},
        {V1_CLIENT + 11, 1, 1, "client address"},
        {V1_LOCAL, 1, NET_IPV6, "local address"},
        {V1_LOCAL, 1, 0, "local address"},
        {V1_STARTED, 8, G_MAXUINT64, "start time"},
        {V1_STATE, 4, 3, "state"},
        {V1_MACHINE, 4, 0, "machine"},
        {V1_MACHINE, 4, 0x10000, "machine"},
        {V1_OLDEST, 4, 2, "machine"},
        {V1_CLIENT_VERSION, 1, 9, "client version"},
        {V1_PAGE_SIZE, 4, 2048, "page size"},
        {V1_PAGE_SIZE, 4, 12288, "page size"},
        {V1_PAGE_SIZE, 4, 131072, "page size"},
        {V1_REGS_LEN, 2, 1025, "registers"},
        {V1_REGS_LEN, 2, 215, "registers"},
        {V1_NR_PAGES, 4, 0xfffffffd, "pages"},
        {V1_FLOOR_SYNCED, 4, 0xffffffff, "pages"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint8 record[JOURNAL_V1_SIZE];

        v1_sample(record);
        bytes_put_le(record + cases[i].at, cases[i].value, cases[i].size);
        v1_seal(record);
        refuse(record, sizeof record, cases[i].wrong);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal-v1/every-field", test_every_field);
    g_test_add_func("/journal-v1/boots", test_boots);
    g_test_add_func("/journal-v1/no-file", test_no_file);
    g_test_add_func("/journal-v1/newest", test_newest);
    g_test_add_func("/journal-v1/every-bit", test_every_bit);
    g_test_add_func("/journal-v1/refused", test_refused);
    return g_test_run();
}
