/* queue_state.h - what only tests have to know of a queue of jobs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/work/work_internal.h"

/* Its first job has failed, and its owner has not yet decided what follows. */
static inline gboolean queue_is_stopped(const WorkQueue *queue)
{
    gboolean stopped;

    pthread_mutex_lock(&queue->pool->lock);
    stopped = queue->state == WORK_STOPPED;
    pthread_mutex_unlock(&queue->pool->lock);
    return stopped;
}
