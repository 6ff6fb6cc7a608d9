/* session_record.c - what a restarted server must know of a netdump session, as tagged fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/elf_kdump.h"
#include "core/netdump/session_step.h"

#include <string.h>

#define MISSING_MAX (256u << 10) /* bytes of the encoded set of missing pages */

/* -- writing ------------------------------------------------------------------------------------
 */

static void add_start(TaggedWriter *out, const WireStart *start)
{
    tagged_add_number(out, NETDUMP_TAG_MACHINE, CLAMP(start->machine, 1, G_MAXUINT16));
    tagged_add_number(out, NETDUMP_TAG_OLDEST, start->oldest ? 1 : 0);
    tagged_add_number(out, NETDUMP_TAG_TASK, start->task);
    tagged_add_number(out, NETDUMP_TAG_PAGE_OFFSET, start->page_offset);
    tagged_add_number(out, NETDUMP_TAG_MAGIC, start->magic);
    tagged_add_number(out, NETDUMP_TAG_EXTENSIONS, start->extensions);
    tagged_add_number(out, NETDUMP_TAG_VMCOREINFO, start->vmcoreinfo);
    tagged_add_number(out, NETDUMP_TAG_CPU, start->cpu);
    tagged_add_number(out, NETDUMP_TAG_PID, start->pid);
}

/* Pages that are only in flight are missing. */
static void add_missing(TaggedWriter *out, const Transfer *t)
{
    g_autoptr(PageSet) missing = t->window ? window_missing(t->window) : NULL;
    const PageSet *set = missing ? missing : t->missing;
    g_autoptr(GByteArray) bytes = NULL;

    if (!set)
        return; /* all of them */
    bytes = g_byte_array_new();
    page_set_encode(set, MISSING_MAX, bytes);
    tagged_add(out, NETDUMP_TAG_MISSING, bytes->data, bytes->len);
}

static void add_file(TaggedWriter *out, const Netdump *n)
{
    const WindowStats *stats = &n->transfer.stats;

    tagged_add_number(out, NETDUMP_TAG_PAGE_SIZE, n->elf.page_size);
    tagged_add_number(out, NETDUMP_TAG_NR_PAGES, n->elf.nr_pages);
    tagged_add_number(out, NETDUMP_TAG_RAM_PAGES, n->ram_pages);
    tagged_add(out, NETDUMP_TAG_REGS, n->elf.regs, n->elf.regs_len);
    add_missing(out, &n->transfer);
    tagged_add_number(out, NETDUMP_TAG_PAGES_STORED,
                      n->before.stored + stats->stored + stats->zero);
    tagged_add_number(out, NETDUMP_TAG_PAGES_RESERVED, n->before.reserved + stats->reserved);
}

void session_record(const Session *base, TaggedWriter *out)
{
    const Netdump *n = (const Netdump *)base;
    const WindowStats *stats = &n->transfer.stats;
    const Window *window = n->transfer.window;

    tagged_add_number(out, NETDUMP_TAG_STATE, n->outcome);
    add_start(out, &n->start);
    tagged_add_number(out, NETDUMP_TAG_VERSION, n->version);
    tagged_add_number(out, NETDUMP_TAG_NEXT_NR, window ? window_nr_end(window) : n->nr_first);
    if (n->content == CONTENT_SOME) /* otherwise unused so far */
        add_file(out, n);
    tagged_add_number(out, NETDUMP_TAG_PAGES_RETRANSMITTED,
                      n->before.retransmitted + stats->retransmitted);
    tagged_add_number(out, NETDUMP_TAG_DUPLICATE_CHUNKS,
                      n->before.duplicate_chunks + stats->duplicate_bytes / WIRE_CHUNK_SIZE);
}

/* -- reading ------------------------------------------------------------------------------------
 */

static guint64 number(const TaggedReader *r, guint16 tag)
{
    guint64 value = 0;

    (void)tagged_number(r, tag, &value);
    return value;
}

static void read_start(WireStart *start, const TaggedReader *r)
{
    *start = (WireStart){
        .machine = (guint32)number(r, NETDUMP_TAG_MACHINE),
        .oldest = number(r, NETDUMP_TAG_OLDEST) != 0,
        .task = number(r, NETDUMP_TAG_TASK),
        .page_offset = number(r, NETDUMP_TAG_PAGE_OFFSET),
        .magic = number(r, NETDUMP_TAG_MAGIC),
        .extensions = number(r, NETDUMP_TAG_EXTENSIONS),
        .vmcoreinfo = number(r, NETDUMP_TAG_VMCOREINFO),
        .cpu = number(r, NETDUMP_TAG_CPU),
        .pid = number(r, NETDUMP_TAG_PID),
    };
}

static const char *read_missing(Netdump *n, const TaggedReader *r)
{
    gsize len;
    const guint8 *bytes = tagged_find(r, NETDUMP_TAG_MISSING, &len);

    if (!bytes)
        return NULL;
    n->transfer.missing = page_set_new();
    return page_set_decode(n->transfer.missing, bytes, len, n->elf.nr_pages) ? NULL
                                                                             : "missing pages";
}

static const char *read_regs(Netdump *n, const TaggedReader *r)
{
    gsize len = 0;
    const guint8 *bytes = tagged_find(r, NETDUMP_TAG_REGS, &len);

    if (len > LIMIT_REGS)
        return "registers";
    if (bytes)
        elf_netdump_set_regs(&n->elf, bytes, len);
    return NULL;
}

/* The fields have no room for what current kernels tell; the file's own header has it. */
static void read_kernel(Netdump *n, const SessionRemains *remains)
{
    if (remains->header_len >= ELF_KDUMP_SIZE && elf_kdump_read(&n->elf, remains->header))
        n->kernel = KERNEL_TOLD;
}

static const char *read_file(Netdump *n, const SessionRemains *remains)
{
    const TaggedReader *r = remains->fields;
    guint64 page_size = number(r, NETDUMP_TAG_PAGE_SIZE);
    guint64 nr_pages = number(r, NETDUMP_TAG_NR_PAGES);
    const char *why;

    if (page_size > G_MAXUINT32 || nr_pages > G_MAXUINT32)
        return "size";
    n->elf.page_size = (guint32)page_size;
    n->elf.nr_pages = (guint32)nr_pages;
    n->ram_pages = (guint32)MIN(number(r, NETDUMP_TAG_RAM_PAGES), nr_pages);
    if (!elf_netdump_valid(&n->elf))
        return "page size or ELF machine";
    why = read_regs(n, r);
    if (!why)
        why = read_missing(n, r);
    if (why)
        return why;
    read_kernel(n, remains);
    n->content = CONTENT_SOME;
    return NULL;
}

static void read_counters(Netdump *n, const TaggedReader *r)
{
    n->before = (Inherited){
        .stored = MIN(number(r, NETDUMP_TAG_PAGES_STORED), session_pages_done(n)),
        .reserved = number(r, NETDUMP_TAG_PAGES_RESERVED),
        .retransmitted = number(r, NETDUMP_TAG_PAGES_RETRANSMITTED),
        .duplicate_chunks = number(r, NETDUMP_TAG_DUPLICATE_CHUNKS),
    };
}

/* A dump is transferred only if there is one, and nothing is missing: a power cut may have taken
 * what a previous instance had only handed to the kernel. */
static RecordState outcome_of(const Netdump *n, guint64 state)
{
    if (state == RECORD_TRANSFERRED &&
        (n->content == CONTENT_NONE || session_pages_done(n) < n->elf.nr_pages))
        return RECORD_DUMPING;
    return (RecordState)state;
}

const char *session_read_record(Netdump *n, const SessionRemains *remains)
{
    const TaggedReader *r = remains->fields;
    guint64 state = number(r, NETDUMP_TAG_STATE), version = number(r, NETDUMP_TAG_VERSION);
    const char *why = NULL;

    if (state > RECORD_REBOOTING)
        return "state";
    if (number(r, NETDUMP_TAG_MACHINE) > G_MAXUINT16)
        return "machine";
    read_start(&n->start, r);
    if (!remains->dir) /* everything else is requested again */
        return NULL;
    n->version = (guint8)MIN(version, WIRE_VERSION_MAX);
    session_identify(n);
    if (number(r, NETDUMP_TAG_PAGE_SIZE) != 0)
        why = read_file(n, remains);
    if (why)
        return why;
    session_identify(n);
    read_counters(n, r);
    n->outcome = outcome_of(n, state);
    if (n->content == CONTENT_SOME)
        session_plan_file(n);
    /* Random as well: two servers in a row may begin with the same journal, if the first one was
     * killed before it had written its own. */
    n->nr_first = (guint32)number(r, NETDUMP_TAG_NEXT_NR) + NR_GAP + (n->spec.random >> 4);
    return NULL;
}
