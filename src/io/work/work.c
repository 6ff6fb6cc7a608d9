/* work.c - file work off the loop's thread: jobs in ordered queues, the loop's side.
 *
 * A queue that has something to do stands in the list of ready ones. A thread takes the first of
 * them, runs one job without the lock, leaves the result for the loop and puts the queue back at
 * the end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/work/work_internal.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* -- the pool ---------------------------------------------------------------------------------- */

WorkPool *work_pool_new(guint max_threads, GError **error)
{
    WorkPool *pool;
    int err;

    g_return_val_if_fail(max_threads > 0 && max_threads <= WORK_THREADS_MAX, NULL);
    pool = g_new0(WorkPool, 1);
    pool->max_threads = max_threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->closer = work_queue_new(pool, NULL, NULL);
    pool->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    err = pool->eventfd < 0 ? errno : work_start_thread(pool);
    if (!err)
        return pool;
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err),
                "cannot start disk threads: %s", g_strerror(err));
    work_pool_free(pool);
    return NULL;
}

static void quit(WorkPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->quit = TRUE;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

gboolean work_pool_stop(WorkPool *pool, Span wait)
{
    gint64 until = g_get_real_time() + wait; /* pthread_timedjoin_np() takes the wall clock */
    const struct timespec time = {.tv_sec = until / SPAN_S(1), .tv_nsec = until % SPAN_S(1) * 1000};

    quit(pool);
    while (pool->n_joined < pool->n_threads &&
           pthread_timedjoin_np(pool->threads[pool->n_joined], NULL, &time) == 0)
        pool->n_joined++;
    return pool->n_joined == pool->n_threads;
}

void work_pool_free(WorkPool *pool)
{
    if (!pool)
        return;
    work_queue_close(g_steal_pointer(&pool->closer));
    quit(pool);
    while (pool->n_joined < pool->n_threads)
        pthread_join(pool->threads[pool->n_joined++], NULL);

    pthread_mutex_lock(&pool->lock);
    while (!g_queue_is_empty(&pool->ready))
        work_drop_waiting(pool, pool->ready.head->data);
    pthread_mutex_unlock(&pool->lock);
    if (pool->eventfd >= 0) {
        work_pool_dispatch(pool);
        close(pool->eventfd);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool);
}

int work_pool_fd(const WorkPool *pool)
{
    return pool->eventfd;
}

guint work_pool_jobs(const WorkPool *pool)
{
    return pool->jobs;
}

/* -- callbacks --------------------------------------------------------------------------------- */

/* The last one out frees a queue that its owner has left. */
static void release_queue(WorkQueue *queue)
{
    if (queue->owner != WORK_OWNED && queue->jobs == 0 && queue->held == 0 && !queue->listed)
        g_free(queue);
}

static void dispatch_item(WorkPool *pool, WorkItem *item)
{
    WorkQueue *queue = item->queue;

    queue->held++;
    queue->jobs--;
    queue->bytes -= item->job.bytes;
    pool->jobs--;
    if (item->job.done && !item->dropped && queue->owner != WORK_FREED && !pool->quit)
        item->job.done(item->job.data, item->err);
    if (item->job.destroy)
        item->job.destroy(item->job.data);
    g_free(item);
    queue->held--;
    release_queue(queue);
}

static void dispatch_failure(WorkPool *pool, WorkQueue *queue)
{
    const char *what = NULL;
    gboolean tell;
    int err;

    pthread_mutex_lock(&pool->lock);
    queue->listed = FALSE;
    tell = queue->state == WORK_STOPPED && queue->failed && !pool->quit;
    err = queue->err;
    if (tell)
        what = ((const WorkItem *)g_queue_peek_head(&queue->waiting))->job.what;
    pthread_mutex_unlock(&pool->lock);

    queue->held++;
    if (tell)
        queue->failed(queue->user, err, what);
    queue->held--;
    release_queue(queue);
}

void work_pool_dispatch(WorkPool *pool)
{
    GQueue over, failures;
    GList *link;
    eventfd_t count;

    pthread_mutex_lock(&pool->lock);
    if (pool->signalled && eventfd_read(pool->eventfd, &count) < 0)
        g_warn_if_reached();
    pool->signalled = FALSE;
    over = pool->over;
    failures = pool->failures;
    g_queue_init(&pool->over);
    g_queue_init(&pool->failures);
    pthread_mutex_unlock(&pool->lock);

    while ((link = g_queue_pop_head_link(&over)))
        dispatch_item(pool, link->data);
    while ((link = g_queue_pop_head_link(&failures)))
        dispatch_failure(pool, link->data);
}

/* -- queues ------------------------------------------------------------------------------------ */

WorkQueue *work_queue_new(WorkPool *pool, WorkFailed failed, gpointer user)
{
    WorkQueue *queue = g_new0(WorkQueue, 1);

    queue->pool = pool;
    queue->failed = failed;
    queue->user = user;
    queue->ready_link.data = queue;
    queue->failure_link.data = queue;
    return queue;
}

static void leave_queue(WorkQueue *queue, WorkOwner how)
{
    WorkPool *pool;

    if (!queue)
        return;
    pool = queue->pool;
    pthread_mutex_lock(&pool->lock);
    queue->owner = how;
    if (how == WORK_FREED || queue->state == WORK_STOPPED)
        work_drop_waiting(pool, queue);
    pthread_mutex_unlock(&pool->lock);
    release_queue(queue);
}

void work_queue_free(WorkQueue *queue)
{
    leave_queue(queue, WORK_FREED);
}

void work_queue_close(WorkQueue *queue)
{
    leave_queue(queue, WORK_CLOSED);
}

void work_queue_push(WorkQueue *queue, const WorkJob *job)
{
    WorkPool *pool = queue->pool;
    WorkItem *item = g_new0(WorkItem, 1);
    gboolean wake, is_short;

    item->link.data = item;
    item->job = *job;
    item->queue = queue;
    queue->jobs++;
    queue->bytes += job->bytes;
    pool->jobs++;
    pthread_mutex_lock(&pool->lock);
    g_queue_push_tail_link(&queue->waiting, &item->link);
    wake = work_make_ready(pool, queue);
    is_short = work_is_short(pool);
    pthread_mutex_unlock(&pool->lock);
    if (wake)
        work_wake(pool, is_short);
}

void work_queue_retry(WorkQueue *queue)
{
    WorkPool *pool = queue->pool;
    gboolean wake, is_short;

    pthread_mutex_lock(&pool->lock);
    if (queue->state == WORK_RUNNING)
        queue->state = WORK_RERUN;
    if (queue->state == WORK_STOPPED)
        queue->state = WORK_IDLE;
    wake = work_make_ready(pool, queue);
    is_short = work_is_short(pool);
    pthread_mutex_unlock(&pool->lock);
    if (wake)
        work_wake(pool, is_short);
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
    return queue->pool;
}

/* -- closing ----------------------------------------------------------------------------------- */

/* work_pool_close()'s job; `close` is NULL once it has been called. */
typedef struct {
    GDestroyNotify close;
    gpointer data;
} Closing;

static int close_run(gpointer data)
{
    Closing *c = data;
    GDestroyNotify function = g_steal_pointer(&c->close);

    if (function)
        function(c->data);
    return 0;
}

static void close_destroy(gpointer data)
{
    close_run(data);
    g_free(data);
}

void work_pool_close(WorkPool *pool, GDestroyNotify function, gpointer data)
{
    WorkJob job = {.run = close_run, .destroy = close_destroy, .what = "close"};
    Closing *c = g_new(Closing, 1);

    *c = (Closing){function, data};
    job.data = c;
    if (pool->closer)
        work_queue_push(pool->closer, &job);
    else
        close_destroy(c);
}

static void close_fd(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

void work_pool_close_fd(WorkPool *pool, int fd)
{
    if (fd >= 0)
        work_pool_close(pool, close_fd, GINT_TO_POINTER(fd));
}
