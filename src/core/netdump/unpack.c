/* unpack.c - memory that a client has packed: the LZ4 block format.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/unpack.h"

#include <string.h>

#define MATCH_MIN 4

typedef struct {
    const guint8 *at, *end;
} In;

/* A half of the token; 15 means that bytes follow that are to be added, up to one below 255. */
static gboolean get_length(In *in, guint half, gsize *length)
{
    guint8 more = 255;

    *length = half;
    if (half < 15)
        return TRUE;
    while (more == 255) {
        if (in->at == in->end)
            return FALSE;
        more = *in->at++;
        *length += more;
    }
    return TRUE;
}

static gboolean copy_literals(In *in, guint half, guint8 *out, gsize size, gsize *used)
{
    gsize n;

    if (!get_length(in, half, &n) || n > (gsize)(in->end - in->at) || n > size - *used)
        return FALSE;
    memcpy(out + *used, in->at, n);
    in->at += n;
    *used += n;
    return TRUE;
}

/* The match may reach into what it is just writing: byte by byte that repeats a pattern. */
static gboolean copy_match(In *in, guint half, guint8 *out, gsize size, gsize *used)
{
    gsize distance, n;

    if (in->end - in->at < 2)
        return FALSE;
    distance = in->at[0] | (gsize)in->at[1] << 8;
    in->at += 2;
    if (!get_length(in, half, &n))
        return FALSE;
    n += MATCH_MIN;
    if (distance == 0 || distance > *used || n > size - *used)
        return FALSE;
    for (const guint8 *from = out + *used - distance; n > 0; n--)
        out[(*used)++] = *from++;
    return TRUE;
}

gboolean unpack(const guint8 *block, gsize len, guint8 *out, gsize size)
{
    In in = {block, block + len};
    gsize used = 0;

    while (in.at < in.end) {
        guint8 token = *in.at++;

        if (!copy_literals(&in, token >> 4, out, size, &used))
            return FALSE;
        if (in.at == in.end)
            return used == size;
        if (!copy_match(&in, token & 15, out, size, &used))
            return FALSE;
    }
    return FALSE;
}
