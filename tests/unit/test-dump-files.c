/* test-dumpfiles.c - a dump's directory from one server to the next: what the journal says must
 * hold for the file beside it, at every instant.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dump_files.h"

#include "unit/rig.h"
#include "unit/scratch.h"

#include <poll.h>

typedef struct {
    Scratch dir;
    DumpFilesShared shared;
    guint opened, finished;
} House;

static void on_opened(gpointer user, G_GNUC_UNUSED guint32 id, int err)
{
    g_assert_cmpint(err, ==, 0);
    ((House *)user)->opened++;
}

static void on_stored(G_GNUC_UNUSED gpointer user, G_GNUC_UNUSED guint32 id,
                      G_GNUC_UNUSED const guint32 *nrs, G_GNUC_UNUSED guint n)
{
}

static void on_failed(G_GNUC_UNUSED gpointer user, G_GNUC_UNUSED guint32 id, int err)
{
    g_error("a write failed: %s", g_strerror(err));
}

static void on_full(G_GNUC_UNUSED gpointer user, G_GNUC_UNUSED guint32 id)
{
}

static void on_finished(gpointer user, G_GNUC_UNUSED guint32 id, int err)
{
    g_assert_cmpint(err, ==, 0);
    ((House *)user)->finished++;
}

/* A server begins: the same dump directory, everything else anew. */
static void house_begin(House *h)
{
    GError *error = NULL;

    h->shared = (DumpFilesShared){
        .opened = on_opened,
        .stored = on_stored,
        .failed = on_failed,
        .full = on_full,
        .finished = on_finished,
        .user = h,
    };
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

/* Let everything that is queued come to its end. */
static void house_settle(House *h)
{
    struct pollfd pfd = {.fd = work_pool_fd(h->shared.disk), .events = POLLIN};

    while (work_pool_jobs(h->shared.disk) > 0) {
        g_assert_cmpint(poll(&pfd, 1, 20000), ==, 1);
        work_pool_dispatch(h->shared.disk);
    }
}

static void house_end(House *h)
{
    house_settle(h);
    work_queue_close(h->shared.console_queue);
    work_pool_free(h->shared.disk);
    vmcore_pool_free(h->shared.pool);
    console_store_free(h->shared.console);
    dumpdir_free(h->shared.dumpdir);
}

/* A dump of 100 pages, 60 of which a server has stored; its directory's name. */
static char *half_a_dump(House *h)
{
    NetAddr peer = {.family = NET_IPV4, .port = 6666, .bytes = {10, 0, 0, 7}};
    NetAddr local = {.family = NET_IPV4, .port = 6688, .bytes = {10, 0, 0, 1}};
    SessionFacts facts = rig_journal(100, 0);
    gboolean resumed = TRUE;
    DumpFiles *files;
    char *name;

    house_begin(h);
    files = dump_files_new(&h->shared, 1, &peer, &local, G_GINT64_CONSTANT(1700000000000000));
    dump_files_open_dir(files);
    house_settle(h);
    g_assert_cmpuint(h->opened, ==, 1);
    name = g_path_get_basename(dump_files_path(files));
    g_assert_cmpint(dump_files_open_vmcore(files, &facts, FALSE, &resumed), ==, 0);
    g_assert_false(resumed);
    house_settle(h);
    facts.floor_written = facts.floor_synced = 60;
    dump_files_journal(files, &facts, TRUE);
    dump_files_close(files, TRUE);
    house_end(h);
    return name;
}

static int run_print(gpointer data)
{
    House *h = data;

    g_usleep(100000); /* a slow disk */
    return console_store_append(h->shared.console, "10.0.0.7", 1, "Oops: last words\n", 17, NULL);
}

/* What a machine printed before its START belongs into its log, however late that gets to the disk.
 */
static void test_last_words(void)
{
    NetAddr peer = {.family = NET_IPV4, .port = 6666, .bytes = {10, 0, 0, 7}};
    House h = {.dir = scratch_new()};
    WorkJob job = {.run = run_print, .data = &h, .what = "print"};
    g_autofree char *name = NULL;
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    DumpFiles *files;
    gsize len;

    house_begin(&h);
    work_queue_push(h.shared.console_queue, &job);
    files = dump_files_new(&h.shared, 1, &peer, &peer, G_GINT64_CONSTANT(1700000000000000));
    dump_files_open_dir(files);
    house_settle(&h);
    name = g_path_get_basename(dump_files_path(files));
    dump_files_close(files, TRUE);
    house_end(&h);
    path = g_build_filename(name, "log", NULL);
    text = scratch_get(&h.dir, path, &len);
    g_assert_nonnull(strstr(text, "last words"));
    scratch_free(&h.dir);
}

/* What the next server reads. */
static DumpFiles *adopt(House *h, const char *name, SessionFacts *facts)
{
    JournalRecord record;
    GError *error = NULL;
    DumpFiles *files;

    house_begin(h);
    files = dump_files_adopt(&h->shared, name, &record, &error);
    g_assert_no_error(error);
    g_assert_false(dump_files_facts(files, &record, facts));
    return files;
}

static void test_resumed(void)
{
    House h = {.dir = scratch_new()};
    g_autofree char *name = half_a_dump(&h);
    SessionFacts facts;
    DumpFiles *files = adopt(&h, name, &facts);
    gboolean resumed = FALSE;

    g_assert_cmpuint(facts.floor_written, ==, 60);
    g_assert_cmpuint(facts.regs_len, ==, 216);
    g_assert_cmpint(dump_files_open_vmcore(files, &facts, TRUE, &resumed), ==, 0);
    g_assert_true(resumed);
    dump_files_close(files, TRUE);
    house_end(&h);
    scratch_free(&h.dir);
}

/* The file can't be gone on with, and the server that begins a new one is killed at once: the next
 * one must not take the empty file for one that holds 60 pages. */
static void test_new_file(void)
{
    static const char *const harm[] = {"rm vmcore-incomplete", "echo >vmcore-incomplete"};

    for (guint i = 0; i < G_N_ELEMENTS(harm); i++) {
        House h = {.dir = scratch_new()};
        g_autofree char *name = half_a_dump(&h);
        g_autofree char *file = g_build_filename(h.dir.path, name, "vmcore-incomplete", NULL);
        SessionFacts facts;
        DumpFiles *files;
        gboolean resumed = TRUE;

        if (i == 0)
            g_assert_cmpint(unlink(file), ==, 0);
        else
            g_assert_true(g_file_set_contents(file, "junk", -1, NULL));
        g_test_message("%s", harm[i]);
        files = adopt(&h, name, &facts);
        g_assert_cmpint(dump_files_open_vmcore(files, &facts, TRUE, &resumed), ==, 0);
        g_assert_false(resumed);
        dump_files_close(files, TRUE); /* nothing was journaled since */
        house_end(&h);

        files = adopt(&h, name, &facts);
        g_assert_cmpuint(facts.floor_written, ==, 0);
        g_assert_cmpuint(facts.floor_synced, ==, 0);
        g_assert_false(facts.transferred);
        g_assert_true(facts.dumps);
        dump_files_close(files, TRUE);
        house_end(&h);
        scratch_free(&h.dir);
    }
}

/* It is whole already: nothing is opened. */
static void test_whole(void)
{
    House h = {.dir = scratch_new()};
    g_autofree char *name = half_a_dump(&h);
    g_autofree char *from = g_build_filename(h.dir.path, name, "vmcore-incomplete", NULL);
    g_autofree char *to = g_build_filename(h.dir.path, name, "vmcore", NULL);
    SessionFacts facts;
    DumpFiles *files;
    gboolean resumed = TRUE;

    g_assert_cmpint(rename(from, to), ==, 0);
    files = adopt(&h, name, &facts);
    g_assert_cmpint(dump_files_open_vmcore(files, &facts, TRUE, &resumed), ==, EEXIST);
    g_assert_false(resumed);
    g_assert_null(dump_files_vmcore(files));
    dump_files_close(files, TRUE);
    house_end(&h);
    scratch_free(&h.dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dumpfiles/last-words", test_last_words);
    g_test_add_func("/dumpfiles/resumed", test_resumed);
    g_test_add_func("/dumpfiles/new-file", test_new_file);
    g_test_add_func("/dumpfiles/whole", test_whole);
    return g_test_run();
}
