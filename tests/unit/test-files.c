/* test-files.c - files are read whole and replaced whole.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "io/sys/files.h"

static void test_read_all(void)
{
    Scratch s = scratch_new();
    g_autofree char *text = NULL, *cut = NULL, *empty = NULL;
    g_autofree char *big = g_malloc0(100000);
    gsize len = 0;

    scratch_put(&s, "small", "a\0b", 3);
    g_assert_cmpint(files_read_all(s.fd, s.path, "small", 100, &text, &len, NULL), ==, 0);
    assert_bytes(text, len + 1, "a\0b", (gsize)4);
    scratch_put(&s, "big", big, 100000);
    g_assert_cmpint(files_read_all(s.fd, s.path, "big", 99999, &cut, &len, NULL), ==, 0);
    assert_bytes(cut, len, big, (gsize)99999);
    scratch_put(&s, "empty", "", 0);
    g_assert_cmpint(files_read_all(s.fd, s.path, "empty", 100, &empty, NULL, NULL), ==, 0);
    g_assert_cmpstr(empty, ==, "");
    scratch_free(&s);
}

static void refuse(const Scratch *s, const char *name, int err, const char *why)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_assert_cmpint(files_read_all(s->fd, s->path, name, 100, &text, NULL, &error), ==, err);
    g_assert_null(text);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, s->path));
    g_assert_nonnull(strstr(error->message, why));
}

static void test_read_refused(void)
{
    Scratch s = scratch_new();

    refuse(&s, "missing", ENOENT, "/missing");
    scratch_plant(&s, "link");
    refuse(&s, "link", ELOOP, "link");
    g_assert_cmpint(mkfifoat(s.fd, "fifo", 0600), ==, 0);
    refuse(&s, "fifo", EINVAL, "regular");
    refuse(&s, ".", EINVAL, "regular");
    scratch_free(&s);
}

/* A pipe gives its bytes piece by piece. */
static void test_read_fd(void)
{
    g_autofree char *text = NULL;
    gsize len = 0;
    int fds[2], status = 0;
    pid_t child;

    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        for (int i = 0; i < 3; i++)
            if (write(fds[1], "abc", 3) != 3)
                _exit(1);
        _exit(0);
    }
    (void)close(fds[1]);
    g_assert_cmpint(files_read_fd(fds[0], 8, &text, &len), ==, 0);
    g_assert_cmpuint(len, ==, 8);
    g_assert_cmpstr(text, ==, "abcabcab");
    (void)close(fds[0]);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
    g_assert_cmpint(files_read_fd(-1, 8, &text, &len), ==, EBADF);
}

static int replace(const Scratch *s, const char *name, const char *text, mode_t mode)
{
    return files_replace(s->fd, s->path, name, text, strlen(text), mode, TRUE, NULL);
}

static void assert_text(const Scratch *s, const char *name, const char *expected)
{
    g_autofree char *text = scratch_get(s, name, NULL);

    g_assert_cmpstr(text, ==, expected);
}

static void test_replace(void)
{
    Scratch s = scratch_new();
    g_autofree char *path = g_build_filename(s.path, "report", NULL);
    mode_t old = umask(077);

    g_assert_cmpint(replace(&s, "report", "one", 0644), ==, 0);
    assert_text(&s, "report", "one");
    g_assert_cmphex(scratch_mode(&s, "report"), ==, 0644);
    g_assert_cmpint(replace(&s, "report", "two", 0600), ==, 0);
    assert_text(&s, "report", "two");
    g_assert_cmphex(scratch_mode(&s, "report"), ==, 0600);
    g_assert_cmpint(replace(&s, ".hidden", "three", 0600), ==, 0);
    g_assert_cmpint(files_replace(AT_FDCWD, "", path, "four", 4, 0600, FALSE, NULL), ==, 0);
    assert_text(&s, "report", "four");
    g_assert_false(scratch_has(&s, ".report.new"));
    g_assert_false(scratch_has(&s, ".hidden.new"));
    (void)umask(old);
    scratch_free(&s);
}

/* The temporary file's name: a leftover goes, a link is not written through, nor is the target. */
static void test_replace_planted(void)
{
    Scratch s = scratch_new();

    scratch_put(&s, ".report.new", "leftover, and a long one", 24);
    g_assert_cmpint(replace(&s, "report", "one", 0600), ==, 0);
    assert_text(&s, "report", "one");
    scratch_plant(&s, ".report.new");
    g_assert_cmpint(replace(&s, "report", "two", 0600), ==, 0);
    assert_text(&s, "report", "two");
    scratch_victim_untouched(&s);
    scratch_plant(&s, "link");
    g_assert_cmpint(replace(&s, "link", "three", 0600), ==, 0);
    assert_text(&s, "link", "three");
    scratch_victim_untouched(&s);
    scratch_free(&s);
}

static int replace_fails(const Scratch *s)
{
    g_autoptr(GError) error = NULL;
    static const char text[4096];

    scratch_file_limit(1000);
    g_assert_cmpint(files_replace(s->fd, s->path, "report", text, sizeof text, 0600, FALSE, &error),
                    ==, EFBIG);
    g_assert_nonnull(strstr(error->message, "/report: "));
    assert_text(s, "report", "old");
    g_assert_false(scratch_has(s, ".report.new"));
    g_clear_error(&error);
    g_assert_cmpint(mkdirat(s->fd, "directory", 0700), ==, 0);
    g_assert_cmpint(files_replace(s->fd, s->path, "directory", "x", 1, 0600, FALSE, &error), ==,
                    EISDIR);
    g_assert_false(scratch_has(s, ".directory.new"));
    return 0;
}

static void test_replace_failure(void)
{
    Scratch s = scratch_new();

    scratch_put(&s, "report", "old", 3);
    g_assert_true(scratch_child(replace_fails, &s));
    scratch_free(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/files/read-all", test_read_all);
    g_test_add_func("/files/read-refused", test_read_refused);
    g_test_add_func("/files/read-fd", test_read_fd);
    g_test_add_func("/files/replace", test_replace);
    g_test_add_func("/files/replace-planted", test_replace_planted);
    g_test_add_func("/files/replace-failure", test_replace_failure);
    return g_test_run();
}
