/* test-dump-files.c - a dump's directory from one server to the next: what the journal says must
 * hold for the file beside it, at every instant.
 *
 * The session is one of a protocol of its own, without a state machine; the executor is this
 * program.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dump_files.h"

#include "io/config/config.h"
#include "io/store/journal.h"
#include "unit/scratch.h"

#include <poll.h>
#include <semaphore.h>

#define PAGE      4096u
#define HEADER    8192u
#define PAGES     100u
#define TAG_PAGES TAG_TEST /* as the record has them: all below are in the file */

#define STARTED G_GINT64_CONSTANT(1700000000000000)

/* -- a protocol -------------------------------------------------------------------------------- */

typedef struct {
    Session base;
    guint64 pages;
} Fake;

static void fake_record(const Session *s, TaggedWriter *out)
{
    tagged_add_number(out, TAG_PAGES, ((const Fake *)s)->pages);
}

static void fake_header(const Session *s, gboolean partial, guint8 *out)
{
    memset(out, partial ? 'p' : 'w', s->facts.file.header_size);
}

static void fake_describe(const Session *s, SessionDescribe fn, gpointer user)
{
    fn(user, "protocol", s->ops->name);
}

static const SessionOps fake_ops = {
    .name = "fake",
    .record = fake_record,
    .header = fake_header,
    .describe = fake_describe,
};

static Fake fake_new(guint64 pages)
{
    return (Fake){
        .base = {.ops = &fake_ops,
                 .facts = {.state = "dumping",
                           .file = {HEADER, PAGE, HEADER + (guint64)PAGES * PAGE},
                           .first_request = MONO_NEVER,
                           .last_stored = MONO_NEVER}},
        .pages = pages,
    };
}

/* -- a server ---------------------------------------------------------------------------------- */

typedef struct {
    Event last;
    guint n;
} Told;

struct Executor {
    Scratch dir;
    Config config;
    Mono now;
    gint64 wall;
    ReportWorld report;
    DumpFilesShared shared;
    Told told[EVENT_N];
    Fake *resets; /* does what a session does when nothing of its file is left; may be NULL */
};

void executor_tell(Executor *executor, guint32 id, const Event *event)
{
    Told *told = &executor->told[event->kind];

    g_assert_cmpuint(id, ==, 1);
    told->last = *event;
    told->n++;
    if (event->kind == EVENT_FILE && !event->err && !event->ok && executor->resets)
        executor->resets->pages = 0;
}

/* The same dump directory, everything else is new. */
static void server_begin(Executor *h)
{
    GError *error = NULL;

    if (!h->dir.path)
        h->dir = scratch_new();
    memset(h->told, 0, sizeof h->told);
    h->config.space_check = TRUE;
    h->wall = STARTED;
    h->report = (ReportWorld){&h->config, &h->now, &h->wall, NULL};
    h->shared = (DumpFilesShared){.executor = h, .report = &h->report};
    h->shared.dumpdir = dumpdir_open(h->dir.path, &error);
    g_assert_no_error(error);
    h->shared.console = console_store_open(dumpdir_fd(h->shared.dumpdir),
                                           dumpdir_path(h->shared.dumpdir), 1, &error);
    g_assert_no_error(error);
    h->shared.disk = work_pool_new(2, &error);
    g_assert_no_error(error);
    h->shared.pool = vmcore_pool_new(16);
    h->shared.console_queue = work_queue_new(h->shared.disk, NULL, NULL);
}

static void server_turn(Executor *h)
{
    struct pollfd pfd = {.fd = work_pool_fd(h->shared.disk), .events = POLLIN};

    g_assert_cmpint(poll(&pfd, 1, 60000), ==, 1);
    work_pool_dispatch(h->shared.disk);
}

/* Let everything that is queued come to its end. */
static void server_settle(Executor *h)
{
    while (work_pool_jobs(h->shared.disk) > 0)
        server_turn(h);
}

static void server_await(Executor *h, EventKind kind, guint n)
{
    while (h->told[kind].n < n)
        server_turn(h);
}

static void server_end(Executor *h)
{
    server_settle(h);
    work_queue_close(h->shared.console_queue);
    work_pool_free(h->shared.disk);
    vmcore_pool_free(h->shared.pool);
    console_store_free(h->shared.console);
    dumpdir_free(h->shared.dumpdir);
}

/* -- dumps ------------------------------------------------------------------------------------- */

static const ClientEntry entry = {
    .id = 1,
    .peer = {.family = NET_IPV4, .port = 6666, .bytes = {10, 0, 0, 7}},
    .local = {.family = NET_IPV4, .port = 6688, .bytes = {10, 0, 0, 1}},
    .host = "10.0.0.7",
};

static DumpFiles *new_dump(Executor *h)
{
    DumpFiles *files = dump_files_new(&h->shared, &entry);

    dump_files_open_dir(files);
    server_settle(h);
    g_assert_cmpuint(h->told[EVENT_DIR].n, ==, 1);
    g_assert_cmpint(h->told[EVENT_DIR].last.err, ==, 0);
    return files;
}

static void store_page(DumpFiles *files, guint32 page, guint8 value)
{
    guint8 bytes[PAGE];

    memset(bytes, value, sizeof bytes);
    g_assert_true(dump_files_store(files, HEADER + (guint64)page * PAGE, bytes, PAGE, TRUE, page));
}

/* A dump of 100 pages, 60 of which a server has stored; its directory's name. */
static char *half_a_dump(Executor *h)
{
    Fake fake = fake_new(60);
    DumpFiles *files;
    char *name;

    server_begin(h);
    files = new_dump(h);
    name = g_path_get_basename(dump_files_path(files));
    dump_files_open_file(files, &fake.base, FALSE);
    server_settle(h);
    g_assert_cmpuint(h->told[EVENT_FILE].n, ==, 1);
    g_assert_cmpint(h->told[EVENT_FILE].last.err, ==, 0);
    g_assert_false(h->told[EVENT_FILE].last.ok);
    for (guint32 page = 0; page < 60; page++)
        store_page(files, page, (guint8)(page + 1));
    dump_files_flush(files);
    server_settle(h);
    dump_files_journal(files, &fake.base, TRUE, FALSE);
    dump_files_close(files, TRUE);
    server_end(h);
    return name;
}

/* What the next server reads: the files, and what the record says. */
static DumpFiles *adopt(Executor *h, const char *name, Fake *fake)
{
    SessionRemains remains;
    GError *error = NULL;
    DumpFiles *files;
    NetAddr addr;
    guint64 pages = 0;

    server_begin(h);
    files = dump_files_adopt(&h->shared, name, &remains, &error);
    g_assert_no_error(error);
    g_assert_true(remains.dir);
    g_assert_true(tagged_addr(remains.fields, TAG_CLIENT, &addr));
    g_assert_true(netaddr_equal(&addr, &entry.peer));
    g_assert_true(tagged_addr(remains.fields, TAG_LOCAL, &addr));
    g_assert_true(netaddr_equal(&addr, &entry.local));
    g_assert_true(tagged_number(remains.fields, TAG_PAGES, &pages));
    if (remains.header_len >= HEADER)
        g_assert_cmpint(remains.header[HEADER - 1], ==, 'p');
    dump_files_take_over(files, 1, &fake_ops);
    g_assert_cmpint(dump_files_facts(files).started, ==, STARTED);
    *fake = fake_new(pages);
    return files;
}

/* -- the log ----------------------------------------------------------------------------------- */

static sem_t *gate;

static int run_print(gpointer data)
{
    Executor *h = data;

    while (sem_wait(gate) < 0) /* a slow disk */
        g_assert_cmpint(errno, ==, EINTR);
    return console_store_append(h->shared.console, "10.0.0.7", 1, "Oops: last words\n", 17, NULL);
}

/* What a client printed before it announced its crash belongs into its log, however late that gets
 * to the disk; and after it what comes while the directory is made. */
static void test_last_words(void)
{
    Executor h = {.dir = {NULL, -1}};
    WorkJob job = {.run = run_print, .data = &h, .what = "print"};
    g_autofree char *name = NULL, *path = NULL, *text = NULL;
    DumpFiles *files;
    sem_t sem;
    gsize len;

    g_assert_cmpint(sem_init(&sem, 0, 0), ==, 0);
    gate = &sem;
    server_begin(&h);
    work_queue_push(h.shared.console_queue, &job);
    files = dump_files_new(&h.shared, &entry);
    dump_files_open_dir(files);
    dump_files_log_text(files, (const guint8 *)"early\n", 6);
    g_assert_cmpint(sem_post(&sem), ==, 0);
    server_settle(&h);
    dump_files_log_text(files, (const guint8 *)"late\n", 5);
    name = g_path_get_basename(dump_files_path(files));
    dump_files_close(files, TRUE);
    server_end(&h);
    path = g_build_filename(name, "log", NULL);
    text = scratch_get(&h.dir, path, &len);
    g_assert_cmpstr(text, ==, "Oops: last words\nearly\nlate\n");
    scratch_free(&h.dir);
    g_assert_cmpint(sem_destroy(&sem), ==, 0);
}

/* -- from one server to the next --------------------------------------------------------------- */

static void check_page(const Executor *h, const char *name, const char *file, guint32 page,
                       guint8 value)
{
    g_autofree char *path = g_build_filename(name, file, NULL);
    gsize len = 0;
    g_autofree char *bytes = scratch_get(&h->dir, path, &len);

    g_assert_cmpuint(len, >=, HEADER + (page + 1) * PAGE);
    for (gsize i = 0; i < PAGE; i++)
        g_assert_cmpint((guint8)bytes[HEADER + page * PAGE + i], ==, value);
}

static void test_resumed(void)
{
    Executor h = {.dir = {NULL, -1}};
    g_autofree char *name = half_a_dump(&h);
    Fake fake;
    DumpFiles *files = adopt(&h, name, &fake);

    g_assert_cmpuint(fake.pages, ==, 60);
    dump_files_open_file(files, &fake.base, TRUE);
    g_assert_cmpuint(h.told[EVENT_FILE].n, ==, 0); /* not in the loop's thread */
    server_settle(&h);
    g_assert_cmpuint(h.told[EVENT_FILE].n, ==, 1);
    g_assert_cmpint(h.told[EVENT_FILE].last.err, ==, 0);
    g_assert_true(h.told[EVENT_FILE].last.ok);
    for (guint32 page = 60; page < PAGES; page++)
        store_page(files, page, (guint8)(page + 1));
    dump_files_finish(files, TRUE);
    server_settle(&h);
    g_assert_cmpuint(h.told[EVENT_FINISHED].n, ==, 1);
    g_assert_cmpint(h.told[EVENT_FINISHED].last.err, ==, 0);
    g_assert_cmpuint(h.told[EVENT_STORED].n, >, 0);
    dump_files_close(files, FALSE);
    server_end(&h);
    for (guint32 page = 0; page < PAGES; page++)
        check_page(&h, name, "vmcore", page, (guint8)(page + 1));
    {
        g_autofree char *journal = g_build_filename(name, "journal", NULL);

        g_assert_false(scratch_has(&h.dir, journal));
    }
    scratch_free(&h.dir);
}

/* What a server that is killed now would leave: a file with this dump's header holds what the
 * journal says. */
static void check_instant(const Executor *h, const char *name)
{
    g_autofree char *path = g_build_filename(h->dir.path, name, NULL);
    g_autofree char *file = g_build_filename(name, "vmcore-incomplete", NULL);
    gsize len = 0, used;
    g_autofree char *bytes = scratch_get(&h->dir, file, &len);
    g_autoptr(GByteArray) record = NULL;
    g_autoptr(GError) error = NULL;
    TaggedReader fields;
    guint64 pages = 0, lost = 0;
    int fd;

    if (len < HEADER || bytes[0] != 'p')
        return;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(journal_load(fd, path, NULL, &record, &error), ==, 0);
    g_assert_cmpint(close(fd), ==, 0);
    g_assert_null(tagged_reader_init(&fields, record->data, record->len, &used));
    g_assert_true(tagged_number(&fields, TAG_PAGES, &pages));
    g_assert_true(tagged_number(&fields, TAG_FILE_LOST, &lost) || len >= HEADER + pages * PAGE);
}

/* The file cannot be resumed, and the server that begins a new one is killed at once: the next one
 * must not take the empty file for one that holds 60 pages. */
static void new_file(gboolean missing)
{
    Executor h = {.dir = {NULL, -1}};
    g_autofree char *name = half_a_dump(&h);
    g_autofree char *file = g_build_filename(h.dir.path, name, "vmcore-incomplete", NULL);
    Fake fake;
    DumpFiles *files;

    if (missing)
        g_assert_cmpint(unlink(file), ==, 0);
    else
        g_assert_true(g_file_set_contents(file, "junk", -1, NULL));
    files = adopt(&h, name, &fake);
    dump_files_open_file(files, &fake.base, TRUE);
    /* The session does not know yet, and has something to write down. */
    dump_files_journal(files, &fake.base, FALSE, FALSE);
    while (work_pool_jobs(h.shared.disk) > 0) {
        check_instant(&h, name);
        server_turn(&h);
        if (h.told[EVENT_FILE].n == 0)
            dump_files_journal(files, &fake.base, FALSE, FALSE);
    }
    check_instant(&h, name);
    g_assert_cmpint(h.told[EVENT_FILE].last.err, ==, 0);
    g_assert_false(h.told[EVENT_FILE].last.ok);
    dump_files_close(files, TRUE); /* nothing was journaled since */
    server_end(&h);
    {
        g_autofree char *unusable = g_build_filename(name, "vmcore-unusable", NULL);

        g_assert_cmpint(scratch_has(&h.dir, unusable), ==, !missing);
    }

    files = adopt(&h, name, &fake);
    dump_files_open_file(files, &fake.base, TRUE);
    server_settle(&h);
    g_assert_cmpint(h.told[EVENT_FILE].last.err, ==, 0);
    g_assert_false(h.told[EVENT_FILE].last.ok);
    store_page(files, 0, 77);
    dump_files_flush(files);
    server_settle(&h);
    fake.pages = 1;
    dump_files_journal(files, &fake.base, FALSE, FALSE);
    dump_files_close(files, TRUE);
    server_end(&h);

    files = adopt(&h, name, &fake); /* from here on all is as usual */
    g_assert_cmpuint(fake.pages, ==, 1);
    dump_files_open_file(files, &fake.base, TRUE);
    server_settle(&h);
    g_assert_true(h.told[EVENT_FILE].last.ok);
    check_page(&h, name, "vmcore-incomplete", 0, 77);
    dump_files_close(files, TRUE);
    server_end(&h);
    scratch_free(&h.dir);
}

static void test_new_file(void)
{
    new_file(TRUE);
    new_file(FALSE);
}

/* It is whole already: nothing is opened. */
static void test_whole(void)
{
    Executor h = {.dir = {NULL, -1}};
    g_autofree char *name = half_a_dump(&h);
    g_autofree char *from = g_build_filename(h.dir.path, name, "vmcore-incomplete", NULL);
    g_autofree char *to = g_build_filename(h.dir.path, name, "vmcore", NULL);
    Fake fake;
    DumpFiles *files;

    g_assert_cmpint(rename(from, to), ==, 0);
    files = adopt(&h, name, &fake);
    dump_files_open_file(files, &fake.base, TRUE);
    server_settle(&h);
    g_assert_cmpint(h.told[EVENT_FILE].last.err, ==, EEXIST);
    g_assert_false(h.told[EVENT_FILE].last.ok);
    g_assert_false(g_file_test(from, G_FILE_TEST_EXISTS));
    dump_files_close(files, TRUE);
    server_end(&h);
    scratch_free(&h.dir);
}

/* Closed while the file is being opened: nobody is told, nothing is left behind. */
static void test_closed_while_opening(void)
{
    for (guint turns = 0; turns < 6; turns++) {
        Executor h = {.dir = {NULL, -1}};
        g_autofree char *name = half_a_dump(&h);
        g_autofree char *file = g_build_filename(h.dir.path, name, "vmcore-incomplete", NULL);
        Fake fake;
        DumpFiles *files;
        guint told;

        g_assert_true(g_file_set_contents(file, "junk", -1, NULL));
        files = adopt(&h, name, &fake);
        dump_files_open_file(files, &fake.base, TRUE);
        for (guint i = 0; i < turns && work_pool_jobs(h.shared.disk) > 0; i++)
            server_turn(&h);
        told = h.told[EVENT_FILE].n;
        dump_files_close(files, TRUE);
        server_settle(&h);
        g_assert_cmpuint(h.told[EVENT_FILE].n, ==, told);
        check_instant(&h, name);
        server_end(&h);
        scratch_free(&h.dir);
    }
}

static void test_invalid_file(void)
{
    Executor h = {.dir = {NULL, -1}};
    Fake fake = fake_new(0);
    DumpFiles *files;

    server_begin(&h);
    files = new_dump(&h);
    fake.base.facts.file.page_size = 1000;
    dump_files_open_file(files, &fake.base, FALSE);
    g_assert_cmpint(h.told[EVENT_FILE].last.err, !=, 0);
    fake.base.facts.file = (SessionFile){1u << 20, PAGE, 0};
    dump_files_open_file(files, &fake.base, FALSE);
    g_assert_cmpuint(h.told[EVENT_FILE].n, ==, 2);
    g_assert_cmpint(h.told[EVENT_FILE].last.err, ==, EINVAL);
    dump_files_close(files, FALSE);
    server_end(&h);
    scratch_free(&h.dir);
}

/* Records that are none of this server's making. */
static void test_bad_record(void)
{
    static const guint16 without[] = {TAG_CLIENT, TAG_LOCAL, TAG_STARTED};

    for (guint i = 0; i < G_N_ELEMENTS(without); i++) {
        Executor h = {.dir = {NULL, -1}};
        g_autofree char *name = half_a_dump(&h);
        g_autofree char *path = g_build_filename(h.dir.path, name, NULL);
        TaggedWriter w = tagged_writer_new();
        g_autoptr(Journal) journal = NULL;
        g_autoptr(GError) error = NULL;
        SessionRemains remains;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (without[i] != TAG_CLIENT)
            tagged_add_addr(&w, TAG_CLIENT, &entry.peer);
        if (without[i] != TAG_LOCAL)
            tagged_add_addr(&w, TAG_LOCAL, &entry.local);
        if (without[i] != TAG_STARTED)
            tagged_add_number(&w, TAG_STARTED, 1);
        g_assert_cmpint(journal_open(fd, path, NULL, &journal, &error), ==, 0);
        g_assert_cmpint(journal_write(journal, &w, TRUE, &error), ==, 0);
        tagged_writer_clear(&w);
        server_begin(&h);
        g_assert_null(dump_files_adopt(&h.shared, name, &remains, &error));
        g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
        server_end(&h);
        g_assert_cmpint(close(fd), ==, 0);
        scratch_free(&h.dir);
    }
}

/* -- info, journal, space ---------------------------------------------------------------------- */

static guint64 journal_pages(const char *dir)
{
    g_autoptr(GByteArray) record = NULL;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TaggedReader fields;
    guint64 pages = 0;
    gsize used;

    g_assert_cmpint(journal_load(fd, dir, NULL, &record, NULL), ==, 0);
    g_assert_cmpint(close(fd), ==, 0);
    g_assert_null(tagged_reader_init(&fields, record->data, record->len, &used));
    g_assert_true(tagged_number(&fields, TAG_PAGES, &pages));
    return pages;
}

/* Who reads in the journal that the dump is over does not write info again: that comes first. */
static void test_after_info(void)
{
    Executor h = {.dir = {NULL, -1}};
    Fake fake = fake_new(1);
    ClientEntry with_session = entry;
    g_autofree char *dir = NULL, *info = NULL, *text = NULL;
    DumpFiles *files;

    server_begin(&h);
    with_session.session = &fake.base;
    files = new_dump(&h);
    dir = g_strdup(dump_files_path(files));
    info = g_build_filename(dir, "info", NULL);
    dump_files_open_file(files, &fake.base, FALSE);
    dump_files_journal(files, &fake.base, FALSE, FALSE);
    server_settle(&h);
    scratch_file_limit(HEADER + 100);
    store_page(files, 3, 3);
    dump_files_flush(files);
    dump_files_info(files, &with_session); /* behind the write that fails */
    fake.pages = 2;
    dump_files_journal(files, &fake.base, FALSE, TRUE);
    server_await(&h, EVENT_DISK_FAILED, 1);
    g_assert_true(h.told[EVENT_DISK_FAILED].last.ok);
    g_assert_cmpint(h.told[EVENT_DISK_FAILED].last.err, ==, EFBIG);
    scratch_file_limit(RLIM_INFINITY);
    g_assert_false(g_file_test(info, G_FILE_TEST_EXISTS));
    g_assert_cmpuint(journal_pages(dir), ==, 1);
    dump_files_retry(files);
    server_settle(&h);
    g_assert_cmpuint(h.told[EVENT_STORED].n, ==, 1);
    g_assert_cmpuint(journal_pages(dir), ==, 2);
    g_assert_true(g_file_get_contents(info, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, "client=10.0.0.7\nport=6666\nprotocol=fake\nstart="));
    g_assert_nonnull(strstr(text, "\nbytes_written=0\n"));
    g_assert_nonnull(strstr(text, "\nresult=running\n"));
    dump_files_close(files, TRUE);
    server_end(&h);
    scratch_free(&h.dir);
}

static void test_space(void)
{
    Executor h = {.dir = {NULL, -1}};
    Fake fake = fake_new(0);
    DumpFiles *files;

    server_begin(&h);
    files = new_dump(&h);
    dump_files_check_space(files, 1);
    server_await(&h, EVENT_SPACE, 1);
    g_assert_true(h.told[EVENT_SPACE].last.ok);
    dump_files_check_space(files, G_MAXUINT64);
    server_await(&h, EVENT_SPACE, 2);
    g_assert_false(h.told[EVENT_SPACE].last.ok);
    g_assert_cmpuint(dump_files_facts(files).space_needed, ==, G_MAXUINT64);
    g_assert_cmpuint(dump_files_facts(files).space_usable, >, 0);

    dump_files_journal(files, &fake.base, FALSE, FALSE);
    server_settle(&h);
    g_assert_cmpuint(h.told[EVENT_SPACE_LOW].n, ==, 0);
    h.config.min_free = 100;
    dump_files_journal(files, &fake.base, FALSE, FALSE);
    server_settle(&h);
    g_assert_cmpuint(h.told[EVENT_SPACE_LOW].n, ==, 1);

    h.config.space_check = FALSE;
    dump_files_check_space(files, G_MAXUINT64);
    g_assert_cmpuint(h.told[EVENT_SPACE].n, ==, 3);
    g_assert_true(h.told[EVENT_SPACE].last.ok);
    dump_files_journal(files, &fake.base, FALSE, FALSE);
    server_settle(&h);
    g_assert_cmpuint(h.told[EVENT_SPACE_LOW].n, ==, 1);
    dump_files_close(files, FALSE);
    server_end(&h);
    scratch_free(&h.dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dump-files/last-words", test_last_words);
    g_test_add_func("/dump-files/resumed", test_resumed);
    g_test_add_func("/dump-files/new-file", test_new_file);
    g_test_add_func("/dump-files/whole", test_whole);
    g_test_add_func("/dump-files/closed-while-opening", test_closed_while_opening);
    g_test_add_func("/dump-files/invalid-file", test_invalid_file);
    g_test_add_func("/dump-files/bad-record", test_bad_record);
    g_test_add_func("/dump-files/after-info", test_after_info);
    g_test_add_func("/dump-files/space", test_space);
    return g_test_run();
}
