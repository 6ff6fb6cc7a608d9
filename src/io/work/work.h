/* work.h - file work off the loop's thread: jobs in ordered queues, run by a few threads.
 *
 * A WorkQueue is one client's jobs, strictly in order, never two at once; queues take turns. All
 * calls are for the loop thread alone, which also gets every callback, from work_pool_dispatch();
 * only `run` is called in another thread (with all signals blocked there, so that a limit on file
 * sizes is EFBIG and no signal). Between two jobs of a queue all memory is in order: what one job's
 * run wrote, the next one's run and the jobs' done read without a lock.
 *
 * When a run fails, its queue stops with that job still at its head, and `failed` is called once.
 * The owner decides: retry, or free.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "io/sys/off_loop.h"

#include <glib.h>

/* For the dumps: a slow call of one does not stop the others. */
#define WORK_THREADS 4

/* For what is no dump's: 16 hooks that start, a magic, the configuration. */
#define WORK_SIDE_THREADS 18

typedef struct WorkPool WorkPool;
typedef struct WorkQueue WorkQueue;

typedef struct {
    int (*run)(gpointer data); /* pool thread; 0 or an errno. Must be idempotent. */
    void (*done)(gpointer data,
                 int err);          /* after run; err is 0 unless ignore_failure. May be NULL */
    void (*destroy)(gpointer data); /* always last, once, ran or not. May be NULL */
    gpointer data;
    const char *what;        /* for failed(): "write /x/vmcore-incomplete"; lives until destroy */
    gsize bytes;             /* what the job holds in memory, for work_queue_bytes() */
    gboolean ignore_failure; /* a failed run does not stop the queue; done gets the errno */
} WorkJob;

/* "cannot <what>: <strerror(err)>" makes a sentence. The queue stands still until retry or free,
 * which may be called from inside. */
typedef void (*WorkFailed)(gpointer user, int err, const char *what);

/* 1..64 threads: one is started now, so call it after any fork; more when all are busy. */
WorkPool *work_pool_new(guint max_threads, GError **error);

/* No job begins any more; waits for those that are running at this moment, but not longer than
 * `wait`. FALSE: one hangs. Then nothing that jobs use may be freed, nor the pool: the process has
 * to end as it is. */
gboolean work_pool_stop(WorkPool *pool, Span wait) G_GNUC_WARN_UNUSED_RESULT;

/* Waits for the jobs that are running at this moment, destroys all others without running them. No
 * done and no failed is called. Every queue must have been freed or closed before. */
void work_pool_free(WorkPool *pool);

/* Readable when work_pool_dispatch() has something to do. */
int work_pool_fd(const WorkPool *pool);

/* Call done, destroy and failed for what has happened since the last call. Never blocks. */
void work_pool_dispatch(WorkPool *pool);

/* Jobs that are pushed and not yet dispatched, over all queues. */
guint work_pool_jobs(const WorkPool *pool);

/* For modules that do not include this header. The pool must live as long as they push. */
OffLoop work_pool_off_loop(WorkPool *pool);

/* Have a pool thread call close(data), since closing a network file may take its time; while the
 * pool is being freed, it is done here. */
void work_pool_close(WorkPool *pool, GDestroyNotify close, gpointer data);
void work_pool_close_fd(WorkPool *pool, int fd);

/* user: for failed, which is NULL if all jobs ignore failures. */
WorkQueue *work_queue_new(WorkPool *pool, WorkFailed failed, gpointer user);

/* Drop what is queued and forget the queue. A job that is running finishes normally; its destroy is
 * called later, its done is not. */
void work_queue_free(WorkQueue *queue);

/* Forget the queue, but let its jobs run (done is called; at the first failure the rest is
 * dropped and failed is not called). */
void work_queue_close(WorkQueue *queue);

/* *job is copied; job->data belongs to the queue from here on. */
void work_queue_push(WorkQueue *queue, const WorkJob *job);

/* Runs the failed job again and continues. A job that is running at this moment is run once more if
 * it fails, before failed is called, so an early call does no harm. */
void work_queue_retry(WorkQueue *queue);

/* Jobs, and their bytes, that are pushed and not yet dispatched. */
guint work_queue_jobs(const WorkQueue *queue);
guint64 work_queue_bytes(const WorkQueue *queue);

/* The WorkPool that the queue belongs to. */
WorkPool *work_queue_pool(const WorkQueue *queue);
