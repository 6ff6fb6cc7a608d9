/* session_pages.c - the state machine asks for pages, and takes what comes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_internal.h"

#include "core/netdump/unpack.h"

/* Pages that a run should have, of those that may be in flight; with few of them, any. */
#define RUN_MIN(cwnd) MIN((cwnd) / 4, 16)

/* -- asking -------------------------------------------------------------------------------------
 */

/* Requests in a row, for a client that takes them in one. */
typedef struct {
    guint32 nr, pfn, n;
} Run;

static void send_run(Step *s, Run *run)
{
    if (run->n == 1)
        step_send(s, WIRE_CMD_SEND_MEM, run->nr, run->pfn);
    else if (run->n > 1)
        step_send_to(s, WIRE_CMD_SEND_RUN, run->nr, run->pfn, run->n);
    run->n = 0;
}

void pages_ask(Step *s)
{
    Session *c = s->c;
    guint max = ask_take_extensions(c) & WIRE_EXT_RUN ? WIRE_RUN_MAX : 1;
    WindowStats stats = window_stats(c->window);
    Run run = {0};
    guint32 nr, pfn;

    /* Not page by page as answers come: a run costs the crashed machine what one page costs. */
    if (max > 1 && stats.in_flight > 0 &&
        stats.cwnd - MIN(stats.cwnd, stats.in_flight) < RUN_MIN(stats.cwnd))
        return;
    while (window_next(c->window, s->now, &nr, &pfn)) {
        c->flushed = FALSE;
        if (run.n == max || nr != run.nr + run.n || pfn != run.pfn + run.n)
            send_run(s, &run);
        if (run.n++ == 0)
            run = (Run){nr, pfn, 1};
    }
    send_run(s, &run);
}

/* -- what comes ---------------------------------------------------------------------------------
 */

static void store_chunk(Step *s, const WireMessage *m, guint32 offset, const guint8 *data)
{
    guint32 pfn;
    ChunkVerdict verdict = window_chunk(s->c->window, s->now, m->nr, offset, &pfn);
    Action action = {
        .kind = ACTION_STORE_CHUNK,
        .chunk = {.offset = offset, .nr = m->nr, .whole = verdict == CHUNK_WHOLE},
        .data = data,
        .len = WIRE_CHUNK_SIZE,
    };

    if (verdict != CHUNK_FRESH && verdict != CHUNK_WHOLE)
        return;
    step_heard(s, m);
    s->c->got += verdict == CHUNK_WHOLE;
    action.chunk.pfn = pfn;
    step_emit(s, action);
}

void pages_on_mem(Step *s, const WireMessage *m)
{
    if (s->c->facts.state == SESSION_DUMPING)
        store_chunk(s, m, m->info, m->data);
}

void pages_on_packed(Step *s, const WireMessage *m)
{
    Session *c = s->c;
    const guint8 *data = m->data;

    if (c->facts.state != SESSION_DUMPING || m->info + m->size > c->facts.page_size)
        return;
    if (m->len != m->size) {
        if (!unpack(m->data, m->len, c->unpacked, m->size))
            return; /* a damaged datagram is a lost one */
        data = c->unpacked;
    }
    for (guint32 at = 0; at < m->size; at += WIRE_CHUNK_SIZE)
        store_chunk(s, m, m->info + at, data + at);
}

/* RESERVED names the next page of RAM, ERROR none. */
void pages_on_no_ram(Step *s, const WireMessage *m, guint32 next)
{
    Session *c = s->c;

    if (c->facts.state == SESSION_DUMPING && window_reserved(c->window, s->now, m->nr, next)) {
        c->got++;
        step_heard(s, m);
    }
}

void pages_on_zero(Step *s, const WireMessage *m)
{
    Session *c = s->c;

    if (c->facts.state == SESSION_DUMPING && window_zero(c->window, s->now, m->nr, m->info)) {
        c->got++;
        step_heard(s, m);
    }
}
