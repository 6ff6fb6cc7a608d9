/* test-kernel.c - what current kernels tell, taken piece by piece.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/kernel_info.h"

#include <string.h>

static const char info[] = "OSRELEASE=6.1.0-56-cloud-amd64\nPAGESIZE=4096\n"
                           "SYMBOL(_stext)=ffffffffb3e00000\nNUMBER(phys_base)=-427819008\n"
                           "NUMBER(odd)=12x\nKERNELOFFSET=32e00000\n";

static KernelInfo *with_info(void)
{
    KernelInfo *k = g_new0(KernelInfo, 1);

    g_assert_cmpint(
        kernel_info_add_vmcoreinfo(k, 0, (const guint8 *)info, sizeof info - 1, sizeof info - 1),
        ==, KERNEL_INFO_DONE);
    return k;
}

/* n pairs, big-endian. */
static guint8 *map_of(const guint32 *pairs, gsize n)
{
    guint8 *bytes = g_malloc(n * KERNEL_INFO_RANGE_SIZE + 1);

    for (gsize i = 0; i < 2 * n; i++) {
        guint32 big = GUINT32_TO_BE(pairs[i]);

        memcpy(bytes + 4 * i, &big, sizeof big);
    }
    return bytes;
}

static KernelInfoVerdict add_map(KernelInfo *k, const guint32 *pairs, gsize n)
{
    g_autofree guint8 *bytes = map_of(pairs, n);

    return kernel_info_add_ranges(k, 0, bytes, n * KERNEL_INFO_RANGE_SIZE,
                                  (guint32)n * KERNEL_INFO_RANGE_SIZE);
}

static void test_pieces(void)
{
    g_autofree KernelInfo *k = g_new0(KernelInfo, 1);
    const guint8 *text = (const guint8 *)info;
    guint32 total = sizeof info - 1;
    guint32 pairs[] = {1, 159, 256, 131040};
    g_autofree guint8 *map = map_of(pairs, 2);

    g_assert_cmpint(kernel_info_add_vmcoreinfo(k, 0, text, 8, total), ==, KERNEL_INFO_MORE);
    g_assert_cmpint(kernel_info_add_vmcoreinfo(k, 16, text + 16, 8, total), ==,
                    KERNEL_INFO_REFUSED);
    g_assert_cmpint(kernel_info_add_vmcoreinfo(k, 8, text + 8, total, total), ==,
                    KERNEL_INFO_REFUSED);
    g_assert_cmpint(kernel_info_add_vmcoreinfo(k, 8, text + 8, total - 8, total), ==,
                    KERNEL_INFO_DONE);
    g_assert_cmpuint(k->vmcoreinfo_len, ==, total);
    g_assert_true(memcmp(k->vmcoreinfo, info, total) == 0);
    g_assert_false(kernel_info_usable(k, 131040));

    g_assert_cmpint(kernel_info_add_ranges(k, 0, map, 8, 16), ==, KERNEL_INFO_MORE);
    g_assert_cmpint(kernel_info_add_ranges(k, 8, map + 8, 8, 16), ==, KERNEL_INFO_DONE);
    g_assert_cmpuint(k->n_ranges, ==, 2);
    g_assert_cmpuint(k->ranges[1].end, ==, 131040);
    g_assert_true(kernel_info_usable(k, 131040));
    g_assert_false(kernel_info_usable(k, 131039));
}

static void test_refused(void)
{
    static const guint32 bad[][4] = {
        {5, 5, 6, 7}, {5, 4, 6, 7}, {5, 9, 8, 12}, {5, 9, 1, 3}, {5, 9, G_MAXUINT32, 0},
    };
    g_autofree KernelInfo *k = g_new0(KernelInfo, 1);
    guint8 bytes[16] = {0};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        k->n_ranges = 0;
        g_assert_cmpint(add_map(k, bad[i], 2), ==, KERNEL_INFO_REFUSED);
    }
    g_assert_cmpint(kernel_info_add_ranges(k, 0, bytes, 0, 16), ==, KERNEL_INFO_REFUSED);
    g_assert_cmpint(kernel_info_add_ranges(k, 0, bytes, 12, 16), ==, KERNEL_INFO_REFUSED);
    g_assert_cmpint(kernel_info_add_ranges(k, 8, bytes, 16, 16), ==, KERNEL_INFO_REFUSED);
    g_assert_cmpint(kernel_info_add_ranges(k, 0, bytes, 16, G_MAXUINT32), ==, KERNEL_INFO_REFUSED);
    g_assert_cmpint(kernel_info_add_vmcoreinfo(k, 0, bytes, 16, KERNEL_INFO_VMCOREINFO_MAX + 1), ==,
                    KERNEL_INFO_REFUSED);
    g_assert_cmpint(kernel_info_add_vmcoreinfo(k, 0, bytes, 0, 16), ==, KERNEL_INFO_REFUSED);
}

/* Ranges that touch are one; too many end in one, which loses nothing. */
static void test_joined(void)
{
    guint32 touching[] = {1, 5, 5, 9};
    g_autofree KernelInfo *k = g_new0(KernelInfo, 1);

    g_assert_cmpint(add_map(k, touching, 2), ==, KERNEL_INFO_DONE);
    g_assert_cmpuint(k->n_ranges, ==, 1);
    g_assert_cmpuint(k->ranges[0].end, ==, 9);
    for (guint32 i = 0; i < 2 * KERNEL_INFO_RANGES_MAX; i++) {
        guint32 pair[] = {100 + 10 * i, 105 + 10 * i};

        g_assert_cmpint(add_map(k, pair, 1), ==, KERNEL_INFO_DONE);
    }
    g_assert_cmpuint(k->n_ranges, ==, KERNEL_INFO_RANGES_MAX);
    g_assert_cmpuint(k->ranges[KERNEL_INFO_RANGES_MAX - 1].end, ==,
                     105 + 10 * (2 * KERNEL_INFO_RANGES_MAX - 1));
}

static void test_numbers(void)
{
    g_autofree KernelInfo *k = with_info();
    guint64 value = 7;

    g_assert_true(kernel_info_number(k, "SYMBOL(_stext)", &value));
    g_assert_cmphex(value, ==, G_GUINT64_CONSTANT(0xffffffffb3e00000));
    g_assert_true(kernel_info_number(k, "NUMBER(phys_base)", &value));
    g_assert_cmphex(value, ==, (guint64)-427819008);
    g_assert_true(kernel_info_number(k, "KERNELOFFSET", &value));
    g_assert_cmphex(value, ==, 0x32e00000);
    g_assert_false(kernel_info_number(k, "NUMBER(odd)", &value));
    g_assert_false(kernel_info_number(k, "ERNELOFFSET", &value));
    g_assert_false(kernel_info_number(k, "NUMBER(none)", &value));
    g_assert_false(kernel_info_number(k, "OSRELEASE", &value));
}

static void test_release(void)
{
    g_autofree KernelInfo *k = with_info();
    char release[KERNEL_INFO_RELEASE_MAX];

    kernel_info_release(k, release);
    g_assert_cmpstr(release, ==, "6.1.0-56-cloud-amd64");
    k->vmcoreinfo[12] = '\033';
    kernel_info_release(k, release);
    g_assert_cmpstr(release, ==, "");
    memset(k->vmcoreinfo + 10, 'r', sizeof k->vmcoreinfo - 10);
    k->vmcoreinfo_len = sizeof k->vmcoreinfo;
    kernel_info_release(k, release);
    g_assert_cmpuint(strlen(release), ==, KERNEL_INFO_RELEASE_MAX - 1);
    k->vmcoreinfo_len = 0;
    kernel_info_release(k, release);
    g_assert_cmpstr(release, ==, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kernel/pieces", test_pieces);
    g_test_add_func("/kernel/refused", test_refused);
    g_test_add_func("/kernel/joined", test_joined);
    g_test_add_func("/kernel/numbers", test_numbers);
    g_test_add_func("/kernel/release", test_release);
    return g_test_run();
}
