/* elf_kdump.h - the header of a dump file in the format of kdump, for clients with current kernels.
 *
 * Fits into the space of elf_netdump's header. crash(8), makedumpfile and drgn take this for a
 * vmcore of kdump: a note CORE with its NUL for each processor, a note VMCOREINFO, one PT_LOAD for
 * each range of RAM with p_paddr, and p_align 0, by which crash distinguishes it from a netdump.
 * The rest of the file is flat: page n at elf_netdump_header_size() + n * page_size.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/elf_spec.h"

#define ELF_KDUMP_SIZE LIMIT_HEADER /* bytes: room for 640 ranges, VMCOREINFO and 32 processors */

/* TRUE if this dump gets such a header: a 64-bit client that has sent everything needed. */
gboolean elf_kdump_applies(const ElfSpec *spec);

/* As elf_netdump_build(): ELF_KDUMP_SIZE bytes. */
void elf_kdump_build(const ElfSpec *spec, guint8 *out);

/* What a dump's head says of the kernel, into spec->kernel; the rest of spec must be that dump's.
 * FALSE, and no kernel, if the bytes are not exactly such a head. */
gboolean elf_kdump_read(ElfSpec *spec, const guint8 bytes[ELF_KDUMP_SIZE]);
