/* files.c - the effects that concern a client's files. See effects.h of the server, and disk.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/files.h"

#include "core/base/limits.h"
#include "soak/check.h"
#include "soak/server.h"

/* -- records ----------------------------------------------------------------------------------- */

Record files_record(World *w, const NetAddr *client, const NetAddr *local, const Session *session)
{
    TaggedWriter t = tagged_writer_new();
    Record r;

    tagged_add_number(&t, TAG_SEQUENCE, ++w->totals.records);
    tagged_add(&t, TAG_PROTOCOL, session->ops->name, strlen(session->ops->name));
    tagged_add_addr(&t, TAG_CLIENT, client);
    tagged_add_addr(&t, TAG_LOCAL, local);
    session->ops->record(session, &t);
    tagged_writer_seal(&t);
    r = (Record){.bytes = world_copy(w, t.bytes->data, t.bytes->len), .len = t.bytes->len};
    tagged_writer_clear(&t);
    return r;
}

/* -- life -------------------------------------------------------------------------------------- */

static DumpFiles *make(World *w, Model *model, Dump *dump)
{
    DumpFiles *f = world_alloc(w, sizeof *f);

    *f = (DumpFiles){.w = w, .model = model, .client = model->id, .life = w->life, .dump = dump};
    f->jobs = f->journal = (JobQueue){.files = f};
    model->files = f;
    if (dump)
        dump->files = f;
    return f;
}

DumpFiles *files_adopt(World *w, Model *model, Dump *dump)
{
    DumpFiles *f = make(w, model, dump);

    f->open = TRUE;
    return f;
}

DumpFiles *files_new(gpointer world, const ClientEntry *entry)
{
    World *w = world;
    Model *model = server_model(w, entry->id);

    if (model->files)
        world_fail(w, "files for session %u, which has some", entry->id);
    return make(w, model, NULL);
}

void files_open_dir(DumpFiles *f)
{
    World *w = f->w;
    Model *model = f->model;
    Crash *speaker = w->from == model->kernel && w->speaker ? w->speaker : model->answered;

    if (f->open)
        world_fail(w, "OPEN_DIR, but it is open");
    if (!f->dump) {
        if (!speaker)
            world_fail(w, "OPEN_DIR without a reply of the client");
        model->crash = speaker;
        if (model->forged) /* an old client replies to any */
            speaker->start_doubt = TRUE;
        f->dump = disk_new_dump(w, model->kernel, speaker);
        f->dump->files = f;
    }
    disk_push(w, &f->jobs, disk_job(w, JOB_DIR));
}

void files_check_space(DumpFiles *f, guint64 bytes)
{
    Job *job = disk_job(f->w, JOB_SPACE);

    check_dir(f->w, f, "CHECK_SPACE");
    if (bytes == 0)
        world_fail(f->w, "CHECK_SPACE for nothing");
    job->bytes = bytes;
    disk_push(f->w, &f->jobs, job);
}

/* -- the file ---------------------------------------------------------------------------------- */

/* The crash of which it is: another one than the directory's, if the client has crashed again and
 * the journal did not tell of which it was. */
static Crash *crash_of(const DumpFiles *f)
{
    const Model *model = f->model;

    return model->regs_of && model->regs_of != f->dump->crash ? model->regs_of : f->dump->crash;
}

static void tell_file(World *w, DumpFiles *f, int err, gboolean resumed)
{
    f->in_use = err == 0;
    server_tell(w, f->client, (Event){.kind = EVENT_FILE, .err = err, .ok = resumed});
}

static void create(World *w, DumpFiles *f)
{
    Crash *c = f->opening->crash;

    if (f->dump->crash != c) {
        c->start_doubt |= f->dump->crash->start_doubt;
        disk_set_crash(w, f->dump, c);
    }
    f->model->crash = c;
    f->opening->kind = JOB_CREATE;
    disk_push(w, &f->jobs, f->opening);
    f->lost = FALSE;
    tell_file(w, f, 0, FALSE);
}

/* A new file is to take the place of one that the journal tells of: before it is there the journal
 * must say that nothing of that is left, or the next instance would resume in its middle. */
void files_opened(World *w, DumpFiles *f, const Job *opened, int err)
{
    Job *job;

    if (f->closed)
        return;
    if (err || opened->ok) {
        tell_file(w, f, err, TRUE);
        return;
    }
    job = disk_job(w, JOB_JOURNAL);
    job->lost = job->sync = TRUE;
    *f->opening = (Job){.kind = JOB_CREATE,
                        .headers = {opened->headers[0], opened->headers[1]},
                        .file = opened->file,
                        .crash = opened->crash};
    disk_push(w, &f->journal, job);
}

void files_lost(World *w, DumpFiles *f, int err)
{
    if (f->closed)
        return;
    if (err)
        tell_file(w, f, err, FALSE);
    else
        create(w, f);
}

void files_open_file(DumpFiles *f, const Session *session, gboolean resume)
{
    World *w = f->w;
    Job *job = disk_job(w, resume ? JOB_OPEN : JOB_CREATE);

    check_open_file(w, f, session);
    f->opening = job;
    f->file = job->file = session->facts.file;
    job->crash = f->dump->renamed ? f->dump->crash : crash_of(f);
    for (guint partial = 0; partial < 2; partial++) {
        guint8 *header = world_alloc(w, f->file.header_size + 1);

        session->ops->header(session, (gboolean)partial, header);
        job->headers[partial] = header;
    }
    if (resume)
        disk_push(w, &f->jobs, job);
    else
        create(w, f);
}

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
    c->whole += chunk.last ? 1 : 0;
}

/* All of what is gathered, or (some) a part of its pages, as blocks go out when they are full. */
static void submit(World *w, DumpFiles *f, gboolean some)
{
    Chunks all = f->gathered;
    Job *job = disk_job(w, JOB_PAGES);
    guint64 choice = world_random(w);

    f->gathered = (Chunks){0};
    for (guint i = 0; i < all.n; i++) {
        gboolean stays = some && rng_mix(choice ^ all.items[i].index) % 3 == 0;

        add_chunk(w, stays ? &f->gathered : &job->chunks, all.items[i]);
    }
    if (job->chunks.n > 0)
        disk_push(w, &f->jobs, job);
}

gboolean files_store(DumpFiles *f, guint64 offset, const guint8 *data, gsize len, gboolean last,
                     guint32 cookie)
{
    World *w = f->w;
    Chunk chunk = {.cookie = cookie, .last = last};

    check_store(w, f, offset, data, len, &chunk.index, &chunk.mask);
    w->totals.stores++;
    if (w->sc.disk_faults && world_chance(w, 2)) { /* there is no memory for it */
        f->dump->crash->denied = TRUE;
        return FALSE;
    }
    add_chunk(w, &f->gathered, chunk);
    f->waiting += last ? 1 : 0;
    if (f->gathered.whole > w->sc.gather)
        submit(w, f, TRUE);
    return TRUE;
}

void files_flush(DumpFiles *f)
{
    check_file(f->w, f, "FLUSH");
    submit(f->w, f, FALSE);
}

void files_retry(DumpFiles *f)
{
    check_file(f->w, f, "RETRY");
    if (!f->low)
        world_fail(f->w, "RETRY, but nothing has failed");
    f->low = FALSE;
    disk_retry(f->w, f);
}

void files_finish(DumpFiles *f, gboolean whole)
{
    World *w = f->w;

    check_file(w, f, "FINISH");
    check_slot_given(w, f->client);
    if (whole ? f->whole || f->partial : f->partial)
        world_fail(w, "FINISH, and again");
    if (whole)
        f->whole = TRUE;
    else
        f->partial = f->skip = TRUE;
    submit(w, f, FALSE);
    disk_push(w, &f->jobs, disk_job(w, whole ? JOB_WHOLE : JOB_PARTIAL));
    if (!whole)
        disk_retry(w, f);
}

/* -- journal, info, log ------------------------------------------------------------------------ */

void files_info_written(World *w, DumpFiles *f)
{
    if (!f->last || f->infos_written < f->infos)
        return;
    disk_push(w, &f->journal, f->last);
    f->last = NULL;
}

void files_journal(DumpFiles *f, const Session *session, gboolean sync, gboolean after_info)
{
    World *w = f->w;
    Job *job = disk_job(w, JOB_JOURNAL);
    const ClientEntry *entry = clients_by_id(w->clients, f->client);

    check_dir(w, f, "JOURNAL");
    job->record = files_record(w, &entry->peer, &entry->local, session);
    job->record.lost = f->lost;
    job->record.of = f;
    job->record.infos = f->infos;
    job->sync = sync;
    check_journal(w, f, session, &job->record, after_info);
    f->last = after_info ? job : NULL;
    if (after_info)
        files_info_written(w, f);
    else
        disk_push(w, &f->journal, job);
}

void files_info(DumpFiles *f, const ClientEntry *entry)
{
    check_dir(f->w, f, "INFO");
    check_describe(f->w, entry->session);
    f->infos++;
    disk_push(f->w, &f->jobs, disk_job(f->w, JOB_INFO));
}

void files_log_text(DumpFiles *f, const guint8 *text, gsize len)
{
    check_dir(f->w, f, "LOG_TEXT");
    check_text(f->w, text, len);
    if (len == 0)
        world_fail(f->w, "LOG_TEXT without text");
    f->w->texts++;
}

void files_close(DumpFiles *f, gboolean keep)
{
    World *w = f->w;

    if (f->closed)
        world_fail(w, "files are closed twice");
    f->closed = TRUE;
    f->gathered = (Chunks){0};
    f->skip = TRUE;
    if (f->open && !keep)
        disk_push(w, &f->jobs, disk_job(w, JOB_FORGET));
    if (!keep)
        f->last = NULL;
    disk_retry(w, f);
}
