/* record-sample.h - a record with something in every field, for the tests of record and journal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/journal_record.h"

#include <string.h>

static inline JournalRecord record_sample(void)
{
    JournalRecord r = {
        .client = {.family = NET_IPV4, .port = 6666, .bytes = {10, 0, 0, 5}},
        .local = {.family = NET_IPV4, .port = 6688, .bytes = {10, 0, 0, 1}},
        .started = G_GINT64_CONSTANT(1767323045123456),
        .state = JOURNAL_TRANSFERRED,
        .machine = 62,
        .oldest = TRUE,
        .task = 0x1012345678,
        .page_offset = 0xffff810000000000,
        .magic = 0x0123456789abcdef,
        .extensions = 7,
        .vmcoreinfo = 8,
        .cpu = 9,
        .version = 5,
        .page_size = 4096,
        .nr_pages = 0xffffffff,
        .ram_pages = 0xfffffff0,
        .regs_len = 216,
        .next_nr = 0xdeadbeef,
        .floor_written = 0xfffffffe,
        .floor_synced = 0xfffffffd,
        .pages_stored = (guint64)1 << 33,
        .pages_zero = 2,
        .pages_reserved = 3,
        .pages_retransmitted = 4,
        .duplicates = 5,
        .bytes = (guint64)1 << 44,
    };
    for (gsize i = 0; i < 216; i++)
        r.regs[i] = (guint8)(i + 1);
    for (gsize i = 0; i < 16; i++)
        r.boot_id[i] = (guint8)(0xf0 + i);
    return r;
}

/* Field by field, because padding is nobody's. */
static inline gboolean record_same_addr(const NetAddr *a, const NetAddr *b)
{
    return a->family == b->family && a->port == b->port && a->scope == b->scope &&
           memcmp(a->bytes, b->bytes, 16) == 0;
}

static inline gboolean record_same(const JournalRecord *a, const JournalRecord *b)
{
    return record_same_addr(&a->client, &b->client) && record_same_addr(&a->local, &b->local) &&
           a->started == b->started && a->state == b->state && a->machine == b->machine &&
           a->oldest == b->oldest && a->task == b->task && a->page_offset == b->page_offset &&
           a->magic == b->magic && a->extensions == b->extensions &&
           a->vmcoreinfo == b->vmcoreinfo && a->cpu == b->cpu && a->version == b->version &&
           a->page_size == b->page_size && a->nr_pages == b->nr_pages &&
           a->ram_pages == b->ram_pages && a->regs_len == b->regs_len &&
           memcmp(a->regs, b->regs, JOURNAL_RECORD_REGS_MAX) == 0 && a->next_nr == b->next_nr &&
           a->floor_written == b->floor_written && a->floor_synced == b->floor_synced &&
           a->pages_stored == b->pages_stored && a->pages_zero == b->pages_zero &&
           a->pages_reserved == b->pages_reserved &&
           a->pages_retransmitted == b->pages_retransmitted && a->duplicates == b->duplicates &&
           a->bytes == b->bytes && memcmp(a->boot_id, b->boot_id, 16) == 0;
}
