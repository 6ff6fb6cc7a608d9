/* session_stalled.c - STALLED: a write failed; netdump-nospace, and one retry.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

void session_stall(Step *s, int err, gboolean lost, NetdumpState from, void (*again)(Step *s))
{
    Netdump *n = s->n;
    SessionFacts *f = &n->base.facts;

    if ((f->file_state != FILE_OPEN && f->file_state != FILE_FINISHING) ||
        f->result != RESULT_RUNNING)
        return;
    f->disk_errno = err;
    session_note(s, NOTE_DISK_FAILED);
    if (n->retry == RETRY_USED || lost) {
        session_give_up(s, REASON_DISK);
        return;
    }
    n->stall = (Stall){from, again};
    session_enter(s, NETDUMP_STALLED);
    session_journal(s, FALSE);
    session_run_hook(s, SESSION_HOOK_NOSPACE);
}

static void retry(Step *s)
{
    Netdump *n = s->n;

    session_emit_kind(s, ACTION_RETRY);
    session_enter(s, n->stall.from);
    n->heard = s->now;
    if (n->transfer.window)
        window_restart(n->transfer.window);
    n->stall.again(s);
}

static void stalled_on_done(Step *s, const Event *event)
{
    if (event->kind == EVENT_DISK_FAILED && !event->ok) {
        session_stall(s, event->err, TRUE, NETDUMP_STALLED, NULL);
    } else if (event->kind == EVENT_HOOK && event->hook == SESSION_HOOK_NOSPACE) {
        if (session_may_retry(s, event))
            retry(s);
        else
            session_give_up(s, REASON_DISK);
    }
}

const StateOps session_stalled = {
    .name = "stalled",
    .phase = PHASE_PREPARING,
    .on_message = session_on_reply,
    .on_start = session_probe_restart,
    .on_done = stalled_on_done,
};
