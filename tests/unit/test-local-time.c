/* test-local-time.c - times as text, in a zone of the test's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/local_time.h"

static void expect(gint64 seconds, char between, gboolean zone, const char *text)
{
    char out[LOCAL_TIME_LEN];

    g_assert_true(local_time_format(seconds, between, zone, out));
    g_assert_cmpstr(out, ==, text);
}

static void test_format(void)
{
    expect(0, ' ', FALSE, "1969-12-31 19:30:00");
    expect(0, '-', TRUE, "1969-12-31-19:30:00 -0430");
    expect(951782400 + 16200, 'T', TRUE, "2000-02-29T00:00:00 -0430");
    expect(4102444799 + 16200, ' ', FALSE, "2099-12-31 23:59:59");
}

/* The zone stays that of the first call. */
static void test_zone(void)
{
    g_setenv("TZ", "UTC0", TRUE);
    expect(0, ' ', TRUE, "1969-12-31 19:30:00 -0430");
}

static void test_impossible(void)
{
    char out[LOCAL_TIME_LEN] = "x";

    g_assert_false(local_time_format(G_MAXINT64, ' ', TRUE, out));
    g_assert_cmpstr(out, ==, "");
    g_assert_false(local_time_format(G_GINT64_CONSTANT(253402300799) + 2 * 86400, ' ', TRUE, out));
}

int main(int argc, char **argv)
{
    g_setenv("TZ", "XXX4:30", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/local-time/format", test_format);
    g_test_add_func("/local-time/zone", test_zone);
    g_test_add_func("/local-time/impossible", test_impossible);
    return g_test_run();
}
