/* fuzz-text.c - any bytes as console text: the result is valid, printable, bounded, and stays what
 * it is when it is escaped again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/text/escape.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(gboolean right)
{
    if (!right)
        __builtin_trap();
}

static void check(const char *text, gsize len, gsize in, gboolean one_line)
{
    must(len <= TEXT_ESCAPED_MAX(in) && g_utf8_validate(text, (gssize)len, NULL));
    for (gsize i = 0; i < len; i++) {
        guint8 b = (guint8)text[i];
        must((b >= 0x20 && b != 0x7f) || (!one_line && (b == '\n' || b == '\t')));
    }
    g_autofree char *again = g_malloc(TEXT_ESCAPED_MAX(len) + 1);
    must(text_escape((const guint8 *)text, len, again) == len && memcmp(again, text, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    /* Just the size that is promised to be enough, so that ASan sees a byte more. */
    g_autofree char *out = g_malloc(MAX(TEXT_ESCAPED_MAX(size), 1));
    gsize len = text_escape(data, size, out);
    check(out, len, size, FALSE);
    gsize at = size ? data[0] * len / 255 : 0;
    gsize cut = text_cut(out, at);
    must(cut <= at && at - cut <= 3 && g_utf8_validate(out, (gssize)cut, NULL));
    check(out, text_escape_line(data, size, out), size, TRUE);
    return 0;
}
