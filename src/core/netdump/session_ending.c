/* session_ending.c - ENDING and WAITING: the client's state as text, and the end of the file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

#define QUIET        SPAN_MS(500) /* SHOW_STATE's text is over if nothing came for so long */
#define SHOW_TIMEOUT SPAN_S(1)    /* SHOW_STATE is sent again, twice, if nothing comes at all */
#define SHOW_TRIES   3
#define SHOW_MAX     SPAN_S(120) /* a slow serial console takes its time, but not forever */

/* -- to the end ---------------------------------------------------------------------------------
 */

void session_close(Step *s, gboolean keep)
{
    requests_close_all(&s->n->requests);
    session_enter(s, NETDUMP_CLOSED);
    if (s->n->info == INFO_OURS)
        session_info(s);
    session_emit(s, (Action){.kind = ACTION_CLOSE, .keep = keep});
}

void session_finish(Step *s, gboolean whole)
{
    s->n->base.facts.file_state = FILE_FINISHING;
    session_emit(s, (Action){.kind = ACTION_FINISH, .whole = whole});
}

/* A file that is still being opened is finished when it is open. */
static void give_file_up(Step *s)
{
    SessionFacts *f = &s->n->base.facts;

    if (f->file_state == FILE_OPEN || f->file_state == FILE_FINISHING)
        session_finish(s, FALSE);
    else if (f->file_state == FILE_NONE)
        f->file_state = FILE_DONE;
}

void session_give_up(Step *s, SessionReason reason)
{
    Netdump *n = s->n;
    SessionFacts *f = &n->base.facts;

    f->reason = reason;
    f->result = n->content == CONTENT_SOME ? RESULT_INCOMPLETE : RESULT_NOT_DUMPED;
    n->outcome = RECORD_REBOOTING;
    session_note(s, NOTE_ENDED);
    session_journal(s, FALSE);
    if (reason == REASON_UNREACHABLE) {
        session_close(s, FALSE);
        return;
    }
    give_file_up(s);
    session_begin_ending(s);
}

/* What is on its way to an end stays so, a whole dump above all. */
void session_recrashed(Step *s)
{
    Netdump *n = s->n;

    n->followup = FOLLOWUP_NONE;
    if (n->base.facts.result != RESULT_RUNNING || n->base.facts.file_state == FILE_FINISHING)
        n->show.stage = SHOW_QUIET;
    else
        session_give_up(s, REASON_RECRASHED);
}

void session_finished(Step *s, int err)
{
    Netdump *n = s->n;
    SessionFacts *f = &n->base.facts;

    f->file_state = FILE_DONE;
    if (n->outcome != RECORD_TRANSFERRED)
        return;
    if (err) { /* finishing fails by DISK_FAILED, so this is not expected; never claim a whole */
        f->disk_errno = err;
        session_give_up(s, REASON_DISK);
        return;
    }
    f->result = RESULT_COMPLETE;
    n->outcome = RECORD_REBOOTING;
    session_note(s, NOTE_ENDED);
}

/* -- ENDING -------------------------------------------------------------------------------------
 */

/* SHOW_STATE is not repeated like other requests: what comes while the client prints is lost. */
static void send_show_state(Step *s)
{
    Netdump *n = s->n;

    n->show.tries++;
    n->show.nr = n->requests.next_nr--;
    session_send(s, WIRE_CMD_SHOW_STATE, n->show.nr, 0, 0);
    n->timer = mono_add(s->now, SHOW_TIMEOUT);
}

/* The pages are done, or will never be. */
void session_begin_ending(Step *s)
{
    Netdump *n = s->n;

    requests_close_all(&n->requests);
    session_enter(s, NETDUMP_ENDING);
    if (n->base.facts.reason == REASON_SILENT || n->followup == FOLLOWUP_NONE)
        n->show.stage = SHOW_QUIET;
    if (n->show.stage == SHOW_QUIET)
        return;
    if (n->show.tries == 0)
        n->show.since = s->now;
    send_show_state(s);
}

/* A piece of the text, or the reply that stands before or after it. */
static void ending_on_text(Step *s)
{
    if (s->n->show.stage == SHOW_QUIET)
        return;
    s->n->show.stage = SHOW_PRINTING;
    s->n->timer = mono_add(s->now, QUIET);
}

static void ending_on_message(Step *s, const WireMessage *m)
{
    if (m->kind != WIRE_MSG_SHOW_STATE)
        session_on_reply(s, m);
    else if (m->nr == s->n->show.nr)
        ending_on_text(s);
}

static void check_show_state(Step *s)
{
    Netdump *n = s->n;
    ShowState *show = &n->show;

    if (show->stage != SHOW_QUIET && !mono_before(s->now, n->timer)) {
        if (show->stage == SHOW_PRINTING || show->tries >= SHOW_TRIES)
            show->stage = SHOW_QUIET;
        else
            send_show_state(s);
    }
    if (mono_diff(s->now, show->since) >= SHOW_MAX)
        show->stage = SHOW_QUIET;
    if (show->stage == SHOW_QUIET)
        n->timer = MONO_NEVER;
}

/* It is over when the client has said all and the file is closed. */
static void ending_settle(Step *s)
{
    Netdump *n = s->n;

    check_show_state(s);
    if (n->show.stage != SHOW_QUIET || n->base.facts.file_state != FILE_DONE)
        return;
    session_info(s);
    if (n->followup == FOLLOWUP_NONE) {
        session_close(s, FALSE);
        return;
    }
    session_enter(s, NETDUMP_WAITING);
    session_journal(s, FALSE);
    session_run_hook(s, SESSION_HOOK_REBOOT);
}

static void retried(Step *s)
{
    s->n->timer = s->now;
}

/* The end came while the file was being opened. */
static void on_late_file(Step *s, const Event *event)
{
    SessionFacts *f = &s->n->base.facts;

    if (f->file_state != FILE_OPENING)
        return;
    if (event->err)
        f->file_state = FILE_DONE;
    else
        session_finish(s, FALSE);
}

static void ending_on_done(Step *s, const Event *event)
{
    if (event->kind == EVENT_DISK_FAILED)
        session_stall(s, event->err, !event->ok, NETDUMP_ENDING, retried);
    else if (event->kind == EVENT_FILE)
        on_late_file(s, event);
}

const StateOps session_ending = {
    .name = "ending",
    .phase = PHASE_FINISHING,
    .on_message = ending_on_message,
    .on_text = ending_on_text,
    .on_start = session_probe_restart,
    .on_done = ending_on_done,
    .settle = ending_settle,
};

/* -- WAITING ------------------------------------------------------------------------------------
 */

static void waiting_on_done(Step *s, const Event *event)
{
    if (event->kind == EVENT_HOOK && event->hook == SESSION_HOOK_REBOOT)
        session_begin_reboot(s);
}

const StateOps session_waiting = {
    .name = "waiting",
    .phase = PHASE_REBOOTING,
    .on_message = session_on_reply,
    .on_done = waiting_on_done,
};

const StateOps session_closed = {.name = "closed", .phase = PHASE_CLOSED};
