/* test-elfcore.c - the head of a dump file, read back with <elf.h>'s structs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/elf_netdump.h"

#include <elf.h>
#include <string.h>

typedef struct {
    const char *name;
    guint32 machine, page_size;
    gboolean is64, big_endian;
    guint32 prstatus, regs_at, regs, prpsinfo, task;
} Machine;

/* The table of crash's needs, written down a second time. */
static const Machine machines[] = {
    {"i386", 3, 4096, FALSE, FALSE, 144, 72, 68, 124, 4},
    {"x86_64", 62, 4096, TRUE, FALSE, 336, 112, 216, 136, 8},
    {"ppc64", 21, 65536, TRUE, TRUE, 504, 112, 384, 136, 8},
    {"ppc64-4k", 21, 4096, TRUE, TRUE, 504, 112, 384, 136, 8},
    {"ia64", 50, 16384, TRUE, FALSE, 1144, 112, 1024, 136, 16},
};

/* What the file says, in host order. */
typedef struct {
    guint32 type, flags;
    guint64 offset, vaddr, paddr, filesz, memsz, align;
} Segment;

static void assert_same(const void *a, const void *b, gsize len)
{
    g_assert_true(memcmp(a, b, len) == 0);
}

static guint64 number(const Machine *m, const guint8 *at, gsize size)
{
    guint64 value = 0;

    for (gsize i = 0; i < size; i++)
        value = value << 8 | at[m->big_endian ? i : size - 1 - i];
    return value;
}

#define FIELD(m, at, type, field) number(m, (at) + offsetof(type, field), sizeof((type){0}.field))
#define EHDR(m, at, field)                                                                         \
    ((m)->is64 ? FIELD(m, at, Elf64_Ehdr, field) : FIELD(m, at, Elf32_Ehdr, field))
#define PHDR(m, at, field)                                                                         \
    ((m)->is64 ? FIELD(m, at, Elf64_Phdr, field) : FIELD(m, at, Elf32_Phdr, field))

static Segment segment(const Machine *m, const guint8 *file, guint i)
{
    const guint8 *at = file + EHDR(m, file, e_phoff) + i * EHDR(m, file, e_phentsize);

    return (Segment){.type = (guint32)PHDR(m, at, p_type),
                     .flags = (guint32)PHDR(m, at, p_flags),
                     .offset = PHDR(m, at, p_offset),
                     .vaddr = PHDR(m, at, p_vaddr),
                     .paddr = PHDR(m, at, p_paddr),
                     .filesz = PHDR(m, at, p_filesz),
                     .memsz = PHDR(m, at, p_memsz),
                     .align = PHDR(m, at, p_align)};
}

static ElfSpec spec_of(const Machine *m, gsize regs_len)
{
    ElfSpec spec = {.machine = m->machine,
                    .page_size = m->page_size,
                    .nr_pages = 1000,
                    .page_offset = m->is64 ? 0xc000000000000000 : 0xc0000000,
                    .task = m->is64 ? 0xc0000000deadbeef : 0xdeadbeef};
    guint8 regs[2 * LIMIT_REGS];

    for (gsize i = 0; i < sizeof regs; i++)
        regs[i] = (guint8)(i * 7 + 1) ? (guint8)(i * 7 + 1) : 0x55; /* no zeros */
    elf_netdump_set_regs(&spec, regs, regs_len);
    g_assert_true(elf_netdump_valid(&spec));
    return spec;
}

static guint8 *build(const ElfSpec *spec)
{
    gsize size = elf_netdump_header_size(spec);
    guint8 *file = g_malloc(size + 16);

    memset(file, 0xee, size + 16);
    elf_netdump_build(spec, file);
    for (gsize i = 0; i < 16; i++)
        g_assert_cmphex(file[size + i], ==, 0xee);
    return file;
}

static void check_ehdr(const Machine *m, const guint8 *file)
{
    const guint8 ident[16] = {
        0x7f, 'E', 'L', 'F', m->is64 ? 2 : 1, m->big_endian ? 2 : 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    assert_same(file, ident, 16);
    g_assert_cmpuint(EHDR(m, file, e_type), ==, 4);
    g_assert_cmpuint(EHDR(m, file, e_machine), ==, m->machine);
    g_assert_cmpuint(EHDR(m, file, e_version), ==, 1);
    g_assert_cmpuint(EHDR(m, file, e_phoff), ==, m->is64 ? 64 : 52);
    g_assert_cmpuint(EHDR(m, file, e_ehsize), ==, m->is64 ? 64 : 52);
    g_assert_cmpuint(EHDR(m, file, e_phentsize), ==, m->is64 ? 56 : 32);
    g_assert_cmpuint(EHDR(m, file, e_phnum), ==, 2);
    g_assert_cmpuint(EHDR(m, file, e_shoff) + EHDR(m, file, e_shnum), ==, 0);
}

/* The note's head is right; returns its content, and moves *at behind it. */
static const guint8 *take_note(const Machine *m, const guint8 **at, guint32 type, guint32 size)
{
    const guint8 *note = *at;

    g_assert_cmpuint(number(m, note, 4), ==, 4);
    g_assert_cmpuint(number(m, note + 4, 4), ==, size);
    g_assert_cmphex(number(m, note + 8, 4), ==, type);
    assert_same(note + 12, "CORE", 4);
    *at = note + 16 + size;
    return note + 16;
}

static gboolean is_zero(const guint8 *bytes, gsize len)
{
    while (len > 0 && bytes[len - 1] == 0)
        len--;
    return len == 0;
}

static void check_regs(const Machine *m, const ElfSpec *spec, const guint8 *prstatus)
{
    gsize n = MIN(spec->regs_len, m->regs);

    g_assert_cmpuint(elf_netdump_regs_size(m->machine), ==, m->regs);
    g_assert_true(is_zero(prstatus, m->regs_at));
    assert_same(prstatus + m->regs_at, spec->regs, n);
    g_assert_true(is_zero(prstatus + m->regs_at + n, m->prstatus - m->regs_at - n));
}

static void check_file(const Machine *m, const ElfSpec *spec)
{
    g_autofree guint8 *file = build(spec);
    Segment note = segment(m, file, 0), load = segment(m, file, 1);
    guint64 memory = (guint64)spec->nr_pages * spec->page_size;
    const guint8 *at = file + note.offset, *content;

    check_ehdr(m, file);
    g_assert_cmpuint(note.type, ==, PT_NOTE);
    g_assert_cmpuint(note.offset, ==, m->is64 ? 64 + 2 * 56 : 52 + 2 * 32);
    g_assert_cmpuint(note.memsz + note.vaddr + note.paddr, ==, 0);

    g_assert_cmpuint(load.type, ==, PT_LOAD);
    g_assert_cmpuint(load.offset, ==, elf_netdump_header_size(spec));
    g_assert_cmpuint(load.offset % m->page_size + load.offset % 4096, ==, 0);
    g_assert_cmpuint(load.align, ==, m->page_size);
    g_assert_cmpuint(load.paddr, ==, 0);
    g_assert_cmphex(load.vaddr, ==, spec->page_offset);
    g_assert_cmpuint(load.filesz, ==, m->is64 ? memory : (guint32)memory);
    g_assert_cmpuint(load.memsz, ==, load.filesz);
    g_assert_cmpuint(load.flags, ==, PF_R | PF_W | PF_X);

    check_regs(m, spec, take_note(m, &at, 1, m->prstatus));
    g_assert_true(is_zero(take_note(m, &at, 3, m->prpsinfo), m->prpsinfo));
    content = take_note(m, &at, 4, m->task);
    g_assert_cmphex(number(m, content, m->is64 ? 8 : 4), ==, spec->task);
    if (m->task == 16)
        g_assert_true(is_zero(content + 8, 8));
    if (spec->partial) {
        content = take_note(m, &at, 0x70000001, 4);
        g_assert_cmpuint(number(m, content, 4), ==, 1);
    }
    g_assert_cmpuint((gsize)(at - file), ==, note.offset + note.filesz);
    g_assert_cmpuint(note.offset + note.filesz, <=, load.offset);
    g_assert_true(is_zero(at, load.offset - (gsize)(at - file)));
}

static void test_layout(gconstpointer data)
{
    const Machine *m = data;
    ElfSpec spec = spec_of(m, m->regs);

    check_file(m, &spec);
    spec.partial = TRUE;
    check_file(m, &spec);
    spec.task = 0;
    spec.nr_pages = 1;
    check_file(m, &spec);
    spec.nr_pages = G_MAXUINT32;
    check_file(m, &spec);
}

static void test_registers(gconstpointer data)
{
    const Machine *m = data;
    const gsize lengths[] = {0,   1,    m->regs - 1, m->regs, m->regs + 1,
                             448, 1023, 1024,        1025,    2 * LIMIT_REGS};

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        ElfSpec spec = spec_of(m, lengths[i]);

        g_assert_cmpuint(spec.regs_len, ==, MIN(lengths[i], LIMIT_REGS));
        check_file(m, &spec);
    }
}

/* The bytes of a small i386 dump's head, by hand. */
static void test_bytes(void)
{
    static const guint8 head[] = {
        0x7f, 'E',  'L', 'F',  1,   1,    1,   0,
        0,    0,    0,   0,    0,   0,    0,   0, /* ident */
        4,    0,    3,   0,    1,   0,    0,   0,
        0,    0,    0,   0,    52,  0,    0,   0, /* type .. phoff */
        0,    0,    0,   0,    0,   0,    0,   0,
        52,   0,    32,  0,    2,   0,    0,   0, /* shoff .. shentsize */
        0,    0,    0,   0,                       /* shnum, shstrndx */
        4,    0,    0,   0,    116, 0,    0,   0,
        0,    0,    0,   0,    0,   0,    0,   0, /* PT_NOTE */
        0x40, 1,    0,   0,    0,   0,    0,   0,
        0,    0,    0,   0,    4,   0,    0,   0, /* 144 + 124 + 4 + 3 * 16 */
        1,    0,    0,   0,    0,   0x10, 0,   0,
        0,    0,    0,   0xc0, 0,   0,    0,   0, /* PT_LOAD */
        0,    0x30, 0,   0,    0,   0x30, 0,   0,
        7,    0,    0,   0,    0,   0x10, 0,   0, /* filesz .. align */
        4,    0,    0,   0,    144, 0,    0,   0,
        1,    0,    0,   0,    'C', 'O',  'R', 'E',
    };
    ElfSpec spec = {.machine = 3, .page_size = 4096, .nr_pages = 3, .page_offset = 0xc0000000};
    g_autofree guint8 *file = build(&spec);

    g_assert_cmpuint(elf_netdump_header_size(&spec), ==, 4096);
    assert_same(file, head, sizeof head);
}

static void test_sizes(void)
{
    ElfSpec spec = {.machine = 62, .nr_pages = G_MAXUINT32};

    for (guint32 page_size = 4096; page_size <= 65536; page_size *= 2) {
        spec.page_size = page_size;
        g_assert_true(elf_netdump_valid(&spec));
        g_assert_cmpuint(elf_netdump_header_size(&spec), ==, page_size);
        g_assert_cmpuint(elf_netdump_page_offset(&spec, 0), ==, page_size);
        g_assert_cmpuint(elf_netdump_page_offset(&spec, G_MAXUINT32), ==, (guint64)page_size << 32);
    }
}

static void test_invalid(void)
{
    const ElfSpec good = {.machine = 62, .page_size = 4096, .nr_pages = 1};
    static const guint32 page_sizes[] = {0,    1,     1024,  2048,   4095,
                                         4097, 12288, 65535, 131072, 1u << 31};
    static const guint32 unknown[] = {0, 1, 2, 20, 22, 40, 183, 243, G_MAXUINT32};
    ElfSpec spec = good;

    g_assert_true(elf_netdump_valid(&spec));
    for (gsize i = 0; i < G_N_ELEMENTS(page_sizes); i++) {
        spec = good;
        spec.page_size = page_sizes[i];
        g_assert_false(elf_netdump_valid(&spec));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(unknown); i++) {
        spec = good;
        spec.machine = unknown[i];
        g_assert_false(elf_netdump_valid(&spec));
        g_assert_cmpuint(elf_netdump_regs_size(unknown[i]), ==, 0);
    }
    spec = good;
    spec.nr_pages = 0;
    g_assert_false(elf_netdump_valid(&spec));
    spec = good;
    spec.regs_len = LIMIT_REGS + 1;
    g_assert_false(elf_netdump_valid(&spec));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(machines); i++) {
        g_autofree char *layout = g_strdup_printf("/elfcore/layout/%s", machines[i].name);
        g_autofree char *registers = g_strdup_printf("/elfcore/registers/%s", machines[i].name);

        g_test_add_data_func(layout, &machines[i], test_layout);
        g_test_add_data_func(registers, &machines[i], test_registers);
    }
    g_test_add_func("/elfcore/bytes", test_bytes);
    g_test_add_func("/elfcore/sizes", test_sizes);
    g_test_add_func("/elfcore/invalid", test_invalid);
    return g_test_run();
}
