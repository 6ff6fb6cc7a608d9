/* parse.c - texts of the command line to numbers.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/parse.h"

#include <math.h>
#include <netdb.h>
#include <string.h>

static gboolean G_GNUC_PRINTF(2, 3) bad(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, text);
    return FALSE;
}

gboolean parse_number(const char *text, guint64 min, guint64 max, guint64 *out, GError **error)
{
    gboolean hex = g_ascii_strncasecmp(text, "0x", 2) == 0;

    if (g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, min, max, out, NULL))
        return TRUE;
    return bad(error, "\"%s\" is not a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
               text, min, max);
}

gboolean parse_hex(const char *text, guint64 *out, GError **error)
{
    gboolean prefix = g_ascii_strncasecmp(text, "0x", 2) == 0;

    if (g_ascii_string_to_unsigned(prefix ? text + 2 : text, 16, 0, G_MAXUINT64, out, NULL))
        return TRUE;
    return bad(error, "\"%s\" is not a hexadecimal number of up to 64 bits", text);
}

gboolean parse_fraction(const char *text, double min, double max, double *out, GError **error)
{
    char *end;
    double value = g_ascii_strtod(text, &end);

    if (end == text || *end || !isfinite(value) || value < min || value > max)
        return bad(error, "\"%s\" is not a number from %g to %g", text, min, max);
    *out = value;
    return TRUE;
}

gboolean parse_size(const char *text, guint64 *out, GError **error)
{
    static const char units[] = "KMG";
    gsize len = strlen(text);
    const char *unit = len > 0 ? strchr(units, g_ascii_toupper(text[len - 1])) : NULL;
    guint shift = unit ? 10 * (guint)(unit - units + 1) : 0;
    g_autofree char *digits = g_strndup(text, unit ? len - 1 : len);
    guint64 n;

    if (!g_ascii_string_to_unsigned(digits, 10, 1, G_MAXUINT64 >> shift, &n, NULL))
        return bad(error, "\"%s\" is not a size such as 4096, 64K, 16M or 1G", text);
    *out = n << shift;
    return TRUE;
}

gboolean parse_holes(const char *text, GArray *holes, GError **error)
{
    g_auto(GStrv) ranges = g_strsplit(text, ",", -1);

    for (guint i = 0; ranges[i]; i++) {
        g_auto(GStrv) ends = g_strsplit(ranges[i], "-", 2);
        guint64 first, last;

        if (!ends[0] || !parse_number(ends[0], 0, G_MAXUINT32, &first, NULL) ||
            !parse_number(ends[1] ? ends[1] : ends[0], first, G_MAXUINT32, &last, NULL))
            return bad(error, "\"%s\" is not a pfn range such as 0x9f-0xb7", ranges[i]);
        RamHole hole = {(guint32)first, (guint32)last};
        g_array_append_val(holes, hole);
    }
    return TRUE;
}

/* Take "host:port" apart; FALSE if brackets are odd. Colons in plenty are an IPv6 address. */
static gboolean split(const char *text, char **host, const char **port)
{
    const char *colon = strrchr(text, ':');

    *port = NULL;
    if (*text == '[') {
        const char *end = strchr(text, ']');

        if (!end || (end[1] && end[1] != ':'))
            return FALSE;
        *host = g_strndup(text + 1, (gsize)(end - text - 1));
        *port = end[1] ? end + 2 : NULL;
    } else if (colon && strchr(text, ':') == colon) {
        *host = g_strndup(text, (gsize)(colon - text));
        *port = colon + 1;
    } else {
        *host = g_strdup(text);
    }
    return TRUE;
}

gboolean parse_address(const char *text, guint16 default_port, struct sockaddr_storage *out,
                       GError **error)
{
    g_autofree char *host = NULL;
    const char *port;
    guint64 number = default_port;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;

    if (!split(text, &host, &port) || !*host)
        return bad(error, "\"%s\" is not an address; write IPv6 with a port as [::1]:6688", text);
    if (port && !parse_number(port, 1, G_MAXUINT16, &number, error))
        return FALSE;
    g_autofree char *service = g_strdup_printf("%u", (guint)number);
    int fault = getaddrinfo(host, service, &hints, &found);
    if (fault != 0)
        return bad(error, "%s: %s", host, gai_strerror(fault));
    memset(out, 0, sizeof(*out));
    memcpy(out, found->ai_addr, MIN(found->ai_addrlen, sizeof(*out)));
    freeaddrinfo(found);
    return TRUE;
}
