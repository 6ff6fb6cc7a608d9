/* tagged.h - files that last: tagged fields, so that later versions add tags and never a format.
 *
 * A record is a header (16 bytes: 8 of magic "NDTAGGED", u32 length of the fields, u32 CRC-32C over
 * the fields) and fields: u16 tag, u16 flags, u32 length, value. Integers are little-endian,
 * whatever the host. A value of a number is 1, 2, 4 or 8 bytes. Fields that a reader does not know
 * (a new tag, or flags that are not 0) are kept: tagged_writer_copy_unknown() writes them back.
 * Reading checks everything and trusts nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/netaddr.h"

/* One list for all files, so that a number never means two things. A protocol's own tags are in its
 * folder, in the range that stands here. */
typedef enum {
    TAG_SEQUENCE = 1,  /* u64: the greater one is newer */
    TAG_BOOT_ID = 2,   /* 16 bytes: of the kernel that ran when this was written */
    TAG_PROTOCOL = 3,  /* SessionOps.name; absent: the first one of the server's table */
    TAG_CLIENT = 4,    /* address and port, see tagged_add_addr() */
    TAG_LOCAL = 5,     /* our address and port that it wrote to */
    TAG_STARTED = 6,   /* i64: us since 1970, of the crash */
    TAG_FILE_LOST = 7, /* u64 1: the dump's file holds nothing of what the protocol's fields say */
    TAG_SYNCED = 8,    /* u64 1: what this says is in the file is on the disk, not only written */
    TAG_COMMON_END,    /* above those that all protocols share */
    TAG_NETDUMP = 100, /* ..199: core/netdump */
    TAG_FREEBSD = 200, /* ..299: core/freebsd */
    TAG_TEST = 65000,  /* ..65099: protocols of the tests */
} Tag;

#define TAGGED_HEADER_SIZE 16

typedef struct {
    GByteArray *bytes; /* header and fields */
} TaggedWriter;

TaggedWriter tagged_writer_new(void);
void tagged_writer_clear(TaggedWriter *w);
void tagged_add(TaggedWriter *w, guint16 tag, const void *value, gsize len);
void tagged_add_number(TaggedWriter *w, guint16 tag, guint64 value); /* as 8 bytes */
void tagged_add_addr(TaggedWriter *w, guint16 tag, const NetAddr *addr);

/* Fill the header in. The bytes are w->bytes until the next change. */
void tagged_writer_seal(TaggedWriter *w);

/* A view of bytes that must outlive it. */
typedef struct {
    const guint8 *fields;
    gsize len;
} TaggedReader;

/* NULL on success, else what is wrong with the bytes ("checksum", "length" ...), a static string.
 * *used: bytes of the record, header included; more can follow. */
const char *tagged_reader_init(TaggedReader *r, const guint8 *bytes, gsize len,
                               gsize *used) G_GNUC_WARN_UNUSED_RESULT;

/* The value of the first field with this tag; NULL if there is none. */
const guint8 *tagged_find(const TaggedReader *r, guint16 tag, gsize *len);

/* FALSE, and *value untouched, if there is no such field or it has no length of a number. */
gboolean tagged_number(const TaggedReader *r, guint16 tag, guint64 *value);
gboolean tagged_addr(const TaggedReader *r, guint16 tag, NetAddr *addr);

/* Copies every field whose tag is neither in known[0..n-1] nor in `w` already. */
void tagged_writer_copy_unknown(TaggedWriter *w, const TaggedReader *r, const guint16 *known,
                                gsize n);

/* What a file of version 1.0 says, as fields. The newest of the records in `bytes` counts.
 * boot_id: of the running kernel, NULL: as if it were another one, so that only what was surely on
 * the disk is believed. NULL on success, else what is wrong with the bytes, a static string. */
typedef const char *(*TaggedConvert)(const guint8 *bytes, gsize len, const guint8 boot_id[16],
                                     TaggedWriter *out);
