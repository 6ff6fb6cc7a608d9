/* test-log.c - what reaches stderr: escaped, stamped, limited; from many threads too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/log.h"

#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static Capture stderr_file;

static void capture(void)
{
    stderr_file = capture_begin();
}

static char *captured(void)
{
    return capture_end(&stderr_file);
}

/* Without the time that log_open() puts in front. */
static void expect_line(const char *message, const char *expected)
{
    g_autofree char *text = NULL;
    g_autofree char *want = g_strdup_printf("test: %s\n", expected);

    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    log_info("%s", message);
    text = captured();
    log_close();
    g_assert_cmpstr(strstr(text, "test: "), ==, want);
}

static void test_escape(void)
{
    g_autofree char *big = g_strnfill(5000, 'x'), *cut = g_strnfill(2048, 'x');
    g_autofree char *cut_text = g_strconcat(cut, " [...]", NULL);

    expect_line("plain", "plain");
    expect_line("newline at the end\n", "newline at the end");
    expect_line("two\nlines\n\n", "two\\nlines");
    expect_line("\rtest: forged\x1b[2J\x7f", "\\x0dtest: forged\\x1b[2J\\x7f");
    expect_line("tab\tand b\xc3\xbc"
                "cher",
                "tab and b\xc3\xbc"
                "cher");
    expect_line("bad \xff utf-8 \xc3", "bad \\xff utf-8 \\xc3");
    expect_line("C1 \xc2\x9b and right-to-left \xe2\x80\xae",
                "C1 \\xc2\\x9b and right-to-left \\xe2\\x80\\xae");
    expect_line(big, cut_text);
    expect_line("", "");
}

static void test_stamp(void)
{
    g_autofree char *text = NULL;

    g_unsetenv("JOURNAL_STREAM");
    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    log_warning("low on %s", "tea");
    text = captured();
    log_close();
    g_assert_true(g_regex_match_simple(
        "^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3} test: warning: low on tea\\n$", text,
        0, 0));
}

/* journald adds the time itself. */
static void test_no_stamp(void)
{
    g_autofree char *text = NULL;

    g_setenv("JOURNAL_STREAM", "1:2", TRUE);
    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    log_error("out of tea");
    text = captured();
    log_close();
    g_unsetenv("JOURNAL_STREAM");
    g_assert_cmpstr(text, ==, "test: error: out of tea\n");
}

static void test_verbose(void)
{
    g_autofree char *text = NULL;

    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    log_debug("dropped");
    log_set_verbose(TRUE);
    g_assert_true(log_is_verbose());
    log_debug("kept");
    text = captured();
    log_close();
    log_set_verbose(FALSE);
    g_assert_null(strstr(text, "dropped"));
    g_assert_nonnull(strstr(text, "test: kept\n"));
}

static void test_about(void)
{
    g_autofree char *text = NULL;
    LogAbout about = {.client = "10.0.0.5\n", .dir = "/x"};

    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    log_about(LOG_INFO, &about, "crashed");
    text = captured();
    log_close();
    g_assert_nonnull(strstr(text, "test: 10.0.0.5: crashed\n"));
}

static void test_lines(void)
{
    g_autofree char *text = NULL;

    g_setenv("JOURNAL_STREAM", "1:2", TRUE);
    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    log_error("one");
    log_error("two");
    text = captured();
    log_close();
    g_unsetenv("JOURNAL_STREAM");
    g_assert_cmpstr(text, ==, "test: error: one\ntest: error: two\n");
}

static void test_limit(void)
{
    LogLimit limit = LOG_LIMIT(3, SPAN_S(10));
    Mono t = {1000000};
    g_autofree char *text = NULL;
    guint logged = 0;

    g_setenv("JOURNAL_STREAM", "1:2", TRUE);
    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    for (int i = 0; i < 8; i++)
        logged += log_limited(&limit, t, LOG_INFO, NULL, "junk %d", i) ? 1 : 0;
    g_assert_cmpuint(logged, ==, 3);
    g_assert_cmpint(mono_diff(log_limit_deadline(&limit), t), ==, SPAN_S(10));
    log_limit_tick(&limit, mono_add(t, SPAN_S(9))); /* too early: says nothing */
    log_limit_tick(&limit, mono_add(t, SPAN_S(10)));
    g_assert_cmpint(log_limit_deadline(&limit).us, ==, MONO_NEVER.us);
    t = mono_add(t, SPAN_S(10));
    g_assert_true(log_limited(&limit, t, LOG_INFO, NULL, "again"));
    g_assert_false(log_limited(&limit, t, LOG_WARNING, NULL, "lost"));
    t = mono_add(t, SPAN_S(3600));
    g_assert_true(log_limited(&limit, t, LOG_INFO, NULL, "an hour later"));
    text = captured();
    log_close();
    g_unsetenv("JOURNAL_STREAM");
    g_assert_cmpstr(text, ==,
                    "test: junk 0\n"
                    "test: junk 1\n"
                    "test: junk 2\n"
                    "test: 5 similar messages were suppressed in the last 10 s\n"
                    "test: again\n"
                    "test: warning: 1 similar message was suppressed in the last 3600 s\n"
                    "test: an hour later\n");
}

/* Over a long time exactly the burst and one for each interval get through. */
static void test_limit_rate(void)
{
    LogLimit limit = LOG_LIMIT(5, SPAN_S(2));
    guint logged = 0;

    capture();
    for (int ms = 0; ms < 100000; ms += 7)
        logged += log_limited(&limit, (Mono){SPAN_MS(ms) + 1}, LOG_INFO, NULL, "x") ? 1 : 0;
    g_free(captured());
    g_assert_cmpuint(logged, ==, 5 + 49);
}

static gpointer many(gpointer name)
{
    for (int i = 0; i < 500; i++)
        log_info("%s %d", (const char *)name, i);
    return NULL;
}

/* Lines of several threads come whole. */
static void test_threads(void)
{
    GThread *threads[4];
    static char names[4][8] = {"aaaaaaa", "bbbbbbb", "ccccccc", "ddddddd"};
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    g_setenv("JOURNAL_STREAM", "1:2", TRUE);
    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    for (int i = 0; i < 4; i++)
        threads[i] = g_thread_new(NULL, many, names[i]);
    for (int i = 0; i < 4; i++)
        g_thread_join(threads[i]);
    text = captured();
    log_close();
    g_unsetenv("JOURNAL_STREAM");
    lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4 * 500 + 1);
    for (int i = 0; i < 4 * 500; i++)
        g_assert_true(g_regex_match_simple("^test: ([abcd])\\1{6} \\d+$", lines[i], 0, 0));
}

static void test_errno(void)
{
    capture();
    errno = ENOSPC;
    log_info("x");
    g_free(captured());
    g_assert_cmpint(errno, ==, ENOSPC);
}

/* On a terminal of 20 columns: progress is cut, made way for, and put back. */
static void test_progress(void)
{
    int saved_stderr, master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    struct winsize size = {.ws_row = 5, .ws_col = 20};
    char text[512] = "";
    static const char expected[] = "50 % of everything "
                                   "\r\x1b[Ktest: hello\r\n50 % of everything "
                                   "\r\x1b[K";
    gsize got = 0;
    ssize_t n = 1;

    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
        g_test_skip("no pseudo-terminals here");
        return;
    }
    g_assert_cmpint(ioctl(master, TIOCSWINSZ, &size), ==, 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    g_assert_cmpint(slave, >=, 0);
    saved_stderr = dup(STDERR_FILENO);
    g_assert_cmpint(dup2(slave, STDERR_FILENO), >=, 0);

    log_open("test", LOG_TO_STDERR, FALSE);
    g_assert_true(log_has_progress());
    log_progress("50 % of everything there is");
    log_info("hello");
    log_progress(NULL);
    log_close();
    g_assert_cmpint(dup2(saved_stderr, STDERR_FILENO), >=, 0);
    close(saved_stderr);

    /* The terminal hands it over in pieces of its own. */
    for (; n > 0 && got < sizeof expected - 1; got += (gsize)MAX(n, 0))
        n = read(master, text + got, sizeof text - 1 - got);
    close(slave);
    close(master);
    g_assert_cmpstr(text, ==, expected);
}

static void test_no_progress(void)
{
    g_autofree char *text = NULL;

    capture();
    log_open("test", LOG_TO_STDERR, FALSE);
    g_assert_false(log_has_progress());
    log_progress("50 %");
    text = captured();
    log_close();
    g_assert_cmpstr(text, ==, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/escape", test_escape);
    g_test_add_func("/log/stamp", test_stamp);
    g_test_add_func("/log/no-stamp", test_no_stamp);
    g_test_add_func("/log/verbose", test_verbose);
    g_test_add_func("/log/about", test_about);
    g_test_add_func("/log/lines", test_lines);
    g_test_add_func("/log/limit", test_limit);
    g_test_add_func("/log/limit-rate", test_limit_rate);
    g_test_add_func("/log/threads", test_threads);
    g_test_add_func("/log/errno", test_errno);
    g_test_add_func("/log/progress", test_progress);
    g_test_add_func("/log/no-progress", test_no_progress);
    return g_test_run();
}
