/* work.c - file work off the loop's thread: jobs in ordered queues, run by a few threads.
 *
 * A queue that has something to do stands in the list of ready ones. A thread takes the first of
 * them, runs one job without the lock, leaves the result for the loop and puts the queue back at
 * the end. The pthread primitives are used since ThreadSanitizer sees them; glib's are futexes
 * inside a library that it can't look into. The lists' links are part of what they hold: nothing to
 * allocate.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/work/work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS_MAX 64

typedef struct {
    GList link;
    WorkJob job;
    WorkQueue *queue;
    int err;
    gboolean dropped; /* only destroy is left to do */
} Item;

struct WorkQueue {
    WorkPool *disk;
    WorkFailed failed;
    gpointer user;
    guint jobs; /* pushed and not yet dispatched */
    guint64 bytes;
    guint held;         /* work_pool_dispatch() is at it */
    gboolean forgotten; /* the owner wants to hear nothing more */

    /* Under disk->lock: */
    GQueue waiting;    /* Item */
    gboolean ready;    /* in disk->ready */
    gboolean running;  /* a thread runs a job of it */
    gboolean again;    /* if that one fails, run it once more */
    gboolean stopped;  /* the first one waiting has failed */
    int err;           /* what it failed with */
    gboolean closing;  /* the owner has left: a failure drops the rest */
    gboolean reported; /* in disk->failures */
    GList ready_link, failure_link;
};

struct WorkPool {
    int eventfd;
    guint n_threads;
    pthread_t threads[THREADS_MAX];
    guint jobs;
    guint64 bytes;
    WorkQueue *closer; /* work_pool_close_fd()'s jobs */

    pthread_mutex_t lock; /* for what stands below, and the second half of every WorkQueue */
    pthread_cond_t wake;  /* something is ready, or quit is set */
    GQueue ready;         /* WorkQueue: with a job waiting, none running, not stopped */
    GQueue failures;      /* WorkQueue: stopped, the owner has not yet been told */
    GQueue over;          /* Item: has been run or dropped */
    gboolean signalled;   /* eventfd is readable */
    gboolean quit;
};

static void signal_loop(WorkPool *disk)
{
    if (disk->signalled)
        return;
    disk->signalled = TRUE;
    /* It can't fail: the counter is 0 here, see work_pool_dispatch(). */
    if (eventfd_write(disk->eventfd, 1) < 0)
        g_warn_if_reached();
}

/* TRUE if a thread has to be woken for it: not if it stands in the list already, and not if one is
 * at it, since that one looks for more when it has done. */
static gboolean make_ready(WorkPool *disk, WorkQueue *queue)
{
    if (queue->ready || queue->running || queue->stopped || g_queue_is_empty(&queue->waiting))
        return FALSE;
    queue->ready = TRUE;
    g_queue_push_tail_link(&disk->ready, &queue->ready_link);
    return TRUE;
}

/* Leave everything that waits to work_pool_dispatch(), to be destroyed there. */
static void drop_waiting(WorkPool *disk, WorkQueue *queue)
{
    GList *link;

    if (queue->ready)
        g_queue_unlink(&disk->ready, &queue->ready_link);
    queue->ready = FALSE;
    queue->stopped = FALSE;
    while ((link = g_queue_pop_head_link(&queue->waiting))) {
        ((Item *)link->data)->dropped = TRUE;
        g_queue_push_tail_link(&disk->over, link);
        signal_loop(disk);
    }
}

static void stop_queue(WorkPool *disk, WorkQueue *queue, int err)
{
    if (queue->closing) {
        drop_waiting(disk, queue);
        return;
    }
    queue->stopped = TRUE;
    queue->err = err;
    if (!queue->reported)
        g_queue_push_tail_link(&disk->failures, &queue->failure_link);
    queue->reported = TRUE;
    signal_loop(disk);
}

/* One job of the first ready queue; called, and returns, with the lock. */
static void run_one(WorkPool *disk)
{
    WorkQueue *queue = g_queue_pop_head_link(&disk->ready)->data;
    Item *item = g_queue_pop_head_link(&queue->waiting)->data;
    int err;

    queue->ready = FALSE;
    queue->running = TRUE;
    queue->again = FALSE;
    pthread_mutex_unlock(&disk->lock);
    err = item->job.run(item->job.data);
    pthread_mutex_lock(&disk->lock);
    queue->running = FALSE;

    if (err && !item->job.ignore_failure) {
        g_queue_push_head_link(&queue->waiting, &item->link);
        if (queue->again)
            make_ready(disk, queue);
        else
            stop_queue(disk, queue, err);
        return;
    }
    item->err = err;
    g_queue_push_tail_link(&disk->over, &item->link);
    signal_loop(disk);
    make_ready(disk, queue);
}

static void *work(void *data)
{
    WorkPool *disk = data;

    pthread_mutex_lock(&disk->lock);
    while (!disk->quit) {
        if (!g_queue_is_empty(&disk->ready))
            run_one(disk);
        else
            pthread_cond_wait(&disk->wake, &disk->lock);
    }
    pthread_mutex_unlock(&disk->lock);
    return NULL;
}

static int start_threads(WorkPool *disk, guint n)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t blocked, before;
    int err = 0;

    sigfillset(&blocked);
    for (gsize i = 0; i < G_N_ELEMENTS(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    while (!err && disk->n_threads < n) {
        err = pthread_create(&disk->threads[disk->n_threads], NULL, work, disk);
        if (!err)
            pthread_setname_np(disk->threads[disk->n_threads++], "netdump-disk");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

WorkPool *work_pool_new(guint n_threads, GError **error)
{
    WorkPool *disk;
    int err;

    g_return_val_if_fail(n_threads > 0 && n_threads <= THREADS_MAX, NULL);
    disk = g_new0(WorkPool, 1);
    pthread_mutex_init(&disk->lock, NULL);
    pthread_cond_init(&disk->wake, NULL);
    disk->closer = work_queue_new(disk, NULL, NULL);
    disk->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    err = disk->eventfd < 0 ? errno : start_threads(disk, n_threads);
    if (!err)
        return disk;
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err),
                "cannot start the threads that write to the disk: %s", g_strerror(err));
    work_pool_free(disk);
    return NULL;
}

void work_pool_free(WorkPool *disk)
{
    if (!disk)
        return;
    work_queue_close(g_steal_pointer(&disk->closer));
    pthread_mutex_lock(&disk->lock);
    disk->quit = TRUE;
    pthread_cond_broadcast(&disk->wake);
    pthread_mutex_unlock(&disk->lock);
    for (guint i = 0; i < disk->n_threads; i++)
        pthread_join(disk->threads[i], NULL);

    pthread_mutex_lock(&disk->lock);
    while (!g_queue_is_empty(&disk->ready))
        drop_waiting(disk, disk->ready.head->data);
    pthread_mutex_unlock(&disk->lock);
    if (disk->eventfd >= 0) {
        work_pool_dispatch(disk);
        close(disk->eventfd);
    }
    pthread_cond_destroy(&disk->wake);
    pthread_mutex_destroy(&disk->lock);
    g_free(disk);
}

int work_pool_fd(const WorkPool *disk)
{
    return disk->eventfd;
}

guint work_pool_jobs(const WorkPool *disk)
{
    return disk->jobs;
}

guint64 work_pool_bytes(const WorkPool *disk)
{
    return disk->bytes;
}

/* The last one out frees a queue that its owner has left. */
static void release_queue(WorkQueue *queue)
{
    if (queue->closing && queue->jobs == 0 && queue->held == 0 && !queue->reported)
        g_free(queue);
}

static void dispatch_item(WorkPool *disk, Item *item)
{
    WorkQueue *queue = item->queue;

    queue->held++;
    queue->jobs--;
    queue->bytes -= item->job.bytes;
    disk->jobs--;
    disk->bytes -= item->job.bytes;
    if (item->job.done && !item->dropped && !queue->forgotten && !disk->quit)
        item->job.done(item->job.data, item->err);
    if (item->job.destroy)
        item->job.destroy(item->job.data);
    g_free(item);
    queue->held--;
    release_queue(queue);
}

static void dispatch_failure(WorkPool *disk, WorkQueue *queue)
{
    const char *what = NULL;
    gboolean tell;
    int err;

    pthread_mutex_lock(&disk->lock);
    queue->reported = FALSE;
    tell = queue->stopped && queue->failed && !disk->quit;
    err = queue->err;
    if (tell)
        what = ((const Item *)g_queue_peek_head(&queue->waiting))->job.what;
    pthread_mutex_unlock(&disk->lock);

    queue->held++;
    if (tell)
        queue->failed(queue->user, err, what);
    queue->held--;
    release_queue(queue);
}

void work_pool_dispatch(WorkPool *disk)
{
    GQueue over, failures;
    GList *link;
    eventfd_t count;

    pthread_mutex_lock(&disk->lock);
    if (disk->signalled && eventfd_read(disk->eventfd, &count) < 0)
        g_warn_if_reached();
    disk->signalled = FALSE;
    over = disk->over;
    failures = disk->failures;
    g_queue_init(&disk->over);
    g_queue_init(&disk->failures);
    pthread_mutex_unlock(&disk->lock);

    while ((link = g_queue_pop_head_link(&over)))
        dispatch_item(disk, link->data);
    while ((link = g_queue_pop_head_link(&failures)))
        dispatch_failure(disk, link->data);
}

WorkQueue *work_queue_new(WorkPool *disk, WorkFailed failed, gpointer user)
{
    WorkQueue *queue = g_new0(WorkQueue, 1);

    queue->disk = disk;
    queue->failed = failed;
    queue->user = user;
    queue->ready_link.data = queue;
    queue->failure_link.data = queue;
    return queue;
}

static void leave_queue(WorkQueue *queue, gboolean drop)
{
    WorkPool *disk;

    if (!queue)
        return;
    disk = queue->disk;
    queue->forgotten = drop;
    pthread_mutex_lock(&disk->lock);
    queue->closing = TRUE;
    if (drop || queue->stopped)
        drop_waiting(disk, queue);
    pthread_mutex_unlock(&disk->lock);
    release_queue(queue);
}

void work_queue_free(WorkQueue *queue)
{
    leave_queue(queue, TRUE);
}

void work_queue_close(WorkQueue *queue)
{
    leave_queue(queue, FALSE);
}

void work_queue_push(WorkQueue *queue, const WorkJob *job)
{
    WorkPool *disk = queue->disk;
    Item *item = g_new0(Item, 1);
    gboolean wake;

    item->link.data = item;
    item->job = *job;
    item->queue = queue;
    queue->jobs++;
    queue->bytes += job->bytes;
    disk->jobs++;
    disk->bytes += job->bytes;
    pthread_mutex_lock(&disk->lock);
    g_queue_push_tail_link(&queue->waiting, &item->link);
    wake = make_ready(disk, queue);
    pthread_mutex_unlock(&disk->lock);
    if (wake) /* without the lock, which is the first thing that it wants */
        pthread_cond_signal(&disk->wake);
}

void work_queue_retry(WorkQueue *queue)
{
    WorkPool *disk = queue->disk;
    gboolean wake;

    pthread_mutex_lock(&disk->lock);
    queue->stopped = FALSE;
    queue->again = TRUE;
    wake = make_ready(disk, queue);
    pthread_mutex_unlock(&disk->lock);
    if (wake)
        pthread_cond_signal(&disk->wake);
}

void work_queue_drop(WorkQueue *queue)
{
    WorkPool *disk = queue->disk;

    pthread_mutex_lock(&disk->lock);
    drop_waiting(disk, queue);
    pthread_mutex_unlock(&disk->lock);
}

gboolean work_queue_stopped(const WorkQueue *queue)
{
    gboolean stopped;

    pthread_mutex_lock(&queue->disk->lock);
    stopped = queue->stopped;
    pthread_mutex_unlock(&queue->disk->lock);
    return stopped;
}

guint work_queue_jobs(const WorkQueue *queue)
{
    return queue->jobs;
}

guint64 work_queue_bytes(const WorkQueue *queue)
{
    return queue->bytes;
}

WorkPool *work_queue_pool(const WorkQueue *queue)
{
    return queue->disk;
}

/* The descriptor of work_pool_close_fd()'s job; -1 once it has been closed. */
static int close_run(gpointer data)
{
    int *fd = data;

    close(*fd);
    *fd = -1;
    return 0;
}

static void close_destroy(gpointer data)
{
    int *fd = data;

    if (*fd >= 0)
        close(*fd);
    g_free(fd);
}

void work_pool_close_fd(WorkPool *disk, int fd)
{
    WorkJob job = {.run = close_run, .destroy = close_destroy, .what = "close", .bytes = 0};

    if (fd < 0)
        return;
    job.data = g_new(int, 1);
    *(int *)job.data = fd;
    if (disk->closer)
        work_queue_push(disk->closer, &job);
    else /* work_pool_free() is at work */
        close_destroy(job.data);
}
