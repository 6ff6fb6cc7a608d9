/* session_end.c - the state machine from the last page to the reboot.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_internal.h"

#define QUIET         SPAN_MS(500) /* SHOW_STATE's text is over when nothing came for so long */
#define STATE_TIMEOUT SPAN_S(1)    /* SHOW_STATE is asked again, twice, if nothing comes at all */
#define STATE_TRIES   3
#define STATE_MAX     SPAN_S(120) /* a slow serial console takes its time; but not for ever */

/* For the answer to the HELLO behind a REBOOT: a multiple of the RTO within these limits; twice and
 * four times that later on. */
#define HELLO_WAIT_RTOS 4
#define HELLO_WAIT_MIN  SPAN_MS(150)
#define HELLO_WAIT_MAX  SPAN_MS(250)
#define HELLO_SILENCES  6  /* unanswered in a row: it reboots */
#define LOSSY_SILENCES  16 /* ... where 30 % are lost each way, that many are worth as much */
#define REBOOTS_MAX     40 /* and if it answers for ever, this is where we end */

/* -- ENDING, WAITING, REBOOTING ------------------------------------------------------------------
 */

void end_close(Step *s, gboolean keep)
{
    requests_drop_all(&s->c->asks);
    step_enter(s, SESSION_CLOSED);
    if (!s->c->was_done) /* a former server has told all */
        step_info(s);
    step_emit(s, (Action){.kind = ACTION_CLOSE, .keep = keep});
}

/* SHOW_STATE is not repeated like other questions: what comes while the machine prints is lost. */
static void ask_state(Step *s)
{
    Session *c = s->c;

    c->state_tries++;
    c->state_nr = c->asks.next_nr--;
    step_send(s, WIRE_CMD_SHOW_STATE, c->state_nr, 0);
    c->timer = mono_add(s->now, STATE_TIMEOUT);
}

/* The pages are done, or will never be: the machine's state as text, and the file's end. */
void end_begin(Step *s)
{
    Session *c = s->c;

    requests_drop_all(&c->asks);
    step_enter(s, SESSION_ENDING);
    if (c->facts.reason == REASON_SILENT || c->recrashed)
        c->quiet = TRUE;
    if (c->quiet)
        return;
    if (c->state_tries == 0)
        c->state_asked = s->now;
    ask_state(s);
}

/* A piece of its text, or the reply that stands before or behind it. */
void end_heard_state(Step *s)
{
    s->c->state_heard = TRUE;
    if (!s->c->quiet)
        s->c->timer = mono_add(s->now, QUIET);
}

void end_finish(Step *s, gboolean whole)
{
    s->c->finishing = TRUE;
    step_emit(s, (Action){.kind = ACTION_FINISH, .whole = whole});
}

void end_give_up(Step *s, SessionReason reason)
{
    Session *c = s->c;

    c->facts.reason = reason;
    c->facts.result = c->facts.dumps ? RESULT_INCOMPLETE : RESULT_NOT_DUMPED;
    c->facts.over = TRUE;
    c->facts.transferred = FALSE;
    step_note(s, NOTE_ENDED);
    step_journal(s, FALSE);
    if (reason == REASON_UNREACHABLE) {
        end_close(s, FALSE);
        return;
    }
    if (c->file)
        end_finish(s, FALSE);
    else
        c->finished = TRUE;
    end_begin(s);
}

/* What is on its way to an end stays so, a whole dump above all. */
void end_recrashed(Step *s)
{
    Session *c = s->c;

    c->recrashed = TRUE;
    if (c->facts.state == SESSION_ENDING || c->finishing)
        c->quiet = TRUE;
    else
        end_give_up(s, REASON_RECRASHED);
}

void end_on_finished(Step *s, int err)
{
    Session *c = s->c;

    c->finished = TRUE;
    c->file = FALSE;
    if (!c->facts.transferred || c->facts.result != RESULT_RUNNING)
        return;
    if (err) { /* finish_whole fails by DISK_FAILED, so this is not expected; never claim a whole */
        c->facts.disk_errno = err;
        end_give_up(s, REASON_DISK);
        return;
    }
    c->facts.result = RESULT_COMPLETE;
    c->facts.over = TRUE;
    step_note(s, NOTE_ENDED);
}

/* How many silences in a row are proof depends on how much this network loses. */
static guint silences_needed(const SessionFacts *f)
{
    return 32 * (f->asked_again + f->pages.retransmitted) > f->pages.stored + f->pages.zero + 3
               ? LOSSY_SILENCES
               : HELLO_SILENCES;
}

static Span hello_wait(const Session *c)
{
    Span wait = CLAMP(HELLO_WAIT_RTOS * rtt_rto(&c->rtt), HELLO_WAIT_MIN, HELLO_WAIT_MAX);

    return wait << MIN(3 * c->silences / silences_needed(&c->facts), 2);
}

/* REBOOT has no answer; a HELLO that is answered behind it shows that it was lost. */
static void send_reboot(Step *s)
{
    Session *c = s->c;

    c->reboots++;
    step_send(s, WIRE_CMD_REBOOT, c->asks.next_nr--, 0);
    step_send(s, WIRE_CMD_HELLO, c->asks.next_nr--, 0);
    c->timer = mono_add(s->now, hello_wait(c));
}

void end_reboot(Step *s)
{
    requests_drop_all(&s->c->asks);
    s->c->reboot_nr = s->c->asks.next_nr;
    s->c->reboot_since = s->now;
    step_enter(s, SESSION_REBOOTING);
    step_journal(s, FALSE);
    send_reboot(s);
}

void end_check_reboot(Step *s)
{
    Session *c = s->c;
    guint needed = silences_needed(&c->facts);

    if (mono_before(s->now, c->timer))
        return;
    if (++c->silences < needed && c->reboots < REBOOTS_MAX) {
        send_reboot(s);
        return;
    }
    step_note(s, c->silences < needed ? NOTE_REBOOT_REFUSED : NOTE_REBOOTED);
    end_close(s, FALSE);
}

/* REBOOT was lost, or the machine has not got to it yet; the timer sends the next one. An answer
 * that took longer than the time to the next HELLO counts as well. */
void end_on_hello(Step *s, guint32 nr)
{
    if (s->c->reboot_nr - nr >= s->c->reboot_nr - s->c->asks.next_nr)
        return;
    s->c->silences = 0;
    if (s->c->reboots >= REBOOTS_MAX) {
        step_note(s, NOTE_REBOOT_REFUSED);
        end_close(s, FALSE);
    }
}

void end_still_prints(Step *s)
{
    Session *c = s->c;

    c->silences = 0;
    if (mono_diff(s->now, c->reboot_since) < STATE_MAX)
        c->timer = mono_add(s->now, QUIET);
}

/* ENDING is over when the machine has said all and the file is closed. */
void end_check(Step *s)
{
    Session *c = s->c;

    if (c->facts.state != SESSION_ENDING)
        return;
    if (!c->quiet && !mono_before(s->now, c->timer)) {
        if (c->state_heard || c->state_tries >= STATE_TRIES)
            c->quiet = TRUE;
        else
            ask_state(s);
    }
    if (!c->quiet && mono_diff(s->now, c->state_asked) >= STATE_MAX)
        c->quiet = TRUE;
    if (c->quiet)
        c->timer = MONO_NEVER;
    if (!c->quiet || !c->finished)
        return;

    step_info(s);
    if (c->recrashed) { /* it wants to be dumped, not to be rebooted */
        end_close(s, FALSE);
        return;
    }
    step_enter(s, SESSION_WAITING);
    step_journal(s, FALSE);
    step_run_hook(s, SESSION_HOOK_REBOOT);
}
