/* journal_v1.c - the records of version 1.0, as tagged fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/journal_v1.h"

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "core/base/page_set.h"
#include "core/netdump/tags.h"
#include "core/netdump/wire.h"

#include <string.h>

/* Where the parts of a record are. Integers are little-endian. */
#define MAGIC         "NDUMPJNL"
#define MAGIC_SIZE    8
#define VERSION_AT    8  /* u32 */
#define LENGTH_AT     12 /* u32: bytes of the fields */
#define SEQUENCE_AT   16 /* u64 */
#define FIELDS_AT     24
#define FIELDS_LENGTH 1229
#define CHECKSUM_AT   (JOURNAL_V1_SIZE - 4) /* u32, CRC-32C of all before it */
#define REGS_MAX      1024

#define STARTED_MAX G_GUINT64_CONSTANT(253402300799999999) /* the last microsecond of year 9999 */

G_STATIC_ASSERT(REGS_MAX <= LIMIT_REGS);

/* In the order of the bytes; those that 2.0 has no use for are left out. */
typedef struct {
    guint64 sequence;
    NetAddr client, local;
    guint64 started;
    guint32 state, machine, oldest;
    guint64 task, page_offset, magic;
    guint8 version;
    guint32 page_size, nr_pages, ram_pages;
    guint16 regs_len;
    guint32 next_nr, floor_written, floor_synced;
    guint64 pages_stored, pages_reserved, pages_retransmitted, duplicate_chunks;
    guint8 boot_id[16];
    guint8 regs[REGS_MAX];
    guint64 extensions, vmcoreinfo, cpu;
} Record;

static guint64 take(const guint8 **p, gsize size)
{
    *p += size;
    return bytes_get_le(*p - size, size);
}

static guint32 take32(const guint8 **p)
{
    return (guint32)take(p, 4);
}

static void take_bytes(const guint8 **p, guint8 *out, gsize len)
{
    memcpy(out, *p, len);
    *p += len;
}

static void take_addr(const guint8 **p, NetAddr *addr)
{
    addr->family = (guint8)take(p, 1);
    addr->port = (guint16)take(p, 2);
    addr->scope = take32(p);
    take_bytes(p, addr->bytes, sizeof addr->bytes);
}

static void take_fields(const guint8 *p, Record *r)
{
    take_addr(&p, &r->client);
    take_addr(&p, &r->local);
    r->started = take(&p, 8);
    r->state = take32(&p);
    r->machine = take32(&p);
    r->oldest = take32(&p);
    r->task = take(&p, 8);
    r->page_offset = take(&p, 8);
    r->magic = take(&p, 8);
    r->version = (guint8)take(&p, 1);
    r->page_size = take32(&p);
    r->nr_pages = take32(&p);
    r->ram_pages = take32(&p);
    r->regs_len = (guint16)take(&p, 2);
    r->next_nr = take32(&p);
    r->floor_written = take32(&p);
    r->floor_synced = take32(&p);
    r->pages_stored = take(&p, 8);
    p += 8; /* pages that are zero, which pages_stored counts as well */
    r->pages_reserved = take(&p, 8);
    r->pages_retransmitted = take(&p, 8);
    r->duplicate_chunks = take(&p, 8);
    p += 8; /* bytes: of pages_stored */
    take_bytes(&p, r->boot_id, sizeof r->boot_id);
    take_bytes(&p, r->regs, sizeof r->regs);
    r->extensions = take(&p, 8);
    r->vmcoreinfo = take(&p, 8);
    r->cpu = take(&p, 8);
}

static gboolean zeros(const guint8 *bytes, gsize len)
{
    for (gsize i = 0; i < len; i++)
        if (bytes[i] != 0)
            return FALSE;
    return TRUE;
}

static gboolean addr_ok(const NetAddr *a)
{
    switch (a->family) {
    case NET_NONE:
        return a->scope == 0 && zeros(a->bytes, 16);
    case NET_IPV4:
        return a->scope == 0 && zeros(a->bytes + 4, 12);
    case NET_IPV6:
        return TRUE;
    default:
        return FALSE;
    }
}

/* What 1.0 itself would have refused. */
static const char *check(const Record *r)
{
    if (!addr_ok(&r->client) || r->client.family == NET_NONE || r->client.port == 0)
        return "client address";
    if (!addr_ok(&r->local) || (r->local.family != NET_NONE && r->local.family != r->client.family))
        return "local address";
    if (r->started > STARTED_MAX)
        return "start time";
    if (r->state > RECORD_REBOOTING)
        return "state";
    if (r->machine == 0 || r->machine > G_MAXUINT16 || r->oldest > 1)
        return "machine";
    if (r->version > WIRE_VERSION_MAX)
        return "client version";
    if (r->page_size != 0 &&
        (r->page_size < LIMIT_PAGE_SIZE_MIN || r->page_size > LIMIT_PAGE_SIZE_MAX ||
         (r->page_size & (r->page_size - 1)) != 0))
        return "page size";
    if (r->regs_len > REGS_MAX || !zeros(r->regs + r->regs_len, (gsize)(REGS_MAX - r->regs_len)))
        return "registers";
    if (r->floor_written > r->nr_pages || r->floor_synced > r->floor_written)
        return "pages";
    return NULL;
}

static const char *decode(const guint8 bytes[JOURNAL_V1_SIZE], Record *r)
{
    if (zeros(bytes, JOURNAL_V1_SIZE))
        return "empty";
    if (memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return "magic";
    if (bytes_get_le32(bytes + CHECKSUM_AT) != crc32c(bytes, CHECKSUM_AT))
        return "checksum";
    if (bytes_get_le32(bytes + VERSION_AT) != 1)
        return "version";
    if (bytes_get_le32(bytes + LENGTH_AT) != FIELDS_LENGTH ||
        !zeros(bytes + FIELDS_AT + FIELDS_LENGTH, CHECKSUM_AT - FIELDS_AT - FIELDS_LENGTH))
        return "length";
    r->sequence = bytes_get_le64(bytes + SEQUENCE_AT);
    if (r->sequence == 0 || r->sequence == G_MAXUINT64)
        return "sequence number";
    take_fields(bytes + FIELDS_AT, r);
    return check(r);
}

static void add_file(TaggedWriter *out, const Record *r, guint32 floor)
{
    g_autoptr(PageSet) missing = page_set_new();
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    tagged_add_number(out, NETDUMP_TAG_PAGE_SIZE, r->page_size);
    tagged_add_number(out, NETDUMP_TAG_NR_PAGES, r->nr_pages);
    tagged_add_number(out, NETDUMP_TAG_RAM_PAGES, r->ram_pages);
    tagged_add(out, NETDUMP_TAG_REGS, r->regs, r->regs_len);
    page_set_add(missing, floor, r->nr_pages);
    page_set_encode(missing, G_MAXSIZE, bytes);
    tagged_add(out, NETDUMP_TAG_MISSING, bytes->data, bytes->len);
    /* What lies above the floor comes once more. */
    tagged_add_number(out, NETDUMP_TAG_PAGES_STORED, MIN(r->pages_stored, floor));
    tagged_add_number(out, NETDUMP_TAG_PAGES_RESERVED, r->pages_reserved);
}

static void add_record(TaggedWriter *out, const Record *r, guint32 floor)
{
    tagged_add_addr(out, TAG_CLIENT, &r->client);
    tagged_add_addr(out, TAG_LOCAL, &r->local);
    tagged_add_number(out, TAG_STARTED, r->started);
    tagged_add_number(out, NETDUMP_TAG_STATE, r->state);
    tagged_add_number(out, NETDUMP_TAG_MACHINE, r->machine);
    tagged_add_number(out, NETDUMP_TAG_OLDEST, r->oldest);
    tagged_add_number(out, NETDUMP_TAG_TASK, r->task);
    tagged_add_number(out, NETDUMP_TAG_PAGE_OFFSET, r->page_offset);
    tagged_add_number(out, NETDUMP_TAG_MAGIC, r->magic);
    tagged_add_number(out, NETDUMP_TAG_EXTENSIONS, r->extensions);
    tagged_add_number(out, NETDUMP_TAG_VMCOREINFO, r->vmcoreinfo);
    tagged_add_number(out, NETDUMP_TAG_CPU, r->cpu);
    tagged_add_number(out, NETDUMP_TAG_VERSION, r->version);
    tagged_add_number(out, NETDUMP_TAG_NEXT_NR, r->next_nr);
    if (r->page_size != 0)
        add_file(out, r, floor);
    tagged_add_number(out, NETDUMP_TAG_PAGES_RETRANSMITTED, r->pages_retransmitted);
    tagged_add_number(out, NETDUMP_TAG_DUPLICATE_CHUNKS, r->duplicate_chunks);
}

const char *journal_v1_convert(const guint8 *bytes, gsize len, const guint8 boot_id[16],
                               TaggedWriter *out)
{
    g_autofree Record *newest = g_new0(Record, 1);
    g_autofree Record *r = g_new0(Record, 1);
    const char *wrong = len < JOURNAL_V1_SIZE ? "too short" : NULL;
    gboolean same_boot;

    for (gsize at = 0; at + JOURNAL_V1_SIZE <= len; at += JOURNAL_V1_SIZE) {
        const char *why = decode(bytes + at, r);

        if (!why && r->sequence > newest->sequence)
            *newest = *r;
        else if (!wrong)
            wrong = why;
    }
    if (newest->sequence == 0)
        return wrong;
    same_boot = boot_id && !zeros(boot_id, 16) && memcmp(boot_id, newest->boot_id, 16) == 0;
    add_record(out, newest, same_boot ? newest->floor_written : newest->floor_synced);
    return NULL;
}
