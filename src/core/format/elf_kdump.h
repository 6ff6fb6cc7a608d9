/* elf_kdump.h - the head of a dump file as kdump's users know it, for clients with today's kernels.
 *
 * elfcore.c's own room. What crash(8), makedumpfile and drgn take for a vmcore of kdump's: a note
 * CORE with its NUL for each processor, a note VMCOREINFO, one PT_LOAD for each range of RAM with
 * p_paddr, and p_align 0, by which crash tells it from a netdump. The file behind it is as flat as
 * any: page n at elf_netdump_header_size() + n * page_size.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/elf_netdump.h"

#define ELF_KDUMP_SIZE 65536 /* bytes: room for 640 ranges, VMCOREINFO and 32 processors */

/* TRUE if this dump gets such a head: a 64-bit machine that has told all that it takes. */
gboolean elf_kdump_applies(const ElfSpec *spec);

/* As elf_netdump_build(): ELF_KDUMP_SIZE bytes. */
void elf_kdump_build(const ElfSpec *spec, guint8 *out);

/* What a dump's head says of the kernel, into spec->kernel; the rest of spec must be that dump's.
 * FALSE, and no kernel, if the bytes are not exactly such a head. */
gboolean elf_kdump_read(ElfSpec *spec, const guint8 bytes[ELF_KDUMP_SIZE]);
