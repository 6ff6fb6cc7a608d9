/* elf_netdump.c - the header of a dump file: ELF header, program headers and notes, as bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/elf_netdump.h"

#include "core/base/bytes.h"
#include "core/format/elf_kdump.h"

#include <elf.h>
#include <string.h>

#define NOTE_NAME      "CORE"
#define NOTE_NAME_SIZE 4u /* no NUL: crash(8) reads the task from a wrong place otherwise */
#define PARTIAL_SIZE   4u
#define N_HEADERS      2u /* PT_NOTE, PT_LOAD */

/* What differs between ELF machines. Sizes are those of elf_prstatus and elf_prpsinfo.
 * */
typedef struct {
    guint32 machine;
    gboolean is64, big_endian;
    guint32 prstatus_size, regs_offset, regs_size, prpsinfo_size;
    guint32 task_size; /* ia64 has the address of its switch_stack after the task's */
} Layout;

static const Layout layouts[] = {
    {EM_386, FALSE, FALSE, 144, 72, 68, 124, 4},
    {EM_PPC64, TRUE, TRUE, 504, 112, 384, 136, 8},
    {EM_IA_64, TRUE, FALSE, 1144, 112, 1024, 136, 16},
    {EM_X86_64, TRUE, FALSE, 336, 112, 216, 136, 8},
};

/* Where the next field goes, in the client's class and byte order. */
typedef struct {
    guint8 *at;
    const Layout *layout;
} Pen;

static const Layout *find_layout(guint32 machine)
{
    for (gsize i = 0; i < G_N_ELEMENTS(layouts); i++)
        if (layouts[i].machine == machine)
            return &layouts[i];
    return NULL;
}

static void put_number(Pen *pen, guint64 value, guint size)
{
    if (pen->layout->big_endian)
        bytes_put_be(pen->at, value, size);
    else
        bytes_put_le(pen->at, value, size);
    pen->at += size;
}

static void put16(Pen *pen, guint16 value)
{
    put_number(pen, value, 2);
}

static void put32(Pen *pen, guint32 value)
{
    put_number(pen, value, 4);
}

/* An address, an offset or a size: as wide as the class; what does not fit is cut off, crash(8)
 * goes by p_offset alone. */
static void put_word(Pen *pen, guint64 value)
{
    put_number(pen, value, pen->layout->is64 ? 8 : 4);
}

static guint32 ehdr_size(const Layout *layout)
{
    return layout->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
}

static guint32 phdr_size(const Layout *layout)
{
    return layout->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static guint32 note_size(guint32 desc_size)
{
    return (guint32)sizeof(Elf32_Nhdr) + NOTE_NAME_SIZE + desc_size;
}

static guint32 notes_size(const Layout *layout, gboolean partial)
{
    return note_size(layout->prstatus_size) + note_size(layout->prpsinfo_size) +
           note_size(layout->task_size) + (partial ? note_size(PARTIAL_SIZE) : 0);
}

static void put_ehdr(Pen *pen)
{
    const Layout *layout = pen->layout;

    memcpy(pen->at, ELFMAG, SELFMAG);
    pen->at[EI_CLASS] = layout->is64 ? ELFCLASS64 : ELFCLASS32;
    pen->at[EI_DATA] = layout->big_endian ? ELFDATA2MSB : ELFDATA2LSB;
    pen->at[EI_VERSION] = EV_CURRENT;
    pen->at += EI_NIDENT;
    put16(pen, ET_CORE);
    put16(pen, (guint16)layout->machine);
    put32(pen, EV_CURRENT);
    put_word(pen, 0);                 /* e_entry */
    put_word(pen, ehdr_size(layout)); /* e_phoff */
    put_word(pen, 0);                 /* e_shoff */
    put32(pen, 0);                    /* e_flags */
    put16(pen, (guint16)ehdr_size(layout));
    put16(pen, (guint16)phdr_size(layout));
    put16(pen, N_HEADERS);
    put16(pen, 0); /* e_shentsize */
    put16(pen, 0); /* e_shnum */
    put16(pen, 0); /* e_shstrndx */
}

static void put_phdr(Pen *pen, guint32 type, guint32 flags, guint64 offset, guint64 vaddr,
                     guint64 filesz, guint64 memsz, guint32 align)
{
    put32(pen, type);
    if (pen->layout->is64)
        put32(pen, flags);
    put_word(pen, offset);
    put_word(pen, vaddr);
    put_word(pen, 0); /* p_paddr */
    put_word(pen, filesz);
    put_word(pen, memsz);
    if (!pen->layout->is64)
        put32(pen, flags);
    put_word(pen, align);
}

static void put_note_head(Pen *pen, guint32 type, guint32 desc_size)
{
    put32(pen, NOTE_NAME_SIZE);
    put32(pen, desc_size);
    put32(pen, type);
    memcpy(pen->at, NOTE_NAME, NOTE_NAME_SIZE);
    pen->at += NOTE_NAME_SIZE;
}

static void put_notes(Pen *pen, const ElfSpec *spec)
{
    const Layout *layout = pen->layout;

    put_note_head(pen, NT_PRSTATUS, layout->prstatus_size);
    memcpy(pen->at + layout->regs_offset, spec->regs, MIN(spec->regs_len, layout->regs_size));
    pen->at += layout->prstatus_size;

    put_note_head(pen, NT_PRPSINFO, layout->prpsinfo_size);
    pen->at += layout->prpsinfo_size;

    put_note_head(pen, NT_TASKSTRUCT, layout->task_size);
    put_word(pen, spec->task);
    if (layout->machine == EM_IA_64)
        put_word(pen, 0); /* switch_stack */

    if (spec->partial) {
        put_note_head(pen, ELF_PARTIAL, PARTIAL_SIZE);
        put32(pen, 1);
    }
}

void elf_netdump_set_regs(ElfSpec *spec, const guint8 *regs, gsize len)
{
    memset(spec->regs, 0, sizeof spec->regs);
    spec->regs_len = (guint32)MIN(len, sizeof spec->regs);
    if (spec->regs_len > 0)
        memcpy(spec->regs, regs, spec->regs_len);
}

gboolean elf_netdump_valid(const ElfSpec *spec)
{
    return find_layout(spec->machine) && spec->page_size >= LIMIT_PAGE_SIZE_MIN &&
           spec->page_size <= LIMIT_PAGE_SIZE_MAX &&
           (spec->page_size & (spec->page_size - 1)) == 0 && spec->nr_pages > 0 &&
           spec->regs_len <= LIMIT_REGS;
}

guint32 elf_netdump_header_size(const ElfSpec *spec)
{
    if (elf_kdump_applies(spec))
        return ELF_KDUMP_SIZE;
    /* The largest notes, ia64's, take less than 1,500 bytes of it. */
    return MAX(spec->page_size, LIMIT_PAGE_SIZE_MIN);
}

guint64 elf_netdump_page_offset(const ElfSpec *spec, guint32 pfn)
{
    return elf_netdump_header_size(spec) + (guint64)pfn * spec->page_size;
}

guint32 elf_netdump_regs_size(guint32 machine)
{
    const Layout *layout = find_layout(machine);

    return layout ? layout->regs_size : 0;
}

void elf_netdump_build(const ElfSpec *spec, guint8 *out)
{
    const Layout *layout = find_layout(spec->machine);
    guint32 notes_offset, header_size = elf_netdump_header_size(spec);
    guint64 memory = (guint64)spec->nr_pages * spec->page_size;
    Pen pen = {out, layout};

    memset(out, 0, header_size);
    if (!layout) /* the caller has not asked elf_netdump_valid() */
        return;
    if (elf_kdump_applies(spec)) {
        elf_kdump_build(spec, out);
        return;
    }
    notes_offset = ehdr_size(layout) + N_HEADERS * phdr_size(layout);
    put_ehdr(&pen);
    put_phdr(&pen, PT_NOTE, 0, notes_offset, 0, notes_size(layout, spec->partial), 0, 4);
    put_phdr(&pen, PT_LOAD, PF_R | PF_W | PF_X, header_size, spec->page_offset, memory, memory,
             spec->page_size);
    put_notes(&pen, spec);
}
