/* elf_netdump.h - the header of a dump file: ELF header, program headers and notes, as bytes.
 *
 * Pure: a spec goes in, bytes in the client's class and byte order come out. The rest of the file
 * is flat: page n at elf_netdump_header_size() + n * page_size, holes in memory are holes in the
 * file.
 *
 * The layout is what crash(8) 8.0.2 takes for a netdump: program header 0 is the PT_NOTE, 1 the one
 * PT_LOAD with p_align = the page size and p_offset a multiple of it and of 4096; note names "CORE"
 * with n_namesz 4. Sizes of the notes: the kernels' elf_prstatus and elf_prpsinfo of each ELF
 * machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/elf_spec.h"

/* Copy registers as they came into the spec; what is beyond LIMIT_REGS is left out. */
void elf_netdump_set_regs(ElfSpec *spec, const guint8 *regs, gsize len);

/* TRUE if every field is inside the range above; all other calls need that. */
gboolean elf_netdump_valid(const ElfSpec *spec) G_GNUC_WARN_UNUSED_RESULT;

/* Bytes before page 0, whether partial or not: MAX(page_size, 4096); with a kernel 65536. */
guint32 elf_netdump_header_size(const ElfSpec *spec);

/* Offset of a page in the file. For pfn = nr_pages: the size of the whole file. */
guint64 elf_netdump_page_offset(const ElfSpec *spec, guint32 pfn);

/* Write exactly elf_netdump_header_size() bytes to out. Registers that are longer than this ELF
 * machine's pr_reg are truncated, shorter ones are followed by zeros; the notes' sizes do not
 * depend on them. */
void elf_netdump_build(const ElfSpec *spec, guint8 *out);

/* Bytes of registers in this ELF machine's pr_reg (68, 216, 384, 1024); 0 = unknown machine. */
guint32 elf_netdump_regs_size(guint32 machine);
