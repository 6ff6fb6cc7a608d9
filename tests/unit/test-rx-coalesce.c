/* test-nap.c - how long the loop rests before it drains the socket.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/rx_coalesce.h"

/* A machine that takes 10 us for a page and always has `open` to do; an alarm is `late` us late.
 * Returns the time in us that it stood idle in the last 1,000 turns, and how many datagrams we took
 * in a turn. */
static void live(guint open, Span late, Span *idle, gdouble *pages_a_turn)
{
    RxCoalesce nap = {0};
    guint pages = 0;

    *idle = 0;
    for (guint turn = 0; turn < 5000; turn++) {
        Span span = rx_coalesce_span(&nap);
        Span passed = 10 + (span > 0 ? span + late : 0);
        Span idle_now = MAX(passed - (Span)open * 10, 0);
        guint n = (guint)MIN(passed / 10, open);

        rx_coalesce_learn(&nap, (gdouble)n / open);
        if (turn >= 4000) {
            *idle += idle_now;
            pages += n;
        }
    }
    *pages_a_turn = pages / 1000.0;
}

/* With much to do there is time to rest, and rests have an end. */
static void test_deep(void)
{
    Span idle;
    gdouble pages;

    live(64, 0, &idle, &pages);
    g_assert_cmpint(idle, ==, 0);
    g_assert_cmpfloat(pages, >, 10);
    live(100000, 0, &idle, &pages);
    g_assert_cmpfloat(pages, <=, 1 + (gdouble)RX_COALESCE_MAX / 10);
}

/* Where each rest is too long, there are hardly any. */
static void test_shallow(void)
{
    Span idle;
    gdouble pages;

    live(4, 0, &idle, &pages);
    g_assert_cmpint(idle, <=, 1000);
    live(4, 100, &idle, &pages);
    g_assert_cmpint(idle, <=, 1000 / 20 * 200);
}

/* One page in flight is answered whole each time: nobody rests. */
static void test_one(void)
{
    RxCoalesce nap = {0};

    for (guint i = 0; i < 1000; i++) {
        rx_coalesce_learn(&nap, 1);
        g_assert_cmpint(rx_coalesce_span(&nap), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nap/deep", test_deep);
    g_test_add_func("/nap/shallow", test_shallow);
    g_test_add_func("/nap/one", test_one);
    return g_test_run();
}
