/* test-executor.c - events to sessions, actions to effects, and what follows from them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/executor.h"
#include "unit/fake_world.h"
#include "unit/push_protocol.h"

#include <errno.h>
#include <string.h>

static void send_from(FakeWorld *w, guint host, PushType type, guint32 number,
                      const guint8 *payload, gsize len)
{
    guint8 bytes[PUSH_HEADER + PUSH_BLOCK_SIZE];
    const NetAddr from = fake_address(host, 9), local = fake_address(100, 7);
    gsize n = push_pack(type, number, payload, len, bytes);

    dispatch_datagram(w->dispatch, &push_ops, &from, &local, bytes, n);
}

static ClientEntry *call(FakeWorld *w, guint host, guint blocks)
{
    const guint8 bytes[8] = {0, (guint8)(blocks << 4), (guint8)(blocks >> 4)};
    const NetAddr from = fake_address(host, 9);

    send_from(w, host, PUSH_CALL, 0, bytes, sizeof bytes);
    return clients_find(w->clients, &push_ops, &from);
}

static void send_block(FakeWorld *w, guint host, guint32 block)
{
    guint8 data[PUSH_BLOCK_SIZE];

    memset(data, (int)block + 1, sizeof data);
    send_from(w, host, PUSH_BLOCK, block, data, sizeof data);
}

/* Effects that reply later: each reply is one event, and leads to the next action. */
static void test_late_replies(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);
    const ClientEntry *entry = call(w, 1, 2);
    const guint32 cookies[] = {0, 1};

    assert_told(w, "record(1)");
    executor_tell(w->executor, entry->id, &(Event){.kind = EVENT_RECORDED});
    assert_told(w, "open_dir(1)"); /* the slot was granted in between */
    g_assert_true(entry->slot);
    executor_tell(w->executor, entry->id, &(Event){.kind = EVENT_DIR});
    assert_told(w, "open_file(1)");
    executor_tell(w->executor, entry->id, &(Event){.kind = EVENT_FILE});
    assert_told(w, "note(1) journal(1) send(1)");
    send_block(w, 1, 0);
    send_block(w, 1, 1);
    assert_told(w, "store(0) store(1)");
    executor_tell(w->executor, entry->id,
                  &(Event){.kind = EVENT_STORED, .cookies = cookies, .n = 2});
    assert_told(w, "send(1) send(1)");
    send_from(w, 1, PUSH_DONE, 0, NULL, 0);
    assert_told(w, "note(1) finish(1)");
    g_assert_false(entry->slot); /* another dump may begin while this file is finished */
    executor_tell(w->executor, entry->id, &(Event){.kind = EVENT_FINISHED});
    assert_told(w, "ended(1) send(1) info(1) closed(1) close(1)");
    g_assert_cmpuint(clients_count(w->clients), ==, 0);
    g_assert_cmpuint(w->files, ==, 0);
}

/* The same with replies from inside the calls: they are queued until the step is through, so that
 * the order of actions is that of the session. */
static void test_replies_at_once(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);

    w->at_once = TRUE;
    call(w, 1, 2);
    assert_told(w, "record(1) open_dir(1) open_file(1) note(1) journal(1) send(1)");
    send_block(w, 1, 0);
    assert_told(w, "store(0) send(1)");
    send_block(w, 1, 1);
    send_from(w, 1, PUSH_DONE, 0, NULL, 0);
    assert_told(w, "store(1) send(1) note(1) finish(1) ended(1) send(1) info(1) closed(1) "
                   "close(1)");
    g_assert_cmpuint(w->file->len, ==, PUSH_FILE_HEADER + 2 * PUSH_BLOCK_SIZE);
    g_assert_cmpuint(w->file->data[PUSH_FILE_HEADER + PUSH_BLOCK_SIZE], ==, 2);
}

/* Replies for clients that are gone, or never were, do nothing. */
static void test_unknown_ids(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);
    ClientEntry *entry = call(w, 1, 2);
    guint32 id = entry->id;

    clients_remove(w->clients, entry);
    fake_world_forget(w);
    for (EventKind kind = EVENT_DATAGRAM; kind < EVENT_N; kind++) {
        executor_tell(w->executor, id, &(Event){.kind = kind});
        executor_tell(w->executor, 77, &(Event){.kind = kind});
        executor_tell(w->executor, 0, &(Event){.kind = kind});
    }
    assert_told(w, "");
}

/* What store() does not take is a failure of the disk, and nothing is left to retry. */
static void test_store_refused(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);
    const ClientEntry *entry;

    w->at_once = TRUE;
    entry = call(w, 1, 2);
    fake_world_forget(w);
    w->no_store = TRUE;
    send_block(w, 1, 0);
    g_assert_cmpuint(clients_count(w->clients), ==, 0);
    assert_told(w, "store(0) ended(1) finish_partial(1) info(1) closed(1) close(1)");
    (void)entry;
}

static void test_no_slot(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(1);

    w->at_once = TRUE;
    call(w, 1, 2);
    fake_world_forget(w);
    call(w, 2, 2);
    assert_told(w, "record(2) ended(2) closed(2)"); /* it never had files */
    g_assert_cmpuint(clients_slots(w->clients), ==, 1);
}

static void test_timers(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);

    w->at_once = TRUE;
    call(w, 1, 2);
    w->now = mono_add(w->now, SPAN_S(30));
    call(w, 2, 2);
    executor_tick(w->executor, &w->share);
    g_assert_cmpuint(clients_count(w->clients), ==, 2);
    g_assert_cmpint(clients_deadline(w->clients).us, ==, mono_add(w->now, SPAN_S(30)).us);
    w->now = clients_deadline(w->clients);
    executor_tick(w->executor, &w->share);
    g_assert_cmpuint(clients_count(w->clients), ==, 1); /* the first one is silent */
    g_assert_nonnull(clients_by_id(w->clients, 2));
    w->now = clients_deadline(w->clients);
    executor_tick(w->executor, &w->share);
    g_assert_cmpuint(clients_count(w->clients), ==, 0);
}

static void test_shutdown(void)
{
    g_autoptr(FakeWorld) w = fake_world_new(4);

    w->at_once = TRUE;
    for (guint i = 1; i <= 3; i++)
        call(w, i, 2);
    w->at_once = FALSE;
    call(w, 4, 2); /* without a directory yet */
    fake_world_forget(w);
    executor_shutdown(w->executor);
    assert_told(w, "closed(4) journal(3) closed(3) close_keep(3) journal(2) closed(2) "
                   "close_keep(2) journal(1) closed(1) close_keep(1)");
    g_assert_cmpuint(clients_count(w->clients), ==, 0);
    g_assert_cmpuint(w->files, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/executor/late-replies", test_late_replies);
    g_test_add_func("/executor/replies-at-once", test_replies_at_once);
    g_test_add_func("/executor/unknown-ids", test_unknown_ids);
    g_test_add_func("/executor/store-refused", test_store_refused);
    g_test_add_func("/executor/no-slot", test_no_slot);
    g_test_add_func("/executor/timers", test_timers);
    g_test_add_func("/executor/shutdown", test_shutdown);
    return g_test_run();
}
