/* test-rtt.c - the small pure parts: time, RTO (RFC 6298), single requests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/requests.h"

static void test_clock(void)
{
    Mono t = {5};

    g_assert_cmpint(mono_add(t, 7).us, ==, 12);
    g_assert_cmpint(mono_add(t, -7).us, ==, -2);
    g_assert_cmpint(mono_add(MONO_NEVER, SPAN_S(1)).us, ==, G_MAXINT64);
    g_assert_cmpint(mono_diff((Mono){3}, t), ==, -2);
    g_assert_true(mono_before(t, MONO_NEVER));
    g_assert_false(mono_before(t, t));
    g_assert_cmpint(mono_min(t, MONO_NEVER).us, ==, 5);
}

static void test_rto(void)
{
    Rtt r = {0};

    g_assert_cmpint(rtt_rto(&r), ==, RTO_INITIAL);
    rtt_sample(&r, SPAN_MS(100)); /* SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR */
    g_assert_cmpint(r.srtt, ==, SPAN_MS(100));
    g_assert_cmpint(r.rttvar, ==, SPAN_MS(50));
    g_assert_cmpint(rtt_rto(&r), ==, SPAN_MS(300));
    rtt_sample(&r, SPAN_MS(180)); /* RTTVAR = 3/4 50 + 1/4 80, SRTT = 7/8 100 + 1/8 180 */
    g_assert_cmpint(r.rttvar, ==, 57500);
    g_assert_cmpint(r.srtt, ==, SPAN_MS(110));
    g_assert_cmpint(rtt_rto(&r), ==, SPAN_MS(340));
    g_assert_cmpint(r.min, ==, SPAN_MS(100));
    rtt_sample(&r, SPAN_MS(20));
    g_assert_cmpint(r.min, ==, SPAN_MS(20));
}

/* A steady path: the RTO comes down to twice the time, and not below what a busy host needs. */
static void test_rto_bounds(void)
{
    Rtt r = {0};

    for (guint i = 0; i < 100; i++)
        rtt_sample(&r, SPAN_MS(40));
    g_assert_cmpint(rtt_rto(&r), <=, SPAN_MS(81));
    g_assert_cmpint(rtt_rto(&r), >=, SPAN_MS(79));
    for (guint i = 0; i < 200; i++)
        rtt_sample(&r, 0); /* never 0: that means "no sample" */
    g_assert_cmpint(r.srtt, >=, 1);
    g_assert_cmpint(rtt_rto(&r), ==, RTO_MIN);
    rtt_sample(&r, SPAN_S(1000));
    g_assert_cmpint(rtt_rto(&r), ==, RTO_MAX);
}

static void test_backoff(void)
{
    Rtt r = {0};

    rtt_sample(&r, SPAN_MS(10)); /* RTO 30 ms */
    for (guint i = 0; i < 3; i++) {
        rtt_expired(&r);
        g_assert_cmpint(rtt_rto(&r), ==, SPAN_MS(30) << (i + 1));
    }
    for (guint i = 0; i < 1000; i++)
        rtt_expired(&r);
    g_assert_cmpint(rtt_rto(&r), ==, RTO_MAX);
    rtt_sample(&r, SPAN_MS(10));
    g_assert_cmpuint(r.backoff, ==, 0);
}

static void test_asks(void)
{
    Requests a = {.next_nr = 100};
    Rtt rtt = {0};
    Mono now = {SPAN_S(1)};

    g_assert_false(requests_any_open(&a));
    g_assert_cmpint(requests_deadline(&a, &rtt).us, ==, G_MAXINT64);
    requests_open(&a, WIRE_CMD_HELLO, 0, 0);
    requests_open(&a, WIRE_CMD_GET_REGS, 0, 0);
    g_assert_cmpuint(a.by_command[WIRE_CMD_GET_REGS].nr, ==, 99);
    g_assert_false(requests_answer(&a, WIRE_CMD_HELLO, 100, now, &rtt)); /* it was not even sent */
    for (guint i = 0; i < REQUESTS_COMMANDS; i++) {
        a.by_command[i].tries = 1;
        a.by_command[i].sent = now;
    }
    g_assert_cmpint(requests_deadline(&a, &rtt).us, ==, now.us + RTO_INITIAL);
    a.by_command[WIRE_CMD_HELLO].tries = 2; /* backed off, each for itself */
    g_assert_cmpint(requests_due(&a.by_command[WIRE_CMD_HELLO], &rtt).us, ==,
                    now.us + 2 * RTO_INITIAL);
    now = mono_add(now, SPAN_MS(40));
    g_assert_false(requests_answer(&a, WIRE_CMD_HELLO, 99, now, &rtt));
    g_assert_true(requests_answer(&a, WIRE_CMD_HELLO, 100, now, &rtt));
    g_assert_cmpint(rtt.srtt, ==, 0); /* Karn: it was asked twice */
    g_assert_false(requests_answer(&a, WIRE_CMD_HELLO, 100, now, &rtt));
    g_assert_true(requests_answer(&a, WIRE_CMD_GET_REGS, 99, now, &rtt));
    g_assert_cmpint(rtt.srtt, ==, SPAN_MS(40));
    g_assert_false(requests_any_open(&a));

    requests_open(&a, WIRE_CMD_HELLO, 0, 0);
    requests_open(&a, WIRE_CMD_HELLO, 0, 0);
    g_assert_cmpuint(a.by_command[WIRE_CMD_HELLO].nr, ==, 97); /* the first one is forgotten */
    requests_open(&a, WIRE_CMD_SHOW_STATE, 0, 0);
    requests_close(&a, WIRE_CMD_HELLO);
    g_assert_false(requests_is_open(&a, WIRE_CMD_HELLO));
    g_assert_true(requests_is_open(&a, WIRE_CMD_SHOW_STATE));
    requests_close_all(&a);
    g_assert_false(requests_any_open(&a));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock", test_clock);
    g_test_add_func("/rtt/rto", test_rto);
    g_test_add_func("/rtt/bounds", test_rto_bounds);
    g_test_add_func("/rtt/backoff", test_backoff);
    g_test_add_func("/asks", test_asks);
    return g_test_run();
}
