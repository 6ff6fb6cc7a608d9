/* wire-replies.h - what a netdump client sends, as bytes: for tests and fuzzers.
 *
 * Each function writes one datagram to `out`, of WIRE_MAX_SIZE bytes, and returns its length.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REPLY_VERSION 5

static inline gsize wire_reply(guint8 *out, guint32 code, guint32 nr, guint32 info,
                               gconstpointer payload, gsize len)
{
    len = MIN(len, WIRE_MAX_SIZE - WIRE_HEADER_SIZE);
    wire_pack_reply(REPLY_VERSION, nr, code, info, out);
    if (len > 0)
        memcpy(out + WIRE_HEADER_SIZE, payload, len);
    return WIRE_HEADER_SIZE + len;
}

/* As the kernel does it: after the registers as many bytes as these have before their first zero.
 * len: up to 480. */
static inline gsize wire_reply_regs(guint8 *out, guint32 nr, guint32 info, const guint8 *regs,
                                    gsize len)
{
    static const char text[] = "Sending register info.\n";
    guint8 payload[WIRE_CHUNK_SIZE] = {0};
    gsize text_len = sizeof text - 1;
    gsize first = 0;

    memcpy(payload, text, text_len);
    memcpy(payload + text_len, regs, len);
    while (first < len && regs[first])
        first++;
    return wire_reply(out, WIRE_CODE_REGS, nr, info, payload, text_len + first + len);
}

/* kib: of memory in the block. */
static inline gsize wire_reply_packed(guint8 *out, guint32 nr, guint32 offset, guint32 kib,
                                      gconstpointer block, gsize len)
{
    return wire_reply(out, WIRE_CODE_PACKED, nr, offset | kib << 16, block, len);
}

static inline gsize wire_start(guint8 *out, const WireStart *start)
{
    char text[512];
    int len = snprintf(text, sizeof text,
                       "task_struct:0x%" PRIx64 " page_offset:0x%" PRIx64
                       " netdump_magic:0x%" PRIx64 " extensions:0x%" PRIx64 " vmcoreinfo:0x%" PRIx64
                       " cpu:0x%" PRIx64 " pid:0x%" PRIx64 "\n",
                       start->task, start->page_offset, start->magic, start->extensions,
                       start->vmcoreinfo, start->cpu, start->pid);

    return wire_reply(out, WIRE_CODE_START_NETDUMP, start->machine, start->oldest ? 0 : 1, text,
                      (gsize)len);
}
