/* effects.c - the executor's effects on a world, but for those on files. See effects.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/effects.h"

#include "soak/check.h"
#include "soak/files.h"
#include "soak/pending.h"
#include "soak/probe.h"
#include "soak/server.h"

#include <errno.h>

#define HOOK_TIME SPAN_S(60)

static void do_send(gpointer world, const NetAddr *local, const NetAddr *peer, const guint8 *data,
                    gsize len)
{
    World *w = world;
    Model *model = w->current;
    const Kernel *k = model->kernel;

    if (local->port != 6688)
        world_fail(w, "sent from port %u", local->port);
    if (!netaddr_host_equal(&k->peer, peer))
        world_fail(w, "sent to another client");
    if (k->peer.port != peer->port) /* a damaged datagram was taken for a START */
        return;
    check_request(w, model, data, len);
    link_to_kernel(w, model->kernel, data, len);
}

/* -- magic ------------------------------------------------------------------------------------- */

static void do_check_magic(gpointer world, const ClientEntry *entry, gboolean big_endian)
{
    World *w = world;
    Model *model = server_model(w, entry->id);
    MagicReply *reply = world_alloc(w, sizeof *reply);
    const Kernel *k = model->kernel;
    const Crash *c = model->start_of ? model->start_of : k->crash;

    if (!w->sc.secure)
        world_fail(w, "CHECK_MAGIC without secure");
    *reply = (MagicReply){.id = entry->id};
    if (!kernel_filed_magic(w, k, &reply->magic))
        reply->err = ENOENT;
    else if (c && (c->start.machine == WIRE_MACHINE_PPC64) != big_endian)
        reply->magic = GUINT64_SWAP_LE_BE(reply->magic);
    if (world_chance(w, w->sc.at_once))
        effects_magic_read(w, reply, w->life);
    else if (!disk_is_stuck(w, JOB_MAGIC))
        world_schedule(w, (Span)world_below(w, (guint64)w->sc.job_delay[JOB_MAGIC] + 1),
                       WORLD_MAGIC, reply, w->life);
}

void effects_magic_read(World *w, const MagicReply *reply, guint32 life)
{
    if (life == w->life)
        server_tell(w, reply->id,
                    (Event){.kind = EVENT_MAGIC, .err = reply->err, .magic = reply->magic});
}

static void do_record(gpointer world, const ClientEntry *entry)
{
    World *w = world;

    pending_set_add(w->pending_set, entry->id);
}

/* -- hooks ------------------------------------------------------------------------------------- */

static void do_run_hook(gpointer world, const ClientEntry *entry, SessionHook hook)
{
    World *w = world;
    Model *model = server_model(w, entry->id);
    HookRun *run = world_alloc(w, sizeof *run);
    Span span = (Span)world_scaled(w, w->sc.hook_slow ? 27 : 20);

    check_hook(w, model, entry, hook);
    *run = (HookRun){entry->id, hook, HOOK_EXITED, world_chance(w, 5000) ? 0 : 1};
    if (world_chance(w, 3000)) { /* there is none */
        run->end = HOOK_NOT_RUN;
        span = 0;
    } else if (world_chance(w, 500)) {
        run->end = HOOK_SIGNALLED;
    } else if (span >= HOOK_TIME || (w->sc.hook_slow && world_chance(w, 1000))) {
        run->end = HOOK_TIMED_OUT;
        span = HOOK_TIME;
    }
    model->running[hook] = TRUE;
    if (span == 0 && world_chance(w, 8000)) /* it is known at once */
        effects_hook_ended(w, run, w->life);
    else
        world_schedule(w, span, WORLD_HOOK, run, w->life);
}

void effects_hook_ended(World *w, const HookRun *run, guint32 life)
{
    if (life != w->life || !w->up)
        return;
    server_model(w, run->id)->running[run->hook] = FALSE;
    if (run->hook == SESSION_HOOK_NOSPACE && run->end == HOOK_EXITED && run->status > 0)
        w->faults_left = world_chance(w, 7000) ? 0 : w->faults_left; /* it has made room */
    server_tell(w, run->id,
                (Event){.kind = EVENT_HOOK,
                        .hook = run->hook,
                        .hook_end = run->end,
                        .hook_status = run->status});
}

/* -- the rest ---------------------------------------------------------------------------------- */

static void do_console_text(gpointer world, G_GNUC_UNUSED const NetAddr *host, const guint8 *text,
                            gsize len)
{
    World *w = world;

    check_text(w, text, len);
    w->texts++;
}

static void do_booted(G_GNUC_UNUSED gpointer world, G_GNUC_UNUSED const NetAddr *host)
{
}

static void do_malformed(gpointer world, G_GNUC_UNUSED const NetAddr *peer, gsize len,
                         DatagramFault fault)
{
    World *w = world;

    if (len != w->arrived_len || fault == DATAGRAM_OK || fault >= DATAGRAM_N_FAULTS)
        world_fail(w, "a datagram of %" G_GSIZE_FORMAT " bytes is malformed (%d)", len, fault);
    w->malformed++;
}

static void do_closed(gpointer world, const ClientEntry *entry)
{
    World *w = world;

    if (!server_model(w, entry->id)->closed)
        world_fail(w, "session %u is closed without CLOSE", entry->id);
}

static void do_note(gpointer world, const ClientEntry *entry, SessionNote note)
{
    World *w = world;
    Model *model = server_model(w, entry->id);
    const SessionFacts *f = &entry->session->facts;

    world_say(w, "session %u notes %d: %s, %s %s", entry->id, note, f->state,
              session_result_name(f->result), session_reason_text(f->reason));
    w->totals.resumed += note == NOTE_RESUMED;
    if (note == NOTE_ENDED) {
        check_ended(w, model, f);
        model->ended = TRUE;
    }
}

const Effects soak_effects = {
    .send = do_send,
    .check_magic = do_check_magic,
    .record = do_record,
    .run_hook = do_run_hook,
    .console_text = do_console_text,
    .booted = do_booted,
    .malformed = do_malformed,
    .note = do_note,
    .closed = do_closed,
    .files_new = files_new,
    .open_dir = files_open_dir,
    .check_space = files_check_space,
    .open_file = files_open_file,
    .store = files_store,
    .flush = files_flush,
    .retry = files_retry,
    .finish = files_finish,
    .journal = files_journal,
    .info = files_info,
    .log_text = files_log_text,
    .close = files_close,
};
