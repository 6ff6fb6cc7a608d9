/* fuzz-client.c - a script of events for one client: time, packets (as they should be, nearly so,
 * or any bytes), what disk and hooks say, a server that ends and comes back.
 *
 * However the script goes on, each action must make sense, time must go on, and once the world
 * gives in (the disk works, the machine says no more) the client must come to its end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define ASKED_MAX  1024
#define ROUNDS_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const guint8 *at, *end;
} In;

typedef struct {
    In in;
    Session *c;
    Mono now;
    guint limit;
    GArray *actions;
    WireRequest asked[ASKED_MAX]; /* requests, the oldest first; the machine may answer them */
    guint n_asked;
    guint32 whole[WINDOW_AHEAD + 1]; /* nrs of pages that the disk has not stored yet */
    guint n_whole;
    gboolean wants_slot, wants_dir, wants_space, wants_vmcore, wants_finished, wants_hook[3];
    gboolean dir, file, stopped, finished, partial;
    SessionFacts journal;
    gboolean journaled, over;
} World;

static void must(gboolean right)
{
    if (!right)
        __builtin_trap();
}

static guint8 take8(In *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* Small, large, or anything. */
static guint32 take32(In *in)
{
    guint8 how = take8(in);
    guint32 v = 0;

    if (how < 128)
        return how;
    if (how < 192)
        return (guint32)take8(in) << (how & 31);
    for (guint i = 0; i < 4; i++)
        v = v << 8 | take8(in);
    return v;
}

/* -- actions ------------------------------------------------------------------------------------
 */

static void on_send(World *w, const WireRequest *r)
{
    const SessionFacts *f = session_facts(w->c);
    guint32 n = r->command == WIRE_CMD_SEND_RUN ? r->to : 1;

    if (r->command == WIRE_CMD_SEND_MEM || r->command == WIRE_CMD_SEND_RUN)
        must(n >= 1 && n <= WIRE_RUN_MAX && (guint64)r->from + n <= f->nr_pages);
    if (w->n_asked == ASKED_MAX)
        memmove(w->asked, w->asked + 1, --w->n_asked * sizeof *w->asked);
    w->asked[w->n_asked++] = *r;
}

static void on_store(World *w, const Action *a)
{
    const SessionFacts *f = session_facts(w->c);

    must(w->file && !w->finished && a->data && a->len == WIRE_CHUNK_SIZE);
    must(a->chunk.pfn < f->nr_pages && a->chunk.offset % WIRE_CHUNK_SIZE == 0);
    must(a->chunk.offset + a->len <= f->page_size);
    if (!a->chunk.whole)
        return;
    must(w->n_whole < WINDOW_AHEAD);
    w->whole[w->n_whole++] = a->chunk.nr;
}

static void on_finish(World *w, gboolean whole)
{
    must(w->file && !(w->finished && whole));
    w->finished = TRUE;
    w->partial = !whole;
    w->wants_finished = TRUE;
    w->stopped = FALSE;
}

static void on_journal(World *w)
{
    must(w->dir);
    w->journal = *session_facts(w->c);
    w->journal.kernel = NULL;
    w->journal.transferred = w->journal.transferred && w->journal.dumps;
    w->over = session_is_over(&w->journal);
    w->journaled = TRUE;
}

static void on_action(World *w, const Action *a)
{
    switch (a->kind) {
    case ACTION_SEND:
        on_send(w, &a->request);
        break;
    case ACTION_TAKE_SLOT:
        w->wants_slot = TRUE;
        break;
    case ACTION_OPEN_DIR:
        must(!w->dir);
        w->wants_dir = TRUE;
        break;
    case ACTION_CHECK_SPACE:
        must(w->dir);
        w->wants_space = TRUE;
        break;
    case ACTION_OPEN_VMCORE:
        must(w->dir && !w->file && !w->wants_vmcore);
        w->wants_vmcore = TRUE;
        break;
    case ACTION_STORE_CHUNK:
        on_store(w, a);
        break;
    case ACTION_FLUSH:
        must(w->file && !w->finished);
        break;
    case ACTION_RETRY:
        must(w->file && w->stopped);
        w->stopped = FALSE;
        break;
    case ACTION_FINISH:
        on_finish(w, a->whole);
        break;
    case ACTION_JOURNAL:
        on_journal(w);
        break;
    case ACTION_INFO:
        must(w->dir);
        break;
    case ACTION_LOG_TEXT:
        must(w->dir && a->data && a->len > 0);
        break;
    case ACTION_RUN_HOOK:
        must(!w->wants_hook[a->hook]);
        w->wants_hook[a->hook] = TRUE;
        break;
    case ACTION_NOTE:
        break;
    case ACTION_CLOSE:
        must(session_facts(w->c)->state == SESSION_CLOSED);
        break;
    }
}

static void step(World *w, Event event)
{
    const SessionFacts *f = session_facts(w->c);

    if (f->state == SESSION_CLOSED)
        return;
    g_array_set_size(w->actions, 0);
    session_step(w->c, w->now, &event, w->actions);
    must(w->actions->len <= 2 * WINDOW_MAX && f->pages.in_flight <= WINDOW_MAX);
    for (guint i = 0; i < w->actions->len; i++) {
        const Action *a = &g_array_index(w->actions, Action, i);

        must(a->client == f->id);
        must(a->kind != ACTION_CLOSE || i + 1 == w->actions->len);
        on_action(w, a);
    }
    must(f->floor_synced <= f->floor_written);
    must(!f->dumps || f->floor_written <= f->nr_pages);
    must(f->regs_len <= SESSION_REGS_MAX);
    if (event.kind == EVENT_TIMER)
        must(mono_before(w->now, session_deadline(w->c)));
}

/* -- what happens -------------------------------------------------------------------------------
 */

static void pass(World *w, Span span)
{
    Mono end = mono_add(w->now, span);

    for (guint i = 0; i < ROUNDS_MAX && !mono_before(end, session_deadline(w->c)); i++) {
        if (mono_before(w->now, session_deadline(w->c)))
            w->now = session_deadline(w->c);
        step(w, (Event){.kind = EVENT_TIMER});
    }
    w->now = end;
}

/* Everything that was asked of disk, hooks and table, in one go or one thing at a time. */
static gboolean outcome(World *w, guint which, guint8 how)
{
    int err = how & 1 ? ENOSPC : 0;

    if (which == 0 && w->wants_slot) {
        w->wants_slot = FALSE;
        step(w, (Event){.kind = EVENT_SLOT, .ok = !err});
    } else if (which == 1 && w->wants_dir) {
        w->wants_dir = FALSE;
        w->dir = !err;
        step(w, (Event){.kind = EVENT_DIR, .err = err});
    } else if (which == 2 && w->wants_space) {
        w->wants_space = FALSE;
        step(w, (Event){.kind = EVENT_SPACE, .ok = !err});
    } else if (which == 3 && w->wants_vmcore) {
        w->wants_vmcore = FALSE;
        err = err && (how & 2) ? EEXIST : err;
        w->file = !err;
        step(w, (Event){.kind = EVENT_VMCORE, .err = err, .ok = (how & 4) != 0});
    } else if (which == 4 && w->wants_finished && !w->stopped) {
        w->wants_finished = FALSE;
        step(w, (Event){.kind = EVENT_FINISHED, .err = err});
    } else if (which >= 5 && which < 8 && w->wants_hook[which - 5]) {
        w->wants_hook[which - 5] = FALSE;
        step(w,
             (Event){.kind = EVENT_HOOK, .hook = (SessionHook)(which - 5), .ok = (how & 1) != 0});
    } else {
        return FALSE;
    }
    return TRUE;
}

static void stored(World *w, guint n)
{
    guint32 nrs[WINDOW_AHEAD + 1];

    if (w->stopped)
        return;
    n = MIN(n, w->n_whole);
    memcpy(nrs, w->whole, n * sizeof *nrs);
    w->n_whole -= n;
    memmove(w->whole, w->whole + n, w->n_whole * sizeof *nrs);
    step(w, (Event){.kind = EVENT_STORED, .nrs = nrs, .n = n});
}

static void packet(World *w, WireMessage m)
{
    step(w, (Event){.kind = EVENT_PACKET, .packet = &m});
}

static void start(World *w)
{
    WireMessage m = {.kind = WIRE_MSG_START, .version = 4};

    m.start = (WireStart){.machine = take8(&w->in) & 1 ? WIRE_MACHINE_X86_64 : take32(&w->in),
                          .magic = take8(&w->in) & 3,
                          .task = take8(&w->in) & 1,
                          .extensions = take8(&w->in),
                          .vmcoreinfo = take8(&w->in)};
    packet(w, m);
}

static void answer_page(World *w, guint32 nr, guint8 how)
{
    static const guint8 chunk[WIRE_CHUNK_SIZE];
    guint32 page_size = session_facts(w->c)->page_size;

    if (how & 1) {
        packet(w, (WireMessage){.kind = how & 2 ? WIRE_MSG_ZERO : WIRE_MSG_RESERVED,
                                .version = 5,
                                .nr = nr,
                                .info = take32(&w->in)});
        return;
    }
    for (guint32 offset = 0; offset < page_size; offset += WIRE_CHUNK_SIZE)
        packet(w, (WireMessage){.kind = WIRE_MSG_MEM,
                                .version = 5,
                                .nr = nr,
                                .info = offset,
                                .data = chunk,
                                .len = sizeof chunk});
}

/* As the machine answers the oldest request, or nearly so. */
static void answer(World *w, guint8 how)
{
    static const guint8 bytes[256];
    static const struct {
        WireCommand command;
        WireKind kind;
    } kinds[] = {{WIRE_CMD_HELLO, WIRE_MSG_HELLO},
                 {WIRE_CMD_GET_NR_PAGES, WIRE_MSG_NR_PAGES},
                 {WIRE_CMD_GET_PAGE_SIZE, WIRE_MSG_PAGE_SIZE},
                 {WIRE_CMD_GET_REGS, WIRE_MSG_REGS},
                 {WIRE_CMD_SHOW_STATE, WIRE_MSG_SHOW_STATE},
                 {WIRE_CMD_GET_DATA, WIRE_MSG_DATA}};
    WireRequest r;

    if (w->n_asked == 0)
        return;
    r = w->asked[0];
    memmove(w->asked, w->asked + 1, --w->n_asked * sizeof *w->asked);
    if (r.command == WIRE_CMD_SEND_MEM || r.command == WIRE_CMD_SEND_RUN)
        for (guint32 i = 0; i < (r.command == WIRE_CMD_SEND_RUN ? r.to : 1); i++)
            answer_page(w, r.nr + i, how);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        WireMessage m = {.kind = kinds[i].kind, .version = 5, .nr = r.nr, .info = take32(&w->in)};

        if (kinds[i].command != r.command)
            continue;
        if (r.command == WIRE_CMD_GET_PAGE_SIZE && !(how & 4))
            m.info = 4096u << (how & 3);
        if (r.command == WIRE_CMD_GET_REGS || r.command == WIRE_CMD_GET_DATA) {
            m.data = bytes;
            m.len = take8(&w->in);
        }
        packet(w, m);
    }
}

static void raw_packet(World *w)
{
    gsize want = (gsize)take8(&w->in) * 8;
    gsize len = MIN(want, (gsize)(w->in.end - w->in.at));
    g_autofree guint8 *datagram = g_malloc(MAX(len, 1));
    WireMessage m;

    memcpy(datagram, w->in.at, len);
    w->in.at += len;
    if (wire_parse(datagram, len, &m) == WIRE_OK)
        packet(w, m);
}

/* A well-formed packet with an nr that was asked, if there is one. */
static void any_packet(World *w)
{
    static const guint8 bytes[WIRE_CHUNK_SIZE];
    WireMessage m = {.kind = (WireKind)(take8(&w->in) % (WIRE_MSG_PACKED + 1)),
                     .version = 5,
                     .nr = take32(&w->in)};

    if (m.kind == WIRE_MSG_START)
        return;
    if (w->n_asked > 0 && m.nr < 128)
        m.nr = w->asked[m.nr % w->n_asked].nr;
    m.info = take32(&w->in);
    if (m.kind == WIRE_MSG_MEM)
        m.info = m.info * WIRE_CHUNK_SIZE % WIRE_PAGE_SIZE_MAX;
    if (m.kind == WIRE_MSG_PACKED) {
        m.size = WIRE_CHUNK_SIZE * (1 + m.info % 4);
        m.info = m.info / 4 * WIRE_CHUNK_SIZE % (WIRE_PAGE_SIZE_MAX - WIRE_PIECE_MAX);
    }
    m.data = bytes;
    m.len = m.kind == WIRE_MSG_MEM ? sizeof bytes : take8(&w->in) * 4;
    packet(w, m);
}

static void disk_fails(World *w, guint8 how)
{
    if (!w->file || w->partial || (w->stopped && how & 1))
        return; /* behind FINISH not whole what fails is left out */
    w->stopped = how & 1;
    step(w, (Event){.kind = EVENT_DISK_FAILED, .err = EIO, .ok = how & 1});
}

static SessionSpec spec_of(World *w)
{
    return (SessionSpec){.id = 1,
                         .nr_seed = take32(&w->in),
                         .client_timeout = SPAN_S(1 + take8(&w->in)),
                         .max_in_flight = 1 + take8(&w->in) % WINDOW_MAX};
}

/* The server ends, and another one goes on with what the journal says. */
static void restart(World *w, guint8 how)
{
    SessionSpec spec = spec_of(w);

    if (how & 1)
        step(w, (Event){.kind = EVENT_SHUTDOWN});
    if (!w->journaled)
        return;
    session_free(w->c);
    w->n_asked = w->n_whole = 0;
    w->wants_slot = w->wants_dir = w->wants_space = w->wants_vmcore = w->wants_finished = FALSE;
    memset(w->wants_hook, 0, sizeof w->wants_hook);
    w->file = w->stopped = w->finished = w->partial = FALSE;
    w->c = session_resume(&spec, &w->journal, w->over, w->now);
    session_limit(w->c, w->limit);
    step(w, (Event){.kind = EVENT_TIMER});
}

static void play(World *w)
{
    guint8 op = take8(&w->in);
    guint8 how = take8(&w->in);

    switch (op % 14) {
    case 0:
        pass(w, (Span)how * how * 100);
        break;
    case 1:
        pass(w, SPAN_S(how));
        break;
    case 2:
    case 3:
        answer(w, how);
        break;
    case 4:
        any_packet(w);
        break;
    case 5:
        raw_packet(w);
        break;
    case 6:
    case 7:
        outcome(w, how >> 4 & 7, how);
        break;
    case 8:
        stored(w, how);
        break;
    case 9:
        disk_fails(w, how);
        break;
    case 10:
        start(w);
        break;
    case 11:
        w->limit = how;
        session_limit(w->c, how);
        step(w, (Event){.kind = EVENT_TIMER});
        break;
    case 12:
        if (w->n_asked > 0)
            w->n_asked -= how % w->n_asked; /* lost */
        break;
    default:
        restart(w, how);
        break;
    }
}

/* The world gives in: whatever the client waits for comes, except the machine. */
static void give_in(World *w)
{
    session_limit(w->c, WINDOW_MAX);
    step(w, (Event){.kind = EVENT_TIMER});
    for (guint round = 0; round < ROUNDS_MAX; round++) {
        gboolean something = FALSE;

        if (session_facts(w->c)->state == SESSION_CLOSED)
            return;
        for (guint i = 0; i < 8; i++)
            something |= outcome(w, i, 0);
        if (w->n_whole > 0 && !w->stopped) {
            stored(w, w->n_whole);
            something = TRUE;
        }
        if (something)
            continue;
        must(session_deadline(w->c).us != G_MAXINT64);
        w->now = mono_before(w->now, session_deadline(w->c)) ? session_deadline(w->c) : w->now;
        step(w, (Event){.kind = EVENT_TIMER});
    }
    must(FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    World w = {.in = {data, data + size}, .now = {SPAN_S(100)}, .limit = WINDOW_MAX};
    SessionSpec spec = spec_of(&w);
    WireStart first = {
        .machine = WIRE_MACHINE_X86_64, .extensions = take8(&w.in), .vmcoreinfo = 99};
    WireMessage m = {.kind = WIRE_MSG_START, .version = 4, .start = first};

    w.actions = g_array_new(FALSE, FALSE, sizeof(Action));
    w.c = session_new(&spec, &first, w.now);
    packet(&w, m);
    for (guint i = 0; i < 2000 && w.in.at < w.in.end; i++)
        play(&w);
    give_in(&w);
    session_free(w.c);
    g_array_unref(w.actions);
    return 0;
}
