/* off_loop.c - a pool of threads for modules that do not know it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/work/work.h"

static int run(gpointer data)
{
    const OffLoopJob *job = data;

    job->run(job->data);
    return 0;
}

static void done(gpointer data, G_GNUC_UNUSED int err)
{
    const OffLoopJob *job = data;

    job->done(job->data);
}

static void destroy(gpointer data)
{
    OffLoopJob *job = data;

    job->destroy(job->data);
    g_free(job);
}

/* In a queue of its own, so that it waits for no other one. */
static void push(gpointer owner, const OffLoopJob *job)
{
    WorkQueue *queue = work_queue_new(owner, NULL, NULL);
    WorkJob work = {.run = run, .done = done, .destroy = destroy, .what = "work off the loop"};
    OffLoopJob *copy = g_new(OffLoopJob, 1);

    *copy = *job;
    work.data = copy;
    work_queue_push(queue, &work);
    work_queue_close(queue);
}

OffLoop work_pool_off_loop(WorkPool *pool)
{
    return (OffLoop){push, pool};
}
