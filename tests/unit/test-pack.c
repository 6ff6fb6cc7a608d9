/* test-pack.c - what the client's module packs is LZ4, and smaller than before.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "../../client/module/pack.h"

#include <glib.h>
#include <lz4.h>
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

/* Pointers of a kernel: the upper halves are all alike. */
static void fill_pointers(GRand *rand, guint8 *page)
{
    for (guint i = 0; i < PAGE; i += 8) {
        guint64 value = G_GUINT64_CONSTANT(0xffff888000000000) + g_rand_int(rand) % 0x20000000;

        value = GUINT64_TO_LE(g_rand_boolean(rand) ? value : 0);
        memcpy(page + i, &value, sizeof value);
    }
}

static const Fill fills[] = {fill_zero, fill_random, fill_runs, fill_pointers};

/* TRUE if the block unpacks to exactly size bytes. */
static gboolean unpack(const guint8 *block, guint len, guint8 *out, guint size)
{
    return LZ4_decompress_safe((const char *)block, (char *)out, (int)len, (int)size) == (int)size;
}

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pack/round-trip", test_round_trip);
    g_test_add_func("/pack/small", test_small);
    return g_test_run();
}
