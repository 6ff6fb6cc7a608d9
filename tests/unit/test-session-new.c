/* test-session-new.c - the first START: is its magic right, and is it recorded? What else comes
 * from the client then: text, datagrams that are none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/rig.h"

static SessionSpec secure_spec(void)
{
    SessionSpec spec = rig_spec();

    spec.secure = TRUE;
    return spec;
}

static const char banner[] = "[...network console startup...]\n";

/* -- NEW ----------------------------------------------------------------------------------------
 */

static void test_recorded(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    SessionSpec spec = rig_spec();
    g_auto(Rig) r = rig_new(&spec, &start);

    g_assert_cmpstr(rig_state(&r), ==, "called");
    g_assert_cmpint(rig_facts(&r)->phase, ==, PHASE_UNPROVEN);
    g_assert_cmpuint(r.last->len, ==, 1);
    g_assert_nonnull(rig_find(r.last, ACTION_RECORD));
    g_assert_cmpuint(rig_recorded(&r, NETDUMP_TAG_MACHINE), ==, WIRE_MACHINE_X86_64);
    g_assert_cmphex(rig_recorded(&r, NETDUMP_TAG_MAGIC), ==, start.magic);
    g_assert_cmpint(rig_deadline(&r).us, ==, G_MAXINT64);
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    rig_event(&r, (Event){.kind = EVENT_MAGIC, .magic = 5}); /* nobody asked */
    rig_packet(&r, WIRE_CODE_PAGE_SIZE, RIG_SEED - 1, 4096);
    g_assert_cmpuint(r.all->len, ==, 1);

    rig_event(&r, (Event){.kind = EVENT_RECORDED});
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_START_NETDUMP_ACK), ==, 1);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_GET_PAGE_SIZE), ==, 1);
    rig_event(&r, (Event){.kind = EVENT_RECORDED}); /* of another change */
    g_assert_cmpuint(r.last->len, ==, 0);
}

/* The record takes its time: START again is answered at once, and only that one. */
static void test_start_again(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    SessionSpec spec = rig_spec();
    g_auto(Rig) r = rig_new(&spec, &start);

    start.magic = 7;
    rig_send_start(&r, &start);
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_START_NETDUMP_ACK), ==, 1);
    g_assert_cmphex(rig_sent(r.last, WIRE_CMD_GET_PAGE_SIZE).magic, ==, 7);
    rig_event(&r, (Event){.kind = EVENT_RECORDED});
    g_assert_cmpuint(r.last->len, ==, 0);
}

static void test_secure(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_PPC64);
    SessionSpec spec = secure_spec();
    g_auto(Rig) r = rig_new(&spec, &start);

    g_assert_cmpuint(r.last->len, ==, 1);
    g_assert_true(rig_find(r.last, ACTION_CHECK_MAGIC)->big_endian);
    rig_send_start(&r, &start); /* never answered before the magic was checked */
    rig_event(&r, (Event){.kind = EVENT_RECORDED});
    g_assert_cmpuint(r.all->len, ==, 1);
    rig_event(&r, (Event){.kind = EVENT_MAGIC, .magic = start.magic});
    g_assert_cmpuint(r.last->len, ==, 1);
    g_assert_nonnull(rig_find(r.last, ACTION_RECORD));
    rig_event(&r, (Event){.kind = EVENT_RECORDED});
    g_assert_cmpuint(rig_count_sent(r.last, WIRE_CMD_START_NETDUMP_ACK), ==, 1);
}

static void test_insecure(void)
{
    static const struct {
        guint64 sent, on_file;
        int err;
        SessionNote note;
    } cases[] = {
        {0x1122, 0, ENOENT, NOTE_NO_MAGIC},
        {0x1122, 0x1122, EIO, NOTE_NO_MAGIC},
        {0x1122, 0x1123, 0, NOTE_WRONG_MAGIC},
        {0, 0, 0, NOTE_WRONG_MAGIC}, /* none is none */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        WireStart start = {.machine = WIRE_MACHINE_X86_64, .magic = cases[i].sent};
        SessionSpec spec = secure_spec();
        g_auto(Rig) r = rig_new(&spec, &start);

        g_assert_false(rig_find(r.last, ACTION_CHECK_MAGIC)->big_endian);
        rig_event(&r, (Event){.kind = EVENT_MAGIC, .magic = cases[i].on_file, .err = cases[i].err});
        g_assert_cmpuint(rig_noted(r.last, cases[i].note), ==, 1);
        g_assert_cmpint(rig_facts(&r)->disk_errno, ==, cases[i].err);
        g_assert_false(rig_find(r.last, ACTION_CLOSE)->keep);
        g_assert_cmpstr(rig_state(&r), ==, "closed");
        g_assert_cmpuint(rig_count(r.all, ACTION_SEND), ==, 0);
        g_assert_null(rig_find(r.all, ACTION_RECORD));
    }
}

static void test_shutdown(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    SessionSpec spec = rig_spec();
    g_auto(Rig) r = rig_new(&spec, &start);

    rig_event(&r, (Event){.kind = EVENT_SHUTDOWN});
    g_assert_true(rig_find(r.last, ACTION_CLOSE)->keep);
    g_assert_cmpuint(rig_count(r.all, ACTION_SEND), ==, 0);
}

/* A previous instance had recorded it, and perhaps answered: then it sends no other START. */
static void test_recalled(void)
{
    for (guint secure = 0; secure < 2; secure++) {
        WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
        SessionSpec spec = secure ? secure_spec() : rig_spec();
        TaggedWriter w = tagged_writer_new();
        TaggedReader fields;
        SessionRemains remains = {.fields = &fields};
        gsize used;
        const char *why = NULL;
        g_auto(Rig) r = rig_empty();

        start.extensions = WIRE_EXT_DATA;
        start.vmcoreinfo = 99;
        {
            g_auto(Rig) before = rig_new(&spec, &start);

            before.c->ops->record(before.c, &w);
        }
        tagged_writer_seal(&w);
        g_assert_null(tagged_reader_init(&fields, w.bytes->data, w.bytes->len, &used));
        r.c = netdump_session_ops.restore(&spec, &remains, r.now, &why);
        tagged_writer_clear(&w);
        g_assert_null(why);
        g_assert_cmpstr(rig_state(&r), ==, "called");
        g_assert_false(rig_facts(&r)->resumed);
        g_assert_false(mono_before(r.now, rig_deadline(&r)));
        rig_event(&r, (Event){.kind = EVENT_TIMER});
        if (secure) {
            g_assert_cmpuint(r.last->len, ==, 1);
            g_assert_nonnull(rig_find(r.last, ACTION_CHECK_MAGIC));
            rig_event(&r, (Event){.kind = EVENT_MAGIC, .magic = start.magic});
            rig_event(&r, (Event){.kind = EVENT_RECORDED});
        }
        g_assert_cmphex(rig_sent(r.last, WIRE_CMD_START_NETDUMP_ACK).magic, ==, start.magic);
        g_assert_cmphex(rig_sent(r.last, WIRE_CMD_START_NETDUMP_ACK).to, ==, WIRE_EXT_DATA);
        rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
        g_assert_cmpstr(rig_state(&r), ==, "asking");
        g_assert_nonnull(rig_find(r.last, ACTION_OPEN_DIR));
    }
}

/* -- datagrams of all kinds ---------------------------------------------------------------------
 */

static Intro classify(const guint8 *data, gsize len)
{
    Intro intro;

    netdump_session_ops.classify(data, len, &intro);
    return intro;
}

static void test_classify(void)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    gsize len = wire_start(rig_datagram, &start);
    Intro intro;

    g_assert_cmpint(classify(rig_datagram, len).kind, ==, INTRO_CALL);
    len = wire_reply(rig_datagram, WIRE_CODE_HELLO, 1, 0, NULL, 0);
    g_assert_cmpint(classify(rig_datagram, len).kind, ==, INTRO_STRAY);
    len = wire_reply(rig_datagram, WIRE_CODE_LOG, 0, 0, "text", 4);
    intro = classify(rig_datagram, len);
    g_assert_cmpint(intro.kind, ==, INTRO_TEXT);
    g_assert_true(intro.text == rig_datagram + WIRE_HEADER_SIZE && intro.text_len == 4);
    g_assert_false(intro.booted);
    intro = classify((const guint8 *)banner, strlen(banner));
    g_assert_cmpint(intro.kind, ==, INTRO_TEXT);
    g_assert_true(intro.booted);
    g_assert_cmpuint(intro.text_len, ==, strlen(banner));
    len = wire_reply(rig_datagram, 999, 0, 0, NULL, 0);
    intro = classify(rig_datagram, len);
    g_assert_cmpint(intro.kind, ==, INTRO_MALFORMED);
    g_assert_cmpint(intro.fault, ==, DATAGRAM_CODE);
    g_assert_cmpint(classify(rig_datagram, 0).fault, ==, DATAGRAM_SHORT);
    g_assert_cmpint(classify(rig_datagram, WIRE_MAX_SIZE + 1).fault, ==, DATAGRAM_LONG);
    g_assert_cmpuint(netdump_session_ops.datagram_max, ==, WIRE_MAX_SIZE);
    g_assert_cmpstr(netdump_session_ops.name, ==, "netdump");
}

/* Text goes to the dump's log if there is one, else to the console store; from other ports only to
 * the log, since the console store has it already. */
static void test_text(void)
{
    g_auto(Rig) r = rig_dumping(10);
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    g_auto(Rig) s = rig_called(&start);
    Event text = {.kind = EVENT_DATAGRAM, .data = (const guint8 *)banner, .len = strlen(banner)};
    Event other = {.kind = EVENT_TEXT, .data = (const guint8 *)banner, .len = 3};
    const Action *a;

    rig_event(&r, text);
    g_assert_cmpuint(r.last->len, ==, 2);
    g_assert_cmpint(g_array_index(r.last, Action, 0).kind, ==, ACTION_BOOTED);
    a = rig_find(r.last, ACTION_LOG_TEXT);
    g_assert_true(a->text.data == text.data && a->text.len == text.len);
    rig_event(&r, other);
    g_assert_cmpuint(r.last->len, ==, 1);
    g_assert_cmpuint(rig_find(r.last, ACTION_LOG_TEXT)->text.len, ==, 3);

    rig_event(&s, text);
    g_assert_cmpuint(s.last->len, ==, 2);
    g_assert_cmpint(g_array_index(s.last, Action, 0).kind, ==, ACTION_BOOTED);
    g_assert_nonnull(rig_find(s.last, ACTION_CONSOLE_TEXT));
    rig_event(&s, other);
    g_assert_cmpuint(s.last->len, ==, 0);
    rig_reply(&s, WIRE_CODE_LOG, 0, 0, NULL, 0); /* nothing in it */
    g_assert_cmpuint(s.last->len, ==, 0);
}

static void test_malformed(void)
{
    g_auto(Rig) r = rig_dumping(10);
    const Action *a;

    rig_clear(&r);
    rig_reply(&r, 999, RIG_SEED, 0, NULL, 0);
    a = rig_find(r.last, ACTION_MALFORMED);
    g_assert_cmpint(a->fault, ==, DATAGRAM_CODE);
    rig_event(&r, (Event){.kind = EVENT_DATAGRAM, .data = rig_datagram, .len = 3000});
    g_assert_cmpint(rig_find(r.last, ACTION_MALFORMED)->fault, ==, DATAGRAM_LONG);
    g_assert_cmpuint(r.all->len, ==, 2);
    rig_packet(&r, WIRE_CODE_END_NETDUMP, 0, 0); /* a reply to what is never sent */
    g_assert_cmpuint(r.last->len, ==, 0);
}

/* -- what is known ------------------------------------------------------------------------------
 */

static void add_line(gpointer user, const char *key, const char *value)
{
    g_string_append_printf(user, "%s=%s\n", key, value);
}

static void test_facts(void)
{
    g_auto(Rig) r = rig_dumping(100);
    g_autoptr(GString) told = g_string_new(NULL);
    const SessionFacts *f = rig_facts(&r);

    g_assert_cmpstr(f->system, ==, "x86_64");
    g_assert_cmpint(f->phase, ==, PHASE_TRANSFERRING);
    g_assert_cmpint(f->dir, ==, DIR_OPEN);
    g_assert_cmpint(f->file_state, ==, FILE_OPEN);
    g_assert_cmpuint(f->file.header_size, ==, 4096);
    g_assert_cmpuint(f->file.page_size, ==, 4096);
    g_assert_cmpuint(f->file.size, ==, 101 * 4096);
    g_assert_cmpuint(f->bytes_total, ==, 100 * 4096);
    g_assert_cmpuint(f->flow.request_datagrams, ==, 4);
    g_assert_cmpuint(f->flow.in_flight, ==, CONGESTION_START);
    g_assert_false(f->flow.stalled);
    rig_page(&r, RIG_SEED);
    rig_stored(&r, RIG_SEED);
    rig_packet(&r, WIRE_CODE_ZERO, RIG_SEED + 1, 1);
    rig_packet(&r, WIRE_CODE_RESERVED, RIG_SEED + 2, 0); /* what is in flight is not said to be */
    g_assert_cmpuint(f->counters.bytes_new, ==, 2 * 4096);
    g_assert_cmpuint(f->counters.bytes_zero, ==, 4096);
    g_assert_cmpuint(f->bytes_done, ==, f->counters.bytes_new + f->counters.bytes_skipped);
    g_assert_cmpuint(f->counters.answered, ==, 3);
    rig_pass(&r, SPAN_S(10));
    g_assert_true(f->flow.stalled);
    g_assert_cmpuint(f->counters.timeouts, >, 1);

    r.c->ops->describe(r.c, add_line, told);
    g_assert_cmpstr(told->str, ==,
                    "version=5\nmachine=x86_64\npage_size=4096\npages=100\nram_pages=100\n"
                    "registers=216\npage_offset=0x10000000000\ntask=0x10001f5e000\n"
                    "magic=0x1122334455667788\n");
}

/* The header that the file has is that of the facts, whole or not. */
static void test_header(void)
{
    g_auto(Rig) r = rig_dumping(100);
    guint8 whole[4096], partial[4096];

    r.c->ops->header(r.c, FALSE, whole);
    r.c->ops->header(r.c, TRUE, partial);
    g_assert_cmpint(memcmp(whole, "\177ELF", 4), ==, 0);
    g_assert_cmpint(memcmp(partial, "\177ELF", 4), ==, 0);
    g_assert_cmpint(memcmp(whole, partial, sizeof whole), !=, 0);
}

static void test_unknown_machine(void)
{
    g_auto(Rig) r = rig_asking(4711, 4096, 1);

    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    g_assert_cmpstr(rig_facts(&r)->system, ==, "ELF machine 4711");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/new/recorded", test_recorded);
    g_test_add_func("/session/new/start-again", test_start_again);
    g_test_add_func("/session/new/secure", test_secure);
    g_test_add_func("/session/new/insecure", test_insecure);
    g_test_add_func("/session/new/shutdown", test_shutdown);
    g_test_add_func("/session/new/recalled", test_recalled);
    g_test_add_func("/session/datagrams/classify", test_classify);
    g_test_add_func("/session/datagrams/text", test_text);
    g_test_add_func("/session/datagrams/malformed", test_malformed);
    g_test_add_func("/session/facts", test_facts);
    g_test_add_func("/session/facts/header", test_header);
    g_test_add_func("/session/facts/unknown-machine", test_unknown_machine);
    return g_test_run();
}
