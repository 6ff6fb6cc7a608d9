/* test-vmcore.c - dumps written, finished, resumed: every page where it belongs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "dumping.h"

static WorkPool *disk;
static VmcorePool *pool;

/* Made late: a test that forks must come before there are threads. */
static void need_disk(void)
{
    if (disk)
        return;
    disk = dumping_disk();
    pool = vmcore_pool_new(VMCORE_POOL_BLOCKS);
}

static void start(Dump *d, guint32 page_size, guint32 nr_pages)
{
    need_disk();
    dump_init(d, 1,
              page_size == 16384   ? 50
              : page_size == 65536 ? 21
                                   : 62,
              page_size, nr_pages, disk, pool);
    d->zero_each = 4;
    dump_create(d, 1);
}

static void finish(Dump *d)
{
    vmcore_finish_whole(d->v);
    dump_settle(d);
    g_assert_cmpuint(d->failures, ==, 0);
    dump_check_whole(d);
    g_assert_cmpuint(vmcore_pending(d->v), ==, 0);
}

/* Bytes of the file that are no hole. */
static guint64 data_bytes(const Dump *d, const char *name)
{
    int fd = dump_open_file(d, name);
    guint64 sum = 0;
    off_t at = 0, end;

    while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
        end = lseek(fd, at, SEEK_HOLE);
        g_assert_cmpint(end, >, at);
        sum += (guint64)(end - at);
        at = end;
    }
    g_assert_cmpint(close(fd), ==, 0);
    return sum;
}

static void test_in_order(gconstpointer data)
{
    guint32 page_size = GPOINTER_TO_UINT(data), nr_pages = 1001, zeros = 251;
    VmcoreStats stats;
    Dump d;

    start(&d, page_size, nr_pages);
    dump_settle(&d);
    dump_check_header(&d, "vmcore-incomplete", TRUE);
    dump_pages(&d, 0, nr_pages);
    dump_settle(&d);
    g_assert_false(scratch_has(&d.dir, "vmcore"));
    dump_check_header(&d, "vmcore-incomplete", TRUE);
    finish(&d);

    vmcore_stats(d.v, &stats);
    g_assert_cmpuint(stats.pages_stored, ==, nr_pages);
    g_assert_cmpuint(stats.zero_pages, ==, zeros);
    g_assert_cmpuint(stats.bytes_written, ==, (guint64)(nr_pages - zeros) * page_size);
    /* Zero pages cut the writes, nothing else does: runs of 3, cut once more by 2-page blocks. */
    g_assert_cmpuint(stats.pwrites, <=, page_size == 65536 ? 2 * zeros + 2 : zeros + 2);
    g_assert_cmpuint(data_bytes(&d, "vmcore"), ==,
                     elf_netdump_header_size(&d.spec) + stats.bytes_written);
    dump_free(&d, 1);
    g_assert_cmpuint(vmcore_pool_bytes(pool), ==, 0);
}

/* Without zero pages a block is one write. */
static void test_gathered(void)
{
    VmcoreStats stats;
    Dump d;

    start(&d, 4096, 32 * 20);
    d.zero_each = 0;
    dump_pages(&d, 0, 32 * 20);
    finish(&d);
    vmcore_stats(d.v, &stats);
    g_assert_cmpuint(stats.pwrites, ==, 20);
    g_assert_cmpuint(stats.zero_pages, ==, 0);
    dump_free(&d, 1);
}

/* An empty memory: the file is its header and a hole. */
static void test_all_zero(void)
{
    Dump d;

    start(&d, 4096, 5000);
    d.zero_each = 1;
    dump_pages(&d, 0, 5000);
    finish(&d);
    g_assert_cmpuint(data_bytes(&d, "vmcore"), ==, 4096);
    dump_free(&d, 1);
}

/* Chunks of `window` pages in any order, again and again; the seed is the test program's. */
static void shuffle(Dump *d, guint32 window)
{
    guint32 per_page = d->spec.page_size / CHUNK, n;
    g_autofree guint32 *order = g_new(guint32, window * per_page);
    g_autofree guint32 *left = g_new(guint32, window);

    for (guint32 base = 0; base < d->spec.nr_pages; base += window) {
        n = MIN(window, d->spec.nr_pages - base) * per_page;
        for (guint32 i = 0; i < n; i++) {
            guint32 j = (guint32)g_test_rand_int_range(0, (gint32)i + 1);

            order[i] = order[j];
            order[j] = i;
        }
        for (guint32 i = 0; i < window; i++)
            left[i] = per_page;
        for (guint32 i = 0; i < n; i++) {
            guint32 page = order[i] / per_page;

            dump_put(d, base + page, order[i] % per_page * CHUNK, CHUNK, --left[page] == 0);
            if (g_test_rand_int_range(0, 500) == 0)
                vmcore_flush(d->v);
            if (g_test_rand_int_range(0, 100) == 0)
                work_pool_dispatch(disk);
        }
    }
}

static void test_any_order(gconstpointer data)
{
    const guint32 page_sizes[] = {4096, 8192, 16384, 65536};

    for (guint i = 0; i < G_N_ELEMENTS(page_sizes); i++) {
        Dump d;

        start(&d, page_sizes[i], (guint32)g_test_rand_int_range(1, 700));
        d.zero_each = 3;
        shuffle(&d, GPOINTER_TO_UINT(data));
        finish(&d);
        dump_free(&d, 1);
    }
}

/* More blocks begun than a dump may have open: pages are written in pieces. */
static void test_pieces(void)
{
    VmcoreStats stats;
    Dump d;

    start(&d, 4096, 32 * 10);
    d.zero_each = 32;
    for (guint32 round = 0; round < 4; round++)
        for (guint32 i = 0; i < 320; i++)
            dump_put(&d, (i % 10) * 32 + i / 10, round * CHUNK, CHUNK, round == 3);
    vmcore_flush(d.v);
    dump_settle(&d);
    vmcore_stats(d.v, &stats);
    g_assert_cmpuint(stats.pwrites, >, 100);
    g_assert_cmpuint(d.n_stored, ==, 320);
    finish(&d);
    dump_free(&d, 1);
}

/* A page is reported when it has been written, not before. */
static void test_stored(void)
{
    sem_t sem;
    Dump d;

    start(&d, 4096, 100);
    dump_settle(&d);
    dump_brake(&d, &sem);
    dump_pages(&d, 0, 40);
    work_pool_dispatch(disk);
    g_assert_cmpuint(d.n_stored, ==, 0);
    g_assert_cmpuint(vmcore_pending(d.v), ==, 2 * VMCORE_BLOCK_SIZE);
    sem_post(&sem);
    dump_settle(&d);
    g_assert_cmpuint(d.n_stored, ==, 32); /* one full block */
    g_assert_cmpuint(vmcore_pending(d.v), ==, VMCORE_BLOCK_SIZE);
    vmcore_flush(d.v);
    vmcore_flush(d.v);
    dump_settle(&d);
    g_assert_cmpuint(d.n_stored, ==, 40);
    g_assert_cmpuint(vmcore_pending(d.v), ==, 0);
    dump_settle(&d);
    dump_pages(&d, 40, 100);
    finish(&d);
    g_assert_false(vmcore_put(d.v, dump_offset(&d, 0), (const guint8 *)"", 0, FALSE, 0));
    vmcore_finish_whole(d.v);
    vmcore_finish_partial(d.v);
    dump_settle(&d);
    dump_check_whole(&d);
    dump_free(&d, 1);
    sem_destroy(&sem);
}

/* Bytes of a piece that was written are gone when the page comes again and is zero. */
static void test_zero_over_bytes(gconstpointer data)
{
    guint32 page_size = GPOINTER_TO_UINT(data);
    guint8 garbage[CHUNK];
    Dump d;

    memset(garbage, 0xaa, sizeof garbage);
    start(&d, page_size, 40);
    d.zero_each = 2;
    for (guint32 pfn = 0; pfn < 40; pfn += 2)
        g_assert_true(vmcore_put(d.v, dump_offset(&d, pfn), garbage, CHUNK, FALSE, 0));
    vmcore_flush(d.v);
    dump_pages(&d, 0, 40);
    finish(&d);
    g_assert_cmpuint(data_bytes(&d, "vmcore"), ==,
                     elf_netdump_header_size(&d.spec) + (guint64)20 * page_size);
    dump_free(&d, 1);
}

static void test_partial(void)
{
    Dump d;

    start(&d, 4096, 1000);
    dump_pages(&d, 0, 333);
    dump_put(&d, 334, 1024, 2048, FALSE);
    vmcore_finish_partial(d.v);
    vmcore_finish_partial(d.v);
    dump_settle(&d);
    g_assert_cmpuint(d.n_finished, ==, 1);
    g_assert_cmpint(d.finished_err, ==, 0);
    g_assert_cmpuint(d.n_stored, ==, 333);
    g_assert_false(scratch_has(&d.dir, "vmcore"));
    dump_check_header(&d, "vmcore-incomplete", TRUE);
    dump_check_size(&d, "vmcore-incomplete");
    dump_check_range(&d, "vmcore-incomplete", 0, 333);
    dump_free(&d, 1);
}

typedef struct {
    guint told;
    GError *error;
} Opened;

/* A VmcoreOpened. */
static void on_opened(gpointer user, GError *error)
{
    Opened *opened = user;

    opened->told++;
    opened->error = error;
}

/* NULL if the file that is there cannot be used; then error_part is what the message says. */
static Vmcore *resume(Dump *d, const char *error_part)
{
    Opened opened = {0};

    dump_new(d, 1);
    vmcore_open(d->v, on_opened, &opened);
    g_assert_cmpuint(opened.told, ==, 0);
    dump_settle(d);
    g_assert_cmpuint(opened.told, ==, 1);
    g_assert_cmpuint(d->failures, ==, 0);
    if (!error_part) {
        g_assert_no_error(opened.error);
        return d->v;
    }
    g_assert_nonnull(opened.error);
    g_assert_nonnull(strstr(opened.error->message, error_part));
    g_assert_nonnull(strstr(opened.error->message, d->dir.path));
    g_error_free(opened.error);
    dump_leave(d);
    return NULL;
}

static void test_resume(void)
{
    Dump d;
    int fd;

    start(&d, 4096, 500);
    dump_pages(&d, 0, 200);
    vmcore_flush(d.v);
    dump_settle(&d);
    g_assert_cmpuint(d.n_stored, ==, 200);
    dump_leave(&d);

    /* A page in doubt that is zero this time. */
    fd = dump_open_file(&d, "vmcore-incomplete");
    g_assert_cmpint(pwrite(fd, "junk", 4, (off_t)elf_netdump_page_offset(&d.spec, 196)), ==, 4);
    g_assert_cmpint(close(fd), ==, 0);
    memset(d.stored + 190, 0, 10);
    resume(&d, NULL);
    dump_pages(&d, 190, 500);
    finish(&d);
    g_assert_cmpuint(data_bytes(&d, "vmcore"), ==, 4096 + 375 * 4096);
    dump_free(&d, 1);
}

/* A server that died right before the rename: header and data whole, but the name. */
static void test_resume_finished(void)
{
    Dump d;

    start(&d, 4096, 100);
    dump_pages(&d, 0, 100);
    finish(&d);
    dump_leave(&d);
    g_assert_cmpint(renameat(d.dir.fd, "vmcore", d.dir.fd, "vmcore-incomplete"), ==, 0);
    resume(&d, NULL);
    dump_check_header(&d, "vmcore-incomplete", TRUE);
    d.n_finished = 0;
    finish(&d);
    dump_free(&d, 1);
}

static void test_resume_refused(void)
{
    ElfSpec right;
    Dump d;
    int fd;

    start(&d, 4096, 100);
    dump_settle(&d);
    dump_leave(&d);
    right = d.spec;
    d.spec.task++;
    resume(&d, "header");
    d.spec = right;
    elf_netdump_set_regs(&d.spec, (const guint8 *)"x", 1);
    resume(&d, "header");
    d.spec = right;
    d.spec.page_size = 8192;
    resume(&d, "header");
    d.spec = right;

    fd = dump_open_file(&d, "vmcore-incomplete");
    g_assert_cmpint(ftruncate(fd, (off_t)dump_size(&d) + 1), ==, 0);
    resume(&d, "longer");
    g_assert_cmpint(ftruncate(fd, 4095), ==, 0);
    resume(&d, "header");
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    resume(&d, "header");
    g_assert_cmpint(close(fd), ==, 0);

    g_assert_cmpint(unlinkat(d.dir.fd, "vmcore-incomplete", 0), ==, 0);
    resume(&d, "vmcore-incomplete");
    scratch_plant(&d.dir, "vmcore-incomplete");
    resume(&d, "link");
    scratch_victim_untouched(&d.dir);
    g_assert_cmpint(unlinkat(d.dir.fd, "vmcore-incomplete", 0), ==, 0);
    g_assert_cmpint(mkfifoat(d.dir.fd, "vmcore-incomplete", 0600), ==, 0);
    resume(&d, "regular");
    scratch_put(&d.dir, "vmcore", "whole", 5);
    resume(&d, "File exists");
    dump_free(&d, 1);
}

/* A file that cannot be resumed makes room: kept if there is anything in it. */
static void test_replace(void)
{
    static const char *const old[] = {"junk", ""};

    for (guint i = 0; i < G_N_ELEMENTS(old); i++) {
        gsize len = 0;
        g_autofree char *kept = NULL;
        Dump d;

        start(&d, 4096, 100);
        dump_settle(&d);
        dump_leave(&d);
        scratch_put(&d.dir, "vmcore-incomplete", old[i], strlen(old[i]));
        resume(&d, "header");
        dump_new(&d, 1);
        vmcore_create(d.v, TRUE);
        dump_pages(&d, 0, 100);
        finish(&d);
        kept = scratch_get(&d.dir, "vmcore-unusable", &len);
        g_assert_cmpstr(kept, ==, *old[i] ? old[i] : NULL);
        dump_free(&d, 1);
    }
}

/* Opened too late: nobody is told. */
static void test_open_abandoned(void)
{
    Opened opened = {0};
    sem_t sem;
    Dump d;

    start(&d, 4096, 100);
    dump_settle(&d);
    dump_leave(&d);
    dump_new(&d, 1);
    dump_brake(&d, &sem);
    vmcore_open(d.v, on_opened, &opened);
    vmcore_free(g_steal_pointer(&d.v));
    sem_post(&sem);
    dump_settle(&d);
    g_assert_cmpuint(opened.told, ==, 0);
    dump_free(&d, 1);
    sem_destroy(&sem);
}

/* -- files of other protocols ------------------------------------------------------------------ */

#define OTHER_PAGE 8192u

/* A file without a header, whose size nobody knows before its end. */
static void other_begin(Dump *d)
{
    g_autoptr(GError) error = NULL;
    VmcoreSpec spec = {
        .file = {.header_size = 0, .page_size = OTHER_PAGE, .size = 0},
        .tell = on_event,
        .user = dumps_by_id,
        .client = 1,
    };

    d->v = vmcore_new(pool, d->queue, d->dir.fd, d->dir.path, &spec, &error);
    g_assert_no_error(error);
}

static void other_page(Dump *d, guint32 page, guint8 value)
{
    guint8 bytes[OTHER_PAGE];

    memset(bytes, value, sizeof bytes);
    g_assert_true(
        vmcore_put(d->v, (guint64)page * OTHER_PAGE, bytes, sizeof bytes, TRUE, page ^ 0x5a5a5a5a));
}

static void other_check(const Dump *d, const char *name, guint32 pages)
{
    gsize len = 0;
    g_autofree char *bytes = scratch_get(&d->dir, name, &len);

    g_assert_cmpuint(len, ==, (gsize)pages * OTHER_PAGE);
    for (gsize i = 0; i < len; i++) {
        guint32 page = (guint32)(i / OTHER_PAGE);

        g_assert_cmpuint((guint8)bytes[i], ==, page == 40 || page > 60 ? 0 : 1 + page % 7);
    }
}

/* The pages 0 to 60, without 40; the last ones are zeros. A restart in between. */
static void test_unknown_size(void)
{
    Opened opened = {0};
    Dump d;

    start(&d, OTHER_PAGE, 1000);
    dump_settle(&d);
    dump_leave(&d);
    g_assert_cmpint(unlinkat(d.dir.fd, "vmcore-incomplete", 0), ==, 0);
    other_begin(&d);
    vmcore_create(d.v, FALSE);
    for (guint32 page = 0; page < 61; page++)
        if (page != 40)
            other_page(&d, page, (guint8)(1 + page % 7));
    other_page(&d, 61, 0);
    other_page(&d, 62, 0);
    vmcore_flush(d.v);
    dump_settle(&d);
    g_assert_cmpuint(d.n_stored, ==, 62);
    other_check(&d, "vmcore-incomplete", 63);
    dump_leave(&d);

    other_begin(&d);
    vmcore_open(d.v, on_opened, &opened);
    dump_settle(&d);
    g_assert_cmpuint(opened.told, ==, 1);
    g_assert_no_error(opened.error);
    other_page(&d, 63, 0);
    vmcore_finish_whole(d.v);
    dump_settle(&d);
    g_assert_cmpuint(d.n_finished, ==, 1);
    g_assert_cmpint(d.finished_err, ==, 0);
    other_check(&d, "vmcore", 64);
    dump_free(&d, 1);
}

/* What a protocol may not say of its file. */
static void test_invalid(void)
{
    static const SessionFile files[] = {
        {4096, 2048, 0},
        {4096, 131072, 0},
        {4096, 5000, 0},
        {4096, 0, 0},
        {1000, 4096, 0},
        {66560, 4096, 0},
        {4096, 4096, 4095},
        {0, 4096, G_MAXUINT64},
        {65536, 4096, 1024},
        {4096, 4096, 1000},
        {0, 4096, (1ull << 62) + 1},
    };
    guint8 header[65536 + 1024] = {0};
    Scratch s = scratch_new();
    WorkQueue *queue;

    need_disk();
    queue = work_queue_new(disk, NULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(GError) error = NULL;
        VmcoreSpec spec = {.file = files[i], .partial = header, .whole = header};

        g_assert_null(vmcore_new(pool, queue, s.fd, s.path, &spec, &error));
        g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    }
    work_queue_free(queue);
    scratch_free(&s);
}

/* The largest machine that the wire can tell of: 2^32 - 1 pages, 256 TiB. */
static void huge(guint32 page_size)
{
    const guint32 pfns[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffd, 0xfffffffe};
    Dump d;
    int fd;

    start(&d, page_size, G_MAXUINT32);
    d.zero_each = 7;
    for (guint i = 0; i < G_N_ELEMENTS(pfns); i++)
        dump_page(&d, pfns[i]);
    vmcore_flush(d.v);
    vmcore_finish_whole(d.v);
    dump_settle(&d);
    if (d.last_err == EFBIG) {
        g_test_message("this file system has no files of that size");
        vmcore_finish_partial(d.v);
        dump_settle(&d);
        g_assert_cmpint(d.finished_err, ==, EFBIG);
        dump_check_header(&d, "vmcore-incomplete", TRUE);
        dump_check_range(&d, "vmcore-incomplete", 0, 2);
    } else {
        g_assert_cmpuint(d.failures, ==, 0);
        g_assert_cmpuint(d.n_stored, ==, G_N_ELEMENTS(pfns));
        dump_check_header(&d, "vmcore", FALSE);
        dump_check_size(&d, "vmcore");
        fd = dump_open_file(&d, "vmcore");
        for (guint i = 0; i < G_N_ELEMENTS(pfns); i++)
            dump_check_page(&d, fd, pfns[i], FALSE);
        g_assert_cmpint(close(fd), ==, 0);
    }
    g_assert_cmpuint(d.n_finished, ==, 1);
    dump_free(&d, 1);
}

static void test_huge(void)
{
    huge(4096);
    huge(65536);
}

static int huge_on_tmpfs(const Scratch *s)
{
    Scratch small;
    Dump d;

    if (!scratch_small_disk(s, "disk", "2m", &small))
        return 77;
    need_disk();
    dump_init(&d, 1, 21, 65536, G_MAXUINT32, disk, pool);
    d.dir = small;
    dump_create(&d, 1);
    dump_page(&d, 0);
    dump_page(&d, G_MAXUINT32 - 1);
    vmcore_finish_whole(d.v);
    dump_settle(&d);
    g_assert_cmpuint(d.failures, ==, 0);
    dump_check_size(&d, "vmcore");
    dump_check_range(&d, "vmcore", G_MAXUINT32 - 1, G_MAXUINT32);
    dump_free(&d, 1);
    vmcore_pool_free(pool);
    work_pool_free(disk);
    (void)close(small.fd);
    g_free(small.path);
    return 0;
}

static void test_huge_tmpfs(void)
{
    Scratch s = scratch_new();

    if (!scratch_child(huge_on_tmpfs, &s))
        g_test_skip("no private mount namespace here");
    scratch_free(&s);
}

/* Many dumps, few blocks, nothing goes to the disk: no chunk is refused, memory is bounded. */
static void test_pool(void)
{
    enum { N = 20, CAP = 8 };
    VmcorePool *small = vmcore_pool_new(CAP);
    Dump d[N];

    need_disk();
    for (guint i = 0; i < N; i++) {
        dump_init(&d[i], i + 1, 62, 4096, 64, disk, small);
        d[i].zero_each = 5;
        dump_create(&d[i], i + 1);
        dump_settle(&d[i]);
        g_assert_cmpuint(vmcore_pool_bytes(small), ==, 0);
    }
    for (guint i = 0; i < N; i++)
        dump_page(&d[i], 0);
    g_assert_cmpuint(vmcore_pool_bytes(small), <=, (CAP + N) * VMCORE_BLOCK_SIZE);
    for (guint i = 0; i < N; i++)
        dump_page(&d[i], 63);
    for (guint i = 0; i < N; i++) { /* a second block was not opened beside the first one */
        dump_settle(&d[i]);
        g_assert_cmpuint(vmcore_pending(d[i].v), ==, VMCORE_BLOCK_SIZE);
    }
    g_assert_cmpuint(vmcore_pool_bytes(small), <=, (CAP + N) * VMCORE_BLOCK_SIZE);
    for (guint i = 0; i < N; i++) {
        vmcore_flush(d[i].v);
        dump_settle(&d[i]);
    }
    g_assert_cmpuint(vmcore_pool_bytes(small), <=, (CAP + N) * VMCORE_BLOCK_SIZE);
    for (guint i = 0; i < N; i++) {
        dump_pages(&d[i], 1, 63);
        vmcore_finish_whole(d[i].v);
    }
    for (guint i = 0; i < N; i++) {
        dump_settle(&d[i]);
        dump_check_whole(&d[i]);
        dump_free(&d[i], i + 1);
        g_assert_cmpuint(vmcore_pool_bytes(small), <=, (CAP + N - 1 - i) * VMCORE_BLOCK_SIZE);
    }
    g_assert_cmpuint(vmcore_pool_bytes(small), ==, 0);
    vmcore_pool_free(small);
}

int main(int argc, char **argv)
{
    const guint32 page_sizes[] = {4096, 8192, 16384, 32768, 65536};
    const guint32 windows[] = {1, 8, 128, 700};
    int result;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vmcore/huge-tmpfs", test_huge_tmpfs);
    for (guint i = 0; i < G_N_ELEMENTS(page_sizes); i++) {
        g_autofree char *name = g_strdup_printf("/vmcore/in-order/%u", page_sizes[i]);
        g_autofree char *over = g_strdup_printf("/vmcore/zero-over-bytes/%u", page_sizes[i]);

        g_test_add_data_func(name, GUINT_TO_POINTER(page_sizes[i]), test_in_order);
        g_test_add_data_func(over, GUINT_TO_POINTER(page_sizes[i]), test_zero_over_bytes);
    }
    for (guint i = 0; i < G_N_ELEMENTS(windows); i++) {
        g_autofree char *name = g_strdup_printf("/vmcore/any-order/%u", windows[i]);

        g_test_add_data_func(name, GUINT_TO_POINTER(windows[i]), test_any_order);
    }
    g_test_add_func("/vmcore/gathered", test_gathered);
    g_test_add_func("/vmcore/all-zero", test_all_zero);
    g_test_add_func("/vmcore/pieces", test_pieces);
    g_test_add_func("/vmcore/stored", test_stored);
    g_test_add_func("/vmcore/partial", test_partial);
    g_test_add_func("/vmcore/resume", test_resume);
    g_test_add_func("/vmcore/resume-finished", test_resume_finished);
    g_test_add_func("/vmcore/resume-refused", test_resume_refused);
    g_test_add_func("/vmcore/replace", test_replace);
    g_test_add_func("/vmcore/open-abandoned", test_open_abandoned);
    g_test_add_func("/vmcore/unknown-size", test_unknown_size);
    g_test_add_func("/vmcore/invalid", test_invalid);
    g_test_add_func("/vmcore/huge", test_huge);
    g_test_add_func("/vmcore/pool", test_pool);
    result = g_test_run();
    vmcore_pool_free(pool);
    work_pool_free(disk);
    return result;
}
