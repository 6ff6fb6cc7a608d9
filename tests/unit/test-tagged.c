/* test-tagged.c - tagged fields: a fixed layout, nothing believed unchecked, nothing unknown lost.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/tagged.h"

#include "core/base/crc32c.h"

#include "unit/scratch.h"

typedef TaggedWriter AutoWriter;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AutoWriter, tagged_writer_clear)

static const NetAddr ipv4 = {.family = NET_IPV4, .port = 6666, .bytes = {10, 0, 0, 5}};
static const NetAddr ipv6 = {
    .family = NET_IPV6, .port = 1, .scope = 0xaabbccdd, .bytes = {0xfe, 0x80, [15] = 1}};

static AutoWriter sample(void)
{
    AutoWriter w = tagged_writer_new();

    tagged_add_number(&w, TAG_SEQUENCE, 0x1122334455667788);
    tagged_add(&w, TAG_PROTOCOL, "netdump", 7);
    tagged_add_addr(&w, TAG_CLIENT, &ipv4);
    tagged_add_addr(&w, TAG_LOCAL, &ipv6);
    tagged_add(&w, 60000, "", 0);
    tagged_add(&w, 60001, "\xff\xfe", 2);
    tagged_add(&w, 60002, "\4\3\2\1", 4);
    tagged_add(&w, 60003, "\7", 1);
    tagged_add(&w, 60004, "123", 3);
    tagged_writer_seal(&w);
    return w;
}

static TaggedReader reader_of(const TaggedWriter *w)
{
    TaggedReader r = {0};
    gsize used = 0;

    g_assert_cmpstr(tagged_reader_init(&r, w->bytes->data, w->bytes->len, &used), ==, NULL);
    g_assert_cmpuint(used, ==, w->bytes->len);
    return r;
}

static void assert_field(const TaggedReader *r, guint16 tag, const char *want, gsize want_len)
{
    gsize len = 0;
    const guint8 *value = tagged_find(r, tag, &len);

    g_assert_nonnull(value);
    assert_bytes(value, len, want, want_len);
}

static void test_round_trip(void)
{
    g_auto(AutoWriter) w = sample();
    TaggedReader r = reader_of(&w);
    guint64 value = 0;
    gsize len = 99;
    NetAddr a;

    g_assert_true(tagged_number(&r, TAG_SEQUENCE, &value));
    g_assert_cmphex(value, ==, 0x1122334455667788);
    g_assert_true(tagged_number(&r, 60001, &value));
    g_assert_cmphex(value, ==, 0xfeff);
    g_assert_true(tagged_number(&r, 60002, &value));
    g_assert_cmphex(value, ==, 0x01020304);
    g_assert_true(tagged_number(&r, 60003, &value));
    g_assert_cmphex(value, ==, 7);
    g_assert_false(tagged_number(&r, 60000, &value)); /* no length of a number */
    g_assert_false(tagged_number(&r, 60004, &value));
    g_assert_false(tagged_number(&r, TAG_STARTED, &value));
    g_assert_cmphex(value, ==, 7);
    assert_field(&r, TAG_PROTOCOL, "netdump", 7);
    g_assert_nonnull(tagged_find(&r, 60000, &len));
    g_assert_cmpuint(len, ==, 0);
    g_assert_null(tagged_find(&r, 60009, &len));
    g_assert_true(tagged_addr(&r, TAG_CLIENT, &a));
    g_assert_true(netaddr_equal(&a, &ipv4));
    g_assert_true(tagged_addr(&r, TAG_LOCAL, &a));
    g_assert_true(netaddr_equal(&a, &ipv6));
    g_assert_false(tagged_addr(&r, TAG_SEQUENCE, &a));
}

/* Bytes of a server that may be upgraded in the middle of a dump. */
static void test_layout(void)
{
    static const guint8 want[] = {
        'N', 'D', 'T', 'A', 'G', 'G', 'E', 'D', 48, 0, 0,    0,    0x98, 0x5b, 0x72, 0xdb,
        1,   0,   0,   0,   8,   0,   0,   0,   8,  7, 6,    5,    4,    3,    2,    1,
        4,   0,   0,   0,   24,  0,   0,   0,   4,  0, 0x0a, 0x1a, 0,    0,    0,    0,
        10,  0,   0,   5,   0,   0,   0,   0,   0,  0, 0,    0,    0,    0,    0,    0,
    };
    g_auto(AutoWriter) w = tagged_writer_new();

    tagged_add_number(&w, TAG_SEQUENCE, 0x0102030405060708);
    tagged_add_addr(&w, TAG_CLIENT, &ipv4);
    tagged_writer_seal(&w);
    assert_bytes(w.bytes->data, w.bytes->len, want, sizeof want);
    g_assert_cmphex(crc32c((const guint8 *)"123456789", 9), ==, 0xe3069283);
}

/* The first field counts; others of its tag are for who knows of them. */
static void test_twice(void)
{
    g_auto(AutoWriter) w = tagged_writer_new();
    TaggedReader r;
    guint64 value = 0;

    tagged_add_number(&w, 7, 1);
    tagged_add_number(&w, 7, 2);
    tagged_writer_seal(&w);
    r = reader_of(&w);
    g_assert_true(tagged_number(&r, 7, &value));
    g_assert_cmpuint(value, ==, 1);
}

static void test_addresses(void)
{
    static const NetAddr wrong[] = {
        {.family = NET_NONE},
        {.family = 5},
        {.family = NET_IPV4, .scope = 1},
        {.family = NET_IPV4, .bytes = {[4] = 1}},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_auto(AutoWriter) w = tagged_writer_new();
        TaggedReader r;
        NetAddr a = ipv4;

        tagged_add_addr(&w, TAG_CLIENT, &wrong[i]);
        tagged_writer_seal(&w);
        r = reader_of(&w);
        g_assert_false(tagged_addr(&r, TAG_CLIENT, &a));
        g_assert_true(netaddr_equal(&a, &ipv4));
    }
}

static void test_unknown(void)
{
    static const guint16 known[] = {TAG_SEQUENCE, TAG_CLIENT, TAG_LOCAL};
    g_auto(AutoWriter) old = sample();
    g_auto(AutoWriter) w = tagged_writer_new();
    TaggedReader from;
    TaggedReader r;
    guint64 value = 0;
    gsize len = 0;

    tagged_add_number(&old, 60001, 5);                /* a second one of its tag */
    old.bytes->data[TAGGED_HEADER_SIZE + 16 + 2] = 1; /* flags of a later version: TAG_PROTOCOL */
    tagged_writer_seal(&old);
    from = reader_of(&old);
    g_assert_null(tagged_find(&from, TAG_PROTOCOL, &len));

    tagged_add_number(&w, TAG_SEQUENCE, 2);
    tagged_add_number(&w, 60003, 8);
    tagged_writer_copy_unknown(&w, &from, known, G_N_ELEMENTS(known));
    tagged_writer_seal(&w);
    r = reader_of(&w);
    g_assert_true(tagged_number(&r, TAG_SEQUENCE, &value));
    g_assert_cmpuint(value, ==, 2);
    g_assert_true(tagged_number(&r, 60003, &value));
    g_assert_cmpuint(value, ==, 8);
    g_assert_null(tagged_find(&r, TAG_CLIENT, &len));
    assert_field(&r, 60004, "123", 3);
    g_assert_nonnull(tagged_find(&r, 60000, &len));
    /* Two numbers of ours, and: protocol with its flags, 60000, 60001 twice, 60002, 60004. */
    g_assert_cmpuint(r.len, ==, 16 + 16 + 15 + 8 + 10 + 16 + 12 + 11);
    assert_bytes(r.fields + 32, (gsize)15, from.fields + 16, (gsize)15);
}

static void test_truncated(void)
{
    g_auto(AutoWriter) w = sample();
    TaggedReader r = {0};
    gsize used = 99;

    for (gsize len = 0; len < w.bytes->len; len++) {
        g_autofree guint8 *part = g_malloc(len + 1); /* as long as it is, for ASan */

        memcpy(part, w.bytes->data, len);
        g_assert_nonnull(tagged_reader_init(&r, part, len, &used));
    }
    g_assert_null(r.fields);
    g_assert_cmpuint(used, ==, 99);
    /* What stands behind the record is another one's. */
    tagged_add(&w, 1, "x", 1);
    g_assert_null(tagged_reader_init(&r, w.bytes->data, w.bytes->len, &used));
    g_assert_cmpuint(used, ==, w.bytes->len - 9);
}

static void test_every_bit(void)
{
    g_auto(AutoWriter) w = sample();
    TaggedReader r;
    gsize used;

    for (gsize i = 0; i < 8 * (gsize)w.bytes->len; i++) {
        w.bytes->data[i / 8] ^= (guint8)(1 << i % 8);
        g_assert_nonnull(tagged_reader_init(&r, w.bytes->data, w.bytes->len, &used));
        w.bytes->data[i / 8] ^= (guint8)(1 << i % 8);
    }
    g_assert_null(tagged_reader_init(&r, w.bytes->data, w.bytes->len, &used));
}

/* A field that goes beyond the record's end, under a right checksum. */
static void test_bad_fields(void)
{
    g_auto(AutoWriter) w = tagged_writer_new();
    TaggedReader r;
    gsize used;

    tagged_add(&w, 1, "12345678", 8);
    for (guint len = 0; len < 16; len++) {
        w.bytes->data[TAGGED_HEADER_SIZE + 4] = (guint8)(len + 1);
        tagged_writer_seal(&w);
        g_assert_cmpstr(tagged_reader_init(&r, w.bytes->data, w.bytes->len, &used), ==,
                        len == 7 ? NULL : "field");
    }
    g_byte_array_set_size(w.bytes, TAGGED_HEADER_SIZE + 7); /* not even a field's header */
    tagged_writer_seal(&w);
    g_assert_cmpstr(tagged_reader_init(&r, w.bytes->data, w.bytes->len, &used), ==, "field");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tagged/round-trip", test_round_trip);
    g_test_add_func("/tagged/layout", test_layout);
    g_test_add_func("/tagged/twice", test_twice);
    g_test_add_func("/tagged/addresses", test_addresses);
    g_test_add_func("/tagged/unknown", test_unknown);
    g_test_add_func("/tagged/truncated", test_truncated);
    g_test_add_func("/tagged/every-bit", test_every_bit);
    g_test_add_func("/tagged/bad-fields", test_bad_fields);
    return g_test_run();
}
