/* test-session-kernel.c - machines with current kernels: what they offer, what we take of it.
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
    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, 4096);
    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_DIR});
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES, 2000);
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_CODE_REGS, 1900);
    return r;
}

static void data(Rig *r, gconstpointer bytes, gsize len, guint32 total)
{
    rig_reply(r, WIRE_CODE_DATA, rig_sent(r->all, WIRE_CMD_GET_DATA).nr, total, bytes, len);
}

static void tell_map(Rig *r)
{
    const guint32 map[] = {GUINT32_TO_BE(1), GUINT32_TO_BE(1901)};

    data(r, map, sizeof map, sizeof map);
}

static void begin_pages(Rig *r)
{
    rig_event(r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    rig_event(r, (Event){.kind = EVENT_FILE});
    g_assert_cmpstr(rig_state(r), ==, "dumping");
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
static void keep_release(gpointer user, const char *key, const char *value)
{
    if (g_str_equal(key, "release"))
        g_string_append(user, value);
}

static void test_told(void)
{
    g_auto(Rig) r = rig_modern(WIRE_EXT_ALL | 0xf00);
    g_autoptr(GString) release = g_string_new(NULL);

    g_assert_cmphex(rig_sent(r.all, WIRE_CMD_START_NETDUMP_ACK).to, ==, WIRE_EXT_ALL);
    g_assert_cmpstr(rig_state(&r), ==, "asking");
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_GET_DATA).to, ==, WIRE_DATA_VMCOREINFO);
    data(&r, info, 8, (guint32)strlen(info));
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_GET_DATA).from, ==, 8);
    data(&r, info + 8, strlen(info) - 8, (guint32)strlen(info));
    g_assert_cmpuint(rig_sent(r.last, WIRE_CMD_GET_DATA).to, ==, WIRE_DATA_RAM);
    g_assert_cmpstr(rig_state(&r), ==, "asking");
    g_assert_cmpint(rig_netdump(&r)->kernel, ==, KERNEL_UNKNOWN);
    tell_map(&r);
    g_assert_cmpstr(rig_state(&r), ==, "preparing");
    g_assert_cmpint(rig_netdump(&r)->kernel, ==, KERNEL_TOLD);
    g_assert_cmpstr(rig_facts(&r)->system, ==, "x86_64, Linux 6.1.0");
    r.c->ops->describe(r.c, keep_release, release);
    g_assert_cmpstr(release->str, ==, "6.1.0");
    g_assert_cmpuint(rig_netdump(&r)->elf.kernel.cpu, ==, 3);
    g_assert_cmpuint(rig_netdump(&r)->elf.kernel.pid, ==, 122);
    g_assert_cmpuint(rig_netdump(&r)->elf.kernel.ranges[0].end, ==, 1901);
    g_assert_true(kernel_info_usable(&rig_netdump(&r)->elf.kernel, rig_netdump(&r)->elf.nr_pages));
}

/* Asked again, from the same place, until it comes. */
static void test_lost(void)
{
    g_auto(Rig) r = rig_modern(WIRE_EXT_DATA);
    guint32 nr;

    data(&r, info, 8, (guint32)strlen(info));
    nr = rig_sent(r.last, WIRE_CMD_GET_DATA).nr;
    rig_clear(&r);
    rig_pass(&r, SPAN_S(5));
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_GET_DATA), >, 1);
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_GET_DATA).nr, ==, nr);
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_GET_DATA).from, ==, 8);
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
            rig_answer(&r, WIRE_CMD_GET_DATA, WIRE_CODE_ERROR, WIRE_CMD_GET_DATA);
        g_assert_cmpstr(rig_state(&r), ==, "preparing");
        g_assert_cmpint(rig_netdump(&r)->kernel, ==, KERNEL_UNKNOWN);
        begin_pages(&r);
    }
}

/* Who does not offer is not asked. */
static void test_not_offered(void)
{
    g_auto(Rig) r = rig_modern(0);

    g_assert_cmphex(rig_sent(r.all, WIRE_CMD_START_NETDUMP_ACK).to, ==, 0);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_GET_DATA), ==, 0);
    begin_pages(&r);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_RUN), ==, 0);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_MEM), ==, CONGESTION_START);
}

static void test_run(void)
{
    g_auto(Rig) r = rig_modern_dumping(WIRE_EXT_ALL);
    WireRequest run = rig_sent(r.last, WIRE_CMD_SEND_RUN);

    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_MEM), ==, 0);
    g_assert_cmpuint(rig_count_sent(r.all, WIRE_CMD_SEND_RUN), ==, 1);
    g_assert_cmpuint(run.from, ==, 0);
    g_assert_cmpuint(run.to, ==, CONGESTION_START);
    /* Each page is answered by itself. */
    rig_page(&r, run.nr + 2);
    g_assert_cmpuint(rig_store_pfn(&r, rig_find(r.last, ACTION_STORE)), ==, 2);
    g_assert_true(rig_find(r.last, ACTION_STORE)->store.last);
}

static void test_zero(void)
{
    g_auto(Rig) r = rig_modern_dumping(WIRE_EXT_ALL);
    guint32 nr = rig_sent(r.last, WIRE_CMD_SEND_RUN).nr;

    rig_packet(&r, WIRE_CODE_ZERO, nr, 1000);
    rig_packet(&r, WIRE_CODE_ZERO, nr, 1000); /* twice is once */
    g_assert_cmpuint(rig_netdump(&r)->transfer.stats.zero, ==, 1 + 1000 - CONGESTION_START);
    for (guint32 i = 1; i < CONGESTION_START; i++)
        rig_packet(&r, WIRE_CODE_ZERO, nr + i, 1000 - i);
    g_assert_cmpuint(rig_netdump(&r)->transfer.stats.zero, ==, 1000);
    g_assert_cmpuint(rig_sent(r.all, WIRE_CMD_SEND_RUN).from, >=, 1000);
    g_assert_cmpuint(rig_netdump(&r)->transfer.stats.stored, ==, 0);
    /* 0 is as good as 1; what was never asked for is nothing; none goes beyond the end. */
    nr = rig_sent(r.all, WIRE_CMD_SEND_RUN).nr;
    rig_packet(&r, WIRE_CODE_ZERO, nr + 12345, 7);
    g_assert_cmpuint(rig_netdump(&r)->transfer.stats.zero, ==, 1000);
    rig_packet(&r, WIRE_CODE_ZERO, nr, 0);
    g_assert_cmpuint(rig_netdump(&r)->transfer.stats.zero, ==, 1001);
    rig_packet(&r, WIRE_CODE_ZERO, nr + 1, G_MAXUINT32);
    g_assert_cmpuint(rig_netdump(&r)->transfer.stats.zero, <=, 2000);
}

static void packed(Rig *r, guint32 nr, guint32 offset, guint32 size, gconstpointer bytes, gsize len)
{
    rig_receive(r, wire_reply_packed(rig_datagram, nr, offset, size / 1024, bytes, len));
}

static void test_packed(void)
{
    /* 2048 times 'a': one literal, a match of 2042 (4 + 15 + 7 * 255 + 238), five literals. */
    static const guint8 block[] = {0x1f, 'a', 1,   0,    255, 255, 255, 255, 255,
                                   255,  255, 238, 0x50, 'a', 'a', 'a', 'a', 'a'};
    static const guint8 raw[1024] = {1, 2, 3};
    g_auto(Rig) r = rig_modern_dumping(WIRE_EXT_ALL);
    guint32 nr = rig_sent(r.last, WIRE_CMD_SEND_RUN).nr;

    packed(&r, nr, 0, 1024, block, sizeof block);    /* not of that size: as if lost */
    packed(&r, nr, 3072, 2048, block, sizeof block); /* beyond the page */
    g_assert_null(rig_find(r.all, ACTION_STORE));
    packed(&r, nr, 0, 2048, block, sizeof block);
    g_assert_cmpuint(rig_count(r.last, ACTION_STORE), ==, 2);
    g_assert_cmpuint(rig_store_at(&r, rig_find(r.last, ACTION_STORE)), ==, 1024);
    for (guint i = 0; i < WIRE_CHUNK_SIZE; i++)
        g_assert_cmpint(rig_find(r.last, ACTION_STORE)->store.data[i], ==, 'a');
    rig_packet(&r, WIRE_CODE_MEM, nr, 2048);     /* the old way for the next piece */
    packed(&r, nr, 3072, 1024, raw, sizeof raw); /* as long as the piece: not packed at all */
    g_assert_cmpuint(rig_count(r.last, ACTION_STORE), ==, 1);
    g_assert_true(rig_find(r.last, ACTION_STORE)->store.last);
    g_assert_true(rig_find(r.last, ACTION_STORE)->store.data == rig_datagram + WIRE_HEADER_SIZE);
    /* The page is there already. */
    packed(&r, nr, 0, 2048, block, sizeof block);
    g_assert_cmpuint(rig_count(r.last, ACTION_STORE), ==, 0);
}

/* Blocks that are no LZ4, or unpack to another size: as if they were lost. */
static void test_packed_bad(void)
{
    static const struct {
        guint8 block[8];
        guint len;
    } bad[] = {
        {{0}, 0},                                 /* nothing */
        {{0x10}, 1},                              /* literals missing */
        {{0xf0, 255, 255}, 3},                    /* a length without an end */
        {{0x10, 'a', 0, 0, 0x00}, 5},             /* distance 0 */
        {{0x10, 'a', 2, 0, 0x00}, 5},             /* before the start */
        {{0x10, 'a', 1}, 3},                      /* half a distance */
        {{0x1f, 'a', 1, 0, 255, 255, 255, 9}, 8}, /* a match beyond the end */
    };
    g_auto(Rig) r = rig_modern_dumping(WIRE_EXT_ALL);
    guint32 nr = rig_sent(r.last, WIRE_CMD_SEND_RUN).nr;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        packed(&r, nr, 0, 1024, bad[i].block, bad[i].len);
        packed(&r, nr, 0, 4096, bad[i].block, bad[i].len);
    }
    g_assert_null(rig_find(r.all, ACTION_STORE));
}

static void test_packed_noise(void)
{
    guint32 seed = (guint32)g_test_rand_int();
    GRand *rand = g_rand_new_with_seed(seed);
    g_auto(Rig) r = rig_modern_dumping(WIRE_EXT_ALL);
    guint32 nr = rig_sent(r.last, WIRE_CMD_SEND_RUN).nr;

    g_test_message("seed %u", seed);
    for (guint round = 0; round < 20000; round++) {
        guint8 block[200];
        gsize len = (gsize)g_rand_int_range(rand, 0, sizeof block);

        for (gsize i = 0; i < len; i++)
            block[i] = (guint8)(g_rand_boolean(rand) ? g_rand_int(rand) : g_rand_int(rand) % 32);
        packed(&r, nr, 0, 1024u << (round % 3), block, len); /* under a sanitizer: stays inside */
    }
    g_assert_true(rig_is(&r, "dumping"));
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/kernel/told", test_told);
    g_test_add_func("/session/kernel/lost", test_lost);
    g_test_add_func("/session/kernel/refused", test_refused);
    g_test_add_func("/session/kernel/not-offered", test_not_offered);
    g_test_add_func("/session/kernel/run", test_run);
    g_test_add_func("/session/kernel/zero", test_zero);
    g_test_add_func("/session/kernel/packed", test_packed);
    g_test_add_func("/session/kernel/packed/bad", test_packed_bad);
    g_test_add_func("/session/kernel/packed/noise", test_packed_noise);
    return g_test_run();
}
