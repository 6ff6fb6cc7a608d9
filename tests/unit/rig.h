/* rig.h - one Session on a test bench: events go in, its actions can be looked at.
 *
 * Every step's actions are kept in `last`; those of all steps since rig_clear() in `all`.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/session.h"

#include <errno.h>
#include <string.h>

#define RIG_SEED    0x80001000u
#define RIG_TIMEOUT SPAN_S(60)

typedef struct {
    Session *c;
    Mono now;
    GArray *last, *all; /* of Action */
} Rig;

static guint8 rig_chunk[WIRE_CHUNK_SIZE];

static inline void rig_clear(Rig *r)
{
    g_array_set_size(r->all, 0);
}

static inline void rig_event(Rig *r, Event event)
{
    g_array_set_size(r->last, 0);
    session_step(r->c, r->now, &event, r->last);
    if (r->last->len > 0)
        g_array_append_vals(r->all, r->last->data, r->last->len);
}

static inline SessionSpec rig_spec(void)
{
    return (SessionSpec){
        .id = 7, .nr_seed = RIG_SEED, .client_timeout = RIG_TIMEOUT, .max_in_flight = WINDOW_MAX};
}

static inline Rig rig_empty(void)
{
    return (Rig){.now = {SPAN_S(1000)},
                 .last = g_array_new(FALSE, FALSE, sizeof(Action)),
                 .all = g_array_new(FALSE, FALSE, sizeof(Action))};
}

static inline void rig_free(Rig *r)
{
    session_free(r->c);
    g_array_unref(r->last);
    g_array_unref(r->all);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_free)

static inline WireStart rig_start_of(guint32 machine)
{
    return (WireStart){.machine = machine,
                       .task = 0x10001f5e000,
                       .page_offset = 0x10000000000,
                       .magic = 0x1122334455667788};
}

static inline void rig_send_start(Rig *r, const WireStart *start)
{
    WireMessage m = {.kind = WIRE_MSG_START, .version = 4, .start = *start};

    rig_event(r, (Event){.kind = EVENT_PACKET, .packet = &m});
}

/* CALLED: START was here. */
static inline Rig rig_called(const WireStart *start)
{
    Rig r = rig_empty();
    SessionSpec spec = rig_spec();

    r.c = session_new(&spec, start, r.now);
    rig_send_start(&r, start);
    return r;
}

static inline const SessionFacts *rig_facts(const Rig *r)
{
    return session_facts(r->c);
}

static inline SessionState rig_state(const Rig *r)
{
    return rig_facts(r)->state;
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

static inline guint rig_count_sent(const GArray *actions, WireCommand command)
{
    guint n = 0;

    for (guint i = 0; i < actions->len; i++) {
        const Action *a = &g_array_index(actions, Action, i);

        n += a->kind == ACTION_SEND && a->request.command == command;
    }
    return n;
}

/* The last request with this command; it must have been sent. */
static inline const WireRequest *rig_sent(const GArray *actions, WireCommand command)
{
    for (guint i = actions->len; i > 0; i--) {
        const Action *a = &g_array_index(actions, Action, i - 1);

        if (a->kind == ACTION_SEND && a->request.command == command)
            return &a->request;
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

/* -- events -------------------------------------------------------------------------------------
 */

static inline void rig_packet(Rig *r, WireKind kind, guint32 nr, guint32 info)
{
    WireMessage m = {.kind = kind, .version = 5, .nr = nr, .info = info};

    if (kind == WIRE_MSG_MEM) {
        m.data = rig_chunk;
        m.len = sizeof rig_chunk;
    } else if (kind == WIRE_MSG_REGS) {
        m.data = rig_chunk;
        m.len = 216;
    } else if (kind == WIRE_MSG_TEXT) {
        m.data = (const guint8 *)"text\n";
        m.len = 5;
    }
    rig_event(r, (Event){.kind = EVENT_PACKET, .packet = &m});
}

/* The answer to the last request with this command. */
static inline void rig_answer(Rig *r, WireCommand command, WireKind kind, guint32 info)
{
    rig_packet(r, kind, rig_sent(r->all, command)->nr, info);
}

/* A whole page of 4 KiB. */
static inline void rig_page(Rig *r, guint32 nr)
{
    for (guint32 offset = 0; offset < 4096; offset += WIRE_CHUNK_SIZE)
        rig_packet(r, WIRE_MSG_MEM, nr, offset);
}

static inline void rig_stored(Rig *r, guint32 nr)
{
    rig_event(r, (Event){.kind = EVENT_STORED, .nrs = &nr, .n = 1});
}

static inline void rig_hook(Rig *r, SessionHook hook, gboolean again)
{
    rig_event(r, (Event){.kind = EVENT_HOOK, .hook = hook, .ok = again});
}

/* Time goes by, with EVENT_TIMER whenever it is due. Each must move the deadline. */
static inline void rig_pass(Rig *r, Span span)
{
    Mono end = mono_add(r->now, span);

    while (!mono_before(end, session_deadline(r->c))) {
        Mono deadline = session_deadline(r->c);

        if (mono_before(r->now, deadline))
            r->now = deadline;
        rig_event(r, (Event){.kind = EVENT_TIMER});
        g_assert_true(mono_before(r->now, session_deadline(r->c)));
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

    rig_answer(&r, WIRE_CMD_GET_PAGE_SIZE, WIRE_MSG_PAGE_SIZE, page_size);
    rig_answer(&r, WIRE_CMD_GET_NR_PAGES, WIRE_MSG_NR_PAGES, pages);
    rig_answer(&r, WIRE_CMD_GET_REGS, WIRE_MSG_REGS, pages);
    rig_event(&r, (Event){.kind = EVENT_DIR});
    return r;
}

static inline Rig rig_preparing(guint32 pages)
{
    Rig r = rig_asking(WIRE_MACHINE_X86_64, 4096, pages);

    rig_event(&r, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    g_assert_cmpint(rig_state(&r), ==, SESSION_PREPARING);
    return r;
}

static inline Rig rig_dumping(guint32 pages)
{
    Rig r = rig_preparing(pages);

    rig_event(&r, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    rig_event(&r, (Event){.kind = EVENT_VMCORE});
    g_assert_cmpint(rig_state(&r), ==, SESSION_DUMPING);
    return r;
}

/* ENDING: all pages stored, the file is being finished. */
static inline Rig rig_ending(void)
{
    Rig r = rig_dumping(1);

    rig_page(&r, RIG_SEED);
    rig_stored(&r, RIG_SEED);
    g_assert_cmpint(rig_state(&r), ==, SESSION_ENDING);
    return r;
}

static inline Rig rig_rebooting(void)
{
    Rig r = rig_ending();

    rig_event(&r, (Event){.kind = EVENT_FINISHED});
    rig_packet(&r, WIRE_MSG_TEXT, 0, 0);
    rig_pass(&r, SPAN_S(1));
    g_assert_cmpint(rig_state(&r), ==, SESSION_WAITING);
    rig_hook(&r, SESSION_HOOK_REBOOT, FALSE);
    g_assert_cmpint(rig_state(&r), ==, SESSION_REBOOTING);
    return r;
}

/* What a journal says of a dump of 4 KiB pages. */
static inline SessionFacts rig_journal(guint32 pages, guint32 floor)
{
    SessionFacts f = {.start = rig_start_of(WIRE_MACHINE_X86_64),
                      .version = 5,
                      .dumps = TRUE,
                      .page_size = 4096,
                      .nr_pages = pages,
                      .ram_pages = pages,
                      .regs_len = 216,
                      .floor_written = floor,
                      .floor_synced = floor,
                      .next_nr = 0xffff0000,
                      .stored_before = floor};

    memset(f.regs, 0x5a, f.regs_len);
    return f;
}

static inline Rig rig_resumed(const SessionFacts *journal, gboolean rebooting)
{
    Rig r = rig_empty();
    SessionSpec spec = rig_spec();

    r.c = session_resume(&spec, journal, rebooting, r.now);
    g_assert_false(mono_before(r.now, session_deadline(r.c)));
    rig_event(&r, (Event){.kind = EVENT_TIMER});
    return r;
}
