/* tagged.c - files that last: tagged fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/tagged.h"

#include "core/base/bytes.h"
#include "core/base/crc32c.h"

#include <string.h>

#define MAGIC        "NDTAGGED"
#define MAGIC_SIZE   8
#define LENGTH_AT    8
#define CHECKSUM_AT  12
#define FIELD_HEADER 8

/* An address as bytes: u8 family, u8 0, u16 port, u32 scope, then those of NetAddr. */
#define ADDR_SIZE 24

/* -- writing ------------------------------------------------------------------------------------
 */

TaggedWriter tagged_writer_new(void)
{
    static const guint8 header[TAGGED_HEADER_SIZE] = MAGIC;
    TaggedWriter w = {g_byte_array_new()};

    g_byte_array_append(w.bytes, header, sizeof header);
    tagged_writer_seal(&w);
    return w;
}

void tagged_writer_clear(TaggedWriter *w)
{
    if (w->bytes)
        g_byte_array_unref(w->bytes);
    w->bytes = NULL;
}

static void add_field(TaggedWriter *w, guint16 tag, guint16 flags, const void *value, gsize len)
{
    guint8 header[FIELD_HEADER];

    bytes_put_le16(header, tag);
    bytes_put_le16(header + 2, flags);
    bytes_put_le32(header + 4, (guint32)len);
    g_byte_array_append(w->bytes, header, sizeof header);
    if (len > 0)
        g_byte_array_append(w->bytes, value, (guint)len);
}

void tagged_add(TaggedWriter *w, guint16 tag, const void *value, gsize len)
{
    add_field(w, tag, 0, value, len);
}

void tagged_add_number(TaggedWriter *w, guint16 tag, guint64 value)
{
    guint8 bytes[8];

    bytes_put_le64(bytes, value);
    add_field(w, tag, 0, bytes, sizeof bytes);
}

void tagged_add_addr(TaggedWriter *w, guint16 tag, const NetAddr *addr)
{
    guint8 bytes[ADDR_SIZE] = {addr->family};

    bytes_put_le16(bytes + 2, addr->port);
    bytes_put_le32(bytes + 4, addr->scope);
    memcpy(bytes + 8, addr->bytes, sizeof addr->bytes);
    add_field(w, tag, 0, bytes, sizeof bytes);
}

void tagged_writer_seal(TaggedWriter *w)
{
    guint8 *header = w->bytes->data;
    guint32 len = w->bytes->len - TAGGED_HEADER_SIZE;

    bytes_put_le32(header + LENGTH_AT, len);
    bytes_put_le32(header + CHECKSUM_AT, crc32c(header + TAGGED_HEADER_SIZE, len));
}

/* -- reading ------------------------------------------------------------------------------------
 */

typedef struct {
    guint16 tag, flags;
    const guint8 *value;
    gsize len;
} Field;

/* The field at *at; advances *at. FALSE at the end or if the field is incomplete. */
static gboolean next_field(const guint8 *fields, gsize len, gsize *at, Field *f)
{
    const guint8 *p = fields + *at;
    gsize room = len - *at;

    if (room < FIELD_HEADER)
        return FALSE;
    *f = (Field){.tag = bytes_get_le16(p),
                 .flags = bytes_get_le16(p + 2),
                 .value = p + FIELD_HEADER,
                 .len = bytes_get_le32(p + 4)};
    if (f->len > room - FIELD_HEADER)
        return FALSE;
    *at += FIELD_HEADER + f->len;
    return TRUE;
}

const char *tagged_reader_init(TaggedReader *r, const guint8 *bytes, gsize len, gsize *used)
{
    gsize at = 0;
    gsize fields_len;
    Field f;

    if (len < TAGGED_HEADER_SIZE)
        return "too short";
    if (memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return "magic";
    fields_len = bytes_get_le32(bytes + LENGTH_AT);
    if (fields_len > len - TAGGED_HEADER_SIZE)
        return "length";
    bytes += TAGGED_HEADER_SIZE;
    if (crc32c(bytes, fields_len) != bytes_get_le32(bytes - TAGGED_HEADER_SIZE + CHECKSUM_AT))
        return "checksum";
    while (next_field(bytes, fields_len, &at, &f))
        ;
    if (at != fields_len)
        return "field";
    *r = (TaggedReader){.fields = bytes, .len = fields_len};
    *used = TAGGED_HEADER_SIZE + fields_len;
    return NULL;
}

/* Flags are a later version's: such a field is kept, but not understood. */
const guint8 *tagged_find(const TaggedReader *r, guint16 tag, gsize *len)
{
    gsize at = 0;
    Field f;

    while (next_field(r->fields, r->len, &at, &f)) {
        if (f.tag == tag && f.flags == 0) {
            *len = f.len;
            return f.value;
        }
    }
    return NULL;
}

gboolean tagged_number(const TaggedReader *r, guint16 tag, guint64 *value)
{
    gsize len = 0;
    const guint8 *bytes = tagged_find(r, tag, &len);

    if (!bytes || (len != 1 && len != 2 && len != 4 && len != 8))
        return FALSE;
    *value = bytes_get_le(bytes, len);
    return TRUE;
}

static gboolean zeros(const guint8 *bytes, gsize len)
{
    for (gsize i = 0; i < len; i++)
        if (bytes[i] != 0)
            return FALSE;
    return TRUE;
}

gboolean tagged_addr(const TaggedReader *r, guint16 tag, NetAddr *addr)
{
    gsize len = 0;
    const guint8 *bytes = tagged_find(r, tag, &len);
    NetAddr a = {0};

    if (!bytes || len != ADDR_SIZE || bytes[1] != 0)
        return FALSE;
    a.family = bytes[0];
    a.port = bytes_get_le16(bytes + 2);
    a.scope = bytes_get_le32(bytes + 4);
    memcpy(a.bytes, bytes + 8, sizeof a.bytes);
    if (a.family == NET_IPV4 ? a.scope != 0 || !zeros(a.bytes + 4, 12) : a.family != NET_IPV6)
        return FALSE;
    *addr = a;
    return TRUE;
}

static gboolean has_tag(const TaggedWriter *w, gsize len, guint16 tag)
{
    const guint8 *fields = w->bytes->data + TAGGED_HEADER_SIZE;
    gsize at = 0;
    Field f;

    while (next_field(fields, len, &at, &f))
        if (f.tag == tag)
            return TRUE;
    return FALSE;
}

void tagged_writer_copy_unknown(TaggedWriter *w, const TaggedReader *r, const guint16 *known,
                                gsize n)
{
    gsize own = w->bytes->len - TAGGED_HEADER_SIZE; /* several fields may share a tag: copy all */
    gsize at = 0;
    Field f;

    while (next_field(r->fields, r->len, &at, &f)) {
        gboolean skip = has_tag(w, own, f.tag);

        for (gsize i = 0; i < n; i++)
            skip |= known[i] == f.tag;
        if (!skip)
            add_field(w, f.tag, f.flags, f.value, f.len);
    }
}
