/* crash.c - what a crashed client's memory looks like, and which request numbers the server used.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/crash.h"

#include <string.h>

/* -- memory ------------------------------------------------------------------------------------ */

static guint64 seed_of(const Crash *c, guint32 pfn)
{
    return rng_mix(c->key ^ (guint64)pfn << 8);
}

/* Much of a client's memory is zero, in long stretches. */
int kernel_fill(const Crash *c, guint32 pfn)
{
    guint64 x = seed_of(c, pfn);

    if (x % 8 == 0 || seed_of(c, pfn / 16) % 4 == 0)
        return 0;
    return x % 8 == 1 ? (int)(x >> 32 & 255) : -1;
}

void kernel_memory(const Crash *c, guint32 pfn, guint32 offset, guint8 *out)
{
    guint64 x = seed_of(c, pfn);
    guint64 words[WIRE_CHUNK_SIZE / 8];
    int fill = kernel_fill(c, pfn);

    if (fill >= 0) {
        memset(out, fill, WIRE_CHUNK_SIZE);
        return;
    }
    x += offset;
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        words[i] = (x + i) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    memcpy(out, words, sizeof words);
}

gboolean kernel_ram(const Crash *c, guint32 pfn, guint32 *index)
{
    for (guint i = 0; i < c->n_ranges; i++)
        if (pfn >= c->ranges[i].first && pfn <= c->ranges[i].last) {
            *index = c->ranges[i].index + (pfn - c->ranges[i].first);
            return TRUE;
        }
    return FALSE;
}

guint32 kernel_pfn(const Crash *c, guint32 index)
{
    guint i = 0;

    while (i + 1 < c->n_ranges && c->ranges[i + 1].index <= index)
        i++;
    return c->ranges[i].first + (index - c->ranges[i].index);
}

static void add_range(Crash *c, guint64 first, guint64 n)
{
    if (c->n_ranges == RANGES_MAX || n == 0 || first + n > c->nr_pages)
        return;
    c->ranges[c->n_ranges++] = (Range){(guint32)first, (guint32)(first + n - 1), c->n_ram};
    c->n_ram += (guint32)n;
}

/* The usual memory: some ranges of RAM with holes between, before, or after them. */
static void choose_ranges(World *w, Crash *c, gboolean holes)
{
    guint64 pfn = 0;

    if (!holes) {
        add_range(c, 0, c->nr_pages);
        return;
    }
    while (pfn < c->nr_pages && c->n_ranges < RANGES_MAX) {
        guint64 left = c->nr_pages - pfn;
        guint64 n = 1 + world_below(w, left);

        if (world_chance(w, 6000))
            add_range(c, pfn, n);
        pfn += n + world_scaled(w, 10);
    }
}

/* As many pages as there can be, few of them RAM. */
static void choose_huge(World *w, Crash *c)
{
    guint64 pfn = 0;

    c->nr_pages = world_chance(w, 3000) ? G_MAXUINT32 : (guint32)world_random(w) | 0x10000;
    while (c->n_ranges < RANGES_MAX && pfn < c->nr_pages) {
        pfn += world_scaled(w, 31);
        add_range(c, pfn, 1 + world_below(w, 20));
        pfn += 21;
    }
    if (world_chance(w, 5000))
        add_range(c, c->nr_pages - 1, pfn < c->nr_pages - 1);
}

static void choose_memory(World *w, Crash *c)
{
    static const guint32 sizes[] = {4096, 4096, 4096, 4096, 8192, 16384, 32768, 65536};
    static const guint32 senseless[] = {0, 1, 2048, 12288, 4097, 131072, G_MAXUINT32};
    guint bits = world_chance(w, 9000) ? 6 : world_chance(w, 7000) ? 10 : 12;
    gboolean oldest = c->kernel->oldest;

    c->page_size = oldest ? 4096 : sizes[world_below(w, G_N_ELEMENTS(sizes))];
    c->nr_pages = (guint32)(1 + world_scaled(w, bits) / (c->page_size / 4096));
    if (world_chance(w, 300) && !oldest)
        choose_huge(w, c);
    else
        choose_ranges(w, c, !oldest && world_chance(w, 5000));
    c->all_chunks =
        c->page_size == 65536 ? G_MAXUINT64 : ((guint64)1 << c->page_size / WIRE_CHUNK_SIZE) - 1;
    c->sane = TRUE;
    if (world_chance(w, 100)) {
        c->page_size = senseless[world_below(w, G_N_ELEMENTS(senseless))];
        c->sane = FALSE;
    }
    if (world_chance(w, 100)) {
        c->nr_pages = c->n_ram = c->n_ranges = 0;
        c->sane = FALSE;
    }
}

static void choose_start(World *w, Crash *c)
{
    static const struct {
        guint32 machine, regs;
    } kinds[] = {{WIRE_MACHINE_I386, 68},
                 {WIRE_MACHINE_X86_64, 216},
                 {WIRE_MACHINE_PPC64, 384},
                 {WIRE_MACHINE_IA64, 448},
                 {WIRE_MACHINE_IA64, 400}};
    guint kind = c->kernel->oldest ? 0 : (guint)world_below(w, G_N_ELEMENTS(kinds));

    c->start.machine = kinds[kind].machine;
    c->regs_len = kinds[kind].regs;
    if (!c->kernel->oldest) {
        c->start.task = world_random(w);
        c->start.page_offset = world_random(w);
        c->start.magic = c->kernel->magic;
    }
    c->vmcoreinfo = world_chance(w, 5000) ? (guint32)world_scaled(w, 12) : 0;
    if (world_chance(w, 100) && !c->kernel->oldest) {
        c->start.machine = 4711;
        c->sane = FALSE;
    }
    /* Zeros anywhere, so that what is sent after the registers has any length. */
    for (guint i = 0; i < c->regs_len; i++)
        c->regs[i] = world_chance(w, 9000) ? (guint8)(1 + world_below(w, 255)) : 0;
}

Crash *crash_new(World *w, Kernel *k)
{
    Crash *c;

    if (w->n_crashes == CRASHES_MAX)
        world_fail(w, "too many crashes");
    c = world_alloc(w, sizeof *c);
    w->crashes[w->n_crashes] = c;
    c->number = w->n_crashes++;
    c->kernel = k;
    c->key = world_random(w);
    choose_memory(w, c);
    choose_start(w, c);
    return c;
}

guint32 crash_next_ram(World *w, const Crash *c, guint32 pfn, guint chain)
{
    for (guint i = 0; i < c->n_ranges; i++) {
        guint32 first = c->ranges[i].first;

        if (first <= pfn)
            continue;
        if (world_chance(w, chain)) /* a page that is none, either */
            return pfn + 1 + (guint32)world_below(w, first - pfn);
        return first;
    }
    return 0;
}

/* -- nrs --------------------------------------------------------------------------------------- */

static gpointer more_room(World *w, gconstpointer old, guint n, guint *room, gsize size)
{
    gpointer p = (gpointer)(gsize)old;

    if (n < *room)
        return p;
    *room = MAX(16, 2 * n);
    p = world_alloc(w, *room * size);
    if (n > 0)
        memcpy(p, old, n * size);
    return p;
}

static void note_page(World *w, Kernel *k, const Crash *c, guint32 nr, guint32 pfn)
{
    Segment *s = NULL;

    for (guint i = 0; i < k->n_segments; i++) {
        s = &k->segments[i];
        if (s->crash != c || nr - s->first >= s->n)
            continue;
        if (s->pfns[nr - s->first] != pfn)
            world_fail(w, "nr 0x%x was used for page 0x%x, and is for 0x%x", nr,
                       s->pfns[nr - s->first], pfn);
        return;
    }
    for (guint i = 0; i < k->n_others; i++)
        if (k->others[i].crash == c && k->others[i].nr == nr)
            world_fail(w, "nr 0x%x was used for a question, and is for page 0x%x", nr, pfn);
    if (!s || s->crash != c || nr != s->first + s->n) {
        k->segments = more_room(w, k->segments, k->n_segments, &k->segments_room, sizeof *s);
        s = &k->segments[k->n_segments++];
        *s = (Segment){.crash = c, .first = nr};
    }
    s->pfns = more_room(w, s->pfns, s->n, &s->room, sizeof *s->pfns);
    s->pfns[s->n++] = pfn;
}

/* c: of this crash only; NULL: of any */
static gboolean is_page(const Kernel *k, const Crash *c, guint32 nr)
{
    for (guint i = 0; i < k->n_segments; i++) {
        const Segment *s = &k->segments[i];

        if ((!c || s->crash == c) && nr - s->first < s->n)
            return TRUE;
    }
    return FALSE;
}

void kernel_note_nr(World *w, Kernel *k, const Crash *c, guint32 nr, const guint32 *pfn)
{
    if (pfn) {
        note_page(w, k, c, nr, *pfn);
        return;
    }
    if (is_page(k, c, nr))
        world_fail(w, "nr 0x%x was used for a page, and is for a question", nr);
    if (k->n_others > 0 && k->others[k->n_others - 1].nr == nr)
        return;
    k->others = more_room(w, k->others, k->n_others, &k->others_room, sizeof *k->others);
    k->others[k->n_others++] = (OtherNr){c, nr};
}

gboolean kernel_knows_nr(const Kernel *k, guint32 nr)
{
    for (guint i = 0; i < k->n_others; i++)
        if (k->others[i].nr == nr)
            return TRUE;
    return is_page(k, NULL, nr);
}

void kernel_doubt_start(Kernel *k)
{
    if (k->crash)
        k->crash->start_doubt = TRUE;
}

void kernel_doubt_regs(Kernel *k)
{
    if (k->crash)
        k->crash->regs_doubt = TRUE;
}
