/* modern.c - a client with a current kernel. See modern.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/modern.h"

#include <string.h>

#define ZERO_AHEAD 1024 /* pages that it looks ahead for zeros */
#define PIECE      4096

gsize modern_start(const Kernel *k, char *text, gsize room)
{
    return (gsize)g_snprintf(text, room,
                             " extensions:0x%x vmcoreinfo:0x%x cpu:0x1 release:6.1.0-x\n",
                             k->offers, (k->offers & WIRE_EXT_DATA) ? k->crash->vmcoreinfo : 0);
}

gboolean modern_obeys(const Kernel *k, const WireRequest *r)
{
    return k->offers == 0 || k->crash->start.magic == 0 || r->magic == k->crash->start.magic;
}

/* -- pages ------------------------------------------------------------------------------------- */

static void send_zeros(World *w, Kernel *k, const WireRequest *r)
{
    guint32 n = 1;
    guint32 index;

    while (n < ZERO_AHEAD && r->from + n < k->crash->nr_pages &&
           kernel_ram(k->crash, r->from + n, &index) && kernel_fill(k->crash, r->from + n) == 0)
        n++;
    kernel_reply(w, k, r->nr, WIRE_CODE_ZERO, n, NULL, 0);
}

/* An LZ4 block of a piece that is the same byte all over: the byte, a match that repeats it, and
 * the 5 literals that every block must end with. */
static gsize pack_pattern(guint8 byte, gsize size, guint8 *out)
{
    gsize rest = size - 1 - 5 - 4 - 15;
    gsize n = 0;

    out[n++] = 0x1f;
    out[n++] = byte;
    out[n++] = 1;
    out[n++] = 0;
    for (; rest >= 255; rest -= 255)
        out[n++] = 255;
    out[n++] = (guint8)rest;
    out[n++] = 0x50;
    memset(out + n, byte, 5);
    return n + 5;
}

/* A piece of a page, packed or as it is; each size that there can be. */
static void send_pieces(World *w, Kernel *k, const WireRequest *r)
{
    const Crash *c = k->crash;
    int fill = kernel_fill(c, r->from);

    for (guint32 offset = 0; offset < c->page_size;) {
        guint8 payload[PIECE];
        guint32 size =
            fill > 0 ? WIRE_CHUNK_SIZE * (1 + (guint32)world_below(w, 4)) : WIRE_CHUNK_SIZE;
        gsize len = size;

        size = MIN(size, c->page_size - offset);
        if (fill > 0)
            len = pack_pattern((guint8)fill, size, payload);
        else
            kernel_memory(c, r->from, offset, payload);
        kernel_reply(w, k, r->nr, WIRE_CODE_PACKED, size / WIRE_CHUNK_SIZE << 16 | offset, payload,
                     len);
        offset += size;
    }
}

gboolean modern_send_page(World *w, Kernel *k, const WireRequest *r)
{
    int fill = kernel_fill(k->crash, r->from);

    if (fill == 0 && (k->agreed & WIRE_EXT_ZERO))
        send_zeros(w, k, r);
    else if ((k->agreed & WIRE_EXT_PACKED) && (fill > 0 || world_chance(w, 2000)))
        send_pieces(w, k, r);
    else
        return FALSE;
    return TRUE;
}

/* -- data -------------------------------------------------------------------------------------- */

static gsize map_of_ram(const Crash *c, guint8 *out)
{
    for (guint i = 0; i < c->n_ranges; i++) {
        guint32 pair[2] = {GUINT32_TO_BE(c->ranges[i].first), GUINT32_TO_BE(c->ranges[i].last + 1)};

        memcpy(out + i * sizeof pair, pair, sizeof pair);
    }
    return c->n_ranges * 8;
}

static void send_data(World *w, Kernel *k, const WireRequest *r)
{
    guint8 data[4096];
    gsize total = k->crash->vmcoreinfo;

    if (r->to == WIRE_DATA_VMCOREINFO)
        memset(data, 'A', total);
    else
        total = map_of_ram(k->crash, data);
    if (r->from >= total)
        kernel_reply(w, k, r->nr, WIRE_CODE_ERROR, WIRE_CMD_GET_DATA, "none", 4);
    else
        kernel_reply(w, k, r->nr, WIRE_CODE_DATA, (guint32)total, data + r->from,
                     MIN(total - r->from, WIRE_CHUNK_SIZE));
}

gboolean modern_answer(World *w, Kernel *k, const WireRequest *r)
{
    if (r->command == WIRE_CMD_GET_DATA && (k->offers & WIRE_EXT_DATA)) {
        send_data(w, k, r);
        return TRUE;
    }
    if (r->command != WIRE_CMD_SEND_RUN || !(k->offers & WIRE_EXT_RUN))
        return FALSE;
    for (guint32 i = 0; i < MIN(r->to, WIRE_RUN_MAX); i++) {
        const WireRequest one = {.nr = r->nr + i, .from = r->from + i};

        kernel_send_page(w, k, &one);
    }
    return TRUE;
}

/* -- patience ---------------------------------------------------------------------------------- */

void modern_tire(World *w, Kernel *k, guint32 crash)
{
    Span alone = mono_diff(w->now, k->heard);

    if (crash != k->crash->number || (k->state != KERNEL_SERVING && k->state != KERNEL_TEXT))
        return;
    if (k->state == KERNEL_SERVING && alone >= k->patience) {
        world_say(w, "kernel %u reboots by itself", k->number);
        k->crash->over = TRUE;
        k->state = KERNEL_GONE;
        k->life++;
        return;
    }
    if (k->state == KERNEL_SERVING && alone >= k->patience / 2)
        kernel_send_start(w, k);
    world_schedule(w, SPAN_S(1), WORLD_TIRE, k, crash);
}
