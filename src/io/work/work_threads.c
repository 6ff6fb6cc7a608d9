/* work_threads.c - the threads: each takes the first ready queue, runs one job, and puts the queue
 * back at the end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/work/work_internal.h"

#include <signal.h>
#include <sys/eventfd.h>

static void signal_loop(WorkPool *pool)
{
    if (pool->signalled)
        return;
    pool->signalled = TRUE;
    /* It cannot fail: the counter is 0 here, see work_pool_dispatch(). */
    if (eventfd_write(pool->eventfd, 1) < 0)
        g_warn_if_reached();
}

gboolean work_make_ready(WorkPool *pool, WorkQueue *queue)
{
    if (queue->state != WORK_IDLE || g_queue_is_empty(&queue->waiting))
        return FALSE;
    queue->state = WORK_READY;
    g_queue_push_tail_link(&pool->ready, &queue->ready_link);
    return TRUE;
}

void work_drop_waiting(WorkPool *pool, WorkQueue *queue)
{
    GList *link;

    if (queue->state == WORK_READY)
        g_queue_unlink(&pool->ready, &queue->ready_link);
    if (queue->state == WORK_READY || queue->state == WORK_STOPPED)
        queue->state = WORK_IDLE;
    while ((link = g_queue_pop_head_link(&queue->waiting))) {
        ((WorkItem *)link->data)->dropped = TRUE;
        g_queue_push_tail_link(&pool->over, link);
        signal_loop(pool);
    }
}

static void stop_queue(WorkPool *pool, WorkQueue *queue, int err)
{
    queue->state = WORK_STOPPED;
    if (queue->owner != WORK_OWNED) {
        work_drop_waiting(pool, queue);
        return;
    }
    queue->err = err;
    if (!queue->listed)
        g_queue_push_tail_link(&pool->failures, &queue->failure_link);
    queue->listed = TRUE;
    signal_loop(pool);
}

/* One job of the first ready queue; called, and returns, with the lock. */
static void run_one(WorkPool *pool)
{
    WorkQueue *queue = g_queue_pop_head_link(&pool->ready)->data;
    WorkItem *item = g_queue_pop_head_link(&queue->waiting)->data;
    gboolean rerun;
    int err;

    queue->state = WORK_RUNNING;
    pthread_mutex_unlock(&pool->lock);
    err = item->job.run(item->job.data);
    pthread_mutex_lock(&pool->lock);
    rerun = queue->state == WORK_RERUN;
    queue->state = WORK_IDLE;

    if (!err || item->job.ignore_failure) {
        item->err = err;
        g_queue_push_tail_link(&pool->over, &item->link);
        signal_loop(pool);
        work_make_ready(pool, queue);
        return;
    }
    g_queue_push_head_link(&queue->waiting, &item->link);
    if (rerun)
        work_make_ready(pool, queue);
    else
        stop_queue(pool, queue, err);
}

static void *work(void *data)
{
    WorkPool *pool = data;

    pthread_setname_np(pthread_self(), "netdump-disk"); /* another thread's name is a file */
    pthread_mutex_lock(&pool->lock);
    while (!pool->quit) {
        if (!g_queue_is_empty(&pool->ready)) {
            run_one(pool);
            continue;
        }
        pool->idle++;
        pthread_cond_wait(&pool->wake, &pool->lock);
        pool->idle--;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int work_start_thread(WorkPool *pool)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t blocked, before;
    int err;

    sigfillset(&blocked);
    for (gsize i = 0; i < G_N_ELEMENTS(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    err = pthread_create(&pool->threads[pool->n_threads], NULL, work, pool);
    if (!err)
        pool->n_threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

gboolean work_is_short(const WorkPool *pool)
{
    return pool->ready.length > pool->idle;
}

void work_wake(WorkPool *pool, gboolean is_short)
{
    if (is_short && pool->n_threads < pool->max_threads)
        (void)work_start_thread(pool);
    else /* without the lock, which is the first thing that it wants */
        pthread_cond_signal(&pool->wake);
}
