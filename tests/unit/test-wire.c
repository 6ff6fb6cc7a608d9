/* test-wire.c - datagrams of recorded dumps, known answers, and what no client would send.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/wire.h"

#include <string.h>

/* -- recorded: frames of the captures rhel4-x86_64, rhel4-i386 and rhel3-i386 --------------------
 */

static const char start_x86_64[] =
    "040000003e00000008000000057461736b5f7374727563743a3078313030303166356530303020706167655f6f6666"
    "7365743a30783130303030303030303030206e657464756d705f6d616769633a307831313232333334343535363637"
    "3738380a";
static const char start_i386[] =
    "040000000300000008000000057461736b5f7374727563743a3078633166356530303020706167655f6f6666736574"
    "3a30786330303030303030206e657464756d705f6d616769633a3078313132323333343435353636373738380a";
static const char regs_i386[] =
    "05000000030000000a000000e753656e64696e6720726567697374657220696e666f2e0a1112131415161718191a1b"
    "1c1d1e1f202122232425262728292a2b2c7b0000007b0000000000303063003030ffffffffab3412c0600000004602"
    "01009c4c120868004b4c0000000000000000000000000000000000000000000000000000000000";
static const char show_state_i386[] =
    "04000000ef0000000c0000000053656e64696e6720726567697374657220696e666f2e0a1112131415161718191a1b"
    "1c1d1e1f202122232425262728292a2b2c7b";
static const char page_size[] = "05000000010000000700001000504147455f53495a453a20343039360a";
static const char nr_pages[] =
    "050000000200000006000001004e756d626572206f662070616765733a203235360a";
static const char reserved[] = "05000000a300000004000000b8";
static const char log_text[] = "04000000000000000200000020"
                               "6e657464756d703a206c6f63616c20706f727420363636360a";
static const char plain_text[] = "3c353e206e657464756d703a206c6f63616c20706f727420363636360a";

typedef struct {
    guint8 bytes[WIRE_MAX_SIZE + 16];
    gsize len;
} Datagram;

static Datagram unhex(const char *hex)
{
    Datagram d = {.len = strlen(hex) / 2};

    g_assert_cmpuint(d.len, <=, sizeof d.bytes);
    for (gsize i = 0; i < d.len; i++)
        d.bytes[i] =
            (guint8)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return d;
}

static Datagram reply(guint8 version, guint32 nr, guint32 code, guint32 info, const void *payload,
                      gsize len)
{
    Datagram d = {.len = WIRE_HEADER_SIZE + len};

    g_assert_cmpuint(d.len, <=, sizeof d.bytes);
    wire_pack_reply(version, nr, code, info, d.bytes);
    if (len > 0)
        memcpy(d.bytes + WIRE_HEADER_SIZE, payload, len);
    return d;
}

/* Parsed from a copy of exactly its size, so that a sanitizer sees a read beyond it. */
static DatagramFault parse(const Datagram *d, WireMessage *m)
{
    static guint8 *exact;

    g_free(exact);
    exact = g_malloc(MAX(d->len, 1));
    memcpy(exact, d->bytes, d->len);
    return wire_parse(exact, d->len, m);
}

static WireMessage parsed(const Datagram *d)
{
    WireMessage m;

    g_assert_cmpstr(datagram_fault_name(parse(d, &m)), ==, "ok");
    return m;
}

static WireMessage parsed_hex(const char *hex)
{
    Datagram d = unhex(hex);

    return parsed(&d);
}

static void assert_fault(const Datagram *d, DatagramFault fault)
{
    WireMessage m;
    WireMessage before;

    memset(&m, 0x5a, sizeof m);
    before = m;
    g_assert_cmpstr(datagram_fault_name(parse(d, &m)), ==, datagram_fault_name(fault));
    g_assert_true(memcmp(&m, &before, sizeof m) == 0);
}

static void assert_text(const WireMessage *m, const char *text)
{
    g_assert_cmpuint(m->len, ==, strlen(text));
    g_assert_true(memcmp(m->data, text, m->len) == 0);
}

static void test_start(void)
{
    WireMessage m = parsed_hex(start_x86_64);

    g_assert_cmpint(m.kind, ==, WIRE_MSG_START);
    g_assert_cmpuint(m.version, ==, 4);
    g_assert_cmpuint(m.start.machine, ==, WIRE_MACHINE_X86_64);
    g_assert_false(m.start.oldest);
    g_assert_cmphex(m.start.task, ==, 0x10001f5e000);
    g_assert_cmphex(m.start.page_offset, ==, 0x10000000000);
    g_assert_cmphex(m.start.magic, ==, 0x1122334455667788);

    m = parsed_hex(start_i386);
    g_assert_cmpuint(m.start.machine, ==, WIRE_MACHINE_I386);
    g_assert_cmphex(m.start.task, ==, 0xc1f5e000);
    g_assert_cmphex(m.start.page_offset, ==, 0xc0000000);
}

static void test_regs(void)
{
    WireMessage m = parsed_hex(regs_i386);

    g_assert_cmpint(m.kind, ==, WIRE_MSG_REGS);
    g_assert_cmpuint(m.nr, ==, 3);
    g_assert_cmpuint(m.info, ==, 231);
    g_assert_cmpuint(m.len, ==, 68);
    g_assert_cmphex(m.data[0], ==, 0x11);
    g_assert_cmphex(m.data[27], ==, 0x2c);
    g_assert_cmphex(m.data[67], ==, 0x4c);
}

static void test_small_replies(void)
{
    WireMessage m = parsed_hex(reserved);

    g_assert_cmpint(m.kind, ==, WIRE_MSG_RESERVED);
    g_assert_cmphex(m.nr, ==, 0xa3);
    g_assert_cmphex(m.info, ==, 0xb8);

    m = parsed_hex(page_size);
    g_assert_cmpint(m.kind, ==, WIRE_MSG_PAGE_SIZE);
    g_assert_cmpuint(m.version, ==, 5);
    g_assert_cmpuint(m.nr, ==, 1);
    g_assert_cmpuint(m.info, ==, 4096);

    m = parsed_hex(nr_pages);
    g_assert_cmpint(m.kind, ==, WIRE_MSG_NR_PAGES);
    g_assert_cmpuint(m.info, ==, 256);

    /* The payload is stale and does not matter. */
    m = parsed_hex(show_state_i386);
    g_assert_cmpint(m.kind, ==, WIRE_MSG_SHOW_STATE);
    g_assert_cmphex(m.nr, ==, 0xef);
}

static void test_text(void)
{
    WireMessage m = parsed_hex(log_text);

    g_assert_cmpint(m.kind, ==, WIRE_MSG_TEXT);
    g_assert_cmpuint(m.version, ==, 4);
    g_assert_cmpuint(m.info, ==, 0x20);
    assert_text(&m, "netdump: local port 6666\n");

    m = parsed_hex(plain_text);
    g_assert_cmpint(m.kind, ==, WIRE_MSG_TEXT);
    g_assert_cmpuint(m.version, ==, 0);
    assert_text(&m, "<5> netdump: local port 6666\n");
}

/* -- START ---------------------------------------------------------------------------------------
 */

static WireStart start_of(guint32 nr, guint32 info, const char *payload)
{
    Datagram d = reply(4, nr, WIRE_CODE_START_NETDUMP, info, payload, strlen(payload));
    WireMessage m = parsed(&d);

    g_assert_cmpint(m.kind, ==, WIRE_MSG_START);
    return m.start;
}

static void test_start_oldest(void)
{
    WireStart s = start_of(0, 0, "NETDUMP start, waiting for start-ACK.\n");

    g_assert_true(s.oldest);
    g_assert_cmpuint(s.machine, ==, WIRE_MACHINE_I386);
    g_assert_cmphex(s.page_offset, ==, 0xc0000000);
    g_assert_cmphex(s.task, ==, 0);
    g_assert_cmphex(s.magic, ==, 0);
}

static void test_start_pairs(void)
{
    WireStart s = start_of(21, 5,
                           "netdump_magic:0x0 cpu:3 page_offset:0xc000000000000000\n"
                           "\ttask_struct:0xC00000000FFFE000 kernel:2.6.9-89.EL");

    g_assert_cmphex(s.task, ==, 0xc00000000fffe000);
    g_assert_cmphex(s.page_offset, ==, 0xc000000000000000);
    g_assert_cmphex(s.magic, ==, 0);

    /* Without 0x it is hexadecimal all the same. */
    s = start_of(62, 5, "task_struct:ff page_offset:10 netdump_magic:a           ");
    g_assert_cmphex(s.task, ==, 0xff);
    g_assert_cmphex(s.page_offset, ==, 0x10);
    g_assert_cmphex(s.magic, ==, 10);

    /* A key must stand at the beginning of its word. */
    s = start_of(62, 5, "xtask_struct:0x1 :0x2 task_struct=0x3 task_struct       ");
    g_assert_cmphex(s.task, ==, 0);
}

/* A crashed machine is not left hanging because one value makes no sense. */
static void test_start_values(void)
{
    static const char *const senseless[] = {
        "task_struct: ",      "task_struct:0x ",
        "task_struct:0xg ",   "task_struct:0x12345678901234567 ",
        "task_struct:-1 ",    "task_struct:0x1g ",
        "task_struct:0x0x1 ", "task_struct:(null) ",
        "task_struct:0x1,2 ",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(senseless); i++) {
        g_autofree char *payload =
            g_strconcat(senseless[i], "netdump_magic:0x7               ", NULL);
        WireStart s = start_of(62, 5, payload);

        g_assert_cmphex(s.task, ==, 0);
        g_assert_cmphex(s.magic, ==, 7);
        g_assert_cmphex(s.page_offset, ==, 0x10000000000);
    }
    g_assert_cmphex(start_of(50, 5, "task_struct:0xffffffffffffffff             ").task, ==,
                    G_MAXUINT64);
    /* Page offsets of the machines that do not tell. */
    g_assert_cmphex(start_of(50, 5, "                                           ").page_offset, ==,
                    0xe000000000000000);
    g_assert_cmphex(start_of(4711, 5, "                                         ").page_offset, ==,
                    0);
}

/* The answer to a START is two requests: a shorter one would let a forger have us amplify. */
static void test_start_short(void)
{
    char spaces[64];
    Datagram d;

    memset(spaces, ' ', sizeof spaces);
    d = reply(4, 62, WIRE_CODE_START_NETDUMP, 5, spaces,
              2 * WIRE_REQUEST_SIZE - WIRE_HEADER_SIZE - 1);
    assert_fault(&d, DATAGRAM_PAYLOAD);
    d = reply(4, 62, WIRE_CODE_START_NETDUMP, 5, spaces, 2 * WIRE_REQUEST_SIZE - WIRE_HEADER_SIZE);
    g_assert_cmpint(parsed(&d).kind, ==, WIRE_MSG_START);
}

/* -- registers -----------------------------------------------------------------------------------
 */

/* As the client makes them: the text and the registers in one buffer, sent as long as strlen() of
 * all that plus the registers' size. */
static void test_regs_sizes(void)
{
    static const gsize sizes[] = {68, 216, 384, 400, 448};
    static const char text[] = "Sending register info.\n";

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
        for (gsize nonzero = 0; nonzero < sizes[i]; nonzero += 13) {
            guint8 buffer[1024] = {0};
            Datagram d;
            WireMessage m;

            memcpy(buffer, text, strlen(text));
            memset(buffer + strlen(text), 0x41, sizes[i]);
            buffer[strlen(text) + nonzero] = 0;
            d = reply(5, 9, WIRE_CODE_REGS, 77, buffer, strlen((char *)buffer) + sizes[i]);
            m = parsed(&d);
            g_assert_cmpuint(m.len, ==, sizes[i]);
            g_assert_true(memcmp(m.data, buffer + strlen(text), sizes[i]) == 0);
        }
}

static void test_regs_hostile(void)
{
    guint8 payload[WIRE_CHUNK_SIZE];
    Datagram d;

    memset(payload, 'x', sizeof payload);
    for (gsize len = 0; len < 23; len++) {
        d = reply(5, 9, WIRE_CODE_REGS, 1, payload, len);
        assert_fault(&d, DATAGRAM_PAYLOAD);
    }
    /* No end of the string: registers of size 0. Rather none than no dump. */
    d = reply(5, 9, WIRE_CODE_REGS, 1, payload, sizeof payload);
    g_assert_cmpuint(parsed(&d).len, ==, 0);
    /* An end inside the text: the size that follows would reach beyond the datagram. */
    for (gsize at = 0; at < 23; at++) {
        payload[at] = 0;
        d = reply(5, 9, WIRE_CODE_REGS, 1, payload, sizeof payload);
        assert_fault(&d, DATAGRAM_PAYLOAD);
        payload[at] = 'x';
    }
    payload[23] = 0;
    d = reply(5, 9, WIRE_CODE_REGS, 1, payload, sizeof payload);
    g_assert_cmpuint(parsed(&d).len, ==, sizeof payload - 23);
}

/* -- bounds --------------------------------------------------------------------------------------
 */

static void test_lengths(void)
{
    guint8 payload[WIRE_MAX_SIZE] = {0};
    Datagram d = {.len = 0};

    assert_fault(&d, DATAGRAM_SHORT);
    for (gsize len = 1; len < WIRE_HEADER_SIZE; len++) {
        d = reply(5, 1, WIRE_CODE_HELLO, 4, NULL, 0);
        d.len = len;
        assert_fault(&d, DATAGRAM_SHORT);
    }
    d = reply(5, 1, WIRE_CODE_HELLO, 4, payload, WIRE_CHUNK_SIZE + 1);
    assert_fault(&d, DATAGRAM_LONG);
    d = reply(5, 1, WIRE_CODE_HELLO, 4, payload, WIRE_CHUNK_SIZE);
    g_assert_cmpint(parsed(&d).kind, ==, WIRE_MSG_HELLO);
    /* RHEL 3's LOG is longer than any other. */
    d = reply(4, 0, WIRE_CODE_LOG, 0, payload, 1460 - WIRE_HEADER_SIZE);
    g_assert_cmpuint(parsed(&d).len, ==, 1460 - WIRE_HEADER_SIZE);
    d = reply(4, 0, WIRE_CODE_LOG, 0, payload, WIRE_MAX_SIZE - WIRE_HEADER_SIZE + 1);
    assert_fault(&d, DATAGRAM_LONG);
    d = reply(4, 0, WIRE_CODE_LOG, 0, NULL, 0);
    g_assert_cmpuint(parsed(&d).len, ==, 0);
}

static void test_mem(void)
{
    guint8 chunk[WIRE_CHUNK_SIZE];
    Datagram d;
    WireMessage m;

    for (gsize i = 0; i < sizeof chunk; i++)
        chunk[i] = (guint8)(i * 7);
    for (guint32 offset = 0; offset < LIMIT_PAGE_SIZE_MAX; offset += WIRE_CHUNK_SIZE) {
        d = reply(5, 0xfffffffe, WIRE_CODE_MEM, offset, chunk, sizeof chunk);
        m = parsed(&d);
        g_assert_cmpint(m.kind, ==, WIRE_MSG_MEM);
        g_assert_cmphex(m.nr, ==, 0xfffffffe);
        g_assert_cmpuint(m.info, ==, offset);
        g_assert_true(m.len == sizeof chunk && memcmp(m.data, chunk, sizeof chunk) == 0);
    }
    d = reply(5, 1, WIRE_CODE_MEM, LIMIT_PAGE_SIZE_MAX, chunk, sizeof chunk);
    assert_fault(&d, DATAGRAM_PAYLOAD);
    d = reply(5, 1, WIRE_CODE_MEM, 0xfffffc00, chunk, sizeof chunk);
    assert_fault(&d, DATAGRAM_PAYLOAD);
    d = reply(5, 1, WIRE_CODE_MEM, 1023, chunk, sizeof chunk);
    assert_fault(&d, DATAGRAM_PAYLOAD);
    d = reply(5, 1, WIRE_CODE_MEM, 0, chunk, sizeof chunk - 1);
    assert_fault(&d, DATAGRAM_SHORT);
}

static void test_codes(void)
{
    static const struct {
        guint32 code;
        WireKind kind;
    } kinds[] = {
        {WIRE_CODE_ERROR, WIRE_MSG_ERROR},       {WIRE_CODE_LOG, WIRE_MSG_TEXT},
        {WIRE_CODE_RESERVED, WIRE_MSG_RESERVED}, {WIRE_CODE_HELLO, WIRE_MSG_HELLO},
        {WIRE_CODE_NR_PAGES, WIRE_MSG_NR_PAGES}, {WIRE_CODE_PAGE_SIZE, WIRE_MSG_PAGE_SIZE},
        {WIRE_CODE_END_NETDUMP, WIRE_MSG_END},   {WIRE_CODE_SHOW_STATE, WIRE_MSG_SHOW_STATE},
    };
    static const guint32 strange[] = {0, 11, 16, 255, 0x03000000, G_MAXUINT32};
    Datagram d;

    for (guint8 version = 1; version <= WIRE_VERSION_MAX; version++)
        for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
            d = reply(version, 7, kinds[i].code, 8, "why", 3);
            g_assert_cmpint(parsed(&d).kind, ==, kinds[i].kind);
            g_assert_cmpint(parsed(&d).version, ==, version);
        }
    d = reply(5, 7, WIRE_CODE_ERROR, 1, "page number too high", 20);
    g_assert_cmpuint(parsed(&d).len, ==, 20);
    for (gsize i = 0; i < G_N_ELEMENTS(strange); i++) {
        d = reply(5, 7, strange[i], 8, "why", 3);
        assert_fault(&d, DATAGRAM_CODE);
    }
}

static void test_neither(void)
{
    static const char odd[] = "a \x01\x02\x03 line with three odd bytes in its middle\n";
    Datagram d = unhex("09416c736f2074657874");

    g_assert_cmpint(parsed(&d).kind, ==, WIRE_MSG_TEXT); /* it begins with a tab */
    d = unhex("00112233");
    assert_fault(&d, DATAGRAM_BINARY);
    d = unhex("ff00000000000000000000");
    assert_fault(&d, DATAGRAM_BINARY);
    d = unhex("7f7f7f7f41414141");
    assert_fault(&d, DATAGRAM_BINARY);
    d = unhex("1b5b33316d726564c3bc");
    g_assert_cmpint(parsed(&d).kind, ==, WIRE_MSG_TEXT); /* colours and UTF-8 */
    d.len = strlen(odd);
    memcpy(d.bytes, odd, d.len);
    g_assert_cmpint(parsed(&d).kind, ==, WIRE_MSG_TEXT);
}

static void test_announces(void)
{
    static const char *const yes[] = {
        "[...network console startup...]\n",
        "<5> [...network console startup...]\n",
        "6,1234,5678901,-;netconsole: network logging started\n",
    };
    static const char *const no[] = {"", "network console startup",
                                     "[...network console startup...",
                                     "netconsole: network logging starte"};

    for (gsize i = 0; i < G_N_ELEMENTS(yes); i++)
        g_assert_true(wire_text_announces_start((const guint8 *)yes[i], strlen(yes[i])));
    for (gsize i = 0; i < G_N_ELEMENTS(no); i++)
        g_assert_false(wire_text_announces_start((const guint8 *)no[i], strlen(no[i])));
    g_assert_false(wire_text_announces_start((const guint8 *)yes[0], strlen(yes[0]) - 2));
}

/* -- requests ------------------------------------------------------------------------------------
 */

static void test_requests(void)
{
    static const struct {
        WireRequest request;
        const char *bytes;
    } known[] = {
        {{0x1122334455667788, 0, WIRE_CMD_START_NETDUMP_ACK, 5, 0},
         "112233445566778800000000000000070000000500000000"},
        {{0x1122334455667788, 4, WIRE_CMD_SEND_MEM, 0, 0},
         "112233445566778800000004000000010000000000000000"},
        {{0x1122334455667788, 0xef, WIRE_CMD_SHOW_STATE, 0, 0},
         "1122334455667788000000ef000000090000000000000000"},
        {{0, G_MAXUINT32, WIRE_CMD_SEND_MEM, 0xfedcba98, 0x01020304},
         "0000000000000000ffffffff00000001fedcba9801020304"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        const WireRequest *in = &known[i].request;
        Datagram want = unhex(known[i].bytes);
        guint8 bytes[WIRE_REQUEST_SIZE + 1];
        WireRequest out;

        wire_pack_request(in, bytes);
        g_assert_true(memcmp(bytes, want.bytes, WIRE_REQUEST_SIZE) == 0);
        g_assert_true(wire_parse_request(bytes, WIRE_REQUEST_SIZE, &out));
        g_assert_true(out.magic == in->magic && out.nr == in->nr && out.command == in->command &&
                      out.from == in->from && out.to == in->to);
        g_assert_true(wire_parse_request(bytes, WIRE_REQUEST_SIZE + 1, &out));
        g_assert_false(wire_parse_request(bytes, WIRE_REQUEST_SIZE - 1, &out));
    }
}

static void test_names(void)
{
    static const guint32 known[] = {3, 21, 50, 62};

    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        g_assert_true(wire_machine_known(known[i]));
    g_assert_false(wire_machine_known(0));
    g_assert_false(wire_machine_known(G_MAXUINT32));
    g_assert_cmpstr(wire_machine_name(21), ==, "ppc64");
    g_assert_cmpstr(wire_machine_name(63), ==, "unknown");
    for (guint i = 0; i < DATAGRAM_N_FAULTS; i++)
        g_assert_cmpstr(datagram_fault_name((DatagramFault)i), !=, "unknown");
    g_assert_cmpstr(datagram_fault_name((DatagramFault)99), ==, "unknown");
}

/* Every bit of a datagram flipped, every length: a message or a fault, nothing read beyond it. */
static void test_damaged(void)
{
    static const char *const good[] = {start_x86_64, regs_i386, page_size,
                                       reserved,     log_text,  show_state_i386};

    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        const Datagram whole = unhex(good[i]);

        for (gsize bit = 0; bit < 8 * whole.len; bit++) {
            Datagram d = whole;
            WireMessage m;

            d.bytes[bit / 8] ^= (guint8)(1 << bit % 8);
            d.len = bit % (whole.len + 1);
            if (parse(&d, &m) == DATAGRAM_OK && m.len > 0)
                g_assert_cmpuint(m.len, <=, d.len);
            d.len = whole.len;
            if (parse(&d, &m) == DATAGRAM_OK && m.len > 0)
                g_assert_cmpuint(m.len, <=, d.len);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wire/recorded/start", test_start);
    g_test_add_func("/wire/recorded/regs", test_regs);
    g_test_add_func("/wire/recorded/replies", test_small_replies);
    g_test_add_func("/wire/recorded/text", test_text);
    g_test_add_func("/wire/start/oldest", test_start_oldest);
    g_test_add_func("/wire/start/pairs", test_start_pairs);
    g_test_add_func("/wire/start/values", test_start_values);
    g_test_add_func("/wire/start/short", test_start_short);
    g_test_add_func("/wire/regs/sizes", test_regs_sizes);
    g_test_add_func("/wire/regs/hostile", test_regs_hostile);
    g_test_add_func("/wire/lengths", test_lengths);
    g_test_add_func("/wire/mem", test_mem);
    g_test_add_func("/wire/codes", test_codes);
    g_test_add_func("/wire/neither", test_neither);
    g_test_add_func("/wire/announces", test_announces);
    g_test_add_func("/wire/requests", test_requests);
    g_test_add_func("/wire/names", test_names);
    g_test_add_func("/wire/damaged", test_damaged);
    return g_test_run();
}
