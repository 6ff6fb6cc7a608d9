/* session_dump.c - the state machine from the first answer to the last page.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_internal.h"

#include <errno.h>

#define DOUBT SPAN_S(2) /* which START is true, where there are several */

#define JOURNAL_BYTES (4u << 20) /* what a killed server asks again at most, about */
#define JOURNAL_SYNC  SPAN_S(5)  /* and what a power cut costs */

/* -- ASKING, PREPARING --------------------------------------------------------------------------
 */

/* Anybody can say START in a machine's name, with a magic that the machine does not obey. So each
 * different one is asked for by itself, and the answer tells which of them is true. Old machines
 * obey any magic: where an earlier START is answered the last one is asked for once more. */
static guint claims_kept(const Session *c)
{
    return MIN(c->n_claims, CLAIMS_MAX);
}

static void ask_for_claim(Step *s, const Claim *claim)
{
    s->c->facts.start = claim->start;
    s->c->asks.by_command[WIRE_CMD_GET_PAGE_SIZE].nr = claim->nr;
    step_send_ask(s, WIRE_CMD_GET_PAGE_SIZE);
}

static gboolean same_start(const WireStart *a, const WireStart *b)
{
    return a->machine == b->machine && a->oldest == b->oldest && a->task == b->task &&
           a->page_offset == b->page_offset && a->magic == b->magic &&
           a->extensions == b->extensions && a->vmcoreinfo == b->vmcoreinfo && a->cpu == b->cpu;
}

static Claim *find_claim(Session *c, const WireStart *start)
{
    Claim *claim;

    for (guint i = 0; i < claims_kept(c); i++)
        if (same_start(&c->claims[i].start, start))
            return &c->claims[i];
    if (&c->claims[c->n_claims % CLAIMS_MAX] == c->answered)
        c->n_claims++;
    claim = &c->claims[c->n_claims++ % CLAIMS_MAX];
    *claim = (Claim){.start = *start, .nr = c->asks.next_nr--};
    return claim;
}

void dump_call(Step *s, const WireStart *start)
{
    Session *c = s->c;

    c->last_claim = find_claim(c, start);
    if (!requests_is_open(&c->asks, WIRE_CMD_GET_PAGE_SIZE))
        requests_open(&c->asks, WIRE_CMD_GET_PAGE_SIZE, 0, 0);
    c->facts.start = *start;
    /* A machine that has had this ACK never calls again: whatever was forged in its name before, it
     * has all our patience from here on. */
    c->heard = s->now;
    step_measure(s);
    /* Together no larger than any START (wire.c sees to that): we are no use for flooding others.
     */
    step_send_to(s, WIRE_CMD_START_NETDUMP_ACK, c->asks.next_nr--, WIRE_VERSION,
                 ask_take_extensions(c));
    ask_for_claim(s, c->last_claim);
}

void dump_call_again(Step *s)
{
    guint tries = s->c->asks.by_command[WIRE_CMD_GET_PAGE_SIZE].tries;

    ask_for_claim(s, &s->c->claims[tries % claims_kept(s->c)]);
}

void dump_called_back(Step *s, const WireMessage *m)
{
    Session *c = s->c;
    const Claim *claim = NULL;

    for (guint i = 0; i < claims_kept(c); i++)
        if (c->claims[i].nr == m->nr)
            claim = &c->claims[i];
    if (!claim)
        return;
    step_heard(s, m);
    if (claim->start.magic == c->last_claim->start.magic)
        claim = c->last_claim;
    if (claim != c->last_claim && c->answered)
        return;
    c->answered = claim;
    c->facts.page_size = m->info;
    c->timer = claim == c->last_claim ? s->now : mono_add(s->now, DOUBT);
    if (claim != c->last_claim)
        ask_for_claim(s, c->last_claim);
}

void dump_check_called(Step *s)
{
    Session *c = s->c;

    if (c->facts.state != SESSION_CALLED || !c->answered || mono_before(s->now, c->timer))
        return;
    c->facts.start = c->answered->start;
    requests_drop(&c->asks, WIRE_CMD_GET_PAGE_SIZE);
    dump_begin_asking(s);
}

static gboolean page_size_ok(guint32 size)
{
    return size >= WIRE_PAGE_SIZE_MIN && size <= WIRE_PAGE_SIZE_MAX && (size & (size - 1)) == 0;
}

static void check_space(Step *s)
{
    const SessionFacts *f = &s->c->facts;

    step_enter(s, SESSION_PREPARING);
    step_emit(s,
              (Action){.kind = ACTION_CHECK_SPACE, .bytes = (guint64)f->ram_pages * f->page_size});
}

/* Everything that ASKING waits for is here. */
static void asked_all(Step *s)
{
    SessionFacts *f = &s->c->facts;

    /* The oldest clients tell the highest pfn here. */
    if (f->ram_pages == 0 || f->ram_pages > f->nr_pages || f->start.oldest)
        f->ram_pages = f->nr_pages;
    if (!f->resumed)
        step_note(s, NOTE_CRASHED);
    if (!wire_machine_known(f->start.machine))
        end_give_up(s, REASON_MACHINE);
    else if (!page_size_ok(f->page_size))
        end_give_up(s, REASON_PAGE_SIZE);
    else if (f->nr_pages == 0)
        end_give_up(s, REASON_NO_PAGES);
    else if (!s->c->slot)
        end_give_up(s, REASON_OVER_LIMIT);
    else
        check_space(s);
}

void dump_check_asking(Step *s)
{
    Session *c = s->c;

    if (c->facts.state == SESSION_ASKING && c->slot_known && c->dir &&
        !requests_is_open(&c->asks, WIRE_CMD_GET_PAGE_SIZE) &&
        !requests_is_open(&c->asks, WIRE_CMD_GET_NR_PAGES) &&
        !requests_is_open(&c->asks, WIRE_CMD_GET_REGS) &&
        !requests_is_open(&c->asks, WIRE_CMD_GET_DATA))
        asked_all(s);
}

/* The machine has answered: it is really there. */
void dump_begin_asking(Step *s)
{
    step_enter(s, SESSION_ASKING);
    step_emit_plain(s, ACTION_TAKE_SLOT);
    if (!s->c->dir)
        step_emit_plain(s, ACTION_OPEN_DIR);
    if (s->c->facts.resumed)
        step_ask(s, WIRE_CMD_GET_PAGE_SIZE);
    step_ask(s, WIRE_CMD_GET_NR_PAGES);
    step_ask(s, WIRE_CMD_GET_REGS);
    ask_kernel(s);
}

void dump_found_again(Step *s)
{
    if (s->c->facts.dumps)
        step_ask(s, WIRE_CMD_GET_REGS);
    else
        dump_begin_asking(s);
}

void dump_go_on(Step *s, gboolean same)
{
    s->c->same = same;
    if (!same)
        end_give_up(s, REASON_RECRASHED);
    else if (s->c->file)
        dump_begin(s);
}

void dump_on_dir(Step *s, int err)
{
    Session *c = s->c;

    if (err == 0) {
        c->dir = TRUE;
        step_journal(s, FALSE);
        step_run_hook(s, SESSION_HOOK_CRASH);
        return;
    }
    if (c->facts.state != SESSION_ASKING)
        return;
    c->facts.disk_errno = err;
    step_note(s, NOTE_DISK_FAILED);
    if (c->tried_again)
        end_give_up(s, REASON_DISK);
    else
        step_run_hook(s, SESSION_HOOK_NOSPACE);
}

void dump_on_space(Step *s, gboolean enough)
{
    Session *c = s->c;

    if (c->facts.state != SESSION_PREPARING)
        return;
    if (enough) {
        /* A former server may have made the file, and had no time to write that down. */
        step_emit(s, (Action){.kind = ACTION_OPEN_VMCORE, .resume = c->facts.resumed});
        return;
    }
    step_note(s, NOTE_NO_SPACE);
    if (c->tried_again)
        end_give_up(s, REASON_NO_SPACE);
    else
        step_run_hook(s, SESSION_HOOK_NOSPACE);
}

/* -- DUMPING ------------------------------------------------------------------------------------
 */

void dump_begin(Step *s)
{
    Session *c = s->c;
    WindowSpec spec = {
        .first_pfn = c->facts.floor_written,
        .nr_pages = c->facts.nr_pages,
        .page_size = c->facts.page_size,
        .nr_first = c->spec.nr_seed,
        .max_in_flight = c->spec.max_in_flight,
    };

    step_enter(s, SESSION_DUMPING);
    step_note(s, c->facts.resumed ? NOTE_RESUMED : NOTE_DUMPING);
    c->window = window_new(&spec, &c->rtt);
    window_limit(c->window, c->limit);
    c->facts.first_request = s->now;
    c->journal_synced = s->now;
    step_journal(s, FALSE);
    step_info(s);
}

void dump_pump(Step *s)
{
    Session *c = s->c;

    if (c->facts.state != SESSION_DUMPING)
        return;
    if (!session_waits(c))
        c->heard = s->now;
    if (c->idle)
        step_measure(s);
    pages_ask(s);
    c->idle = !session_waits(c);
    /* What is whole may lie in a block that a hole in memory keeps from filling. When no page is
     * under way that could help, at the end or with the window full of such pages, push it out. */
    if (!c->flushed && window_all_whole(c->window)) {
        c->flushed = TRUE;
        step_emit_plain(s, ACTION_FLUSH);
    }
}

/* The journal keeps step with what is stored; the last page leads to the end of the dump. */
void dump_check_stored(Step *s)
{
    Session *c = s->c;

    c->facts.floor_written = window_floor(c->window);
    if (c->facts.state != SESSION_DUMPING)
        return;
    if (window_all_stored(c->window)) {
        c->facts.last_stored = s->now;
        step_note(s, NOTE_TRANSFERRED);
        c->facts.transferred = TRUE;
        step_journal(s, FALSE);
        end_finish(s, TRUE);
        end_begin(s);
        return;
    }
    if (c->facts.floor_written != c->journal_floor &&
        mono_diff(s->now, c->journal_synced) >= JOURNAL_SYNC)
        step_journal(s, TRUE);
    else if (c->facts.floor_written - c->journal_floor >= JOURNAL_BYTES / c->facts.page_size)
        step_journal(s, FALSE);
}

void dump_on_stored(Step *s, const guint32 *nrs, guint n)
{
    if (!s->c->window)
        return;
    for (guint i = 0; i < n; i++)
        window_stored(s->c->window, nrs[i]);
    if (n > 0)
        s->c->facts.last_stored = s->now;
}

void dump_on_vmcore(Step *s, int err, gboolean resumed)
{
    Session *c = s->c;

    if (c->facts.state != SESSION_PREPARING && c->facts.state != SESSION_RESUMING)
        return;
    if (err == EEXIST) { /* a former server got as far as renaming it */
        c->finished = c->facts.transferred = c->facts.over = TRUE;
        c->facts.result = RESULT_COMPLETE;
        step_note(s, NOTE_ENDED);
        end_begin(s);
        return;
    }
    if (err) {
        c->facts.disk_errno = err;
        end_give_up(s, REASON_DISK);
        return;
    }
    c->file = TRUE;
    c->facts.dumps = TRUE;
    if (!resumed) {
        c->facts.floor_written = c->facts.floor_synced = 0;
        c->facts.stored_before = 0;
    }
    if (c->facts.state == SESSION_PREPARING) {
        dump_begin(s);
    } else if (c->facts.transferred && resumed) {
        end_finish(s, TRUE);
        end_begin(s);
    } else if (c->facts.transferred) { /* the file is gone, but perhaps the machine is not */
        c->facts.transferred = FALSE;
        step_ask(s, WIRE_CMD_HELLO);
    } else if (c->same) {
        dump_begin(s);
    }
}

void dump_on_disk_failed(Step *s, int err, gboolean lost)
{
    Session *c = s->c;

    if (!c->file || c->finished || c->facts.result != RESULT_RUNNING ||
        (c->facts.state == SESSION_STALLED && !lost))
        return;
    c->facts.disk_errno = err;
    step_note(s, NOTE_DISK_FAILED);
    if (c->tried_again || lost) {
        end_give_up(s, REASON_DISK);
        return;
    }
    c->stalled_in = c->facts.state;
    step_enter(s, SESSION_STALLED);
    step_journal(s, FALSE);
    step_run_hook(s, SESSION_HOOK_NOSPACE);
}

static void once_more(Step *s)
{
    Session *c = s->c;

    c->tried_again = TRUE;
    step_note(s, NOTE_ONCE_MORE);
    if (c->facts.state == SESSION_ASKING) {
        step_emit_plain(s, ACTION_OPEN_DIR);
    } else if (c->facts.state == SESSION_PREPARING) {
        check_space(s);
    } else {
        step_emit_plain(s, ACTION_RETRY);
        step_enter(s, c->stalled_in);
        c->heard = s->now;
        if (c->window)
            window_restart(c->window);
        if (c->facts.state == SESSION_ENDING)
            c->timer = s->now;
        if (c->facts.state == SESSION_RESUMING) /* an answer may have come in STALLED */
            step_ask(s, WIRE_CMD_HELLO);
    }
}

void dump_on_nospace(Step *s, gboolean try_again)
{
    SessionState state = s->c->facts.state;

    if (state != SESSION_ASKING && state != SESSION_PREPARING && state != SESSION_STALLED)
        return;
    if (try_again && !s->c->tried_again)
        once_more(s);
    else
        end_give_up(s, state == SESSION_PREPARING ? REASON_NO_SPACE : REASON_DISK);
}
