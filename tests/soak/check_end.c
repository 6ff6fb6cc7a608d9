/* check_end.c - what must hold when a session, an instance or the world ends. See check.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/check.h"

#include "core/netdump/tags.h"
#include "soak/pending.h"

#include <string.h>

/* -- sessions ---------------------------------------------------------------------------------- */

static const Dump *dump_of(const Model *model)
{
    return model->files ? model->files->dump : NULL;
}

/* Only if the client is silent. */
static void check_silence(World *w, const Model *model)
{
    const Crash *c = model->kernel->crash;
    KernelState state = model->kernel->state;

    if (w->outage || !c || c != model->crash)
        return;
    if (state == KERNEL_SERVING && !c->over)
        world_fail(w, "kernel %u is said to be silent, but it is not", model->kernel->number);
}

void check_ended(World *w, const Model *model, const SessionFacts *f)
{
    if (model->ended)
        world_fail(w, "session %u ends again", f->id);
    if (f->result == RESULT_RUNNING || f->result == RESULT_INTERRUPTED)
        world_fail(w, "session %u ends without a result", f->id);
    if (f->result == RESULT_COMPLETE && !dump_of(model)->renamed)
        world_fail(w, "complete before vmcore has its name");
    if (f->reason == REASON_SILENT)
        check_silence(w, model);
    if (f->reason == REASON_SLOW && model->kernel->state == KERNEL_DEAD)
        world_fail(w, "kernel %u is dead, not slow", model->kernel->number);
    /* Pages of many datagrams hardly ever come whole through a network that loses a third. */
    if (f->reason == REASON_SLOW && w->sc.loss[0] > 2500)
        model->crash->denied = TRUE;
    if ((f->reason == REASON_DISK || f->reason == REASON_NO_SPACE) && !model->crash->denied)
        world_fail(w, "%s, but it did not", session_reason_text(f->reason));
}

/* The registers and START that it has are the client's. */
static void check_identity(World *w, const Model *model, const Session *s)
{
    TaggedWriter t = tagged_writer_new();
    const Crash *c = dump_of(model)->crash;
    const guint8 *regs;
    TaggedReader r;
    guint64 value;
    gsize len = 0, used;

    s->ops->record(s, &t);
    tagged_writer_seal(&t);
    if (tagged_reader_init(&r, t.bytes->data, t.bytes->len, &used))
        world_fail(w, "a record cannot be read");
    regs = tagged_find(&r, NETDUMP_TAG_REGS, &len);
    if (regs && len > 0 && s->facts.file_state != FILE_NONE && !c->regs_doubt &&
        (len != c->regs_len || memcmp(regs, c->regs, len) != 0))
        world_fail(w, "other registers than the client's");
    if (!c->start_doubt && tagged_number(&r, NETDUMP_TAG_MAGIC, &value) && value != c->start.magic)
        world_fail(w, "another START than the client's");
    tagged_writer_clear(&t);
}

void check_close(World *w, const Model *model, const Session *s, gboolean keep)
{
    const SessionFacts *f = &s->facts;
    const Dump *d = dump_of(model);

    if ((f->result == RESULT_RUNNING && !(d && d->was_over) && model->ack_sent) ||
        (f->result == RESULT_INTERRUPTED && !keep))
        world_fail(w, "CLOSE without a result");
    w->totals.complete += f->result == RESULT_COMPLETE;
    w->totals.incomplete += f->result == RESULT_INCOMPLETE;
    w->totals.not_dumped += f->result == RESULT_NOT_DUMPED;
    w->totals.interrupted += f->result == RESULT_INTERRUPTED;
    if (f->result == RESULT_COMPLETE && !(d && d->renamed))
        world_fail(w, "complete, but vmcore is not");
    /* Forged STARTs while it prints, and does not hear HELLO, look as if it had crashed again. */
    if (model->forged && model->phase < PHASE_REBOOTING && !keep && model->kernel->crash)
        model->kernel->crash->excused = TRUE;
    if (!d)
        return;
    if (model->files->whole && !d->crash->denied && f->result != RESULT_COMPLETE && !keep)
        world_fail(w, "every page was there, but it is %s", session_result_name(f->result));
    check_identity(w, model, s);
}

/* -- instances --------------------------------------------------------------------------------- */

/* Whoever has had an ACK never calls again: the next instance must know it. */
static void check_session_known(World *w, const Model *model)
{
    const Dump *d = dump_of(model);
    Crash *c = model->kernel->crash;

    if (!c || c->orphaned || !model->ack_sent || (d && d->journal) ||
        pending_know(w, model->kernel))
        return;
    if (model->phase < PHASE_FINISHING && model->recorded && !model->record_failed)
        world_fail(w, "session %u had an ACK, but the next instance will not know it", model->id);
    c->orphaned = TRUE;
    w->totals.orphaned++;
}

void check_files_closed(World *w)
{
    for (guint i = 0; i < w->models->len && !server_was_killed(w); i++) {
        const Model *model = server_model(w, i);

        if (model && model->closed && model->files && !model->files->closed)
            world_fail(w, "session %u is closed, but its files are not", model->id);
    }
}

void check_known(World *w)
{
    for (guint i = 0; i < clients_count(w->clients); i++)
        check_session_known(w, server_model(w, clients_nth(w->clients, i)->id));
}

void check_resumed(World *w, const Model *model, Dump *d)
{
    TaggedReader t;
    guint64 state = RECORD_DUMPING;

    check_record(w, d, &d->latest);
    check_reader(w, &d->latest, &t);
    (void)tagged_number(&t, NETDUMP_TAG_STATE, &state);
    d->was_over = state == RECORD_REBOOTING;
    if (d->was_over && !d->cut && d->latest.of->infos_written < d->latest.infos)
        world_fail(w, "session %u is over, but its info was not written", model->id);
}

/* -- the world --------------------------------------------------------------------------------- */

static const Dump *last_dump(const World *w, const Crash *c)
{
    const Dump *last = NULL;

    for (guint i = 0; i < w->dumps->len; i++) {
        const Dump *d = w->dumps->pdata[i];

        if (d->crash == c && (!last || d->renamed || !last->renamed))
            last = d;
    }
    return last;
}

/* If nothing was in the way, the dump is whole. */
static void check_crash(World *w, const Crash *c)
{
    const Dump *d = last_dump(w, c);
    gboolean excused = !c->sane || c->over || c->denied || c->orphaned || c->start_doubt ||
                       c->regs_doubt || !c->acked;

    if (d && d->renamed)
        check_whole(w, d);
    else if (!excused)
        world_fail(w, "kernel %u, crash %u: nothing was in the way, but there is no whole dump",
                   c->kernel->number, c->number);
}

/* A client is not left waiting. */
static void check_kernel(World *w, const Kernel *k)
{
    const Crash *c = k->crash;

    if (k->state == KERNEL_UP || k->state == KERNEL_GONE || k->state == KERNEL_DEAD)
        return;
    if (!c->orphaned && !c->excused)
        world_fail(w, "kernel %u is left waiting, in state %d", k->number, k->state);
}

void check_end(World *w)
{
    if (clients_count(w->clients) > 0)
        world_fail(w, "session %u waits for nothing", clients_nth(w->clients, 0)->id);
    if (clients_slots(w->clients) > 0)
        world_fail(w, "%u slots are never given back", clients_slots(w->clients));
    check_files_closed(w);
    for (guint i = 0; i < w->sc.kernels; i++)
        check_kernel(w, w->kernels[i]);
    for (guint i = 0; i < w->n_crashes; i++)
        check_crash(w, w->crashes[i]);
}

void check_stuck(World *w)
{
    if (w->up && clients_count(w->clients) > 0) {
        const SessionFacts *f = &clients_nth(w->clients, 0)->session->facts;

        world_fail(w, "session %u does not come to an end: %s", f->id, f->state);
    }
    world_fail(w, "it does not come to an end");
}
