/* test-journald.c - messages with fields reach a journal, and stderr where there is none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/journald.h"

#include "scratch.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

/* A journal of our own. Returns its socket. */
static int listen_at(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    g_assert_cmpint(s, >=, 0);
    g_strlcpy(sa.sun_path, path, sizeof sa.sun_path);
    g_assert_cmpint(bind(s, (struct sockaddr *)&sa, sizeof sa), ==, 0);
    return s;
}

/* JOURNAL_STREAM as systemd sets it for this descriptor. */
static void name_stream(int fd)
{
    g_autofree char *text = NULL;
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    text = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)st.st_dev,
                           (guint64)st.st_ino);
    g_setenv("JOURNAL_STREAM", text, TRUE);
}

static char *receive(int s)
{
    char *text = g_malloc0(8192);

    return recv(s, text, 8191, 0) < 0 ? (g_free(text), NULL) : text;
}

static void test_fields(void)
{
    Scratch scratch = scratch_new();
    g_autofree char *path = g_build_filename(scratch.path, "socket", NULL);
    int journal = listen_at(path), s;
    JournaldMessage m = {LOG_WARNING, "test", "10.0.0.5", "/dumps/10.0.0.5-x", "10.0.0.5: a = b"};
    g_autofree char *first = NULL, *second = NULL;

    name_stream(STDIN_FILENO);
    s = journald_open(STDIN_FILENO, path);
    g_assert_cmpint(s, >=, 0);
    g_assert_true(journald_send(s, &m));
    first = receive(journal);
    g_assert_cmpstr(first, ==,
                    "PRIORITY=4\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=test\n"
                    "NETDUMP_CLIENT=10.0.0.5\nNETDUMP_DIR=/dumps/10.0.0.5-x\n"
                    "MESSAGE=10.0.0.5: a = b\n");
    m.client = NULL;
    m.dir = "/dumps/a\nPRIORITY=0";
    g_assert_true(journald_send(s, &m));
    second = receive(journal);
    g_assert_cmpstr(second, ==,
                    "PRIORITY=4\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=test\n"
                    "MESSAGE=10.0.0.5: a = b\n");
    close(s);
    close(journal);
    scratch_free(&scratch);
}

static void test_elsewhere(void)
{
    Scratch scratch = scratch_new();
    g_autofree char *path = g_build_filename(scratch.path, "socket", NULL);
    g_autofree char *none = g_build_filename(scratch.path, "none", NULL);
    int journal = listen_at(path);

    g_unsetenv("JOURNAL_STREAM");
    g_assert_cmpint(journald_open(STDIN_FILENO, path), ==, -1);
    g_setenv("JOURNAL_STREAM", "1:1", TRUE);
    g_assert_cmpint(journald_open(STDIN_FILENO, path), ==, -1);
    name_stream(STDIN_FILENO);
    g_assert_cmpint(journald_open(journal, path), ==, -1);
    g_assert_cmpint(journald_open(STDIN_FILENO, none), ==, -1);
    g_assert_cmpint(journald_open(-1, path), ==, -1);
    close(journal);
    scratch_free(&scratch);
}

/* A journal that reads nothing must not hold us up: its queue is full sooner or later. */
static void test_stuck(void)
{
    Scratch scratch = scratch_new();
    g_autofree char *path = g_build_filename(scratch.path, "socket", NULL);
    int journal = listen_at(path), s;
    JournaldMessage m = {.priority = LOG_INFO, .ident = "test", .message = "text"};
    guint sent = 0;

    name_stream(STDIN_FILENO);
    s = journald_open(STDIN_FILENO, path);
    while (sent < 1000000 && journald_send(s, &m))
        sent++;
    g_assert_cmpuint(sent, >, 0);
    g_assert_cmpuint(sent, <, 1000000);
    close(journal);
    g_assert_false(journald_send(s, &m)); /* and one that is gone */
    close(s);
    scratch_free(&scratch);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journald/fields", test_fields);
    g_test_add_func("/journald/elsewhere", test_elsewhere);
    g_test_add_func("/journald/stuck", test_stuck);
    return g_test_run();
}
