/* test-rx-coalesce.c - how long the loop rests before it drains the socket.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/rx_coalesce.h"
#include "unit/fake_world.h"
#include "unit/push_protocol.h"

#include <string.h>

/* A machine that takes 10 us for a page and always has `open` to do; an alarm is `late` us late.
 * Returns the time in us that it stood idle in the last 1,000 turns, and how many datagrams we took
 * in a turn. */
static void live(guint open, Span late, Span *idle, gdouble *pages_a_turn)
{
    RxCoalesce rx = {0};
    guint pages = 0;

    *idle = 0;
    for (guint turn = 0; turn < 5000; turn++) {
        Span span = rx_coalesce_span(&rx);
        Span passed = 10 + (span > 0 ? span + late : 0);
        Span idle_now = MAX(passed - (Span)open * 10, 0);
        guint n = (guint)MIN(passed / 10, open);

        rx_coalesce_learn(&rx, (gdouble)n / open);
        if (turn >= 4000) {
            *idle += idle_now;
            pages += n;
        }
    }
    *pages_a_turn = pages / 1000.0;
}

/* With much in flight there is time to rest, and rests have an end. */
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

/* If each rest is too long, there are hardly any. */
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
    RxCoalesce rx = {0};

    for (guint i = 0; i < 1000; i++) {
        rx_coalesce_learn(&rx, 1);
        g_assert_cmpint(rx_coalesce_span(&rx), ==, 0);
    }
}

/* -- how much of what was in flight has been answered ------------------------------------------ */

/* A client with so many requests in flight. */
static ClientEntry *requester(FakeWorld *w, guint host, guint in_flight)
{
    guint8 bytes[PUSH_HEADER + 8];
    const NetAddr from = fake_address(host, 9), local = fake_address(100, 7);
    gsize n = push_pack(PUSH_CALL, 0, (const guint8[8]){0, 0x10}, 8, bytes);
    ClientEntry *entry = clients_admit(w->clients, &push_ops, &from, &local, bytes, n, 1, w->now);

    entry->share = in_flight;
    entry->session->facts.flow.in_flight = in_flight;
    return entry;
}

static void test_answered(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);
    ClientEntry *a = requester(w, 1, 10), *b = requester(w, 2, 100), *c = requester(w, 3, 10);
    RxCoalesce rx = {0};

    requester(w, 4, 0); /* transfers nothing */
    rx_coalesce_mark(&rx, w->clients);
    g_assert_cmpfloat(rx_coalesce_answered(&rx, w->clients), ==, -1);
    a->session->facts.counters.answered += 5;
    g_assert_cmpfloat(rx_coalesce_answered(&rx, w->clients), ==, 0.5);
    b->session->facts.counters.answered += 5; /* it has much left, and does not hide the first */
    g_assert_cmpfloat(rx_coalesce_answered(&rx, w->clients), ==, (5 * 0.5 + 5 * 0.05) / 10);
    c->session->facts.counters.answered += 20; /* more than were in flight: new ones as well */
    g_assert_cmpfloat(rx_coalesce_answered(&rx, w->clients), ==, (5 * 0.5 + 5 * 0.05 + 20) / 30);
    clients_remove(w->clients, a);
    requester(w, 5, 10)->session->facts.counters.answered = 10; /* not there before */
    g_assert_cmpfloat(rx_coalesce_answered(&rx, w->clients), ==, (5 * 0.05 + 20) / 25);
    rx_coalesce_mark(&rx, w->clients);
    g_assert_cmpfloat(rx_coalesce_answered(&rx, w->clients), ==, -1);
    rx_coalesce_clear(&rx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rx-coalesce/deep", test_deep);
    g_test_add_func("/rx-coalesce/shallow", test_shallow);
    g_test_add_func("/rx-coalesce/one", test_one);
    g_test_add_func("/rx-coalesce/answered", test_answered);
    return g_test_run();
}
