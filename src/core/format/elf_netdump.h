/* elf_netdump.h - the head of a dump file: ELF header, program headers and notes, as bytes.
 *
 * Pure: a spec goes in, bytes in the client's class and byte order come out. The file behind them
 * is flat: page n at elf_netdump_header_size() + n * page_size, holes in memory are holes in the
 * file.
 *
 * The layout is what crash(8) 8.0.2 takes for a netdump: program header 0 is the PT_NOTE, 1 the one
 * PT_LOAD with p_align = the page size and p_offset a multiple of it and of 4096; note names "CORE"
 * with n_namesz 4. Sizes of the notes: the kernels' elf_prstatus and elf_prpsinfo of each machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/kernel_info.h"

#define ELF_REGS_MAX 1024        /* bytes of the largest pr_reg: ia64's 128 registers */
#define ELF_SIZE_MAX 65536       /* bytes of the largest header: one page of the largest size */
#define ELF_PARTIAL  0x70000001u /* n_type of the note that makes crash say [PARTIAL DUMP] */

typedef struct {
    guint32 machine;           /* ELF e_machine: 3 (i386), 21 (ppc64), 50 (ia64) or 62 (x86_64) */
    guint32 page_size;         /* bytes: a power of two, 4096..65536 */
    guint32 nr_pages;          /* highest pfn + 1: 1..2^32-1 */
    guint64 page_offset;       /* virtual address of physical address 0 */
    guint64 task;              /* address of the task that panicked, 0 = crash shall look for it */
    gboolean partial;          /* the dump is not whole: carry the note that says so */
    guint32 regs_len;          /* bytes in regs, 0..ELF_REGS_MAX */
    guint8 regs[ELF_REGS_MAX]; /* raw, in the client's byte order */
    KernelInfo kernel; /* if it is usable: a head as kdump's users know it, see elfkdump.h */
} ElfSpec;

/* Copy registers as they came into the spec; what is beyond ELF_REGS_MAX is left out. */
void elf_netdump_set_regs(ElfSpec *spec, const guint8 *regs, gsize len);

/* TRUE if every field is inside the range above; all other calls need that. */
gboolean elf_netdump_valid(const ElfSpec *spec) G_GNUC_WARN_UNUSED_RESULT;

/* Bytes before page 0, whether partial or not: MAX(page_size, 4096); with a kernel 65536. */
guint32 elf_netdump_header_size(const ElfSpec *spec);

/* Offset of a page in the file. For pfn = nr_pages: the size of the whole file. */
guint64 elf_netdump_page_offset(const ElfSpec *spec, guint32 pfn);

/* Write exactly elf_netdump_header_size() bytes to out. Registers that are longer than this
 * machine's pr_reg are cut, shorter ones are followed by zeros; the notes' sizes do not depend on
 * them. */
void elf_netdump_build(const ElfSpec *spec, guint8 *out);

/* Bytes of registers that this machine's pr_reg holds (68, 216, 384, 1024); 0 = unknown machine. */
guint32 elf_netdump_regs_size(guint32 machine);
