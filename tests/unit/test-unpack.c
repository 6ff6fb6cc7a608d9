/* test-unpack.c - what the client's module packs comes out again; what others send does no harm.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/unpack.h"

#include "../../client/module/pack.h"

#include <string.h>

#define PAGE 4096u

typedef void (*Fill)(GRand *rand, guint8 *page);

static void fill_zero(G_GNUC_UNUSED GRand *rand, guint8 *page)
{
    memset(page, 0, PAGE);
}

static void fill_random(GRand *rand, guint8 *page)
{
    for (guint i = 0; i < PAGE; i++)
        page[i] = (guint8)g_rand_int(rand);
}

/* Runs of all lengths, between bytes that are none. */
static void fill_runs(GRand *rand, guint8 *page)
{
    for (guint at = 0; at < PAGE;) {
        guint wanted = (guint)g_rand_int_range(rand, 1, 600), n = MIN(wanted, PAGE - at);
        guint8 byte = (guint8)g_rand_int(rand);

        for (guint i = 0; i < n; i++)
            page[at + i] = (guint8)(n % 2 ? byte : byte + i % (n % 7 + 2));
        at += n;
    }
}

/* KernelInfo pointers: the upper halves are all alike. */
static void fill_pointers(GRand *rand, guint8 *page)
{
    for (guint i = 0; i < PAGE; i += 8) {
        guint64 value = G_GUINT64_CONSTANT(0xffff888000000000) + g_rand_int(rand) % 0x20000000;

        value = GUINT64_TO_LE(g_rand_boolean(rand) ? value : 0);
        memcpy(page + i, &value, sizeof value);
    }
}

static const Fill fills[] = {fill_zero, fill_random, fill_runs, fill_pointers};

static void test_round_trip(void)
{
    static const guint sizes[] = {1, 5, 12, 13, 64, 1024, 2048, 4096};
    guint32 seed = (guint32)g_test_rand_int();
    GRand *rand = g_rand_new_with_seed(seed);
    g_autofree struct nd_pack_space *space = g_new(struct nd_pack_space, 1);
    guint packed = 0;

    g_test_message("seed %u", seed);
    for (guint round = 0; round < 2000; round++) {
        guint8 page[PAGE], block[2 * PAGE], out[PAGE + 1];
        guint size = sizes[round % G_N_ELEMENTS(sizes)];
        guint max = round % 3 ? sizeof block : (guint)g_rand_int_range(rand, 1, 1500), len;

        fills[(round / G_N_ELEMENTS(sizes)) % G_N_ELEMENTS(fills)](rand, page);
        memset(block, 0x5a, sizeof block);
        len = nd_pack(space, page, size, block, max);
        g_assert_cmpuint(len, <=, max);
        if (max < sizeof block)
            g_assert_cmpuint(block[max], ==, 0x5a);
        if (len == 0)
            continue;
        packed++;
        out[size] = 0xa5;
        g_assert_true(unpack(block, len, out, size));
        g_assert_true(memcmp(out, page, size) == 0);
        g_assert_cmpuint(out[size], ==, 0xa5);
        /* Of another size, or cut off, it is none. */
        g_assert_false(unpack(block, len, out, size - 1));
        g_assert_false(unpack(block, len - 1, out, size));
        if (size < PAGE)
            g_assert_false(unpack(block, len, out, size + 1));
    }
    g_assert_cmpuint(packed, >, 1000);
    g_rand_free(rand);
}

/* A page of zeros must be tiny, or packing is of no use. */
static void test_small(void)
{
    g_autofree struct nd_pack_space *space = g_new(struct nd_pack_space, 1);
    guint8 page[PAGE], block[PAGE];

    memset(page, 0, sizeof page);
    g_assert_cmpuint(nd_pack(space, page, PAGE, block, sizeof block), <, 32);
}

static void test_known(void)
{
    /* By the format's description: 3 literals, a match of 8 at distance 3, 5 literals. */
    static const guint8 block[] = {0x34, 'a', 'b', 'c', 3, 0, 0x50, 'v', 'w', 'x', 'y', 'z'};
    guint8 out[16];

    g_assert_true(unpack(block, sizeof block, out, 16));
    g_assert_true(memcmp(out, "abcabcabcabvwxyz", 16) == 0);
}

static void test_bad(void)
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
    guint8 out[64];

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(unpack(bad[i].block, bad[i].len, out, sizeof out));
}

static void test_noise(void)
{
    guint32 seed = (guint32)g_test_rand_int();
    GRand *rand = g_rand_new_with_seed(seed);

    g_test_message("seed %u", seed);
    for (guint round = 0; round < 20000; round++) {
        gsize len = (gsize)g_rand_int_range(rand, 0, 200);
        g_autofree guint8 *block = g_malloc(len + 1);
        g_autofree guint8 *out = g_malloc(1024);

        for (gsize i = 0; i < len; i++)
            block[i] = (guint8)(g_rand_boolean(rand) ? g_rand_int(rand) : g_rand_int(rand) % 32);
        (void)!unpack(block, len, out, 1024); /* under a sanitizer: stays inside both */
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/unpack/round-trip", test_round_trip);
    g_test_add_func("/unpack/small", test_small);
    g_test_add_func("/unpack/known", test_known);
    g_test_add_func("/unpack/bad", test_bad);
    g_test_add_func("/unpack/noise", test_noise);
    return g_test_run();
}
