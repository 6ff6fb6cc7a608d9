/* test-session-slow.c - a client that replies, but so slowly that it would hold its slot
 * indefinitely.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/rig.h"

/* DUMPING, with all of the window asked for. */
static Rig dumping(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    Rig r = rig_called(&start);

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_DIR});
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES, 1000000);
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_CODE_REGS, 1000000);
    rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_FILE});
    rig_limit(&r, LIMIT_IN_FLIGHT);
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    return r;
}

/* Every timer in between is served. */
static void pass(Rig *r, Span span)
{
    Mono until = mono_add(r->now, span);

    while (!mono_before(until, rig_deadline(r))) {
        r->now = mono_min(until, rig_deadline(r));
        rig_event(r, (Event){.kind = EVENT_TIMER});
    }
    r->now = until;
}

/* One chunk each 59 s: never silent for client_timeout. */
static void test_chunks(void)
{
    g_auto(Rig) r = dumping();
    guint32 nr = rig_sent(r.all, WIRE_CMD_SEND_MEM).nr;

    for (guint32 i = 0; i < 4; i++) {
        pass(&r, SPAN_S(59));
        g_assert_cmpstr(rig_state(&r), ==, "dumping");
        rig_packet(&r, WIRE_CODE_MEM, nr, i * WIRE_CHUNK_SIZE);
    }
    pass(&r, SPAN_S(59));
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    rig_packet(&r, WIRE_CODE_MEM, nr - 1, 0);
    pass(&r, SPAN_S(6));
    g_assert_cmpstr(rig_state(&r), !=, "dumping");
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SLOW);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
}

/* Nor do the holes in its memory help it, one by one. */
static void test_holes(void)
{
    g_auto(Rig) r = dumping();

    for (guint i = 0; i < 30 && rig_is(&r, "dumping"); i++) {
        rig_packet(&r, WIRE_CODE_ERROR, RIG_SEED + i, 0);
        pass(&r, SPAN_S(20));
    }
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SLOW);
}

/* Two pages a second are enough, for as long as it takes. */
static void test_fast_enough(void)
{
    g_auto(Rig) r = dumping();

    for (guint32 i = 0; i < 4000; i++) {
        rig_page(&r, RIG_SEED + i);
        rig_stored(&r, RIG_SEED + i);
        pass(&r, SPAN_MS(500));
        rig_clear(&r);
    }
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
}

/* It has brought all that it was asked for, and the disk takes its time. */
static void test_slow_disk(void)
{
    g_auto(Rig) r = dumping();

    rig_limit(&r, 0);
    for (guint32 i = 0; i < 4; i++)
        rig_page(&r, RIG_SEED + i);
    pass(&r, SPAN_S(3600));
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    rig_limit(&r, LIMIT_IN_FLIGHT);
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    pass(&r, SPAN_S(50));
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
}

/* It calls again and again, and answers the HELLO that this provokes, and nothing else. */
static void test_before_the_first_page(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&start);
    guint s = 0;

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_DIR});
    for (; s < 1000 && rig_is(&r, "asking"); s += 2) {
        rig_clear(&r);
        rig_send_start(&r, &start);
        if (rig_count_sent(r.all, WIRE_CMD_HELLO) > 0)
            rig_answer(&r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
        pass(&r, SPAN_S(2));
    }
    g_assert_cmpuint(s, >=, 300);
    g_assert_cmpuint(s, <=, 304);
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SLOW);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_NOT_DUMPED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/slow/chunks", test_chunks);
    g_test_add_func("/session/slow/holes", test_holes);
    g_test_add_func("/session/slow/fast-enough", test_fast_enough);
    g_test_add_func("/session/slow/slow-disk", test_slow_disk);
    g_test_add_func("/session/slow/before-the-first-page", test_before_the_first_page);
    return g_test_run();
}
