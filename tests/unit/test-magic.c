/* test-magic.c - magic on file: found, missing, cached, and never a flood of opens. The clock is
 * the test's own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/magic.h"

#include "capture.h"
#include "scratch.h"

#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>

typedef struct {
    guint32 id;
    int err;
    guint64 magic;
} Reply;

typedef struct {
    Scratch s;
    Dumpdir *dumpdir;
    WorkPool *pool;
    Magic *magic;
    Mono now;
    GArray *replies; /* Reply */
    int inotify;     /* tells of opened files in magic/ */
    Capture capture;
} Bench;

static void on_reply(gpointer user, guint32 id, int err, guint64 magic)
{
    Bench *b = user;
    Reply r = {id, err, magic};

    g_array_append_val(b->replies, r);
}

static Bench *bench_new(void)
{
    Bench *b = g_new0(Bench, 1);
    g_autofree char *path = NULL;

    b->s = scratch_new();
    b->capture = capture_begin();
    b->dumpdir = dumpdir_open(b->s.path, NULL);
    g_assert_nonnull(b->dumpdir);
    g_assert_cmpint(mkdirat(b->s.fd, "magic", 0700), ==, 0);
    b->pool = work_pool_new(4, NULL);
    b->magic = magic_new(b->pool, b->dumpdir, on_reply, b);
    b->now = (Mono){SPAN_S(1000)};
    b->replies = g_array_new(FALSE, FALSE, sizeof(Reply));
    b->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    path = g_build_filename(b->s.path, "magic", NULL);
    g_assert_cmpint(inotify_add_watch(b->inotify, path, IN_OPEN), >, 0);
    return b;
}

static char *bench_free(Bench *b)
{
    char *text;

    magic_stop(b->magic);
    work_pool_free(b->pool);
    magic_free(b->magic);
    dumpdir_free(b->dumpdir);
    text = capture_end(&b->capture);
    scratch_free(&b->s);
    close(b->inotify);
    g_array_unref(b->replies);
    g_free(b);
    return text;
}

/* Files opened since the last call: events of the directory itself have no name. */
static guint opened(const Bench *b)
{
    char buffer[65536] __attribute__((aligned(__alignof__(struct inotify_event))));
    guint n = 0;
    ssize_t got;

    while ((got = read(b->inotify, buffer, sizeof buffer)) > 0)
        for (char *p = buffer; p < buffer + got;) {
            const struct inotify_event *event = (gpointer)p;

            g_assert_cmphex(event->mask & IN_Q_OVERFLOW, ==, 0);
            n += event->len > 0 ? 1 : 0;
            p += sizeof *event + event->len;
        }
    return n;
}

static void put_magic(const Bench *b, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename("magic", name, NULL);

    scratch_put(&b->s, path, text, strlen(text));
}

static NetAddr address(const char *text)
{
    NetAddr a;

    g_assert_true(netaddr_parse(text, &a, NULL));
    return a;
}

static void check(Bench *b, const char *host, gboolean big_endian, guint32 id)
{
    NetAddr a = address(host);

    a.port = (guint16)(1000 + id); /* does not matter */
    magic_check(b->magic, &a, big_endian, id, b->now);
}

/* As the loop does. FALSE if nothing is under way and nothing is due. */
static gboolean turn(Bench *b)
{
    struct pollfd p = {.fd = work_pool_fd(b->pool), .events = POLLIN};
    gboolean due = !mono_before(b->now, magic_deadline(b->magic));

    if (!due && work_pool_jobs(b->pool) == 0)
        return FALSE;
    if (!due)
        g_assert_cmpint(poll(&p, 1, 60000), ==, 1);
    work_pool_dispatch(b->pool);
    if (!mono_before(b->now, magic_deadline(b->magic)))
        magic_tick(b->magic, b->now);
    return TRUE;
}

static void await_replies(Bench *b, guint n)
{
    while (b->replies->len < n)
        g_assert_true(turn(b));
    g_assert_cmpuint(b->replies->len, ==, n);
}

static void expect(const Bench *b, guint i, guint32 id, int err, guint64 magic)
{
    const Reply *r = &g_array_index(b->replies, Reply, i);

    g_assert_cmpuint(r->id, ==, id);
    g_assert_cmpint(r->err, ==, err);
    if (err == 0)
        g_assert_cmphex(r->magic, ==, magic);
}

static void test_kinds(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    put_magic(b, "10.0.0.1", "0123456789abcdef\n");
    put_magic(b, "10.0.0.2", "ABCDEFGH");
    put_magic(b, "10.0.0.3", "nonsense, and too long");
    put_magic(b, "fe80::1%2", "00000000000000ff\n");
    check(b, "10.0.0.1", FALSE, 1);
    check(b, "10.0.0.2", FALSE, 2);
    check(b, "10.0.0.2", TRUE, 3);
    check(b, "10.0.0.3", FALSE, 4);
    check(b, "10.0.0.4", FALSE, 5);
    check(b, "fe80::1%2", FALSE, 6);
    g_assert_cmpuint(b->replies->len, ==, 0);
    await_replies(b, 6);
    expect(b, 0, 1, 0, G_GUINT64_CONSTANT(0x0123456789abcdef));
    expect(b, 1, 2, 0, G_GUINT64_CONSTANT(0x4847464544434241));
    expect(b, 2, 3, 0, G_GUINT64_CONSTANT(0x4546474841424344));
    expect(b, 3, 4, EINVAL, 0);
    expect(b, 4, 5, ENOENT, 0);
    expect(b, 5, 6, 0, 0xff);
    g_assert_false(turn(b));
    text = bench_free(b);
    g_assert_nonnull(strstr(text, "magic/10.0.0.3 is not a magic file"));
    g_assert_null(strstr(text, "10.0.0.4"));
}

/* A result lives for a second, a missing file as well as a magic; then the file counts. */
static void test_cache(void)
{
    Bench *b = bench_new();

    put_magic(b, "10.0.0.1", "0000000000000001\n");
    check(b, "10.0.0.1", FALSE, 1);
    check(b, "10.0.0.2", FALSE, 2);
    await_replies(b, 2);
    put_magic(b, "10.0.0.1", "0000000000000002\n");
    put_magic(b, "10.0.0.2", "0000000000000003\n");
    opened(b);
    b->now = mono_add(b->now, SPAN_S(1) - 1);
    check(b, "10.0.0.1", FALSE, 3);
    check(b, "10.0.0.2", FALSE, 4);
    g_assert_cmpuint(b->replies->len, ==, 4); /* from inside */
    expect(b, 2, 3, 0, 1);
    expect(b, 3, 4, ENOENT, 0);
    g_assert_cmpuint(opened(b), ==, 0);
    b->now = mono_add(b->now, 1);
    check(b, "10.0.0.1", FALSE, 5);
    check(b, "10.0.0.2", FALSE, 6);
    await_replies(b, 6);
    expect(b, 4, 5, 0, 2);
    expect(b, 5, 6, 0, 3);
    g_assert_cmpuint(opened(b), ==, 2);
    g_free(bench_free(b));
}

/* Many calls for one host are one open. */
static void test_coalesced(void)
{
    Bench *b = bench_new();

    put_magic(b, "10.0.0.1", "0000000000000001\n");
    opened(b);
    for (guint32 id = 0; id < 500; id++)
        check(b, "10.0.0.1", FALSE, id);
    await_replies(b, 500);
    for (guint32 id = 0; id < 500; id++)
        expect(b, id, id, 0, 1);
    g_assert_cmpuint(opened(b), ==, 1);
    g_free(bench_free(b));
}

/* From 10,000 hosts at once: those that can wait do, and files are opened at a bounded rate. */
static void test_flood(void)
{
    Bench *b = bench_new();
    g_autofree guint *seen = g_new0(guint, 10000);
    guint refused = 0, n;

    for (guint32 id = 0; id < 10000; id++) {
        g_autofree char *host = g_strdup_printf("10.1.%u.%u", id / 250, id % 250);

        put_magic(b, host, "0000000000000001\n");
    }
    opened(b);
    for (guint32 id = 0; id < 10000; id++) {
        g_autofree char *host = g_strdup_printf("10.1.%u.%u", id / 250, id % 250);

        check(b, host, FALSE, id);
    }
    g_assert_cmpuint(b->replies->len, ==, 10000 - 1024);
    while (turn(b))
        ;
    n = opened(b);
    g_assert_cmpuint(n, >=, 10);
    g_assert_cmpuint(n, <=, 100);
    b->now = mono_add(b->now, SPAN_S(1));
    while (turn(b))
        ;
    g_assert_cmpuint(opened(b), ==, 100); /* no more at once, however long nobody came */
    for (guint i = 0; i < 2000 && b->replies->len < 10000; i++) {
        b->now = mono_add(b->now, SPAN_MS(2));
        while (turn(b))
            ;
        g_assert_cmpuint(opened(b), <=, 2);
    }
    g_assert_cmpuint(b->replies->len, ==, 10000);
    for (guint i = 0; i < 10000; i++) {
        const Reply *r = &g_array_index(b->replies, Reply, i);

        seen[r->id]++;
        refused += r->err == EAGAIN ? 1 : 0;
        g_assert_true(r->err == 0 || r->err == EAGAIN);
    }
    for (guint i = 0; i < 10000; i++)
        g_assert_cmpuint(seen[i], ==, 1);
    g_assert_cmpuint(refused, ==, 10000 - 1024);
    g_free(bench_free(b));
}

/* At the end nobody is called back. */
static void test_stop(void)
{
    Bench *b = bench_new();

    check(b, "10.0.0.1", FALSE, 1);
    check(b, "10.0.0.2", FALSE, 2);
    magic_stop(b->magic);
    while (work_pool_jobs(b->pool) > 0)
        turn(b);
    g_assert_cmpuint(b->replies->len, ==, 0);
    g_free(bench_free(b));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/magic/kinds", test_kinds);
    g_test_add_func("/magic/cache", test_cache);
    g_test_add_func("/magic/coalesced", test_coalesced);
    g_test_add_func("/magic/flood", test_flood);
    g_test_add_func("/magic/stop", test_stop);
    return g_test_run();
}
