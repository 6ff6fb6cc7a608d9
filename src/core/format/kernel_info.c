/* kernel_info.c - what a client with a current kernel sends about itself: VMCOREINFO and the map of
 * RAM.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/kernel_info.h"

#include "core/base/bytes.h"

#include <string.h>

#define RANGES_SANE (1u << 20) /* a map with more ranges than that is nonsense */

KernelInfoVerdict kernel_info_add_vmcoreinfo(KernelInfo *kernel, guint32 offset,
                                             const guint8 *piece, gsize len, guint32 total)
{
    if (offset != kernel->vmcoreinfo_len || total > KERNEL_INFO_VMCOREINFO_MAX || len == 0 ||
        len > total - MIN(offset, total))
        return KERNEL_INFO_REFUSED;
    memcpy(kernel->vmcoreinfo + offset, piece, len);
    kernel->vmcoreinfo_len += (guint32)len;
    return kernel->vmcoreinfo_len == total ? KERNEL_INFO_DONE : KERNEL_INFO_MORE;
}

static gboolean add_range(KernelInfo *kernel, guint32 first, guint32 end)
{
    KernelInfoRange *last = kernel->n_ranges ? &kernel->ranges[kernel->n_ranges - 1] : NULL;

    if (first >= end || (last && first < last->end))
        return FALSE;
    if (last && (first == last->end || kernel->n_ranges == KERNEL_INFO_RANGES_MAX))
        last->end = end;
    else
        kernel->ranges[kernel->n_ranges++] = (KernelInfoRange){first, end};
    return TRUE;
}

KernelInfoVerdict kernel_info_add_ranges(KernelInfo *kernel, guint32 offset, const guint8 *piece,
                                         gsize len, guint32 total)
{
    if (total > RANGES_SANE * KERNEL_INFO_RANGE_SIZE || len == 0 ||
        len % KERNEL_INFO_RANGE_SIZE != 0 || len > total - MIN(offset, total))
        return KERNEL_INFO_REFUSED;
    for (gsize i = 0; i < len; i += KERNEL_INFO_RANGE_SIZE)
        if (!add_range(kernel, bytes_get_be32(piece + i), bytes_get_be32(piece + i + 4)))
            return KERNEL_INFO_REFUSED;
    return offset + len == total ? KERNEL_INFO_DONE : KERNEL_INFO_MORE;
}

gboolean kernel_info_usable(const KernelInfo *kernel, guint32 nr_pages)
{
    if (kernel->vmcoreinfo_len == 0 || kernel->vmcoreinfo_len > KERNEL_INFO_VMCOREINFO_MAX ||
        kernel->n_ranges == 0 || kernel->n_ranges > KERNEL_INFO_RANGES_MAX)
        return FALSE;
    for (guint32 i = 0; i < kernel->n_ranges; i++)
        if (kernel->ranges[i].first >= kernel->ranges[i].end || kernel->ranges[i].end > nr_pages ||
            (i > 0 && kernel->ranges[i].first <= kernel->ranges[i - 1].end))
            return FALSE;
    return TRUE;
}

/* The text after "key=" at the start of a line, and its length; NULL if there is no such line. */
static const char *find(const KernelInfo *kernel, const char *key, gsize *len)
{
    const char *line = (const char *)kernel->vmcoreinfo, *end = line + kernel->vmcoreinfo_len;
    gsize key_len = strlen(key);

    while (line < end) {
        const char *next = memchr(line, '\n', (gsize)(end - line));
        gsize n = (gsize)((next ? next : end) - line);

        if (n > key_len && memcmp(line, key, key_len) == 0 && line[key_len] == '=') {
            *len = n - key_len - 1;
            return line + key_len + 1;
        }
        line = next ? next + 1 : end;
    }
    return NULL;
}

gboolean kernel_info_number(const KernelInfo *kernel, const char *key, guint64 *value)
{
    gsize len;
    const char *at = find(kernel, key, &len);
    char text[32];
    gint64 number;

    if (!at || len == 0 || len >= sizeof text)
        return FALSE;
    memcpy(text, at, len);
    text[len] = '\0';
    if (!g_str_has_prefix(key, "NUMBER("))
        return g_ascii_string_to_unsigned(text, 16, 0, G_MAXUINT64, value, NULL);
    if (!g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &number, NULL))
        return FALSE;
    *value = (guint64)number;
    return TRUE;
}

void kernel_info_release(const KernelInfo *kernel, char release[KERNEL_INFO_RELEASE_MAX])
{
    gsize len, n = 0;
    const char *at = find(kernel, "OSRELEASE", &len);

    release[0] = '\0';
    if (!at)
        return;
    while (n < len && n < KERNEL_INFO_RELEASE_MAX - 1) {
        if (!g_ascii_isgraph(at[n]))
            return;
        n++;
    }
    memcpy(release, at, n);
    release[n] = '\0';
}
