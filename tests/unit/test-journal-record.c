/* test-record.c - a journal record as bytes: a fixed layout, and nothing believed unchecked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/journal_record.h"

#include "unit/journal-record-sample.h"
#include "unit/scratch.h"

static const char *decode(const guint8 *bytes, JournalRecord *r)
{
    guint64 sequence = 0;
    return journal_record_decode(bytes, JOURNAL_RECORD_SIZE, r, &sequence);
}

static void test_round_trip(void)
{
    JournalRecord in = record_sample();
    JournalRecord out;
    guint8 bytes[JOURNAL_RECORD_SIZE];
    guint64 sequence = 0;
    g_assert_true(journal_record_encode(&in, 0x1122334455667788, bytes));
    g_assert_cmpstr(journal_record_decode(bytes, sizeof bytes, &out, &sequence), ==, NULL);
    g_assert_true(record_same(&in, &out));
    g_assert_cmphex(sequence, ==, 0x1122334455667788);

    in.client = (NetAddr){.family = NET_IPV6, .port = 1, .scope = 0xaabbccdd};
    memset(in.client.bytes, 0xee, 16);
    in.local = (NetAddr){0};
    in.regs_len = JOURNAL_RECORD_REGS_MAX;
    memset(in.regs, 0xff, JOURNAL_RECORD_REGS_MAX);
    g_assert_true(journal_record_encode(&in, 1, bytes));
    g_assert_cmpstr(decode(bytes, &out), ==, NULL);
    g_assert_true(record_same(&in, &out));
}

/* The layout of version 1 must not change without a new version: these are bytes of a server that
 * may have been upgraded in the middle of a dump. */
static void test_layout(void)
{
    static const struct {
        gsize at;
        const char *hex;
    } fields[] = {
        {0, "4e44554d504a4e4c 01000000 cd040000 0700000000000000"},
        {24, "04 0a1a 00000000 0a000005 000000000000000000000000"}, /* client */
        {47, "04 201a 00000000 0a000001 000000000000000000000000"}, /* local */
        {70, "80d54ef65e470600"},                                   /* started */
        {78, "01000000 3e000000 01000000"},                         /* state, machine, oldest */
        {90, "7856341210000000 00000000 0081ffff efcdab8967452301"},
        {114, "05 00100000 ffffffff f0ffffff d800 efbeadde feffffff fdffffff"},
        {141, "0000000002000000 0200000000000000 0300000000000000"},
        {165, "0400000000000000 0500000000000000 0000000000100000"},
        {189, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff 01020304"}, /* boot, registers */
        {205 + 215, "d8 00"},
        {205 + 1024, "0700000000000000 0800000000000000 0900000000000000 00"}, /* extensions ... */
    };
    JournalRecord in = record_sample();
    guint8 bytes[JOURNAL_RECORD_SIZE];
    g_assert_true(journal_record_encode(&in, 7, bytes));
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        gsize at = fields[i].at;
        for (const char *h = fields[i].hex; *h; h += 2) {
            if (*h == ' ')
                h++;
            int byte = g_ascii_xdigit_value(h[0]) << 4 | g_ascii_xdigit_value(h[1]);
            g_assert_cmphex(bytes[at++], ==, (guint)byte);
        }
    }
}

static void test_checksum(void)
{
    guint8 bytes[JOURNAL_RECORD_SIZE] = {0};
    journal_record_seal(bytes);
    /* Of 4092 zeros, by an implementation that gives 0xe3069283 for "123456789". */
    static const guint8 zeros[] = {0x6e, 0x58, 0x32, 0xa7};
    assert_bytes(bytes + JOURNAL_RECORD_SIZE - 4, (gsize)4, zeros, sizeof zeros);
}

static void test_every_bit(void)
{
    JournalRecord in = record_sample();
    JournalRecord out;
    guint8 bytes[JOURNAL_RECORD_SIZE];
    g_assert_true(journal_record_encode(&in, 1, bytes));
    for (gsize i = 0; i < JOURNAL_RECORD_SIZE; i++) {
        bytes[i] ^= (guint8)(1 << (i % 8));
        g_assert_nonnull(decode(bytes, &out));
        bytes[i] ^= (guint8)(1 << (i % 8));
    }
    g_assert_null(decode(bytes, &out));
}

static void test_wrong_bytes(void)
{
    JournalRecord in = record_sample();
    JournalRecord out = in;
    guint64 sequence = 99;
    guint8 bytes[JOURNAL_RECORD_SIZE + 1] = {0};
    g_assert_cmpstr(journal_record_decode(bytes, JOURNAL_RECORD_SIZE, &out, &sequence), ==,
                    "it was never written");
    g_assert_true(journal_record_encode(&in, 1, bytes));
    for (gsize len = 0; len < JOURNAL_RECORD_SIZE; len += 13) {
        /* An allocation of the exact size: reading behind it is seen by ASan and valgrind. */
        g_autofree guint8 *part = g_malloc(len + 1);
        memcpy(part, bytes, len);
        g_assert_cmpstr(journal_record_decode(part, len, &out, &sequence), ==, "its size");
    }
    g_assert_cmpstr(journal_record_decode(bytes, JOURNAL_RECORD_SIZE + 1, &out, &sequence), ==,
                    "its size");
    static const struct {
        gsize at;
        guint8 byte;
        const char *wrong;
    } cases[] = {
        {0, 'X', "no journal"},
        {8, 2, "a version that this server doesn't know"},
        {8, 0, "a version that this server doesn't know"},
        {12, 0, "the layout"},
        {4000, 1, "the layout"},
        {16, 0, "the sequence number"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint8 changed[JOURNAL_RECORD_SIZE];
        memcpy(changed, bytes, JOURNAL_RECORD_SIZE);
        changed[cases[i].at] = cases[i].byte;
        journal_record_seal(changed);
        g_assert_cmpstr(journal_record_decode(changed, JOURNAL_RECORD_SIZE, &out, &sequence), ==,
                        cases[i].wrong);
    }
    memset(bytes + 16, 0xff, 8);
    journal_record_seal(bytes);
    g_assert_cmpstr(journal_record_decode(bytes, JOURNAL_RECORD_SIZE, &out, &sequence), ==,
                    "the sequence number");
    g_assert_cmpuint(sequence, ==, 99);
    g_assert_true(record_same(&in, &out));
}

/* What encode refuses is refused by decode as well: the bytes of the good record are changed by
 * hand, at the field's place. */
#define BAD(member, value, wrong)                                                                  \
    do {                                                                                           \
        JournalRecord bad = record_sample();                                                       \
        bad.member = value;                                                                        \
        expect_bad(&bad, wrong);                                                                   \
    } while (0)

static void expect_bad(const JournalRecord *bad, const char *wrong)
{
    guint8 bytes[JOURNAL_RECORD_SIZE];
    memset(bytes, 0xaa, sizeof bytes);
    if (journal_record_encode(bad, 1, bytes))
        g_error("encoded in spite of %s", wrong);
    for (gsize i = 0; i < sizeof bytes; i++)
        g_assert_cmphex(bytes[i], ==, 0xaa);
}

static void test_encode_refuses(void)
{
    BAD(client.family, 0, "no client");
    BAD(client.family, 5, "family");
    BAD(client.port, 0, "port");
    BAD(client.scope, 1, "scope of IPv4");
    BAD(client.bytes[4], 1, "long IPv4");
    BAD(local.family, NET_IPV6, "two families");
    BAD(local.family, NET_NONE, "bytes without family");
    BAD(local.family, 9, "family");
    BAD(started, -1, "start");
    BAD(started, G_MAXINT64, "start");
    BAD(state, JOURNAL_N_STATES, "state");
    BAD(machine, 0, "machine");
    BAD(machine, 0x10000, "machine");
    BAD(oldest, 2, "oldest");
    BAD(version, 9, "version");
    BAD(page_size, 2048, "page size");
    BAD(page_size, 131072, "page size");
    BAD(page_size, 4097, "page size");
    BAD(page_size, 12288, "page size");
    BAD(regs_len, 1025, "registers");
    BAD(regs_len, 215, "registers");
    BAD(nr_pages, 0xfffffffd, "floors");
    BAD(floor_written, 0xfffffffc, "floors");
    JournalRecord good = record_sample();
    guint8 bytes[JOURNAL_RECORD_SIZE];
    g_assert_false(journal_record_encode(&good, 0, bytes));
    g_assert_false(journal_record_encode(&good, G_MAXUINT64, bytes));
    /* Before anything is known about the memory. */
    good.page_size = good.nr_pages = good.ram_pages = good.floor_written = good.floor_synced = 0;
    good.regs_len = 0;
    memset(good.regs, 0, sizeof good.regs);
    g_assert_true(journal_record_encode(&good, 1, bytes));
}

/* Random changes under a right checksum: either refused, or a record that packs into the same
 * bytes. */
static void test_hostile_bytes(void)
{
    JournalRecord in = record_sample();
    guint8 good[JOURNAL_RECORD_SIZE];
    guint accepted = 0;
    guint refused = 0;
    g_assert_true(journal_record_encode(&in, 1, good));
    for (int round = 0; round < 5000; round++) {
        guint8 bytes[JOURNAL_RECORD_SIZE];
        guint8 again[JOURNAL_RECORD_SIZE];
        JournalRecord out;
        guint64 sequence = 0;
        memcpy(bytes, good, sizeof bytes);
        for (int n = g_test_rand_int_range(1, 4); n > 0; n--)
            bytes[g_test_rand_int_range(8, 24 + 0x4cd)] = (guint8)g_test_rand_int();
        journal_record_seal(bytes);
        if (journal_record_decode(bytes, sizeof bytes, &out, &sequence)) {
            refused++;
            continue;
        }
        accepted++;
        g_assert_true(journal_record_encode(&out, sequence, again));
        assert_bytes(bytes, sizeof bytes, again, sizeof again);
    }
    g_assert_cmpuint(accepted, >, 0);
    g_assert_cmpuint(refused, >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record/round-trip", test_round_trip);
    g_test_add_func("/record/layout", test_layout);
    g_test_add_func("/record/checksum", test_checksum);
    g_test_add_func("/record/every-bit", test_every_bit);
    g_test_add_func("/record/wrong-bytes", test_wrong_bytes);
    g_test_add_func("/record/encode-refuses", test_encode_refuses);
    g_test_add_func("/record/hostile-bytes", test_hostile_bytes);
    return g_test_run();
}
