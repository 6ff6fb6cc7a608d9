/* test-elfkdump.c - the head of a dump as kdump's users know it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/elf_kdump.h"
#include "core/format/elf_netdump.h"

#include <elf.h>
#include <string.h>

static const char info[] = "OSRELEASE=6.1.0\nSYMBOL(_stext)=ffffffffb3e00000\n"
                           "NUMBER(phys_base)=-828375040\n";

static const KernelInfoRange ranges[] = {{1, 159}, {256, 131040}};

static ElfSpec *spec_new(void)
{
    ElfSpec *s = g_new0(ElfSpec, 1);

    s->machine = EM_X86_64;
    s->page_size = 4096;
    s->nr_pages = 131040;
    s->page_offset = G_GUINT64_CONSTANT(0xffff888000000000);
    s->regs_len = 216;
    memset(s->regs, 0x5a, s->regs_len);
    s->kernel.vmcoreinfo_len = sizeof info - 1;
    memcpy(s->kernel.vmcoreinfo, info, sizeof info - 1);
    s->kernel.n_ranges = G_N_ELEMENTS(ranges);
    memcpy(s->kernel.ranges, ranges, sizeof ranges);
    return s;
}

static guint8 *head_of(const ElfSpec *s)
{
    guint8 *head = g_malloc(ELF_KDUMP_SIZE);

    g_assert_cmpuint(elf_netdump_header_size(s), ==, ELF_KDUMP_SIZE);
    elf_netdump_build(s, head);
    return head;
}

static const Elf64_Phdr *phdr(const guint8 *head, guint i)
{
    return (const Elf64_Phdr *)(const void *)(head + sizeof(Elf64_Ehdr)) + i;
}

static void test_layout(void)
{
    g_autofree ElfSpec *s = spec_new();
    g_autofree guint8 *head = head_of(s);
    const Elf64_Ehdr *e = (const Elf64_Ehdr *)(const void *)head;
    const Elf64_Nhdr *note = (const Elf64_Nhdr *)(const void *)(head + phdr(head, 0)->p_offset);

    g_assert_cmpuint(e->e_phnum, ==, 4); /* notes, image, two ranges */
    g_assert_cmpuint(e->e_phoff, ==, sizeof *e);
    g_assert_cmpuint(phdr(head, 0)->p_type, ==, PT_NOTE);
    g_assert_cmpuint(phdr(head, 0)->p_offset, ==, sizeof *e + 4 * sizeof(Elf64_Phdr));
    for (guint i = 0; i < 2; i++) {
        const Elf64_Phdr *load = phdr(head, 2 + i);
        guint64 paddr = ranges[i].first * 4096ull;

        g_assert_cmpuint(load->p_type, ==, PT_LOAD);
        g_assert_cmpuint(load->p_align, ==, 0);
        g_assert_cmphex(load->p_paddr, ==, paddr);
        g_assert_cmphex(load->p_vaddr, ==, s->page_offset + paddr);
        g_assert_cmphex(load->p_offset, ==, elf_netdump_page_offset(s, ranges[i].first));
        g_assert_cmphex(load->p_filesz, ==, (ranges[i].end - ranges[i].first) * 4096ull);
    }
    g_assert_cmpuint(note->n_namesz, ==, 5);
    g_assert_cmpuint(note->n_descsz, ==, 336);
    g_assert_cmpuint(note->n_type, ==, NT_PRSTATUS);
    g_assert_true(memcmp((const guint8 *)note + 20 + 112, s->regs, 216) == 0);
    note = (const Elf64_Nhdr *)(const void *)((const guint8 *)note + 20 + 336);
    g_assert_cmpuint(note->n_namesz, ==, 11);
    g_assert_cmpuint(note->n_descsz, ==, sizeof info - 1);
    g_assert_true(memcmp((const guint8 *)note + 24, info, sizeof info - 1) == 0);
}

/* Where the kernel's image is mapped: inside a range, or not told at all. */
static void test_image(void)
{
    g_autofree ElfSpec *s = spec_new();
    g_autofree guint8 *head = head_of(s), *without = NULL;
    guint64 paddr = 0x33e00000 - 828375040ull;

    g_assert_cmphex(phdr(head, 1)->p_vaddr, ==, G_GUINT64_CONSTANT(0xffffffffb3e00000));
    g_assert_cmphex(phdr(head, 1)->p_paddr, ==, paddr);
    g_assert_cmphex(phdr(head, 1)->p_offset, ==, ELF_KDUMP_SIZE + paddr);
    g_assert_cmphex(paddr + phdr(head, 1)->p_filesz, <=, 131040 * 4096ull);
    s->kernel.ranges[1].first = (guint32)(paddr / 4096) + 1;
    without = head_of(s);
    g_assert_cmpuint(((const Elf64_Ehdr *)(const void *)without)->e_phnum, ==, 3);
}

static void test_read_back(void)
{
    for (guint cpu = 0; cpu < 34; cpu += 11) {
        g_autofree ElfSpec *s = spec_new(), *again = spec_new();
        g_autofree guint8 *head = NULL;

        s->partial = cpu % 2;
        s->kernel.cpu = cpu;
        s->kernel.pid = 122 + cpu;
        head = head_of(s);
        memset(&again->kernel, 0, sizeof again->kernel);
        g_assert_true(elf_kdump_read(again, head));
        g_assert_cmpuint(again->kernel.cpu, ==, cpu < 32 ? cpu : 0);
        g_assert_cmpuint(again->kernel.pid, ==, 122 + cpu);
        g_assert_cmpuint(again->kernel.n_ranges, ==, 2);
        g_assert_true(memcmp(again->kernel.ranges, ranges, sizeof ranges) == 0);
        g_assert_cmpuint(again->kernel.vmcoreinfo_len, ==, sizeof info - 1);
    }
}

/* Any byte that is not as we wrote it makes it somebody else's. */
static void test_not_ours(void)
{
    g_autofree ElfSpec *s = spec_new(), *again = spec_new();
    g_autofree guint8 *head = head_of(s);
    guint32 seed = (guint32)g_test_rand_int();
    GRand *rand = g_rand_new_with_seed(seed);

    g_test_message("seed %u", seed);
    for (guint i = 0; i < 3000; i++) {
        guint32 at = (guint32)g_rand_int_range(rand, 0, i % 2 ? 800 : ELF_KDUMP_SIZE);
        guint8 was = head[at];

        head[at] = (guint8)(was + g_rand_int_range(rand, 1, 256));
        /* The parts that are read are believed: ranges, VMCOREINFO. All else must be ours. */
        if (elf_kdump_read(again, head))
            g_assert_true(memcmp(&again->kernel, &s->kernel, sizeof s->kernel) != 0);
        else
            g_assert_cmpuint(again->kernel.vmcoreinfo_len, ==, 0);
        head[at] = was;
    }
    g_rand_free(rand);
    memset(head, 0, ELF_KDUMP_SIZE);
    g_assert_false(elf_kdump_read(again, head));
}

/* Without a kernel that makes sense, or on other machines, the head is that of old. */
static void test_not_applied(void)
{
    g_autofree ElfSpec *s = spec_new();

    g_assert_true(elf_kdump_applies(s));
    s->nr_pages = 131039;
    g_assert_false(elf_kdump_applies(s));
    g_assert_cmpuint(elf_netdump_header_size(s), ==, 4096);
    s->nr_pages = 131040;
    s->machine = EM_IA_64;
    g_assert_false(elf_kdump_applies(s));
    s->machine = EM_X86_64;
    s->kernel.vmcoreinfo_len = 0;
    g_assert_false(elf_kdump_applies(s));
}

/* As much as can be told still fits. */
static void test_largest(void)
{
    g_autofree ElfSpec *s = spec_new(), *again = spec_new();
    g_autofree guint8 *head = NULL;

    s->nr_pages = G_MAXUINT32;
    s->partial = TRUE;
    s->kernel.cpu = 31;
    s->kernel.vmcoreinfo_len = KERNEL_INFO_VMCOREINFO_MAX;
    memset(s->kernel.vmcoreinfo + sizeof info - 1, '\n',
           KERNEL_INFO_VMCOREINFO_MAX - sizeof info + 1);
    s->kernel.n_ranges = KERNEL_INFO_RANGES_MAX;
    for (guint32 i = 0; i < KERNEL_INFO_RANGES_MAX; i++)
        s->kernel.ranges[i] = (KernelInfoRange){i * 1000000, i * 1000000 + 999999};
    head = head_of(s);
    again->nr_pages = s->nr_pages;
    g_assert_true(elf_kdump_read(again, head));
    g_assert_cmpuint(again->kernel.n_ranges, ==, KERNEL_INFO_RANGES_MAX);
    g_assert_cmpuint(again->kernel.cpu, ==, 31);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/elfkdump/layout", test_layout);
    g_test_add_func("/elfkdump/image", test_image);
    g_test_add_func("/elfkdump/read-back", test_read_back);
    g_test_add_func("/elfkdump/not-ours", test_not_ours);
    g_test_add_func("/elfkdump/not-applied", test_not_applied);
    g_test_add_func("/elfkdump/largest", test_largest);
    return g_test_run();
}
