/* off_loop.h - runs a function outside the loop's thread, which never waits for a file system.
 *
 * The modules of io do not know each other: the server passes this to modules that stat, open or
 * fork. io/work makes one of a pool of threads: work_pool_off_loop().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
    void (*run)(gpointer data);     /* in another thread, all signals blocked */
    void (*done)(gpointer data);    /* after run, in the loop's thread; not if the pool is freed */
    void (*destroy)(gpointer data); /* in the loop's thread: always last, once, ran or not */
    gpointer data;
} OffLoopJob;

typedef struct {
    /* Never calls back from inside. Jobs have no order; one that hangs holds up others only when
     * all threads hang. */
    void (*push)(gpointer owner, const OffLoopJob *job);
    gpointer owner;
} OffLoop;
