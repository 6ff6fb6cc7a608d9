/* test-pending-clients.c - the record of pending clients: written, read again, read from 1.0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/pending_clients.h"

#include "core/netdump/netdump.h"
#include "unit/capture.h"
#include "unit/fake_world.h"
#include "unit/journal-v1-sample.h"
#include "unit/push_protocol.h"
#include "unit/scratch.h"

#include <poll.h>

typedef struct {
    Scratch s;
    Dumpdir *dumpdir;
    WorkPool *pool;
    FakeWorld *w; /* for its clients */
    PendingClients *pending;
    GArray *recorded; /* of guint32 */
    Mono now;
} Rig;

static void on_recorded(gpointer user, guint32 id)
{
    g_array_append_val(((Rig *)user)->recorded, id);
}

static Rig *rig_new(void)
{
    Rig *r = g_new0(Rig, 1);

    r->s = scratch_new();
    r->dumpdir = dumpdir_open(r->s.path, NULL);
    g_assert_nonnull(r->dumpdir);
    r->pool = work_pool_new(1, NULL);
    r->w = fake_world_new(4);
    r->recorded = g_array_new(FALSE, FALSE, sizeof(guint32));
    r->now = (Mono){SPAN_S(100)};
    return r;
}

/* As a new instance. */
static void open_pending(Rig *r)
{
    r->pending = pending_clients_new(r->pool, r->dumpdir, r->w->clients, on_recorded, r);
}

static void rig_free(Rig *r)
{
    pending_clients_stop(r->pending);
    work_pool_free(r->pool);
    pending_clients_free(r->pending);
    fake_world_free(r->w);
    g_array_unref(r->recorded);
    dumpdir_free(r->dumpdir);
    scratch_free(&r->s);
    g_free(r);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rig, rig_free)

static ClientEntry *announce(Rig *r, guint host)
{
    guint8 bytes[PUSH_HEADER + 8];
    const NetAddr from = fake_address(host, 9), local = fake_address(100, 7);
    gsize n = push_pack(PUSH_CALL, 0, (const guint8[8]){0, 0x10}, 8, bytes);
    ClientEntry *entry =
        clients_admit(r->w->clients, &push_ops, &from, &local, bytes, n, 1, r->now);

    pending_clients_add(r->pending, entry, r->now, r->now.us - SPAN_S(95));
    return entry;
}

/* Until nothing is to be written any more. */
static void write_out(Rig *r)
{
    struct pollfd pfd = {.fd = work_pool_fd(r->pool), .events = POLLIN};

    do {
        r->now = mono_add(r->now, SPAN_S(10));
        pending_clients_tick(r->pending, r->now, r->now.us - SPAN_S(95));
        while (work_pool_jobs(r->pool) > 0) {
            g_assert_cmpint(poll(&pfd, 1, 60000), ==, 1);
            work_pool_dispatch(r->pool);
        }
    } while (pending_clients_deadline(r->pending).us != G_MAXINT64);
}

static char *read_file(const Rig *r, gsize *len)
{
    g_autofree char *path = g_build_filename(r->s.path, PENDING_CLIENTS_FILE, NULL);
    char *text = NULL;

    return g_file_get_contents(path, &text, len, NULL) ? text : NULL;
}

static void write_file(const Rig *r, const void *bytes, gsize len)
{
    g_autofree char *path = g_build_filename(r->s.path, PENDING_CLIENTS_FILE, NULL);

    g_assert_true(g_file_set_contents(path, bytes, (gssize)len, NULL));
}

static GPtrArray *load(const Rig *r)
{
    return pending_clients_load(r->dumpdir, netdump_session_ops.convert_old);
}

/* The i-th record names 10.0.0.host. */
static void assert_record(GPtrArray *records, guint i, guint host)
{
    gsize len, used, name_len;
    const guint8 *bytes = g_bytes_get_data(g_ptr_array_index(records, i), &len);
    const NetAddr want = fake_address(host, 9);
    TaggedReader fields;
    NetAddr peer;
    guint64 started;
    const guint8 *name;

    g_assert_null(tagged_reader_init(&fields, bytes, len, &used));
    g_assert_cmpuint(used, ==, len);
    g_assert_true(tagged_addr(&fields, TAG_CLIENT, &peer));
    g_assert_true(netaddr_equal(&peer, &want));
    g_assert_true(tagged_addr(&fields, TAG_LOCAL, &peer));
    g_assert_cmpuint(peer.port, ==, 7);
    g_assert_true(tagged_number(&fields, TAG_STARTED, &started));
    g_assert_cmpuint(started, ==, 5000000); /* not when it was written */
    name = tagged_find(&fields, TAG_PROTOCOL, &name_len);
    g_assert_cmpuint(name_len, ==, 4);
    g_assert_cmpint(memcmp(name, "push", 4), ==, 0);
}

static void test_written(void)
{
    g_autoptr(Rig) r = rig_new();
    g_autoptr(GPtrArray) records = NULL;
    ClientEntry *first;

    open_pending(r);
    first = announce(r, 1);
    announce(r, 2);
    g_assert_cmpuint(r->recorded->len, ==, 0);
    write_out(r);
    g_assert_cmpuint(r->recorded->len, ==, 2);
    g_assert_cmpuint(g_array_index(r->recorded, guint32, 1), ==, 2);
    records = load(r);
    g_assert_cmpuint(records->len, ==, 2);
    assert_record(records, 0, 1);
    assert_record(records, 1, 2);
    g_ptr_array_unref(records);

    clients_remove(r->w->clients, first);
    write_out(r);
    records = load(r);
    g_assert_cmpuint(records->len, ==, 1);
    assert_record(records, 0, 2);
    clients_remove(r->w->clients, clients_nth(r->w->clients, 0));
    write_out(r);
    g_assert_null(read_file(r, NULL)); /* nobody: no file */
    g_assert_cmpuint(r->recorded->len, ==, 2);
}

/* If it cannot be written the clients are answered all the same, and one warning tells. */
static void test_not_written(void)
{
    g_autoptr(Rig) r = rig_new();
    Capture capture = capture_begin();
    g_autofree char *log = NULL;

    g_assert_cmpint(mkdirat(r->s.fd, PENDING_CLIENTS_FILE, 0700), ==, 0);
    open_pending(r);
    announce(r, 1);
    write_out(r);
    announce(r, 2);
    write_out(r);
    log = capture_end(&capture);
    g_assert_cmpuint(r->recorded->len, ==, 2);
    g_assert_nonnull(strstr(log, PENDING_CLIENTS_FILE));
    g_assert_true(strstr(log, PENDING_CLIENTS_FILE) == g_strrstr(log, PENDING_CLIENTS_FILE));
}

/* What a previous instance left is read, then replaced. */
static void test_stale(void)
{
    g_autoptr(Rig) r = rig_new();

    write_file(r, "x", 1);
    open_pending(r);
    write_out(r);
    g_assert_null(read_file(r, NULL));
}

/* Records before the damage are used. */
static void test_damaged(void)
{
    g_autoptr(Rig) r = rig_new();
    g_autoptr(GPtrArray) records = NULL;
    g_autofree char *file = NULL;
    gsize len;

    open_pending(r);
    announce(r, 1);
    announce(r, 2);
    write_out(r);
    file = read_file(r, &len);
    for (gsize cut = 0; cut < len; cut++) {
        write_file(r, file, cut);
        records = load(r);
        g_assert_cmpuint(records->len, ==, cut < len / 2 ? 0 : 1);
        g_clear_pointer(&records, g_ptr_array_unref);
    }
    for (gsize i = 0; i < len; i++) {
        file[i] ^= 0x10;
        write_file(r, file, len);
        records = load(r);
        g_assert_cmpuint(records->len, ==, i < len / 2 ? 0 : 1);
        g_clear_pointer(&records, g_ptr_array_unref);
        file[i] ^= 0x10;
    }
}

/* Two records of 1.0, with one between that makes no sense. */
static void test_version_1(void)
{
    g_autoptr(Rig) r = rig_new();
    g_autoptr(GPtrArray) records = NULL;
    guint8 file[3][JOURNAL_V1_SIZE];

    v1_sample(file[0]);
    memset(file[1], 0xff, sizeof file[1]);
    v1_sample(file[2]);
    write_file(r, file, sizeof file);
    open_pending(r);
    records = load(r);
    g_assert_cmpuint(records->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        gsize len, used;
        const guint8 *bytes = g_bytes_get_data(g_ptr_array_index(records, i), &len);
        SessionRemains remains = {0};
        TaggedReader fields;
        const char *why = NULL;
        NetAddr peer;
        ClientEntry *entry;

        g_assert_null(tagged_reader_init(&fields, bytes, len, &used));
        g_assert_true(tagged_addr(&fields, TAG_CLIENT, &peer));
        peer.port = (guint16)(peer.port + i); /* as of another client */
        remains.fields = &fields;
        entry = clients_readmit(r->w->clients, &netdump_session_ops, &peer, &peer, &remains, 1,
                                r->now, &why);
        g_assert_null(why);
        g_assert_nonnull(entry);
        g_assert_cmpint(entry->session->facts.phase, ==, PHASE_UNPROVEN);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pending-clients/written", test_written);
    g_test_add_func("/pending-clients/not-written", test_not_written);
    g_test_add_func("/pending-clients/stale", test_stale);
    g_test_add_func("/pending-clients/damaged", test_damaged);
    g_test_add_func("/pending-clients/version-1", test_version_1);
    return g_test_run();
}
