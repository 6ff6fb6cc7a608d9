/* test-rates.c - decisions on what comes too often: token bucket, boot notices, record of pending
 * clients.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/boot_notices.h"
#include "core/pending_set.h"
#include "server/dispatch.h"
#include "unit/fake_world.h"
#include "unit/push_protocol.h"

#include <string.h>

static void test_rate_limit(void)
{
    RateLimit limit = rate_limit_new(3);
    Mono now = {SPAN_S(100)};

    for (guint i = 0; i < 3; i++)
        g_assert_true(rate_limit_take(&limit, 2, now));
    g_assert_false(rate_limit_take(&limit, 2, now));
    now = mono_add(now, SPAN_MS(499));
    g_assert_false(rate_limit_ready(&limit, 2, now));
    now = mono_add(now, SPAN_MS(2)); /* the fraction of the call before counts */
    g_assert_true(rate_limit_ready(&limit, 2, now));
    g_assert_true(rate_limit_take(&limit, 2, now));
    g_assert_false(rate_limit_take(&limit, 2, now));
    now = mono_add(now, SPAN_S(3600));
    for (guint i = 0; i < 3; i++)
        g_assert_true(rate_limit_take(&limit, 2, now));
    g_assert_false(rate_limit_take(&limit, 2, now));
}

/* -- boot notices ------------------------------------------------------------------------------ */

static BootNotice notice(BootNotices *notices, guint host, guint port, Mono now)
{
    const NetAddr from = fake_address(host, port);

    return boot_notices_take(notices, &from, now);
}

static void test_boot_repeated(void)
{
    g_autoptr(BootNotices) notices = boot_notices_new();
    Mono now = {SPAN_S(100)};

    g_assert_cmpint(notice(notices, 1, 514, now), ==, BOOT_NEW);
    g_assert_cmpint(notice(notices, 1, 6666, now), ==, BOOT_REPEATED);
    g_assert_cmpint(notice(notices, 2, 514, now), ==, BOOT_NEW);
    now = mono_add(now, BOOT_NOTICES_PAUSE - 1);
    g_assert_cmpint(notice(notices, 1, 514, now), ==, BOOT_REPEATED);
    now = mono_add(now, 1);
    g_assert_cmpint(notice(notices, 1, 514, now), ==, BOOT_NEW);
    g_assert_cmpint(notice(notices, 1, 514, now), ==, BOOT_REPEATED);
}

static void test_boot_flood(void)
{
    g_autoptr(BootNotices) notices = boot_notices_new();
    Mono now = {SPAN_S(100)};

    for (guint i = 0; i < BOOT_NOTICES_MAX; i++)
        g_assert_cmpint(notice(notices, i, 514, now), ==, BOOT_NEW);
    g_assert_cmpint(notice(notices, 5000, 514, now), ==, BOOT_TOO_MANY);
    now = mono_add(now, SPAN_S(1));
    g_assert_cmpint(notice(notices, 1, 514, now), ==, BOOT_REPEATED);
    g_assert_cmpint(notice(notices, 5000, 514, now), ==, BOOT_NEW); /* 0 is forgotten for it */
    g_assert_cmpint(notice(notices, 0, 514, now), ==, BOOT_NEW);
    g_assert_cmpint(notice(notices, 5001, 514, now), ==, BOOT_TOO_MANY);
}

/* -- the record of pending clients ------------------------------------------------------------- */

typedef struct {
    FakeWorld *w; /* only for its clients */
    PendingSet *set;
    Mono now;
} Record;

static Record record_new(gboolean stale)
{
    return (Record){fake_world_new(4), pending_set_new(stale), {SPAN_S(100)}};
}

static void record_clear(Record *r)
{
    pending_set_free(r->set);
    fake_world_free(r->w);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Record, record_clear)

static ClientEntry *announce(Record *r, guint host)
{
    guint8 bytes[PUSH_HEADER + 8];
    const NetAddr from = fake_address(host, 9), local = fake_address(100, 7);
    gsize n = push_pack(PUSH_CALL, 0, (const guint8[8]){0, 0x10}, 8, bytes);
    ClientEntry *entry =
        clients_admit(r->w->clients, &push_ops, &from, &local, bytes, n, 1, r->now);

    pending_set_add(r->set, entry->id);
    return entry;
}

static gboolean is_due(Record *r)
{
    return pending_set_due(r->set, r->w->clients, r->now);
}

static void assert_ids(const GArray *ids, guint n, guint32 first)
{
    g_assert_cmpuint(ids->len, ==, n);
    for (guint i = 0; i < n; i++)
        g_assert_cmpuint(g_array_index(ids, guint32, i), ==, first + i);
}

static void end_write(Record *r, guint n, guint32 first)
{
    g_autoptr(GArray) told = pending_set_end(r->set);

    assert_ids(told, n, first);
}

/* One write at a time; each client is told once, by the first write that names it. */
static void test_record(void)
{
    g_auto(Record) r = record_new(FALSE);

    g_assert_false(is_due(&r));
    g_assert_cmpint(pending_set_deadline(r.set).us, ==, G_MAXINT64);
    announce(&r, 1);
    announce(&r, 2);
    g_assert_true(is_due(&r));
    assert_ids(pending_set_begin(r.set, r.now), 2, 1);
    announce(&r, 3);
    g_assert_false(is_due(&r)); /* a write is under way */
    g_assert_cmpint(pending_set_deadline(r.set).us, ==, G_MAXINT64);
    end_write(&r, 2, 1);
    g_assert_false(is_due(&r)); /* too early after it */
    g_assert_cmpint(mono_diff(pending_set_deadline(r.set), r.now), >=, SPAN_MS(10));
    r.now = pending_set_deadline(r.set);
    g_assert_true(is_due(&r));
    assert_ids(pending_set_begin(r.set, r.now), 3, 1);
    end_write(&r, 1, 3);
    r.now = mono_add(r.now, SPAN_S(1));
    g_assert_false(is_due(&r));
}

/* Who is gone, or whose dump is over, leaves the record. */
static void test_record_forgets(void)
{
    g_auto(Record) r = record_new(FALSE);
    ClientEntry *a = announce(&r, 1), *b = announce(&r, 2);

    announce(&r, 3);
    g_assert_true(is_due(&r));
    pending_set_begin(r.set, r.now);
    clients_remove(r.w->clients, a);
    end_write(&r, 3, 1); /* the executor knows that 1 is gone */
    b->session->facts.phase = PHASE_TRANSFERRING;
    r.now = mono_add(r.now, SPAN_S(1));
    g_assert_true(is_due(&r));
    assert_ids(pending_set_begin(r.set, r.now), 2, 2);
    end_write(&r, 0, 0);
    b->session->facts.phase = PHASE_FINISHING;
    r.now = mono_add(r.now, SPAN_S(1));
    g_assert_true(is_due(&r));
    assert_ids(pending_set_begin(r.set, r.now), 1, 3);
}

/* A client that comes and goes between two writes costs none; one that retransmits is answered
 * again. */
static void test_record_spares(void)
{
    g_auto(Record) r = record_new(FALSE);
    ClientEntry *a;

    a = announce(&r, 1);
    clients_remove(r.w->clients, a);
    g_assert_false(is_due(&r));
    announce(&r, 2);
    g_assert_true(is_due(&r));
    pending_set_begin(r.set, r.now);
    end_write(&r, 1, 2);
    r.now = mono_add(r.now, SPAN_S(1));
    pending_set_add(r.set, 2);
    g_assert_true(is_due(&r));
    assert_ids(pending_set_begin(r.set, r.now), 1, 2);
    pending_set_add(r.set, 2); /* while it is written: not with what it said now */
    end_write(&r, 0, 0);
    r.now = mono_add(r.now, SPAN_S(1));
    g_assert_true(is_due(&r));
    pending_set_begin(r.set, r.now);
    end_write(&r, 1, 2);
}

/* What a previous instance left is replaced, even by nothing. */
static void test_record_stale(void)
{
    g_auto(Record) r = record_new(TRUE);

    g_assert_true(is_due(&r));
    assert_ids(pending_set_begin(r.set, r.now), 0, 0);
    end_write(&r, 0, 0);
    r.now = mono_add(r.now, SPAN_S(1));
    g_assert_false(is_due(&r));
}

/* The more clients, the longer the pause: a flood does not keep the disk busy. */
static void test_record_pause(void)
{
    g_auto(Record) r = record_new(FALSE);

    for (guint i = 0; i < 500; i++)
        announce(&r, i + 1);
    g_assert_true(is_due(&r));
    pending_set_begin(r.set, r.now);
    end_write(&r, 500, 1);
    announce(&r, 1000);
    g_assert_cmpint(mono_diff(pending_set_deadline(r.set), r.now), ==, SPAN_MS(110));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rates/rate-limit", test_rate_limit);
    g_test_add_func("/rates/boot/repeated", test_boot_repeated);
    g_test_add_func("/rates/boot/flood", test_boot_flood);
    g_test_add_func("/rates/record/one-write", test_record);
    g_test_add_func("/rates/record/forgets", test_record_forgets);
    g_test_add_func("/rates/record/spares", test_record_spares);
    g_test_add_func("/rates/record/stale", test_record_stale);
    g_test_add_func("/rates/record/pause", test_record_pause);
    return g_test_run();
}
