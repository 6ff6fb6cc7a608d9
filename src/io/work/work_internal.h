/* work_internal.h - what work.c (queues, callbacks: the loop's side) and work_threads.c share.
 * Nobody else includes it.
 *
 * The lists' links are part of what they hold: nothing to allocate. The pthread primitives are used
 * since ThreadSanitizer sees them; glib's are futexes inside a library that is not instrumented.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/work/work.h"

#include <pthread.h>

#define WORK_THREADS_MAX 64

typedef struct {
    GList link;
    WorkJob job;
    WorkQueue *queue;
    int err;
    gboolean dropped; /* only destroy is left to do */
} WorkItem;

typedef enum {
    WORK_IDLE,    /* nothing waits */
    WORK_READY,   /* in WorkPool.ready */
    WORK_RUNNING, /* a thread runs a job of it */
    WORK_RERUN,   /* the same, and if that job fails, it is run once more */
    WORK_STOPPED, /* the first one that waits has failed */
} WorkState;

typedef enum {
    WORK_OWNED,
    WORK_CLOSED, /* the owner has left: a failure drops the rest */
    WORK_FREED,  /* and wants to hear nothing more */
} WorkOwner;

struct WorkQueue {
    WorkPool *pool;
    WorkFailed failed;
    gpointer user;
    guint jobs; /* pushed and not yet dispatched */
    guint64 bytes;
    guint held; /* work_pool_dispatch() is at it */

    /* Under the pool's lock: */
    GQueue waiting; /* WorkItem */
    WorkState state;
    WorkOwner owner; /* changed by the loop only */
    int err;         /* WORK_STOPPED: what the first one failed with */
    gboolean listed; /* in WorkPool.failures */
    GList ready_link, failure_link;
};

struct WorkPool {
    int eventfd;
    guint n_threads, max_threads;
    guint n_joined;
    pthread_t threads[WORK_THREADS_MAX];
    guint jobs;
    WorkQueue *closer; /* work_pool_close()'s jobs; NULL while the pool is being freed */

    pthread_mutex_t lock; /* for what stands below, and the second half of every WorkQueue */
    pthread_cond_t wake;  /* something is ready, or quit is set */
    guint idle;           /* threads that wait for `wake`, or were woken and want the lock */
    GQueue ready;         /* WorkQueue */
    GQueue failures;      /* WorkQueue: stopped, the owner has not been notified yet */
    GQueue over;          /* WorkItem: has been run or dropped */
    gboolean signalled;   /* eventfd is readable */
    gboolean quit;
};

/* With the lock: the queue takes its turn if it has something to do. TRUE if a thread is needed for
 * that, see work_wake(): not if it has its turn already, and not if one is at it, since that one
 * looks for more when it has done. */
gboolean work_make_ready(WorkPool *pool, WorkQueue *queue);

/* With the lock: leaves everything that waits to work_pool_dispatch(), to be destroyed there. */
void work_drop_waiting(WorkPool *pool, WorkQueue *queue);

/* 0 or an errno. */
int work_start_thread(WorkPool *pool);

/* With the lock: more queues are ready than threads are idle; those that are busy may hang. */
gboolean work_is_short(const WorkPool *pool);

/* Without the lock, for a queue that has just been made ready. is_short: work_is_short() of then.
 * If no thread can be started, those that there are have to do. */
void work_wake(WorkPool *pool, gboolean is_short);
