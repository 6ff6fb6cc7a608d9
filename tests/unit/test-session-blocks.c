/* test-session-blocks.c - a dump must go on when a hole keeps a block of pages from ever filling.
 *
 * The disk of this test stores a block of 32 pages when the last page of it is here, or when it is
 * told to flush, and at no other time: like vmcore.c where no other block needs the room.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/netdump.h"
#include "core/netdump/window.h"
#include "unit/wire-replies.h"

#define PAGES 2048u
#define BLOCK 32u
#define ID    7u

typedef struct {
    Session *client;
    GArray *actions;
    guint taken; /* actions that were carried out */
    Mono now;
    const gboolean *hole;
    guint held[PAGES / BLOCK]; /* whole pages in each block that are not stored */
    guint32 nrs[PAGES / BLOCK][BLOCK];
    guint asked, flushes;
    gboolean finished;
} World;

static void step(World *w, Event event)
{
    netdump_session_ops.step(w->client, w->now, &event, w->actions);
}

static void receive(World *w, const guint8 *datagram, gsize len)
{
    step(w, (Event){.kind = EVENT_DATAGRAM, .data = datagram, .len = len});
}

static void answer(World *w, const WireRequest *r, guint32 code, guint32 info, const guint8 *data,
                   gsize len)
{
    guint8 datagram[WIRE_MAX_SIZE];

    receive(w, datagram, wire_reply(datagram, code, r->nr, info, data, len));
}

static void answer_page(World *w, const WireRequest *r)
{
    static const guint8 chunk[WIRE_CHUNK_SIZE] = "page";

    w->asked++;
    g_assert_cmpuint(r->from, <, PAGES);
    if (w->hole[r->from]) {
        answer(w, r, WIRE_CODE_RESERVED, r->from + 1 < PAGES ? r->from + 1 : 0, NULL, 0);
        return;
    }
    for (guint32 offset = 0; offset < 4096; offset += WIRE_CHUNK_SIZE)
        answer(w, r, WIRE_CODE_MEM, offset, chunk, sizeof chunk);
}

static void on_request(World *w, const WireRequest *r)
{
    static const guint8 regs[216] = {1};
    guint8 datagram[WIRE_MAX_SIZE];

    w->now = mono_add(w->now, 100);
    if (r->command == WIRE_CMD_GET_PAGE_SIZE)
        answer(w, r, WIRE_CODE_PAGE_SIZE, 4096, NULL, 0);
    else if (r->command == WIRE_CMD_GET_NR_PAGES)
        answer(w, r, WIRE_CODE_NR_PAGES, PAGES, NULL, 0);
    else if (r->command == WIRE_CMD_GET_REGS)
        receive(w, datagram, wire_reply_regs(datagram, r->nr, PAGES, regs, sizeof regs));
    else if (r->command == WIRE_CMD_SEND_MEM)
        answer_page(w, r);
}

static void store_block(World *w, guint block)
{
    guint n = w->held[block];

    w->held[block] = 0;
    if (n > 0)
        step(w, (Event){.kind = EVENT_STORED, .cookies = w->nrs[block], .n = n});
}

static void on_chunk(World *w, const Action *a)
{
    const SessionFile *file = &w->client->facts.file;
    guint64 pfn = (a->store.offset - file->header_size) / file->page_size;
    guint block = (guint)(pfn / BLOCK);

    if (!a->store.last)
        return;
    w->nrs[block][w->held[block]++] = a->store.cookie;
    if (w->held[block] == BLOCK)
        store_block(w, block);
}

static void carry_out(World *w, const Action *a)
{
    WireRequest request;

    switch (a->kind) {
    case ACTION_SEND:
        g_assert_true(wire_parse_request(a->send.bytes, a->send.len, &request));
        on_request(w, &request);
        break;
    case ACTION_RECORD:
        step(w, (Event){.kind = EVENT_RECORDED});
        break;
    case ACTION_TAKE_SLOT:
        step(w, (Event){.kind = EVENT_SLOT, .ok = TRUE});
        break;
    case ACTION_OPEN_DIR:
        step(w, (Event){.kind = EVENT_DIR});
        break;
    case ACTION_CHECK_SPACE:
        step(w, (Event){.kind = EVENT_SPACE, .ok = TRUE});
        break;
    case ACTION_OPEN_FILE:
        step(w, (Event){.kind = EVENT_FILE});
        break;
    case ACTION_STORE:
        on_chunk(w, a);
        break;
    case ACTION_FLUSH:
        w->flushes++;
        for (guint block = 0; block < PAGES / BLOCK; block++)
            store_block(w, block);
        break;
    case ACTION_FINISH:
        g_assert_true(a->whole);
        w->finished = TRUE;
        break;
    default:
        break;
    }
}

/* Dump a machine with these holes until its pages are done or nothing goes on any more. */
static World dump(const gboolean *hole)
{
    static const WireStart start = {.machine = WIRE_MACHINE_X86_64, .page_offset = 1u << 30};
    SessionSpec spec = {
        .id = ID, .random = 1000, .client_timeout = SPAN_S(60), .max_in_flight = LIMIT_IN_FLIGHT};
    guint8 datagram[WIRE_MAX_SIZE];
    gsize len = wire_start(datagram, &start);
    World w = {.hole = hole, .now = {SPAN_S(1)}};

    w.client = netdump_session_ops.open(&spec, datagram, len, w.now);
    netdump_session_ops.limit(w.client, LIMIT_IN_FLIGHT);
    w.actions = g_array_new(FALSE, FALSE, sizeof(Action));
    receive(&w, datagram, len);
    while (!w.finished && w.taken < w.actions->len) {
        Action a = g_array_index(w.actions, Action, w.taken++);

        carry_out(&w, &a);
    }
    netdump_session_ops.free(w.client);
    g_array_unref(w.actions);
    return w;
}

static void test_no_hole(void)
{
    static const gboolean hole[PAGES];
    World w = dump(hole);

    g_assert_true(w.finished);
    g_assert_cmpuint(w.asked, ==, PAGES);
    /* Blocks are for the disk's good: as long as they fill, nobody flushes them. */
    g_assert_cmpuint(w.flushes, <=, 1);
}

static void test_one_hole(void)
{
    static gboolean hole[PAGES];
    World w;

    hole[159] = TRUE;
    w = dump(hole);
    g_assert_true(w.finished);
    g_assert_cmpuint(w.asked, ==, PAGES);
    g_assert_cmpuint(w.flushes, <=, 2);
}

/* No block ever fills. */
static void test_hole_in_each_block(void)
{
    static gboolean hole[PAGES];
    World w;

    for (guint pfn = 0; pfn < PAGES; pfn += BLOCK)
        hole[pfn] = TRUE;
    w = dump(hole);
    g_assert_true(w.finished);
    g_assert_cmpuint(w.asked, ==, PAGES);
    g_assert_cmpuint(w.flushes, <=, 1 + PAGES / (WINDOW_AHEAD / 2));
}

static void test_ends_in_hole(void)
{
    static gboolean hole[PAGES];
    World w;

    for (guint pfn = PAGES - 100; pfn < PAGES; pfn++)
        hole[pfn] = TRUE;
    w = dump(hole);
    g_assert_true(w.finished);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/blocks/no-hole", test_no_hole);
    g_test_add_func("/session/blocks/one-hole", test_one_hole);
    g_test_add_func("/session/blocks/hole-in-each-block", test_hole_in_each_block);
    g_test_add_func("/session/blocks/ends-in-hole", test_ends_in_hole);
    return g_test_run();
}
