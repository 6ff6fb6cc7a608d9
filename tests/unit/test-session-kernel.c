/* test-client-kernel.c - machines with today's kernels: what they offer, what we take of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/rig.h"

static const char info[] = "OSRELEASE=6.1.0\n";

/* ASKING, with page size, number of pages and registers answered. */
static Rig rig_modern(guint64 extensions)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    Rig r;

    start.extensions = extensions;
    start.vmcoreinfo = strlen(info);
    start.cpu = 3;
    start.pid = 122;
    r = rig_called(&start);
    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_MSG_PAGE_SIZE, 4096);
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_DIR});
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_MSG_NR_PAGES, 2000);
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_MSG_REGS, 1900);
    return r;
}

static void data(Rig *r, gconstpointer bytes, gsize len, guint32 total)
{
    WireMessage m = {.kind = WIRE_MSG_DATA, .version = 5, .info = total, .data = bytes, .len = len};

    m.nr = rig_sent(r->all, WIRE_CMD_GET_DATA)->nr;
    rig_event(r, (Event){.kind = EVENT_PACKET, .packet = &m});
}

static void tell_map(Rig *r)
{
    const guint32 map[] = {GUINT32_TO_BE(1), GUINT32_TO_BE(1901)};

    data(r, map, sizeof map, sizeof map);
}

static void begin_pages(Rig *r)
{
    rig_event(r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    rig_event(r, (Event){.kind = EVENT_VMCORE});
    g_assert_cmpint(rig_state(r), ==, SESSION_DUMPING);
}

static Rig rig_modern_dumping(guint64 extensions)
{
    Rig r = rig_modern(extensions);

    if (extensions & WIRE_EXT_DATA) {
        data(&r, info, strlen(info), (guint32)strlen(info));
        tell_map(&r);
    }
    begin_pages(&r);
    return r;
}

/* The ACK takes what we know of what it offers; the kernel is asked for in pieces. */
static void test_told(void)
{
    g_auto(Rig) r = rig_modern(WIRE_EXT_ALL | 0xf00);

    g_assert_cmphex(rig_sent(r.all, WIRE_CMD_START_NETDUMP_ACK)->to, ==, WIRE_EXT_ALL);
    g_assert_cmpint(rig_state(&r), ==, SESSION_ASKING);
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_GET_DATA)->to, ==, WIRE_DATA_VMCOREINFO);
    data(&r, info, 8, (guint32)strlen(info));
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_GET_DATA)->from, ==, 8);
    data(&r, info + 8, strlen(info) - 8, (guint32)strlen(info));
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_GET_DATA)->to, ==, WIRE_DATA_RAM);
    g_assert_cmpint(rig_state(&r), ==, SESSION_ASKING);
    g_assert_null(rig_facts(&r)->kernel);
    tell_map(&r);
    g_assert_cmpint(rig_state(&r), ==, SESSION_PREPARING);
    g_assert_nonnull(rig_facts(&r)->kernel);
    g_assert_cmpuint(rig_facts(&r)->kernel->cpu, ==, 3);
    g_assert_cmpuint(rig_facts(&r)->kernel->pid, ==, 122);
    g_assert_cmpuint(rig_facts(&r)->kernel->ranges[0].end, ==, 1901);
    g_assert_true(kernel_info_usable(rig_facts(&r)->kernel, rig_facts(&r)->nr_pages));
}

/* Asked again, from the same place, until it comes. */
static void test_lost(void)
{
    g_auto(Rig) r = rig_modern(WIRE_EXT_DATA);
    guint32 nr;

    data(&r, info, 8, (guint32)strlen(info));
    nr = rig_sent(r.last, WIRE_CMD_GET_DATA)->nr;
    rig_clear(&r);
    rig_pass(&r, SPAN_S(5));
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_GET_DATA), >, 1);
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_GET_DATA)->nr, ==, nr);
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_GET_DATA)->from, ==, 8);
}

/* Nonsense, or ERROR: the dump goes on without. */
static void test_refused(void)
{
    for (guint i = 0; i < 3; i++) {
        g_auto(Rig) r = rig_modern(WIRE_EXT_DATA);

        if (i == 0)
            data(&r, info, 8, 4);
        else if (i == 1)
            data(&r, info, 0, 100);
        else
            rig_answer(&r, WIRE_CMD_GET_DATA, WIRE_MSG_ERROR, WIRE_CMD_GET_DATA);
        g_assert_cmpint(rig_state(&r), ==, SESSION_PREPARING);
        g_assert_null(rig_facts(&r)->kernel);
        begin_pages(&r);
    }
}

/* Who does not offer is not asked. */
static void test_not_offered(void)
{
    g_auto(Rig) r = rig_modern(0);

    g_assert_cmphex(rig_sent(r.all, WIRE_CMD_START_NETDUMP_ACK)->to, ==, 0);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_GET_DATA), ==, 0);
    begin_pages(&r);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_RUN), ==, 0);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_MEM), ==, WINDOW_START);
}

static void test_run(void)
{
    g_auto(Rig) r = rig_modern_dumping(WIRE_EXT_ALL);
    WireRequest run = *rig_sent(r.last, WIRE_CMD_SEND_RUN);

    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_MEM), ==, 0);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_RUN), ==, 1);
    g_assert_cmpuint(run.from, ==, 0);
    g_assert_cmpuint(run.to, ==, WINDOW_START);
    /* Each page is answered by itself. */
    rig_page(&r, run.nr + 2);
    g_assert_cmpuint(rig_find(r.last, ACTION_STORE_CHUNK)->chunk.pfn, ==, 2);
    g_assert_true(rig_find(r.last, ACTION_STORE_CHUNK)->chunk.whole);
}

static void test_zero(void)
{
    g_auto(Rig) r = rig_modern_dumping(WIRE_EXT_ALL);
    guint32 nr = rig_sent(r.last, WIRE_CMD_SEND_RUN)->nr;

    rig_packet(&r, WIRE_MSG_ZERO, nr, 1000);
    rig_packet(&r, WIRE_MSG_ZERO, nr, 1000); /* twice is once */
    g_assert_cmpuint(rig_facts(&r)->pages.zero, ==, 1 + 1000 - WINDOW_START);
    for (guint32 i = 1; i < WINDOW_START; i++)
        rig_packet(&r, WIRE_MSG_ZERO, nr + i, 1000 - i);
    g_assert_cmpuint(rig_facts(&r)->pages.zero, ==, 1000);
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_SEND_RUN)->from, >=, 1000);
    g_assert_cmpuint(rig_facts(&r)->pages.stored, ==, 0);
    /* 0 is as good as 1; what was never asked for is nothing; none goes beyond the end. */
    nr = rig_sent(r.all, WIRE_CMD_SEND_RUN)->nr;
    rig_packet(&r, WIRE_MSG_ZERO, nr + 12345, 7);
    g_assert_cmpuint(rig_facts(&r)->pages.zero, ==, 1000);
    rig_packet(&r, WIRE_MSG_ZERO, nr, 0);
    g_assert_cmpuint(rig_facts(&r)->pages.zero, ==, 1001);
    rig_packet(&r, WIRE_MSG_ZERO, nr + 1, G_MAXUINT32);
    g_assert_cmpuint(rig_facts(&r)->pages.zero, <=, 2000);
}

static void packed(Rig *r, guint32 nr, guint32 offset, guint32 size, gconstpointer bytes, gsize len)
{
    WireMessage m = {.kind = WIRE_MSG_PACKED,
                     .version = 5,
                     .nr = nr,
                     .info = offset,
                     .size = size,
                     .data = bytes,
                     .len = len};

    rig_event(r, (Event){.kind = EVENT_PACKET, .packet = &m});
}

static void test_packed(void)
{
    /* 2048 times 'a': one literal, a match of 2042 (4 + 15 + 7 * 255 + 238), five literals. */
    static const guint8 block[] = {0x1f, 'a', 1,   0,    255, 255, 255, 255, 255,
                                   255,  255, 238, 0x50, 'a', 'a', 'a', 'a', 'a'};
    static const guint8 raw[2048] = {1, 2, 3};
    g_auto(Rig) r = rig_modern_dumping(WIRE_EXT_ALL);
    guint32 nr = rig_sent(r.last, WIRE_CMD_SEND_RUN)->nr;

    packed(&r, nr, 0, 1024, block, sizeof block);    /* not of that size: as if lost */
    packed(&r, nr, 3072, 2048, block, sizeof block); /* beyond the page */
    g_assert_null(rig_find(r.all, ACTION_STORE_CHUNK));
    packed(&r, nr, 0, 2048, block, sizeof block);
    g_assert_cmpuint(rig_count(r.last, ACTION_STORE_CHUNK), ==, 2);
    g_assert_cmpuint(rig_find(r.last, ACTION_STORE_CHUNK)->chunk.offset, ==, 1024);
    for (guint i = 0; i < WIRE_CHUNK_SIZE; i++)
        g_assert_cmpint(rig_find(r.last, ACTION_STORE_CHUNK)->data[i], ==, 'a');
    rig_packet(&r, WIRE_MSG_MEM, nr, 2048);      /* the old way for the next piece */
    packed(&r, nr, 2048, 2048, raw, sizeof raw); /* as long as the piece: not packed at all */
    g_assert_cmpuint(rig_count(r.last, ACTION_STORE_CHUNK), ==, 1);
    g_assert_true(rig_find(r.last, ACTION_STORE_CHUNK)->chunk.whole);
    g_assert_true(rig_find(r.last, ACTION_STORE_CHUNK)->data == raw + 1024);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/client-kernel/told", test_told);
    g_test_add_func("/client-kernel/lost", test_lost);
    g_test_add_func("/client-kernel/refused", test_refused);
    g_test_add_func("/client-kernel/not-offered", test_not_offered);
    g_test_add_func("/client-kernel/run", test_run);
    g_test_add_func("/client-kernel/zero", test_zero);
    g_test_add_func("/client-kernel/packed", test_packed);
    return g_test_run();
}
