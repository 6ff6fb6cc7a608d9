/* fuzz-tagged.c - hostile bytes as a record of tagged fields, and as a set of pages: refused, or
 * something that packs into the same bytes. Tried as they are and under a right header, so that the
 * checks behind the checksum are reached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/page_set.h"
#include "core/format/tagged.h"

#include <stdint.h>
#include <string.h>

#define PAGES_END ((guint64)1 << 22) /* fewer than there can be, for the sake of speed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_pages(const guint8 *bytes, gsize len)
{
    PageSet *set = page_set_new();
    PageSet *again = page_set_new();
    GByteArray *out = g_byte_array_new();
    guint64 first;

    if (page_set_decode(set, bytes, len, PAGES_END)) {
        page_set_encode(set, G_MAXSIZE, out);
        if (out->len != len || (len > 0 && memcmp(out->data, bytes, len) != 0))
            __builtin_trap();
        g_byte_array_set_size(out, 0);
        page_set_encode(set, 16, out);
        if (out->len > 16 || !page_set_decode(again, out->data, out->len, PAGES_END))
            __builtin_trap();
        for (guint64 at = 0; page_set_next_range(set, at, &first, &at);)
            if (page_set_count_range(again, first, at) != at - first)
                __builtin_trap();
    }
    g_byte_array_unref(out);
    page_set_free(again);
    page_set_free(set);
}

static void try_record(const guint8 *bytes, gsize len)
{
    TaggedWriter w;
    TaggedReader r;
    gsize used = 0, missing_len = 0;
    const guint8 *missing;
    guint64 value;
    NetAddr addr;

    if (tagged_reader_init(&r, bytes, len, &used))
        return;
    w = tagged_writer_new();
    tagged_writer_copy_unknown(&w, &r, NULL, 0);
    tagged_writer_seal(&w);
    if (w.bytes->len != used || memcmp(w.bytes->data, bytes, used) != 0)
        __builtin_trap();
    tagged_writer_clear(&w);
    (void)tagged_number(&r, TAG_SEQUENCE, &value);
    if (tagged_addr(&r, TAG_CLIENT, &addr) && addr.family != NET_IPV4 && addr.family != NET_IPV6)
        __builtin_trap();
    missing = tagged_find(&r, TAG_NETDUMP, &missing_len);
    if (missing)
        try_pages(missing, missing_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TaggedWriter w = tagged_writer_new();

    try_pages(data, size);
    try_record(data, size);
    if (size > 0)
        g_byte_array_append(w.bytes, data, (guint)size);
    tagged_writer_seal(&w);
    try_record(w.bytes->data, w.bytes->len);
    tagged_writer_clear(&w);
    return 0;
}
