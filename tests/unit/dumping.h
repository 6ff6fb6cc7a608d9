/* dumping.h - one dump into a scratch directory, with a memory to compare it to, for
 * test-vmcore*.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/elf_netdump.h"
#include "io/store/vmcore.h"
#include "queue_state.h"
#include "scratch.h"

#include <poll.h>
#include <semaphore.h>

#define CHUNK 1024u

typedef struct {
    Scratch dir;
    gboolean own_dir;
    WorkPool *disk;
    VmcorePool *pool;
    WorkQueue *queue;
    Vmcore *v;
    ElfSpec spec;
    guint zero_each; /* of so many pages one is zero; 0 = none */
    guint8 *stored;  /* how often each page was reported (only dumps of few pages) */
    guint n_stored, n_finished, failures;
    int finished_err, last_err;
    char *last_what;
    enum { WAIT, RETRY, GIVE_UP } on_failure;
} Dump;

/* Events find their dump by a number, as the server's clients do. */
static Dump *dumps_by_id[64];

static inline guint8 memory_byte(const Dump *d, guint32 pfn, guint32 offset)
{
    if (d->zero_each && pfn % d->zero_each == 0)
        return 0;
    return (guint8)((pfn * 2654435761u) >> 24) ^ (guint8)(offset >> 3) ^ (guint8)(offset >> 10);
}

static inline void memory_bytes(const Dump *d, guint32 pfn, guint32 offset, guint8 *out, gsize len)
{
    for (gsize i = 0; i < len; i++)
        out[i] = memory_byte(d, pfn, offset + (guint32)i);
}

static inline gboolean memory_is_zero(const Dump *d, guint32 pfn)
{
    return d->zero_each && pfn % d->zero_each == 0;
}

static void on_stored(Dump *d, const Event *event)
{
    for (guint i = 0; i < event->n; i++) {
        guint32 pfn = event->cookies[i] ^ 0x5a5a5a5a;

        g_assert_cmpuint(pfn, <, d->spec.nr_pages);
        d->n_stored++;
        if (d->stored)
            d->stored[pfn]++;
    }
}

/* A VmcoreTell. */
static void on_event(gpointer user, guint32 client, const Event *event)
{
    Dump *d = dumps_by_id[client];

    g_assert_nonnull(d);
    g_assert_true(user == dumps_by_id);
    if (event->kind == EVENT_STORED) {
        on_stored(d, event);
        return;
    }
    g_assert_cmpint(event->kind, ==, EVENT_FINISHED);
    d->n_finished++;
    d->finished_err = event->err;
}

static void on_failed(gpointer user, int err, const char *what)
{
    Dump *d = dumps_by_id[GPOINTER_TO_UINT(user)];

    g_assert_nonnull(d);
    d->failures++;
    d->last_err = err;
    g_free(d->last_what);
    d->last_what = g_strdup(what);
    if (d->on_failure == RETRY)
        work_queue_retry(d->queue);
    else if (d->on_failure == GIVE_UP)
        vmcore_finish_partial(d->v);
}

static inline void dump_init(Dump *d, guint id, guint32 machine, guint32 page_size,
                             guint32 nr_pages, WorkPool *disk, VmcorePool *pool)
{
    *d = (Dump){.dir = {NULL, -1}, .disk = disk, .pool = pool};
    d->spec = (ElfSpec){.machine = machine, .page_size = page_size, .nr_pages = nr_pages};
    d->spec.page_offset = 0xffff810000000000;
    d->spec.task = 0x1234;
    d->stored = nr_pages < 1000000 ? g_new0(guint8, nr_pages) : NULL;
    d->queue = work_queue_new(disk, on_failed, GUINT_TO_POINTER(id));
    dumps_by_id[id] = d;
}

static inline guint8 *dump_header(const Dump *d, gboolean partial)
{
    guint8 *header = g_malloc(elf_netdump_header_size(&d->spec));
    ElfSpec spec = d->spec;

    spec.partial = partial;
    elf_netdump_build(&spec, header);
    return header;
}

static inline guint64 dump_size(const Dump *d)
{
    return elf_netdump_page_offset(&d->spec, d->spec.nr_pages);
}

static inline Vmcore *dump_vmcore(Dump *d, guint id, int dirfd, const char *path, GError **error)
{
    g_autofree guint8 *partial = dump_header(d, TRUE);
    g_autofree guint8 *whole = dump_header(d, FALSE);
    VmcoreSpec spec = {
        .file = {elf_netdump_header_size(&d->spec), d->spec.page_size, dump_size(d)},
        .partial = partial,
        .whole = whole,
        .tell = on_event,
        .user = dumps_by_id,
        .client = id,
    };

    return vmcore_new(d->pool, d->queue, dirfd, path, &spec, error);
}

static inline void dump_new(Dump *d, guint id)
{
    g_autoptr(GError) error = NULL;

    if (!d->dir.path) {
        d->dir = scratch_new();
        d->own_dir = TRUE;
    }
    d->v = dump_vmcore(d, id, d->dir.fd, d->dir.path, &error);
    g_assert_no_error(error);
}

static inline void dump_create(Dump *d, guint id)
{
    dump_new(d, id);
    vmcore_create(d->v, FALSE);
}

static inline void dump_wait_once(WorkPool *disk)
{
    struct pollfd p = {.fd = work_pool_fd(disk), .events = POLLIN};

    g_assert_cmpint(poll(&p, 1, -1), ==, 1);
    work_pool_dispatch(disk);
}

/* Until nothing is queued, or the queue has stopped and its owner was told. */
static inline void dump_settle(Dump *d)
{
    guint failures = d->failures;

    while (work_queue_jobs(d->queue) > 0 && !(queue_is_stopped(d->queue) && d->failures > failures))
        dump_wait_once(d->disk);
}

static inline guint64 dump_offset(const Dump *d, guint32 pfn)
{
    return elf_netdump_page_offset(&d->spec, pfn);
}

static inline void dump_put(Dump *d, guint32 pfn, guint32 offset, gsize len, gboolean whole)
{
    guint8 *bytes = g_malloc(len);

    memory_bytes(d, pfn, offset, bytes, len);
    g_assert_true(
        vmcore_put(d->v, dump_offset(d, pfn) + offset, bytes, len, whole, pfn ^ 0x5a5a5a5a));
    g_free(bytes);
}

/* A page as it comes from the wire: 1 KiB at a time. */
static inline void dump_page(Dump *d, guint32 pfn)
{
    for (guint32 at = 0; at < d->spec.page_size; at += CHUNK)
        dump_put(d, pfn, at, CHUNK, at + CHUNK == d->spec.page_size);
}

static inline void dump_pages(Dump *d, guint32 from, guint32 to)
{
    for (guint32 pfn = from; pfn < to; pfn++)
        dump_page(d, pfn);
}

/* Forget the dump without its end, as kill -9 would, when all that was queued is over. */
static inline void dump_leave(Dump *d)
{
    vmcore_free(d->v);
    d->v = NULL;
    while (work_pool_jobs(d->disk) > 0)
        dump_wait_once(d->disk);
}

static inline void dump_free(Dump *d, guint id)
{
    vmcore_free(d->v);
    work_queue_free(d->queue);
    while (work_pool_jobs(d->disk) > 0)
        dump_wait_once(d->disk);
    dumps_by_id[id] = NULL;
    if (d->own_dir)
        scratch_free(&d->dir);
    g_free(d->stored);
    g_free(d->last_what);
}

static inline int dump_open_file(const Dump *d, const char *name)
{
    int fd = openat(d->dir.fd, name, O_RDWR | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static inline void dump_check_header(const Dump *d, const char *name, gboolean partial)
{
    gsize size = elf_netdump_header_size(&d->spec);
    g_autofree guint8 *expected = dump_header(d, partial);
    g_autofree guint8 *got = g_malloc0(size);
    int fd = dump_open_file(d, name);

    g_assert_cmpint(pread(fd, got, size, 0), ==, (gssize)size);
    g_assert_true(memcmp(got, expected, size) == 0);
    g_assert_cmpint(close(fd), ==, 0);
    g_assert_cmpuint(scratch_mode(&d->dir, name), ==, 0600);
}

/* The page in the file is that of the memory; with `zero_ok` any byte of it may still be zero. */
static inline void dump_check_page(const Dump *d, int fd, guint32 pfn, gboolean zero_ok)
{
    g_autofree guint8 *got = g_malloc0(d->spec.page_size), *want = g_malloc0(d->spec.page_size);
    ssize_t n = pread(fd, got, d->spec.page_size, (off_t)elf_netdump_page_offset(&d->spec, pfn));

    memory_bytes(d, pfn, 0, want, d->spec.page_size);
    g_assert_cmpint(n, >=, 0); /* behind the end of a short file everything is zero, too */
    for (guint32 i = 0; i < d->spec.page_size; i++)
        if (got[i] != want[i] && !(zero_ok && got[i] == 0))
            g_error("page %u differs from the memory at byte %u", pfn, i);
}

static inline void dump_check_range(const Dump *d, const char *name, guint32 from, guint32 to)
{
    int fd = dump_open_file(d, name);

    for (guint32 pfn = from; pfn < to; pfn++)
        dump_check_page(d, fd, pfn, FALSE);
    g_assert_cmpint(close(fd), ==, 0);
}

static inline void dump_check_size(const Dump *d, const char *name)
{
    struct stat st;

    g_assert_cmpint(fstatat(d->dir.fd, name, &st, 0), ==, 0);
    g_assert_cmpuint((guint64)st.st_size, ==, dump_size(d));
}

/* Everything is there, under its final name, and was reported once. */
static inline void dump_check_whole(const Dump *d)
{
    g_assert_cmpuint(d->n_finished, ==, 1);
    g_assert_cmpint(d->finished_err, ==, 0);
    g_assert_false(scratch_has(&d->dir, "vmcore-incomplete"));
    dump_check_header(d, "vmcore", FALSE);
    dump_check_size(d, "vmcore");
    dump_check_range(d, "vmcore", 0, d->spec.nr_pages);
    for (guint32 pfn = 0; pfn < d->spec.nr_pages; pfn++)
        g_assert_cmpuint(d->stored[pfn], ==, 1);
}

static inline WorkPool *dumping_disk(void)
{
    g_autoptr(GError) error = NULL;
    WorkPool *disk = work_pool_new(2, &error);

    g_assert_no_error(error);
    return disk;
}

/* A job that holds a queue until the semaphore is posted. */
static int brake_run(gpointer data)
{
    while (sem_wait(data) < 0)
        g_assert_cmpint(errno, ==, EINTR);
    return 0;
}

static inline void dump_brake(Dump *d, sem_t *sem)
{
    WorkJob job = {.run = brake_run, .data = sem, .what = "wait"};

    sem_init(sem, 0, 0);
    work_queue_push(d->queue, &job);
}
