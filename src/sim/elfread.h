/* elfread.h - reads the header of a dump file, to compare it with the simulated memory.
 *
 * Knows what crash(8) insists on, and reports errors in terms of the ELF standard.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/model.h"

#include <glib.h>

typedef struct {
    guint64 page_offset, task; /* as sent in START */
    guint32 n_pages, ram_pages, page_size;
    const guint8 *regs; /* raw, in the client's byte order */
    gsize regs_size;
    const char *vmcoreinfo; /* NULL: a file as of old. Else as kdump's: then the rest is not looked
                               at beyond what makes it one */
} ElfExpected;

/* Check ELF header, program headers and notes of a complete dump against the simulated client. head
 * contains the file's first len bytes, at least 64 KiB of them or all; *offset becomes the place of
 * page 0. NULL if it is correct, otherwise the error, to be freed. */
char *elf_check(const Model *model, const ElfExpected *expected, const guint8 *head, gsize len,
                guint64 *offset) G_GNUC_WARN_UNUSED_RESULT;
