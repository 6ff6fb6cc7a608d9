/* session.c - one crashed machine as a state machine: events in, actions out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_internal.h"

#define NR_GAP 65536u /* nrs left free behind a former server's, and for questions */

#define STARTS_CRASH 3         /* so many STARTs ... */
#define STARTS_SPAN  SPAN_S(5) /* ... over such a time without an answer: it crashed again */
#define PROBE_PAUSE  SPAN_S(1) /* between two HELLOs that STARTs provoke */

/* -- emitting -----------------------------------------------------------------------------------
 */

void step_emit(Step *s, Action action)
{
    action.client = s->c->facts.id;
    g_array_append_val(s->actions, action);
}

void step_emit_plain(Step *s, ActionKind kind)
{
    step_emit(s, (Action){.kind = kind});
}

void step_note(Step *s, SessionNote what)
{
    step_emit(s, (Action){.kind = ACTION_NOTE, .note = what});
}

void step_run_hook(Step *s, SessionHook hook)
{
    step_emit(s, (Action){.kind = ACTION_RUN_HOOK, .hook = hook});
}

void step_journal(Step *s, gboolean sync)
{
    Session *c = s->c;

    if (!c->dir)
        return;
    c->journal_floor = c->facts.floor_written;
    if (sync) {
        c->facts.floor_synced = c->facts.floor_written;
        c->journal_synced = s->now;
    }
    step_emit(s, (Action){.kind = ACTION_JOURNAL, .sync = sync});
}

void step_info(Step *s)
{
    if (s->c->dir)
        step_emit_plain(s, ACTION_INFO);
}

gboolean session_waits(const Session *c)
{
    return requests_any_open(&c->asks) || (c->window && !window_all_whole(c->window));
}

void step_send_to(Step *s, WireCommand command, guint32 nr, guint32 from, guint32 to)
{
    step_emit(s, (Action){.kind = ACTION_SEND,
                          .request = {.magic = s->c->facts.start.magic,
                                      .nr = nr,
                                      .command = command,
                                      .from = from,
                                      .to = to}});
}

void step_send(Step *s, WireCommand command, guint32 nr, guint32 from)
{
    step_send_to(s, command, nr, from, 0);
}

void step_send_ask(Step *s, WireCommand command)
{
    Request *ask = &s->c->asks.by_command[command];

    if (ask->tries++ > 0)
        s->c->facts.asked_again++;
    ask->sent = s->now;
    step_send_to(s, command, ask->nr, ask->from, ask->to);
}

void step_ask_for(Step *s, WireCommand command, guint32 from, guint32 to)
{
    if (!session_waits(s->c))
        s->c->heard = s->now;
    requests_open(&s->c->asks, command, from, to);
    step_send_ask(s, command);
}

void step_ask(Step *s, WireCommand command)
{
    step_ask_for(s, command, 0, 0);
}

void step_enter(Step *s, SessionState state)
{
    s->c->facts.state = state;
    s->c->timer = MONO_NEVER;
    step_measure(s);
}

void step_measure(Step *s)
{
    s->c->got_before = s->c->got;
    s->c->got_since = s->now;
}

/* -- packets ------------------------------------------------------------------------------------
 */

/* A word from the machine, which nobody else can have sent: it carries a live nr. */
void step_heard(Step *s, const WireMessage *m)
{
    Session *c = s->c;

    if (c->starts > 0 && c->facts.state != SESSION_CALLED && !c->starts_noted) {
        c->starts_noted = TRUE;
        step_note(s, NOTE_STARTS_IGNORED);
    }
    c->heard = s->now;
    c->starts = 0;
    c->facts.version = m->version;
}

static void on_text(Step *s, const WireMessage *m)
{
    if (s->c->dir && m->len > 0)
        step_emit(s, (Action){.kind = ACTION_LOG_TEXT, .data = m->data, .len = m->len});
    if (s->c->facts.state == SESSION_ENDING)
        end_heard_state(s);
    else if (s->c->facts.state == SESSION_REBOOTING)
        end_still_prints(s);
}

/* In the middle of a dump: forged, late, or the machine has crashed again. A machine that still
 * dumps answers HELLO; one that has crashed again eats it and repeats START. */
static void on_start(Step *s, const WireStart *start)
{
    Session *c = s->c;

    switch (c->facts.state) {
    case SESSION_CALLED:
        dump_call(s, start);
        return;
    case SESSION_WAITING:
    case SESSION_REBOOTING:
    case SESSION_CLOSED:
        return; /* we are nearly through with it; its next START finds us free */
    default:
        break;
    }
    if (c->recrashed)
        return;
    if (c->starts++ == 0)
        c->starts_since = s->now;
    if (c->starts >= STARTS_CRASH && mono_diff(s->now, c->starts_since) >= STARTS_SPAN) {
        end_recrashed(s);
    } else if (!requests_is_open(&c->asks, WIRE_CMD_HELLO) &&
               mono_diff(s->now, c->probed) >= PROBE_PAUSE) {
        c->probed = s->now;
        step_ask(s, WIRE_CMD_HELLO);
    }
}

/* The registers at the crash tell one crash from another: a former server's dump must not be gone
 * on with when its machine was rebooted and has crashed again in between. */
static void on_regs(Step *s, const WireMessage *m)
{
    SessionFacts *f = &s->c->facts;
    guint32 len = (guint32)MIN(m->len, sizeof f->regs);
    gboolean same = len == f->regs_len;

    for (guint32 i = 0; i < len && same; i++)
        same = f->regs[i] == m->data[i];
    if (f->state == SESSION_RESUMING)
        dump_go_on(s, same);
    if (f->state != SESSION_ASKING)
        return;
    f->ram_pages = m->info;
    f->regs_len = len;
    for (guint32 i = 0; i < len; i++)
        f->regs[i] = m->data[i];
}

gboolean step_answered(Step *s, WireCommand command, const WireMessage *m)
{
    if (!requests_answer(&s->c->asks, command, m->nr, s->now, &s->c->rtt))
        return FALSE;
    step_heard(s, m);
    return TRUE;
}

static void on_answer(Step *s, WireCommand command, const WireMessage *m)
{
    Session *c = s->c;

    if (!step_answered(s, command, m))
        return;
    switch (m->kind) {
    case WIRE_MSG_HELLO:
        if (c->facts.state == SESSION_RESUMING)
            dump_found_again(s);
        break;
    case WIRE_MSG_PAGE_SIZE:
        c->facts.page_size = m->info;
        break;
    case WIRE_MSG_NR_PAGES:
        c->facts.nr_pages = m->info;
        break;
    default:
        on_regs(s, m);
        break;
    }
}

static void on_packet(Step *s, const WireMessage *m)
{
    switch (m->kind) {
    case WIRE_MSG_TEXT:
        on_text(s, m);
        break;
    case WIRE_MSG_START:
        on_start(s, &m->start);
        break;
    case WIRE_MSG_MEM:
        pages_on_mem(s, m);
        break;
    case WIRE_MSG_RESERVED:
        pages_on_no_ram(s, m, m->info);
        break;
    case WIRE_MSG_ERROR:
        /* info 0 is for a page beyond the last one: none of RAM, just this one. Else it names the
         * command that was not understood, so that it is asked again. */
        if (!ask_on_error(s, m) && m->info == 0)
            pages_on_no_ram(s, m, 1);
        break;
    case WIRE_MSG_ZERO:
        pages_on_zero(s, m);
        break;
    case WIRE_MSG_PACKED:
        pages_on_packed(s, m);
        break;
    case WIRE_MSG_DATA:
        ask_on_data(s, m);
        break;
    case WIRE_MSG_HELLO:
        if (s->c->facts.state == SESSION_REBOOTING)
            end_on_hello(s, m->nr);
        else
            on_answer(s, WIRE_CMD_HELLO, m);
        break;
    case WIRE_MSG_NR_PAGES:
        on_answer(s, WIRE_CMD_GET_NR_PAGES, m);
        break;
    case WIRE_MSG_PAGE_SIZE:
        if (s->c->facts.state == SESSION_CALLED)
            dump_called_back(s, m);
        else
            on_answer(s, WIRE_CMD_GET_PAGE_SIZE, m);
        break;
    case WIRE_MSG_REGS:
        on_answer(s, WIRE_CMD_GET_REGS, m);
        break;
    case WIRE_MSG_SHOW_STATE:
        if (s->c->facts.state == SESSION_ENDING && m->nr == s->c->state_nr)
            end_heard_state(s);
        break;
    case WIRE_MSG_END: /* the answer to EXIT, which we never send */
        break;
    }
}

/* -- beginning and end of a server --------------------------------------------------------------
 */

/* The first event of a machine that a former server had begun with. */
static void resume(Step *s)
{
    Session *c = s->c;

    if (c->was_done) {
        end_reboot(s);
        return;
    }
    if (c->facts.dumps) {
        step_emit_plain(s, ACTION_TAKE_SLOT);
        step_emit(s, (Action){.kind = ACTION_OPEN_VMCORE, .resume = TRUE});
    }
    if (!c->facts.transferred)
        step_ask(s, WIRE_CMD_HELLO);
}

static void on_shutdown(Step *s)
{
    Session *c = s->c;

    if (!c->facts.over)
        c->facts.result = RESULT_INTERRUPTED;
    if (c->file && !c->finishing)
        step_emit_plain(s, ACTION_FLUSH);
    /* Neither a journal nor the list of callers will tell of it: it is not left waiting. */
    if (!c->dir && c->facts.over)
        step_send(s, WIRE_CMD_REBOOT, c->asks.next_nr--, 0);
    step_journal(s, TRUE);
    end_close(s, TRUE);
}

/* -- the interface ------------------------------------------------------------------------------
 */

static Session *new_client(const SessionSpec *spec, Mono now)
{
    Session *c = g_new0(Session, 1);

    c->spec = *spec;
    c->facts.id = spec->id;
    c->facts.next_nr = spec->nr_seed;
    c->limit = spec->max_in_flight;
    c->asks.next_nr = spec->nr_seed - 1;
    c->heard = c->got_since = now;
    c->timer = MONO_NEVER;
    c->probed = mono_add(now, -PROBE_PAUSE);
    c->journal_synced = now;
    c->facts.first_request = c->facts.last_stored = MONO_NEVER;
    return c;
}

Session *session_new(const SessionSpec *spec, const WireStart *start, Mono now)
{
    Session *c = new_client(spec, now);

    c->facts.state = SESSION_CALLED;
    c->facts.start = *start;
    c->begun = TRUE;
    return c;
}

Session *session_resume(const SessionSpec *spec, const SessionFacts *facts, gboolean rebooting,
                        Mono now)
{
    Session *c;
    SessionSpec above = *spec;

    /* Random as well: two servers in a row may begin with the same journal, if the first one was
     * killed before it had written its own. */
    above.nr_seed = facts->next_nr + NR_GAP + (spec->nr_seed >> 4);
    c = new_client(&above, now);
    c->facts.state = SESSION_RESUMING;
    c->facts.resumed = TRUE;
    c->facts.start = facts->start;
    c->facts.version = facts->version;
    c->facts.dumps = facts->dumps;
    /* A power cut may have taken what a former server had only handed to the kernel. */
    c->facts.transferred =
        facts->transferred && facts->dumps && facts->floor_written >= facts->nr_pages;
    c->facts.page_size = facts->page_size;
    c->facts.nr_pages = facts->nr_pages;
    c->facts.ram_pages = facts->ram_pages;
    c->facts.regs_len = MIN(facts->regs_len, SESSION_REGS_MAX);
    for (guint i = 0; i < c->facts.regs_len; i++)
        c->facts.regs[i] = facts->regs[i];
    c->facts.floor_written = facts->floor_written;
    c->facts.floor_synced = facts->floor_synced;
    c->facts.stored_before = facts->stored_before;
    if (facts->kernel) {
        c->kernel = *facts->kernel;
        c->facts.kernel = &c->kernel;
    }
    c->journal_floor = facts->floor_written;
    c->dir = TRUE;
    c->facts.over = c->was_done = rebooting;
    return c;
}

void session_free(Session *c)
{
    if (!c)
        return;
    window_free(c->window);
    g_free(c);
}

static void dispatch(Step *s, const Event *event)
{
    switch (event->kind) {
    case EVENT_PACKET:
        on_packet(s, event->packet);
        break;
    case EVENT_TIMER:
        time_on_timer(s);
        break;
    case EVENT_SLOT:
        s->c->slot_known = TRUE;
        s->c->slot = event->ok;
        break;
    case EVENT_DIR:
        dump_on_dir(s, event->err);
        break;
    case EVENT_SPACE:
        dump_on_space(s, event->ok);
        break;
    case EVENT_VMCORE:
        dump_on_vmcore(s, event->err, event->ok);
        break;
    case EVENT_STORED:
        dump_on_stored(s, event->nrs, event->n);
        break;
    case EVENT_DISK_FAILED:
        dump_on_disk_failed(s, event->err, !event->ok);
        break;
    case EVENT_FINISHED:
        end_on_finished(s, event->err);
        break;
    case EVENT_HOOK:
        if (event->hook == SESSION_HOOK_NOSPACE)
            dump_on_nospace(s, event->ok);
        else if (event->hook == SESSION_HOOK_REBOOT && s->c->facts.state == SESSION_WAITING)
            end_reboot(s);
        break;
    case EVENT_SHUTDOWN:
        on_shutdown(s);
        break;
    }
}

void session_step(Session *c, Mono now, const Event *event, GArray *actions)
{
    Step s = {c, now, actions};

    if (c->facts.state == SESSION_CLOSED)
        return;
    c->deadline_known = FALSE;
    if (!c->begun) {
        c->begun = TRUE;
        resume(&s);
    }
    dispatch(&s, event);
    dump_check_called(&s);
    dump_check_asking(&s);
    if (c->window) {
        dump_check_stored(&s);
        dump_pump(&s);
        c->facts.next_nr = window_nr_end(c->window);
        c->facts.pages = window_stats(c->window);
    }
    end_check(&s);
}

static Mono find_deadline(const Session *c)
{
    Mono deadline = mono_min(c->timer, time_patience(c));

    if (!c->begun)
        return (Mono){0};
    if (c->facts.state == SESSION_CLOSED)
        return MONO_NEVER;
    if (c->facts.state != SESSION_REBOOTING)
        deadline = mono_min(deadline, requests_deadline(&c->asks, &c->rtt));
    if (c->facts.state == SESSION_DUMPING)
        deadline = mono_min(deadline, window_deadline(c->window));
    return deadline;
}

Mono session_deadline(Session *c)
{
    if (!c->deadline_known) {
        c->deadline = find_deadline(c);
        c->deadline_known = TRUE;
    }
    return c->deadline;
}

void session_limit(Session *c, guint max_in_flight)
{
    c->limit = MIN(max_in_flight, WINDOW_MAX);
    if (c->window)
        window_limit(c->window, c->limit);
}

void session_set_timeout(Session *c, Span client_timeout)
{
    c->spec.client_timeout = client_timeout;
    c->deadline_known = FALSE;
}

gboolean session_is_over(const SessionFacts *facts)
{
    return facts->over;
}

const SessionFacts *session_facts(const Session *c)
{
    return &c->facts;
}

const char *session_state_name(SessionState state)
{
    static const char *const names[SESSION_N_STATES] = {
        [SESSION_CALLED] = "called",       [SESSION_RESUMING] = "resuming",
        [SESSION_ASKING] = "asking",       [SESSION_PREPARING] = "preparing",
        [SESSION_DUMPING] = "dumping",     [SESSION_STALLED] = "stalled",
        [SESSION_ENDING] = "ending",       [SESSION_WAITING] = "waiting",
        [SESSION_REBOOTING] = "rebooting", [SESSION_CLOSED] = "closed",
    };

    return state < SESSION_N_STATES ? names[state] : "unknown";
}

const char *session_result_name(SessionResult result)
{
    static const char *const names[] = {
        [RESULT_RUNNING] = "running",         [RESULT_COMPLETE] = "complete",
        [RESULT_INCOMPLETE] = "incomplete",   [RESULT_NOT_DUMPED] = "not-dumped",
        [RESULT_INTERRUPTED] = "interrupted",
    };

    return result < G_N_ELEMENTS(names) ? names[result] : "unknown";
}

const char *session_reason_text(SessionReason reason)
{
    static const char *const texts[SESSION_N_REASONS] = {
        [REASON_NONE] = "",
        [REASON_OVER_LIMIT] = "max_concurrent_dumps other dumps were running",
        [REASON_NO_SPACE] = "not enough disk space",
        [REASON_DISK] = "the disk refused to store it",
        [REASON_SILENT] = "the machine stopped answering",
        [REASON_RECRASHED] = "the machine crashed again before its dump was whole",
        [REASON_MACHINE] = "the machine is of an unknown architecture",
        [REASON_PAGE_SIZE] = "the machine names an impossible page size",
        [REASON_NO_PAGES] = "the machine says that it has no memory",
        [REASON_SLOW] = "the machine answers too slowly",
        [REASON_UNREACHABLE] = "the machine does not answer our requests",
    };

    return reason < SESSION_N_REASONS ? texts[reason] : "unknown";
}
