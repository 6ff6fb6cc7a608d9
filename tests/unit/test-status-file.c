/* test-status-file.c - the status file: what is written is read again; what is hostile is not
 * believed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/status_file.h"

#include "core/base/limits.h"
#include "unit/scratch.h"

static const StatusServer server = {
    .status_version = 1,
    .version = "2.0.0",
    .pid = 4711,
    .written = 1700000000,
    .udp_port = 6666,
    .dumpdir = "/var/spool/crash",
    .dumps_running = 2,
    .dumps_max = 4,
    .complete = 10,
    .incomplete = 11,
    .not_dumped = 12,
    .bytes = G_MAXUINT64 - 1,
    .packets_received = 13,
    .packets_not_allowed = 14,
    .packets_malformed = 15,
};

static const StatusClient client = {
    .address = "fe80::1%2",
    .port = 6666,
    .state = "dumping",
    .page_size = 4096,
    .pages = 1048576,
    .pages_done = 1000,
    .bytes_per_second = 123456789,
    .seconds_left = STATUS_UNKNOWN,
    .retransmitted_pages = 3,
    .directory = "/var/spool/crash/fe80::1%2-2026-01-02-03:04:05",
};

static void write_file(const Scratch *s, const GString *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(status_file_write(s->fd, s->path, text, &error), ==, 0);
    g_assert_no_error(error);
}

static StatusFile *read_file(const Scratch *s)
{
    g_autoptr(GError) error = NULL;
    StatusFile *file = status_file_read(s->path, &error);

    g_assert_no_error(error);
    return file;
}

/* The format as version 1.0 had it: programs may read it. */
static void test_format(void)
{
    Scratch s = scratch_new();
    GString *text = status_file_begin(&server);
    g_autofree char *got = NULL;
    gsize len;

    status_file_add(text, &client);
    write_file(&s, text);
    got = scratch_get(&s, STATUS_FILE, &len);
    g_assert_cmpstr(got, ==,
                    "status_version=1\tversion=2.0.0\tpid=4711\twritten=1700000000\tudp_port=6666\t"
                    "dumpdir=/var/spool/crash\tdumps_running=2\tdumps_max=4\tcomplete=10\t"
                    "incomplete=11\tnot_dumped=12\tbytes=18446744073709551614\t"
                    "packets_received=13\tpackets_not_allowed=14\tpackets_malformed=15\n"
                    "address=fe80::1%2\tport=6666\tstate=dumping\tpage_size=4096\tpages=1048576\t"
                    "pages_done=1000\tbytes_per_second=123456789\tretransmitted_pages=3\t"
                    "directory=/var/spool/crash/fe80::1%2-2026-01-02-03:04:05\n");
    g_assert_cmphex(scratch_mode(&s, STATUS_FILE), ==, 0600);
    g_string_free(text, TRUE);
    scratch_free(&s);
}

/* A StatusFileFn. */
static void append(gpointer user, const char *key, const char *value)
{
    g_string_append_printf(user, "%s=%s\n", key, value);
}

static char *pairs_of(const StatusServer *of_server, const StatusClient *of_client)
{
    GString *text = g_string_new(NULL);

    if (of_server)
        status_file_server_pairs(of_server, append, text);
    if (of_client)
        status_file_client_pairs(of_client, append, text);
    return g_string_free(text, FALSE);
}

static void test_round_trip(void)
{
    Scratch s = scratch_new();
    GString *text = status_file_begin(&server);

    for (guint i = 0; i < LIMIT_CLIENTS; i++) {
        StatusClient other = client;

        other.port = i;
        other.seconds_left = i % 2 ? i : STATUS_UNKNOWN;
        status_file_add(text, &other);
    }
    write_file(&s, text);
    {
        g_autoptr(StatusFile) file = read_file(&s);
        g_autofree char *got = pairs_of(&file->server, &file->clients[7]);
        StatusClient want = client;
        g_autofree char *expected = NULL;

        want.port = want.seconds_left = 7;
        expected = pairs_of(&server, &want);
        g_assert_cmpstr(got, ==, expected);
        g_assert_cmpuint(file->n, ==, LIMIT_CLIENTS);
        for (guint i = 0; i < LIMIT_CLIENTS; i++) {
            g_assert_cmpuint(file->clients[i].port, ==, i);
            g_assert_cmpuint(file->clients[i].seconds_left, ==, i % 2 ? i : STATUS_UNKNOWN);
        }
    }
    g_string_free(text, TRUE);
    scratch_free(&s);
}

/* A directory's name is the administrator's, a state's a protocol's: no value ends a line or a
 * pair.
 */
static void test_escaped(void)
{
    Scratch s = scratch_new();
    StatusServer odd = server;
    StatusClient odder = client;
    GString *text;

    odd.dumpdir = "/tmp/a\tpid=1\n\nb\x1b[31m\xff";
    odder.directory = "x\naddress=10.0.0.1\t";
    text = status_file_begin(&odd);
    status_file_add(text, &odder);
    write_file(&s, text);
    {
        g_autoptr(StatusFile) file = read_file(&s);

        g_assert_cmpuint(file->n, ==, 1);
        g_assert_cmpuint(file->server.pid, ==, 4711);
        g_assert_cmpstr(file->clients[0].address, ==, client.address);
        for (const char *p = file->server.dumpdir; *p; p++)
            g_assert_true((guchar)*p >= ' ' && (guchar)*p != 0xff);
    }
    g_string_free(text, TRUE);
    scratch_free(&s);
}

static StatusFile *read_bytes(const Scratch *s, const char *bytes, gsize len)
{
    scratch_put(s, STATUS_FILE, bytes, len);
    return read_file(s);
}

static void test_hostile(void)
{
    static const char *const numbers[] = {"",
                                          "-1",
                                          "+1",
                                          "1 ",
                                          " 1",
                                          "0x10",
                                          "1e3",
                                          "1.5",
                                          "1x",
                                          "1=2=3",
                                          "NaN",
                                          "\x80",
                                          "18446744073709551616"};
    Scratch s = scratch_new();

    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autofree char *line = g_strdup_printf("pid=%s\tversion=v\n", numbers[i]);
        g_autoptr(StatusFile) file = read_bytes(&s, line, strlen(line));

        g_assert_cmpuint(file->server.pid, ==, STATUS_UNKNOWN);
        g_assert_cmpstr(file->server.version, ==, "v");
    }
    {
        static const char odd[] = "=\t\t=x\tpid\tunknown=1\tversion=a=b\tpid=7\tversion";
        g_autoptr(StatusFile) file = read_bytes(&s, odd, sizeof odd - 1);

        g_assert_cmpuint(file->server.pid, ==, 7);
        g_assert_cmpstr(file->server.version, ==, "a=b");
        g_assert_null(file->server.dumpdir);
        g_assert_cmpuint(file->n, ==, 0);
    }
    { /* an empty line is the end; a client of which nothing is known is one */
        static const char lines[] = "pid=1\nx\naddress=a\n\naddress=b\n";
        g_autoptr(StatusFile) file = read_bytes(&s, lines, sizeof lines - 1);

        g_assert_cmpuint(file->n, ==, 2);
        g_assert_null(file->clients[0].address);
        g_assert_cmpuint(file->clients[0].port, ==, STATUS_UNKNOWN);
        g_assert_cmpstr(file->clients[1].address, ==, "a");
    }
    { /* nothing, and a NUL in the middle */
        g_autoptr(StatusFile) empty = read_bytes(&s, "", 0);
        g_autoptr(StatusFile) nul = read_bytes(&s, "pid=1\0\tversion=x", 17);

        g_assert_cmpuint(empty->server.pid, ==, STATUS_UNKNOWN);
        g_assert_cmpuint(nul->server.pid, ==, 1);
        g_assert_null(nul->server.version);
    }
    scratch_free(&s);
}

/* Lines without end, and bytes of any kind: bounded, and no worse than that. */
static void test_masses(void)
{
    gsize len = STATUS_FILE_SIZE + 1000;
    g_autofree char *bytes = g_malloc(len);
    Scratch s = scratch_new();

    for (gsize i = 0; i < len; i++)
        bytes[i] = "a\n"[i % 2];
    {
        g_autoptr(StatusFile) file = read_bytes(&s, bytes, len);

        g_assert_cmpuint(file->n, ==, LIMIT_CLIENTS);
    }
    for (guint round = 0; round < 50; round++) {
        static const char alphabet[] = "=\t\n0123456789\0pidaresv";
        gsize n = (gsize)g_test_rand_int_range(0, 5000);
        g_autoptr(StatusFile) file = NULL;

        for (gsize i = 0; i < n; i++)
            bytes[i] = alphabet[g_test_rand_int_range(0, sizeof alphabet)];
        file = read_bytes(&s, bytes, n);
        g_assert_cmpuint(file->n, <=, LIMIT_CLIENTS);
    }
    scratch_free(&s);
}

static void test_unreadable(void)
{
    Scratch s = scratch_new();
    g_autofree char *nowhere = g_build_filename(s.path, "nowhere", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(status_file_read(s.path, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_clear_error(&error);
    g_assert_null(status_file_read(nowhere, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_clear_error(&error);
    scratch_plant(&s, STATUS_FILE);
    g_assert_null(status_file_read(s.path, &error));
    g_assert_nonnull(strstr(error->message, "link"));
    scratch_victim_untouched(&s);
    scratch_free(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/status-file/format", test_format);
    g_test_add_func("/status-file/round-trip", test_round_trip);
    g_test_add_func("/status-file/escaped", test_escaped);
    g_test_add_func("/status-file/hostile", test_hostile);
    g_test_add_func("/status-file/masses", test_masses);
    g_test_add_func("/status-file/unreadable", test_unreadable);
    return g_test_run();
}
