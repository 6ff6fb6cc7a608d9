/* fuzz-unpack.c - any bytes as an LZ4 block: refused, or unpacked to exactly the size that was
 * asked for, and always the same. The first two bytes of the input are that size.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/unpack.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gsize len, want;
    g_autofree guint8 *block = NULL;
    g_autofree guint8 *out = NULL;
    g_autofree guint8 *again = NULL;

    if (size < 2)
        return 0;
    want = (data[0] | (gsize)data[1] << 8) % 4097;
    len = size - 2;
    /* As long as they are and no longer, so that ASan sees a byte more. */
    block = g_malloc(MAX(len, 1));
    out = g_malloc(MAX(want, 1));
    again = g_malloc(MAX(want, 1));
    memcpy(block, data + 2, len);
    memset(out, 1, want);
    memset(again, 2, want);
    if (unpack(block, len, out, want) &&
        (!unpack(block, len, again, want) || memcmp(out, again, want) != 0))
        __builtin_trap(); /* a byte that was never written */
    return 0;
}
