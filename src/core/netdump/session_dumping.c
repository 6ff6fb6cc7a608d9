/* session_dumping.c - DUMPING: requests pages and takes what comes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

#include <errno.h>
#include <lz4.h>

/* Pages that a run should have, of those that may be in flight; with few of them, any. */
#define RUN_MIN(cwnd) MIN((cwnd) / 4, 16)

#define JOURNAL_BYTES (4u << 20) /* what a killed server requests again at most, about */
#define JOURNAL_SYNC  SPAN_S(5)  /* and what a power cut costs */

void session_begin_dumping(Step *s)
{
    Netdump *n = s->n;
    Transfer *t = &n->transfer;
    WindowSpec spec = {
        .missing = g_steal_pointer(&t->missing),
        .page_size = n->elf.page_size,
        .nr_first = n->nr_first,
        .max_in_flight = n->spec.max_in_flight,
    };

    if (!spec.missing) {
        spec.missing = page_set_new();
        page_set_add(spec.missing, 0, n->elf.nr_pages);
    }
    session_enter(s, NETDUMP_DUMPING);
    session_note(s, n->base.facts.resumed ? NOTE_RESUMED : NOTE_DUMPING);
    t->window = window_new(&spec, &n->rtt);
    window_limit(t->window, n->limit);
    n->base.facts.first_request = s->now;
    t->synced = s->now;
    session_journal(s, FALSE);
    session_info(s);
}

/* -- requests -----------------------------------------------------------------------------------
 */

/* Requests in a row, for a client that takes them in one. */
typedef struct {
    guint32 nr, pfn, n;
} Run;

static void send_run(Step *s, Run *run)
{
    if (run->n == 1)
        session_send(s, WIRE_CMD_SEND_MEM, run->nr, run->pfn, 0);
    else if (run->n > 1)
        session_send(s, WIRE_CMD_SEND_RUN, run->nr, run->pfn, run->n);
    run->n = 0;
}

/* As many as may be in flight. */
static void request_pages(Step *s)
{
    Transfer *t = &s->n->transfer;
    guint max = s->n->start.extensions & WIRE_EXT_RUN ? WIRE_RUN_MAX : 1;
    Run run = {0};
    guint32 nr, pfn;

    if (max > 1) {
        WindowStats stats = window_stats(t->window);

        /* Not page by page as replies come: a run costs the client what one page costs. */
        if (stats.in_flight > 0 &&
            stats.cwnd - MIN(stats.cwnd, stats.in_flight) < RUN_MIN(stats.cwnd))
            return;
    }
    while (window_next(t->window, s->now, &nr, &pfn)) {
        t->gather = GATHERING;
        if (run.n == max || nr != run.nr + run.n || pfn != run.pfn + run.n)
            send_run(s, &run);
        if (run.n++ == 0)
            run = (Run){nr, pfn, 1};
    }
    send_run(s, &run);
}

static void pump(Step *s)
{
    Netdump *n = s->n;
    Transfer *t = &n->transfer;

    if (!session_awaits_reply(n))
        n->heard = s->now;
    if (t->flow == FLOW_IDLE)
        session_measure(s);
    request_pages(s);
    t->flow = session_awaits_reply(n) ? FLOW_BUSY : FLOW_IDLE;
    /* What is whole may lie in a block that a hole in memory keeps from filling. When no page is
     * in flight that could help, at the end or with the window full of such pages, push it out. */
    if (t->gather == GATHERING && window_all_whole(t->window)) {
        t->gather = FLUSHED;
        session_emit_kind(s, ACTION_FLUSH);
    }
}

/* -- replies ------------------------------------------------------------------------------------
 */

static void store_chunk(Step *s, const WireMessage *m, guint32 offset, const guint8 *data)
{
    Netdump *n = s->n;
    const SessionFile *file = &n->base.facts.file;
    guint32 pfn;
    ChunkVerdict verdict = window_chunk(n->transfer.window, s->now, m->nr, offset, &pfn);

    if (verdict != CHUNK_FRESH && verdict != CHUNK_WHOLE)
        return;
    session_heard(s, m);
    n->progress.pages += verdict == CHUNK_WHOLE;
    session_emit(
        s, (Action){.kind = ACTION_STORE,
                    .store = {.offset = file->header_size + (guint64)pfn * file->page_size + offset,
                              .data = data,
                              .len = WIRE_CHUNK_SIZE,
                              .cookie = m->nr,
                              .last = verdict == CHUNK_WHOLE}});
}

static void on_packed(Step *s, const WireMessage *m)
{
    Netdump *n = s->n;
    const guint8 *data = m->data;

    if (m->info + m->size > n->elf.page_size)
        return;
    if (m->len != m->size) {
        if (LZ4_decompress_safe((const char *)m->data, (char *)n->unpacked, (int)m->len,
                                (int)m->size) != (int)m->size)
            return; /* a damaged datagram is a lost one */
        data = n->unpacked;
    }
    for (guint32 at = 0; at < m->size; at += WIRE_CHUNK_SIZE)
        store_chunk(s, m, m->info + at, data + at);
}

/* A page of which there is nothing to store. */
static void passed(Step *s, const WireMessage *m, gboolean requested)
{
    if (!requested)
        return;
    s->n->progress.pages++;
    session_heard(s, m);
}

static void dumping_on_message(Step *s, const WireMessage *m)
{
    Window *w = s->n->transfer.window;

    switch (m->kind) {
    case WIRE_MSG_MEM:
        store_chunk(s, m, m->info, m->data);
        break;
    case WIRE_MSG_PACKED:
        on_packed(s, m);
        break;
    case WIRE_MSG_ZERO:
        passed(s, m, window_zero(w, s->now, m->nr, m->info));
        break;
    case WIRE_MSG_RESERVED: /* names the next page of RAM */
        passed(s, m, window_reserved(w, s->now, m->nr, m->info));
        break;
    case WIRE_MSG_ERROR:
        /* info 0 is for a page beyond the last one: no RAM, just this one. Else it names the
         * command that was not understood, so that it is sent again. */
        if (m->info == 0)
            passed(s, m, window_reserved(w, s->now, m->nr, 1));
        break;
    default:
        session_on_reply(s, m);
        break;
    }
}

/* -- what else happens --------------------------------------------------------------------------
 */

static void retried(G_GNUC_UNUSED Step *s)
{
}

static void dumping_on_done(Step *s, const Event *event)
{
    if (event->kind == EVENT_DISK_FAILED)
        session_stall(s, event->err, !event->ok, NETDUMP_DUMPING, retried);
    else if (event->kind == EVENT_SPACE_LOW) /* while there is room for what is under way */
        session_stall(s, ENOSPC, FALSE, NETDUMP_DUMPING, retried);
}

static void dumping_on_timer(Step *s)
{
    Window *w = s->n->transfer.window;

    if (!mono_before(s->now, window_deadline(w)))
        window_expire(w, s->now);
}

static void transferred(Step *s)
{
    Netdump *n = s->n;

    n->base.facts.last_stored = s->now;
    session_note(s, NOTE_TRANSFERRED);
    n->outcome = RECORD_TRANSFERRED;
    session_journal(s, FALSE);
    session_finish(s, TRUE);
    session_begin_ending(s);
}

/* The journal keeps step with what is stored; the last page leads to the end of the dump. */
static void dumping_settle(Step *s)
{
    Netdump *n = s->n;
    const Transfer *t = &n->transfer;
    guint64 done;

    if (window_all_stored(t->window)) {
        transferred(s);
        return;
    }
    done = session_pages_done(n);
    if (done != t->durable && mono_diff(s->now, t->synced) >= JOURNAL_SYNC)
        session_journal(s, TRUE);
    else if (done - t->journaled >= JOURNAL_BYTES / n->elf.page_size)
        session_journal(s, FALSE);
    pump(s);
}

static Mono dumping_deadline(const Netdump *n)
{
    return window_deadline(n->transfer.window);
}

const StateOps session_dumping = {
    .name = "dumping",
    .phase = PHASE_TRANSFERRING,
    .silence = REASON_SILENT,
    .on_message = dumping_on_message,
    .on_start = session_probe_restart,
    .on_timer = dumping_on_timer,
    .on_done = dumping_on_done,
    .settle = dumping_settle,
    .deadline = dumping_deadline,
};
