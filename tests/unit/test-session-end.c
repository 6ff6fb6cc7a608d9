/* test-session-end.c - from the last page to the reboot: the state's text, the hooks, REBOOT.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/rig.h"

/* -- ENDING --------------------------------------------------------------------------------------
 */

/* Text, then the reply (RHEL 4), or the reply, then text (RHEL 3, older RHEL 4): both end when it
 * has been quiet, and nothing is sent meanwhile. */
static void test_show_state(void)
{
    for (guint reply_first = 0; reply_first < 2; reply_first++) {
        g_auto(Rig) r = rig_ending();
        guint32 nr = rig_sent(r.last, WIRE_CMD_SHOW_STATE).nr;

        rig_event(&r, (Event){.kind = EVENT_FINISHED});
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_COMPLETE);
        rig_clear(&r);
        if (reply_first)
            rig_packet(&r, WIRE_CODE_SHOW_STATE, nr, 0);
        for (guint i = 0; i < 20; i++) {
            rig_pass(&r, SPAN_MS(400));
            rig_packet(&r, WIRE_CODE_LOG, 0, 0);
        }
        if (!reply_first)
            rig_packet(&r, WIRE_CODE_SHOW_STATE, nr, 0);
        g_assert_cmpuint(rig_count(r.all, ACTION_LOG_TEXT), ==, 20);
        g_assert_cmpuint(rig_count(r.all, ACTION_SEND), ==, 0);
        g_assert_cmpstr(rig_state(&r), ==, "ending");
        rig_pass(&r, SPAN_MS(500));
        g_assert_cmpstr(rig_state(&r), ==, "waiting");
        g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_REBOOT), ==, 1);
        g_assert_nonnull(rig_find(r.all, ACTION_INFO));
    }
}

/* Nothing comes: asked three times, then it is left at that. */
static void test_show_state_lost(void)
{
    g_auto(Rig) r = rig_ending();
    guint32 first = rig_sent(r.all, WIRE_CMD_SHOW_STATE).nr;

    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    rig_packet(&r, WIRE_CODE_SHOW_STATE, first + 1, 0); /* of somebody else's */
    rig_pass(&r, SPAN_S(3) - 1);
    g_assert_cmpstr(rig_state(&r), ==, "ending");
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SHOW_STATE), ==, 3);
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_SHOW_STATE).nr, !=, first);
    rig_pass(&r, 1);
    g_assert_cmpstr(rig_state(&r), ==, "waiting");
}

/* A machine that never ends its text is cut off. */
static void test_show_state_endless(void)
{
    g_auto(Rig) r = rig_ending();

    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    for (guint i = 0; i < 10000 && rig_is(&r, "ending"); i++) {
        rig_pass(&r, SPAN_MS(100));
        rig_packet(&r, WIRE_CODE_LOG, 0, 0);
    }
    g_assert_cmpstr(rig_state(&r), ==, "waiting");
    g_assert_cmpint(r.now.us, <=, SPAN_S(1121));
}

/* The file takes longer than the text. */
static void test_finish_slow(void)
{
    g_auto(Rig) r = rig_ending();

    rig_packet(&r, WIRE_CODE_LOG, 0, 0);
    rig_pass(&r, SPAN_S(100));
    g_assert_cmpstr(rig_state(&r), ==, "ending");
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_RUNNING);
    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    g_assert_cmpuint(rig_noted(r.last, NOTE_ENDED), ==, 1);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_COMPLETE);
    g_assert_cmpstr(rig_state(&r), ==, "waiting");
}

static void test_finish_fails(void)
{
    g_auto(Rig) r = rig_ending();

    rig_event(&r, (Event){.kind = EVENT_FINISHED, .err = EIO});
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE); /* never claim a whole one */
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_DISK);
}

/* -- STALLED -------------------------------------------------------------------------------------
 */

static void test_stalled(void)
{
    g_auto(Rig) r = rig_dumping(100);

    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOSPC, .ok = TRUE});
    g_assert_cmpstr(rig_state(&r), ==, "stalled");
    g_assert_cmpuint(rig_noted(r.last, NOTE_DISK_FAILED), ==, 1);
    g_assert_cmpuint(rig_hooked(r.last, SESSION_HOOK_NOSPACE), ==, 1);
    g_assert_cmpint(rig_facts(&r)->disk_errno, ==, ENOSPC);
    rig_clear(&r);
    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOSPC, .ok = TRUE}); /* we know */
    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED, 0); /* retransmitted later */
    rig_pass(&r, 2 * RIG_TIMEOUT);
    g_assert_cmpuint(r.all->len, ==, 0);

    rig_hook(&r, SESSION_HOOK_NOSPACE, TRUE);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    g_assert_cmpuint(rig_noted(r.last, NOTE_RETRYING), ==, 1);
    g_assert_nonnull(rig_find(r.last, ACTION_RETRY));
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_SEND_MEM), ==, CONGESTION_START);
    rig_event(&r, (Event){.kind = EVENT_TIMER}); /* the pause was not the machine's silence */
    g_assert_cmpstr(rig_state(&r), ==, "dumping");

    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = EIO, .ok = TRUE});
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_DISK);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
    g_assert_false(rig_find(r.last, ACTION_FINISH)->whole);
    g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_NOSPACE), ==, 0);
}

static void test_stalled_refused(void)
{
    g_auto(Rig) r = rig_dumping(100);

    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOSPC, .ok = TRUE});
    rig_hook(&r, SESSION_HOOK_NOSPACE, FALSE);
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_DISK);
    g_assert_cmpstr(rig_state(&r), ==, "ending");
    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = EIO, .ok = TRUE}); /* of the end */
    g_assert_cmpint(rig_facts(&r)->disk_errno, ==, ENOSPC);
    rig_hook(&r, SESSION_HOOK_NOSPACE, TRUE); /* never, but harmless */
    g_assert_cmpstr(rig_state(&r), ==, "ending");
}

/* Something is lost: there is nothing to try again. */
static void test_lost(void)
{
    for (guint stalled = 0; stalled < 2; stalled++) {
        g_auto(Rig) r = rig_dumping(100);

        if (stalled)
            rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = EIO, .ok = TRUE});
        rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOMEM, .ok = FALSE});
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
        g_assert_cmpstr(rig_state(&r), ==, "ending");
    }
}

/* The disk is full when the file is finished: SHOW_STATE goes on where it was. */
static void test_stalled_ending(void)
{
    g_auto(Rig) r = rig_ending();

    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOSPC, .ok = TRUE});
    g_assert_cmpstr(rig_state(&r), ==, "stalled");
    rig_hook(&r, SESSION_HOOK_NOSPACE, TRUE);
    g_assert_cmpstr(rig_state(&r), ==, "ending");
    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_COMPLETE);
    rig_pass(&r, SPAN_S(5));
    g_assert_cmpstr(rig_state(&r), ==, "waiting");
}

/* All pages are stored, but the file cannot be finished, twice: a partial end. */
static void test_stalled_ending_twice(void)
{
    g_auto(Rig) r = rig_ending();

    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOSPC, .ok = TRUE});
    rig_hook(&r, SESSION_HOOK_NOSPACE, TRUE);
    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOSPC, .ok = TRUE});
    g_assert_false(rig_find(r.last, ACTION_FINISH)->whole);
    rig_event(&r, (Event){.kind = EVENT_FINISHED, .err = ENOSPC});
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
    rig_pass(&r, SPAN_S(5));
    g_assert_cmpstr(rig_state(&r), ==, "waiting");
}

/* -- START in the middle -------------------------------------------------------------------------
 */

/* For so long, START comes every second; `alive`: HELLOs are answered. */
static void starts(Rig *r, guint seconds, gboolean alive)
{
    WireStart other = rig_start_of(WIRE_MACHINE_I386);

    for (guint i = 0; i < seconds; i++) {
        rig_clear(r);
        rig_send_start(r, &other);
        if (alive && rig_count_sent(r->last, WIRE_CMD_HELLO) > 0)
            rig_answer(r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
        rig_pass(r, SPAN_S(1));
    }
}

static void test_start_forged(void)
{
    g_auto(Rig) r = rig_dumping(100);

    starts(&r, 50, TRUE);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    g_assert_cmpuint(rig_netdump(&r)->start.machine, ==, WIRE_MACHINE_X86_64);
    rig_page(&r, RIG_SEED);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_RUNNING);
}

/* A flood of STARTs provokes a HELLO a second, no more. */
static void test_start_flood(void)
{
    g_auto(Rig) r = rig_dumping(100);
    WireStart other = rig_start_of(WIRE_MACHINE_I386);

    rig_clear(&r);
    for (guint i = 0; i < 10000; i++) {
        rig_send_start(&r, &other);
        if (rig_count_sent(r.last, WIRE_CMD_HELLO) > 0)
            rig_answer(&r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
    }
    g_assert_cmpuint(rig_count(r.all, ACTION_SEND), ==, 1);
    g_assert_cmpuint(rig_noted(r.all, NOTE_STARTS_IGNORED), ==, 1);
}

static void test_recrash(void)
{
    g_auto(Rig) r = rig_dumping(100);

    starts(&r, 5, FALSE);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    rig_clear(&r);
    rig_send_start(&r, &(WireStart){.machine = WIRE_MACHINE_X86_64});
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_RECRASHED);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    g_assert_cmpstr(rig_state(&r), ==, "closed"); /* it wants a dump, not a reboot */
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_REBOOT), ==, 0);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SHOW_STATE), ==, 0);
    g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_REBOOT), ==, 0);
}

/* ... while it prints its state: what is transferred stays so. */
static void test_recrash_ending(void)
{
    for (guint finished = 0; finished < 2; finished++) {
        g_auto(Rig) r = rig_ending();

        if (finished)
            rig_event(&r, (Event){.kind = EVENT_FINISHED});
        for (guint i = 0; i < 14; i++) {
            rig_packet(&r, WIRE_CODE_LOG, 0, 0);
            rig_pass(&r, SPAN_MS(400));
            rig_send_start(&r, &(WireStart){.machine = WIRE_MACHINE_X86_64});
        }
        if (!finished) {
            g_assert_cmpstr(rig_state(&r), ==, "ending");
            g_assert_cmpint(rig_netdump(&r)->outcome, ==, RECORD_TRANSFERRED);
            rig_event(&r, (Event){.kind = EVENT_FINISHED});
        }
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_COMPLETE);
        g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_NONE);
        g_assert_cmpuint(rig_count(r.all, ACTION_FINISH), ==, 1);
        g_assert_cmpstr(rig_state(&r), ==, "closed");
        g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_REBOOT), ==, 0);
    }
}

/* -- REBOOTING -----------------------------------------------------------------------------------
 */

static void test_reboot(void)
{
    g_auto(Rig) r = rig_rebooting();

    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_REBOOT), ==, 1);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_HELLO), ==, 1);
    g_assert_cmphex(rig_sent(r.last, WIRE_CMD_REBOOT).magic, ==, 0x1122334455667788);
    rig_clear(&r);
    starts(&r, 1, FALSE); /* its next START will find us free */
    g_assert_cmpstr(rig_state(&r), ==, "rebooting");
    rig_pass(&r, SPAN_S(3));
    g_assert_cmpstr(rig_state(&r), ==, "closed");
    g_assert_cmpuint(rig_noted(r.all, NOTE_REBOOTED), ==, 1);
    g_assert_false(rig_find(r.all, ACTION_CLOSE)->keep);
}

static void test_reboot_lost(void)
{
    g_auto(Rig) r = rig_rebooting();

    for (guint i = 0; i < 8; i++) {
        rig_answer(&r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
        rig_pass(&r, SPAN_S(1));
        g_assert_cmpstr(rig_state(&r), ==, "rebooting");
    }
    rig_pass(&r, SPAN_S(4));
    g_assert_cmpuint(rig_noted(r.all, NOTE_REBOOTED), ==, 1);
}

/* Answers that take longer than the pause between two HELLOs are answers, too. */
static void test_reboot_far_away(void)
{
    g_auto(Rig) r = rig_rebooting();

    for (guint i = 0; i < 10; i++) {
        guint32 nr = rig_sent(r.all, WIRE_CMD_HELLO).nr;

        rig_pass(&r, SPAN_MS(1200));
        g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_HELLO).nr, !=, nr);
        rig_packet(&r, WIRE_CODE_HELLO, nr, 4);
        rig_packet(&r, WIRE_CODE_HELLO, nr + 1000, 4); /* forged */
    }
    g_assert_cmpstr(rig_state(&r), ==, "rebooting");
}

/* A machine that is still printing is deaf, but not gone. */
static void test_reboot_printing(void)
{
    g_auto(Rig) r = rig_rebooting();

    rig_packet(&r, WIRE_CODE_LOG, 0, 0);
    rig_clear(&r);
    for (guint i = 0; i < 100; i++) {
        rig_pass(&r, SPAN_MS(400));
        rig_packet(&r, WIRE_CODE_LOG, 0, 0);
        g_assert_cmpstr(rig_state(&r), ==, "rebooting");
    }
    g_assert_cmpuint(rig_count(r.all, ACTION_SEND), ==, 0);
    rig_pass(&r, SPAN_S(4));
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_REBOOT), >=, 5);
    g_assert_cmpstr(rig_state(&r), ==, "closed");
}

/* ... but text can be forged: it delays the end for a bounded time. */
static void test_reboot_endless(void)
{
    g_auto(Rig) r = rig_rebooting();

    for (guint i = 0; i < 1000 && rig_is(&r, "rebooting"); i++) {
        rig_pass(&r, SPAN_MS(200));
        rig_packet(&r, WIRE_CODE_LOG, 0, 0);
    }
    g_assert_cmpstr(rig_state(&r), ==, "closed");
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_REBOOT), >, 10);
}

static void test_reboot_refused(void)
{
    g_auto(Rig) r = rig_rebooting();
    guint rounds = 0;

    while (rig_is(&r, "rebooting") && rounds++ < 1000) {
        rig_answer(&r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
        rig_pass(&r, SPAN_MS(100));
    }
    g_assert_cmpstr(rig_state(&r), ==, "closed");
    g_assert_cmpuint(rig_noted(r.all, NOTE_REBOOT_REFUSED), ==, 1);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_REBOOT), <=, 50);
}

/* Where much was lost, a few unanswered HELLOs prove nothing. */
static void test_reboot_lossy(void)
{
    g_auto(Rig) r = rig_dumping(1);

    rig_pass(&r, SPAN_S(2));
    g_assert_cmpuint(rig_facts(&r)->counters.retransmitted, >, 0);
    rig_page(&r, RIG_SEED);
    rig_stored(&r, RIG_SEED);
    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    rig_pass(&r, SPAN_S(3));
    rig_hook(&r, SESSION_HOOK_REBOOT, FALSE);
    rig_pass(&r, SPAN_S(5));
    g_assert_cmpstr(rig_state(&r), ==, "rebooting");
    rig_pass(&r, SPAN_S(5));
    g_assert_cmpstr(rig_state(&r), ==, "closed");
}

static void test_names(void)
{
    for (guint i = 0; i < REASON_N; i++)
        g_assert_cmpstr(session_reason_text((SessionReason)i), !=, "unknown");
    for (guint i = 0; i < RESULT_N; i++)
        g_assert_cmpstr(session_result_name((SessionResult)i), !=, "unknown");
    g_assert_cmpstr(session_reason_text(REASON_N), ==, "unknown");
    g_assert_cmpstr(session_result_name((SessionResult)99), ==, "unknown");
    netdump_session_ops.free(NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/ending/show-state", test_show_state);
    g_test_add_func("/session/ending/lost", test_show_state_lost);
    g_test_add_func("/session/ending/endless", test_show_state_endless);
    g_test_add_func("/session/ending/finish-slow", test_finish_slow);
    g_test_add_func("/session/ending/finish-fails", test_finish_fails);
    g_test_add_func("/session/stalled", test_stalled);
    g_test_add_func("/session/stalled/refused", test_stalled_refused);
    g_test_add_func("/session/stalled/lost", test_lost);
    g_test_add_func("/session/stalled/ending", test_stalled_ending);
    g_test_add_func("/session/stalled/ending-twice", test_stalled_ending_twice);
    g_test_add_func("/session/start/forged", test_start_forged);
    g_test_add_func("/session/start/flood", test_start_flood);
    g_test_add_func("/session/start/recrash", test_recrash);
    g_test_add_func("/session/start/recrash-ending", test_recrash_ending);
    g_test_add_func("/session/rebooting", test_reboot);
    g_test_add_func("/session/rebooting/lost", test_reboot_lost);
    g_test_add_func("/session/rebooting/far-away", test_reboot_far_away);
    g_test_add_func("/session/rebooting/printing", test_reboot_printing);
    g_test_add_func("/session/rebooting/endless", test_reboot_endless);
    g_test_add_func("/session/rebooting/refused", test_reboot_refused);
    g_test_add_func("/session/rebooting/lossy", test_reboot_lossy);
    g_test_add_func("/session/names", test_names);
    return g_test_run();
}
