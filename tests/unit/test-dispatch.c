/* test-dispatch.c - where a datagram goes: to a session, to the console store, or nowhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dispatch.h"
#include "unit/fake_world.h"
#include "unit/push_protocol.h"

#include <string.h>

/* Another protocol, with the same state machine on another port. */
static SessionOps other_ops;

static Session *open_other(const SessionSpec *spec, const guint8 *data, gsize len, Mono now)
{
    Session *s = push_ops.open(spec, data, len, now);

    s->ops = &other_ops;
    return s;
}

static void send_bytes(FakeWorld *w, const SessionOps *ops, guint host, guint port,
                       const void *bytes, gsize len)
{
    const NetAddr from = fake_address(host, port), local = fake_address(100, 7);

    dispatch_datagram(w->dispatch, ops, &from, &local, bytes, len);
}

static void say(FakeWorld *w, guint host, guint port, const char *text)
{
    send_bytes(w, &push_ops, host, port, text, strlen(text));
}

static void call(FakeWorld *w, guint host, guint port)
{
    guint8 bytes[PUSH_HEADER + 8];

    push_pack(PUSH_CALL, 0, (const guint8[8]){0, 0x10}, 8, bytes);
    send_bytes(w, &push_ops, host, port, bytes, sizeof bytes);
}

static ClientEntry *find(FakeWorld *w, guint host, guint port)
{
    const NetAddr peer = fake_address(host, port);

    return clients_find(w->clients, &push_ops, &peer);
}

static void test_strangers(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);
    guint8 bytes[PUSH_HEADER];
    const guint8 binary[5] = {1, 2, 3};

    push_pack(PUSH_DONE, 0, NULL, 0, bytes);
    send_bytes(w, &push_ops, 1, 9, bytes, sizeof bytes);
    g_assert_cmpuint(dispatch_stats(w->dispatch)->stray, ==, 1);
    call(w, 1, 0); /* it could not be answered */
    g_assert_cmpuint(dispatch_stats(w->dispatch)->stray, ==, 2);
    assert_told(w, "");
    send_bytes(w, &push_ops, 1, 9, binary, sizeof binary);
    send_bytes(w, &push_ops, 1, 9, binary, 0);
    assert_told(w, "malformed(5) malformed(0)");
    g_assert_cmpuint(clients_count(w->clients), ==, 0);
}

static void test_allow(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);
    NetRule rule;

    g_assert_true(netrule_parse("10.0.0.2", &rule, NULL));
    w->rules.allow = &rule;
    w->rules.n_allow = 1;
    call(w, 1, 9);
    say(w, 1, 9, "text");
    g_assert_cmpuint(dispatch_stats(w->dispatch)->not_allowed, ==, 2);
    assert_told(w, "");
    call(w, 2, 9);
    assert_told(w, "record(1)");
    g_assert_cmpuint(dispatch_stats(w->dispatch)->taken, ==, 1);
}

/* Text of clients that have not crashed goes to the console store. */
static void test_console(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);

    say(w, 1, 514, "text");
    say(w, 1, 514, "booted");
    assert_told(w, "console_text(1) booted(1) console_text(1)");
    g_assert_cmpuint(dispatch_stats(w->dispatch)->console, ==, 2);
    g_assert_cmpuint(dispatch_stats(w->dispatch)->taken, ==, 0);
}

/* Of a client that has crashed: to its log once there is one, whatever port it comes from. */
static void test_text_of_client(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);

    call(w, 1, 9); /* recording: no directory yet */
    fake_world_forget(w);
    say(w, 1, 514, "text");
    say(w, 1, 9, "text");
    assert_told(w, "console_text(1) console_text(1)");
    w->at_once = TRUE;
    executor_tell(w->executor, 1, &(Event){.kind = EVENT_RECORDED});
    fake_world_forget(w);
    say(w, 1, 514, "text");
    say(w, 1, 9, "booted");
    assert_told(w, "log_text(1) log_text(1) booted(1)");
    say(w, 2, 514, "text");
    assert_told(w, "console_text(2)");
    g_assert_cmpuint(dispatch_stats(w->dispatch)->console, ==, 2);
}

/* Of several clients at one address the port tells whose text it is; if it does not, or if that
 * one has no log, each with a log gets it. */
static void test_text_of_host(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);

    w->at_once = TRUE;
    call(w, 1, 9);
    call(w, 1, 10);
    call(w, 2, 9);
    w->at_once = FALSE;
    call(w, 1, 11);
    g_assert_cmpuint(clients_count(w->clients), ==, 4);
    fake_world_forget(w);
    say(w, 1, 9, "text");
    assert_told(w, "log_text(1)");
    say(w, 1, 514, "text");
    assert_told(w, "log_text(2) log_text(1)");
    say(w, 1, 11, "text");
    assert_told(w, "log_text(2) log_text(1)");
    clients_remove(w->clients, find(w, 1, 11));
    g_assert_null(find(w, 1, 11));
}

/* Datagrams of a known client go to its session as they are, also what is none of its protocol. */
static void test_known(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);
    const guint8 binary[5] = {1, 2, 3};

    call(w, 1, 9);
    call(w, 1, 9);
    g_assert_cmpuint(clients_count(w->clients), ==, 1);
    g_assert_cmpuint(dispatch_stats(w->dispatch)->taken, ==, 2);
    send_bytes(w, &push_ops, 1, 9, binary, sizeof binary);
    assert_told(w, "record(1) malformed(5)");
    w->rules.allow = &(NetRule){.net = fake_address(2, 0), .bits = 32};
    w->rules.n_allow = 1;
    call(w, 1, 9);
    assert_told(w, "");
}

/* Two protocols on two ports: the same address and port are two clients. */
static void test_two_protocols(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);
    const NetAddr peer = fake_address(1, 9);
    guint8 bytes[PUSH_HEADER + 8];

    other_ops = push_ops;
    other_ops.open = open_other;
    push_pack(PUSH_CALL, 0, (const guint8[8]){0, 0x10}, 8, bytes);
    call(w, 1, 9);
    send_bytes(w, &other_ops, 1, 9, bytes, sizeof bytes);
    g_assert_cmpuint(clients_count(w->clients), ==, 2);
    g_assert_cmpuint(clients_at_host(w->clients, &peer), ==, 2);
    g_assert_true(find(w, 1, 9)->session->ops == &push_ops);
    g_assert_true(clients_find(w->clients, &other_ops, &peer)->session->ops == &other_ops);
    clients_remove(w->clients, find(w, 1, 9));
    g_assert_null(find(w, 1, 9));
    g_assert_nonnull(clients_find(w->clients, &other_ops, &peer));
}

/* A full table turns calls away, and gives room to them when the oldest entry may be evicted. */
static void test_eviction(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);

    for (guint i = 0; i < CLIENTS_UNPROVEN_MAX; i++)
        call(w, 256 + i, 9);
    fake_world_forget(w);
    call(w, 1, 9);
    assert_told(w, "no_room(1)");
    g_assert_cmpuint(dispatch_stats(w->dispatch)->no_room, ==, 1);
    w->now = mono_add(w->now, CLIENTS_UNPROVEN_LIFE);
    call(w, 1, 9);
    assert_told(w, "record(513)");
    g_assert_null(find(w, 256, 9));
    executor_tell(w->executor, 1, &(Event){.kind = EVENT_RECORDED}); /* the evicted one's */
    assert_told(w, "");
    g_assert_cmpuint(clients_count(w->clients), ==, CLIENTS_UNPROVEN_MAX);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dispatch/strangers", test_strangers);
    g_test_add_func("/dispatch/allow", test_allow);
    g_test_add_func("/dispatch/console", test_console);
    g_test_add_func("/dispatch/text/client", test_text_of_client);
    g_test_add_func("/dispatch/text/host", test_text_of_host);
    g_test_add_func("/dispatch/known", test_known);
    g_test_add_func("/dispatch/two-protocols", test_two_protocols);
    g_test_add_func("/dispatch/eviction", test_eviction);
    return g_test_run();
}
