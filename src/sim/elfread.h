/* elfread.h - look into the head of a dump file, for the comparison with the machine's memory.
 *
 * Knows what crash(8) insists on, and says what is wrong in the words of the ELF standard.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/model.h"

#include <glib.h>

typedef struct {
    guint64 page_offset, task; /* as START told them */
    guint32 n_pages, ram_pages, page_size;
    const guint8 *regs; /* raw, in the client's byte order */
    gsize regs_size;
    const char *vmcoreinfo; /* NULL: a file as of old. Else as kdump's: then the rest is not looked
                               at beyond what makes it one */
} ElfExpected;

/* Check ELF header, program headers and notes of a whole dump against what the machine told. head
 * holds the file's first len bytes, at least 64 KiB of them or all; *offset becomes the place of
 * page 0. NULL if all is well, else what is wrong, to be freed. */
char *elf_check(const Model *model, const ElfExpected *expected, const guint8 *head, gsize len,
                guint64 *offset) G_GNUC_WARN_UNUSED_RESULT;
