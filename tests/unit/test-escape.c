/* test-text.c - console bytes become safe text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/text/escape.h"

#include "unit/scratch.h"

typedef struct {
    const char *in;
    gsize len;
    const char *out;
    const char *line; /* NULL: as out */
} Case;

#define CASE(in, out, line)                                                                        \
    {                                                                                              \
        in, sizeof(in) - 1, out, line                                                              \
    }

static const Case cases[] = {
    CASE("", "", NULL),
    CASE("<4>Oops: 0002 [#1]\n", "<4>Oops: 0002 [#1]\n", "<4>Oops: 0002 [#1]\\x0a"),
    CASE("a\tb", "a\tb", "a\\x09b"),
    CASE("a\r\nb\r\n", "a\nb\n", "a\\x0d\\x0ab\\x0d\\x0a"),
    CASE("a\rb\r", "a\\x0db\\x0d", NULL),
    CASE("\r\r\n", "\\x0d\n", "\\x0d\\x0d\\x0a"),
    CASE("nul\0nul", "nul\\x00nul", NULL),
    CASE("\x1b[2J\x07\x7f", "\\x1b[2J\\x07\\x7f", NULL),
    CASE("back\\slash \\x41", "back\\slash \\x41", NULL),
    CASE("gr\xc3\xbc\xc3\x9f"
         "e \xe2\x82\xac \xf0\x9f\x90\xa7",
         "gr\xc3\xbc\xc3\x9f"
         "e \xe2\x82\xac \xf0\x9f\x90\xa7",
         NULL),
    CASE("\xe2\x82", "\\xe2\\x82", NULL),                   /* cut off by the datagram's end */
    CASE("\x80\xbf", "\\x80\\xbf", NULL),                   /* continuation without a start */
    CASE("\xc0\xaf", "\\xc0\\xaf", NULL),                   /* overlong */
    CASE("\xed\xa0\x80", "\\xed\\xa0\\x80", NULL),          /* surrogate */
    CASE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", NULL), /* above U+10FFFF */
    CASE("\xff\xfe", "\\xff\\xfe", NULL),
    CASE("\xc2\x85", "\\xc2\\x85", NULL), /* U+0085, a C1 control */
    CASE("\xe2\x80\xae"
         "x",
         "\\xe2\\x80\\xaex", NULL),                /* U+202E, right-to-left override */
    CASE("\xe2\x80\xa8", "\\xe2\\x80\\xa8", NULL), /* U+2028, line separator */
    CASE("\xee\x80\x80", "\\xee\\x80\\x80", NULL), /* U+E000, private use */
    CASE("\xc3\xbc\xc3", "\xc3\xbc\\xc3", NULL),
};

static void test_cases(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];
        char out[256];
        gsize len = text_escape((const guint8 *)c->in, c->len, out);
        assert_bytes(out, len, c->out, strlen(c->out));
        const char *line = c->line ? c->line : c->out;
        len = text_escape_line((const guint8 *)c->in, c->len, out);
        assert_bytes(out, len, line, strlen(line));
    }
}

static void check_safe(const guint8 *in, gsize len)
{
    g_autofree char *out = g_malloc(TEXT_ESCAPED_MAX(len) + 1);
    gsize n = text_escape(in, len, out);
    g_assert_cmpuint(n, <=, TEXT_ESCAPED_MAX(len));
    g_assert_true(g_utf8_validate(out, (gssize)n, NULL));
    for (gsize i = 0; i < n; i++)
        g_assert_true((guint8)out[i] >= 0x20 || out[i] == '\n' || out[i] == '\t');
    /* What is safe already stays as it is. */
    g_autofree char *again = g_malloc(TEXT_ESCAPED_MAX(n) + 1);
    gsize m = text_escape((const guint8 *)out, n, again);
    assert_bytes(again, m, out, n);
    /* Any cut leaves valid text and takes at most 3 bytes. */
    gsize at = n ? (gsize)g_test_rand_int_range(0, (gint32)n + 1) : 0;
    gsize cut = text_cut(out, at);
    g_assert_true(cut <= at && at - cut <= 3);
    g_assert_true(g_utf8_validate(out, (gssize)cut, NULL));

    n = text_escape_line(in, len, out);
    g_assert_cmpuint(n, <=, TEXT_ESCAPED_MAX(len));
    g_assert_null(memchr(out, '\n', n));
}

static void test_random(void)
{
    static const char *const bits[] = {"\r\n", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x90\xa7",
                                       "\\x",  "\t"};
    for (int round = 0; round < 3000; round++) {
        guint8 in[512];
        gsize len = 0;
        gsize want = (gsize)g_test_rand_int_range(0, 500);
        while (len < want) {
            if (g_test_rand_bit()) {
                const char *bit = bits[g_test_rand_int_range(0, G_N_ELEMENTS(bits))];
                memcpy(in + len, bit, strlen(bit));
                len += strlen(bit);
            } else {
                in[len++] = (guint8)g_test_rand_int();
            }
        }
        check_safe(in, len);
    }
}

static void test_every_pair(void)
{
    for (guint i = 0; i < 0x10000; i++) {
        guint8 in[2] = {(guint8)(i >> 8), (guint8)i};
        check_safe(in, 2);
    }
}

static void test_worst_case(void)
{
    guint8 in[2048];
    char out[TEXT_ESCAPED_MAX(sizeof in)];
    memset(in, 0xff, sizeof in);
    g_assert_cmpuint(text_escape(in, sizeof in, out), ==, sizeof out);
}

static void test_cut(void)
{
    g_assert_cmpuint(text_cut("abc", 3), ==, 3);
    g_assert_cmpuint(text_cut("abc", 0), ==, 0);
    g_assert_cmpuint(text_cut("\xe2\x82\xac", 3), ==, 3);
    g_assert_cmpuint(text_cut("\xe2\x82\xac", 2), ==, 0);
    g_assert_cmpuint(text_cut("\xe2\x82\xac", 1), ==, 0);
    g_assert_cmpuint(text_cut("a\xf0\x9f\x90\xa7", 4), ==, 1);
    g_assert_cmpuint(text_cut("\x80\x80\x80\x80", 4), ==, 4); /* no text of ours: left alone */
}

static void test_size(void)
{
    static const struct {
        guint64 bytes;
        const char *text;
    } sizes[] = {
        {0, "0 bytes"},
        {1023, "1023 bytes"},
        {1024, "1.0 KiB"},
        {G_GUINT64_CONSTANT(64) << 30, "64.0 GiB"},
        {G_MAXUINT64, "16.0 EiB"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *text = text_size(sizes[i].bytes);

        g_assert_cmpstr(text, ==, sizes[i].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/cases", test_cases);
    g_test_add_func("/text/random", test_random);
    g_test_add_func("/text/every-pair", test_every_pair);
    g_test_add_func("/text/worst-case", test_worst_case);
    g_test_add_func("/text/cut", test_cut);
    g_test_add_func("/text/size", test_size);
    return g_test_run();
}
