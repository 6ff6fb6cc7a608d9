/* session_preparing.c - PREPARING: is there space, and can the file be opened?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

#include <errno.h>

void session_begin_preparing(Step *s)
{
    session_enter(s, NETDUMP_PREPARING);
    session_plan_file(s->n);
    session_emit_kind(s, ACTION_CHECK_SPACE);
}

/* Any end of netdump-nospace but exit status 0 is a reason to try again: it costs little and may
 * save a dump. A hook that did not run changes nothing. */
gboolean session_may_retry(Step *s, const Event *hook)
{
    Netdump *n = s->n;

    if (n->retry == RETRY_USED || hook->hook_end == HOOK_NOT_RUN ||
        (hook->hook_end == HOOK_EXITED && hook->hook_status == 0))
        return FALSE;
    n->retry = RETRY_USED;
    session_note(s, NOTE_RETRYING);
    return TRUE;
}

/* -- the file -----------------------------------------------------------------------------------
 */

void session_open_file(Step *s, gboolean resume)
{
    s->n->base.facts.file_state = FILE_OPENING;
    session_emit(s, (Action){.kind = ACTION_OPEN_FILE, .resume = resume});
}

/* A previous instance got as far as renaming it. */
static void found_whole(Step *s)
{
    Netdump *n = s->n;

    page_set_free(n->transfer.missing);
    n->transfer.missing = page_set_new();
    n->base.facts.file_state = FILE_DONE;
    n->base.facts.result = RESULT_COMPLETE;
    n->outcome = RECORD_REBOOTING;
    session_note(s, NOTE_ENDED);
    session_begin_ending(s);
}

/* Nothing of the file that was to be resumed is left. The journal knows that before a page comes.
 */
static void start_over(Step *s)
{
    Netdump *n = s->n;

    if (!n->transfer.missing)
        return;
    page_set_free(g_steal_pointer(&n->transfer.missing));
    n->before = (Inherited){0};
    session_journal(s, FALSE);
}

gboolean session_file_opened(Step *s, const Event *event)
{
    Netdump *n = s->n;

    if (event->err == EEXIST) {
        found_whole(s);
        return FALSE;
    }
    if (event->err) {
        n->base.facts.file_state = FILE_NONE;
        n->base.facts.disk_errno = event->err;
        session_give_up(s, REASON_DISK);
        return FALSE;
    }
    n->base.facts.file_state = FILE_OPEN;
    n->content = CONTENT_SOME;
    if (!event->ok)
        start_over(s);
    return TRUE;
}

/* -- PREPARING ----------------------------------------------------------------------------------
 */

static void on_space(Step *s, gboolean enough)
{
    const Netdump *n = s->n;

    if (n->base.facts.file_state != FILE_NONE)
        return;
    if (enough) {
        /* A previous instance may have created the file, and had no time to write that down. */
        session_open_file(s, n->base.facts.resumed);
        return;
    }
    session_note(s, NOTE_NO_SPACE);
    if (n->retry == RETRY_USED)
        session_give_up(s, REASON_NO_SPACE);
    else
        session_run_hook(s, SESSION_HOOK_NOSPACE);
}

static void preparing_on_done(Step *s, const Event *event)
{
    if (event->kind == EVENT_SPACE) {
        on_space(s, event->ok);
    } else if (event->kind == EVENT_FILE) {
        if (session_file_opened(s, event))
            session_begin_dumping(s);
    } else if (event->kind == EVENT_HOOK && event->hook == SESSION_HOOK_NOSPACE) {
        if (session_may_retry(s, event))
            session_begin_preparing(s);
        else
            session_give_up(s, REASON_NO_SPACE);
    }
}

const StateOps session_preparing = {
    .name = "preparing",
    .phase = PHASE_PREPARING,
    .on_message = session_on_reply,
    .on_start = session_probe_restart,
    .on_done = preparing_on_done,
};
