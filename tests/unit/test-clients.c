/* test-clients.c - the table of clients: addresses, slots, room, and shares of the socket buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/limits.h"
#include "core/window_share.h"

#include <string.h>

/* -- a session that requests memory, and does nothing else ---------------------------------------
 */

#define START 8 /* requests in flight that it begins with */

typedef struct {
    Session session; /* first */
    guint limit, wanted;
    Mono deadline;
} Stub;

static const SessionOps stub_ops;

static Session *stub_open(const SessionSpec *spec, G_GNUC_UNUSED const guint8 *data,
                          G_GNUC_UNUSED gsize len, G_GNUC_UNUSED Mono now)
{
    Stub *stub = g_new0(Stub, 1);

    stub->session = (Session){.ops = &stub_ops, .facts = {.id = spec->id}};
    stub->wanted = START;
    stub->deadline = MONO_NEVER;
    return &stub->session;
}

static Session *stub_restore(const SessionSpec *spec, const SessionRemains *remains, Mono now,
                             const char **why)
{
    Session *session;

    if (remains->header_len == 1) {
        *why = "a header of one byte";
        return NULL;
    }
    session = stub_open(spec, NULL, 0, now);
    session->facts.resumed = TRUE;
    return session;
}

static void stub_step(Session *s, G_GNUC_UNUSED Mono now, G_GNUC_UNUSED const Event *event,
                      G_GNUC_UNUSED GArray *actions)
{
    Stub *stub = (Stub *)s;

    s->facts.flow.in_flight = MAX(s->facts.flow.in_flight, MIN(stub->limit, stub->wanted));
}

static Mono stub_deadline(Session *s)
{
    return ((Stub *)s)->deadline;
}

static void stub_limit(Session *s, guint in_flight)
{
    ((Stub *)s)->limit = in_flight;
}

static void stub_set_timeout(G_GNUC_UNUSED Session *s, G_GNUC_UNUSED Span timeout)
{
}

static void stub_free(Session *s)
{
    g_free(s);
}

static const SessionOps stub_ops = {
    .name = "stub",
    .open = stub_open,
    .restore = stub_restore,
    .step = stub_step,
    .deadline = stub_deadline,
    .limit = stub_limit,
    .set_timeout = stub_set_timeout,
    .free = stub_free,
};

/* -- a table of them -----------------------------------------------------------------------------
 */

typedef struct {
    Clients *clients;
    WindowShare share;
    Mono now;
    GArray *grown;
} Table;

static Table table_new(guint max_dumps, gsize rcvbuf)
{
    ClientsLimits limits = {.max_dumps = max_dumps,
                            .max_in_flight = LIMIT_IN_FLIGHT,
                            .rcvbuf = rcvbuf,
                            .client_timeout = SPAN_S(60)};
    Table t = {.clients = clients_new(&limits),
               .now = {SPAN_S(1)},
               .grown = g_array_new(FALSE, FALSE, sizeof(guint32))};

    window_share_init(&t.share);
    return t;
}

static void table_free(Table *t)
{
    clients_free(t->clients);
    g_array_unref(t->grown);
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

    return clients_admit(t->clients, &stub_ops, &peer, &local, NULL, 0, 1, t->now);
}

static ClientEntry *readmit(Table *t, guint host, guint port)
{
    NetAddr peer = address(host, port);
    const SessionRemains remains = {0};
    const char *why = "untouched";
    ClientEntry *entry =
        clients_readmit(t->clients, &stub_ops, &peer, &peer, &remains, 1, t->now, &why);

    g_assert_null(why);
    return entry;
}

static ClientEntry *find(const Table *t, guint host, guint port)
{
    NetAddr peer = address(host, port);

    return clients_find(t->clients, &stub_ops, &peer);
}

static SessionFacts *facts(const ClientEntry *entry)
{
    return &entry->session->facts;
}

/* Only memory is missing. */
static ClientEntry *dump(ClientEntry *entry, guint32 page_size)
{
    facts(entry)->phase = PHASE_TRANSFERRING;
    facts(entry)->flow.request_datagrams = page_size / 1024;
    return entry;
}

/* The client at 10.0.0.host. */
static ClientEntry *dumping(Table *t, guint host, guint32 page_size)
{
    return dump(admit(t, host, 6666), page_size);
}

/* As the executor does it. Returns the number of entries that were given more. */
static guint balance(Table *t)
{
    const Event timer = {.kind = EVENT_TIMER};

    window_share_balance(&t->share, t->clients, t->now, t->grown);
    for (guint i = 0; i < t->grown->len; i++) {
        const ClientEntry *entry = clients_by_id(t->clients, g_array_index(t->grown, guint32, i));

        stub_step(entry->session, t->now, &timer, NULL);
    }
    return t->grown->len;
}

static guint flying(const ClientEntry *entry)
{
    return facts(entry)->flow.in_flight;
}

/* -- the table -----------------------------------------------------------------------------------
 */

static void test_addresses(void)
{
    g_auto(Table) t = table_new(4, 1 << 20);
    ClientEntry *a = admit(&t, 1, 6666);
    ClientEntry *b = admit(&t, 1, 6667); /* two machines behind one address */
    ClientEntry *c = admit(&t, 2, 6666);

    g_assert_cmpstr(a->host, ==, "10.0.0.1");
    g_assert_true(find(&t, 1, 6667) == b);
    g_assert_null(readmit(&t, 1, 6667));
    g_assert_null(find(&t, 1, 6668));
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

/* Forged announcements evict each other, never a client that has replied. */
static void test_room_unproven(void)
{
    g_auto(Table) t = table_new(4, 1 << 20);
    ClientEntry *real = dumping(&t, 1, 4096);

    for (guint i = 0; i < 3 * CLIENTS_UNPROVEN_MAX; i++) {
        g_assert_nonnull(admit(&t, 1000 + i, 6666));
        t.now = mono_add(t.now, CLIENTS_UNPROVEN_LIFE / CLIENTS_UNPROVEN_MAX + 1);
    }
    g_assert_true(find(&t, 1, 6666) == real);
    g_assert_cmpuint(clients_count(t.clients), ==, 1 + CLIENTS_UNPROVEN_MAX);
    g_assert_null(find(&t, 1000, 6666));
    g_assert_nonnull(find(&t, 1000 + 3 * CLIENTS_UNPROVEN_MAX - 1, 6666));

    /* They come faster: whoever has had a reply must have the time to prove itself. */
    t.now = mono_add(t.now, -SPAN_S(1));
    g_assert_null(admit(&t, 1, 6667));
    g_assert_nonnull(find(&t, 1000 + 3 * CLIENTS_UNPROVEN_MAX - 1, 6666));
}

static void test_room_full(void)
{
    g_auto(Table) t = table_new(LIMIT_CLIENTS, 1 << 20);

    for (guint i = 1; i < LIMIT_CLIENTS; i++)
        dumping(&t, i, 4096);
    g_assert_nonnull(admit(&t, 5000, 6666));
    g_assert_null(readmit(&t, 6000, 6666));
    g_assert_null(admit(&t, 5001, 6666));
    t.now = mono_add(t.now, CLIENTS_UNPROVEN_LIFE);
    g_assert_nonnull(admit(&t, 5001, 6666)); /* in place of 5000 */
    g_assert_null(find(&t, 5000, 6666));
    clients_remove(t.clients, find(&t, 5001, 6666));
    dumping(&t, 5002, 4096);
    g_assert_null(admit(&t, 5003, 6666)); /* all have proven that they exist */
    g_assert_cmpuint(clients_count(t.clients), ==, LIMIT_CLIENTS);
}

/* What a previous instance left proves nothing yet either, but nobody can forge it. */
static void test_restored(void)
{
    g_auto(Table) t = table_new(4, 1 << 20);
    const SessionRemains bad = {.header_len = 1};
    NetAddr peer = address(2, 6666);
    const char *why = NULL;

    g_assert_nonnull(readmit(&t, 1, 6666));
    g_assert_null(clients_readmit(t.clients, &stub_ops, &peer, &peer, &bad, 1, t.now, &why));
    g_assert_cmpstr(why, ==, "a header of one byte");
    g_assert_cmpuint(clients_count(t.clients), ==, 1);
    g_assert_cmpuint(clients_at_host(t.clients, &peer), ==, 0);
    t.now = mono_add(t.now, CLIENTS_UNPROVEN_LIFE);
    for (guint i = 0; i < 2 * CLIENTS_UNPROVEN_MAX; i++) {
        g_assert_nonnull(admit(&t, 1000 + i, 6666));
        t.now = mono_add(t.now, CLIENTS_UNPROVEN_LIFE);
    }
    g_assert_nonnull(find(&t, 1, 6666));
}

static void test_slots(void)
{
    g_auto(Table) t = table_new(2, 1 << 20);
    ClientEntry *a = admit(&t, 1, 6666);
    ClientEntry *b = admit(&t, 2, 6666);
    ClientEntry *c = admit(&t, 3, 6666);
    ClientEntry *d = readmit(&t, 4, 6666);
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
    g_assert_cmpuint(flying(a), ==, START);
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
    facts(a)->phase = PHASE_FINISHING;
    facts(a)->flow.in_flight = 0;
    b = dumping(&t, 2, 4096);
    g_assert_cmpuint(balance(&t), ==, 1);
    g_assert_cmpuint(flying(b), ==, START);
    g_assert_cmpuint(a->share, ==, 0);
    facts(a)->phase = PHASE_TRANSFERRING;
    g_assert_cmpuint(balance(&t), ==, 1);
    g_assert_cmpuint(flying(a), >, 0);
}

/* A client that pushes has no share, and takes none from the others. */
static void test_share_pushed(void)
{
    g_auto(Table) t = table_new(8, 40 * PAGE_COST);
    ClientEntry *a = dumping(&t, 1, 4096);
    ClientEntry *pushes = dumping(&t, 2, 0);

    g_assert_cmpuint(balance(&t), ==, 1);
    g_assert_cmpuint(a->share, ==, 20);
    g_assert_cmpuint(pushes->share, ==, 0);
    g_assert_cmpint(window_share_deadline(&t.share).us, ==, G_MAXINT64);
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
            facts(entry)->flow.in_flight = 0; /* the reply comes at once */
        }
        g_assert_cmpuint(used, <=, 3 * PAGE_COST);
        g_assert_true(mono_before(t.now, window_share_deadline(&t.share)));
        t.now = window_share_deadline(&t.share);
    }
    for (guint i = 0; i < 40; i++)
        g_assert_cmpuint(turns[i], >=, 10);
}

/* A client that has died does not keep its place. */
static void test_share_dead(void)
{
    g_auto(Table) t = table_new(64, PAGE_COST * 10 / 7 + 100);
    ClientEntry *dead = dumping(&t, 1, 4096);
    ClientEntry *alive = dumping(&t, 2, 4096);
    guint turns = 0;

    for (guint i = 0; i < 2000; i++) {
        balance(&t);
        turns += flying(alive);
        facts(alive)->flow.in_flight = 0;
        t.now = window_share_deadline(&t.share);
        facts(dead)->flow.stalled = flying(dead) > 0 && i > 10; /* its timer has expired */
    }
    g_assert_cmpuint(turns, >, 500);
}

/* Even if not one page fits, pages are requested, one at a time. */
static void test_share_tiny(void)
{
    g_auto(Table) t = table_new(64, 4096);
    ClientEntry *a = dumping(&t, 1, 65536);
    ClientEntry *b = dumping(&t, 2, 65536);

    balance(&t);
    g_assert_cmpuint(flying(a) + flying(b), ==, 1);
}

/* One address cannot take the whole table, neither by announcing crashes nor by replying; whoever
 * forges it cannot keep the client out that is really there. */
static void test_one_host(void)
{
    g_auto(Table) t = table_new(CLIENTS_HOST_MAX, 1 << 20);
    NetAddr peer = address(1, 0);

    for (guint i = 0; i < 2 * CLIENTS_HOST_MAX; i++) {
        g_assert_nonnull(admit(&t, 1, 1000 + i));
        t.now = mono_add(t.now, CLIENTS_UNPROVEN_LIFE / CLIENTS_HOST_MAX + 1);
    }
    g_assert_cmpuint(clients_count(t.clients), ==, CLIENTS_HOST_MAX);
    for (guint i = 0; i < CLIENTS_HOST_MAX; i++)
        dump(clients_nth(t.clients, i), 4096);
    t.now = mono_add(t.now, 2 * CLIENTS_UNPROVEN_LIFE);
    g_assert_null(admit(&t, 1, 999));
    g_assert_nonnull(admit(&t, 2, 999));
    g_assert_cmpuint(clients_at_host(t.clients, &peer), ==, CLIENTS_HOST_MAX);
    peer = address(3, 0);
    g_assert_cmpuint(clients_at_host(t.clients, &peer), ==, 0);
}

/* The earliest of all sessions. */
static void test_deadline(void)
{
    g_auto(Table) t = table_new(4, 1 << 20);

    for (guint i = 1; i <= 3; i++)
        ((Stub *)admit(&t, i, 6666)->session)->deadline = (Mono){SPAN_S(i == 2 ? 5 : 9)};
    g_assert_cmpint(clients_deadline(t.clients).us, ==, SPAN_S(5));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clients/addresses", test_addresses);
    g_test_add_func("/clients/room/unproven", test_room_unproven);
    g_test_add_func("/clients/room/full", test_room_full);
    g_test_add_func("/clients/room/restored", test_restored);
    g_test_add_func("/clients/room/one-host", test_one_host);
    g_test_add_func("/clients/slots", test_slots);
    g_test_add_func("/clients/deadline", test_deadline);
    g_test_add_func("/clients/share/evenly", test_share_evenly);
    g_test_add_func("/clients/share/swapped", test_share_swapped);
    g_test_add_func("/clients/share/pushed", test_share_pushed);
    g_test_add_func("/clients/share/by-turns", test_share_by_turns);
    g_test_add_func("/clients/share/dead", test_share_dead);
    g_test_add_func("/clients/share/tiny", test_share_tiny);
    return g_test_run();
}
