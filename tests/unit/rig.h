/* rig.h - one netdump session on a test bench: events go in, its actions can be looked at.
 *
 * What the client sends goes in as bytes, packed by wire-replies.h. Every step's actions are kept
 * in `last`; those of all steps since rig_clear() in `all`.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/congestion.h"
#include "core/netdump/netdump.h"
#include "core/netdump/session_internal.h"
#include "unit/wire-replies.h"

#include <errno.h>

#define RIG_SEED    0x80001000u
#define RIG_TIMEOUT SPAN_S(60)

typedef struct {
    Session *c;
    Mono now;
    GArray *last, *all; /* of Action */
} Rig;

static guint8 rig_chunk[WIRE_CHUNK_SIZE];
static guint8 rig_datagram[WIRE_MAX_SIZE]; /* the last one that went in */

static inline void rig_clear(Rig *r)
{
    g_array_set_size(r->all, 0);
}

static inline void rig_event(Rig *r, Event event)
{
    g_array_set_size(r->last, 0);
    r->c->ops->step(r->c, r->now, &event, r->last);
    if (r->last->len > 0)
        g_array_append_vals(r->all, r->last->data, r->last->len);
}

static inline Mono rig_deadline(Rig *r)
{
    return r->c->ops->deadline(r->c);
}

static inline void rig_limit(Rig *r, guint in_flight)
{
    r->c->ops->limit(r->c, in_flight);
}

static inline SessionSpec rig_spec(void)
{
    return (SessionSpec){.id = 7,
                         .random = RIG_SEED,
                         .client_timeout = RIG_TIMEOUT,
                         .max_in_flight = LIMIT_IN_FLIGHT};
}

static inline Rig rig_empty(void)
{
    return (Rig){.now = {SPAN_S(1000)},
                 .last = g_array_new(FALSE, FALSE, sizeof(Action)),
                 .all = g_array_new(FALSE, FALSE, sizeof(Action))};
}

static inline void rig_free(Rig *r)
{
    if (r->c)
        r->c->ops->free(r->c);
    if (r->last)
        g_array_unref(r->last);
    if (r->all)
        g_array_unref(r->all);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_free)

static inline const SessionFacts *rig_facts(const Rig *r)
{
    return &r->c->facts;
}

/* What only the protocol knows. */
static inline const Netdump *rig_netdump(const Rig *r)
{
    return (const Netdump *)r->c;
}

static inline const char *rig_state(const Rig *r)
{
    return rig_facts(r)->state;
}

static inline gboolean rig_is(const Rig *r, const char *state)
{
    return g_str_equal(rig_state(r), state);
}

/* Pages done, over all instances. */
static inline guint rig_done(const Rig *r)
{
    guint64 page_size = rig_netdump(r)->elf.page_size;

    return (guint)(rig_facts(r)->bytes_done / page_size);
}

/* -- what the client sends ----------------------------------------------------------------------
 */

/* len bytes of rig_datagram. */
static inline void rig_receive(Rig *r, gsize len)
{
    rig_event(r, (Event){.kind = EVENT_DATAGRAM, .data = rig_datagram, .len = len});
}

static inline void rig_reply(Rig *r, guint32 code, guint32 nr, guint32 info, gconstpointer payload,
                             gsize len)
{
    rig_receive(r, wire_reply(rig_datagram, code, nr, info, payload, len));
}

/* With a payload as most tests want it. */
static inline void rig_packet(Rig *r, guint32 code, guint32 nr, guint32 info)
{
    if (code == WIRE_CODE_MEM)
        rig_reply(r, code, nr, info, rig_chunk, sizeof rig_chunk);
    else if (code == WIRE_CODE_REGS)
        rig_receive(r, wire_reply_regs(rig_datagram, nr, info, rig_chunk, 216));
    else if (code == WIRE_CODE_LOG)
        rig_reply(r, code, nr, info, "text\n", 5);
    else
        rig_reply(r, code, nr, info, NULL, 0);
}

static inline WireStart rig_start_of(guint32 machine)
{
    return (WireStart){.machine = machine,
                       .task = 0x10001f5e000,
                       .page_offset = 0x10000000000,
                       .magic = 0x1122334455667788};
}

static inline void rig_send_start(Rig *r, const WireStart *start)
{
    rig_receive(r, wire_start(rig_datagram, start));
}

/* NEW: the first START was here, nothing is checked or recorded. */
static inline Rig rig_new(const SessionSpec *spec, const WireStart *start)
{
    Rig r = rig_empty();
    gsize len = wire_start(rig_datagram, start);

    r.c = netdump_session_ops.open(spec, rig_datagram, len, r.now);
    rig_receive(&r, len);
    return r;
}

/* CALLED: START is answered. */
static inline Rig rig_called(const WireStart *start)
{
    SessionSpec spec = rig_spec();
    Rig r = rig_new(&spec, start);

    g_assert_cmpuint(r.all->len, ==, 1);
    g_assert_cmpint(g_array_index(r.all, Action, 0).kind, ==, ACTION_RECORD);
    rig_clear(&r);
    rig_event(&r, (Event){.kind = EVENT_RECORDED});
    return r;
}

/* -- actions ------------------------------------------------------------------------------------
 */

static inline guint rig_count(const GArray *actions, ActionKind kind)
{
    guint n = 0;

    for (guint i = 0; i < actions->len; i++)
        n += g_array_index(actions, Action, i).kind == kind;
    return n;
}

/* The last one of its kind, NULL if there is none. */
static inline const Action *rig_find(const GArray *actions, ActionKind kind)
{
    for (guint i = actions->len; i > 0; i--)
        if (g_array_index(actions, Action, i - 1).kind == kind)
            return &g_array_index(actions, Action, i - 1);
    return NULL;
}

static inline WireRequest rig_request(const Action *action)
{
    WireRequest request;

    g_assert_cmpint(action->kind, ==, ACTION_SEND);
    g_assert_cmpuint(action->send.len, ==, WIRE_REQUEST_SIZE);
    g_assert_true(wire_parse_request(action->send.bytes, action->send.len, &request));
    return request;
}

static inline guint rig_count_sent(const GArray *actions, WireCommand command)
{
    guint n = 0;

    for (guint i = 0; i < actions->len; i++) {
        const Action *a = &g_array_index(actions, Action, i);

        n += a->kind == ACTION_SEND && rig_request(a).command == command;
    }
    return n;
}

/* The last request with this command; it must have been sent. */
static inline WireRequest rig_sent(const GArray *actions, WireCommand command)
{
    for (guint i = actions->len; i > 0; i--) {
        const Action *a = &g_array_index(actions, Action, i - 1);

        if (a->kind == ACTION_SEND && rig_request(a).command == command)
            return rig_request(a);
    }
    g_error("command %d was not sent", command);
}

static inline guint rig_noted(const GArray *actions, SessionNote note)
{
    guint n = 0;

    for (guint i = 0; i < actions->len; i++) {
        const Action *a = &g_array_index(actions, Action, i);

        n += a->kind == ACTION_NOTE && a->note == note;
    }
    return n;
}

static inline guint rig_hooked(const GArray *actions, SessionHook hook)
{
    guint n = 0;

    for (guint i = 0; i < actions->len; i++) {
        const Action *a = &g_array_index(actions, Action, i);

        n += a->kind == ACTION_RUN_HOOK && a->hook == hook;
    }
    return n;
}

/* The pfn and the place in the page of what is stored. */
static inline guint rig_store_pfn(const Rig *r, const Action *store)
{
    const SessionFile *file = &rig_facts(r)->file;

    g_assert_cmpuint(store->store.offset, >=, file->header_size);
    return (guint)((store->store.offset - file->header_size) / file->page_size);
}

static inline guint rig_store_at(const Rig *r, const Action *store)
{
    const SessionFile *file = &rig_facts(r)->file;

    return (guint)((store->store.offset - file->header_size) % file->page_size);
}

/* Space is to be checked: for so many bytes. */
static inline guint64 rig_needed(const Rig *r, const GArray *actions)
{
    g_assert_nonnull(rig_find(actions, ACTION_CHECK_SPACE));
    return rig_facts(r)->bytes_needed;
}

/* A number of its record, 0 = absent. */
static inline guint64 rig_recorded(const Rig *r, guint16 tag)
{
    TaggedWriter w = tagged_writer_new();
    TaggedReader fields;
    gsize used;
    guint64 value = 0;

    r->c->ops->record(r->c, &w);
    tagged_writer_seal(&w);
    g_assert_null(tagged_reader_init(&fields, w.bytes->data, w.bytes->len, &used));
    (void)tagged_number(&fields, tag, &value);
    tagged_writer_clear(&w);
    return value;
}

/* -- events -------------------------------------------------------------------------------------
 */

/* The reply to the last request with this command. */
static inline void rig_answer(Rig *r, WireCommand command, guint32 code, guint32 info)
{
    rig_packet(r, code, rig_sent(r->all, command).nr, info);
}

/* A whole page of 4 KiB. */
static inline void rig_page(Rig *r, guint32 nr)
{
    for (guint32 offset = 0; offset < 4096; offset += WIRE_CHUNK_SIZE)
        rig_packet(r, WIRE_CODE_MEM, nr, offset);
}

static inline void rig_stored(Rig *r, guint32 nr)
{
    rig_event(r, (Event){.kind = EVENT_STORED, .cookies = &nr, .n = 1});
}

/* It ran, and exited with 0 or with 1. */
static inline void rig_hook(Rig *r, SessionHook hook, gboolean again)
{
    rig_event(r, (Event){.kind = EVENT_HOOK,
                         .hook = hook,
                         .hook_end = HOOK_EXITED,
                         .hook_status = again ? 1 : 0});
}

/* Time goes by, with EVENT_TIMER whenever it is due. Each must move the deadline. */
static inline void rig_pass(Rig *r, Span span)
{
    Mono end = mono_add(r->now, span);

    while (!mono_before(end, rig_deadline(r))) {
        Mono deadline = rig_deadline(r);

        if (mono_before(r->now, deadline))
            r->now = deadline;
        rig_event(r, (Event){.kind = EVENT_TIMER});
        g_assert_true(mono_before(r->now, rig_deadline(r)));
    }
    r->now = end;
}

/* -- how far to go ------------------------------------------------------------------------------
 */

/* ASKING, everything answered but the slot. */
static inline Rig rig_asking(guint32 machine, guint32 page_size, guint32 pages)
{
    WireStart start = rig_start_of(machine);
    Rig r = rig_called(&start);

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE, page_size);
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES, pages);
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_CODE_REGS, pages);
    rig_event(&r, (Event){.kind = EVENT_DIR});
    return r;
}

static inline Rig rig_preparing(guint32 pages)
{
    Rig r = rig_asking(WIRE_MACHINE_X86_64, 4096, pages);

    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    g_assert_cmpstr(rig_state(&r), ==, "preparing");
    return r;
}

static inline Rig rig_dumping(guint32 pages)
{
    Rig r = rig_preparing(pages);

    rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_FILE});
    g_assert_cmpstr(rig_state(&r), ==, "dumping");
    return r;
}

/* ENDING: all pages stored, the file is being finished. */
static inline Rig rig_ending(void)
{
    Rig r = rig_dumping(1);

    rig_page(&r, RIG_SEED);
    rig_stored(&r, RIG_SEED);
    g_assert_cmpstr(rig_state(&r), ==, "ending");
    return r;
}

static inline Rig rig_rebooting(void)
{
    Rig r = rig_ending();

    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    rig_packet(&r, WIRE_CODE_LOG, 0, 0);
    rig_pass(&r, SPAN_S(1));
    g_assert_cmpstr(rig_state(&r), ==, "waiting");
    rig_hook(&r, SESSION_HOOK_REBOOT, FALSE);
    g_assert_cmpstr(rig_state(&r), ==, "rebooting");
    return r;
}
