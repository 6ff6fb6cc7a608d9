/* test-dumpdir.c - the dump directory: who may use it, its lock, its space, its files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/dumpdir.h"

#include "io/sys/files.h"
#include "unit/scratch.h"

#include <sys/statvfs.h>

static void expect_refusal(const char *path, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Dumpdir) d = dumpdir_open(path, &error);
    g_assert_null(d);
    g_assert_nonnull(error);
    if (!strstr(error->message, words))
        g_error("'%s' is not in: %s", words, error->message);
}

static char *below(const Scratch *s, const char *name)
{
    return g_build_filename(s->path, name, NULL);
}

static void test_made(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = below(&s, "crash");
    mode_t mask = umask(0);
    g_autoptr(Dumpdir) d = dumpdir_open(path, &error);
    (void)umask(mask);
    g_assert_no_error(error);
    g_assert_cmpstr(dumpdir_path(d), ==, path);
    g_assert_cmphex(scratch_mode(&s, "crash"), ==, 0700);
    g_assert_cmphex(scratch_mode(&s, "crash/.netdump-server.lock"), ==, 0600);
    g_assert_cmpint(fcntl(dumpdir_fd(d), F_GETFD), ==, FD_CLOEXEC);
    scratch_free(&s);
}

static void test_relative(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *cwd = g_get_current_dir();
    g_assert_cmpint(fchdir(s.fd), ==, 0);
    g_autoptr(Dumpdir) d = dumpdir_open("crash", &error);
    g_assert_cmpint(chdir(cwd), ==, 0);
    g_assert_no_error(error);
    g_assert_true(g_path_is_absolute(dumpdir_path(d)));
    g_assert_true(g_str_has_suffix(dumpdir_path(d), "/crash"));
    scratch_free(&s);
}

static void test_link_of_the_administrator(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *link = below(&s, "link");
    g_autofree char *real = below(&s, "real");
    g_assert_cmpint(mkdir(real, 0700), ==, 0);
    g_assert_cmpint(symlink(real, link), ==, 0);
    g_autoptr(Dumpdir) d = dumpdir_open(link, &error);
    g_assert_no_error(error);
    g_assert_nonnull(d);
    expect_refusal(real, "another netdump-server");
    scratch_free(&s);
}

static void test_refused(void)
{
    Scratch s = scratch_new();
    g_autofree char *orphan = below(&s, "no/such");
    expect_refusal(orphan, "create its parent directory first");
    g_autofree char *file = below(&s, "file");
    scratch_put(&s, "file", "", 0);
    expect_refusal(file, "Not a directory");
    g_autofree char *open = below(&s, "open");
    g_assert_cmpint(mkdir(open, 0700), ==, 0);
    g_assert_cmpint(chmod(open, 0777), ==, 0);
    expect_refusal(open, "is writable by others (mode 0777); run 'chmod go-w ");
    g_assert_cmpint(chmod(open, 01777), ==, 0);
    expect_refusal(open, "is writable by others (mode 1777)");
    g_assert_cmpint(chmod(open, 0770), ==, 0);
    expect_refusal(open, "is writable by its group (mode 0770)");
    g_assert_cmpint(chmod(open, 0755), ==, 0);
    g_autoptr(Dumpdir) d = dumpdir_open(open, NULL);
    g_assert_nonnull(d);
    scratch_free(&s);
}

static int as_nobody(const Scratch *s)
{
    g_autofree char *shut = below(s, "shut");
    g_autofree char *roots = below(s, "roots");
    g_autofree char *others = below(s, "others");
    gboolean root = geteuid() == 0;
    if (root) {
        g_assert_cmpint(mkdir(roots, 0755), ==, 0);
        g_assert_cmpint(mkdir(others, 0755), ==, 0);
        g_assert_cmpint(chown(others, 4711, 4711), ==, 0);
    }
    scratch_become_nobody(s);
    g_assert_cmpint(mkdir(shut, 0500), ==, 0);
    expect_refusal(shut, "has no write access to the dump directory");
    if (root) {
        expect_refusal(roots, "has no write access to the dump directory");
        expect_refusal(others, "is owned by uid 4711");
    }
    return 0;
}

static void test_permissions(void)
{
    Scratch s = scratch_new();
    g_assert_true(scratch_child(as_nobody, &s));
    scratch_free(&s);
}

static int on_read_only(const Scratch *s)
{
    g_auto(Scratch) disk = SCRATCH_NONE;
    if (!scratch_small_disk(s, "disk", "64k", &disk))
        return 77;
    if (mount("none", disk.path, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) < 0)
        return 77;
    expect_refusal(disk.path, "Read-only file system");
    g_autofree char *path = below(&disk, "crash");
    expect_refusal(path, "Read-only file system");
    return 0;
}

static void test_read_only(void)
{
    Scratch s = scratch_new();
    if (!scratch_child(on_read_only, &s))
        g_test_skip("no mounts of our own are allowed here");
    scratch_free(&s);
}

static void test_lock(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *pid =
        g_strdup_printf("another netdump-server (pid %ld) is using", (long)getpid());
    Dumpdir *first = dumpdir_open(s.path, &error);
    g_assert_no_error(error);
    expect_refusal(s.path, pid);
    scratch_put(&s, ".netdump-server.lock", "junk", 4);
    expect_refusal(s.path, "unknown pid");
    dumpdir_free(first);
    g_autoptr(Dumpdir) second = dumpdir_open(s.path, &error);
    g_assert_no_error(error);
    g_assert_nonnull(second);
    scratch_free(&s);
}

static void test_lock_planted(void)
{
    Scratch s = scratch_new();
    scratch_plant(&s, ".netdump-server.lock");
    expect_refusal(s.path, "is a symbolic link; remove it");
    scratch_victim_untouched(&s);
    g_assert_cmpint(unlinkat(s.fd, ".netdump-server.lock", 0), ==, 0);
    g_assert_cmpint(mkfifoat(s.fd, ".netdump-server.lock", 0600), ==, 0);
    expect_refusal(s.path, "is not a regular file; remove it");
    scratch_free(&s);
}

static void test_space(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Dumpdir) d = dumpdir_open(s.path, &error);
    g_assert_no_error(error);
    DumpdirSpace none, some, all;
    g_assert_cmpint(dumpdir_space(d, 0, &none, &error), ==, 0);
    g_assert_cmpint(dumpdir_space(d, 5, &some, &error), ==, 0);
    g_assert_cmpint(dumpdir_space(d, 100, &all, &error), ==, 0);
    g_assert_cmpuint(none.total, >, 0);
    g_assert_cmpuint(none.available, <=, none.total);
    g_assert_cmpuint(none.usable, ==, none.available);
    g_assert_cmpuint(some.usable, <=, some.available);
    g_assert_cmpuint(all.usable, <, 100); /* what the division left */
    scratch_free(&s);
}

static int on_small_disk(const Scratch *s)
{
    g_auto(Scratch) disk = SCRATCH_NONE;
    if (!scratch_small_disk(s, "disk", "1024k", &disk))
        return 77;
    g_autoptr(Dumpdir) d = dumpdir_open(disk.path, NULL);
    DumpdirSpace space;
    g_assert_nonnull(d);
    scratch_fill(&disk, 512 * 1024);
    g_assert_cmpint(dumpdir_space(d, 25, &space, NULL), ==, 0);
    g_assert_cmpuint(space.total, ==, 1048576);
    g_assert_cmpuint(space.available, ==, 524288);
    g_assert_cmpuint(space.usable, ==, 524288 - 1048576 / 100 * 25);
    g_assert_cmpint(dumpdir_space(d, 60, &space, NULL), ==, 0);
    g_assert_cmpuint(space.usable, ==, 0);
    /* A full disk does not keep a server from starting: dumps may still be there to be finished. */
    g_clear_pointer(&d, dumpdir_free);
    g_assert_cmpint(unlinkat(disk.fd, ".netdump-server.lock", 0), ==, 0);
    scratch_fill(&disk, 0);
    d = dumpdir_open(disk.path, NULL);
    g_assert_nonnull(d);
    return 0;
}

static void test_small_disk(void)
{
    Scratch s = scratch_new();
    if (!scratch_child(on_small_disk, &s))
        g_test_skip("no mounts of our own are allowed here");
    scratch_free(&s);
}

static int on_endless_disk(const Scratch *s)
{
    g_auto(Scratch) disk = SCRATCH_NONE;
    if (!scratch_small_disk(s, "disk", "0", &disk))
        return 77;
    g_autoptr(Dumpdir) d = dumpdir_open(disk.path, NULL);
    DumpdirSpace space;
    g_assert_nonnull(d);
    g_assert_cmpint(dumpdir_space(d, 5, &space, NULL), ==, 0);
    g_assert_cmpuint(space.total, ==, 0);
    g_assert_cmpuint(space.usable, ==, G_MAXUINT64);
    return 0;
}

static void test_endless_disk(void)
{
    Scratch s = scratch_new();
    if (!scratch_child(on_endless_disk, &s))
        g_test_skip("no mounts of our own are allowed here");
    scratch_free(&s);
}

static void make_dump(const Scratch *s, const char *name, gboolean journal)
{
    g_assert_cmpint(mkdirat(s->fd, name, 0700), ==, 0);
    g_autofree char *file = g_strconcat(name, "/journal", NULL);
    if (journal)
        scratch_put(s, file, "x", 1);
}

static void test_unfinished(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Dumpdir) d = dumpdir_open(s.path, &error);
    make_dump(&s, "10.0.0.9-2026-01-02-03:04:05", TRUE);
    make_dump(&s, "10.0.0.10-2026-01-02-03:04:05-2", TRUE);
    make_dump(&s, "fe80::1%2-2026-01-02-03:04:05", TRUE);
    make_dump(&s, "10.0.0.8-2026-01-02-03:04:05", FALSE);
    make_dump(&s, ".hidden", TRUE);
    make_dump(&s, "not ours", TRUE);
    make_dump(&s, "linked-journal", FALSE);
    g_assert_cmpint(symlinkat("../not ours/journal", s.fd, "linked-journal/journal"), ==, 0);
    g_assert_cmpint(symlinkat("not ours", s.fd, "linked-directory"), ==, 0);
    scratch_put(&s, "a-file", "x", 1);
    g_autoptr(GPtrArray) names = dumpdir_unfinished(d, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(names->len, ==, 3);
    g_assert_cmpstr(names->pdata[0], ==, "10.0.0.10-2026-01-02-03:04:05-2");
    g_assert_cmpstr(names->pdata[1], ==, "10.0.0.9-2026-01-02-03:04:05");
    g_assert_cmpstr(names->pdata[2], ==, "fe80::1%2-2026-01-02-03:04:05");
    scratch_free(&s);
}

static void expect_magic(Dumpdir *d, const Scratch *s, const char *bytes, gsize len, gboolean big,
                         guint64 want)
{
    g_autoptr(GError) error = NULL;
    guint64 magic = 0;
    scratch_put(s, "magic/10.0.0.5", bytes, len);
    g_assert_cmpint(dumpdir_magic(d, "10.0.0.5", big, &magic, &error), ==, 0);
    g_assert_no_error(error);
    g_assert_cmphex(magic, ==, want);
}

static void expect_no_magic(Dumpdir *d, const char *ip, int err, const char *words)
{
    g_autoptr(GError) error = NULL;
    guint64 magic = 0x1234;
    g_assert_cmpint(dumpdir_magic(d, ip, FALSE, &magic, &error), ==, err);
    g_assert_nonnull(strstr(error->message, words));
    g_assert_cmphex(magic, ==, 0x1234);
}

static void test_magic(void)
{
    Scratch s = scratch_new();
    g_autoptr(Dumpdir) d = dumpdir_open(s.path, NULL);
    expect_no_magic(d, "10.0.0.5", ENOENT, "/magic");
    g_assert_cmpint(mkdirat(s.fd, "magic", 0700), ==, 0);
    expect_no_magic(d, "10.0.0.5", ENOENT, "/magic/10.0.0.5");
    expect_magic(d, &s, "\x01\x02\x03\x04\x05\x06\x07\x08", 8, FALSE, 0x0807060504030201);
    expect_magic(d, &s, "\x01\x02\x03\x04\x05\x06\x07\x08", 8, TRUE, 0x0506070801020304);
    expect_magic(d, &s, "0123456789abCDEF\n", 17, FALSE, 0x0123456789abcdef);
    expect_magic(d, &s, "0123456789abCDEF\n", 17, TRUE, 0x0123456789abcdef);
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"", "found 0 bytes"},
        {"1234567", "found 7 bytes"},
        {"123456789", "found 9 bytes"},
        {"0123456789abcdef", "found 16 bytes"},
        {"0123456789abcdeg\n", "found 17 bytes of something else"},
        {"0123456789abcdef0", "found 17 bytes of something else"},
        {"0x123456789abcde\n", "found 17 bytes of something else"},
        {"0123456789abcdef\n\n", "found at least 18 bytes"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        scratch_put(&s, "magic/10.0.0.5", wrong[i].text, strlen(wrong[i].text));
        expect_no_magic(d, "10.0.0.5", EINVAL, wrong[i].words);
        expect_no_magic(d, "10.0.0.5", EINVAL, "/magic/10.0.0.5 is not a magic file");
    }
    scratch_free(&s);
}

static void test_magic_planted(void)
{
    Scratch s = scratch_new();
    g_autoptr(Dumpdir) d = dumpdir_open(s.path, NULL);
    g_assert_cmpint(mkdirat(s.fd, "magic", 0700), ==, 0);
    g_assert_cmpint(mkfifoat(s.fd, "magic/10.0.0.1", 0600), ==, 0);
    g_assert_cmpint(mkdirat(s.fd, "magic/10.0.0.2", 0700), ==, 0);
    scratch_put(&s, "eight", "12345678", 8);
    g_assert_cmpint(symlinkat("../eight", s.fd, "magic/10.0.0.3"), ==, 0);
    expect_no_magic(d, "10.0.0.1", EINVAL, "not a regular file");
    expect_no_magic(d, "10.0.0.2", EINVAL, "not a regular file");
    expect_no_magic(d, "10.0.0.3", ELOOP, "symbolic link");
    static const char *const names[] = {"..",  ".",           "",    "../eight",
                                        "a/b", "/etc/passwd", "a b", "a\nb"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        expect_no_magic(d, names[i], EINVAL, "is not a valid file name");
    /* The whole directory as a link. */
    g_assert_cmpint(renameat(s.fd, "magic", s.fd, "elsewhere"), ==, 0);
    scratch_put(&s, "elsewhere/10.0.0.4", "12345678", 8);
    g_assert_cmpint(symlinkat("elsewhere", s.fd, "magic"), ==, 0);
    expect_no_magic(d, "10.0.0.4", ENOTDIR, "a symbolic link or not a directory");
    scratch_free(&s);
}

static void test_names(void)
{
    static const char *const good[] = {"10.0.0.5", "2001:db8::1", "fe80::1%12",
                                       "::1-2026-01-02-03:04:05-999"};
    static const char *const bad[] = {"",  ".",    "..",   "../x", "a/b",
                                      " ", "a\tb", ".log", "a*",   "\xc3\xbc"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(files_name_ok(good[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(files_name_ok(bad[i]));
    g_autofree char *longest = g_strnfill(128, 'a');
    g_autofree char *longer = g_strnfill(129, 'a');
    g_assert_true(files_name_ok(longest));
    g_assert_false(files_name_ok(longer));
    g_assert_false(files_name_ok(NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dumpdir/made", test_made);
    g_test_add_func("/dumpdir/relative", test_relative);
    g_test_add_func("/dumpdir/link-of-the-administrator", test_link_of_the_administrator);
    g_test_add_func("/dumpdir/refused", test_refused);
    g_test_add_func("/dumpdir/permissions", test_permissions);
    g_test_add_func("/dumpdir/read-only", test_read_only);
    g_test_add_func("/dumpdir/lock", test_lock);
    g_test_add_func("/dumpdir/lock-planted", test_lock_planted);
    g_test_add_func("/dumpdir/space", test_space);
    g_test_add_func("/dumpdir/small-disk", test_small_disk);
    g_test_add_func("/dumpdir/endless-disk", test_endless_disk);
    g_test_add_func("/dumpdir/unfinished", test_unfinished);
    g_test_add_func("/dumpdir/magic", test_magic);
    g_test_add_func("/dumpdir/magic-planted", test_magic_planted);
    g_test_add_func("/dumpdir/names", test_names);
    return g_test_run();
}
