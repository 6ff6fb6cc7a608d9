/* rig-journal.h - a netdump session that a previous instance of the server had, from its journal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "unit/rig.h"

/* What a journal says. */
typedef struct {
    WireStart start;
    RecordState state;
    guint8 version;
    guint32 next_nr;
    guint32 page_size; /* 0 = no file yet, and nothing of what follows */
    guint32 nr_pages;
    guint32 floor; /* every page below is stored */
    guint8 regs[216];
} RigJournal;

/* Of a dump of 4 KiB pages. */
static inline RigJournal rig_journal(guint32 pages, guint32 floor)
{
    RigJournal j = {.start = rig_start_of(WIRE_MACHINE_X86_64),
                    .version = 5,
                    .next_nr = 0xffff0000,
                    .page_size = 4096,
                    .nr_pages = pages,
                    .floor = floor};

    memset(j.regs, 0x5a, sizeof j.regs);
    return j;
}

static inline TaggedWriter rig_pack(const RigJournal *j)
{
    TaggedWriter w = tagged_writer_new();
    g_autoptr(PageSet) missing = page_set_new();
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    tagged_add_number(&w, NETDUMP_TAG_STATE, j->state);
    tagged_add_number(&w, NETDUMP_TAG_MACHINE, j->start.machine);
    tagged_add_number(&w, NETDUMP_TAG_TASK, j->start.task);
    tagged_add_number(&w, NETDUMP_TAG_PAGE_OFFSET, j->start.page_offset);
    tagged_add_number(&w, NETDUMP_TAG_MAGIC, j->start.magic);
    tagged_add_number(&w, NETDUMP_TAG_VERSION, j->version);
    tagged_add_number(&w, NETDUMP_TAG_NEXT_NR, j->next_nr);
    if (j->page_size == 0)
        return w;
    tagged_add_number(&w, NETDUMP_TAG_PAGE_SIZE, j->page_size);
    tagged_add_number(&w, NETDUMP_TAG_NR_PAGES, j->nr_pages);
    tagged_add_number(&w, NETDUMP_TAG_RAM_PAGES, j->nr_pages);
    tagged_add(&w, NETDUMP_TAG_REGS, j->regs, sizeof j->regs);
    page_set_add(missing, j->floor, j->nr_pages);
    page_set_encode(missing, 256 << 10, bytes);
    tagged_add(&w, NETDUMP_TAG_MISSING, bytes->data, bytes->len);
    tagged_add_number(&w, NETDUMP_TAG_PAGES_STORED, j->floor);
    return w;
}

static inline Session *rig_restore(TaggedWriter *w, gboolean dir, Mono now, const char **why)
{
    SessionSpec spec = rig_spec();
    TaggedReader fields;
    SessionRemains remains = {.fields = &fields, .dir = dir};
    gsize used;

    tagged_writer_seal(w);
    g_assert_null(tagged_reader_init(&fields, w->bytes->data, w->bytes->len, &used));
    return netdump_session_ops.restore(&spec, &remains, now, why);
}

/* With what is in w, which is freed. */
static inline Rig rig_resumed_with(TaggedWriter w)
{
    Rig r = rig_empty();
    const char *why = NULL;

    r.c = rig_restore(&w, TRUE, r.now, &why);
    tagged_writer_clear(&w);
    g_assert_null(why);
    g_assert_false(mono_before(r.now, rig_deadline(&r)));
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    return r;
}

static inline Rig rig_resumed(const RigJournal *j)
{
    return rig_resumed_with(rig_pack(j));
}

/* It is there, and it is the crash that the journal tells of. */
static inline void rig_found(Rig *r)
{
    guint8 regs[216];

    memset(regs, 0x5a, sizeof regs);
    rig_answer(r, WIRE_CMD_HELLO, WIRE_CODE_HELLO, 4);
    g_assert_cmpuint(rig_count_sent(r->last, WIRE_CMD_GET_REGS), ==, 1);
    rig_receive(r, wire_reply_regs(rig_datagram, rig_sent(r->last, WIRE_CMD_GET_REGS).nr, 100, regs,
                                   sizeof regs));
}
