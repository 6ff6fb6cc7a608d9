/* disk_dump.c - what a dump's directory holds, and what is left of it when the server ends. See
 * disk.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/disk.h"

#include "core/base/limits.h"
#include "soak/check.h"
#include "soak/files.h"

#include <string.h>

void disk_set_crash(World *w, Dump *d, Crash *c)
{
    d->crash = c;
    d->written = world_alloc(w, (c->n_ram + 1) * sizeof(guint64));
    d->synced = world_alloc(w, (c->n_ram + 1) * sizeof(guint64));
}

Dump *disk_new_dump(World *w, Kernel *k, Crash *c)
{
    Dump *d = world_alloc(w, sizeof *d);

    d->number = w->dumps->len;
    d->kernel = k;
    disk_set_crash(w, d, c);
    g_ptr_array_add(w->dumps, d);
    w->totals.dumps++;
    return d;
}

gboolean disk_journals(const World *w, const Crash *c)
{
    for (guint i = 0; i < w->dumps->len; i++) {
        const Dump *d = w->dumps->pdata[i];

        if (d->crash == c && d->journal)
            return TRUE;
    }
    return FALSE;
}

/* -- the file ---------------------------------------------------------------------------------- */

gboolean disk_has(const Dump *d, guint32 index)
{
    /* What was never written reads as zeros, and a page that is told to be zero needs no more. */
    return d->written[index] == d->crash->all_chunks ||
           (d->kernel->offers && kernel_fill(d->crash, kernel_pfn(d->crash, index)) == 0);
}

void disk_write(Dump *d, const Chunks *c, guint n)
{
    for (guint i = 0; i < n; i++)
        d->written[c->items[i].index] |= c->items[i].mask;
}

void disk_sync(Dump *d)
{
    memcpy(d->synced, d->written, d->crash->n_ram * sizeof *d->synced);
    d->header_synced = TRUE;
}

/* A new file, perhaps in place of another one. */
void disk_create(World *w, Dump *d, const Job *job)
{
    disk_set_crash(w, d, job->crash);
    d->file = TRUE;
    d->renamed = d->header_synced = FALSE;
    d->layout = job->file;
    memcpy(d->headers, job->headers, sizeof d->headers);
    if (d->journal)
        check_record(w, d, &d->latest);
}

/* Only if it is a file of the same crash. */
gboolean disk_can_resume(World *w, const Dump *d, const Job *job)
{
    return d->file && d->headers[1] && d->layout.header_size == job->file.header_size &&
           memcmp(d->headers[1], job->headers[1], job->file.header_size) == 0 &&
           !world_chance(w, w->sc.unusable);
}

gsize disk_first_bytes(const Dump *d, guint8 *out, gsize max)
{
    gsize n = d->layout.header_size;

    if ((!d->file && !d->renamed) || !d->headers[d->file])
        return 0;
    memcpy(out, d->headers[d->file], n);
    for (guint32 pfn = 0, i; n + d->layout.page_size <= max && pfn < d->crash->nr_pages; pfn++) {
        memset(out + n, 0, d->layout.page_size);
        for (guint32 at = 0; kernel_ram(d->crash, pfn, &i) && at < d->layout.page_size; at += 1024)
            if (d->written[i] >> at / 1024 & 1)
                kernel_memory(d->crash, pfn, at, out + n + at);
        n += d->layout.page_size;
    }
    return n;
}

/* -- ends -------------------------------------------------------------------------------------- */

static void drain(World *w, JobQueue *q)
{
    while (q->head && !q->stopped && !q->stuck)
        disk_run(w, q);
}

void disk_drain(World *w)
{
    for (guint i = 0; i < w->dumps->len; i++) {
        const Dump *d = w->dumps->pdata[i];

        if (!d->files || d->files->life != w->life)
            continue;
        drain(w, &d->files->jobs);
        files_info_written(w, d->files);
        drain(w, &d->files->journal);
    }
}

/* What the kernel had, but not the disk: any part of it is there. */
static void lose_unsynced(World *w, Dump *d)
{
    gboolean all = world_chance(w, 3000);

    for (guint32 i = 0; i < d->crash->n_ram; i++)
        d->written[i] = d->synced[i] | (d->written[i] & (all ? 0 : world_random(w)));
    if (!d->header_synced && world_chance(w, 5000))
        d->headers[0] = d->headers[1] = NULL;
    if (d->forgotten && d->durable.len > 0 && d->files && d->files->life == w->life &&
        world_chance(w, 3000))
        d->journal = TRUE; /* the directory was not synced since */
    d->latest = d->durable;
    d->cut = TRUE;
    if (d->journal)
        check_record(w, d, &d->latest);
}

/* What threads had begun may be done, in part or as a whole. */
static void end_queue(World *w, JobQueue *q)
{
    const Job *job = q->head;

    if (!job || q->stopped || q->stuck)
        return;
    if (job->kind == JOB_PAGES)
        disk_write(q->files->dump, &job->chunks, (guint)world_below(w, job->chunks.n + 1));
    else if (world_chance(w, 3000))
        disk_run(w, q);
}

void disk_end(World *w, EndKind how)
{
    for (guint i = 0; i < w->dumps->len; i++) {
        Dump *d = w->dumps->pdata[i];

        if (d->files && d->files->life == w->life) {
            end_queue(w, &d->files->jobs);
            end_queue(w, &d->files->journal);
        }
        if (how == END_POWER_CUT)
            lose_unsynced(w, d);
    }
}
