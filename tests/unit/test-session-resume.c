/* test-client-resume.c - a server ends, and the next one goes on with its dumps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/rig.h"

/* It is there, and it is the crash that the journal tells of. */
static void found(Rig *r)
{
    guint8 regs[216];
    WireMessage m = {.kind = WIRE_MSG_REGS, .data = regs, .len = sizeof regs, .info = 100};

    memset(regs, 0x5a, sizeof regs);
    rig_answer(r, WIRE_CMD_HELLO, WIRE_MSG_HELLO, 4);
    g_assert_cmpuint(rig_count_sent(r->last, WIRE_CMD_GET_REGS), ==, 1);
    m.nr = rig_sent(r->last, WIRE_CMD_GET_REGS)->nr;
    rig_event(r, (Event){.kind = EVENT_PACKET, .packet = &m});
}

static void test_goes_on(void)
{
    SessionFacts journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal, FALSE);
    guint32 first = journal.next_nr + 0x10000 + (RIG_SEED >> 4);

    g_assert_cmpint(rig_state(&r), ==, SESSION_RESUMING);
    g_assert_nonnull(rig_find(r.last, ACTION_TAKE_SLOT));
    g_assert_true(rig_find(r.last, ACTION_OPEN_VMCORE)->resume);
    g_assert_null(rig_find(r.last, ACTION_OPEN_DIR));
    /* Above all nrs of the former server, questions included. */
    g_assert_cmphex(rig_sent(r.last, WIRE_CMD_HELLO)->nr, ==, first - 1);
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE});
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_MEM), ==, 0);
    found(&r);
    g_assert_cmpint(rig_state(&r), ==, SESSION_DUMPING);
    g_assert_cmpuint(rig_noted(r.last, NOTE_RESUMED), ==, 1);
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_SEND_MEM)->from, ==, 60 + WINDOW_START - 1);
    g_assert_cmphex(rig_sent(r.last, WIRE_CMD_SEND_MEM)->nr, ==, first + WINDOW_START - 1);
    g_assert_cmpuint(rig_count(r.last, ACTION_JOURNAL), ==, 1);
    g_assert_cmpuint(rig_facts(&r)->regs_len, ==, 216);
    g_assert_cmphex(rig_facts(&r)->regs[215], ==, 0x5a);
    g_assert_cmpuint(rig_facts(&r)->stored_before, ==, 60);
}

/* The answer to HELLO may come before that to OPEN_VMCORE. */
static void test_disk_is_slow(void)
{
    SessionFacts journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal, FALSE);

    found(&r);
    rig_pass(&r, 2 * RIG_TIMEOUT);
    g_assert_cmpint(rig_state(&r), ==, SESSION_RESUMING);
    rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE});
    g_assert_cmpint(rig_state(&r), ==, SESSION_DUMPING);
}

static void test_file_is_gone(void)
{
    SessionFacts journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal, FALSE);

    rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = FALSE});
    found(&r);
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_SEND_MEM)->from, ==, WINDOW_START - 1);
    g_assert_cmpuint(rig_facts(&r)->floor_written, ==, 0);
    g_assert_cmpuint(rig_facts(&r)->floor_synced, ==, 0);
    g_assert_cmpuint(rig_facts(&r)->stored_before, ==, 0);
}

static void test_file_fails(void)
{
    SessionFacts journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal, FALSE);

    rig_event(&r, (Event){.kind = EVENT_VMCORE, .err = EIO});
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_DISK);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
    rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE}); /* never, but harmless */
    g_assert_cmpint(rig_state(&r), ==, SESSION_ENDING);
}

/* The new file's header can't be written; the machine answers while netdump-nospace runs. */
static void test_stalled(void)
{
    SessionFacts journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal, FALSE);

    rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = FALSE});
    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOSPC, .ok = TRUE});
    g_assert_cmpint(rig_state(&r), ==, SESSION_STALLED);
    rig_answer(&r, WIRE_CMD_HELLO, WIRE_MSG_HELLO, 4);
    rig_hook(&r, SESSION_HOOK_NOSPACE, TRUE);
    g_assert_cmpint(rig_state(&r), ==, SESSION_RESUMING);
    found(&r);
    g_assert_cmpint(rig_state(&r), ==, SESSION_DUMPING);
}

/* Between two servers the machine was rebooted and has crashed again: other memory. */
static void test_other_crash(void)
{
    SessionFacts journal = rig_journal(100, 60);

    for (guint len = 0; len < 2; len++) {
        g_auto(Rig) r = rig_resumed(&journal, FALSE);
        guint8 regs[216] = {0};
        WireMessage m = {.kind = WIRE_MSG_REGS, .data = regs, .len = len ? 216 : 68};

        memset(regs, 0x5a, len ? 100 : 216);
        rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE});
        rig_answer(&r, WIRE_CMD_HELLO, WIRE_MSG_HELLO, 4);
        m.nr = rig_sent(r.last, WIRE_CMD_GET_REGS)->nr;
        rig_event(&r, (Event){.kind = EVENT_PACKET, .packet = &m});
        g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_RECRASHED);
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
        g_assert_cmphex(rig_facts(&r)->regs[215], ==, 0x5a);
        g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_MEM), ==, 0);
        g_assert_nonnull(rig_find(r.last, ACTION_JOURNAL));
        rig_event(&r, (Event){.kind = EVENT_FINISHED});
        rig_pass(&r, SPAN_S(5));
        g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_REBOOT), ==, 1);
    }
}

static void test_gone(void)
{
    SessionFacts journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal, FALSE);

    rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE});
    rig_pass(&r, RIG_TIMEOUT);
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SILENT);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
    g_assert_false(rig_find(r.all, ACTION_FINISH)->whole);
}

/* It was not further than the questions. */
static void test_asks(void)
{
    SessionFacts journal = {.start = rig_start_of(WIRE_MACHINE_PPC64), .version = 4, .next_nr = 5};
    g_auto(Rig) r = rig_resumed(&journal, FALSE);

    g_assert_null(rig_find(r.last, ACTION_OPEN_VMCORE));
    rig_answer(&r, WIRE_CMD_HELLO, WIRE_MSG_HELLO, 4);
    g_assert_cmpint(rig_state(&r), ==, SESSION_ASKING);
    g_assert_null(rig_find(r.last, ACTION_OPEN_DIR));
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_MSG_PAGE_SIZE, 65536);
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_MSG_NR_PAGES, 9);
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_MSG_REGS, 9);
    g_assert_cmpint(rig_state(&r), ==, SESSION_PREPARING);
    rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    /* The file may have been made, but the journal not been written. */
    g_assert_true(rig_find(r.last, ACTION_OPEN_VMCORE)->resume);
    rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE});
    g_assert_cmpint(rig_state(&r), ==, SESSION_DUMPING);
}

static void test_transferred(void)
{
    SessionFacts journal = rig_journal(100, 100);

    journal.transferred = TRUE;
    {
        g_auto(Rig) r = rig_resumed(&journal, FALSE);

        g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_HELLO), ==, 0);
        rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE});
        g_assert_true(rig_find(r.last, ACTION_FINISH)->whole);
        g_assert_cmpint(rig_state(&r), ==, SESSION_ENDING);
        rig_event(&r, (Event){.kind = EVENT_FINISHED});
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_COMPLETE);
    }
    { /* the former server got as far as renaming it */
        g_auto(Rig) r = rig_resumed(&journal, FALSE);

        rig_event(&r, (Event){.kind = EVENT_VMCORE, .err = EEXIST});
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_COMPLETE);
        g_assert_null(rig_find(r.last, ACTION_FINISH));
        rig_pass(&r, SPAN_S(5));
        g_assert_cmpint(rig_state(&r), ==, SESSION_WAITING);
    }
    { /* somebody has taken the file away: all over again */
        g_auto(Rig) r = rig_resumed(&journal, FALSE);

        rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = FALSE});
        found(&r);
        g_assert_cmpint(rig_state(&r), ==, SESSION_DUMPING);
        g_assert_cmpuint(rig_facts(&r)->floor_written, ==, 0);
    }
}

/* "Transferred" reached the disk before a power cut, pages did not. */
static void test_power_cut(void)
{
    SessionFacts journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_empty();
    SessionSpec spec = rig_spec();

    journal.transferred = TRUE;
    r.c = session_resume(&spec, &journal, FALSE, r.now);
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE});
    g_assert_null(rig_find(r.all, ACTION_FINISH));
    found(&r);
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_SEND_MEM)->from, ==, 60 + WINDOW_START - 1);
}

/* Senseless: transferred, but there was no dump. */
static void test_transferred_nothing(void)
{
    SessionFacts journal = {.start = rig_start_of(WIRE_MACHINE_PPC64), .transferred = TRUE};
    g_auto(Rig) r = rig_resumed(&journal, FALSE);

    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_HELLO), ==, 1);
    rig_pass(&r, RIG_TIMEOUT);
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SILENT);
}

static void test_rebooting(void)
{
    SessionFacts journal = rig_journal(100, 100);
    g_auto(Rig) r = rig_resumed(&journal, TRUE);

    g_assert_cmpint(rig_state(&r), ==, SESSION_REBOOTING);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_REBOOT), ==, 1);
    g_assert_null(rig_find(r.last, ACTION_OPEN_VMCORE));
    rig_pass(&r, SPAN_S(5));
    g_assert_cmpint(rig_state(&r), ==, SESSION_CLOSED);
    g_assert_null(rig_find(r.all, ACTION_INFO)); /* we know less than who wrote it */
}

static void test_hostile_journal(void)
{
    SessionFacts journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_empty();
    SessionSpec spec = rig_spec();

    journal.regs_len = G_MAXUINT32;
    r.c = session_resume(&spec, &journal, FALSE, r.now);
    g_assert_cmpuint(rig_facts(&r)->regs_len, ==, SESSION_REGS_MAX);
}

/* -- SHUTDOWN ------------------------------------------------------------------------------------
 */

static void shut_down(Rig *r)
{
    rig_clear(r);
    rig_event(r, (Event){.kind = EVENT_SHUTDOWN});
    g_assert_cmpint(rig_state(r), ==, SESSION_CLOSED);
    g_assert_true(rig_find(r->last, ACTION_CLOSE)->keep);
}

static void test_shutdown(void)
{
    g_auto(Rig) r = rig_dumping(100);

    rig_page(&r, RIG_SEED);
    rig_stored(&r, RIG_SEED);
    shut_down(&r);
    g_assert_nonnull(rig_find(r.last, ACTION_FLUSH));
    g_assert_true(rig_find(r.last, ACTION_JOURNAL)->sync);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INTERRUPTED);
    g_assert_cmpuint(rig_facts(&r)->floor_synced, ==, 1);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_REBOOT), ==, 0);
    g_assert_false(session_is_over(rig_facts(&r))); /* the next server is to go on with it */
}

/* Only what has its result is not gone on with. */
static void test_shutdown_ending(void)
{
    g_auto(Rig) r = rig_ending();
    g_auto(Rig) s = rig_ending();
    g_auto(Rig) t = rig_dumping(100);

    shut_down(&r);
    g_assert_null(rig_find(r.last, ACTION_FLUSH)); /* FINISH was given */
    g_assert_false(session_is_over(rig_facts(&r)));
    g_assert_true(rig_facts(&r)->transferred);

    rig_event(&s, (Event){.kind = EVENT_FINISHED});
    shut_down(&s);
    g_assert_true(session_is_over(rig_facts(&s)));
    g_assert_cmpint(rig_facts(&s)->result, ==, RESULT_COMPLETE);

    rig_pass(&t, RIG_TIMEOUT);
    shut_down(&t);
    g_assert_true(session_is_over(rig_facts(&t)));
    g_assert_cmpint(rig_facts(&t)->result, ==, RESULT_INCOMPLETE);
}

/* What was only to be rebooted is only to be rebooted by the next server, too. */
static void test_shutdown_rebooting(void)
{
    SessionFacts journal = rig_journal(100, 100);
    g_auto(Rig) r = rig_resumed(&journal, TRUE);

    g_assert_true(session_is_over(rig_facts(&r)));
    g_assert_nonnull(rig_find(r.last, ACTION_JOURNAL));
    shut_down(&r);
    g_assert_true(session_is_over(rig_facts(&r)));
}

/* Before there is a directory the list of callers tells the next server of it; when it is over
 * nothing does, so that it is not left waiting. */
static void test_shutdown_early(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&start);
    g_auto(Rig) s = rig_called(&start);
    g_auto(Rig) t = rig_called(&start);

    shut_down(&r);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_REBOOT), ==, 0);
    g_assert_null(rig_find(r.last, ACTION_JOURNAL));
    rig_answer(&s, WIRE_CMD_GET_PAGE_SIZE, WIRE_MSG_PAGE_SIZE, 4096);
    shut_down(&s);
    g_assert_cmpuint(rig_count_sent(s.last, WIRE_CMD_REBOOT), ==, 0);
    rig_answer(&t, WIRE_CMD_GET_PAGE_SIZE, WIRE_MSG_PAGE_SIZE, 4096);
    rig_event(&t, (Event){.kind = EVENT_DIR, .err = EROFS});
    rig_hook(&t, SESSION_HOOK_NOSPACE, FALSE);
    g_assert_true(session_is_over(rig_facts(&t)));
    shut_down(&t);
    g_assert_cmpuint(rig_count_sent(t.last, WIRE_CMD_REBOOT), ==, 1);
}

/* nr is never used for another page, however often servers come and go between two answers. */
static void test_nrs(void)
{
    SessionFacts journal = rig_journal(100, 0);
    guint32 used = journal.next_nr;

    for (guint i = 0; i < 5; i++) {
        g_auto(Rig) r = rig_resumed(&journal, FALSE);

        g_assert_cmphex(rig_sent(r.all, WIRE_CMD_HELLO)->nr - used, <, 0x80000000);
        rig_event(&r, (Event){.kind = EVENT_VMCORE, .ok = TRUE});
        if (i % 2 == 0) {
            found(&r);
            used = rig_sent(r.last, WIRE_CMD_SEND_MEM)->nr;
        }
        shut_down(&r);
        g_assert_cmphex(rig_facts(&r)->next_nr - used, <, 0x80000000);
        journal = *rig_facts(&r);
    }
    {
        WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
        g_auto(Rig) r = rig_called(&start); /* random from the start */

        g_assert_cmphex(rig_facts(&r)->next_nr, ==, RIG_SEED);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/client/resuming/goes-on", test_goes_on);
    g_test_add_func("/client/resuming/disk-is-slow", test_disk_is_slow);
    g_test_add_func("/client/resuming/file-is-gone", test_file_is_gone);
    g_test_add_func("/client/resuming/file-fails", test_file_fails);
    g_test_add_func("/client/resuming/stalled", test_stalled);
    g_test_add_func("/client/resuming/other-crash", test_other_crash);
    g_test_add_func("/client/resuming/gone", test_gone);
    g_test_add_func("/client/resuming/asks", test_asks);
    g_test_add_func("/client/resuming/transferred", test_transferred);
    g_test_add_func("/client/resuming/transferred-nothing", test_transferred_nothing);
    g_test_add_func("/client/resuming/power-cut", test_power_cut);
    g_test_add_func("/client/resuming/rebooting", test_rebooting);
    g_test_add_func("/client/resuming/hostile-journal", test_hostile_journal);
    g_test_add_func("/client/shutdown", test_shutdown);
    g_test_add_func("/client/shutdown/ending", test_shutdown_ending);
    g_test_add_func("/client/shutdown/rebooting", test_shutdown_rebooting);
    g_test_add_func("/client/shutdown/early", test_shutdown_early);
    g_test_add_func("/client/shutdown/nrs", test_nrs);
    return g_test_run();
}
