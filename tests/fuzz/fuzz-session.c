/* fuzz-session.c - a script of events for one session: time, datagrams (as they should be, nearly
 * so, or any bytes), what disk and hooks say, a server that ends and is started again.
 *
 * However the script goes on, each action must make sense, time must go on, and once the world
 * gives in (the disk works, the client sends nothing more) the session must come to its end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/netdump.h"
#include "core/netdump/window.h"
#include "unit/wire-replies.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define SENT_MAX   1024
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
    WireRequest sent[SENT_MAX]; /* requests, the oldest first; the client may reply */
    guint n_sent;
    guint32 whole[WINDOW_AHEAD + 1]; /* nrs of pages that the disk has not stored yet */
    guint n_whole;
    gboolean wants_magic, wants_record, wants_slot, wants_dir, wants_space, wants_file;
    gboolean wants_finished, wants_hook[SESSION_HOOK_N];
    gboolean secure, dir, file, stopped, finished, partial;
    guint64 magic;        /* that is on file */
    TaggedWriter journal; /* bytes NULL: none yet */
} World;

static void must(gboolean right)
{
    if (!right)
        __builtin_trap();
}

static const SessionFacts *facts(const World *w)
{
    return &w->c->facts;
}

static gboolean is_closed(const World *w)
{
    return facts(w)->phase == PHASE_CLOSED;
}

static Mono deadline(World *w)
{
    return netdump_session_ops.deadline(w->c);
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

static void on_send(World *w, const Action *a)
{
    const SessionFacts *f = facts(w);
    WireRequest r;
    guint64 n;

    must(a->send.len == WIRE_REQUEST_SIZE && wire_parse_request(a->send.bytes, a->send.len, &r));
    n = r.command == WIRE_CMD_SEND_RUN ? r.to : 1;
    if (r.command == WIRE_CMD_SEND_MEM || r.command == WIRE_CMD_SEND_RUN)
        must(n >= 1 && n <= WIRE_RUN_MAX && (r.from + n) * f->file.page_size <= f->bytes_total);
    if (w->n_sent == SENT_MAX)
        memmove(w->sent, w->sent + 1, --w->n_sent * sizeof *w->sent);
    w->sent[w->n_sent++] = r;
}

static void on_store(World *w, const Action *a)
{
    const SessionFile *file = &facts(w)->file;

    must(w->file && !w->finished && a->store.data && a->store.len == WIRE_CHUNK_SIZE);
    must(a->store.offset >= file->header_size && a->store.offset % WIRE_CHUNK_SIZE == 0);
    must(a->store.offset + a->store.len <= file->size);
    if (!a->store.last)
        return;
    must(w->n_whole < WINDOW_AHEAD);
    w->whole[w->n_whole++] = a->store.cookie;
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
    tagged_writer_clear(&w->journal);
    w->journal = tagged_writer_new();
    netdump_session_ops.record(w->c, &w->journal);
    tagged_writer_seal(&w->journal);
}

/* The file's header fits and is always the same but for what says that it is partial. */
static void on_open_file(World *w)
{
    g_autofree guint8 *header = g_malloc(facts(w)->file.header_size);

    must(w->dir && !w->file && !w->wants_file);
    must(facts(w)->file.header_size <= LIMIT_HEADER);
    netdump_session_ops.header(w->c, TRUE, header);
    netdump_session_ops.header(w->c, FALSE, header);
    w->wants_file = TRUE;
}

static void on_action(World *w, const Action *a)
{
    switch (a->kind) {
    case ACTION_SEND:
        on_send(w, a);
        break;
    case ACTION_CHECK_MAGIC:
        must(w->secure && !w->wants_magic);
        w->wants_magic = TRUE;
        break;
    case ACTION_RECORD:
        must(!w->wants_record && !w->wants_magic);
        w->wants_record = TRUE;
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
    case ACTION_OPEN_FILE:
        on_open_file(w);
        break;
    case ACTION_STORE:
        on_store(w, a);
        break;
    case ACTION_FLUSH:
        must(w->file && !w->finished);
        break;
    case ACTION_RETRY:
        must(w->file); /* nothing has failed if there was only little space left */
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
        must(w->dir && a->text.data && a->text.len > 0);
        break;
    case ACTION_CONSOLE_TEXT:
        must(!w->dir && a->text.data && a->text.len > 0);
        break;
    case ACTION_MALFORMED:
        must(a->fault > DATAGRAM_OK && a->fault < DATAGRAM_N_FAULTS);
        break;
    case ACTION_RUN_HOOK:
        must(!w->wants_hook[a->hook]);
        w->wants_hook[a->hook] = TRUE;
        break;
    case ACTION_NOTE:
    case ACTION_BOOTED:
        break;
    case ACTION_CLOSE:
        must(is_closed(w));
        break;
    case ACTION_N:
        must(FALSE);
    }
}

static void step_once(World *w, Event event)
{
    const SessionFacts *f = facts(w);

    if (is_closed(w))
        return;
    g_array_set_size(w->actions, 0);
    netdump_session_ops.step(w->c, w->now, &event, w->actions);
    must(w->actions->len <= 2 * LIMIT_IN_FLIGHT && f->flow.in_flight <= LIMIT_IN_FLIGHT);
    for (guint i = 0; i < w->actions->len; i++) {
        const Action *a = &g_array_index(w->actions, Action, i);

        must(a->client == f->id);
        must(a->kind != ACTION_CLOSE || i + 1 == w->actions->len);
        on_action(w, a);
    }
    must(f->bytes_done <= f->bytes_total);
    must(f->phase < PHASE_N && f->result < RESULT_N && f->reason < REASON_N);
    if (event.kind == EVENT_TIMER)
        must(mono_before(w->now, deadline(w)));
}

/* Where the magic is of no interest START is recorded at once. */
static void step(World *w, Event event)
{
    step_once(w, event);
    if (!w->wants_record || w->secure)
        return;
    w->wants_record = FALSE;
    step_once(w, (Event){.kind = EVENT_RECORDED});
}

/* -- what happens -------------------------------------------------------------------------------
 */

static void pass(World *w, Span span)
{
    Mono end = mono_add(w->now, span);

    for (guint i = 0; i < ROUNDS_MAX && !mono_before(end, deadline(w)); i++) {
        if (mono_before(w->now, deadline(w)))
            w->now = deadline(w);
        step(w, (Event){.kind = EVENT_TIMER});
    }
    w->now = end;
}

/* Everything that was asked of disk, hooks and table, in one go or one thing at a time. */
static gboolean outcome(World *w, guint which, guint8 how)
{
    int err = how & 1 ? ENOSPC : 0;

    if (which == 0 && w->wants_magic) {
        w->wants_magic = FALSE;
        step(w, (Event){.kind = EVENT_MAGIC, .magic = w->magic, .err = how & 2 ? ENOENT : 0});
    } else if (which == 0 && w->wants_record) {
        w->wants_record = FALSE;
        step(w, (Event){.kind = EVENT_RECORDED});
    } else if (which == 0 && w->wants_slot) {
        w->wants_slot = FALSE;
        step(w, (Event){.kind = EVENT_SLOT, .ok = !err});
    } else if (which == 1 && w->wants_dir) {
        w->wants_dir = FALSE;
        w->dir = !err;
        step(w, (Event){.kind = EVENT_DIR, .err = err});
    } else if (which == 2 && w->wants_space) {
        w->wants_space = FALSE;
        step(w, (Event){.kind = EVENT_SPACE, .ok = !err});
    } else if (which == 3 && w->wants_file) {
        w->wants_file = FALSE;
        err = err && (how & 2) ? EEXIST : err;
        w->file = !err;
        step(w, (Event){.kind = EVENT_FILE, .err = err, .ok = (how & 4) != 0});
    } else if (which == 4 && w->wants_finished && !w->stopped) {
        w->wants_finished = FALSE;
        step(w, (Event){.kind = EVENT_FINISHED, .err = err});
    } else if (which >= 5 && which < 8 && w->wants_hook[which - 5]) {
        w->wants_hook[which - 5] = FALSE;
        step(w, (Event){.kind = EVENT_HOOK,
                        .hook = (SessionHook)(which - 5),
                        .hook_end = (HookEnd)(how >> 1 & 3),
                        .hook_status = how & 1});
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
    step(w, (Event){.kind = EVENT_STORED, .cookies = nrs, .n = n});
}

/* -- datagrams ----------------------------------------------------------------------------------
 */

/* As long as it is and no longer, so that ASan sees a byte more. */
static void receive(World *w, const guint8 *bytes, gsize len)
{
    g_autofree guint8 *datagram = g_malloc(MAX(len, 1));

    /* cppcheck-suppress uninitvar ; callers fill what they send */
    memcpy(datagram, bytes, len);
    step(w, (Event){.kind = EVENT_DATAGRAM, .data = datagram, .len = len});
}

static void reply(World *w, guint32 code, guint32 nr, guint32 info, gsize len)
{
    static const guint8 zeros[WIRE_CHUNK_SIZE];
    guint8 datagram[WIRE_MAX_SIZE];

    if (code == WIRE_CODE_REGS)
        receive(w, datagram, wire_reply_regs(datagram, nr, info, zeros, len));
    else
        receive(w, datagram, wire_reply(datagram, code, nr, info, zeros, len));
}

static void start(World *w)
{
    guint8 datagram[WIRE_MAX_SIZE];
    WireStart start = {.machine = take8(&w->in) & 1 ? WIRE_MACHINE_X86_64 : take32(&w->in)};

    start.magic = take8(&w->in) & 3;
    start.task = take8(&w->in) & 1;
    start.extensions = take8(&w->in);
    start.vmcoreinfo = take8(&w->in);
    receive(w, datagram, wire_start(datagram, &start));
}

static void answer_page(World *w, guint32 nr, guint8 how)
{
    guint32 page_size = facts(w)->file.page_size;

    if (how & 1) {
        reply(w, how & 2 ? WIRE_CODE_ZERO : WIRE_CODE_RESERVED, nr, take32(&w->in), 0);
        return;
    }
    for (guint32 offset = 0; offset < page_size; offset += WIRE_CHUNK_SIZE)
        reply(w, WIRE_CODE_MEM, nr, offset, WIRE_CHUNK_SIZE);
}

/* As the client replies to the oldest request, or nearly so. */
static void answer(World *w, guint8 how)
{
    static const struct {
        WireCommand command;
        guint32 code;
    } codes[] = {{WIRE_CMD_HELLO, WIRE_CODE_HELLO},
                 {WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES},
                 {WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE},
                 {WIRE_CMD_GET_REGS, WIRE_CODE_REGS},
                 {WIRE_CMD_SHOW_STATE, WIRE_CODE_SHOW_STATE},
                 {WIRE_CMD_GET_DATA, WIRE_CODE_DATA}};
    WireRequest r;

    if (w->n_sent == 0)
        return;
    r = w->sent[0];
    memmove(w->sent, w->sent + 1, --w->n_sent * sizeof *w->sent);
    if (r.command == WIRE_CMD_SEND_MEM || r.command == WIRE_CMD_SEND_RUN)
        for (guint32 i = 0; i < (r.command == WIRE_CMD_SEND_RUN ? r.to : 1); i++)
            answer_page(w, r.nr + i, how);
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
        guint32 info = take32(&w->in);
        gsize len = 0;

        if (codes[i].command != r.command)
            continue;
        if (r.command == WIRE_CMD_GET_PAGE_SIZE && !(how & 4))
            info = 4096u << (how & 3);
        if (r.command == WIRE_CMD_GET_REGS || r.command == WIRE_CMD_GET_DATA)
            len = take8(&w->in);
        reply(w, codes[i].code, r.nr, info, len);
    }
}

static void raw_datagram(World *w)
{
    gsize want = (gsize)take8(&w->in) * 8;
    gsize len = MIN(want, (gsize)(w->in.end - w->in.at));
    const guint8 *bytes = w->in.at;

    w->in.at += len;
    receive(w, bytes, len);
}

/* A well-formed datagram with an nr that was sent, if there is one. */
static void any_reply(World *w)
{
    static const guint32 codes[] = {WIRE_CODE_LOG,        WIRE_CODE_START_NETDUMP, WIRE_CODE_MEM,
                                    WIRE_CODE_RESERVED,   WIRE_CODE_ERROR,         WIRE_CODE_HELLO,
                                    WIRE_CODE_NR_PAGES,   WIRE_CODE_PAGE_SIZE,     WIRE_CODE_REGS,
                                    WIRE_CODE_SHOW_STATE, WIRE_CODE_END_NETDUMP,   WIRE_CODE_DATA,
                                    WIRE_CODE_ZERO,       WIRE_CODE_PACKED};
    guint32 code = codes[take8(&w->in) % G_N_ELEMENTS(codes)];
    guint32 nr = take32(&w->in), info;
    gsize len;

    if (code == WIRE_CODE_START_NETDUMP)
        return;
    if (w->n_sent > 0 && nr < 128)
        nr = w->sent[nr % w->n_sent].nr;
    info = take32(&w->in);
    if (code == WIRE_CODE_MEM)
        info = info * WIRE_CHUNK_SIZE % LIMIT_PAGE_SIZE_MAX;
    if (code == WIRE_CODE_PACKED)
        info = (info / 4 * WIRE_CHUNK_SIZE % (LIMIT_PAGE_SIZE_MAX - WIRE_PIECE_MAX)) |
               (1 + info % 4) << 16;
    len = code == WIRE_CODE_MEM ? WIRE_CHUNK_SIZE : take8(&w->in) * 4u;
    reply(w, code, nr, info, MIN(len, code == WIRE_CODE_REGS ? 480u : WIRE_CHUNK_SIZE));
}

static void disk_fails(World *w, guint8 how)
{
    if (!w->file || w->partial || (w->stopped && how & 1))
        return; /* behind FINISH not whole what fails is left out */
    if (how & 2) {
        step(w, (Event){.kind = EVENT_SPACE_LOW});
        return;
    }
    w->stopped = how & 1;
    step(w, (Event){.kind = EVENT_DISK_FAILED, .err = EIO, .ok = how & 1});
}

static SessionSpec spec_of(World *w)
{
    SessionSpec spec = {.id = 1, .random = take32(&w->in)};
    guint8 window;

    spec.client_timeout = SPAN_S(1 + take8(&w->in));
    window = take8(&w->in);
    spec.max_in_flight = 1 + window % LIMIT_IN_FLIGHT;
    w->secure = spec.secure = window >= 128;
    return spec;
}

/* The server ends, and another one resumes what the journal says. */
static void restart(World *w, guint8 how)
{
    SessionSpec spec = spec_of(w);
    TaggedReader fields;
    SessionRemains remains = {.fields = &fields, .dir = TRUE};
    const char *why = NULL;
    gsize used;

    if (how & 1)
        step(w, (Event){.kind = EVENT_SHUTDOWN});
    if (!w->journal.bytes)
        return;
    netdump_session_ops.free(w->c);
    w->n_sent = w->n_whole = 0;
    w->wants_magic = w->wants_record = w->wants_slot = w->wants_dir = w->wants_space = FALSE;
    w->wants_file = w->wants_finished = FALSE;
    memset(w->wants_hook, 0, sizeof w->wants_hook);
    w->file = w->stopped = w->finished = w->partial = FALSE;
    w->dir = TRUE;
    must(!tagged_reader_init(&fields, w->journal.bytes->data, w->journal.bytes->len, &used));
    w->c = netdump_session_ops.restore(&spec, &remains, w->now, &why);
    must(w->c && !why);
    netdump_session_ops.limit(w->c, w->limit);
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
        any_reply(w);
        break;
    case 5:
        raw_datagram(w);
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
        netdump_session_ops.limit(w->c, how);
        step(w, (Event){.kind = EVENT_TIMER});
        break;
    case 12:
        if (w->n_sent > 0)
            w->n_sent -= how % w->n_sent; /* lost */
        break;
    default:
        restart(w, how);
        break;
    }
}

/* The world gives in: whatever the client waits for comes, except the client. */
static void give_in(World *w)
{
    netdump_session_ops.limit(w->c, LIMIT_IN_FLIGHT);
    step(w, (Event){.kind = EVENT_TIMER});
    for (guint round = 0; round < ROUNDS_MAX; round++) {
        gboolean something = FALSE;

        if (is_closed(w))
            return;
        for (guint i = 0; i < 8; i++)
            something |= outcome(w, i, 0);
        if (w->n_whole > 0 && !w->stopped) {
            stored(w, w->n_whole);
            something = TRUE;
        }
        if (something)
            continue;
        must(deadline(w).us != G_MAXINT64);
        w->now = mono_before(w->now, deadline(w)) ? deadline(w) : w->now;
        step(w, (Event){.kind = EVENT_TIMER});
    }
    must(FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    World w = {.in = {data, data + size}, .now = {SPAN_S(100)}, .limit = LIMIT_IN_FLIGHT};
    SessionSpec spec = spec_of(&w);
    WireStart first = {
        .machine = WIRE_MACHINE_X86_64, .extensions = take8(&w.in), .vmcoreinfo = 99};
    guint8 datagram[WIRE_MAX_SIZE];
    gsize len;

    w.magic = first.magic = w.secure ? 1 : 0;
    len = wire_start(datagram, &first);
    w.actions = g_array_new(FALSE, FALSE, sizeof(Action));
    w.c = netdump_session_ops.open(&spec, datagram, len, w.now);
    receive(&w, datagram, len);
    for (guint i = 0; i < 2000 && w.in.at < w.in.end; i++)
        play(&w);
    give_in(&w);
    netdump_session_ops.free(w.c);
    tagged_writer_clear(&w.journal);
    g_array_unref(w.actions);
    return 0;
}
