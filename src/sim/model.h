/* model.h - the four kinds of machine that can crash, and how their dumps look.
 *
 * Sizes are bytes. The note sizes are those that crash(8) insists on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/wire.h"

#include <glib.h>

typedef enum {
    GENERATION_RHEL3,     /* strict about ports; answers SHOW_STATE before the text */
    GENERATION_RHEL4_OLD, /* answers SHOW_STATE before the text */
    GENERATION_RHEL4,     /* 2.6.9-67.EL and later: the text comes first */
} Generation;

typedef struct {
    const char *name;
    WireMachine machine;
    gboolean big_endian;
    gboolean wide;         /* 64-bit: ELFCLASS64 */
    guint32 page_size;     /* what such machines have by default */
    guint64 page_offset;   /* plausible: where the kernel of the time mapped physical address 0 */
    guint64 task;          /* plausible address of the task that panicked */
    gsize regs_size;       /* registers in a REGS reply */
    gsize regs_size_rhel3; /* the same for GENERATION_RHEL3 */
    gsize prstatus_size;   /* notes of the dump */
    gsize prstatus_regs;   /* offset of pr_reg in NT_PRSTATUS */
    gsize prpsinfo_size;
    gsize taskstruct_size;
} Model;

/* NULL if there is no such machine. */
const Model *model_find(const char *name);

gsize model_regs_size(const Model *model, Generation generation);

/* Plausible registers in the model's byte order; regs has model_regs_size() bytes. */
void model_make_regs(const Model *model, guint64 seed, guint8 *regs, gsize size);
