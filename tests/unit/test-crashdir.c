/* test-crashdir.c - a dump's directory, its log and its info.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/crashdir.h"

#include "unit/scratch.h"

#define WHEN                                                                                       \
    (G_GINT64_CONSTANT(1767323045) * G_USEC_PER_SEC + 999999) /* 2026-01-02 03:04:05 UTC           \
                                                               */

static Crashdir *create(const Scratch *s, const char *ip)
{
    g_autoptr(GError) error = NULL;
    Crashdir *dir = NULL;
    g_assert_cmpint(crashdir_create(s->fd, s->path, ip, WHEN, &dir, &error), ==, 0);
    g_assert_no_error(error);
    return dir;
}

static char *get(const Scratch *s, const Crashdir *dir, const char *name, gsize *len)
{
    g_autofree char *path = g_build_filename(crashdir_name(dir), name, NULL);
    return scratch_get(s, path, len);
}

static void expect_text(const Scratch *s, const Crashdir *dir, const char *name, const char *want)
{
    gsize len = 0;
    g_autofree char *text = get(s, dir, name, &len);
    g_assert_cmpstr(text, ==, want);
}

static void test_names(void)
{
    Scratch s = scratch_new();
    g_autoptr(Crashdir) one = create(&s, "10.0.0.5");
    g_autoptr(Crashdir) two = create(&s, "10.0.0.5");
    g_autoptr(Crashdir) three = create(&s, "10.0.0.5");
    g_autoptr(Crashdir) six = create(&s, "fe80::1%2");
    g_assert_cmpstr(crashdir_name(one), ==, "10.0.0.5-2026-01-02-05:04:05");
    g_assert_cmpstr(crashdir_name(two), ==, "10.0.0.5-2026-01-02-05:04:05-2");
    g_assert_cmpstr(crashdir_name(three), ==, "10.0.0.5-2026-01-02-05:04:05-3");
    g_assert_cmpstr(crashdir_name(six), ==, "fe80::1%2-2026-01-02-05:04:05");
    g_autofree char *path = g_build_filename(s.path, crashdir_name(one), NULL);
    g_assert_cmpstr(crashdir_path(one), ==, path);
    g_assert_cmphex(scratch_mode(&s, crashdir_name(one)), ==, 0700);
    g_assert_cmpint(fcntl(crashdir_fd(one), F_GETFD), ==, FD_CLOEXEC);
    scratch_free(&s);
}

static void test_hostile(void)
{
    Scratch s = scratch_new();
    static const char *const ips[] = {"..", "", ".", "/", "../x", "a/b", "a b", "a\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(ips); i++) {
        g_autoptr(GError) error = NULL;
        Crashdir *dir = NULL;
        g_assert_cmpint(crashdir_create(s.fd, s.path, ips[i], WHEN, &dir, &error), ==, EINVAL);
        g_assert_nonnull(error);
        g_clear_error(&error);
        g_assert_cmpint(crashdir_open(s.fd, s.path, ips[i], &dir, &error), ==, EINVAL);
        g_assert_null(dir);
    }
    static const gint64 times[] = {G_MAXINT64, G_MININT64};
    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        Crashdir *dir = NULL;
        g_assert_cmpint(crashdir_create(s.fd, s.path, "::1", times[i], &dir, NULL), ==, EINVAL);
    }
    scratch_free(&s);
}

/* A link with the name that we are about to take is no directory of ours. */
static void test_planted_directory(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(mkdirat(s.fd, "elsewhere", 0700), ==, 0);
    g_assert_cmpint(symlinkat("elsewhere", s.fd, "10.0.0.5-2026-01-02-05:04:05"), ==, 0);
    g_autoptr(Crashdir) dir = create(&s, "10.0.0.5");
    g_assert_cmpstr(crashdir_name(dir), ==, "10.0.0.5-2026-01-02-05:04:05-2");
    Crashdir *linked = NULL;
    g_assert_cmpint(crashdir_open(s.fd, s.path, "10.0.0.5-2026-01-02-05:04:05", &linked, &error),
                    ==, ENOTDIR);
    g_assert_nonnull(strstr(error->message, "a symbolic link or not a directory"));
    g_clear_error(&error);
    g_assert_cmpint(crashdir_open(s.fd, s.path, "no-such", &linked, &error), ==, ENOENT);
    scratch_free(&s);
}

static int cannot_be_made(const Scratch *s)
{
    scratch_become_nobody(s);
    g_assert_cmpint(fchmod(s->fd, 0500), ==, 0);
    g_autoptr(GError) error = NULL;
    Crashdir *dir = NULL;
    g_assert_cmpint(crashdir_create(s->fd, s->path, "::1", WHEN, &dir, &error), ==, EACCES);
    g_assert_nonnull(strstr(error->message, "cannot create directory"));
    g_assert_nonnull(strstr(error->message, s->path));
    g_assert_cmpint(fchmod(s->fd, 0700), ==, 0);
    return 0;
}

static void test_cannot_be_made(void)
{
    Scratch s = scratch_new();
    g_assert_true(scratch_child(cannot_be_made, &s));
    scratch_free(&s);
}

static void append(Crashdir *dir, const char *text, guint64 limit)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(crashdir_append_log(dir, text, strlen(text), limit, &error), ==, 0);
    g_assert_no_error(error);
}

static void test_log(void)
{
    Scratch s = scratch_new();
    Crashdir *dir = create(&s, "::1");
    append(dir, "", 100);
    expect_text(&s, dir, "log", NULL);
    append(dir, "one\n", 100);
    append(dir, "two\n", 100);
    expect_text(&s, dir, "log", "one\ntwo\n");
    g_autofree char *name = g_strdup(crashdir_name(dir));
    g_autofree char *log = g_build_filename(name, "log", NULL);
    g_assert_cmphex(scratch_mode(&s, log), ==, 0600);
    crashdir_free(dir);
    g_assert_cmpint(crashdir_open(s.fd, s.path, name, &dir, NULL), ==, 0);
    append(dir, "three\n", 100);
    expect_text(&s, dir, "log", "one\ntwo\nthree\n");
    crashdir_free(dir);
    scratch_free(&s);
}

static void test_log_limit(void)
{
    static const char end[] = "[netdump-server: log truncated at 10 bytes]\n";
    static const struct {
        const char *parts[3];
        const char *kept;
    } cases[] = {
        {{"0123456789", NULL}, "0123456789"},       /* just full says nothing yet */
        {{"0123456789", "x", "y"}, "0123456789\n"}, /* the line is said once */
        {{"012345678\n", "x", "y"}, "012345678\n"}, /* without an empty line */
        {{"01234567890123", "x", NULL}, "0123456789\n"},
        {{"12345678\xe2\x82\xac", "x", NULL}, "12345678\n"}, /* no half character */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        /* With a restart between any two parts, or none. */
        for (int restart = 0; restart < 2; restart++) {
            Scratch s = scratch_new();
            Crashdir *dir = create(&s, "::1");
            for (gsize p = 0; p < 3 && cases[i].parts[p]; p++) {
                append(dir, cases[i].parts[p], 10);
                if (restart) {
                    g_autofree char *name = g_strdup(crashdir_name(dir));
                    crashdir_free(dir);
                    g_assert_cmpint(crashdir_open(s.fd, s.path, name, &dir, NULL), ==, 0);
                }
            }
            g_autofree char *want = g_strconcat(cases[i].kept, i == 0 ? "" : end, NULL);
            expect_text(&s, dir, "log", want);
            crashdir_free(dir);
            scratch_free(&s);
        }
    }
}

static void test_log_above_2g(void)
{
    Scratch s = scratch_new();
    const guint64 big = (guint64)5 << 30;
    g_autoptr(Crashdir) dir = create(&s, "::1");
    append(dir, "x", big);
    int fd = openat(crashdir_fd(dir), "log", O_WRONLY | O_CLOEXEC);
    if (ftruncate(fd, (off_t)big - 2) != 0) {
        g_test_skip("no sparse file of 5 GiB can be made here");
    } else {
        struct stat st;
        append(dir, "abc", big);
        g_assert_cmpint(fstat(fd, &st), ==, 0);
        g_assert_cmpint(st.st_size, >, (off_t)big);
        g_assert_cmpint(st.st_size, <, (off_t)big + 200);
        off_t size = st.st_size;
        append(dir, "abc", big);
        g_assert_cmpint(fstat(fd, &st), ==, 0);
        g_assert_cmpint(st.st_size, ==, size);
    }
    (void)close(fd);
    scratch_free(&s);
}

/* What could be written only in part is taken back, so that a repeat does not double it. */
static void test_log_failure(void)
{
    Scratch s = scratch_new();
    g_autoptr(Crashdir) dir = create(&s, "::1");
    g_autoptr(GError) error = NULL;
    append(dir, "first\n", 100);
    scratch_file_limit(10);
    int err = crashdir_append_log(dir, "second\n", 7, 100, &error);
    scratch_file_limit(RLIM_INFINITY);
    g_assert_cmpint(err, ==, EFBIG);
    g_assert_nonnull(strstr(error->message, "/log: "));
    expect_text(&s, dir, "log", "first\n");
    append(dir, "second\n", 100);
    expect_text(&s, dir, "log", "first\nsecond\n");
    /* The same at the line that ends a log. */
    scratch_file_limit(20);
    err = crashdir_append_log(dir, "third\n", 6, 14, NULL);
    scratch_file_limit(RLIM_INFINITY);
    g_assert_cmpint(err, ==, EFBIG);
    expect_text(&s, dir, "log", "first\nsecond\n");
    scratch_free(&s);
}

static void test_planted_files(void)
{
    Scratch s = scratch_new();
    g_autoptr(Crashdir) dir = create(&s, "::1");
    Scratch in = {.path = g_strdup(crashdir_path(dir)), .fd = crashdir_fd(dir)};
    g_autoptr(GError) error = NULL;
    scratch_plant(&in, "log");
    g_assert_cmpint(crashdir_append_log(dir, "x", 1, 100, &error), ==, ELOOP);
    g_assert_nonnull(strstr(error->message, "/log is a symbolic link; remove it"));
    scratch_victim_untouched(&in);
    g_clear_error(&error);
    g_assert_cmpint(unlinkat(in.fd, "log", 0), ==, 0);
    g_assert_cmpint(mkfifoat(in.fd, "log", 0600), ==, 0);
    g_assert_cmpint(crashdir_append_log(dir, "x", 1, 100, NULL), ==, EINVAL);
    /* info and its temporary are replaced, not followed. */
    const CrashdirInfo info = {"result", "whole"};
    scratch_plant(&in, "info");
    scratch_plant(&in, ".info.new");
    g_assert_cmpint(crashdir_write_info(dir, &info, 1, &error), ==, 0);
    expect_text(&s, dir, "info", "result=whole\n");
    scratch_victim_untouched(&in);
    g_assert_cmphex(scratch_mode(&in, "info"), ==, 0600);
    g_assert_cmpint(unlinkat(in.fd, "info", 0), ==, 0);
    g_assert_cmpint(mkdirat(in.fd, "info", 0700), ==, 0);
    g_assert_cmpint(crashdir_write_info(dir, &info, 1, &error), ==, EISDIR);
    g_assert_false(scratch_has(&in, ".info.new"));
    g_free(in.path);
    scratch_free(&s);
}

static void test_info(void)
{
    Scratch s = scratch_new();
    g_autoptr(Crashdir) dir = create(&s, "::1");
    g_autoptr(GError) error = NULL;
    const CrashdirInfo pairs[] = {
        {"client", "10.0.0.5"},
        {"magic", NULL},
        {"page_size", "4096"},
        {"result", ""},
        {"reason", "a\nb=c\r\t\x1b[2J gr\xc3\xbc\xc3\x9f\xff"},
    };
    g_assert_cmpint(crashdir_write_info(dir, pairs, G_N_ELEMENTS(pairs), &error), ==, 0);
    g_assert_no_error(error);
    expect_text(&s, dir, "info",
                "client=10.0.0.5\npage_size=4096\nresult=\n"
                "reason=a\\x0ab=c\\x0d\\x09\\x1b[2J gr\xc3\xbc\xc3\x9f\\xff\n");
    static const char *const bad[] = {"", "a b", "A", "a=", "a\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        const CrashdirInfo pair = {bad[i], "x"};
        g_assert_cmpint(crashdir_write_info(dir, &pair, 1, NULL), ==, EINVAL);
    }
    g_assert_cmpint(crashdir_write_info(dir, NULL, 0, &error), ==, 0);
    expect_text(&s, dir, "info", "");
    scratch_free(&s);
}

static void test_info_failure(void)
{
    Scratch s = scratch_new();
    g_autoptr(Crashdir) dir = create(&s, "::1");
    g_autoptr(GError) error = NULL;
    const CrashdirInfo before = {"result", "dumping"};
    const CrashdirInfo after = {"result", "this is more than the disk takes"};
    g_assert_cmpint(crashdir_write_info(dir, &before, 1, NULL), ==, 0);
    scratch_file_limit(20);
    int err = crashdir_write_info(dir, &after, 1, &error);
    scratch_file_limit(RLIM_INFINITY);
    g_assert_cmpint(err, ==, EFBIG);
    g_assert_nonnull(strstr(error->message, "/info: "));
    expect_text(&s, dir, "info", "result=dumping\n");
    expect_text(&s, dir, ".info.new", NULL);
    g_assert_cmpint(crashdir_write_info(dir, &after, 1, NULL), ==, 0);
    expect_text(&s, dir, "info", "result=this is more than the disk takes\n");
    scratch_free(&s);
}

static int on_full_disk(const Scratch *s)
{
    g_auto(Scratch) disk = SCRATCH_NONE;
    if (!scratch_small_disk(s, "disk", "256k", &disk))
        return 77;
    g_autoptr(Crashdir) dir = create(&disk, "::1");
    const CrashdirInfo before = {"result", "dumping"};
    const CrashdirInfo after = {"result", "incomplete"};
    g_autofree char *text = g_strnfill(100000, 'x');
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(crashdir_write_info(dir, &before, 1, NULL), ==, 0);
    append(dir, "first\n", G_MAXUINT64);
    scratch_fill(&disk, 0);
    /* Over the old one, where there is one. */
    g_assert_cmpint(crashdir_write_info(dir, &after, 1, NULL), ==, 0);
    expect_text(&disk, dir, "info", "result=incomplete\n");
    expect_text(&disk, dir, ".info.new", NULL);
    g_assert_cmpint(unlinkat(crashdir_fd(dir), "info", 0), ==, 0);
    scratch_fill(&disk, 0);
    g_assert_cmpint(crashdir_write_info(dir, &after, 1, &error), ==, ENOSPC);
    g_assert_nonnull(strstr(error->message, "No space left"));
    g_assert_cmpint(crashdir_append_log(dir, text, 100000, G_MAXUINT64, NULL), ==, ENOSPC);
    expect_text(&disk, dir, "log", "first\n");
    g_assert_cmpint(unlinkat(disk.fd, "ballast", 0), ==, 0);
    g_assert_cmpint(crashdir_write_info(dir, &after, 1, NULL), ==, 0);
    expect_text(&disk, dir, "info", "result=incomplete\n");
    append(dir, text, G_MAXUINT64);
    return 0;
}

/* The last words of a machine whose dump has filled the disk. */
static int on_reserved_log(const Scratch *s)
{
    g_auto(Scratch) disk = SCRATCH_NONE;
    if (!scratch_small_disk(s, "disk", "1m", &disk))
        return 77;
    g_autoptr(Crashdir) dir = create(&disk, "::1");
    g_autofree char *text = g_strnfill(100000, 'x');
    g_assert_cmpint(crashdir_reserve_log(dir, NULL), ==, 0);
    expect_text(&disk, dir, "log", "");
    scratch_fill(&disk, 0);
    append(dir, text, G_MAXUINT64);
    expect_text(&disk, dir, "log", text);
    return 0;
}

static void test_reserved_log(void)
{
    Scratch s = scratch_new();
    if (!scratch_child(on_reserved_log, &s))
        g_test_skip("no mounts of our own are allowed here");
    scratch_free(&s);
}

static void test_full_disk(void)
{
    Scratch s = scratch_new();
    if (!scratch_child(on_full_disk, &s))
        g_test_skip("no mounts of our own are allowed here");
    scratch_free(&s);
}

int main(int argc, char **argv)
{
    /* Before the first look at the clock: two hours east of Greenwich, whatever is set here. */
    (void)g_setenv("TZ", "<+02>-2", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crashdir/names", test_names);
    g_test_add_func("/crashdir/hostile", test_hostile);
    g_test_add_func("/crashdir/planted-directory", test_planted_directory);
    g_test_add_func("/crashdir/cannot-be-made", test_cannot_be_made);
    g_test_add_func("/crashdir/log", test_log);
    g_test_add_func("/crashdir/log-limit", test_log_limit);
    g_test_add_func("/crashdir/log-above-2g", test_log_above_2g);
    g_test_add_func("/crashdir/log-failure", test_log_failure);
    g_test_add_func("/crashdir/log-reserved", test_reserved_log);
    g_test_add_func("/crashdir/planted-files", test_planted_files);
    g_test_add_func("/crashdir/info", test_info);
    g_test_add_func("/crashdir/info-failure", test_info_failure);
    g_test_add_func("/crashdir/full-disk", test_full_disk);
    return g_test_run();
}
