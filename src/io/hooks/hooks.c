/* hooks.c - the hooks' queue: whose turn it is, and what the loop has to know.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/hooks/hooks_internal.h"

#include <errno.h>
#include <string.h>

#define RUNNING_MAX 16

#define MUTED_PAUSE SPAN_MS(10) /* between reads of muted output: 6 MB/s at most */
#define END_WAIT_MS 2000

/* A hook that waits for one hook that hangs, and then runs, waits less than this. */
#define WAIT_MAX(timeout) (2 * (timeout) + SPAN_S(10))

Hooks *hooks_new(const HooksSpec *spec)
{
    Hooks *h = g_new0(Hooks, 1);

    h->spec = *spec;
    h->dumpdir = g_strdup(spec->dumpdir);
    h->stats = g_new0(HookStats, spec->n_rows);
    h->active = g_ptr_array_new();
    g_queue_init(&h->waiting);
    g_queue_init(&h->refused);
    h->start_at = MONO_NEVER;
    h->ended = (LogLimit)LOG_LIMIT(20, SPAN_S(5));
    h->output = (LogLimit)LOG_LIMIT(2 * HOOK_LINES_MAX, SPAN_MS(50));
    for (guint i = 0; i < spec->n_rows; i++) {
        g_autofree char *why = NULL;

        h->stats[i].missing = hook_check(h->dumpdir, spec->rows[i].name, &why) == HOOK_MISSING;
        h->stats[i].refused = h->stats[i].full = (LogLimit)LOG_LIMIT(3, SPAN_S(60));
    }
    return h;
}

void hooks_set_timeout(Hooks *h, Span timeout)
{
    h->spec.timeout = timeout;
}

/* -- whose turn it is ----------------------------------------------------------------------------
 */

static guint count_waiting(const Hooks *h, guint kind)
{
    guint n = 0;

    for (const GList *l = h->waiting.head; l; l = l->next)
        n += ((const HookRun *)l->data)->kind == kind;
    return n;
}

static guint count_active(const Hooks *h, guint kind)
{
    guint n = 0;

    for (guint i = 0; i < h->active->len; i++)
        n += ((const HookRun *)g_ptr_array_index(h->active, i))->kind == kind;
    return n;
}

void hooks_run(Hooks *h, guint kind, guint64 key, const char *ip, const char *dir, guint64 id,
               Mono now)
{
    const HookRow *row = &h->spec.rows[kind];
    HookRun *run = hook_run_new(h, kind, key, ip, dir, id);
    guint waiting = count_waiting(h, kind);

    h->now = h->start_at = now;
    run->deadline = mono_add(now, WAIT_MAX(h->spec.timeout));
    if (waiting < row->waiting_max) {
        g_queue_push_tail(&h->waiting, run);
        return;
    }
    g_queue_push_tail(&h->refused, run);
    if (!h->stats[kind].missing) /* else there is nothing that should have run */
        log_limited(&h->stats[kind].full, now, LOG_WARNING, NULL,
                    "%s[%s] not run: %u hooks running, %u waiting already", row->name, ip,
                    h->active->len, waiting);
}

static gboolean key_is_busy(const Hooks *h, const GList *waiting)
{
    guint64 key = ((const HookRun *)waiting->data)->key;

    for (guint i = 0; i < h->active->len; i++) {
        const HookRun *other = g_ptr_array_index(h->active, i);
        if (other->key == key && !hook_run_is_reported(other))
            return TRUE;
    }
    for (const GList *l = waiting->prev; l; l = l->prev)
        if (((const HookRun *)l->data)->key == key)
            return TRUE;
    return FALSE;
}

static void start_waiting(Hooks *h)
{
    GList *next;

    h->start_at = MONO_NEVER;
    for (GList *l = h->waiting.head; l && h->active->len < RUNNING_MAX; l = next) {
        HookRun *run = l->data;
        next = l->next;
        if (key_is_busy(h, l) || count_active(h, run->kind) >= h->spec.rows[run->kind].running_max)
            continue;
        g_queue_delete_link(&h->waiting, l);
        hook_run_start(h, run);
    }
}

/* A client's reboot must not wait for the hooks of all other clients. */
static void give_up_waiting(Hooks *h)
{
    GList *next;

    for (GList *l = h->waiting.head; l; l = next) {
        HookRun *run = l->data;
        next = l->next;
        if (mono_before(h->now, run->deadline))
            continue;
        g_queue_delete_link(&h->waiting, l);
        log_limited(&h->ended, h->now, LOG_WARNING, NULL, "%snot run: queue wait exceeded",
                    run->prefix);
        hook_run_report(h, run, HOOK_NOT_RUN, ETIMEDOUT);
        hook_run_free(run);
    }
}

/* As many as there are now: the callback may add to them. */
static void report_refused(Hooks *h)
{
    for (guint n = h->refused.length; n > 0; n--) {
        HookRun *run = g_queue_pop_head(&h->refused);

        hook_run_report(h, run, HOOK_NOT_RUN, EAGAIN);
        hook_run_free(run);
    }
}

/* -- the loop ------------------------------------------------------------------------------------
 */

void hooks_add_fds(const Hooks *h, fd_set *readable, int *max_fd)
{
    for (guint i = 0; i < h->active->len; i++) {
        const HookRun *run = g_ptr_array_index(h->active, i);
        /* Muted output is read now and then by hooks_tick(): endless output must not keep the loop
         * busy. */
        if (run->out.fd >= 0 && !run->out.muted) {
            FD_SET(run->out.fd, readable);
            *max_fd = MAX(*max_fd, run->out.fd);
        }
    }
}

void hooks_handle_fds(Hooks *h, const fd_set *readable, Mono now)
{
    h->now = now;
    for (guint i = 0; i < h->active->len; i++) {
        HookRun *run = g_ptr_array_index(h->active, i);
        if (run->out.fd < 0 || !FD_ISSET(run->out.fd, readable))
            continue;
        hook_output_read(&run->out, run->prefix, &h->output, now);
        if (run->out.fd >= 0 && run->out.muted && run->drain_at.us == MONO_NEVER.us)
            run->drain_at = mono_add(now, MUTED_PAUSE);
    }
}

void hooks_reap(Hooks *h, Mono now)
{
    h->now = now;
    for (guint i = h->active->len; i-- > 0;)
        hook_run_reap(h, g_ptr_array_index(h->active, i));
}

Mono hooks_deadline(const Hooks *h)
{
    Mono t = h->waiting.length || h->refused.length ? h->start_at : MONO_NEVER;

    for (guint i = 0; i < h->active->len; i++) {
        const HookRun *run = g_ptr_array_index(h->active, i);
        t = mono_min(t, mono_min(run->deadline, run->drain_at));
    }
    for (const GList *l = h->waiting.head; l; l = l->next)
        t = mono_min(t, ((const HookRun *)l->data)->deadline);
    for (guint i = 0; i < h->spec.n_rows; i++) {
        t = mono_min(t, log_limit_deadline(&h->stats[i].refused));
        t = mono_min(t, log_limit_deadline(&h->stats[i].full));
    }
    t = mono_min(t, log_limit_deadline(&h->ended));
    return mono_min(t, log_limit_deadline(&h->output));
}

void hooks_tick(Hooks *h, Mono now)
{
    h->now = now;
    for (guint i = h->active->len; i-- > 0;) {
        HookRun *run = g_ptr_array_index(h->active, i);
        if (!mono_before(now, run->drain_at)) {
            hook_output_read(&run->out, run->prefix, &h->output, now);
            run->drain_at = run->out.fd >= 0 ? mono_add(now, MUTED_PAUSE) : MONO_NEVER;
        }
        if (!mono_before(now, run->deadline))
            hook_run_overdue(h, run);
    }
    report_refused(h);
    if (h->waiting.length && !mono_before(now, h->start_at))
        start_waiting(h);
    give_up_waiting(h);
    for (guint i = 0; i < h->spec.n_rows; i++) {
        log_limit_tick(&h->stats[i].refused, now);
        log_limit_tick(&h->stats[i].full, now);
    }
    log_limit_tick(&h->ended, now);
    log_limit_tick(&h->output, now);
}

/* -- the end -------------------------------------------------------------------------------------
 */

static void drop(Hooks *h, guint i)
{
    hook_run_free(g_ptr_array_index(h->active, i));
    g_ptr_array_remove_index_fast(h->active, i);
}

void hooks_free(Hooks *h)
{
    if (!h)
        return;
    g_queue_clear_full(&h->waiting, (GDestroyNotify)hook_run_free);
    g_queue_clear_full(&h->refused, (GDestroyNotify)hook_run_free);
    for (guint i = h->active->len; i-- > 0;)
        if (!hook_run_end(g_ptr_array_index(h->active, i), FALSE))
            drop(h, i);
    for (int ms = 0; h->active->len > 0 && ms < END_WAIT_MS + 500; ms += 10) {
        for (guint i = h->active->len; i-- > 0;) {
            if (ms == END_WAIT_MS)
                hook_run_end(g_ptr_array_index(h->active, i), TRUE);
            if (hook_run_is_gone(g_ptr_array_index(h->active, i)))
                drop(h, i);
        }
        if (h->active->len > 0)
            g_usleep(10000);
    }
    while (h->active->len > 0)
        drop(h, 0);
    g_ptr_array_unref(h->active);
    g_free(h->stats);
    g_free(h->dumpdir);
    g_free(h);
}

/* -- figures -------------------------------------------------------------------------------------
 */

guint hooks_n(const Hooks *h)
{
    return h->spec.n_rows;
}

const char *hooks_name(const Hooks *h, guint kind)
{
    return h->spec.rows[kind].name;
}

guint64 hooks_count(const Hooks *h, guint kind, HookEnd end)
{
    return h->stats[kind].count[end];
}

guint64 hooks_failed(const Hooks *h, guint kind)
{
    return h->stats[kind].failed;
}
