/* journal_record.c - what a restarted server must know about a dump, as a struct and as bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/journal_record.h"

#include <stddef.h>
#include <string.h>

/* offset 0: start_mark, 8 bytes; 8: version, u32; 12: bytes of the fields, u32; 16: sequence, u64;
 * 24: the fields in the table's order; zeros; CHECKSUM: CRC32C of all bytes before it, u32. */
#define FIELDS   24
#define CHECKSUM (JOURNAL_RECORD_SIZE - 4)

static const guint8 start_mark[8] = {'N', 'D', 'U', 'M', 'P', 'J', 'N', 'L'};

#define STARTED_MAX G_GINT64_CONSTANT(253402300799999999) /* the last microsecond of year 9999 */

typedef struct {
    guint16 offset; /* in JournalRecord */
    guint16 size;
    gboolean raw; /* bytes as they are; otherwise an integer of this size, little-endian */
} Field;

#define INTEGER(member)                                                                            \
    {                                                                                              \
        offsetof(JournalRecord, member), sizeof(((JournalRecord *)NULL)->member), FALSE            \
    }
#define BYTES(member)                                                                              \
    {                                                                                              \
        offsetof(JournalRecord, member), sizeof(((JournalRecord *)NULL)->member), TRUE             \
    }

/* The layout of version 1: a change here is a new JOURNAL_RECORD_VERSION. */
static const Field fields[] = {
    INTEGER(client.family),
    INTEGER(client.port),
    INTEGER(client.scope),
    BYTES(client.bytes),
    INTEGER(local.family),
    INTEGER(local.port),
    INTEGER(local.scope),
    BYTES(local.bytes),
    INTEGER(started),
    INTEGER(state),
    INTEGER(machine),
    INTEGER(oldest),
    INTEGER(task),
    INTEGER(page_offset),
    INTEGER(magic),
    INTEGER(version),
    INTEGER(page_size),
    INTEGER(nr_pages),
    INTEGER(ram_pages),
    INTEGER(regs_len),
    INTEGER(next_nr),
    INTEGER(floor_written),
    INTEGER(floor_synced),
    INTEGER(pages_stored),
    INTEGER(pages_zero),
    INTEGER(pages_reserved),
    INTEGER(pages_retransmitted),
    INTEGER(duplicates),
    INTEGER(bytes),
    BYTES(boot_id),
    BYTES(regs),
    INTEGER(extensions),
    INTEGER(vmcoreinfo),
    INTEGER(cpu),
};

static void put(guint8 *out, guint64 value, gsize size)
{
    for (gsize i = 0; i < size; i++)
        out[i] = (guint8)(value >> (8 * i));
}

static guint64 get(const guint8 *bytes, gsize size)
{
    guint64 value = 0;
    for (gsize i = size; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

static guint64 load(const void *member, gsize size)
{
    guint16 u16;
    guint32 u32;
    guint64 u64;
    switch (size) {
    case 1:
        return *(const guint8 *)member;
    case 2:
        memcpy(&u16, member, sizeof u16);
        return u16;
    case 4:
        memcpy(&u32, member, sizeof u32);
        return u32;
    default:
        memcpy(&u64, member, sizeof u64);
        return u64;
    }
}

static void store(void *member, guint64 value, gsize size)
{
    guint8 u8 = (guint8)value;
    guint16 u16 = (guint16)value;
    guint32 u32 = (guint32)value;
    memcpy(member,
           size == 1   ? (const void *)&u8
           : size == 2 ? (const void *)&u16
           : size == 4 ? (const void *)&u32
                       : (const void *)&value,
           size);
}

static gboolean zeros(const guint8 *bytes, gsize len)
{
    for (gsize i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return FALSE;
    }
    return TRUE;
}

/* CRC32C (Castagnoli), RFC 3720 appendix B.4: reflected, polynomial 0x82f63b78, four bits a step.
 */
static guint32 crc32c(const guint8 *bytes, gsize len)
{
    static const guint32 table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    guint32 crc = 0xffffffff;
    for (gsize i = 0; i < len; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
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

/* NULL if the record keeps its header's rules, else the field that breaks one. */
static const char *check(const JournalRecord *r)
{
    if (!addr_ok(&r->client) || r->client.family == NET_NONE || r->client.port == 0)
        return "the client's address";
    if (!addr_ok(&r->local) || (r->local.family != NET_NONE && r->local.family != r->client.family))
        return "our address";
    if (r->started < 0 || r->started > STARTED_MAX)
        return "the time of the start";
    if ((guint)r->state >= JOURNAL_N_STATES)
        return "the state";
    if (r->machine == 0 || r->machine > 0xffff)
        return "the machine";
    if (r->oldest != FALSE && r->oldest != TRUE)
        return "the client's age";
    if (r->version > 8)
        return "the client's version";
    if (r->page_size != 0 &&
        (r->page_size < 4096 || r->page_size > 65536 || (r->page_size & (r->page_size - 1))))
        return "the page size";
    if (r->regs_len > JOURNAL_RECORD_REGS_MAX ||
        !zeros(r->regs + r->regs_len, (gsize)(JOURNAL_RECORD_REGS_MAX - r->regs_len)))
        return "the registers";
    if (r->floor_written > r->nr_pages || r->floor_synced > r->floor_written)
        return "the pages that are done";
    return NULL;
}

void journal_record_seal(guint8 bytes[JOURNAL_RECORD_SIZE])
{
    put(bytes + CHECKSUM, crc32c(bytes, CHECKSUM), 4);
}

gboolean journal_record_encode(const JournalRecord *record, guint64 sequence,
                               guint8 out[JOURNAL_RECORD_SIZE])
{
    if (check(record) || sequence == 0 || sequence == G_MAXUINT64)
        return FALSE;
    memset(out, 0, JOURNAL_RECORD_SIZE);
    gsize at = FIELDS;
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        const guint8 *member = (const guint8 *)record + fields[i].offset;
        if (fields[i].raw)
            memcpy(out + at, member, fields[i].size);
        else
            put(out + at, load(member, fields[i].size), fields[i].size);
        at += fields[i].size;
    }
    memcpy(out, start_mark, sizeof start_mark);
    put(out + 8, JOURNAL_RECORD_VERSION, 4);
    put(out + 12, at - FIELDS, 4);
    put(out + 16, sequence, 8);
    journal_record_seal(out);
    return TRUE;
}

const char *journal_record_decode(const guint8 *bytes, gsize len, JournalRecord *record,
                                  guint64 *sequence)
{
    if (len != JOURNAL_RECORD_SIZE)
        return "its size";
    if (zeros(bytes, len))
        return "it was never written";
    if (memcmp(bytes, start_mark, sizeof start_mark) != 0)
        return "no journal";
    if (get(bytes + CHECKSUM, 4) != crc32c(bytes, CHECKSUM))
        return "the checksum";
    if (get(bytes + 8, 4) != JOURNAL_RECORD_VERSION)
        return "a version that this server doesn't know";
    JournalRecord r = {0};
    gsize at = FIELDS;
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        guint8 *member = (guint8 *)&r + fields[i].offset;
        if (fields[i].raw)
            memcpy(member, bytes + at, fields[i].size);
        else
            store(member, get(bytes + at, fields[i].size), fields[i].size);
        at += fields[i].size;
    }
    guint64 number = get(bytes + 16, 8);
    if (get(bytes + 12, 4) != at - FIELDS || !zeros(bytes + at, CHECKSUM - at))
        return "the layout";
    if (number == 0 || number == G_MAXUINT64)
        return "the sequence number";
    const char *wrong = check(&r);
    if (wrong)
        return wrong;
    *record = r;
    *sequence = number;
    return NULL;
}
