/* test-bytes.c - integers to and from bytes of either order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/bytes.h"

static const guint8 sample[] = {0x00, 0x81, 0x02, 0x83, 0x04, 0x85, 0x06, 0x87, 0x08};

static void test_get(void)
{
    const guint8 *p = sample + 1; /* not aligned */

    g_assert_cmphex(bytes_get_be16(p), ==, 0x8102);
    g_assert_cmphex(bytes_get_be32(p), ==, 0x81028304);
    g_assert_cmphex(bytes_get_be64(p), ==, G_GUINT64_CONSTANT(0x8102830485068708));
    g_assert_cmphex(bytes_get_le16(p), ==, 0x0281);
    g_assert_cmphex(bytes_get_le32(p), ==, 0x04830281);
    g_assert_cmphex(bytes_get_le64(p), ==, G_GUINT64_CONSTANT(0x0887068504830281));
    g_assert_cmphex(bytes_get_le(p, 1), ==, 0x81);
    g_assert_cmphex(bytes_get_le(p, 3), ==, 0x830281);
    g_assert_cmphex(bytes_get_le(p, 8), ==, bytes_get_le64(p));
}

static void assert_put(const guint8 *got, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < 10; i++)
        g_string_append_printf(text, "%02x", got[i]);
    g_assert_cmpstr(text->str, ==, expected);
}

#define PUT(call, expected)                                                                        \
    do {                                                                                           \
        guint8 out[10];                                                                            \
                                                                                                   \
        memset(out, 0xee, sizeof out);                                                             \
        call;                                                                                      \
        assert_put(out, expected);                                                                 \
    } while (0)

/* Not a byte beside them. */
static void test_put(void)
{
    PUT(bytes_put_be16(out + 1, 0x8102), "ee8102eeeeeeeeeeeeee");
    PUT(bytes_put_be32(out + 1, 0x81028304), "ee81028304eeeeeeeeee");
    PUT(bytes_put_be64(out + 1, G_GUINT64_CONSTANT(0x8102830485068708)), "ee8102830485068708ee");
    PUT(bytes_put_le16(out + 1, 0x8102), "ee0281eeeeeeeeeeeeee");
    PUT(bytes_put_le32(out + 1, 0x81028304), "ee04830281eeeeeeeeee");
    PUT(bytes_put_le64(out + 1, G_GUINT64_CONSTANT(0x8102830485068708)), "ee0887068504830281ee");
    PUT(bytes_put_le(out + 1, 0x81028304, 3), "ee048302eeeeeeeeeeee");
    PUT(bytes_put_be(out + 1, 0x81028304, 3), "ee028304eeeeeeeeeeee");
    PUT(bytes_put_be(out + 1, G_GUINT64_CONSTANT(0x8102830485068708), 8), "ee8102830485068708ee");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bytes/get", test_get);
    g_test_add_func("/bytes/put", test_put);
    return g_test_run();
}
