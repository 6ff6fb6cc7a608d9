/* test-report.c - what reports say of a client of any protocol.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/report.h"

#include <string.h>
#include <unistd.h>

static void describe(const Session *s, SessionDescribe fn, gpointer user)
{
    char key[8] = "own", value[8] = "x\ny"; /* copied before they change */

    (void)s;
    fn(user, key, value);
    strcpy(key, "second");
    strcpy(value, "2");
    fn(user, key, value);
}

static const SessionOps ops = {.name = "test", .describe = describe};

typedef struct {
    Config config;
    Mono now;
    gint64 wall;
    LogLimit limit;
    ReportWorld world;
    Session session;
    ClientEntry entry;
    DumpFacts files;
} Case;

/* A dump of 100 pages, half of which have come in 2 s. */
static void case_init(Case *c)
{
    *c = (Case){
        .config = {.max_concurrent_dumps = 4, .client_timeout = 60},
        .now = {2000000},
        .wall = G_GINT64_CONSTANT(1767323045000000), /* 2026-01-02 03:04:05 UTC */
        .session =
            {
                .ops = &ops,
                .facts = {.state = "dumping",
                          .phase = PHASE_TRANSFERRING,
                          .system = "x86_64",
                          .file = {.header_size = 4096, .page_size = 4096},
                          .bytes_done = 50 * 4096,
                          .bytes_total = 100 * 4096,
                          .bytes_before = 10 * 4096,
                          .counters = {.bytes_new = 38 * 4096,
                                       .bytes_skipped = 2 * 4096,
                                       .bytes_zero = 3 * 4096,
                                       .retransmitted = 5,
                                       .requests_repeated = 2,
                                       .timeouts = 1,
                                       .duplicate_bytes = 1024},
                          .first_request = {0},
                          .last_stored = {1500000}},
            },
        .entry = {.peer = {.port = 6666}, .host = "10.0.0.7"},
        .files = {.path = "/d", .zero_pages = 4, .bytes_written = 34 * 4096, .socket_drops = 6},
    };
    c->files.started = c->wall - 2500000;
    c->world = (ReportWorld){&c->config, &c->now, &c->wall, &c->limit};
    c->entry.session = &c->session;
}

static char *info_of(const Case *c)
{
    g_autoptr(GPtrArray) pairs = report_info(&c->world, &c->entry, &c->files);
    GString *text = g_string_new(NULL);

    g_assert_cmpuint(pairs->len % 2, ==, 0);
    for (guint i = 0; i < pairs->len; i += 2)
        if (pairs->pdata[i + 1])
            g_string_append_printf(text, "%s=%s;", (char *)pairs->pdata[i],
                                   (char *)pairs->pdata[i + 1]);
    return g_string_free(text, FALSE);
}

#define HEAD                                                                                       \
    "client=10.0.0.7;port=6666;own=x\ny;second=2;start=2026-01-02 05:04:02 +0200;"                 \
    "end=2026-01-02 05:04:05 +0200;seconds=2.500;transfer_seconds=1.500;pages_stored=48;"          \
    "bytes=196608;zero_pages=7;bytes_written=139264;retransmissions=7;retransmitted_pages=5;"      \
    "timeouts=1;duplicate_bytes=1024;socket_drops=6;"

static void test_info(void)
{
    g_autofree char *running = NULL, *ended = NULL;
    Case c;

    case_init(&c);
    running = info_of(&c);
    g_assert_cmpstr(running, ==, HEAD "result=running;");
    c.session.facts.resumed = TRUE;
    c.session.facts.result = RESULT_INCOMPLETE;
    c.session.facts.reason = REASON_DISK;
    c.session.facts.disk_errno = 28;
    ended = info_of(&c);
    g_assert_true(g_str_has_prefix(ended, HEAD "resumed=yes;result=incomplete;reason="));
    g_assert_nonnull(strstr(ended, " (No space left on device);"));
}

/* Nothing is known yet: no division by a page size of 0, no time. */
static void test_unknown(void)
{
    g_autofree char *info = NULL, *line = NULL;
    Case c;

    case_init(&c);
    c.session.facts =
        (SessionFacts){.state = "called", .first_request = MONO_NEVER, .last_stored = MONO_NEVER};
    c.files = (DumpFacts){0};
    info = info_of(&c);
    g_assert_nonnull(strstr(info, "transfer_seconds=0.000;pages_stored=0;bytes=0;"));
    line = report_line(&c.entry, c.now);
    g_assert_cmpstr(line, ==, "10.0.0.7: called, 0 pages retransmitted");
    g_assert_true(report_rate(&c.session.facts, c.now) == 0);
    g_assert_cmpuint(report_seconds_left(&c.session.facts, c.now), ==, G_MAXUINT64);
}

static void test_line(void)
{
    g_autofree char *line = NULL, *without_total = NULL, *later = NULL;
    Case c;

    case_init(&c);
    line = report_line(&c.entry, c.now);
    /* 40 pages in 2 s, 50 to go */
    g_assert_cmpstr(
        line, ==,
        "10.0.0.7: dumping, 50 of 100 pages (50 %), 0.1 MB/s, 2 s left, 5 pages retransmitted");
    c.session.facts.bytes_total = 0;
    without_total = report_line(&c.entry, c.now);
    g_assert_cmpstr(without_total, ==, "10.0.0.7: dumping, 50 pages, 5 pages retransmitted");
    c.session.facts.bytes_total = 100 * 4096;
    c.session.facts.phase = PHASE_FINISHING;
    later = report_line(&c.entry, c.now);
    g_assert_null(strstr(later, "left"));
}

/* What goes to the log. */
static char *say(const Case *c, SessionNote note)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    char text[1000];
    gsize n;

    g_assert_nonnull(file);
    g_assert_cmpint(dup2(fileno(file), STDERR_FILENO), ==, STDERR_FILENO);
    report_note(&c->world, &c->entry, &c->files, note);
    g_assert_cmpint(dup2(before, STDERR_FILENO), ==, STDERR_FILENO);
    g_assert_cmpint(close(before), ==, 0);
    rewind(file);
    n = fread(text, 1, sizeof text, file);
    g_assert_cmpint(fclose(file), ==, 0);
    return g_strndup(text, n);
}

typedef struct {
    SessionNote note;
    SessionResult result;
    SessionReason reason;
    const char *said;
} Note;

/* Every note is a message, with what it is about. */
static void test_notes(void)
{
    static const Note notes[] = {
        {NOTE_CRASHED, 0, 0, "x86_64, 400.0 KiB of memory, port 6666"},
        {NOTE_DUMPING, 0, 0, "to /d"},
        {NOTE_RESUMED, 0, 0, "at page 50 of 100 in /d"},
        {NOTE_NO_SPACE, 0, 0, "8.0 KiB"},
        {NOTE_DISK_FAILED, 0, 0, "No space left on device"},
        {NOTE_RETRYING, 0, 0, "netdump-nospace"},
        {NOTE_TRANSFERRED, 0, 0, "all pages"},
        {NOTE_ENDED, RESULT_COMPLETE, 0, "192.0 KiB in 1.5 s (0.1 MB/s), 5 pages"},
        {NOTE_ENDED, RESULT_INCOMPLETE, REASON_SILENT, "50 of 100 pages"},
        {NOTE_ENDED, RESULT_INCOMPLETE, REASON_SILENT, "/d/vmcore-incomplete"},
        {NOTE_ENDED, RESULT_NOT_DUMPED, REASON_OVER_LIMIT, "max_concurrent_dumps"},
        {NOTE_ENDED, RESULT_NOT_DUMPED, REASON_MACHINE, "(x86_64)"},
        {NOTE_ENDED, RESULT_NOT_DUMPED, REASON_PAGE_SIZE, "(4096)"},
        {NOTE_ENDED, RESULT_NOT_DUMPED, REASON_UNREACHABLE, "UDP"},
        {NOTE_REBOOTED, 0, 0, "reboot"},
        {NOTE_REBOOTED, 0, REASON_SILENT, "unresponsive"},
        {NOTE_REBOOT_REFUSED, 0, 0, "reboot"},
        {NOTE_STARTS_IGNORED, 0, 0, "ignored"},
        {NOTE_NO_MAGIC, 0, 0, "/spool/magic/10.0.0.7: No space left on device"},
        {NOTE_WRONG_MAGIC, 0, 0, "/spool/magic/10.0.0.7"},
    };
    gboolean seen[NOTE_N] = {FALSE};

    log_open("test", LOG_TO_STDERR, TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(notes); i++) {
        g_autofree char *said = NULL;
        Case c;

        case_init(&c);
        c.config.dumpdir = (char[]){"/spool"};
        c.limit = (LogLimit)LOG_LIMIT(5, SPAN_S(1));
        c.files.space_needed = 8192;
        c.session.facts.disk_errno = 28;
        c.session.facts.result = notes[i].result;
        c.session.facts.reason = notes[i].reason;
        said = say(&c, notes[i].note);
        g_test_message("%s", said);
        g_assert_nonnull(strstr(said, "10.0.0.7: "));
        g_assert_nonnull(strstr(said, notes[i].said));
        seen[notes[i].note] = TRUE;
    }
    for (guint i = 0; i < NOTE_N; i++)
        g_assert_true(seen[i]);
}

/* Forged addresses must not fill the log. */
static void test_limited(void)
{
    Case c;

    case_init(&c);
    c.limit = (LogLimit)LOG_LIMIT(2, SPAN_S(1));
    c.session.facts.result = RESULT_NOT_DUMPED;
    c.session.facts.reason = REASON_UNREACHABLE;
    for (guint i = 0; i < 4; i++) {
        g_autofree char *said = say(&c, NOTE_ENDED);

        g_assert_cmpint(*said != '\0', ==, i < 2);
    }
}

int main(int argc, char **argv)
{
    g_setenv("TZ", "UTC-2", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report/info", test_info);
    g_test_add_func("/report/unknown", test_unknown);
    g_test_add_func("/report/line", test_line);
    g_test_add_func("/report/notes", test_notes);
    g_test_add_func("/report/limited", test_limited);
    return g_test_run();
}
