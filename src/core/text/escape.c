/* escape.c - console bytes from a stranger -> text that is safe in a file and on a terminal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/text/escape.h"

#include <string.h>

static gboolean printable(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT: /* bidirectional overrides, zero-width characters */
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return FALSE;
    default:
        return TRUE;
    }
}

/* Bytes of the printable character at the start, 0 if there is none. */
static gsize character(const guint8 *bytes, gsize len)
{
    if (bytes[0] < 0x80)
        return bytes[0] >= 0x20 && bytes[0] < 0x7f ? 1 : 0;
    /* Four bytes are enough for any character, and the cast is right for them. */
    gunichar c = g_utf8_get_char_validated((const char *)bytes, (gssize)MIN(len, 4));
    if (c == (gunichar)-1 || c == (gunichar)-2 || !printable(c))
        return 0;
    return c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static gsize escape(const guint8 *bytes, gsize len, gboolean one_line, char *out)
{
    static const char hex[] = "0123456789abcdef";
    char *o = out;
    for (gsize i = 0; i < len;) {
        guint8 b = bytes[i];
        if (!one_line && b == '\r' && i + 1 < len && bytes[i + 1] == '\n') {
            i++;
            continue;
        }
        gsize keep = !one_line && (b == '\n' || b == '\t') ? 1 : character(bytes + i, len - i);
        if (keep == 0) {
            *o++ = '\\';
            *o++ = 'x';
            *o++ = hex[b >> 4];
            *o++ = hex[b & 15];
            i++;
        }
        while (keep-- > 0)
            *o++ = (char)bytes[i++];
    }
    return (gsize)(o - out);
}

gsize text_escape(const guint8 *bytes, gsize len, char *out)
{
    return escape(bytes, len, FALSE, out);
}

gsize text_escape_line(const guint8 *bytes, gsize len, char *out)
{
    return escape(bytes, len, TRUE, out);
}

gsize text_cut(const char *text, gsize len)
{
    for (gsize back = 1; back <= 3 && back <= len; back++) {
        guint8 b = (guint8)text[len - back];
        if (b < 0x80)
            return len;
        if (b >= 0xc0) {
            gsize need = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
            return need > back ? len - back : len;
        }
    }
    return len;
}

char *text_size(guint64 bytes)
{
    char *size = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    char *gap = strstr(size, "\302\240"); /* glib's is a no-break space */

    if (gap) {
        *gap = ' ';
        memmove(gap + 1, gap + 2, strlen(gap + 2) + 1);
    }
    return size;
}
