/* session_record.c - what of a client's facts goes into its journal, and comes back out of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_record.h"

#include <string.h>

static JournalState state_of(const SessionFacts *facts)
{
    if (session_is_over(facts))
        return JOURNAL_REBOOTING;
    return facts->transferred ? JOURNAL_TRANSFERRED : JOURNAL_DUMPING;
}

void session_record_fill(JournalRecord *r, const SessionFacts *facts)
{
    r->state = state_of(facts);
    r->machine = CLAMP(facts->start.machine, 1, G_MAXUINT16);
    r->oldest = facts->start.oldest;
    r->task = facts->start.task;
    r->page_offset = facts->start.page_offset;
    r->magic = facts->start.magic;
    r->extensions = facts->start.extensions;
    r->vmcoreinfo = facts->start.vmcoreinfo;
    r->cpu = facts->start.cpu;
    r->version = facts->version;
    r->next_nr = facts->next_nr;
    r->pages_retransmitted = facts->pages.retransmitted;
    r->duplicates = facts->pages.duplicate_bytes / WIRE_CHUNK_SIZE;
    if (!facts->dumps) /* it may have told them, but nothing relies on it yet */
        return;
    r->page_size = facts->page_size;
    r->nr_pages = facts->nr_pages;
    r->ram_pages = facts->ram_pages;
    r->regs_len = (guint16)MIN(facts->regs_len, sizeof r->regs);
    memcpy(r->regs, facts->regs, r->regs_len);
    r->floor_written = facts->floor_written;
    r->floor_synced = facts->floor_synced;
    r->pages_stored = facts->stored_before + facts->pages.stored + facts->pages.zero;
    r->bytes = r->pages_stored * facts->page_size;
    r->pages_reserved = facts->pages.reserved;
}

gboolean session_record_read(const JournalRecord *r, SessionFacts *facts)
{
    *facts = (SessionFacts){
        .start = {.machine = r->machine,
                  .oldest = r->oldest,
                  .task = r->task,
                  .page_offset = r->page_offset,
                  .magic = r->magic,
                  .extensions = r->extensions,
                  .vmcoreinfo = r->vmcoreinfo,
                  .cpu = r->cpu},
        .version = r->version,
        .dumps = r->page_size != 0,
        .transferred = r->state == JOURNAL_TRANSFERRED,
        .page_size = r->page_size,
        .nr_pages = r->nr_pages,
        .ram_pages = r->ram_pages,
        .regs_len = r->regs_len,
        .floor_written = r->floor_written,
        .floor_synced = r->floor_synced,
        .next_nr = r->next_nr,
        /* What lies above the floor comes once more. */
        .stored_before = MIN(r->pages_stored, r->floor_written),
    };
    memcpy(facts->regs, r->regs, MIN(r->regs_len, sizeof facts->regs));
    return r->state == JOURNAL_REBOOTING;
}
