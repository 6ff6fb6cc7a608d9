/* test-session.c - the course of a dump from START to the last page.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/rig.h"

/* -- CALLED --------------------------------------------------------------------------------------
 */

static void test_call(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&start);
    WireRequest ack = rig_sent(r.last, WIRE_CMD_START_NETDUMP_ACK);

    g_assert_cmpstr(rig_state(&r), ==, "called");
    g_assert_cmpuint(ack.from, ==, 5);
    g_assert_cmphex(ack.magic, ==, 0x1122334455667788);
    g_assert_cmpuint(r.last->len, ==, 2); /* no slot, no directory, no script before a proof */
    g_assert_cmpint(rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).nr, !=, ack.nr);

    /* Forged answers: another nr, another kind. */
    rig_packet(&r, WIRE_CODE_PAGE_SIZE, rig_sent(r.all, WIRE_CMD_GET_PAGE_SIZE).nr + 1, 4096);
    rig_packet(&r, WIRE_CODE_NR_PAGES, rig_sent(r.all, WIRE_CMD_GET_PAGE_SIZE).nr, 4096);
    rig_packet(&r, WIRE_CODE_HELLO, 0, 4);
    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED, 0);
    rig_packet(&r, WIRE_CODE_RESERVED, RIG_SEED, 0);
    g_assert_cmpstr(rig_state(&r), ==, "called");
    g_assert_cmpuint(r.all->len, ==, 2);
    rig_packet(&r, WIRE_CODE_LOG, 0, 0); /* there is no log yet */
    g_assert_cmpuint(r.last->len, ==, 1);
    g_assert_nonnull(rig_find(r.last, ACTION_CONSOLE_TEXT));

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    g_assert_cmpstr(rig_state(&r), ==, "asking");
    g_assert_nonnull(rig_find(r.last, ACTION_TAKE_SLOT));
    g_assert_nonnull(rig_find(r.last, ACTION_OPEN_DIR));
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_GET_NR_PAGES), ==, 1);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_GET_REGS), ==, 1);
}

/* A START again: the ACK was lost. The question stays the same. */
static void test_call_again(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&start);
    guint32 nr = rig_sent(r.all, WIRE_CMD_GET_PAGE_SIZE).nr;

    r.now = mono_add(r.now, SPAN_MS(10));
    rig_send_start(&r, &start);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_START_NETDUMP_ACK), ==, 1);
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).nr, ==, nr);
    rig_packet(&r, WIRE_CODE_PAGE_SIZE, nr, 4096);
    g_assert_cmpstr(rig_state(&r), ==, "asking");
}

/* Forged STARTs in the machine's name, before and behind its own: the answer tells which is true.
 * Some machines obey only requests with their own magic. */
static void test_call_forged(void)
{
    for (guint before = 0; before < 3; before++) {
        WireStart forged = {.machine = 4711, .magic = 1};
        WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
        g_auto(Rig) r = rig_called(before ? &forged : &start);
        guint32 nr = rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).nr;

        for (guint i = 0; i < before; i++)
            rig_send_start(&r, &forged);
        if (before) {
            rig_send_start(&r, &start);
            nr = rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).nr;
            g_assert_cmphex(rig_sent(r.last, WIRE_CMD_START_NETDUMP_ACK).magic, ==, start.magic);
        }
        for (forged.magic = 2; forged.magic <= 8; forged.magic++) {
            rig_send_start(&r, &forged);
            g_assert_cmphex(rig_sent(r.last, WIRE_CMD_START_NETDUMP_ACK).magic, ==, forged.magic);
            g_assert_cmphex(rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).magic, ==, forged.magic);
        }
        rig_clear(&r); /* each is asked for in its turn */
        rig_pass(&r, SPAN_S(50));
        for (guint64 magic = 2; magic <= 9; magic++) {
            guint n = 0;

            for (guint i = 0; i < r.all->len; i++)
                n += rig_request(&g_array_index(r.all, Action, i)).magic ==
                     (magic == 9 ? start.magic : magic);
            g_assert_cmpuint(n, >=, 2);
        }
        rig_packet(&r, WIRE_CODE_PAGE_SIZE, nr, 4096);
        g_assert_cmpstr(rig_state(&r), ==, "called");
        g_assert_cmphex(rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).magic, ==, 8);
        for (forged.magic = 10; forged.magic <= 30; forged.magic++)
            rig_send_start(&r, &forged);
        rig_pass(&r, SPAN_S(2));
        g_assert_cmpstr(rig_state(&r), ==, "asking");
        g_assert_cmpuint(rig_netdump(&r)->start.machine, ==, WIRE_MACHINE_X86_64);
        g_assert_cmphex(rig_sent(r.last, WIRE_CMD_GET_REGS).magic, ==, start.magic);
    }
}

/* An old machine obeys any magic: its own START came last. */
static void test_call_forged_before(void)
{
    WireStart forged = {.machine = 4711, .magic = 1};
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&forged);
    guint32 nr = rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).nr;
    guint32 last;

    rig_send_start(&r, &start);
    last = rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).nr;
    rig_packet(&r, WIRE_CODE_PAGE_SIZE, nr, 4096);
    rig_packet(&r, WIRE_CODE_PAGE_SIZE, nr, 4096);
    g_assert_cmpstr(rig_state(&r), ==, "called");
    rig_packet(&r, WIRE_CODE_PAGE_SIZE, last, 8192);
    g_assert_cmpstr(rig_state(&r), ==, "asking");
    g_assert_cmphex(rig_netdump(&r)->start.magic, ==, start.magic);
    g_assert_cmpuint(rig_netdump(&r)->elf.page_size, ==, 8192);
}

static void test_call_unreachable(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&start);

    rig_pass(&r, RIG_TIMEOUT - 1);
    g_assert_cmpstr(rig_state(&r), ==, "called");
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_START_NETDUMP_ACK), ==, 1);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_GET_PAGE_SIZE), >, 10);
    rig_pass(&r, SPAN_S(1));
    g_assert_cmpstr(rig_state(&r), ==, "closed");
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_UNREACHABLE);
    g_assert_false(rig_find(r.all, ACTION_CLOSE)->keep);
    g_assert_null(rig_find(r.all, ACTION_INFO));
    g_assert_cmpint(rig_deadline(&r).us, ==, G_MAXINT64);

    rig_clear(&r); /* closed is closed */
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    rig_send_start(&r, &start);
    g_assert_cmpuint(r.all->len, ==, 0);
}

/* A START was forged, and shortly before we give up its machine really crashes: it calls only until
 * it has our ACK, so it gets the time that anyone gets. */
static void test_call_late(void)
{
    WireStart forged = {.machine = 4711, .magic = 1};
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&forged);

    rig_pass(&r, RIG_TIMEOUT - SPAN_S(1));
    rig_send_start(&r, &start);
    rig_pass(&r, RIG_TIMEOUT - 1);
    g_assert_cmpstr(rig_state(&r), ==, "called");
    rig_pass(&r, 1);
    g_assert_cmpstr(rig_state(&r), ==, "closed");
}

/* -- ASKING, PREPARING ---------------------------------------------------------------------------
 */

/* The journal is begun and netdump-crash runs as soon as there is a directory. */
static void test_asking(void)
{
    g_auto(Rig) r = rig_asking(WIRE_MACHINE_X86_64, 4096, 100);

    g_assert_false(rig_find(r.all, ACTION_JOURNAL)->journal.sync);
    g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_CRASH), ==, 1);
    g_assert_cmpstr(rig_state(&r), ==, "asking");
    rig_hook(&r, SESSION_HOOK_CRASH, TRUE); /* its status means nothing */
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    g_assert_cmpstr(rig_state(&r), ==, "preparing");
    g_assert_cmpuint(rig_noted(r.last, NOTE_CRASHED), ==, 1);
    g_assert_cmpuint(rig_needed(&r, r.last), ==, 100 * 4096);
    g_assert_cmpuint(rig_netdump(&r)->elf.regs_len, ==, 216);
    g_assert_cmpint(rig_deadline(&r).us, ==, G_MAXINT64);

    rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    g_assert_false(rig_find(r.last, ACTION_OPEN_FILE)->resume);
    rig_event(&r, (Event){.kind = EVENT_FILE});
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    g_assert_cmpuint(rig_noted(r.last, NOTE_DUMPING), ==, 1);
    g_assert_nonnull(rig_find(r.last, ACTION_INFO));
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_SEND_MEM), ==, CONGESTION_START);
    g_assert_cmphex(rig_sent(r.last, WIRE_CMD_SEND_MEM).nr, ==, RIG_SEED + CONGESTION_START - 1);
}

/* Questions are repeated with growing pauses; each only until it is answered. */
static void test_asking_repeats(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&start);

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES, 5);
    rig_clear(&r);
    rig_event(&r, (Event){.kind = EVENT_TIMER}); /* too early for anything */
    g_assert_cmpuint(r.all->len, ==, 0);
    rig_pass(&r, SPAN_S(10));
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_GET_NR_PAGES), ==, 0);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_GET_REGS), ==, r.all->len);
    /* 20 ms, doubled until it is 2 s. */
    g_assert_cmpuint(r.all->len, >=, 10);
    g_assert_cmpuint(r.all->len, <=, 12);
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_CODE_REGS, 5);
    rig_clear(&r);
    rig_pass(&r, 2 * RIG_TIMEOUT);
    g_assert_cmpuint(r.all->len, ==, 0); /* and no word of its silence: nothing is asked */
}

static void test_regs_first(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_IA64);
    g_auto(Rig) r = rig_called(&start);

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 16384);
    rig_event(&r, (Event){.kind = EVENT_DIR});
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_CODE_REGS, 10);
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES, 1000000);
    g_assert_cmpuint(rig_needed(&r, r.last), ==, 10 * 16384);
}

/* What the machine says about itself is hostile until checked. */
static void test_numbers(void)
{
    static const struct {
        guint32 machine, page_size, pages;
        SessionReason reason;
        guint64 space;
    } cases[] = {
        {WIRE_MACHINE_I386, 4096, 1, REASON_NONE, 4096},
        {WIRE_MACHINE_IA64, 16384, 3, REASON_NONE, 49152},
        {WIRE_MACHINE_PPC64, 65536, G_MAXUINT32, REASON_NONE, 65536 * (guint64)G_MAXUINT32},
        {4711, 4096, 1, REASON_MACHINE, 0},
        {WIRE_MACHINE_I386, 0, 1, REASON_PAGE_SIZE, 0},
        {WIRE_MACHINE_I386, 1, 1, REASON_PAGE_SIZE, 0},
        {WIRE_MACHINE_I386, 2048, 1, REASON_PAGE_SIZE, 0},
        {WIRE_MACHINE_I386, 4097, 1, REASON_PAGE_SIZE, 0},
        {WIRE_MACHINE_I386, 12288, 1, REASON_PAGE_SIZE, 0},
        {WIRE_MACHINE_I386, 131072, 1, REASON_PAGE_SIZE, 0},
        {WIRE_MACHINE_I386, 0x80000000, 1, REASON_PAGE_SIZE, 0},
        {WIRE_MACHINE_I386, G_MAXUINT32, 1, REASON_PAGE_SIZE, 0},
        {WIRE_MACHINE_I386, 4096, 0, REASON_NO_PAGES, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Rig) r = rig_asking(cases[i].machine, cases[i].page_size, cases[i].pages);

        rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
        g_assert_cmpint(rig_facts(&r)->reason, ==, cases[i].reason);
        if (cases[i].reason == REASON_NONE) {
            g_assert_cmpuint(rig_needed(&r, r.last), ==, cases[i].space);
            continue;
        }
        g_assert_cmpstr(rig_state(&r), ==, "ending");
        g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_NOT_DUMPED);
        g_assert_null(rig_find(r.all, ACTION_OPEN_FILE));
        g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_SHOW_STATE), ==, 1);
    }
}

static void test_regs_long(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&start);
    static const guint8 none[WIRE_CHUNK_SIZE - 23];
    gsize len;

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    len = wire_reply_regs(rig_datagram, rig_sent(r.all, WIRE_CMD_GET_REGS).nr, G_MAXUINT32, none,
                          sizeof none);
    rig_receive(&r, len);
    g_assert_cmpuint(rig_netdump(&r)->elf.regs_len, ==, sizeof none); /* as many as can come */
    g_assert_cmpuint(rig_netdump(&r)->elf.regs_len, <=, LIMIT_REGS);
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES, 5);
    rig_event(&r, (Event){.kind = EVENT_DIR});
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    g_assert_cmpuint(rig_netdump(&r)->ram_pages, ==, 5); /* not more than it has */
}

static void test_over_limit(void)
{
    g_auto(Rig) r = rig_asking(WIRE_MACHINE_X86_64, 4096, 100);

    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = FALSE});
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_OVER_LIMIT);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_NOT_DUMPED);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_SHOW_STATE), ==, 1);
    rig_packet(&r, WIRE_CODE_LOG, 0, 0);
    g_assert_nonnull(rig_find(r.last, ACTION_LOG_TEXT));
    rig_pass(&r, SPAN_S(1));
    g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_REBOOT), ==, 1);
    g_assert_null(rig_find(r.all, ACTION_FINISH));
}

static void test_space(void)
{
    for (guint again = 0; again < 3; again++) {
        g_auto(Rig) r = rig_preparing(100);

        rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = FALSE});
        g_assert_cmpuint(rig_noted(r.last, NOTE_NO_SPACE), ==, 1);
        g_assert_cmpuint(rig_hooked(r.last, SESSION_HOOK_NOSPACE), ==, 1);
        rig_hook(&r, SESSION_HOOK_NOSPACE, again > 0);
        if (again > 0) {
            g_assert_nonnull(rig_find(r.last, ACTION_CHECK_SPACE));
            rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = again > 1});
        }
        if (again > 1) {
            g_assert_nonnull(rig_find(r.last, ACTION_OPEN_FILE));
            continue;
        }
        g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_NO_SPACE);
        g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_NOSPACE), ==, 1); /* once, and only once */
    }
}

static void test_dir_fails(void)
{
    for (guint again = 0; again < 3; again++) {
        WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
        g_auto(Rig) r = rig_called(&start);

        rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
        rig_event(&r, (Event){.kind = EVENT_DIR, .err = ENOSPC});
        g_assert_cmpuint(rig_hooked(r.last, SESSION_HOOK_NOSPACE), ==, 1);
        rig_packet(&r, WIRE_CODE_LOG, 0, 0);
        g_assert_null(rig_find(r.last, ACTION_LOG_TEXT)); /* there is no log */
        rig_hook(&r, SESSION_HOOK_NOSPACE, again > 0);
        if (again > 0) {
            g_assert_nonnull(rig_find(r.last, ACTION_OPEN_DIR));
            rig_event(&r, (Event){.kind = EVENT_DIR, .err = again > 1 ? 0 : ENOSPC});
        }
        if (again > 1) {
            g_assert_nonnull(rig_find(r.last, ACTION_JOURNAL));
            g_assert_cmpstr(rig_state(&r), ==, "asking");
            continue;
        }
        g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_DISK);
        g_assert_cmpint(rig_facts(&r)->disk_errno, ==, ENOSPC);
        rig_pass(&r, SPAN_S(5)); /* it is rebooted all the same; nothing can be written down */
        g_assert_cmpuint(rig_hooked(r.all, SESSION_HOOK_REBOOT), ==, 1);
        g_assert_null(rig_find(r.all, ACTION_JOURNAL));
        g_assert_null(rig_find(r.all, ACTION_INFO));
        rig_event(&r, (Event){.kind = EVENT_DIR, .err = EIO}); /* too late to matter */
        g_assert_cmpint(rig_facts(&r)->disk_errno, ==, ENOSPC);
    }
}

/* A hook that did not run changes nothing; any end but exit status 0 is a reason to try again. */
static void test_nospace_ends(void)
{
    static const struct {
        HookEnd end;
        int status;
        gboolean again;
    } cases[] = {
        {HOOK_EXITED, 0, FALSE},   {HOOK_EXITED, 1, TRUE},   {HOOK_SIGNALLED, 0, TRUE},
        {HOOK_TIMED_OUT, 0, TRUE}, {HOOK_NOT_RUN, 1, FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Rig) r = rig_preparing(100);

        rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = FALSE});
        rig_event(&r, (Event){.kind = EVENT_HOOK, .hook = SESSION_HOOK_CRASH, .hook_status = 1});
        g_assert_cmpuint(r.last->len, ==, 0); /* another hook */
        rig_event(&r, (Event){.kind = EVENT_HOOK,
                              .hook = SESSION_HOOK_NOSPACE,
                              .hook_end = cases[i].end,
                              .hook_status = cases[i].status});
        g_assert_cmpuint(rig_noted(r.last, NOTE_RETRYING), ==, cases[i].again ? 1 : 0);
        g_assert_cmpint(rig_is(&r, "preparing"), ==, cases[i].again);
    }
}

static void test_file_fails(void)
{
    g_auto(Rig) r = rig_preparing(100);

    rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = FALSE}); /* never, but harmless */
    rig_event(&r, (Event){.kind = EVENT_FILE, .err = EMFILE});
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_DISK);
    g_assert_cmpint(rig_facts(&r)->disk_errno, ==, EMFILE);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_NOT_DUMPED);
    g_assert_null(rig_find(r.all, ACTION_FINISH));
}

static void test_asking_silent(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) r = rig_called(&start);

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    rig_event(&r, (Event){.kind = EVENT_DIR});
    rig_pass(&r, RIG_TIMEOUT);
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SILENT);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_NOT_DUMPED);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SHOW_STATE), ==, 0);
    g_assert_cmpuint(rig_facts(&r)->counters.requests_repeated, >, 20);
    g_assert_cmpstr(rig_state(&r), ==, "waiting");
}

/* -- DUMPING -------------------------------------------------------------------------------------
 */

static void test_store(void)
{
    g_auto(Rig) r = rig_dumping(2);
    const Action *a;

    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED + 1, 2048);
    a = rig_find(r.last, ACTION_STORE);
    g_assert_cmpuint(rig_store_pfn(&r, a), ==, 1);
    g_assert_cmpuint(rig_store_at(&r, a), ==, 2048);
    g_assert_cmpuint(a->store.offset, ==, 4096 + 4096 + 2048);
    g_assert_cmphex(a->store.cookie, ==, RIG_SEED + 1);
    g_assert_false(a->store.last);
    g_assert_true(a->store.data == rig_datagram + WIRE_HEADER_SIZE);
    g_assert_cmpuint(a->store.len, ==, WIRE_CHUNK_SIZE);
    g_assert_cmpuint(a->client, ==, 7);

    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED + 1, 2048); /* again */
    g_assert_null(rig_find(r.last, ACTION_STORE));
    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED + 2, 0); /* never asked */
    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED - 1, 0);
    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED + 1, 4096); /* out of the page */
    g_assert_null(rig_find(r.last, ACTION_STORE));
    g_assert_cmpuint(rig_netdump(&r)->transfer.stats.unknown, ==, 3);

    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED + 1, 0);
    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED + 1, 3072);
    g_assert_null(rig_find(r.last, ACTION_FLUSH));
    rig_packet(&r, WIRE_CODE_MEM, RIG_SEED + 1, 1024);
    g_assert_true(rig_find(r.last, ACTION_STORE)->store.last);

    rig_page(&r, RIG_SEED); /* nothing else will come: out with it */
    g_assert_cmpuint(rig_count(r.last, ACTION_FLUSH), ==, 1);
    g_assert_cmpint(rig_deadline(&r).us, ==, G_MAXINT64); /* the disk's turn */
    g_assert_cmpuint(rig_done(&r), ==, 0);
    rig_stored(&r, RIG_SEED + 1);
    g_assert_cmpuint(rig_done(&r), ==, 1);
    rig_stored(&r, RIG_SEED);
    g_assert_cmpuint(rig_done(&r), ==, 2);
    g_assert_cmpint(rig_netdump(&r)->outcome, ==, RECORD_TRANSFERRED);
    g_assert_true(rig_find(r.last, ACTION_FINISH)->whole);
    g_assert_cmpstr(rig_state(&r), ==, "ending");
    g_assert_cmphex(rig_recorded(&r, NETDUMP_TAG_NEXT_NR), ==, RIG_SEED + 2);
}

/* Memory that ends in a hole, one that begins with one, an ERROR for a page. */
static void test_reserved(void)
{
    g_auto(Rig) r = rig_dumping(1000);

    rig_packet(&r, WIRE_CODE_RESERVED, RIG_SEED, 990);
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_SEND_MEM).from, >=, 990);
    rig_packet(&r, WIRE_CODE_RESERVED, RIG_SEED + 1, 990);
    rig_packet(&r, WIRE_CODE_RESERVED, RIG_SEED + 2, 990);
    rig_packet(&r, WIRE_CODE_RESERVED, RIG_SEED + 3, 990);
    g_assert_cmpuint(rig_done(&r), ==, 990);
    rig_packet(&r, WIRE_CODE_ERROR, RIG_SEED + 4, 1); /* "what command is that?" */
    g_assert_cmpuint(rig_done(&r), ==, 990);
    rig_packet(&r, WIRE_CODE_ERROR, RIG_SEED + 4, 0); /* 990 is none, either */
    g_assert_cmpuint(rig_done(&r), ==, 991);
    rig_packet(&r, WIRE_CODE_RESERVED, RIG_SEED + 5, 0);
    for (guint32 nr = RIG_SEED + 6; rig_is(&r, "dumping"); nr++) {
        g_assert_cmphex(nr, <, rig_recorded(&r, NETDUMP_TAG_NEXT_NR));
        rig_packet(&r, WIRE_CODE_RESERVED, nr, 0);
    }
    g_assert_cmpint(rig_netdump(&r)->outcome, ==, RECORD_TRANSFERRED);
    g_assert_cmpuint(rig_netdump(&r)->transfer.stats.reserved, ==, 1000);
}

static void test_dumping_silent(void)
{
    g_auto(Rig) r = rig_dumping(100);

    rig_page(&r, RIG_SEED);
    rig_pass(&r, RIG_TIMEOUT - 1);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    g_assert_cmpuint(rig_facts(&r)->counters.retransmitted, >, 20);
    rig_pass(&r, SPAN_MS(1));
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SILENT);
    g_assert_cmpint(rig_facts(&r)->result, ==, RESULT_INCOMPLETE);
    g_assert_false(rig_find(r.all, ACTION_FINISH)->whole);
    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    g_assert_cmpstr(rig_state(&r), ==, "waiting");
}

/* A slow disk is not the machine's silence. */
static void test_dumping_slow_disk(void)
{
    g_auto(Rig) r = rig_dumping(2);

    rig_page(&r, RIG_SEED);
    rig_page(&r, RIG_SEED + 1);
    rig_pass(&r, 10 * RIG_TIMEOUT);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    rig_stored(&r, RIG_SEED);
    rig_stored(&r, RIG_SEED + 1);
    g_assert_cmpstr(rig_state(&r), ==, "ending");
}

/* No page may be asked for at the moment: others' turn. */
static void test_limit(void)
{
    g_auto(Rig) r = rig_dumping(10000);

    rig_limit(&r, 0);
    for (guint32 i = 0; i < CONGESTION_START; i++)
        rig_page(&r, RIG_SEED + i);
    g_assert_cmpuint(rig_facts(&r)->flow.in_flight, ==, 0);
    rig_pass(&r, 2 * RIG_TIMEOUT);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    rig_limit(&r, 2);
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_SEND_MEM), ==, 2);
    rig_limit(&r, G_MAXUINT);
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    g_assert_cmpuint(rig_facts(&r)->flow.in_flight, <=, LIMIT_IN_FLIGHT);
    r.c->ops->set_timeout(r.c, SPAN_S(1));
    rig_pass(&r, SPAN_S(2));
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_SILENT);
}

/* The journal follows what is stored: every 4 MiB, and to the disk every 5 s. */
static void test_journal(void)
{
    g_auto(Rig) r = rig_dumping(100000);
    guint32 nr = RIG_SEED;

    rig_clear(&r);
    for (; nr < RIG_SEED + 1024; nr++) {
        g_assert_null(rig_find(r.all, ACTION_JOURNAL));
        rig_page(&r, nr);
        rig_stored(&r, nr);
    }
    g_assert_false(rig_find(r.all, ACTION_JOURNAL)->journal.sync);
    r.now = mono_add(r.now, SPAN_S(5));
    rig_page(&r, nr);
    rig_stored(&r, nr);
    g_assert_true(rig_find(r.all, ACTION_JOURNAL)->journal.sync);
    g_assert_cmpuint(rig_done(&r), ==, 1025);
}

/* What was journaled without sync gets its sync as well, if nothing comes after it. */
static void test_journal_silence(void)
{
    g_auto(Rig) r = rig_dumping(100000);

    for (guint32 nr = RIG_SEED; nr < RIG_SEED + 1024; nr++) {
        rig_page(&r, nr);
        rig_stored(&r, nr);
    }
    g_assert_false(rig_find(r.last, ACTION_JOURNAL)->journal.sync);
    rig_clear(&r);
    rig_pass(&r, SPAN_S(10));
    g_assert_true(rig_find(r.all, ACTION_JOURNAL)->journal.sync);
}

/* Little space is left, but what is in flight has room: as if a write had failed. */
static void test_space_low(void)
{
    g_auto(Rig) r = rig_dumping(100);
    g_auto(Rig) s = rig_preparing(100);

    rig_event(&s, (Event){.kind = EVENT_SPACE_LOW});
    g_assert_cmpuint(s.last->len, ==, 0);
    rig_event(&r, (Event){.kind = EVENT_SPACE_LOW});
    g_assert_cmpstr(rig_state(&r), ==, "stalled");
    g_assert_cmpint(rig_facts(&r)->disk_errno, ==, ENOSPC);
    g_assert_cmpuint(rig_hooked(r.last, SESSION_HOOK_NOSPACE), ==, 1);
    rig_hook(&r, SESSION_HOOK_NOSPACE, TRUE);
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    rig_event(&r, (Event){.kind = EVENT_SPACE_LOW});
    g_assert_cmpint(rig_facts(&r)->reason, ==, REASON_DISK);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/called", test_call);
    g_test_add_func("/session/called/again", test_call_again);
    g_test_add_func("/session/called/forged", test_call_forged);
    g_test_add_func("/session/called/forged-before", test_call_forged_before);
    g_test_add_func("/session/called/unreachable", test_call_unreachable);
    g_test_add_func("/session/called/late", test_call_late);
    g_test_add_func("/session/asking", test_asking);
    g_test_add_func("/session/asking/repeats", test_asking_repeats);
    g_test_add_func("/session/asking/regs-first", test_regs_first);
    g_test_add_func("/session/asking/regs-long", test_regs_long);
    g_test_add_func("/session/asking/numbers", test_numbers);
    g_test_add_func("/session/asking/over-limit", test_over_limit);
    g_test_add_func("/session/asking/dir-fails", test_dir_fails);
    g_test_add_func("/session/asking/silent", test_asking_silent);
    g_test_add_func("/session/preparing/space", test_space);
    g_test_add_func("/session/preparing/nospace-ends", test_nospace_ends);
    g_test_add_func("/session/preparing/file-fails", test_file_fails);
    g_test_add_func("/session/dumping/store", test_store);
    g_test_add_func("/session/dumping/reserved", test_reserved);
    g_test_add_func("/session/dumping/silent", test_dumping_silent);
    g_test_add_func("/session/dumping/slow-disk", test_dumping_slow_disk);
    g_test_add_func("/session/dumping/limit", test_limit);
    g_test_add_func("/session/dumping/space-low", test_space_low);
    g_test_add_func("/session/dumping/journal", test_journal);
    g_test_add_func("/session/dumping/journal/silence", test_journal_silence);
    return g_test_run();
}
