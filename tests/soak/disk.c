/* disk.c - directories and files in a world. See disk.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/disk.h"

#include "soak/check.h"
#include "soak/server.h"

#include <errno.h>
#include <string.h>

void disk_rebind(World *w, Dump *d, Crash *c)
{
    d->crash = c;
    d->written = world_alloc(w, (c->n_ram + 1) * sizeof(guint64));
    d->synced = world_alloc(w, (c->n_ram + 1) * sizeof(guint64));
    d->file = FALSE;
}

Dump *disk_new_dump(World *w, Machine *m, Crash *c, guint32 client)
{
    Dump *d = world_alloc(w, sizeof *d);

    d->number = w->dumps->len;
    d->machine = m;
    disk_rebind(w, d, c);
    disk_adopt(w, d, client);
    d->open = FALSE;
    g_ptr_array_add(w->dumps, d);
    w->totals.dumps++;
    return d;
}

void disk_adopt(World *w, Dump *d, guint32 client)
{
    d->client = client;
    d->life = w->life;
    d->open = TRUE;
    d->forgotten = d->ended = FALSE;
    d->in_use = d->whole = d->partial = d->skip = d->closed = FALSE;
    d->gathered = (Chunks){0};
    d->files = (Strand){.dump = d};
    d->records = (Strand){.dump = d};
    d->waiting = 0;
    d->checked = 0;
    d->was_over = d->journal && d->latest.state == JOURNAL_REBOOTING;
    d->synced_floor = d->latest.floor_synced;
}

static void forget_floor(JournalRecord *r)
{
    r->floor_written = r->floor_synced = 0;
    if (r->state == JOURNAL_TRANSFERRED)
        r->state = JOURNAL_DUMPING;
}

void disk_forget_floor(Dump *d)
{
    forget_floor(&d->latest);
    forget_floor(&d->durable);
    d->synced_floor = 0;
}

void disk_empty(Dump *d)
{
    memset(d->written, 0, d->crash->n_ram * sizeof *d->written);
    memset(d->synced, 0, d->crash->n_ram * sizeof *d->synced);
    d->file = TRUE;
    d->checked = 0;
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

gboolean disk_has(const Dump *d, guint32 index)
{
    /* What was never written reads as zeros, and a page that is told to be zero needs no more. */
    return d->written[index] == d->crash->all_chunks ||
           (d->machine->offers && kernel_fill(d->crash, kernel_pfn(d->crash, index)) == 0);
}

/* -- queues -------------------------------------------------------------------------------------
 */

Job *disk_job(World *w, JobKind kind)
{
    Job *job = world_alloc(w, sizeof *job);

    job->kind = kind;
    return job;
}

static void wake_later(World *w, Strand *s)
{
    world_happen(w, (Span)world_below(w, (guint64)w->sc.disk_delay + 1), HAPPEN_DISK, s, w->life);
}

void disk_push(World *w, Strand *s, Job *job)
{
    if (s->tail)
        s->tail->next = job;
    else
        s->head = job;
    s->tail = job;
    if (s->head == job && !s->stopped)
        wake_later(w, s);
}

/* Does this operation of the disk fail? */
static gboolean is_faulty(World *w, JobKind kind)
{
    if (!w->sc.disk_faults)
        return FALSE;
    if ((w->sc.fault_kind == -1 || w->sc.fault_kind == (int)kind) &&
        ++w->disk_ops == w->sc.fault_at)
        w->faults_left = w->sc.fault_length;
    if (w->faults_left == 0)
        return FALSE;
    w->faults_left--;
    w->totals.disk_faults++;
    return TRUE;
}

/* -- pages --------------------------------------------------------------------------------------
 */

static void add_chunk(World *w, Chunks *c, Chunk chunk)
{
    if (c->n == c->room) {
        Chunk *more;

        c->room = MAX(32, 2 * c->room);
        more = world_alloc(w, c->room * sizeof *more);
        if (c->n > 0)
            memcpy(more, c->items, c->n * sizeof *more);
        c->items = more;
    }
    c->items[c->n++] = chunk;
    c->whole += chunk.whole ? 1 : 0;
}

/* All of what is gathered, or (some) a part of its pages, as blocks go out when they are full. */
static void submit(World *w, Dump *d, gboolean some)
{
    Chunks all = d->gathered;
    Job *job = disk_job(w, JOB_PAGES);
    guint64 choice = world_random(w);

    d->gathered = (Chunks){0};
    for (guint i = 0; i < all.n; i++) {
        gboolean stays = some && rng_mix(choice ^ all.items[i].index) % 3 == 0;

        add_chunk(w, stays ? &d->gathered : &job->chunks, all.items[i]);
    }
    if (job->chunks.n > 0)
        disk_push(w, &d->files, job);
}

void disk_put(World *w, Dump *d, Chunk chunk)
{
    add_chunk(w, &d->gathered, chunk);
    d->waiting += chunk.whole ? 1 : 0;
    if (d->gathered.whole > w->sc.gather)
        submit(w, d, TRUE);
}

void disk_flush(World *w, Dump *d)
{
    submit(w, d, FALSE);
}

static void write_chunks(Dump *d, const Chunks *c, guint n)
{
    for (guint i = 0; i < n; i++)
        d->written[c->items[i].index] |= (guint64)1 << c->items[i].chunk;
}

/* The numbers of the pages, in any order: a write may overtake another. */
static void tell_stored(World *w, Dump *d, const Chunks *c)
{
    guint32 *nrs = world_alloc(w, (c->whole + 1) * sizeof *nrs);
    guint n = 0;

    for (guint i = 0; i < c->n; i++)
        if (c->items[i].whole)
            nrs[n++] = c->items[i].nr;
    for (guint i = n; i > 1; i--) {
        guint j = (guint)world_below(w, i);
        guint32 nr = nrs[i - 1];

        nrs[i - 1] = nrs[j];
        nrs[j] = nr;
    }
    d->waiting -= n;
    server_tell(w, d, (Event){.kind = EVENT_STORED, .nrs = nrs, .n = n});
}

/* -- jobs ---------------------------------------------------------------------------------------
 */

static void sync_file(Dump *d)
{
    memcpy(d->synced, d->written, d->crash->n_ram * sizeof *d->synced);
}

/* As dumpfiles.c does it: a floor is only written down as synced if the sync has succeeded. */
static void run_journal(World *w, Dump *d, const Job *job)
{
    gboolean first = !d->journal;

    if (is_faulty(w, job->kind))
        return;
    if (!first && d->latest.state == JOURNAL_REBOOTING && job->record->state != JOURNAL_REBOOTING)
        world_fail(w, "what has ended is journaled as if it went on");
    if (job->sync)
        sync_file(d);
    d->synced_floor =
        job->sync ? job->record->floor_synced : MIN(d->synced_floor, job->record->floor_synced);
    d->latest = *job->record;
    d->latest.floor_synced = d->synced_floor;
    d->journal = TRUE;
    if (job->sync || first)
        d->durable = d->latest;
}

/* 0 or an errno. */
static int run_job(World *w, Dump *d, const Job *job)
{
    switch (job->kind) {
    case JOB_DIR:
        if (is_faulty(w, job->kind))
            return ENOSPC;
        d->made = TRUE;
        break;
    case JOB_SPACE:
        break;
    case JOB_CREATE:
        if (is_faulty(w, job->kind))
            return ENOSPC;
        break;
    case JOB_PAGES:
        if (is_faulty(w, job->kind)) {
            write_chunks(d, &job->chunks, (guint)world_below(w, job->chunks.n));
            return world_chance(w, 5000) ? ENOSPC : EIO;
        }
        write_chunks(d, &job->chunks, job->chunks.n);
        break;
    case JOB_WHOLE:
        if (is_faulty(w, job->kind))
            return ENOSPC;
        sync_file(d);
        d->renamed = TRUE;
        d->file = FALSE;
        check_whole(w, d);
        break;
    case JOB_PARTIAL:
        sync_file(d);
        break;
    case JOB_JOURNAL:
        run_journal(w, d, job);
        break;
    case JOB_FORGET:
        d->journal = FALSE;
        d->forgotten = TRUE;
        break;
    case JOB_N_KINDS:
        break;
    }
    return 0;
}

static void tell_done(World *w, Dump *d, const Job *job, int err)
{
    switch (job->kind) {
    case JOB_DIR:
        d->open = err == 0;
        server_tell(w, d, (Event){.kind = EVENT_DIR, .err = err});
        break;
    case JOB_SPACE:
        server_tell(w, d, (Event){.kind = EVENT_SPACE, .ok = !server_no_space(w, d)});
        break;
    case JOB_PAGES:
        if (!err)
            tell_stored(w, d, &job->chunks);
        break;
    case JOB_WHOLE:
    case JOB_PARTIAL:
        server_tell(w, d, (Event){.kind = EVENT_FINISHED, .err = err});
        break;
    default:
        break;
    }
}

/* These stop the queue when they fail; the others just tell. */
static gboolean stops(const Dump *d, const Job *job)
{
    return !d->skip &&
           (job->kind == JOB_CREATE || job->kind == JOB_PAGES || job->kind == JOB_WHOLE);
}

static void run_head(World *w, Strand *s)
{
    Dump *d = s->dump;
    Job *job = s->head;
    int err = run_job(w, d, job);

    if (err) {
        world_say(w, "dump %u: the disk fails (%d) at job %d", d->number, err, job->kind);
        d->crash->denied = TRUE;
    }
    if (err && stops(d, job)) {
        s->stopped = TRUE;
        server_tell(w, d, (Event){.kind = EVENT_DISK_FAILED, .err = err, .ok = TRUE});
        return;
    }
    s->head = job->next;
    if (!s->head)
        s->tail = NULL;
    tell_done(w, d, job, err);
}

void disk_wake(World *w, Strand *s, guint32 life)
{
    if (life != w->life || !w->up || s->stopped || !s->head)
        return;
    run_head(w, s);
    if (s->head && !s->stopped && !w->ending)
        wake_later(w, s);
}

void disk_retry(World *w, Dump *d)
{
    if (!d->files.stopped)
        return;
    d->files.stopped = FALSE;
    wake_later(w, &d->files);
}

/* -- ends ---------------------------------------------------------------------------------------
 */

void disk_drain(World *w)
{
    for (guint i = 0; i < w->dumps->len; i++) {
        Dump *d = w->dumps->pdata[i];

        if (d->life != w->life)
            continue;
        while (d->files.head && !d->files.stopped)
            run_head(w, &d->files);
        while (d->records.head)
            run_head(w, &d->records);
    }
}

/* What the kernel had, but not the disk: any part of it is there. */
static void lose_unsynced(World *w, Dump *d)
{
    gboolean all = world_chance(w, 3000);

    for (guint32 i = 0; i < d->crash->n_ram; i++)
        d->written[i] = d->synced[i] | (d->written[i] & (all ? 0 : world_random(w)));
    if (world_chance(w, 5000))
        d->latest = d->durable;
    if (d->forgotten && d->life == w->life && world_chance(w, 3000))
        d->journal = TRUE; /* nobody has synced the directory since */
    d->latest.floor_written = d->latest.floor_synced;
}

void disk_end(World *w, EndKind how)
{
    for (guint i = 0; i < w->dumps->len; i++) {
        Dump *d = w->dumps->pdata[i];
        const Job *job = d->files.head;

        if (d->life == w->life && job && job->kind == JOB_PAGES && !d->files.stopped)
            write_chunks(d, &job->chunks, (guint)world_below(w, job->chunks.n + 1));
        if (how == END_POWER_CUT)
            lose_unsynced(w, d);
    }
}
