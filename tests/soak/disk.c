/* disk.c - the queues of jobs on a world's disk. See disk.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/disk.h"

#include "soak/check.h"
#include "soak/files.h"
#include "soak/server.h"

#include <errno.h>

/* -- queues ------------------------------------------------------------------------------------ */

Job *disk_job(World *w, JobKind kind)
{
    Job *job = world_alloc(w, sizeof *job);

    job->kind = kind;
    return job;
}

static void wake_later(World *w, JobQueue *q)
{
    Span delay = w->sc.job_delay[q->head->kind];

    world_schedule(w, (Span)world_below(w, (guint64)delay + 1), WORLD_JOB, q, w->life);
}

void disk_retry(World *w, DumpFiles *files)
{
    if (!files->jobs.stopped)
        return;
    files->jobs.stopped = FALSE;
    wake_later(w, &files->jobs);
}

/* -- faults ------------------------------------------------------------------------------------ */

gboolean disk_fails(World *w, JobKind kind)
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

/* Then the server must end some time, or the world would never come to rest. */
gboolean disk_is_stuck(World *w, JobKind kind)
{
    if (w->sc.never_kind != (int)kind || ++w->jobs[kind] != w->sc.never_at)
        return FALSE;
    world_say(w, "job %d never ends", kind);
    w->totals.nevers++;
    world_schedule(w, (Span)world_scaled(w, 27), WORLD_SERVER_END, NULL, w->life);
    return TRUE;
}

/* -- running ----------------------------------------------------------------------------------- */

/* The first record is always synced; and what a record that is synced tells is synced before it. */
static int run_journal(World *w, Dump *d, Job *job)
{
    gboolean sync = job->sync || !d->journal;

    if (job->lost)
        job->record = d->latest;
    job->record.lost |= job->lost;
    if (disk_fails(w, job->kind))
        return EIO;
    if (d->forgotten)
        return 0; /* it is written into a file that has no name any more */
    if (sync) {
        disk_sync(d);
        d->durable = job->record;
    }
    d->latest = job->record;
    d->journal = TRUE;
    d->cut = FALSE;
    check_record(w, d, &d->latest);
    return 0;
}

static int run_open(World *w, DumpFiles *f, Job *job)
{
    Dump *d = f->dump;

    if (d->renamed)
        return EEXIST;
    if (disk_fails(w, job->kind))
        return EMFILE;
    f->lost = !disk_can_resume(w, d, job) || d->latest.lost;
    job->ok = !f->lost;
    return 0;
}

static int run_pages(World *w, Dump *d, const Job *job)
{
    if (disk_fails(w, job->kind)) {
        disk_write(d, &job->chunks, (guint)world_below(w, job->chunks.n));
        return world_chance(w, 5000) ? ENOSPC : EIO;
    }
    disk_write(d, &job->chunks, job->chunks.n);
    return 0;
}

/* 0 or an errno. */
static int run_job(World *w, DumpFiles *f, Job *job)
{
    Dump *d = f->dump;

    switch (job->kind) {
    case JOB_DIR:
        if (disk_fails(w, job->kind))
            return ENOSPC;
        d->made = TRUE;
        return 0;
    case JOB_SPACE:
        job->ok = !(w->sc.no_space && world_chance(w, 5000));
        if (!job->ok)
            d->crash->denied = TRUE;
        return 0;
    case JOB_OPEN:
        return run_open(w, f, job);
    case JOB_CREATE:
        if (disk_fails(w, job->kind))
            return ENOSPC;
        disk_create(w, d, job);
        return 0;
    case JOB_PAGES:
        return run_pages(w, d, job);
    case JOB_WHOLE:
        if (disk_fails(w, job->kind))
            return ENOSPC;
        disk_sync(d);
        d->renamed = TRUE;
        d->file = FALSE;
        check_whole(w, d);
        return 0;
    case JOB_PARTIAL:
        disk_sync(d);
        return 0;
    case JOB_INFO:
        d->infos++;
        f->infos_written++;
        return 0;
    case JOB_JOURNAL:
        return run_journal(w, d, job);
    default: /* FORGET */
        d->journal = FALSE;
        d->forgotten = TRUE;
        return 0;
    }
}

/* These stop the queue when they fail; the others just tell. */
static gboolean stops(const DumpFiles *f, const Job *job)
{
    return !f->skip &&
           (job->kind == JOB_CREATE || job->kind == JOB_PAGES || job->kind == JOB_WHOLE);
}

/* In order for each queue, but not for all of them. */
static void tell_later(World *w, JobQueue *q, Job *job, int err)
{
    Told *told = world_alloc(w, sizeof *told);
    Mono at = mono_add(w->now, (Span)world_below(w, (guint64)w->sc.told_delay + 1));

    *told = (Told){q, job, err, q->stopped};
    q->told = mono_before(at, q->told) ? q->told : at;
    world_schedule(w, mono_diff(q->told, w->now), WORLD_JOB_TOLD, told, w->life);
}

int disk_run(World *w, JobQueue *q)
{
    DumpFiles *f = q->files;
    Job *job = q->head;
    int err = run_job(w, f, job);

    world_say(w, "dump %u: job %d of session %u: %d", f->dump->number, job->kind, f->client, err);
    if (err && err != EEXIST)
        f->dump->crash->denied = TRUE;
    q->stopped = err && stops(f, job);
    if (!q->stopped) {
        q->head = job->next;
        if (!q->head)
            q->tail = NULL;
    }
    return err;
}

void disk_wake(World *w, JobQueue *q, guint32 life)
{
    Job *job = q->head;

    if (life != w->life || !w->up || q->stopped || q->stuck || !job)
        return;
    q->stuck = disk_is_stuck(w, job->kind);
    if (q->stuck)
        return;
    tell_later(w, q, job, disk_run(w, q));
    if (q->head && !q->stopped)
        wake_later(w, q);
}

/* -- telling ----------------------------------------------------------------------------------- */

/* The cookies of the pages, in any order: a write may overtake another. */
static void tell_stored(World *w, DumpFiles *f, const Chunks *c)
{
    guint32 *cookies = world_alloc(w, (c->whole + 1) * sizeof *cookies);
    guint n = 0;

    for (guint i = 0; i < c->n; i++)
        if (c->items[i].last)
            cookies[n++] = c->items[i].cookie;
    for (guint i = n; i > 1; i--) {
        guint j = (guint)world_below(w, i);
        guint32 cookie = cookies[i - 1];

        cookies[i - 1] = cookies[j];
        cookies[j] = cookie;
    }
    f->waiting -= n;
    if (n > 0)
        server_tell(w, f->client, (Event){.kind = EVENT_STORED, .cookies = cookies, .n = n});
}

static void tell_done(World *w, DumpFiles *f, const Job *job, int err)
{
    switch (job->kind) {
    case JOB_DIR:
        f->open = err == 0;
        server_tell(w, f->client, (Event){.kind = EVENT_DIR, .err = err});
        break;
    case JOB_SPACE:
        server_tell(w, f->client, (Event){.kind = EVENT_SPACE, .ok = job->ok});
        break;
    case JOB_OPEN:
        files_opened(w, f, job, err);
        break;
    case JOB_PAGES:
        if (!err)
            tell_stored(w, f, &job->chunks);
        break;
    case JOB_WHOLE:
    case JOB_PARTIAL:
        server_tell(w, f->client, (Event){.kind = EVENT_FINISHED, .err = err});
        break;
    case JOB_INFO:
        files_info_written(w, f);
        break;
    case JOB_JOURNAL:
        if (job->lost)
            files_lost(w, f, err);
        else if (world_chance(w, w->sc.space_low)) {
            f->low = TRUE;
            f->dump->crash->denied = TRUE;
            server_tell(w, f->client, (Event){.kind = EVENT_SPACE_LOW});
        }
        break;
    default:
        break;
    }
}

void disk_told(World *w, Told *told, guint32 life)
{
    DumpFiles *f = told->queue->files;

    if (life != w->life || !w->up)
        return;
    if (told->stopped) {
        f->low = TRUE;
        server_tell(w, f->client, (Event){.kind = EVENT_DISK_FAILED, .err = told->err, .ok = TRUE});
    } else {
        tell_done(w, f, told->job, told->err);
    }
}

/* -- pushing ----------------------------------------------------------------------------------- */

/* Some replies may come inside the call. */
static gboolean is_at_once(World *w, const JobQueue *q, JobKind kind)
{
    return kind <= JOB_OPEN && !q->head && !mono_before(w->now, q->told) &&
           w->sc.never_kind != (int)kind && world_chance(w, w->sc.at_once);
}

void disk_push(World *w, JobQueue *q, Job *job)
{
    gboolean at_once = is_at_once(w, q, job->kind);

    if (q->tail)
        q->tail->next = job;
    else
        q->head = job;
    q->tail = job;
    if (at_once)
        tell_done(w, q->files, job, disk_run(w, q));
    else if (q->head == job && !q->stopped)
        wake_later(w, q);
}
