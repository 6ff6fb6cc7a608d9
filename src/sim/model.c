/* model.c - the four kinds of machine that can crash.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/model.h"

#include "sim/rng.h"

#include <string.h>

static const Model models[] = {
    {"i386", WIRE_MACHINE_I386, FALSE, FALSE, 4096, 0xc0000000u, 0xc1f5e000u, 68, 68, 144, 72, 124,
     4},
    {"x86_64", WIRE_MACHINE_X86_64, FALSE, TRUE, 4096, G_GUINT64_CONSTANT(0x10000000000),
     G_GUINT64_CONSTANT(0x10001f5e000), 216, 216, 336, 112, 136, 8},
    {"ia64", WIRE_MACHINE_IA64, FALSE, TRUE, 16384, G_GUINT64_CONSTANT(0xe000000000000000),
     G_GUINT64_CONSTANT(0xe000000001f58000), 448, 400, 1144, 112, 136, 16},
    {"ppc64", WIRE_MACHINE_PPC64, TRUE, TRUE, 4096, G_GUINT64_CONSTANT(0xc000000000000000),
     G_GUINT64_CONSTANT(0xc000000001f5c000), 384, 384, 504, 112, 136, 8},
};

const Model *model_find(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(models); i++)
        if (g_str_equal(models[i].name, name))
            return &models[i];
    return NULL;
}

gsize model_regs_size(const Model *model, Generation generation)
{
    return generation == GENERATION_RHEL3 ? model->regs_size_rhel3 : model->regs_size;
}

/* A mix of kernel addresses, small numbers and zeros, so that strlen() of them varies with the seed
 * as it does on a real machine. */
static guint64 plausible(const Model *model, guint64 *state)
{
    guint64 r = rng_next(state);
    guint64 low = r >> 36;

    switch (r % 4) {
    case 0:
        return low % 4096;
    case 1:
        return 0;
    default:
        return model->page_offset + low;
    }
}

void model_make_regs(const Model *model, guint64 seed, guint8 *regs, gsize size)
{
    guint64 state = rng_mix(seed ^ 0x7265677300ull);
    gsize width = model->wide ? 8 : 4;

    for (gsize at = 0; at + width <= size; at += width) {
        guint64 value = plausible(model, &state);
        guint64 wide = model->big_endian ? GUINT64_TO_BE(value) : GUINT64_TO_LE(value);
        guint32 narrow = GUINT32_TO_LE((guint32)value);

        if (model->wide)
            memcpy(regs + at, &wide, width);
        else
            memcpy(regs + at, &narrow, width);
    }
}
