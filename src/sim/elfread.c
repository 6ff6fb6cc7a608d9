/* elfread.c - look into the head of a dump file.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/elfread.h"

#include <elf.h>
#include <string.h>

#define NOTE_PARTIAL 0x70000001u
#define NOTE_HEAD    16u /* n_namesz, n_descsz, n_type and the four bytes of "CORE" */

typedef struct {
    const Model *model;
    const ElfExpected *expected;
    const guint8 *head;
    gsize len;
    char *fault;
} Reader;

static void G_GNUC_PRINTF(2, 3) fault(Reader *r, const char *format, ...)
{
    va_list args;

    if (r->fault)
        return;
    va_start(args, format);
    r->fault = g_strdup_vprintf(format, args);
    va_end(args);
}

/* An integer of 2, 4 or 8 bytes in the machine's byte order; 0 beyond the end. */
static guint64 get(Reader *r, guint64 at, gsize width)
{
    guint64 value = 0;

    if (at > r->len || r->len - at < width) {
        fault(r, "the file is shorter than its headers");
        return 0;
    }
    for (gsize i = 0; i < width; i++)
        value = value << 8 | r->head[at + (r->model->big_endian ? i : width - 1 - i)];
    return value;
}

static void expect(Reader *r, const char *what, guint64 is, guint64 should)
{
    if (is != should)
        fault(r, "%s is 0x%" G_GINT64_MODIFIER "x, not 0x%" G_GINT64_MODIFIER "x", what, is,
              should);
}

typedef struct {
    guint64 type, offset, vaddr, paddr, filesz, memsz, align;
} Phdr;

static Phdr read_phdr(Reader *r, guint index)
{
    guint64 at = r->model->wide ? sizeof(Elf64_Ehdr) + index * sizeof(Elf64_Phdr)
                                : sizeof(Elf32_Ehdr) + index * sizeof(Elf32_Phdr);

    if (r->model->wide)
        return (Phdr){get(r, at, 4),      get(r, at + 8, 8),  get(r, at + 16, 8),
                      get(r, at + 24, 8), get(r, at + 32, 8), get(r, at + 40, 8),
                      get(r, at + 48, 8)};
    return (Phdr){get(r, at, 4),      get(r, at + 4, 4),  get(r, at + 8, 4), get(r, at + 12, 4),
                  get(r, at + 16, 4), get(r, at + 20, 4), get(r, at + 28, 4)};
}

static void check_ehdr(Reader *r)
{
    const Model *model = r->model;
    gsize ehdr = model->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);

    if (r->len < ehdr || memcmp(r->head, ELFMAG, SELFMAG) != 0) {
        fault(r, "not an ELF file");
        return;
    }
    expect(r, "EI_CLASS", r->head[EI_CLASS], model->wide ? ELFCLASS64 : ELFCLASS32);
    expect(r, "EI_DATA", r->head[EI_DATA], model->big_endian ? ELFDATA2MSB : ELFDATA2LSB);
    expect(r, "EI_VERSION", r->head[EI_VERSION], EV_CURRENT);
    expect(r, "e_type", get(r, 16, 2), ET_CORE);
    expect(r, "e_machine", get(r, 18, 2), model->machine);
    expect(r, "e_version", get(r, 20, 4), EV_CURRENT);
    expect(r, "e_phoff", get(r, model->wide ? 32 : 28, model->wide ? 8 : 4), ehdr);
    expect(r, "e_ehsize", get(r, model->wide ? 52 : 40, 2), ehdr);
    expect(r, "e_phentsize", get(r, model->wide ? 54 : 42, 2),
           model->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
    if (!r->expected->vmcoreinfo)
        expect(r, "e_phnum", get(r, model->wide ? 56 : 44, 2), 2);
}

static void check_load(Reader *r, const Phdr *load)
{
    const ElfExpected *e = r->expected;
    guint64 cut = r->model->wide ? G_MAXUINT64 : G_MAXUINT32;
    guint64 size = (guint64)e->n_pages * e->page_size & cut;

    expect(r, "the second program header's p_type", load->type, PT_LOAD);
    expect(r, "p_align of the memory", load->align, e->page_size);
    expect(r, "p_offset of the memory, modulo the page size,", load->offset % e->page_size, 0);
    expect(r, "p_offset of the memory, modulo 4096,", load->offset % 4096, 0);
    expect(r, "p_vaddr of the memory", load->vaddr, e->page_offset & cut);
    expect(r, "p_paddr of the memory", load->paddr, 0);
    expect(r, "p_filesz of the memory", load->filesz, size);
    expect(r, "p_memsz of the memory", load->memsz, size);
}

static void check_prstatus(Reader *r, guint64 desc, guint64 size)
{
    const ElfExpected *e = r->expected;
    guint64 at = desc + r->model->prstatus_regs;

    expect(r, "the size of NT_PRSTATUS", size, r->model->prstatus_size);
    if (r->fault)
        return;
    for (gsize i = 0; i < e->regs_size; i++)
        if (r->head[at + i] != e->regs[i]) {
            fault(r, "the registers differ at offset %" G_GSIZE_FORMAT ": 0x%02x, not 0x%02x", i,
                  r->head[at + i], e->regs[i]);
            return;
        }
    /* ia64's pr_reg is larger than the registers that the client sends. */
    for (gsize i = r->model->prstatus_regs + e->regs_size; i < size; i++)
        if (r->head[desc + i] != 0)
            fault(r, "NT_PRSTATUS is not zero after the registers, at offset %" G_GSIZE_FORMAT, i);
}

static void check_notes(Reader *r, const Phdr *notes, guint64 memory)
{
    static const guint32 order[] = {NT_PRSTATUS, NT_PRPSINFO, NT_TASKSTRUCT};
    const Model *model = r->model;
    guint64 at = notes->offset, end = notes->offset + notes->filesz;

    expect(r, "the first program header's p_type", notes->type, PT_NOTE);
    if (!r->fault && (end < at || end > memory || end > r->len))
        fault(r, "the notes do not end before the memory");
    for (guint i = 0; i < G_N_ELEMENTS(order) && !r->fault; i++) {
        guint64 namesz = get(r, at, 4), size = get(r, at + 4, 4), type = get(r, at + 8, 4);
        guint64 desc = at + NOTE_HEAD;

        if (at + NOTE_HEAD > end || size > end - desc) {
            fault(r, "note %u is missing or too long", i + 1);
            return;
        }
        expect(r, "n_namesz", namesz, 4);
        expect(r, "the note's type", type, order[i]);
        if (memcmp(r->head + at + 12, "CORE", 4) != 0)
            fault(r, "note %u is not named CORE", i + 1);
        if (type == NT_PRSTATUS)
            check_prstatus(r, desc, size);
        if (type == NT_PRPSINFO)
            expect(r, "the size of NT_PRPSINFO", size, model->prpsinfo_size);
        if (type == NT_TASKSTRUCT) {
            expect(r, "the size of NT_TASKSTRUCT", size, model->taskstruct_size);
            expect(r, "the task", get(r, desc, model->wide ? 8 : 4), r->expected->task);
        }
        at = desc + (size + 3) / 4 * 4;
    }
    if (!r->fault && at + NOTE_HEAD <= end && get(r, at + 8, 4) == NOTE_PARTIAL)
        fault(r, "the dump is marked as partial");
}

/* A note for the processor, VMCOREINFO, and segments that all lie flat in the file. */
static void check_kdump(Reader *r, guint64 *offset)
{
    const ElfExpected *e = r->expected;
    Phdr notes = read_phdr(r, 0);
    guint64 n = get(r, 56, 2), at = notes.offset + 20 + r->model->prstatus_size, pages = 0;
    gsize len = strlen(e->vmcoreinfo);

    check_prstatus(r, notes.offset + 20, get(r, notes.offset + 4, 4));
    expect(r, "n_namesz of VMCOREINFO", get(r, at, 4), 11);
    expect(r, "the size of VMCOREINFO", get(r, at + 4, 4), len);
    if (!r->fault && (at + 24 + len > r->len || memcmp(r->head + at + 24, e->vmcoreinfo, len) != 0))
        fault(r, "VMCOREINFO is not that of the client");
    expect(r, "the notes' size", notes.filesz, 44 + r->model->prstatus_size + (len + 3) / 4 * 4);
    for (guint i = 1; i < n && !r->fault; i++) {
        Phdr load = read_phdr(r, i);

        *offset = load.offset - load.paddr;
        expect(r, "p_type", load.type, PT_LOAD);
        expect(r, "p_align", load.align, 0);
        expect(r, "p_offset minus p_paddr", *offset, 65536);
        expect(r, "p_vaddr", load.vaddr, e->page_offset + load.paddr);
        expect(r, "p_memsz", load.memsz, load.filesz);
        pages += load.filesz / e->page_size;
    }
    expect(r, "the pages of all segments", pages, e->ram_pages);
}

char *elf_check(const Model *model, const ElfExpected *expected, const guint8 *head, gsize len,
                guint64 *offset)
{
    Reader r = {model, expected, head, len, NULL};

    check_ehdr(&r);
    if (r.fault)
        return r.fault;
    if (expected->vmcoreinfo) {
        check_kdump(&r, offset);
        return r.fault;
    }
    Phdr notes = read_phdr(&r, 0), load = read_phdr(&r, 1);
    check_load(&r, &load);
    check_notes(&r, &notes, load.offset);
    *offset = load.offset;
    return r.fault;
}
