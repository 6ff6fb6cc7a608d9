/* ram.c - the physical memory of a crashed machine.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/ram.h"

#include "core/netdump/wire.h"
#include "sim/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK WIRE_CHUNK_SIZE
#define POOL_SIZE                                                                                  \
    (1024 * 1024) /* random bytes that all random pages are windows of: fits a cache */

struct Ram {
    guint32 n_pages, n_present, page_size;
    guint64 seed;
    guint32 zero_limit; /* a page whose 32-bit draw is below is zero */
    guint8 *pool;       /* NULL: memory from a file */
    guint8 *map;
    gsize map_size;
    GArray *holes; /* RamHole, sorted, apart from each other */
};

static Ram *ram_new(guint32 n_pages, guint32 page_size)
{
    Ram *ram = g_new0(Ram, 1);

    ram->n_pages = ram->n_present = n_pages;
    ram->page_size = page_size;
    ram->holes = g_array_new(FALSE, FALSE, sizeof(RamHole));
    return ram;
}

Ram *ram_generate(guint64 seed, guint32 n_pages, guint32 page_size, double zero_percent)
{
    Ram *ram = ram_new(n_pages, page_size);
    guint64 state = seed;

    ram->seed = seed;
    ram->zero_limit = (guint32)(CLAMP(zero_percent, 0.0, 100.0) / 100.0 * G_MAXUINT32);
    ram->pool = g_malloc(POOL_SIZE + LIMIT_PAGE_SIZE_MAX);
    for (gsize at = 0; at < POOL_SIZE + LIMIT_PAGE_SIZE_MAX; at += sizeof(guint64)) {
        guint64 word = GUINT64_TO_LE(rng_next(&state));
        memcpy(ram->pool + at, &word, sizeof(word));
    }
    return ram;
}

Ram *ram_open(const char *path, guint32 page_size, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = {0};
    void *map = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        map = mmap(NULL, (gsize)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    if (map == MAP_FAILED) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "memory file %s: %s", path,
                    fd >= 0 && st.st_size == 0 ? "file is empty" : g_strerror(saved));
        return NULL;
    }
    guint64 pages = ((guint64)st.st_size + page_size - 1) / page_size;
    if (pages > G_MAXUINT32) {
        (void)munmap(map, (gsize)st.st_size);
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "memory file %s: more than 2^32 - 1 pages", path);
        return NULL;
    }
    Ram *ram = ram_new((guint32)pages, page_size);
    ram->map = map;
    ram->map_size = (gsize)st.st_size;
    return ram;
}

static gint by_first(gconstpointer a, gconstpointer b)
{
    const RamHole *x = a, *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

gboolean ram_set_holes(Ram *ram, const RamHole *holes, gsize n, GError **error)
{
    g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(RamHole));

    g_array_append_vals(sorted, holes, (guint)n);
    g_array_sort(sorted, by_first);
    g_array_set_size(ram->holes, 0);
    ram->n_present = ram->n_pages;
    for (guint i = 0; i < sorted->len; i++) {
        RamHole hole = g_array_index(sorted, RamHole, i);
        RamHole *before =
            ram->holes->len ? &g_array_index(ram->holes, RamHole, ram->holes->len - 1) : NULL;

        if (hole.first > hole.last || hole.last >= ram->n_pages) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "hole 0x%x-0x%x exceeds the %u pages of memory", hole.first, hole.last,
                        ram->n_pages);
            return FALSE;
        }
        if (before && hole.first <= before->last + 1) {
            ram->n_present += before->last - before->first + 1;
            before->last = MAX(before->last, hole.last);
            hole = *before;
        } else {
            g_array_append_val(ram->holes, hole);
        }
        ram->n_present -= hole.last - hole.first + 1;
    }
    return TRUE;
}

void ram_free(Ram *ram)
{
    if (!ram)
        return;
    if (ram->map)
        (void)munmap(ram->map, ram->map_size);
    g_free(ram->pool);
    g_array_unref(ram->holes);
    g_free(ram);
}

guint32 ram_pages(const Ram *ram)
{
    return ram->n_pages;
}

guint32 ram_present(const Ram *ram)
{
    return ram->n_present;
}

guint32 ram_page_size(const Ram *ram)
{
    return ram->page_size;
}

static const RamHole *hole_at(const Ram *ram, guint32 pfn)
{
    guint low = 0, high = ram->holes->len;

    while (low < high) {
        guint mid = low + (high - low) / 2;
        const RamHole *hole = &g_array_index(ram->holes, RamHole, mid);

        if (pfn < hole->first)
            high = mid;
        else if (pfn > hole->last)
            low = mid + 1;
        else
            return hole;
    }
    return NULL;
}

gboolean ram_is_hole(const Ram *ram, guint32 pfn)
{
    return hole_at(ram, pfn) != NULL;
}

guint32 ram_next(const Ram *ram, guint32 pfn)
{
    if (pfn >= ram->n_pages - 1)
        return 0;
    /* Holes are apart, so the page after one is RAM or the end. */
    const RamHole *hole = hole_at(ram, pfn + 1);
    guint32 next = hole ? hole->last + 1 : pfn + 1;
    return next < ram->n_pages ? next : 0;
}

static void put64(guint8 *out, guint64 value)
{
    value = GUINT64_TO_LE(value);
    memcpy(out, &value, sizeof(value));
}

static void generated(const Ram *ram, guint32 machine, guint32 pfn, guint32 offset, guint8 *out)
{
    guint64 id = (guint64)machine << 32 | pfn;
    guint64 draw = rng_mix(ram->seed + rng_mix(id + 1));
    guint32 byte = (guint32)(draw >> 40) % ram->page_size;

    if ((guint32)draw < ram->zero_limit) {
        memset(out, 0, CHUNK);
        return;
    }
    switch ((draw >> 32) % 8) {
    case 0: /* nearly zero: one byte anywhere in the page */
        memset(out, 0, CHUNK);
        if (byte / CHUNK == offset / CHUNK)
            out[byte % CHUNK] = (guint8)(1 + pfn % 255);
        return;
    case 1: /* a pattern, as page tables and free lists make it */
        for (guint32 at = 0; at < CHUNK; at += 8)
            put64(out + at, (guint64)pfn << 16 | (offset + at));
        break;
    default:
        memcpy(out, ram->pool + (draw >> 36) % (POOL_SIZE / 8) * 8 + offset, CHUNK);
        break;
    }
    put64(out, id);
    put64(out + 8, draw + offset);
}

void ram_read(const Ram *ram, guint32 machine, guint32 pfn, guint32 offset, guint8 *out)
{
    if (ram->holes->len && ram_is_hole(ram, pfn)) {
        memset(out, 0, CHUNK);
        return;
    }
    if (ram->pool) {
        generated(ram, machine, pfn, offset, out);
        return;
    }
    guint64 at = (guint64)pfn * ram->page_size + offset;
    gsize have = at < ram->map_size ? MIN(CHUNK, ram->map_size - at) : 0;
    memcpy(out, ram->map + at, have);
    memset(out + have, 0, CHUNK - have);
}
