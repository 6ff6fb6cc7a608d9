/* push_protocol.c - a dump protocol of the tests: the client pushes blocks of 4 KiB.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/push_protocol.h"

#include <errno.h>
#include <string.h>

#define REPEAT_RECORD 64 /* blocks stored from one journal record to the next */

enum { PUSH_TAG_BYTES = TAG_TEST, PUSH_TAG_STORED, PUSH_TAG_END };

typedef enum {
    PUSH_NEW,
    PUSH_RECORDING, /* until the record of pending clients names it */
    PUSH_OPENING,   /* slot, directory, file */
    PUSH_RUNNING,
    PUSH_FINISHING,
    PUSH_OVER
} PushState;

typedef struct {
    Session session; /* first */
    PushState state;
    Span timeout;
    Mono heard;
    guint32 blocks, n_stored;
    gboolean resume; /* there may be a file of a previous instance */
    guint8 stored[PUSH_BLOCKS_MAX / 8];
} Push;

/* One step. */
typedef struct {
    Push *p;
    Mono now;
    GArray *actions;
} Step;

static void act(Step *s, Action action)
{
    action.client = s->p->session.facts.id;
    g_array_append_val(s->actions, action);
}

/* -- datagrams --------------------------------------------------------------------------------- */

static void put(guint8 *out, guint64 value, gsize n)
{
    for (gsize i = 0; i < n; i++)
        out[i] = (guint8)(value >> (8 * i));
}

static guint64 get(const guint8 *in, gsize n)
{
    guint64 value = 0;

    for (gsize i = 0; i < n; i++)
        value |= (guint64)in[i] << (8 * i);
    return value;
}

gsize push_pack(PushType type, guint32 number, const guint8 *payload, gsize len, guint8 *out)
{
    out[0] = 'P';
    out[1] = 'U';
    out[2] = (guint8)type;
    out[3] = 0;
    put(out + 4, number, 4);
    if (len > 0)
        memcpy(out + PUSH_HEADER, payload, len);
    return PUSH_HEADER + len;
}

gboolean push_parse(const guint8 *data, gsize len, PushType *type, guint32 *number)
{
    if (len < PUSH_HEADER || data[0] != 'P' || data[1] != 'U' || data[2] < PUSH_CALL ||
        data[2] > PUSH_DONE)
        return FALSE;
    *type = (PushType)data[2];
    *number = (guint32)get(data + 4, 4);
    return TRUE;
}

static gboolean good_size(guint64 bytes)
{
    return bytes > 0 && bytes % PUSH_BLOCK_SIZE == 0 && bytes / PUSH_BLOCK_SIZE <= PUSH_BLOCKS_MAX;
}

static void push_classify(const guint8 *data, gsize len, Intro *intro)
{
    PushType type;
    guint32 number;

    *intro = (Intro){.kind = INTRO_MALFORMED, .fault = DATAGRAM_BINARY};
    if (!push_parse(data, len, &type, &number)) {
        if (len > 0 && len <= PUSH_HEADER + PUSH_BLOCK_SIZE && data[0] >= ' ' && data[0] <= '~')
            *intro = (Intro){.kind = INTRO_TEXT,
                             .text = data,
                             .text_len = len,
                             .booted = len >= 4 && memcmp(data, "boot", 4) == 0};
    } else if (type != PUSH_CALL) {
        intro->kind = INTRO_STRAY;
    } else if (len == PUSH_HEADER + 8 && good_size(get(data + PUSH_HEADER, 8))) {
        intro->kind = INTRO_CALL;
    } else {
        intro->fault = DATAGRAM_PAYLOAD;
    }
}

static void ack(Step *s, PushType type, guint32 number)
{
    Action action = {.kind = ACTION_SEND};

    action.send.len = (guint8)push_pack(type, number, NULL, 0, action.send.bytes);
    act(s, action);
}

/* -- the course of a dump ---------------------------------------------------------------------- */

static void enter(Step *s, PushState state)
{
    static const struct {
        const char *name;
        SessionPhase phase;
    } rows[] = {
        [PUSH_NEW] = {"new", PHASE_UNPROVEN},
        [PUSH_RECORDING] = {"recording", PHASE_UNPROVEN},
        [PUSH_OPENING] = {"opening", PHASE_PREPARING},
        [PUSH_RUNNING] = {"running", PHASE_TRANSFERRING},
        [PUSH_FINISHING] = {"finishing", PHASE_FINISHING},
        [PUSH_OVER] = {"over", PHASE_CLOSED},
    };

    s->p->state = state;
    s->p->session.facts.state = rows[state].name;
    s->p->session.facts.phase = rows[state].phase;
}

static void end(Step *s, SessionResult result, SessionReason reason)
{
    s->p->session.facts.result = result;
    s->p->session.facts.reason = reason;
    act(s, (Action){.kind = ACTION_NOTE, .note = NOTE_ENDED});
}

static void close_session(Step *s, gboolean keep)
{
    enter(s, PUSH_OVER);
    act(s, (Action){.kind = ACTION_CLOSE, .keep = keep});
}

static void give_up(Step *s, SessionReason reason)
{
    SessionFacts *facts = &s->p->session.facts;

    end(s, facts->file_state == FILE_OPEN ? RESULT_INCOMPLETE : RESULT_NOT_DUMPED, reason);
    if (facts->file_state != FILE_OPEN) {
        close_session(s, FALSE);
        return;
    }
    enter(s, PUSH_FINISHING);
    facts->file_state = FILE_FINISHING;
    act(s, (Action){.kind = ACTION_FINISH, .whole = FALSE});
}

static void open_file(Step *s)
{
    s->p->session.facts.file_state = FILE_OPENING;
    act(s, (Action){.kind = ACTION_OPEN_FILE, .resume = s->p->resume});
}

/* A slot, and then a directory, unless a previous instance has made it. */
static void prepare(Step *s)
{
    enter(s, PUSH_OPENING);
    act(s, (Action){.kind = ACTION_TAKE_SLOT});
}

static void on_slot(Step *s, const Event *event)
{
    SessionFacts *facts = &s->p->session.facts;

    if (!event->ok) {
        give_up(s, REASON_OVER_LIMIT);
    } else if (facts->dir == DIR_OPEN) {
        open_file(s);
    } else {
        facts->dir = DIR_OPENING;
        act(s, (Action){.kind = ACTION_OPEN_DIR});
    }
}

static void on_dir(Step *s, const Event *event)
{
    SessionFacts *facts = &s->p->session.facts;

    facts->dir = event->err ? DIR_FAILED : DIR_OPEN;
    facts->disk_errno = event->err;
    if (event->err)
        give_up(s, REASON_DISK);
    else
        open_file(s);
}

static void on_file(Step *s, const Event *event)
{
    SessionFacts *facts = &s->p->session.facts;

    if (event->err == EEXIST) { /* killed between the end of the file and that of the journal */
        facts->file_state = FILE_DONE;
        end(s, RESULT_COMPLETE, REASON_NONE);
        ack(s, PUSH_DONE, 0);
        act(s, (Action){.kind = ACTION_INFO});
        close_session(s, FALSE);
        return;
    }
    if (event->err) {
        facts->file_state = FILE_NONE;
        facts->disk_errno = event->err;
        give_up(s, REASON_DISK);
        return;
    }
    if (s->p->resume && !event->ok) { /* a new one */
        memset(s->p->stored, 0, sizeof s->p->stored);
        s->p->n_stored = 0;
        facts->bytes_done = facts->bytes_before = 0;
    }
    facts->file_state = FILE_OPEN;
    facts->first_request = s->now;
    enter(s, PUSH_RUNNING);
    act(s, (Action){.kind = ACTION_NOTE, .note = NOTE_DUMPING});
    act(s, (Action){.kind = ACTION_JOURNAL});
    ack(s, PUSH_CALL, 0);
}

static gboolean has(const Push *p, guint32 block)
{
    return p->stored[block / 8] >> (block % 8) & 1;
}

static void on_block(Step *s, guint32 block, const guint8 *data)
{
    if (has(s->p, block)) {
        s->p->session.facts.counters.duplicate_bytes += PUSH_BLOCK_SIZE;
        ack(s, PUSH_BLOCK, block);
        return;
    }
    act(s, (Action){.kind = ACTION_STORE,
                    .store = {.offset = PUSH_FILE_HEADER + (guint64)block * PUSH_BLOCK_SIZE,
                              .data = data,
                              .len = PUSH_BLOCK_SIZE,
                              .cookie = block,
                              .last = TRUE}});
}

static void on_stored(Step *s, const Event *event)
{
    Push *p = s->p;
    SessionFacts *facts = &p->session.facts;

    for (guint i = 0; i < event->n; i++) {
        guint32 block = event->cookies[i];

        ack(s, PUSH_BLOCK, block);
        if (has(p, block))
            continue; /* it was repeated while the first one was under way */
        p->stored[block / 8] |= (guint8)(1 << block % 8);
        facts->counters.bytes_new += PUSH_BLOCK_SIZE;
        facts->bytes_done += PUSH_BLOCK_SIZE;
        facts->last_stored = s->now;
        if (++p->n_stored % REPEAT_RECORD == 0)
            act(s, (Action){.kind = ACTION_JOURNAL});
    }
}

static void on_done(Step *s)
{
    if (s->p->n_stored < s->p->blocks) {
        act(s, (Action){.kind = ACTION_FLUSH});
        return;
    }
    enter(s, PUSH_FINISHING);
    s->p->session.facts.file_state = FILE_FINISHING;
    act(s, (Action){.kind = ACTION_NOTE, .note = NOTE_TRANSFERRED});
    act(s, (Action){.kind = ACTION_FINISH, .whole = TRUE});
}

static void on_finished(Step *s, const Event *event)
{
    SessionFacts *facts = &s->p->session.facts;

    facts->file_state = FILE_DONE;
    if (facts->result == RESULT_RUNNING && event->err) {
        facts->disk_errno = event->err;
        end(s, RESULT_INCOMPLETE, REASON_DISK);
    } else if (facts->result == RESULT_RUNNING) {
        end(s, RESULT_COMPLETE, REASON_NONE);
        ack(s, PUSH_DONE, 0);
    }
    act(s, (Action){.kind = ACTION_INFO});
    close_session(s, FALSE);
}

/* -- events ------------------------------------------------------------------------------------ */

static void on_text(Step *s, const guint8 *text, gsize len, gboolean own_port)
{
    ActionKind kind = s->p->session.facts.dir == DIR_OPEN ? ACTION_LOG_TEXT : ACTION_CONSOLE_TEXT;

    if (kind == ACTION_LOG_TEXT || own_port)
        act(s, (Action){.kind = kind, .text = {text, len}});
}

static void on_datagram(Step *s, const Event *event)
{
    PushType type;
    guint32 number;
    Intro intro;

    push_classify(event->data, event->len, &intro);
    s->p->heard = s->now;
    if (intro.kind == INTRO_TEXT) {
        on_text(s, intro.text, intro.text_len, TRUE);
        if (intro.booted)
            act(s, (Action){.kind = ACTION_BOOTED});
    } else if (intro.kind == INTRO_MALFORMED ||
               !push_parse(event->data, event->len, &type, &number)) {
        act(s, (Action){.kind = ACTION_MALFORMED, .fault = intro.fault});
    } else if (type == PUSH_CALL && s->p->state == PUSH_NEW) {
        enter(s, PUSH_RECORDING);
        act(s, (Action){.kind = ACTION_RECORD});
    } else if (s->p->state != PUSH_RUNNING) {
        return; /* it sends again what is not acked */
    } else if (type == PUSH_CALL) {
        ack(s, PUSH_CALL, 0);
    } else if (type == PUSH_DONE) {
        on_done(s);
    } else if (number >= s->p->blocks || event->len != PUSH_HEADER + PUSH_BLOCK_SIZE) {
        act(s, (Action){.kind = ACTION_MALFORMED, .fault = DATAGRAM_PAYLOAD});
    } else {
        on_block(s, number, event->data + PUSH_HEADER);
    }
}

static void on_timer(Step *s)
{
    if (s->p->state == PUSH_NEW) /* restored */
        prepare(s);
    else if (mono_diff(s->now, s->p->heard) >= s->p->timeout && s->p->state == PUSH_RUNNING)
        give_up(s, REASON_SILENT);
}

static void on_shutdown(Step *s)
{
    if (s->p->session.facts.dir == DIR_OPEN)
        act(s, (Action){.kind = ACTION_JOURNAL, .journal = {.sync = TRUE}});
    s->p->session.facts.result = RESULT_INTERRUPTED;
    close_session(s, TRUE);
}

static void push_step(Session *session, Mono now, const Event *event, GArray *actions)
{
    Step s = {(Push *)session, now, actions};

    switch (event->kind) {
    case EVENT_DATAGRAM:
        on_datagram(&s, event);
        break;
    case EVENT_TEXT:
        on_text(&s, event->data, event->len, FALSE);
        break;
    case EVENT_TIMER:
        on_timer(&s);
        break;
    case EVENT_RECORDED:
        if (s.p->state == PUSH_RECORDING)
            prepare(&s);
        break;
    case EVENT_SLOT:
        on_slot(&s, event);
        break;
    case EVENT_DIR:
        on_dir(&s, event);
        break;
    case EVENT_FILE:
        on_file(&s, event);
        break;
    case EVENT_STORED:
        on_stored(&s, event);
        break;
    case EVENT_FINISHED:
        on_finished(&s, event);
        break;
    case EVENT_DISK_FAILED:
        session->facts.disk_errno = event->err;
        if (s.p->state == PUSH_RUNNING)
            give_up(&s, REASON_DISK);
        break;
    case EVENT_SHUTDOWN:
        on_shutdown(&s);
        break;
    default:
        break;
    }
}

/* -- life -------------------------------------------------------------------------------------- */

static Push *new_push(const SessionSpec *spec, guint64 bytes, Mono now)
{
    Push *p = g_new0(Push, 1);

    p->session.ops = &push_ops;
    p->session.facts = (SessionFacts){
        .id = spec->id,
        .state = "new",
        .system = "pusher",
        .file = {PUSH_FILE_HEADER, PUSH_BLOCK_SIZE, PUSH_FILE_HEADER + bytes},
        .bytes_total = bytes,
        .bytes_needed = PUSH_FILE_HEADER + bytes,
        .first_request = MONO_NEVER,
        .last_stored = MONO_NEVER,
    };
    p->timeout = spec->client_timeout;
    p->heard = now;
    p->blocks = (guint32)(bytes / PUSH_BLOCK_SIZE);
    return p;
}

static Session *push_open(const SessionSpec *spec, const guint8 *data, G_GNUC_UNUSED gsize len,
                          Mono now)
{
    return &new_push(spec, get(data + PUSH_HEADER, 8), now)->session;
}

static Session *push_restore(const SessionSpec *spec, const SessionRemains *remains, Mono now,
                             const char **why)
{
    guint64 bytes = 0;
    gsize len = 0;
    const guint8 *stored = tagged_find(remains->fields, PUSH_TAG_STORED, &len);
    Push *p;

    if (!tagged_number(remains->fields, PUSH_TAG_BYTES, &bytes) || !good_size(bytes)) {
        *why = "no size";
        return NULL;
    }
    p = new_push(spec, bytes, now);
    p->session.facts.resumed = TRUE;
    if (!remains->dir)
        return &p->session;
    p->session.facts.dir = DIR_OPEN;
    p->resume = TRUE;
    if (!stored || len != sizeof p->stored)
        return &p->session;
    memcpy(p->stored, stored, len);
    for (guint32 i = 0; i < p->blocks; i++)
        p->n_stored += has(p, i) ? 1 : 0;
    p->session.facts.bytes_done = p->session.facts.bytes_before =
        (guint64)p->n_stored * PUSH_BLOCK_SIZE;
    return &p->session;
}

static void push_record(const Session *session, TaggedWriter *out)
{
    const Push *p = (const Push *)session;

    tagged_add_number(out, PUSH_TAG_BYTES, session->facts.bytes_total);
    tagged_add(out, PUSH_TAG_STORED, p->stored, sizeof p->stored);
}

static Mono push_deadline(Session *session)
{
    const Push *p = (const Push *)session;

    if (p->state == PUSH_NEW && session->facts.resumed)
        return p->heard;
    return p->state == PUSH_RUNNING ? mono_add(p->heard, p->timeout) : MONO_NEVER;
}

static void push_limit(G_GNUC_UNUSED Session *session, G_GNUC_UNUSED guint in_flight)
{
}

static void push_set_timeout(Session *session, Span timeout)
{
    ((Push *)session)->timeout = timeout;
}

static void push_header(const Session *session, gboolean partial, guint8 *out)
{
    memset(out, 0, PUSH_FILE_HEADER);
    memcpy(out, "PUSHDUMP", 8);
    put(out + 8, session->facts.bytes_total, 8);
    out[16] = partial ? 1 : 0;
}

static void push_describe(const Session *session, SessionDescribe fn, gpointer user)
{
    g_autofree char *blocks = g_strdup_printf("%u", ((const Push *)session)->blocks);

    fn(user, "blocks", blocks);
}

static void push_free(Session *session)
{
    g_free(session);
}

const SessionOps push_ops = {
    .name = "push",
    .datagram_max = PUSH_HEADER + PUSH_BLOCK_SIZE,
    .classify = push_classify,
    .open = push_open,
    .restore = push_restore,
    .step = push_step,
    .deadline = push_deadline,
    .limit = push_limit,
    .set_timeout = push_set_timeout,
    .record = push_record,
    .header = push_header,
    .describe = push_describe,
    .tags = {TAG_TEST, PUSH_TAG_END},
    .free = push_free,
};
