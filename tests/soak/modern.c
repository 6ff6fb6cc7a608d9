/* modern.c - a machine with today's kernel. See modern.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/modern.h"

#include <string.h>

#define ZERO_AHEAD 1024 /* pages that it looks ahead for zeros */
#define PIECE      4096

gsize modern_start(const Machine *m, char *text, gsize room)
{
    return (gsize)g_snprintf(text, room,
                             " extensions:0x%x vmcoreinfo:0x%x cpu:0x1 release:6.1.0-x\n",
                             m->offers, (m->offers & WIRE_EXT_DATA) ? m->crash->vmcoreinfo : 0);
}

gboolean modern_obeys(const Machine *m, const WireRequest *r)
{
    return m->offers == 0 || m->crash->start.magic == 0 || r->magic == m->crash->start.magic;
}

/* -- pages --------------------------------------------------------------------------------------
 */

static void send_zeros(World *w, Machine *m, const WireRequest *r)
{
    guint32 n = 1;
    guint32 index;

    while (n < ZERO_AHEAD && r->from + n < m->crash->nr_pages &&
           kernel_ram(m->crash, r->from + n, &index) && kernel_fill(m->crash, r->from + n) == 0)
        n++;
    kernel_reply(w, m, r->nr, WIRE_CODE_ZERO, n, NULL, 0);
}

/* An LZ4 block of a piece that is the same byte all over: the byte, and a match that repeats it. */
static gsize pack_pattern(guint8 byte, gsize size, guint8 *out)
{
    gsize rest = size - 1 - 4 - 15;
    gsize n = 0;

    out[n++] = 0x1f;
    out[n++] = byte;
    out[n++] = 1;
    out[n++] = 0;
    for (; rest >= 255; rest -= 255)
        out[n++] = 255;
    out[n++] = (guint8)rest;
    out[n++] = 0;
    return n;
}

/* A piece of a page, packed or as it is; each size that there can be. */
static void send_pieces(World *w, Machine *m, const WireRequest *r)
{
    const Crash *c = m->crash;
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
        kernel_reply(w, m, r->nr, WIRE_CODE_PACKED, size / WIRE_CHUNK_SIZE << 16 | offset, payload,
                     len);
        offset += size;
    }
}

gboolean modern_send_page(World *w, Machine *m, const WireRequest *r)
{
    int fill = kernel_fill(m->crash, r->from);

    if (fill == 0 && (m->agreed & WIRE_EXT_ZERO))
        send_zeros(w, m, r);
    else if ((m->agreed & WIRE_EXT_PACKED) && (fill > 0 || world_chance(w, 2000)))
        send_pieces(w, m, r);
    else
        return FALSE;
    return TRUE;
}

/* -- data ---------------------------------------------------------------------------------------
 */

static gsize map_of_ram(const Crash *c, guint8 *out)
{
    for (guint i = 0; i < c->n_ranges; i++) {
        guint32 pair[2] = {GUINT32_TO_BE(c->ranges[i].first), GUINT32_TO_BE(c->ranges[i].last + 1)};

        memcpy(out + i * sizeof pair, pair, sizeof pair);
    }
    return c->n_ranges * 8;
}

static void send_data(World *w, Machine *m, const WireRequest *r)
{
    guint8 data[4096];
    gsize total = m->crash->vmcoreinfo;

    if (r->to == WIRE_DATA_VMCOREINFO)
        memset(data, 'A', total);
    else
        total = map_of_ram(m->crash, data);
    if (r->from >= total)
        kernel_reply(w, m, r->nr, WIRE_CODE_ERROR, WIRE_CMD_GET_DATA, "none", 4);
    else
        kernel_reply(w, m, r->nr, WIRE_CODE_DATA, (guint32)total, data + r->from,
                     MIN(total - r->from, WIRE_CHUNK_SIZE));
}

gboolean modern_answer(World *w, Machine *m, const WireRequest *r)
{
    if (r->command == WIRE_CMD_GET_DATA && (m->offers & WIRE_EXT_DATA)) {
        send_data(w, m, r);
        return TRUE;
    }
    if (r->command != WIRE_CMD_SEND_RUN || !(m->offers & WIRE_EXT_RUN))
        return FALSE;
    for (guint32 i = 0; i < MIN(r->to, WIRE_RUN_MAX); i++) {
        const WireRequest one = {.nr = r->nr + i, .from = r->from + i};

        kernel_send_page(w, m, &one);
    }
    return TRUE;
}

/* -- patience -----------------------------------------------------------------------------------
 */

void modern_tire(World *w, Machine *m, guint32 crash)
{
    Span alone = mono_diff(w->now, m->heard);

    if (crash != m->crash->number || (m->state != KERNEL_SERVING && m->state != KERNEL_TEXT))
        return;
    if (m->state == KERNEL_SERVING && alone >= m->patience) {
        world_say(w, "machine %u goes on to its own reboot", m->number);
        m->crash->over = TRUE;
        m->state = KERNEL_GONE;
        m->life++;
        return;
    }
    if (m->state == KERNEL_SERVING && alone >= m->patience / 2)
        kernel_send_start(w, m);
    world_happen(w, SPAN_S(1), HAPPEN_TIRE, m, crash);
}
