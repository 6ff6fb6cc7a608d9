/* bytes.h - integers to and from bytes of either order, at any alignment. Pure.
 *
 * be = most significant byte first, le = least significant first. The caller sees to it that there
 * is room: `p` points to as many bytes as the name has bits, or to `size` bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <string.h>

#define BYTES_GET_AND_PUT(bits, ORDER, order)                                                      \
    static inline guint##bits bytes_get_##order##bits(const guint8 *p)                             \
    {                                                                                              \
        guint##bits v;                                                                             \
                                                                                                   \
        memcpy(&v, p, sizeof v);                                                                   \
        return GUINT##bits##_FROM_##ORDER(v);                                                      \
    }                                                                                              \
    static inline void bytes_put_##order##bits(guint8 *p, guint##bits value)                       \
    {                                                                                              \
        guint##bits v = GUINT##bits##_TO_##ORDER(value);                                           \
                                                                                                   \
        memcpy(p, &v, sizeof v);                                                                   \
    }

/* bytes_get_be16(p), bytes_put_be16(p, value), ... */
BYTES_GET_AND_PUT(16, BE, be)
BYTES_GET_AND_PUT(32, BE, be)
BYTES_GET_AND_PUT(64, BE, be)
BYTES_GET_AND_PUT(16, LE, le)
BYTES_GET_AND_PUT(32, LE, le)
BYTES_GET_AND_PUT(64, LE, le)
#undef BYTES_GET_AND_PUT

/* For formats whose fields' sizes are data: size is 1 to 8 bytes. What does not fit in them is cut
 * off. */
static inline guint64 bytes_get_le(const guint8 *p, gsize size)
{
    guint64 value = 0;

    for (gsize i = size; i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

static inline void bytes_put_le(guint8 *p, guint64 value, gsize size)
{
    for (gsize i = 0; i < size; i++)
        p[i] = (guint8)(value >> (8 * i));
}

static inline void bytes_put_be(guint8 *p, guint64 value, gsize size)
{
    for (gsize i = 0; i < size; i++)
        p[i] = (guint8)(value >> (8 * (size - 1 - i)));
}
