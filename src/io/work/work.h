/* work.h - file work off the loop's thread: jobs in ordered queues, run by a few threads.
 *
 * A WorkQueue is one client's jobs, strictly in order, never two at once; queues take turns. All
 * calls are for the loop thread alone, which also gets every callback, from work_pool_dispatch();
 * only `run` is called in another thread (with all signals blocked there, so that a limit on file
 * sizes is EFBIG and no signal). Between two jobs of a queue all memory is in order: what one job's
 * run wrote, the next one's run and the jobs' done read without a lock.
 *
 * When a run fails, its queue stops with that job still at its head, and `failed` is called once.
 * The owner decides: retry, or drop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define WORK_THREADS                                                                               \
    4 /* a good number: one slow file system call does not stop the other dumps                    \
       */

typedef struct WorkPool WorkPool;
typedef struct WorkQueue WorkQueue;

typedef struct {
    int (*run)(gpointer data); /* pool thread; 0 or an errno. Must bear to run again. */
    void (*done)(gpointer data,
                 int err);          /* after run; err is 0 unless ignore_failure. May be NULL */
    void (*destroy)(gpointer data); /* always last, once, ran or not. May be NULL */
    gpointer data;
    const char *what;        /* for failed(): "write /x/vmcore-incomplete"; lives until destroy */
    gsize bytes;             /* what the job holds in memory, for work_queue_bytes() */
    gboolean ignore_failure; /* a failed run does not stop the queue; done is told the errno */
} WorkJob;

/* "cannot <what>: <strerror(err)>" makes a sentence. The queue stands still until retry or drop,
 * which may be called from inside. */
typedef void (*WorkFailed)(gpointer user, int err, const char *what);

/* Starts n_threads (1..64) threads, so call it behind any fork that shall go on using it. */
WorkPool *work_pool_new(guint n_threads, GError **error);

/* Waits for the jobs that are running at this moment, destroys all others without running them. No
 * done and no failed is called. Every queue must have been freed or closed before. */
void work_pool_free(WorkPool *disk);

/* Readable when work_pool_dispatch() has something to do. */
int work_pool_fd(const WorkPool *disk);

/* Call done, destroy and failed for what has happened since the last call. Never blocks. */
void work_pool_dispatch(WorkPool *disk);

/* Jobs, and their bytes, that are pushed and not yet dispatched, over all queues. */
guint work_pool_jobs(const WorkPool *disk);
guint64 work_pool_bytes(const WorkPool *disk);

/* Close fd in a pool thread, since close() of a network file may take its time. */
void work_pool_close_fd(WorkPool *disk, int fd);

/* user: a client's id by GUINT_TO_POINTER, for failed. */
WorkQueue *work_queue_new(WorkPool *disk, WorkFailed failed, gpointer user);

/* Drop what is queued and forget the queue. A job that is running at this moment ends in peace; its
 * destroy is called later, its done no more. */
void work_queue_free(WorkQueue *queue);

/* Forget the queue, but let its jobs run (done is called; at the first failure the rest is
 * dropped and failed is not called). */
void work_queue_close(WorkQueue *queue);

/* *job is copied; job->data belongs to the queue from here on. */
void work_queue_push(WorkQueue *queue, const WorkJob *job);

/* Run the failed job again and go on. A job that is running at this moment is run once more if it
 * fails, before failed is called: nobody has to know whether it was too early. */
void work_queue_retry(WorkQueue *queue);

/* Destroy every job that is not running, done is not called; the queue can be used again. */
void work_queue_drop(WorkQueue *queue);

/* TRUE from failed() to retry or drop. */
gboolean work_queue_stopped(const WorkQueue *queue);

/* Jobs, and their bytes, that are pushed and not yet dispatched. */
guint work_queue_jobs(const WorkQueue *queue);
guint64 work_queue_bytes(const WorkQueue *queue);

/* The WorkPool that the queue belongs to. */
WorkPool *work_queue_pool(const WorkQueue *queue);
