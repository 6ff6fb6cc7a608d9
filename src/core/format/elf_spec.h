/* elf_spec.h - what the header of a dump file is made of.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/limits.h"
#include "core/format/kernel_info.h"

#define ELF_PARTIAL 0x70000001u /* n_type of the note that makes crash say [PARTIAL DUMP] */

typedef struct {
    guint32 machine;         /* ELF e_machine: 3 (i386), 21 (ppc64), 50 (ia64) or 62 (x86_64) */
    guint32 page_size;       /* bytes: a power of two, 4096..65536 */
    guint32 nr_pages;        /* highest pfn + 1: 1..2^32-1 */
    guint64 page_offset;     /* virtual address of physical address 0 */
    guint64 task;            /* address of the task that panicked, 0 = crash shall look for it */
    gboolean partial;        /* the dump is not whole: carry the note that says so */
    guint32 regs_len;        /* bytes in regs, 0..LIMIT_REGS */
    guint8 regs[LIMIT_REGS]; /* raw, in the client's byte order */
    KernelInfo kernel;       /* if it is usable: a header as kdump writes it, see elf_kdump.h */
} ElfSpec;
