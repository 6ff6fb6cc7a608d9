/* test-console.c - the console store stays within its bounds and loses no text within them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/console_store.h"

#include "unit/scratch.h"

#define NOW (G_GINT64_CONSTANT(4000000000) * G_USEC_PER_SEC) /* 2096: after every file's time */

#define SPAN_HOURS(n) ((gint64)(n)*3600 * G_USEC_PER_SEC)

static ConsoleStore *open_store(const Scratch *s, gint64 now)
{
    g_autoptr(GError) error = NULL;
    ConsoleStore *c = console_store_open(s->fd, s->path, now, &error);
    g_assert_no_error(error);
    return c;
}

static void append(ConsoleStore *c, const char *ip, gint64 now, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(console_store_append(c, ip, now, text, strlen(text), &error), ==, 0);
    g_assert_no_error(error);
}

static ConsoleCounts counts(ConsoleStore *c)
{
    ConsoleCounts n;
    console_store_counts(c, &n);
    return n;
}

static void expect_file(const Scratch *s, const char *name, const char *want)
{
    gsize len = 0;
    g_autofree char *text = scratch_get(s, name, &len);
    g_assert_cmpstr(text, ==, want);
}

static void expect_tail(ConsoleStore *c, const char *ip, gsize max, const char *want)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize len = 0;
    g_assert_cmpint(console_store_tail(c, ip, max, &text, &len, &error), ==, 0);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, want);
    g_assert_cmpuint(len, ==, strlen(want));
}

/* Give a file of the store the time `us`. */
static void set_time(const Scratch *s, const char *name, gint64 us)
{
    const struct timespec t = {.tv_sec = us / G_USEC_PER_SEC};
    const struct timespec times[2] = {t, t};
    g_assert_cmpint(utimensat(s->fd, name, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

static void test_append(void)
{
    Scratch s = scratch_new();
    ConsoleStore *c = open_store(&s, NOW);
    g_assert_cmphex(scratch_mode(&s, "console"), ==, 0700);
    append(c, "10.0.0.5", NOW, "one\n");
    append(c, "fe80::1%2", NOW, "other\n");
    append(c, "10.0.0.5", NOW, "two\n");
    append(c, "10.0.0.6", NOW, "");
    expect_file(&s, "console/10.0.0.5.log", "one\ntwo\n");
    expect_file(&s, "console/fe80::1%2.log", "other\n");
    g_assert_false(scratch_has(&s, "console/10.0.0.6.log"));
    g_assert_cmphex(scratch_mode(&s, "console/10.0.0.5.log"), ==, 0600);
    expect_tail(c, "10.0.0.5", CONSOLE_TAIL, "one\ntwo\n");
    expect_tail(c, "10.0.0.7", CONSOLE_TAIL, "");
    console_store_free(c);
    c = open_store(&s, NOW);
    g_assert_cmpuint(counts(c).machines, ==, 2);
    append(c, "10.0.0.5", NOW, "three\n");
    expect_tail(c, "10.0.0.5", CONSOLE_TAIL, "one\ntwo\nthree\n");
    console_store_free(c);
    scratch_free(&s);
}

static void test_rotation(void)
{
    Scratch s = scratch_new();
    g_autoptr(ConsoleStore) c = open_store(&s, NOW);
    struct stat st;
    guint64 total = 0;
    for (guint line = 0; total < (guint64)5 * CONSOLE_FILE_MAX / 2; line++) {
        char text[1001];
        g_snprintf(text, sizeof text, "%0999u\n", line);
        append(c, "::1", NOW, text);
        total += 1000;
        if (line % 100 == 0) {
            g_assert_cmpint(fstatat(s.fd, "console/::1.log", &st, 0), ==, 0);
            g_assert_cmpint(st.st_size, <=, CONSOLE_FILE_MAX);
        }
    }
    g_assert_cmpuint(counts(c).rotated, ==, 2);
    g_assert_cmpuint(counts(c).machines, ==, 1);
    gsize older = 0;
    gsize newer = 0;
    g_autofree char *text1 = scratch_get(&s, "console/::1.log.1", &older);
    g_autofree char *text2 = scratch_get(&s, "console/::1.log", &newer);
    g_assert_cmpuint(older, ==, 1048000);
    g_assert_cmpuint(newer, ==, total - 2 * older);
    /* Without a gap. */
    text1[older - 1] = 0;
    text2[999] = 0;
    guint64 first = g_ascii_strtoull(text2, NULL, 10);
    guint64 last = g_ascii_strtoull(text1 + older - 1000, NULL, 10);
    g_assert_cmpuint(first, ==, last + 1);
    scratch_free(&s);
}

static void test_huge_append(void)
{
    Scratch s = scratch_new();
    g_autoptr(ConsoleStore) c = open_store(&s, NOW);
    g_autofree char *text = g_strnfill(3 * CONSOLE_FILE_MAX, 'x');
    text[3 * CONSOLE_FILE_MAX - 1] = 'y';
    append(c, "::1", NOW, "small");
    append(c, "::1", NOW, text);
    gsize len = 0;
    g_autofree char *kept = scratch_get(&s, "console/::1.log", &len);
    g_assert_cmpuint(len, ==, CONSOLE_FILE_MAX);
    g_assert_cmpint(kept[len - 1], ==, 'y');
    expect_file(&s, "console/::1.log.1", "small");
    scratch_free(&s);
}

static void test_tail(void)
{
    Scratch s = scratch_new();
    g_assert_cmpint(mkdirat(s.fd, "console", 0700), ==, 0);
    scratch_put(&s, "console/a.log.1", "one\ntwo\nthree\n", 14);
    scratch_put(&s, "console/a.log", "four\nfive\n", 10);
    scratch_put(&s, "console/b.log.1", "only\nthe\nolder\n", 15);
    scratch_put(&s, "console/c.log", "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 9);
    scratch_put(&s, "console/d.log", "0123456789\n", 11);
    scratch_put(&s, "console/e.log", "a\0b\n", 4);
    scratch_put(&s, "console/f.log.1", "broken li", 9);
    scratch_put(&s, "console/f.log", "ne\nnext\n", 8);
    g_autoptr(ConsoleStore) c = open_store(&s, NOW);
    g_assert_cmpuint(counts(c).machines, ==, 6);
    expect_tail(c, "a", 100, "one\ntwo\nthree\nfour\nfive\n");
    expect_tail(c, "a", 24, "one\ntwo\nthree\nfour\nfive\n");
    expect_tail(c, "a", 23, "two\nthree\nfour\nfive\n");
    expect_tail(c, "a", 20, "two\nthree\nfour\nfive\n"); /* begins just at a line's start */
    expect_tail(c, "a", 19, "three\nfour\nfive\n");
    expect_tail(c, "a", 10, "four\nfive\n");
    expect_tail(c, "a", 9, "five\n");
    expect_tail(c, "a", 4, "ive\n"); /* less than a line: what fits */
    expect_tail(c, "a", 0, "");
    expect_tail(c, "b", 9, "older\n");
    expect_tail(c, "c", 7, "\xe2\x82\xac\xe2\x82\xac"); /* no half character */
    expect_tail(c, "d", 5, "6789\n");
    expect_tail(c, "f", 16, "next\n");
    expect_tail(c, "f", 17, "broken line\nnext\n");
    g_autofree char *text = NULL;
    gsize len = 0;
    g_assert_cmpint(console_store_tail(c, "e", 100, &text, &len, NULL), ==, 0);
    assert_bytes(text, len, "a\0b\n", (gsize)4); /* not ours, but no byte is lost */
    scratch_free(&s);
}

static char *ip_of(guint i)
{
    return g_strdup_printf("10.0.%u.%u", i >> 8, i & 255);
}

static void fill(ConsoleStore *c, guint from, guint to, gint64 start)
{
    for (guint i = from; i < to; i++) {
        g_autofree char *ip = ip_of(i);
        append(c, ip, start + i, "x\n");
    }
}

static guint files_in(const Scratch *s)
{
    g_autofree char *path = g_build_filename(s->path, "console", NULL);
    GDir *dir = g_dir_open(path, 0, NULL);
    guint n = 0;
    while (g_dir_read_name(dir))
        n++;
    g_dir_close(dir);
    return n;
}

static void test_limit(void)
{
    Scratch s = scratch_new();
    ConsoleStore *c = open_store(&s, NOW);
    g_autoptr(GError) error = NULL;
    fill(c, 0, CONSOLE_MACHINES, NOW);
    g_assert_cmpuint(counts(c).machines, ==, CONSOLE_MACHINES);
    g_assert_cmpuint(counts(c).open, ==, CONSOLE_OPEN);
    /* The first one speaks again, so that 10.0.0.1 is the one heard longest ago. */
    append(c, "10.0.0.0", NOW + 2000, "y\n");
    g_assert_cmpint(console_store_append(c, "::1", NOW + 2000, "x", 1, &error), ==, EUSERS);
    g_assert_nonnull(strstr(error->message, "is full: 1024 clients"));
    g_assert_cmpint(console_store_append(c, "::1", NOW + CONSOLE_IDLE, "x", 1, NULL), ==, EUSERS);
    g_assert_cmpuint(counts(c).refused, ==, 2);
    g_assert_cmpuint(files_in(&s), ==, CONSOLE_MACHINES);
    append(c, "10.0.3.255", NOW + 3000, "those that are in still may\n");
    /* Idle for an hour: 10.0.0.1 gives way, with both its files. */
    scratch_put(&s, "console/10.0.0.1.log.1", "old", 3);
    append(c, "::1", NOW + 1 + CONSOLE_IDLE, "x\n");
    g_assert_cmpuint(counts(c).evicted, ==, 1);
    g_assert_cmpuint(counts(c).machines, ==, CONSOLE_MACHINES);
    g_assert_false(scratch_has(&s, "console/10.0.0.1.log"));
    g_assert_false(scratch_has(&s, "console/10.0.0.1.log.1"));
    g_assert_cmpint(console_store_append(c, "::2", NOW + 1 + CONSOLE_IDLE, "x", 1, NULL), ==,
                    EUSERS);
    /* A clock that was set back makes nobody idle. */
    g_assert_cmpint(console_store_append(c, "::2", 1, "x", 1, NULL), ==, EUSERS);
    g_assert_cmpuint(files_in(&s), ==, CONSOLE_MACHINES);
    console_store_free(c);
    scratch_free(&s);
}

static void test_limit_over_restart(void)
{
    Scratch s = scratch_new();
    ConsoleStore *c = open_store(&s, NOW);
    fill(c, 0, CONSOLE_MACHINES, NOW);
    console_store_free(c);
    /* The newer of a machine's two files counts. */
    for (guint i = 0; i < CONSOLE_MACHINES; i++) {
        g_autofree char *ip = ip_of(i);
        g_autofree char *name = g_strdup_printf("console/%s.log", ip);
        set_time(&s, name, NOW - SPAN_HOURS(i < 2 ? 3 : 0));
    }
    scratch_put(&s, "console/10.0.0.0.log.1", "x", 1);
    set_time(&s, "console/10.0.0.0.log.1", NOW - SPAN_HOURS(2));
    c = open_store(&s, NOW);
    g_assert_cmpuint(counts(c).machines, ==, CONSOLE_MACHINES);
    append(c, "::1", NOW, "x\n");
    g_assert_false(scratch_has(&s, "console/10.0.0.1.log"));
    g_assert_true(scratch_has(&s, "console/10.0.0.0.log"));
    append(c, "::2", NOW, "x\n");
    g_assert_false(scratch_has(&s, "console/10.0.0.0.log"));
    g_assert_cmpint(console_store_append(c, "::3", NOW, "x", 1, NULL), ==, EUSERS);
    console_store_free(c);
    scratch_free(&s);
}

/* More than the limit on the disk, from elsewhere: those that are idle go, the others are counted.
 */
static void test_too_many_found(void)
{
    Scratch s = scratch_new();
    g_assert_cmpint(mkdirat(s.fd, "console", 0700), ==, 0);
    for (guint i = 0; i < CONSOLE_MACHINES + 3; i++) {
        g_autofree char *ip = ip_of(i);
        g_autofree char *name = g_strdup_printf("console/%s.log", ip);
        scratch_put(&s, name, "x", 1);
        set_time(&s, name, NOW - (i < 2 ? SPAN_HOURS(2) : 0));
    }
    /* A file from the future counts as just written. */
    set_time(&s, "console/10.0.0.9.log", NOW + SPAN_HOURS(1000));
    ConsoleStore *c = open_store(&s, NOW);
    g_assert_cmpuint(counts(c).machines, ==, CONSOLE_MACHINES + 1);
    g_assert_cmpint(console_store_append(c, "::1", NOW, "x", 1, NULL), ==, EUSERS);
    append(c, "::1", NOW + CONSOLE_IDLE, "x");
    g_assert_cmpuint(counts(c).machines, ==, CONSOLE_MACHINES);
    g_assert_cmpuint(counts(c).evicted, ==, 4);
    g_assert_cmpuint(files_in(&s), ==, CONSOLE_MACHINES);
    console_store_free(c);
    scratch_free(&s);
}

static guint descriptors(void)
{
    GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;
    while (dir && g_dir_read_name(dir))
        n++;
    if (dir)
        g_dir_close(dir);
    return n;
}

static void test_descriptors(void)
{
    Scratch s = scratch_new();
    guint before = descriptors();
    ConsoleStore *c = open_store(&s, NOW);
    for (int round = 0; round < 3; round++) {
        fill(c, 0, 200, NOW);
        g_assert_cmpuint(descriptors(), <=, before + 1 + CONSOLE_OPEN);
    }
    console_store_free(c);
    g_assert_cmpuint(descriptors(), ==, before);
    expect_file(&s, "console/10.0.0.77.log", "x\nx\nx\n");
    scratch_free(&s);
}

static void test_removed_by_hand(void)
{
    Scratch s = scratch_new();
    g_autoptr(ConsoleStore) c = open_store(&s, NOW);
    append(c, "::1", NOW, "one\n");
    g_assert_cmpint(unlinkat(s.fd, "console/::1.log", 0), ==, 0);
    append(c, "::1", NOW, "two\n");
    expect_file(&s, "console/::1.log", "two\n");
    g_assert_cmpint(unlinkat(s.fd, "console/::1.log", 0), ==, 0);
    expect_tail(c, "::1", CONSOLE_TAIL, "");
    scratch_free(&s);
}

static void test_planted(void)
{
    Scratch s = scratch_new();
    g_autoptr(ConsoleStore) c = open_store(&s, NOW);
    g_autoptr(GError) error = NULL;
    scratch_plant(&s, "console/::1.log");
    g_assert_cmpint(console_store_append(c, "::1", NOW, "x", 1, &error), ==, ELOOP);
    g_assert_nonnull(strstr(error->message, "/console/::1.log is a symbolic link; remove it"));
    g_assert_cmpuint(counts(c).machines, ==, 0);
    scratch_victim_untouched(&s);
    /* A link at the older name is replaced by the rotation. */
    g_autofree char *half = g_strnfill(CONSOLE_FILE_MAX / 2 + 1, 'x');
    append(c, "::2", NOW, half);
    scratch_plant(&s, "console/::2.log.1");
    append(c, "::2", NOW, half);
    scratch_victim_untouched(&s);
    struct stat st;
    g_assert_cmpint(fstatat(s.fd, "console/::2.log.1", &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_true(S_ISREG(st.st_mode));
    /* And not read by the tail. */
    append(c, "::3", NOW, "x");
    scratch_plant(&s, "console/::3.log.1");
    char *text = NULL;
    gsize len = 0;
    g_assert_cmpint(console_store_tail(c, "::3", CONSOLE_TAIL, &text, &len, NULL), ==, ELOOP);
    g_assert_null(text);
    static const char *const names[] = {"..", "", "../victim", "a/b", "."};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_cmpint(console_store_append(c, names[i], NOW, "x", 1, NULL), ==, EINVAL);
    scratch_free(&s);
}

static void test_planted_directory(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(mkdirat(s.fd, "elsewhere", 0700), ==, 0);
    g_assert_cmpint(symlinkat("elsewhere", s.fd, "console"), ==, 0);
    g_assert_null(console_store_open(s.fd, s.path, NOW, &error));
    g_assert_nonnull(strstr(error->message, "/console is a symbolic link or not a directory"));
    scratch_free(&s);
}

/* Files of others in the directory are neither counted nor touched. */
static void test_foreign(void)
{
    Scratch s = scratch_new();
    g_assert_cmpint(mkdirat(s.fd, "console", 0700), ==, 0);
    g_assert_cmpint(mkdirat(s.fd, "console/d.log", 0700), ==, 0);
    g_assert_cmpint(symlinkat("nowhere", s.fd, "console/l.log"), ==, 0);
    static const char *const names[] = {"README", ".log", "..log", "a b.log", "x.log.2", "log"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_build_filename("console", names[i], NULL);
        scratch_put(&s, name, "x", 1);
    }
    g_autoptr(ConsoleStore) c = open_store(&s, NOW);
    g_assert_cmpuint(counts(c).machines, ==, 0);
    g_assert_cmpuint(files_in(&s), ==, G_N_ELEMENTS(names) + 2);
    scratch_free(&s);
}

static void test_failure(void)
{
    Scratch s = scratch_new();
    g_autoptr(ConsoleStore) c = open_store(&s, NOW);
    g_autoptr(GError) error = NULL;
    append(c, "::1", NOW, "first\n");
    scratch_file_limit(10);
    int err = console_store_append(c, "::1", NOW, "second\n", 7, &error);
    scratch_file_limit(RLIM_INFINITY);
    g_assert_cmpint(err, ==, EFBIG);
    g_assert_nonnull(strstr(error->message, "/console/::1.log: "));
    expect_file(&s, "console/::1.log", "first\n");
    append(c, "::1", NOW, "second\n");
    expect_file(&s, "console/::1.log", "first\nsecond\n");
    scratch_free(&s);
}

static void test_above_2g(void)
{
    Scratch s = scratch_new();
    g_assert_cmpint(mkdirat(s.fd, "console", 0700), ==, 0);
    scratch_put(&s, "console/::1.log", "", 0);
    g_autofree char *path = g_build_filename(s.path, "console/::1.log", NULL);
    if (truncate(path, (off_t)3 << 30) != 0) {
        g_test_skip("no sparse file of 3 GiB can be made here");
    } else {
        int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        g_assert_cmpint(write(fd, "\nlast\n", 6), ==, 6);
        (void)close(fd);
        g_autoptr(ConsoleStore) c = open_store(&s, NOW);
        expect_tail(c, "::1", CONSOLE_TAIL, "last\n");
        append(c, "::1", NOW, "new\n");
        expect_file(&s, "console/::1.log", "new\n");
    }
    scratch_free(&s);
}

static gpointer hammer(gpointer data)
{
    ConsoleStore *c = data;
    for (guint i = 0; i < 400; i++) {
        g_autofree char *ip = ip_of(i % 50);
        append(c, ip, NOW + i, "0123456\n");
        if (i % 20 == 0) {
            g_autofree char *text = NULL;
            gsize len = 0;
            g_assert_cmpint(console_store_tail(c, ip, CONSOLE_TAIL, &text, &len, NULL), ==, 0);
            g_assert_cmpuint(len % 8, ==, 0);
        }
    }
    return NULL;
}

static void test_threads(void)
{
    Scratch s = scratch_new();
    g_autoptr(ConsoleStore) c = open_store(&s, NOW);
    GThread *threads[4];
    for (gsize i = 0; i < 4; i++)
        threads[i] = g_thread_new("hammer", hammer, c);
    for (gsize i = 0; i < 4; i++)
        g_thread_join(threads[i]);
    gsize len = 0;
    g_autofree char *text = scratch_get(&s, "console/10.0.0.7.log", &len);
    g_assert_nonnull(text);
    g_assert_cmpuint(len, ==, 4 * 8 * 8);
    scratch_free(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/console/append", test_append);
    g_test_add_func("/console/rotation", test_rotation);
    g_test_add_func("/console/huge-append", test_huge_append);
    g_test_add_func("/console/tail", test_tail);
    g_test_add_func("/console/limit", test_limit);
    g_test_add_func("/console/limit-over-restart", test_limit_over_restart);
    g_test_add_func("/console/too-many-found", test_too_many_found);
    g_test_add_func("/console/descriptors", test_descriptors);
    g_test_add_func("/console/removed-by-hand", test_removed_by_hand);
    g_test_add_func("/console/planted", test_planted);
    g_test_add_func("/console/planted-directory", test_planted_directory);
    g_test_add_func("/console/foreign", test_foreign);
    g_test_add_func("/console/failure", test_failure);
    g_test_add_func("/console/above-2g", test_above_2g);
    g_test_add_func("/console/threads", test_threads);
    return g_test_run();
}
