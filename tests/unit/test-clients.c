/* test-clients.c - the table of clients: addresses, slots, room, and shares of the socket buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/clients.h"

#include "unit/rig.h"

typedef struct {
    Clients *clients;
    Mono now;
    GArray *actions;
    GPtrArray *grown;
} Table;

static Table table_new(guint max_dumps, gsize rcvbuf)
{
    ClientsLimits limits = {.max_dumps = max_dumps,
                            .max_in_flight = WINDOW_MAX,
                            .rcvbuf = rcvbuf,
                            .client_timeout = RIG_TIMEOUT};

    return (Table){.clients = clients_new(&limits),
                   .now = {SPAN_S(1)},
                   .actions = g_array_new(FALSE, FALSE, sizeof(Action)),
                   .grown = g_ptr_array_new()};
}

static void table_free(Table *t)
{
    clients_free(t->clients);
    g_array_unref(t->actions);
    g_ptr_array_unref(t->grown);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Table, table_free)

static NetAddr address(guint host, guint port)
{
    return (NetAddr){.family = NET_IPV4,
                     .port = (guint16)port,
                     .bytes = {10, (guint8)(host >> 16), (guint8)(host >> 8), (guint8)host}};
}

static ClientEntry *admit(Table *t, guint host, guint port)
{
    NetAddr peer = address(host, port);
    NetAddr local = address(0, 6688);
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);

    return clients_admit(t->clients, &peer, &local, &start, g_random_int(), t->now);
}

static void step(Table *t, ClientEntry *entry, Event event)
{
    g_array_set_size(t->actions, 0);
    session_step(entry->client, t->now, &event, t->actions);
}

static void answer(Table *t, ClientEntry *entry, WireCommand command, WireKind kind, guint32 info)
{
    WireMessage m = {
        .kind = kind, .version = 5, .nr = rig_sent(t->actions, command)->nr, .info = info};

    step(t, entry, (Event){.kind = EVENT_PACKET, .packet = &m});
}

/* Up to the point where only pages are missing. */
static ClientEntry *dump(Table *t, ClientEntry *entry, guint32 page_size)
{
    WireStart start = rig_start_of(WIRE_MACHINE_X86_64);
    WireMessage m = {.kind = WIRE_MSG_START, .start = start};
    guint32 regs;

    step(t, entry, (Event){.kind = EVENT_PACKET, .packet = &m});
    answer(t, entry, WIRE_CMD_GET_PAGE_SIZE, WIRE_MSG_PAGE_SIZE, page_size);
    regs = rig_sent(t->actions, WIRE_CMD_GET_REGS)->nr;
    answer(t, entry, WIRE_CMD_GET_NR_PAGES, WIRE_MSG_NR_PAGES, 1000);
    m = (WireMessage){.kind = WIRE_MSG_REGS, .nr = regs, .info = 1000};
    step(t, entry, (Event){.kind = EVENT_PACKET, .packet = &m});
    step(t, entry, (Event){.kind = EVENT_DIR});
    step(t, entry, (Event){.kind = EVENT_SLOT, .ok = TRUE});
    step(t, entry, (Event){.kind = EVENT_SPACE, .ok = TRUE});
    step(t, entry, (Event){.kind = EVENT_VMCORE});
    g_assert_cmpint(session_facts(entry->client)->state, ==, SESSION_DUMPING);
    return entry;
}

/* The machine at 10.0.0.host. */
static ClientEntry *dumping(Table *t, guint host, guint32 page_size)
{
    return dump(t, admit(t, host, 6666), page_size);
}

/* As the loop does it. Returns the number of entries that were given more. */
static guint balance(Table *t)
{
    clients_balance(t->clients, t->now, t->grown);
    for (guint i = 0; i < t->grown->len; i++)
        step(t, g_ptr_array_index(t->grown, i), (Event){.kind = EVENT_TIMER});
    return t->grown->len;
}

static guint flying(const ClientEntry *entry)
{
    return session_facts(entry->client)->pages.in_flight;
}

/* -- the table -----------------------------------------------------------------------------------
 */

static void test_addresses(void)
{
    g_auto(Table) t = table_new(4, 1 << 20);
    ClientEntry *a = admit(&t, 1, 6666);
    ClientEntry *b = admit(&t, 1, 6667); /* two machines behind one address */
    ClientEntry *c = admit(&t, 2, 6666);
    NetAddr peer = address(1, 6667);
    SessionFacts journal = rig_journal(10, 0);

    g_assert_cmpstr(a->host, ==, "10.0.0.1");
    g_assert_true(clients_find(t.clients, &peer) == b);
    g_assert_null(clients_readmit(t.clients, &peer, &peer, &journal, FALSE, g_random_int(), t.now));
    peer.port = 6668;
    g_assert_null(clients_find(t.clients, &peer));
    g_assert_true(clients_by_id(t.clients, a->id) == a);
    g_assert_true(clients_by_id(t.clients, c->id) == c);
    g_assert_null(clients_by_id(t.clients, 0));
    g_assert_null(clients_by_id(t.clients, c->id + 1));
    g_assert_true(clients_nth(t.clients, 1) == b);

    guint32 id = b->id;
    clients_remove(t.clients, b);
    g_assert_cmpuint(clients_count(t.clients), ==, 2);
    g_assert_null(clients_by_id(t.clients, id));
    b = admit(&t, 1, 6667);
    g_assert_cmpuint(b->id, >, c->id); /* never used twice */
    clients_remove(t.clients, a);
    clients_remove(t.clients, b);
    clients_remove(t.clients, c);
    g_assert_null(clients_by_id(t.clients, id));
    g_assert_cmpint(clients_deadline(t.clients).us, ==, G_MAXINT64);
}

/* Forged STARTs push out each other, never a machine that has answered. */
static void test_room_called(void)
{
    g_auto(Table) t = table_new(4, 1 << 20);
    ClientEntry *real = dumping(&t, 1, 4096);
    NetAddr peer = address(1, 6666);

    for (guint i = 0; i < 3 * CLIENTS_CALLED_MAX; i++) {
        g_assert_nonnull(admit(&t, 1000 + i, 6666));
        t.now = mono_add(t.now, CLIENTS_CALLED_LIFE / CLIENTS_CALLED_MAX + 1);
    }
    g_assert_true(clients_find(t.clients, &peer) == real);
    g_assert_cmpuint(clients_count(t.clients), ==, 1 + CLIENTS_CALLED_MAX);
    peer = address(1000, 6666);
    g_assert_null(clients_find(t.clients, &peer));
    peer = address(1000 + 3 * CLIENTS_CALLED_MAX - 1, 6666);
    g_assert_nonnull(clients_find(t.clients, &peer));

    /* They come faster: who has had an answer must have the time to prove itself. */
    t.now = mono_add(t.now, -SPAN_S(1));
    g_assert_null(admit(&t, 1, 6667));
    g_assert_nonnull(clients_find(t.clients, &peer));
}

static void test_room_full(void)
{
    g_auto(Table) t = table_new(CLIENTS_MAX, 1 << 20);
    SessionFacts journal = rig_journal(10, 0);
    NetAddr peer;

    for (guint i = 1; i < CLIENTS_MAX; i++)
        dumping(&t, i, 4096);
    g_assert_nonnull(admit(&t, 5000, 6666));
    peer = address(6000, 6666);
    g_assert_null(clients_readmit(t.clients, &peer, &peer, &journal, FALSE, g_random_int(), t.now));
    g_assert_null(admit(&t, 5001, 6666));
    t.now = mono_add(t.now, CLIENTS_CALLED_LIFE);
    g_assert_nonnull(admit(&t, 5001, 6666)); /* in place of 5000 */
    peer = address(5000, 6666);
    g_assert_null(clients_find(t.clients, &peer));
    peer = address(5001, 6666);
    clients_remove(t.clients, clients_find(t.clients, &peer));
    dumping(&t, 5002, 4096);
    g_assert_null(admit(&t, 5003, 6666)); /* all have proved that they exist */
    g_assert_cmpuint(clients_count(t.clients), ==, CLIENTS_MAX);
}

static void test_slots(void)
{
    g_auto(Table) t = table_new(2, 1 << 20);
    ClientEntry *a = admit(&t, 1, 6666);
    ClientEntry *b = admit(&t, 2, 6666);
    ClientEntry *c = admit(&t, 3, 6666);
    SessionFacts journal = rig_journal(10, 0);
    NetAddr peer = address(4, 6666);
    ClientEntry *d =
        clients_readmit(t.clients, &peer, &peer, &journal, FALSE, g_random_int(), t.now);
    ClientsLimits none = {.max_dumps = 0, .client_timeout = SPAN_S(1)};

    g_assert_true(clients_take_slot(t.clients, a));
    g_assert_true(clients_take_slot(t.clients, a)); /* it has it already */
    g_assert_cmpuint(clients_slots(t.clients), ==, 1);
    g_assert_true(clients_take_slot(t.clients, b));
    g_assert_false(clients_take_slot(t.clients, c));
    g_assert_true(clients_take_slot(t.clients, d)); /* what was begun goes on */
    g_assert_cmpuint(clients_slots(t.clients), ==, 3);
    clients_give_slot(t.clients, a);
    clients_give_slot(t.clients, a);
    g_assert_false(clients_take_slot(t.clients, c));
    clients_remove(t.clients, b);
    g_assert_cmpuint(clients_slots(t.clients), ==, 1);
    g_assert_true(clients_take_slot(t.clients, c));
    clients_set_limits(t.clients, &none);
    clients_give_slot(t.clients, c);
    g_assert_false(clients_take_slot(t.clients, c));
}

/* -- shares --------------------------------------------------------------------------------------
 */

#define PAGE_COST 9216 /* bytes of socket buffer for the answers to a page of 4 KiB */

static void test_share_evenly(void)
{
    g_auto(Table) t = table_new(8, 41 * PAGE_COST * 5 / 7);
    ClientEntry *a = dumping(&t, 1, 4096);
    ClientEntry *b;

    g_assert_cmpuint(flying(a), ==, 0); /* not before it has its share */
    g_assert_cmpuint(balance(&t), ==, 1);
    g_assert_cmpuint(flying(a), ==, WINDOW_START);
    g_assert_cmpuint(balance(&t), ==, 0);
    b = dumping(&t, 2, 16384);
    g_assert_cmpuint(balance(&t), ==, 1);
    g_assert_cmpuint(a->share, ==, 7);
    g_assert_cmpuint(b->share, ==, 1);
    g_assert_cmpuint(flying(b), ==, 1);
    clients_remove(t.clients, b);
    g_assert_cmpuint(balance(&t), ==, 1);
    g_assert_cmpuint(a->share, ==, 14);
}

/* One dump ends and another begins between two balances: the number is the same, the dumps are
 * not. */
static void test_share_swapped(void)
{
    g_auto(Table) t = table_new(8, 1 << 20);
    ClientEntry *a = dumping(&t, 1, 4096);
    ClientEntry *b;

    balance(&t);
    step(&t, a, (Event){.kind = EVENT_DISK_FAILED, .err = EIO, .ok = TRUE});
    g_assert_cmpint(session_facts(a->client)->state, ==, SESSION_STALLED);
    b = dumping(&t, 2, 4096);
    g_assert_cmpuint(balance(&t), ==, 1);
    g_assert_cmpuint(flying(b), ==, WINDOW_START);
    step(&t, a, (Event){.kind = EVENT_HOOK, .hook = SESSION_HOOK_NOSPACE, .ok = TRUE});
    g_assert_cmpint(session_facts(a->client)->state, ==, SESSION_DUMPING);
    g_assert_cmpuint(balance(&t), ==, 1);
    g_assert_cmpuint(flying(a), >, 0);
}

/* More dumps than pages that fit: everybody's turn comes, and the buffer is never overrun. */
static void test_share_by_turns(void)
{
    g_auto(Table) t = table_new(64, 3 * PAGE_COST * 10 / 7 + 100);
    guint turns[40] = {0};

    for (guint i = 0; i < 40; i++)
        dumping(&t, 1 + i, i % 2 ? 4096 : 8192);
    for (guint round = 0; round < 400; round++) {
        gsize used = 0;

        balance(&t);
        for (guint i = 0; i < 40; i++) {
            ClientEntry *entry = clients_nth(t.clients, i);
            guint n = flying(entry);

            g_assert_cmpuint(n, <=, 1);
            used += n * (i % 2 ? 1 : 2) * PAGE_COST;
            turns[i] += n;
            if (n > 0) { /* answered at once: the page is no RAM */
                WireMessage m = {.kind = WIRE_MSG_RESERVED,
                                 .nr = session_facts(entry->client)->next_nr - 1,
                                 .info = 1};

                session_limit(entry->client, 0);
                entry->share = 0;
                step(&t, entry, (Event){.kind = EVENT_PACKET, .packet = &m});
                g_assert_cmpuint(flying(entry), ==, 0);
            }
        }
        g_assert_cmpuint(used, <=, 3 * PAGE_COST);
        g_assert_true(mono_before(t.now, clients_deadline(t.clients)));
        t.now = clients_deadline(t.clients);
    }
    for (guint i = 0; i < 40; i++)
        g_assert_cmpuint(turns[i], >=, 10);
}

/* A machine that has died does not keep its place: the turns are as long as its pauses, too. */
static void test_share_dead(void)
{
    g_auto(Table) t = table_new(64, PAGE_COST * 10 / 7 + 100);
    ClientEntry *dead = dumping(&t, 1, 4096);
    ClientEntry *alive = dumping(&t, 2, 4096);
    guint turns = 0;

    for (guint i = 0; i < 2000; i++) {
        balance(&t);
        if (flying(alive) > 0) {
            WireMessage m = {.kind = WIRE_MSG_RESERVED,
                             .nr = session_facts(alive->client)->next_nr - 1,
                             .info = 1};

            turns++;
            session_limit(alive->client, 0);
            alive->share = 0;
            step(&t, alive, (Event){.kind = EVENT_PACKET, .packet = &m});
        }
        t.now = clients_deadline(t.clients);
        if (!mono_before(t.now, session_deadline(dead->client)))
            step(&t, dead, (Event){.kind = EVENT_TIMER});
    }
    g_assert_cmpuint(turns, >, 500);
}

/* Even where not one page fits, pages are asked for, one at a time. */
static void test_share_tiny(void)
{
    g_auto(Table) t = table_new(64, 4096);
    ClientEntry *a = dumping(&t, 1, 65536);
    ClientEntry *b = dumping(&t, 2, 65536);

    balance(&t);
    g_assert_cmpuint(flying(a) + flying(b), ==, 1);
}

/* One address can't take the whole table, neither by calling nor by answering; whoever forges it
 * can't keep the machine out that is really there. */
static void test_one_host(void)
{
    g_auto(Table) t = table_new(CLIENTS_HOST_MAX, 1 << 20);
    NetAddr peer;

    for (guint i = 0; i < 2 * CLIENTS_HOST_MAX; i++) {
        g_assert_nonnull(admit(&t, 1, 1000 + i));
        t.now = mono_add(t.now, CLIENTS_CALLED_LIFE / CLIENTS_HOST_MAX + 1);
    }
    g_assert_cmpuint(clients_count(t.clients), ==, CLIENTS_HOST_MAX);
    for (guint i = 0; i < CLIENTS_HOST_MAX; i++)
        dump(&t, clients_nth(t.clients, i), 4096);
    t.now = mono_add(t.now, 2 * CLIENTS_CALLED_LIFE);
    g_assert_null(admit(&t, 1, 999));
    g_assert_nonnull(admit(&t, 2, 999));
    peer = address(1, 0);
    g_assert_cmpuint(clients_at_host(t.clients, &peer), ==, CLIENTS_HOST_MAX);
    peer = address(3, 0);
    g_assert_cmpuint(clients_at_host(t.clients, &peer), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clients/addresses", test_addresses);
    g_test_add_func("/clients/room/called", test_room_called);
    g_test_add_func("/clients/room/full", test_room_full);
    g_test_add_func("/clients/slots", test_slots);
    g_test_add_func("/clients/share/evenly", test_share_evenly);
    g_test_add_func("/clients/share/swapped", test_share_swapped);
    g_test_add_func("/clients/share/by-turns", test_share_by_turns);
    g_test_add_func("/clients/share/dead", test_share_dead);
    g_test_add_func("/clients/share/tiny", test_share_tiny);
    g_test_add_func("/clients/one-host", test_one_host);
    return g_test_run();
}
