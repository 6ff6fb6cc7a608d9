/* act.c - carries out the actions of a world's clients, and minds that each makes sense.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/act.h"

#include "soak/check.h"

#include <errno.h>
#include <string.h>

typedef struct {
    guint32 id;
    SessionHook hook;
    gboolean ok;
} HookRun;

void act_follow(World *w, guint32 id, Event event)
{
    Outcome outcome = {id, event};

    g_array_append_val(w->outcome, outcome);
}

static void act_send(World *w, const ClientEntry *entry, const Served *s, const WireRequest *r)
{
    /* Several machines may claim to have crashed: then each question has its claim's magic. */
    if (r->magic != session_facts(entry->client)->start.magic &&
        r->command != WIRE_CMD_START_NETDUMP_ACK && r->command != WIRE_CMD_GET_PAGE_SIZE)
        world_fail(w, "a request has another magic than START had");
    check_request(w, entry, s, r);
    link_to_machine(w, s->machine, r);
}

/* -- the file -----------------------------------------------------------------------------------
 */

static void act_store(World *w, const ClientEntry *entry, const Served *s, const Action *a)
{
    Dump *d = s->dump;
    Chunk chunk;

    check_store(w, entry, s, a, &chunk);
    w->totals.stores++;
    if (w->sc.disk_faults && world_chance(w, 2)) { /* there is no memory for it */
        d->crash->denied = TRUE;
        act_follow(w, entry->id, (Event){.kind = EVENT_DISK_FAILED, .err = ENOMEM, .ok = FALSE});
        return;
    }
    disk_put(w, d, chunk);
}

/* The journal did not tell which crash it was, and the machine has crashed again since: other
 * registers, so that what is there of a file does not fit. */
static void act_rebind(World *w, Served *s)
{
    Crash *now = s->regs_of;

    if (s->dump->latest.page_size || !now || s->crash == now)
        return;
    s->crash = now;
    disk_rebind(w, s->dump, now);
}

/* In the file's head it outlives the server. */
static void keep_kernel(World *w, Dump *d, const KernelInfo *kernel)
{
    if (!kernel || d->kernel)
        return;
    d->kernel = world_alloc(w, sizeof *d->kernel);
    *d->kernel = *kernel;
}

static void act_open_vmcore(World *w, const ClientEntry *entry, Served *s, gboolean resume)
{
    Dump *d = s->dump;
    gboolean resumed = FALSE;
    int err = 0;

    check_dir(w, s, "OPEN_VMCORE");
    if (d->in_use)
        world_fail(w, "vmcore is open already");
    if (!resume && (d->file || d->renamed))
        world_fail(w, "a new vmcore, but there is one");
    if (!d->renamed && !session_facts(entry->client)->transferred)
        act_rebind(w, s);
    if (resume && d->renamed)
        err = EEXIST;
    else if (w->sc.disk_faults && world_chance(w, 100))
        err = EMFILE;
    else
        resumed = resume && d->file && !world_chance(w, w->sc.unusable);
    if (err == EMFILE)
        d->crash->denied = TRUE;
    if (!err) {
        d->in_use = TRUE;
        keep_kernel(w, d, session_facts(entry->client)->kernel);
        if (!resumed) {
            disk_forget_floor(d); /* the journal knows that before the file is there */
            disk_empty(d);
            disk_push(w, &d->files, disk_job(w, JOB_CREATE));
        }
    }
    act_follow(w, entry->id, (Event){.kind = EVENT_VMCORE, .err = err, .ok = resumed});
}

static void act_finish(World *w, ClientEntry *entry, const Served *s, gboolean whole)
{
    Dump *d = s->dump;

    check_file(w, s, "FINISH");
    clients_give_slot(w->clients, entry);
    if (whole ? d->whole || d->partial : d->partial)
        world_fail(w, "FINISH, and again");
    if (whole)
        d->whole = TRUE;
    else
        d->partial = d->skip = TRUE;
    disk_flush(w, d);
    disk_push(w, &d->files, disk_job(w, whole ? JOB_WHOLE : JOB_PARTIAL));
    if (!whole)
        disk_retry(w, d);
}

/* What the journal's slot holds: packed and unpacked, as it will be read. */
static JournalRecord *record_of(World *w, const ClientEntry *entry, const Served *s)
{
    JournalRecord *r = world_alloc(w, sizeof *r);
    guint8 bytes[JOURNAL_RECORD_SIZE];
    guint64 sequence;

    r->client = entry->peer;
    r->local = entry->local;
    r->started = SPAN_S(1000000000) + s->dump->number;
    session_record_fill(r, session_facts(entry->client));
    if (s->dump->ended && r->state != JOURNAL_REBOOTING)
        world_fail(w, "what has ended is journaled as if it went on");
    if (!journal_record_encode(r, 1, bytes))
        world_fail(w, "what is to be journaled makes no sense");
    if (journal_record_decode(bytes, sizeof bytes, r, &sequence))
        world_fail(w, "the journal cannot be read");
    return r;
}

static void act_journal(World *w, const ClientEntry *entry, const Served *s, gboolean sync)
{
    Job *job = disk_job(w, JOB_JOURNAL);

    check_dir(w, s, "JOURNAL");
    check_floors(w, entry, s);
    job->record = record_of(w, entry, s);
    job->sync = sync;
    disk_push(w, &s->dump->records, job);
}

/* -- the rest -----------------------------------------------------------------------------------
 */

static void act_slot(World *w, ClientEntry *entry, Crash *speaker)
{
    gboolean ok = clients_take_slot(w->clients, entry);

    if (!ok && speaker)
        speaker->denied = TRUE;
    act_follow(w, entry->id, (Event){.kind = EVENT_SLOT, .ok = ok});
}

static void act_dir(World *w, ClientEntry *entry, Served *s, Crash *speaker)
{
    if (!s->dump) {
        if (!speaker)
            world_fail(w, "OPEN_DIR without a word of the machine");
        s->crash = speaker;
        if (s->forged) /* an old machine answers to any */
            speaker->start_doubt = TRUE;
        s->dump = disk_new_dump(w, s->machine, speaker, entry->id);
        check_start(w, entry, s);
    }
    disk_push(w, &s->dump->files, disk_job(w, JOB_DIR));
}

static void act_hook(World *w, const ClientEntry *entry, Served *s, SessionHook hook)
{
    HookRun *run = world_alloc(w, sizeof *run);
    Span span = (Span)world_scaled(w, w->sc.hook_slow ? 26 : 20);

    if (s->hook[hook])
        world_fail(w, "a hook runs twice at once");
    *run = (HookRun){entry->id, hook, world_chance(w, 5000)};
    if (world_chance(w, 3000)) { /* there is none */
        act_follow(w, entry->id, (Event){.kind = EVENT_HOOK, .hook = hook});
        return;
    }
    s->hook[hook] = TRUE;
    world_happen(w, MIN(span, SPAN_S(60)), HAPPEN_HOOK, run, w->life);
}

void server_hook_ends(World *w, gpointer data, guint32 life)
{
    const HookRun *run = data;
    ClientEntry *entry;
    Served *s;

    if (life != w->life || !w->up)
        return;
    entry = clients_by_id(w->clients, run->id);
    if (!entry)
        return;
    s = entry->files;
    s->hook[run->hook] = FALSE;
    if (run->hook == SESSION_HOOK_NOSPACE && run->ok)
        w->faults_left = world_chance(w, 7000) ? 0 : w->faults_left; /* it has made room */
    server_tell(w, s->dump, (Event){.kind = EVENT_HOOK, .hook = run->hook, .ok = run->ok});
}

static void act_note(World *w, const ClientEntry *entry, const Served *s, SessionNote note)
{
    const SessionFacts *f = session_facts(entry->client);

    world_say(w, "client %u notes %d: %s, %s %s", entry->id, note, session_state_name(f->state),
              session_result_name(f->result), session_reason_text(f->reason));
    if (note == NOTE_RESUMED)
        w->totals.resumed++;
    if (note == NOTE_ENDED)
        check_ended(w, entry, s);
    if (note == NOTE_ENDED && s->dump)
        s->dump->ended = TRUE;
}

static void act_close(World *w, const ClientEntry *entry, Served *s, gboolean keep)
{
    const SessionFacts *f = session_facts(entry->client);
    Dump *d = s->dump;

    check_close(w, entry, s, keep);
    w->totals.complete += f->result == RESULT_COMPLETE;
    w->totals.incomplete += f->result == RESULT_INCOMPLETE;
    w->totals.not_dumped += f->result == RESULT_NOT_DUMPED;
    w->totals.interrupted += f->result == RESULT_INTERRUPTED;
    if (!d)
        return;
    d->result = f->result;
    d->closed = TRUE;
    d->gathered = (Chunks){0};
    if (!keep && d->open)
        disk_push(w, &d->files, disk_job(w, JOB_FORGET));
    d->skip = TRUE;
    disk_retry(w, d);
}

void act(World *w, ClientEntry *entry, const Action *a, const Event *event, Crash *speaker)
{
    Served *s = entry->files;

    if (a->client != entry->id)
        world_fail(w, "an action is for another client");
    switch (a->kind) {
    case ACTION_SEND:
        act_send(w, entry, s, &a->request);
        break;
    case ACTION_TAKE_SLOT:
        act_slot(w, entry, speaker ? speaker : s->crash);
        break;
    case ACTION_OPEN_DIR:
        act_dir(w, entry, s, speaker ? speaker : s->answered);
        break;
    case ACTION_CHECK_SPACE:
        check_dir(w, s, "CHECK_SPACE");
        disk_push(w, &s->dump->files, disk_job(w, JOB_SPACE));
        break;
    case ACTION_OPEN_VMCORE:
        act_open_vmcore(w, entry, s, a->resume);
        break;
    case ACTION_STORE_CHUNK:
        act_store(w, entry, s, a);
        break;
    case ACTION_FLUSH:
        check_file(w, s, "FLUSH");
        disk_flush(w, s->dump);
        break;
    case ACTION_RETRY:
        check_file(w, s, "RETRY");
        if (!s->dump->files.stopped)
            world_fail(w, "RETRY, but nothing has failed");
        disk_retry(w, s->dump);
        break;
    case ACTION_FINISH:
        act_finish(w, entry, s, a->whole);
        break;
    case ACTION_JOURNAL:
        act_journal(w, entry, s, a->sync);
        break;
    case ACTION_INFO:
    case ACTION_LOG_TEXT:
        check_dir(w, s, "INFO or LOG_TEXT");
        if (a->kind == ACTION_LOG_TEXT && (a->data != event->packet->data || a->len == 0))
            world_fail(w, "LOG_TEXT without text");
        break;
    case ACTION_RUN_HOOK:
        act_hook(w, entry, s, a->hook);
        break;
    case ACTION_NOTE:
        act_note(w, entry, s, a->note);
        break;
    case ACTION_CLOSE:
        act_close(w, entry, s, a->keep);
        break;
    }
}
