/* test-session-resume.c - a server ends, and the next one goes on with its dumps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/rig-journal.h"

static void test_goes_on(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal);
    guint32 first = journal.next_nr + 0x10000 + (RIG_SEED >> 4);

    g_assert_cmpstr(rig_state(&r), ==, "resuming");
    g_assert_nonnull(rig_find(r.last, ACTION_TAKE_SLOT));
    g_assert_true(rig_find(r.last, ACTION_OPEN_FILE)->resume);
    g_assert_null(rig_find(r.last, ACTION_OPEN_DIR));
    /* Above all request numbers of the previous instance. */
    g_assert_cmphex(rig_sent(r.last, WIRE_CMD_HELLO).nr, ==, first - 1);
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_MEM), ==, 0);
    rig_found(&r);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    g_assert_cmpuint(rig_noted(r.last, NOTE_RESUMED), ==, 1);
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_SEND_MEM).from, ==, 60 + CONGESTION_START - 1);
    g_assert_cmphex(rig_sent(r.last, WIRE_CMD_SEND_MEM).nr, ==, first + CONGESTION_START - 1);
    g_assert_cmpuint(rig_count(r.last, ACTION_JOURNAL), ==, 1);
    g_assert_cmpuint(rig_netdump(&r)->elf.regs_len, ==, 216);
    g_assert_cmphex(rig_netdump(&r)->elf.regs[215], ==, 0x5a);
    g_assert_cmpuint(rig_facts(&r)->bytes_before, ==, 60 * 4096);
}

/* The answer to HELLO may come before that to OPEN_VMCORE. */
static void test_disk_is_slow(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal);

    rig_found(&r);
    rig_pass(&r, 2 * RIG_TIMEOUT);
    g_assert_cmpstr(rig_state(&r), ==, "resuming");
    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
}

static void test_file_is_gone(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal);

    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = FALSE});
    rig_found(&r);
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_SEND_MEM).from, ==, CONGESTION_START - 1);
    g_assert_cmpuint(rig_done(&r), ==, 0);
    g_assert_cmpuint(rig_facts(&r)->bytes_before, ==, 0);
}

static void test_file_fails(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal);

    rig_event(&r, (Event){.kind = EVENT_FILE, .err = EIO});
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_DISK);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE}); /* never, but harmless */
    g_assert_cmpstr(rig_state(&r), ==, "ending");
}

/* The new file's header cannot be written; the machine answers while netdump-nospace runs. */
static void test_stalled(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal);

    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = FALSE});
    rig_event(&r, (Event){.kind = EVENT_DISK_FAILED, .err = ENOSPC, .ok = TRUE});
    g_assert_cmpstr(rig_state(&r), ==, "stalled");
    rig_answer(&r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
    rig_hook(&r, SESSION_HOOK_NOSPACE, TRUE);
    g_assert_cmpstr(rig_state(&r), ==, "resuming");
    rig_found(&r);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
}

/* Between two servers the machine was rebooted and has crashed again: other memory. */
static void test_other_crash(void)
{
    RigJournal journal = rig_journal(100, 60);

    for (guint len = 0; len < 2; len++) {
        g_auto(Rig) r = rig_resumed(&journal);
        guint8 regs[216] = {0};

        memset(regs, 0x5a, len ? 100 : 216);
        rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
        rig_answer(&r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
        rig_receive(&r, wire_reply_regs(rig_datagram, rig_sent(r.last, WIRE_CMD_GET_REGS).nr, 0,
                                        regs, len ? 216 : 68));
        g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_RECRASHED);
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
        g_assert_cmphex(rig_netdump(&r)->elf.regs[215], ==, 0x5a);
        g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_MEM), ==, 0);
        g_assert_nonnull(rig_find(r.last, ACTION_JOURNAL));
        rig_event(&r, (Event){.kind = EVENT_FINISHED});
        rig_pass(&r, SPAN_S(5));
        g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_REBOOT), ==, 1);
    }
}

static void test_gone(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal);

    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
    rig_pass(&r, RIG_TIMEOUT);
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SILENT);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
    g_assert_false(rig_find(r.all, ACTION_FINISH)->whole);
}

/* It was not further than the questions. */
static void test_asks(void)
{
    RigJournal journal = {.start = rig_start_of(WIRE_MACHINE_PPC64), .version = 4, .next_nr = 5};
    g_auto(Rig) r = rig_resumed(&journal);

    g_assert_null(rig_find(r.last, ACTION_OPEN_FILE));
    rig_answer(&r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
    g_assert_cmpstr(rig_state(&r), ==, "asking");
    g_assert_null(rig_find(r.last, ACTION_OPEN_DIR));
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 65536);
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES, 9);
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_CODE_REGS, 9);
    g_assert_cmpstr(rig_state(&r), ==, "preparing");
    rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    /* The file may have been made, but the journal not been written. */
    g_assert_true(rig_find(r.last, ACTION_OPEN_FILE)->resume);
    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
}

static void test_transferred(void)
{
    RigJournal journal = rig_journal(100, 100);

    journal.state = RECORD_TRANSFERRED;
    {
        g_auto(Rig) r = rig_resumed(&journal);

        g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_HELLO), ==, 0);
        rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
        g_assert_true(rig_find(r.last, ACTION_FINISH)->whole);
        g_assert_cmpstr(rig_state(&r), ==, "ending");
        rig_event(&r, (Event){.kind = EVENT_FINISHED});
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_COMPLETE);
    }
    { /* the former server got as far as renaming it */
        g_auto(Rig) r = rig_resumed(&journal);

        rig_event(&r, (Event){.kind = EVENT_FILE, .err = EEXIST});
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_COMPLETE);
        g_assert_null(rig_find(r.last, ACTION_FINISH));
        rig_pass(&r, SPAN_S(5));
        g_assert_cmpstr(rig_state(&r), ==, "waiting");
    }
    { /* somebody has taken the file away: all over again */
        g_auto(Rig) r = rig_resumed(&journal);

        rig_event(&r, (Event){.kind = EVENT_FILE, .ok = FALSE});
        rig_found(&r);
        g_assert_cmpstr(rig_state(&r), ==, "dumping");
        g_assert_cmpuint(rig_done(&r), ==, 0);
    }
}

/* The client is given up while the file is still being opened: it is finished when it is open. */
static void test_late_file(void)
{
    for (guint failed = 0; failed < 2; failed++) {
        RigJournal journal = rig_journal(100, 60);
        g_auto(Rig) r = rig_resumed(&journal);

        rig_pass(&r, RIG_TIMEOUT);
        g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SILENT);
        g_assert_cmpstr(rig_state(&r), ==, "ending");
        g_assert_null(rig_find(r.all, ACTION_FINISH));
        rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE, .err = failed ? EIO : 0});
        if (!failed) {
            g_assert_false(rig_find(r.last, ACTION_FINISH)->whole);
            rig_event(&r, (Event){.kind = EVENT_FINISHED});
        }
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
        g_assert_cmpstr(rig_state(&r), ==, "waiting");
        rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE}); /* never, but harmless */
        g_assert_cmpstr(rig_state(&r), ==, "waiting");
    }
}

/* "Transferred" reached the disk before a power cut, pages did not. */
static void test_power_cut(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = {0};

    journal.state = RECORD_TRANSFERRED;
    r = rig_resumed(&journal);
    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
    g_assert_null(rig_find(r.all, ACTION_FINISH));
    rig_found(&r);
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_SEND_MEM).from, ==, 60 + CONGESTION_START - 1);
}

/* Senseless: transferred, but there was no dump. */
static void test_transferred_nothing(void)
{
    RigJournal journal = {.start = rig_start_of(WIRE_MACHINE_PPC64), .state = RECORD_TRANSFERRED};
    g_auto(Rig) r = rig_resumed(&journal);

    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_HELLO), ==, 1);
    rig_pass(&r, RIG_TIMEOUT);
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SILENT);
}

static void test_rebooting(void)
{
    RigJournal journal = rig_journal(100, 100);
    g_auto(Rig) r = {0};

    journal.state = RECORD_REBOOTING;
    r = rig_resumed(&journal);

    g_assert_cmpstr(rig_state(&r), ==, "rebooting");
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_REBOOT), ==, 1);
    g_assert_null(rig_find(r.last, ACTION_OPEN_FILE));
    rig_pass(&r, SPAN_S(20));
    g_assert_cmpstr(rig_state(&r), ==, "closed");
    /* As many as on a network that loses a third: nothing is known of this one. */
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_REBOOT), ==, 16);
    g_assert_null(rig_find(r.all, ACTION_INFO)); /* we know less than who wrote it */
}

/* Fields that make no sense are refused, and say why. */
/* -- SHUTDOWN ------------------------------------------------------------------------------------
 */

static void shut_down(Rig *r)
{
    rig_clear(r);
    rig_event(r, (Event){.kind = EVENT_SHUTDOWN});
    g_assert_cmpstr(rig_state(r), ==, "closed");
    g_assert_true(rig_find(r->last, ACTION_CLOSE)->keep);
}

static void test_shutdown(void)
{
    g_auto(Rig) r = rig_dumping(100);

    rig_page(&r, RIG_SEED);
    rig_stored(&r, RIG_SEED);
    shut_down(&r);
    g_assert_nonnull(rig_find(r.last, ACTION_FLUSH));
    g_assert_true(rig_find(r.last, ACTION_JOURNAL)->journal.sync);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INTERRUPTED);
    g_assert_cmpuint(rig_done(&r), ==, 1);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_REBOOT), ==, 0);
    g_assert_cmpint(rig_netdump(&r)->outcome, !=,
                    RECORD_REBOOTING); /* the next server is to go on with it */
}

/* Only what has its result is not gone on with. */
static void test_shutdown_ending(void)
{
    g_auto(Rig) r = rig_ending();
    g_auto(Rig) s = rig_ending();
    g_auto(Rig) t = rig_dumping(100);

    shut_down(&r);
    g_assert_null(rig_find(r.last, ACTION_FLUSH)); /* FINISH was given */
    g_assert_cmpint(rig_netdump(&r)->outcome, !=, RECORD_REBOOTING);
    g_assert_cmpint(rig_netdump(&r)->outcome, ==, RECORD_TRANSFERRED);

    rig_event(&s, (Event){.kind = EVENT_FINISHED});
    shut_down(&s);
    g_assert_cmpint(rig_netdump(&s)->outcome, ==, RECORD_REBOOTING);
    g_assert_cmpint(rig_facts(&s)->result, ==, RESULT_COMPLETE);

    rig_pass(&t, RIG_TIMEOUT);
    shut_down(&t);
    g_assert_cmpint(rig_netdump(&t)->outcome, ==, RECORD_REBOOTING);
    g_assert_cmpint(rig_facts(&t)->result, ==, RESULT_INCOMPLETE);
}

/* What was only to be rebooted is only to be rebooted by the next server, too. */
static void test_shutdown_rebooting(void)
{
    RigJournal journal = rig_journal(100, 100);
    g_auto(Rig) r = {0};

    journal.state = RECORD_REBOOTING;
    r = rig_resumed(&journal);

    g_assert_cmpint(rig_netdump(&r)->outcome, ==, RECORD_REBOOTING);
    g_assert_nonnull(rig_find(r.last, ACTION_JOURNAL));
    shut_down(&r);
    g_assert_cmpint(rig_netdump(&r)->outcome, ==, RECORD_REBOOTING);
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
    rig_answer(&s, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    shut_down(&s);
    g_assert_cmpuint(rig_count_sent(s.last, WIRE_CMD_REBOOT), ==, 0);
    rig_answer(&t, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    rig_event(&t, (Event){.kind = EVENT_DIR, .err = EROFS});
    rig_hook(&t, SESSION_HOOK_NOSPACE, FALSE);
    g_assert_cmpint(rig_netdump(&t)->outcome, ==, RECORD_REBOOTING);
    shut_down(&t);
    g_assert_cmpuint(rig_count_sent(t.last, WIRE_CMD_REBOOT), ==, 1);
}

/* nr is never used for another page, however often servers come and go between two answers. */
static void test_nrs(void)
{
    RigJournal journal = rig_journal(100, 0);
    guint32 used = journal.next_nr;
    TaggedWriter fields = rig_pack(&journal);

    for (guint i = 0; i < 5; i++) {
        g_auto(Rig) r = rig_resumed_with(fields);

        g_assert_cmphex(rig_sent(r.all, WIRE_CMD_HELLO).nr - used, <, 0x80000000);
        rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
        if (i % 2 == 0) {
            rig_found(&r);
            used = rig_sent(r.last, WIRE_CMD_SEND_MEM).nr;
        }
        shut_down(&r);
        g_assert_cmphex(rig_recorded(&r, NETDUMP_TAG_NEXT_NR) - used, <, 0x80000000);
        fields = tagged_writer_new();
        r.c->ops->record(r.c, &fields);
    }
    tagged_writer_clear(&fields);
    {
        WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
        g_auto(Rig) r = rig_called(&start); /* random from the start */

        g_assert_cmphex(rig_recorded(&r, NETDUMP_TAG_NEXT_NR), ==, RIG_SEED);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/resuming/goes-on", test_goes_on);
    g_test_add_func("/session/resuming/disk-is-slow", test_disk_is_slow);
    g_test_add_func("/session/resuming/file-is-gone", test_file_is_gone);
    g_test_add_func("/session/resuming/file-fails", test_file_fails);
    g_test_add_func("/session/resuming/stalled", test_stalled);
    g_test_add_func("/session/resuming/other-crash", test_other_crash);
    g_test_add_func("/session/resuming/gone", test_gone);
    g_test_add_func("/session/resuming/asks", test_asks);
    g_test_add_func("/session/resuming/transferred", test_transferred);
    g_test_add_func("/session/resuming/transferred-nothing", test_transferred_nothing);
    g_test_add_func("/session/resuming/power-cut", test_power_cut);
    g_test_add_func("/session/resuming/rebooting", test_rebooting);
    g_test_add_func("/session/resuming/late-file", test_late_file);
    g_test_add_func("/session/shutdown", test_shutdown);
    g_test_add_func("/session/shutdown/ending", test_shutdown_ending);
    g_test_add_func("/session/shutdown/rebooting", test_shutdown_rebooting);
    g_test_add_func("/session/shutdown/early", test_shutdown_early);
    g_test_add_func("/session/shutdown/nrs", test_nrs);
    return g_test_run();
}
