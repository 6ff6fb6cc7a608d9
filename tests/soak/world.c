/* world.c - the queue of what happens, and the run of one seed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/world.h"

#include "soak/check.h"
#include "soak/disk.h"
#include "soak/effects.h"
#include "soak/kernel.h"
#include "soak/link.h"
#include "soak/modern.h"
#include "soak/pending.h"
#include "soak/probe.h"
#include "soak/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ARENA     (1u << 20)
#define TIME_MAX  SPAN_S(6 * 3600) /* a world that has not come to rest by then never will */
#define TURNS_MAX 50000000u

World *world_new(void)
{
    World *w = g_new0(World, 1);

    w->queue = g_array_new(FALSE, FALSE, sizeof(WorldEvent));
    w->pending = g_array_new(FALSE, FALSE, sizeof(Pending));
    w->dumps = g_ptr_array_new();
    w->models = g_ptr_array_new();
    w->recorded = g_ptr_array_new();
    w->arena = g_malloc(ARENA);
    w->arena_size = ARENA;
    w->arena_more = g_ptr_array_new_with_free_func(g_free);
    w->datagram = g_malloc(WIRE_MAX_SIZE);
    return w;
}

void world_free(World *w)
{
    g_array_unref(w->queue);
    g_array_unref(w->pending);
    g_ptr_array_unref(w->dumps);
    g_ptr_array_unref(w->models);
    g_ptr_array_unref(w->recorded);
    g_ptr_array_unref(w->arena_more);
    g_free(w->arena);
    g_free(w->datagram);
    server_free(w);
    g_free(w);
}

gpointer world_alloc(World *w, gsize size)
{
    gpointer p;

    size = (size + 15) & ~(gsize)15;
    if (w->arena_used + size > w->arena_size) {
        p = g_malloc0(size);
        g_ptr_array_add(w->arena_more, p);
        return p;
    }
    p = w->arena + w->arena_used;
    w->arena_used += size;
    return memset(p, 0, size);
}

gpointer world_copy(World *w, gconstpointer bytes, gsize size)
{
    return memcpy(world_alloc(w, size), bytes, size);
}

/* -- the queue --------------------------------------------------------------------------------- */

static gboolean sooner(const WorldEvent *a, const WorldEvent *b)
{
    return a->at.us != b->at.us ? a->at.us < b->at.us : a->order < b->order;
}

void world_schedule(World *w, Span in, WorldEventKind kind, gpointer data, guint32 token)
{
    WorldEvent h = {.at = mono_add(w->now, in),
                    .order = w->order++,
                    .kind = kind,
                    .token = token,
                    .data = data};
    WorldEvent *heap;
    guint i = w->queue->len;

    g_array_append_val(w->queue, h);
    heap = (WorldEvent *)(gpointer)w->queue->data;
    for (; i > 0 && sooner(&h, &heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = h;
}

static WorldEvent take_first(World *w)
{
    WorldEvent *heap = (WorldEvent *)(gpointer)w->queue->data;
    WorldEvent first = heap[0];
    guint n = w->queue->len - 1;
    WorldEvent last = heap[n];
    guint i = 0;

    g_array_set_size(w->queue, n);
    for (guint child = 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && sooner(&heap[child + 1], &heap[child]))
            child++;
        if (!sooner(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    if (n > 0)
        heap[i] = last;
    return first;
}

/* -- what is said ------------------------------------------------------------------------------ */

void world_trace(World *w, guint64 value)
{
    w->trace = rng_mix(w->trace ^ value) + 1;
}

static void say_time(const World *w)
{
    printf("# %10.6f ", (double)w->now.us / 1e6);
}

void world_say(const World *w, const char *format, ...)
{
    va_list args;

    if (!w->verbose)
        return;
    say_time(w);
    va_start(args, format);
    vprintf(format, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it was started */
    va_end(args);
    putchar('\n');
}

void world_fail(World *w, const char *format, ...)
{
    va_list args;

    printf("# seed %" G_GUINT64_FORMAT ", step %" G_GUINT64_FORMAT ":\n", w->seed, w->step);
    say_time(w);
    va_start(args, format);
    vprintf(format, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it was started */
    va_end(args);
    putchar('\n');
    longjmp(w->failed, 1);
}

/* -- a run ------------------------------------------------------------------------------------- */

static void reset(World *w, guint64 seed)
{
    g_array_set_size(w->queue, 0);
    g_array_set_size(w->pending, 0);
    g_ptr_array_set_size(w->models, 0);
    g_ptr_array_set_size(w->dumps, 0);
    g_ptr_array_set_size(w->recorded, 0);
    g_ptr_array_set_size(w->arena_more, 0);
    w->arena_used = 0;
    server_free(w);
    probe_set_world(w);
    w->seed = seed;
    w->chance = rng_mix(seed + 1);
    w->now = (Mono){SPAN_S(100)};
    w->n_crashes = 0;
    w->order = 0;
    w->up = w->ending = w->outage = FALSE;
    w->step = w->disk_ops = 0;
    memset(w->acted, 0, sizeof w->acted);
    memset(w->jobs, 0, sizeof w->jobs);
    w->from = NULL;
    w->speaker = NULL;
    w->life = 0;
    w->faults_left = 0;
    w->trace = seed;
}

static void happen(World *w, const WorldEvent *h)
{
    switch (h->kind) {
    case WORLD_TO_SERVER:
        server_receive(w, h->data);
        break;
    case WORLD_TO_KERNEL:
        kernel_receive(w, h->data);
        break;
    case WORLD_KERNEL:
        kernel_wake(w, h->data, h->token);
        break;
    case WORLD_TIRE:
        modern_tire(w, h->data, h->token);
        break;
    case WORLD_JOB:
        disk_wake(w, h->data, h->token);
        break;
    case WORLD_JOB_TOLD:
        disk_told(w, h->data, h->token);
        break;
    case WORLD_MAGIC:
        effects_magic_read(w, h->data, h->token);
        break;
    case WORLD_PENDING:
        pending_written(w, h->data, h->token);
        break;
    case WORLD_RECORDED:
        pending_told(w, h->token);
        break;
    case WORLD_HOOK:
        effects_hook_ended(w, h->data, h->token);
        break;
    case WORLD_SERVER_END:
        server_end_later(w, h->token);
        break;
    case WORLD_SERVER_UP:
        server_begin(w);
        break;
    case WORLD_OUTAGE:
        link_outage(w);
        break;
    case WORLD_FORGE:
        link_forge(w);
        break;
    case WORLD_FORGED_ACK:
        link_forge_ack(w, h->data);
        break;
    }
}

static void run(World *w)
{
    scenario_choose(w);
    if (w->verbose)
        scenario_print(w);
    for (guint i = 0; i < w->sc.kernels; i++)
        w->kernels[i] = kernel_new(w, i);
    for (guint i = 0; i < w->sc.outages; i++)
        world_schedule(w, (Span)world_scaled(w, 26), WORLD_OUTAGE, NULL, 1);
    for (guint i = 0; i < w->sc.forgeries; i++)
        world_schedule(w, (Span)world_scaled(w, 26), WORLD_FORGE, NULL, 0);
    server_begin(w);

    for (guint turn = 0;; turn++) {
        Mono deadline = server_deadline(w);
        Mono next = w->queue->len > 0 ? g_array_index(w->queue, WorldEvent, 0).at : MONO_NEVER;

        if (next.us == G_MAXINT64 && deadline.us == G_MAXINT64)
            break;
        if (turn > TURNS_MAX || mono_min(next, deadline).us > SPAN_S(100) + TIME_MAX)
            check_stuck(w);
        w->totals.events++;
        if (mono_before(deadline, next)) {
            w->now = mono_before(w->now, deadline) ? deadline : w->now;
        } else {
            WorldEvent h = take_first(w);

            w->now = h.at;
            happen(w, &h);
        }
        server_tick(w);
    }
    check_end(w);
}

gboolean world_run(World *w, guint64 seed, guint64 *trace)
{
    reset(w, seed);
    if (setjmp(w->failed))
        return FALSE;
    run(w);
    *trace = w->trace;
    return TRUE;
}
