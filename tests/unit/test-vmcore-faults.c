/* test-vmcore-faults.c - dumps on disks that fill, fail and stall: nothing stored is lost.
 *
 * The system calls of the code under test are this program's: each can be made to fail, by its
 * number in the course of a dump.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "dumping.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#ifdef __clang__
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER
#endif
#elif defined __SANITIZE_THREAD__
#define THREAD_SANITIZER
#endif

static struct {
    gint armed;     /* atomic */
    gint countdown; /* atomic: the call that makes it 0 fails */
    gint repeat;    /* so many calls from there on */
    int err;
    gint hits;        /* atomic */
    const char *only; /* one call's name, or NULL for all */
    gint no_memory;   /* atomic */
} fault;

static gboolean strikes(const char *call)
{
    gint before;

    if (!g_atomic_int_get(&fault.armed) || (fault.only && strcmp(fault.only, call) != 0))
        return FALSE;
    before = g_atomic_int_add(&fault.countdown, -1);
    if (before > 1 || before <= 1 - fault.repeat)
        return FALSE;
    g_atomic_int_inc(&fault.hits);
    errno = fault.err;
    return TRUE;
}

static void arm(gint nth, gint repeat, int err, const char *only)
{
    g_atomic_int_set(&fault.armed, FALSE);
    fault.countdown = nth;
    fault.repeat = repeat;
    fault.err = err;
    fault.hits = 0;
    fault.only = only;
    g_atomic_int_set(&fault.armed, TRUE);
}

static void disarm(void)
{
    g_atomic_int_set(&fault.armed, FALSE);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return strikes("pwrite") ? -1 : syscall(SYS_pwrite64, fd, bytes, len, offset);
}

/* Success is feigned: nobody pulls the plug here, and some hundred dumps are synced. */
int fdatasync(int fd)
{
    (void)fd;
    return strikes("fdatasync") ? -1 : 0;
}

int fsync(int fd)
{
    (void)fd;
    return strikes("fsync") ? -1 : 0;
}

int ftruncate(int fd, off_t size)
{
    return strikes("ftruncate") ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    return strikes("fallocate") ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return strikes("renameat") ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

/* ThreadSanitizer must see every mapping itself. */
#ifndef THREAD_SANITIZER
void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (len == VMCORE_BLOCK_SIZE && g_atomic_int_get(&fault.no_memory)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}
#endif

static WorkPool *disk;
static VmcorePool *pool;

/* Made late: a test that forks must come before there are threads. */
static void start(Dump *d, guint32 nr_pages)
{
    if (!disk) {
        disk = dumping_disk();
        pool = vmcore_pool_new(16);
    }
    dump_init(d, 1, 62, 4096, nr_pages, disk, pool);
    d->zero_each = 4;
    dump_create(d, 1);
}

static void check_partial(const Dump *d)
{
    int fd = dump_open_file(d, "vmcore-incomplete");

    g_assert_cmpuint(d->n_finished, ==, 1);
    g_assert_false(scratch_has(&d->dir, "vmcore"));
    dump_check_header(d, "vmcore-incomplete", TRUE);
    for (guint32 pfn = 0; pfn < d->spec.nr_pages; pfn++)
        dump_check_page(d, fd, pfn, d->stored[pfn] == 0);
    g_assert_cmpint(close(fd), ==, 0);
}

/* The disk died at some moment: what was stored is there; only a file that is whole can look so. */
static void check_frozen(const Dump *d)
{
    gboolean renamed = scratch_has(&d->dir, "vmcore");
    int fd = dump_open_file(d, renamed ? "vmcore" : "vmcore-incomplete");
    guint8 note[8];

    for (guint32 pfn = 0; pfn < d->spec.nr_pages; pfn++)
        dump_check_page(d, fd, pfn, d->stored[pfn] == 0);
    /* p_filesz of the PT_NOTE is longer by the note that says [PARTIAL DUMP] */
    g_assert_cmpint(pread(fd, note, sizeof note, 64 + 32), ==, (gssize)sizeof note);
    if (renamed || note[0] != (guint8)(3 * 16 + 336 + 136 + 8 + 20))
        g_assert_cmpuint(d->n_stored, ==, d->spec.nr_pages);
    g_assert_cmpint(close(fd), ==, 0);
}

/* A disk without space; a page's chunks in two pieces, so that both of its writes may be hit. */
static void put_all(Dump *d)
{
    dump_put(d, 5, 0, 2048, FALSE);
    vmcore_flush(d->v);
    for (guint32 pfn = 0; pfn < d->spec.nr_pages; pfn++)
        if (pfn != 5)
            dump_page(d, pfn);
    dump_put(d, 5, 2048, 2048, TRUE);
}

/* A child's: _exit() frees nothing, and leaks shall be seen. */
static void end_child(Scratch *small)
{
    vmcore_pool_free(pool);
    work_pool_free(disk);
    (void)close(small->fd);
    g_free(small->path);
}

static int full_disk(const Scratch *s)
{
    Dump d = {0};
    Scratch small;

    if (!scratch_small_disk(s, "disk", "1m", &small))
        return 77;
    for (guint round = 0; round < 2; round++) {
        start(&d, 0x200);
        vmcore_free(d.v);
        d.own_dir = FALSE;
        scratch_free(&d.dir);
        d.dir = small;
        scratch_fill(&small, round == 0 ? 256 << 10 : 0); /* the second one: not even the header */
        dump_create(&d, 1);
        put_all(&d);
        vmcore_finish_whole(d.v);
        while (d.failures == 0)
            dump_wait_once(disk);
        g_assert_cmpint(d.last_err, ==, ENOSPC);
        g_assert_nonnull(strstr(d.last_what, round == 0 ? "write " : "create "));
        g_assert_nonnull(strstr(d.last_what, small.path));
        g_assert_cmpuint(d.n_finished, ==, 0);
        work_queue_retry(d.queue);
        while (d.failures == 1)
            dump_wait_once(disk);
        g_assert_cmpint(unlinkat(small.fd, "ballast", 0), ==, 0);
        /* 1 MiB is too small for all of it: the dump is given up, or becomes whole */
        g_assert_cmpint(mount("none", small.path, "tmpfs", MS_REMOUNT, "size=8m"), ==, 0);
        work_queue_retry(d.queue);
        dump_settle(&d);
        dump_check_whole(&d);
        g_assert_cmpuint(d.failures, ==, 2);
        g_assert_cmpint(unlinkat(small.fd, "vmcore", 0), ==, 0);
        dump_free(&d, 1);
        g_assert_cmpint(mount("none", small.path, "tmpfs", MS_REMOUNT, "size=1m"), ==, 0);
    }
    end_child(&small);
    return 0;
}

static int full_disk_given_up(const Scratch *s)
{
    guint32 n = 0;
    Scratch small;
    Dump d;

    if (!scratch_small_disk(s, "disk", "1m", &small))
        return 77;
    start(&d, 0x400);
    vmcore_free(d.v);
    scratch_free(&d.dir);
    d.own_dir = FALSE;
    d.dir = small;
    dump_create(&d, 1);
    d.on_failure = GIVE_UP;
    put_all(&d);
    dump_settle(&d);
    while (d.n_finished == 0)
        dump_wait_once(disk);
    g_assert_cmpint(d.finished_err, ==, ENOSPC);
    for (guint32 pfn = 0; pfn < 0x400; pfn++)
        n += d.stored[pfn];
    g_assert_cmpuint(n, >=, 0x100); /* zero pages need no space */
    g_assert_cmpuint(n, <, 0x400);
    check_partial(&d);
    dump_check_size(&d, "vmcore-incomplete");
    dump_free(&d, 1);
    end_child(&small);
    return 0;
}

static void in_child(gconstpointer data)
{
    int (*fn)(const Scratch *) = *(int (*const *)(const Scratch *))data;
    Scratch s = scratch_new();

    if (!scratch_child(fn, &s))
        g_test_skip("no private mount namespace here");
    scratch_free(&s);
}

/* A limit on the size of files: EFBIG, without a signal, and with a part of the block written. */
static void test_file_limit(gconstpointer data)
{
    gboolean retry = GPOINTER_TO_INT(data);
    Dump d;

    start(&d, 500);
    scratch_file_limit(elf_netdump_page_offset(&d.spec, 77) + 1000);
    dump_pages(&d, 0, 500);
    vmcore_finish_whole(d.v);
    while (d.failures == 0)
        dump_wait_once(disk);
    g_assert_cmpint(d.last_err, ==, EFBIG);
    if (retry) {
        scratch_file_limit(RLIM_INFINITY);
        work_queue_retry(d.queue);
        dump_settle(&d);
        dump_check_whole(&d);
    } else {
        vmcore_finish_partial(d.v);
        dump_settle(&d);
        scratch_file_limit(RLIM_INFINITY);
        g_assert_cmpint(d.finished_err, ==, EFBIG);
        g_assert_cmpuint(d.n_stored, >=, 64);
        check_partial(&d);
    }
    dump_free(&d, 1);
}

static const int errors[] = {ENOSPC, EIO, EDQUOT, EROFS, EINTR};

/* Every call of a dump fails once, and is tried again. A sync that fails is another matter. */
static void test_each_call_retried(void)
{
    guint tried = 0;

    for (gint nth = 1;; nth++) {
        Dump d;

        start(&d, 129); /* the last one is zero: ftruncate() is needed */
        d.on_failure = RETRY;
        arm(nth, 1, errors[nth % 5], NULL);
        put_all(&d);
        vmcore_finish_whole(d.v);
        while (d.n_finished == 0 && !(d.failures > 0 && strstr(d.last_what, "finish ")))
            dump_wait_once(disk);
        disarm();
        if (d.n_finished == 0) { /* it was the sync, or one of the few calls at the end */
            d.on_failure = GIVE_UP;
            while (d.n_finished == 0)
                dump_wait_once(disk);
        }
        tried++;
        if (scratch_has(&d.dir, "vmcore")) {
            dump_check_whole(&d);
        } else {
            g_assert_cmpint(d.finished_err, ==, errors[nth % 5]);
            check_partial(&d);
        }
        if (g_atomic_int_get(&fault.hits) == 0) {
            dump_free(&d, 1);
            break;
        }
        dump_free(&d, 1);
    }
    g_test_message("%u calls", tried - 1);
    g_assert_cmpuint(tried, >, 40);
}

/* From every call on, some fail, and the dump is given up at the first. */
static void test_each_call_given_up(gconstpointer data)
{
    gint repeat = GPOINTER_TO_INT(data);

    for (gint nth = 1;; nth++) {
        gboolean hit;
        Dump d;

        start(&d, 129); /* the last one is zero: ftruncate() is needed */
        d.on_failure = GIVE_UP;
        arm(nth, repeat, errors[nth % 4], NULL);
        put_all(&d);
        vmcore_finish_whole(d.v);
        while (d.n_finished == 0)
            dump_wait_once(disk);
        disarm();
        hit = g_atomic_int_get(&fault.hits) > 0;
        if (!hit)
            dump_check_whole(&d);
        else if (repeat == 1)
            check_partial(&d);
        else if (nth > 1) /* else there is not even a header */
            check_frozen(&d);
        g_assert_cmpuint(d.n_finished, ==, 1);
        dump_free(&d, 1);
        if (!hit)
            break;
    }
}

static void test_one_call(const char *call, int err, gboolean whole)
{
    Dump d;

    start(&d, 101);
    d.on_failure = RETRY;
    arm(1, 1, err, call);
    put_all(&d);
    vmcore_finish_whole(d.v);
    if (whole) {
        dump_settle(&d);
        while (d.n_finished == 0)
            dump_wait_once(disk);
        dump_check_whole(&d);
    } else {
        while (d.failures < 3) /* again and again */
            dump_wait_once(disk);
        d.on_failure = WAIT;
        while (!queue_is_stopped(d.queue))
            dump_wait_once(disk);
        g_assert_cmpint(d.last_err, ==, err);
        vmcore_finish_partial(d.v);
        while (d.n_finished == 0)
            dump_wait_once(disk);
        g_assert_cmpint(d.finished_err, ==, err);
        check_partial(&d);
    }
    g_assert_cmpint(g_atomic_int_get(&fault.hits), ==, 1);
    disarm();
    dump_free(&d, 1);
}

/* What the kernel could not write it tells once: no later sync may make the dump whole. */
static void test_sync_fails_for_ever(void)
{
    test_one_call("fdatasync", EIO, FALSE);
    test_one_call("fdatasync", ENOSPC, FALSE);
}

static void test_final_calls_retried(void)
{
    test_one_call("ftruncate", EIO, TRUE);
    test_one_call("renameat", ENOSPC, TRUE);
    test_one_call("fsync", EIO, TRUE);
    test_one_call("fsync", EINVAL, TRUE); /* taken for "this file system cannot" */
}

/* The directory's sync fails behind the rename, and the dump is given up: the old name again. */
static void test_renamed_and_given_up(void)
{
    Dump d;

    start(&d, 50);
    d.on_failure = GIVE_UP;
    dump_settle(&d);
    arm(1, 1, EIO, "fsync");
    dump_pages(&d, 0, 50);
    vmcore_finish_whole(d.v);
    while (d.n_finished == 0)
        dump_wait_once(disk);
    disarm();
    g_assert_cmpuint(d.failures, ==, 1);
    g_assert_cmpint(d.finished_err, ==, 0);
    check_partial(&d);
    dump_free(&d, 1);
}

/* One half of a page could not be written, the other one could: that page is not stored. */
static void test_half_a_page(void)
{
    Dump d;

    start(&d, 100);
    dump_settle(&d);
    d.on_failure = GIVE_UP;
    arm(1, 2, EIO, "pwrite");
    dump_put(&d, 5, 0, 2048, FALSE);
    vmcore_flush(d.v);
    dump_put(&d, 5, 2048, 2048, TRUE);
    dump_page(&d, 6);
    vmcore_flush(d.v);
    while (d.n_finished == 0)
        dump_wait_once(disk);
    g_assert_cmpint(g_atomic_int_get(&fault.hits), ==, 2);
    disarm();
    g_assert_cmpint(d.finished_err, ==, EIO);
    g_assert_cmpuint(d.stored[5], ==, 0);
    g_assert_cmpuint(d.stored[6], ==, 1);
    check_partial(&d);
    dump_free(&d, 1);
}

/* Given up when the disk's thread has just made it whole, and the loop has not heard of it. */
static void test_given_up_too_late(void)
{
    Dump d;

    start(&d, 40);
    dump_pages(&d, 0, 40);
    vmcore_finish_whole(d.v);
    while (!scratch_has(&d.dir, "vmcore"))
        g_usleep(1000);
    g_assert_cmpuint(d.n_finished, ==, 0);
    vmcore_finish_partial(d.v);
    dump_settle(&d);
    dump_check_whole(&d);
    dump_free(&d, 1);
}

/* A file system that knows no holes: the zeros are written. */
static void test_no_holes(void)
{
    guint8 garbage[CHUNK];
    Dump d;

    memset(garbage, 0xaa, sizeof garbage);
    start(&d, 64);
    d.zero_each = 1;
    for (guint32 pfn = 0; pfn < 64; pfn++)
        g_assert_true(vmcore_put(d.v, dump_offset(&d, pfn) + 1024, garbage, CHUNK, FALSE, 0));
    vmcore_flush(d.v);
    arm(1, 1000, EOPNOTSUPP, "fallocate");
    dump_pages(&d, 0, 64);
    vmcore_finish_whole(d.v);
    dump_settle(&d);
    disarm();
    dump_check_whole(&d);
    g_assert_cmpint(g_atomic_int_get(&fault.hits), ==, 2);
    dump_free(&d, 1);
}

static void test_no_memory(void)
{
    guint8 bytes[CHUNK] = {1};
    Dump d;

#ifdef THREAD_SANITIZER
    g_test_skip("mmap() is ThreadSanitizer's");
    return;
#endif
    start(&d, 64);
    g_atomic_int_set(&fault.no_memory, TRUE);
    g_assert_false(vmcore_put(d.v, dump_offset(&d, 0), bytes, CHUNK, FALSE, 0));
    g_assert_false(vmcore_put(d.v, dump_offset(&d, 40), bytes, CHUNK, FALSE, 0));
    g_atomic_int_set(&fault.no_memory, FALSE);
    dump_pages(&d, 0, 64);
    vmcore_finish_whole(d.v);
    dump_settle(&d);
    dump_check_whole(&d);
    dump_free(&d, 1);
}

/* With jobs before, in and behind the disk's hands: nothing more is written, nothing told. */
static void test_abandon(void)
{
    struct stat st;
    sem_t sem;
    Dump d;

    start(&d, 1000);
    dump_settle(&d);
    dump_brake(&d, &sem);
    dump_pages(&d, 0, 300);
    vmcore_finish_whole(d.v);
    vmcore_free(g_steal_pointer(&d.v));
    sem_post(&sem);
    dump_settle(&d);
    g_assert_cmpuint(d.n_stored + d.n_finished + d.failures, ==, 0);
    g_assert_cmpuint(vmcore_pool_bytes(pool), ==, 0);
    g_assert_cmpint(fstatat(d.dir.fd, "vmcore-incomplete", &st, 0), ==, 0);
    g_assert_cmpint(st.st_size, ==, 4096);
    dump_check_header(&d, "vmcore-incomplete", TRUE);

    /* Stopped, and never made. */
    g_assert_cmpint(unlinkat(d.dir.fd, "vmcore-incomplete", 0), ==, 0);
    arm(1, 1000, ENOSPC, "pwrite");
    dump_create(&d, 1);
    dump_pages(&d, 0, 300);
    while (d.failures == 0)
        dump_wait_once(disk);
    vmcore_free(g_steal_pointer(&d.v));
    dump_settle(&d);
    disarm();
    g_assert_false(queue_is_stopped(d.queue));
    g_assert_cmpuint(d.failures, ==, 1);
    g_assert_cmpuint(vmcore_pool_bytes(pool), ==, 0);
    dump_free(&d, 1);
    sem_destroy(&sem);
}

static void test_cannot_create(void)
{
    g_autoptr(GError) error = NULL;
    int closed;
    Dump d;

    start(&d, 64);
    dump_settle(&d);
    vmcore_free(d.v);
    dump_create(&d, 1);
    dump_pages(&d, 0, 64);
    vmcore_finish_whole(d.v);
    dump_settle(&d);
    g_assert_cmpint(d.last_err, ==, EEXIST);
    g_assert_nonnull(strstr(d.last_what, "create "));
    /* Somebody takes it out of the way. */
    g_assert_cmpint(unlinkat(d.dir.fd, "vmcore-incomplete", 0), ==, 0);
    work_queue_retry(d.queue);
    dump_settle(&d);
    dump_check_whole(&d);

    /* Nobody does, and a link is there. */
    vmcore_free(d.v);
    scratch_plant(&d.dir, "vmcore-incomplete");
    dump_create(&d, 1);
    dump_pages(&d, 0, 64);
    dump_settle(&d);
    d.n_finished = 0;
    vmcore_finish_partial(d.v);
    dump_settle(&d);
    g_assert_cmpuint(d.n_finished, ==, 1);
    g_assert_cmpint(d.finished_err, ==, EEXIST);
    scratch_victim_untouched(&d.dir);

    vmcore_free(d.v);
    closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(close(closed), ==, 0);
    d.v = dump_vmcore(&d, 1, closed, "/nowhere", &error);
    g_assert_null(d.v);
    g_assert_nonnull(strstr(error->message, "/nowhere"));
    dump_free(&d, 1);
}

/* A VmcoreOpened. */
static void on_opened(gpointer user, GError *error)
{
    *(GError **)user = error;
}

/* An old file is in the way; moving it fails, writing the new one's header fails: each is tried
 * again, and the new file is not taken for the old one. */
static void test_replace(void)
{
    static const char *const calls[] = {"renameat", "pwrite"};

    for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
        gsize len = 0;
        g_autofree char *kept = NULL;
        Dump d;

        start(&d, 64);
        dump_settle(&d);
        dump_leave(&d);
        scratch_put(&d.dir, "vmcore-incomplete", "junk", 4);
        d.on_failure = RETRY;
        dump_new(&d, 1);
        arm(1, 2, ENOSPC, calls[i]);
        vmcore_create(d.v, TRUE);
        dump_pages(&d, 0, 64);
        vmcore_finish_whole(d.v);
        while (d.n_finished == 0)
            dump_wait_once(disk);
        disarm();
        g_assert_cmpuint(d.failures, ==, 2);
        g_assert_nonnull(strstr(d.last_what, "create "));
        dump_check_whole(&d);
        kept = scratch_get(&d.dir, "vmcore-unusable", &len);
        g_assert_cmpstr(kept, ==, "junk");
        dump_free(&d, 1);
    }
}

/* The header cannot be written again to a file that was whole but for its name. */
static void test_open_fails(void)
{
    GError *error = NULL;
    Dump d;

    start(&d, 64);
    dump_pages(&d, 0, 64);
    vmcore_finish_whole(d.v);
    dump_settle(&d);
    dump_leave(&d);
    g_assert_cmpint(renameat(d.dir.fd, "vmcore", d.dir.fd, "vmcore-incomplete"), ==, 0);
    dump_new(&d, 1);
    arm(1, 1, EIO, "pwrite");
    vmcore_open(d.v, on_opened, &error);
    dump_settle(&d);
    disarm();
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_IO);
    g_clear_error(&error);
    g_assert_cmpuint(d.failures, ==, 0);
    g_assert_false(queue_is_stopped(d.queue));
    vmcore_create(d.v, TRUE);
    memset(d.stored, 0, 64);
    d.n_finished = 0;
    dump_pages(&d, 0, 64);
    vmcore_finish_whole(d.v);
    dump_settle(&d);
    dump_check_whole(&d);
    dump_free(&d, 1);
}

/* Given up while the finish of the whole dump waits, runs or has been: one of the two, never half.
 */
static void test_race_of_finishes(void)
{
    for (guint round = 0; round < 60; round++) {
        Dump d;

        start(&d, 40);
        d.on_failure = GIVE_UP;
        dump_pages(&d, 0, 40);
        vmcore_finish_whole(d.v);
        for (guint i = 0; i < round % 6; i++)
            work_pool_dispatch(disk);
        if (round % 3)
            g_usleep(round * 20);
        vmcore_finish_partial(d.v);
        while (d.n_finished == 0)
            dump_wait_once(disk);
        dump_settle(&d);
        g_assert_cmpuint(d.n_finished, ==, 1);
        if (scratch_has(&d.dir, "vmcore"))
            dump_check_whole(&d);
        else
            check_partial(&d);
        dump_free(&d, 1);
    }
}

int main(int argc, char **argv)
{
    static int (*const full)(const Scratch *) = full_disk;
    static int (*const given_up)(const Scratch *) = full_disk_given_up;
    int result;

    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/vmcore-faults/full-disk", &full, in_child);
    g_test_add_data_func("/vmcore-faults/full-disk-given-up", &given_up, in_child);
    g_test_add_data_func("/vmcore-faults/file-limit-retry", GINT_TO_POINTER(1), test_file_limit);
    g_test_add_data_func("/vmcore-faults/file-limit-given-up", NULL, test_file_limit);
    g_test_add_func("/vmcore-faults/each-call-retried", test_each_call_retried);
    g_test_add_data_func("/vmcore-faults/each-call-given-up/1", GINT_TO_POINTER(1),
                         test_each_call_given_up);
    g_test_add_data_func("/vmcore-faults/each-call-given-up/3", GINT_TO_POINTER(3),
                         test_each_call_given_up);
    g_test_add_data_func("/vmcore-faults/each-call-given-up/rest", GINT_TO_POINTER(1000000),
                         test_each_call_given_up);
    g_test_add_func("/vmcore-faults/sync-always-fails", test_sync_fails_for_ever);
    g_test_add_func("/vmcore-faults/final-calls-retried", test_final_calls_retried);
    g_test_add_func("/vmcore-faults/renamed-and-given-up", test_renamed_and_given_up);
    g_test_add_func("/vmcore-faults/half-a-page", test_half_a_page);
    g_test_add_func("/vmcore-faults/given-up-too-late", test_given_up_too_late);
    g_test_add_func("/vmcore-faults/no-holes", test_no_holes);
    g_test_add_func("/vmcore-faults/no-memory", test_no_memory);
    g_test_add_func("/vmcore-faults/abandon", test_abandon);
    g_test_add_func("/vmcore-faults/cannot-create", test_cannot_create);
    g_test_add_func("/vmcore-faults/replace", test_replace);
    g_test_add_func("/vmcore-faults/open-fails", test_open_fails);
    g_test_add_func("/vmcore-faults/race-of-finishes", test_race_of_finishes);
    result = g_test_run();
    vmcore_pool_free(pool);
    work_pool_free(disk);
    return result;
}
