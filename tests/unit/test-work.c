/* test-work.c - ordered jobs in threads: order, failure, retry, and every way to leave.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "queue_state.h"
#include "scratch.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>

#define MAX_JOBS 20000

/* One queue and what has been seen of it. */
typedef struct {
    WorkPool *disk;
    WorkQueue *queue;
    GArray *ran, *done, *destroyed; /* guint: the jobs' numbers. ran: pool thread */
    gint running;                   /* atomic */
    guint failures;
    int last_err;
    char *last_what;
    gboolean retry_inside, leave_inside, free_inside;
} Lane;

typedef struct {
    Lane *lane;
    guint number;
    gint fail; /* atomic: fail as many times */
    gint err;
    sem_t *wait; /* before the job ends */
    sem_t *begun;
} Work;

static int work_run(gpointer data)
{
    Work *w = data;

    g_assert_cmpint(g_atomic_int_add(&w->lane->running, 1), ==, 0);
    g_array_append_val(w->lane->ran, w->number);
    if (w->begun)
        sem_post(g_steal_pointer(&w->begun)); /* once: it lives as long as push_brake() */
    if (w->wait)
        sem_wait(w->wait);
    g_atomic_int_add(&w->lane->running, -1);
    if (g_atomic_int_get(&w->fail) > 0) {
        g_atomic_int_add(&w->fail, -1);
        return w->err;
    }
    return 0;
}

static void work_done(gpointer data, int err)
{
    Work *w = data;

    g_array_append_val(w->lane->done, w->number);
    w->lane->last_err = err;
    if (w->lane->free_inside)
        work_queue_free(g_steal_pointer(&w->lane->queue));
}

static void work_destroy(gpointer data)
{
    Work *w = data;

    g_array_append_val(w->lane->destroyed, w->number);
    g_free(w);
}

static void lane_failed(gpointer user, int err, const char *what)
{
    Lane *lane = user;

    lane->failures++;
    lane->last_err = err;
    g_free(lane->last_what);
    lane->last_what = g_strdup(what);
    g_assert_true(queue_is_stopped(lane->queue));
    if (lane->retry_inside)
        work_queue_retry(lane->queue);
    if (lane->leave_inside)
        work_queue_free(g_steal_pointer(&lane->queue));
}

static Lane *lane_new(WorkPool *disk)
{
    Lane *lane = g_new0(Lane, 1);

    lane->disk = disk;
    lane->queue = work_queue_new(disk, lane_failed, lane);
    lane->ran = g_array_new(FALSE, FALSE, sizeof(guint));
    lane->done = g_array_new(FALSE, FALSE, sizeof(guint));
    lane->destroyed = g_array_new(FALSE, FALSE, sizeof(guint));
    return lane;
}

/* Behind work_pool_free(): no job is left that knows the lane. */
static void lane_free(Lane *lane)
{
    g_array_unref(lane->ran);
    g_array_unref(lane->done);
    g_array_unref(lane->destroyed);
    g_free(lane->last_what);
    g_free(lane);
}

static Work *push(Lane *lane, guint number, gint fail, gboolean ignore)
{
    Work *w = g_new0(Work, 1);
    WorkJob job = {.run = work_run,
                   .done = work_done,
                   .destroy = work_destroy,
                   .data = w,
                   .what = "write somewhere",
                   .bytes = 10,
                   .ignore_failure = ignore};

    w->lane = lane;
    w->number = number;
    w->fail = fail;
    w->err = ENOSPC;
    work_queue_push(lane->queue, &job);
    return w;
}

/* A job that holds the queue until *wait is posted; returns when it is running. */
static void push_brake(Lane *lane, guint number, sem_t *wait, gint fail)
{
    Work *w = g_new0(Work, 1);
    WorkJob job = {work_run, work_done, work_destroy, w, "brake", 10, FALSE};
    sem_t begun;

    sem_init(&begun, 0, 0);
    sem_init(wait, 0, 0);
    *w = (Work){.lane = lane, .number = number, .fail = fail, .err = EIO, .wait = wait};
    w->begun = &begun;
    work_queue_push(lane->queue, &job);
    sem_wait(&begun);
    sem_destroy(&begun);
}

static WorkPool *new_disk(guint n)
{
    g_autoptr(GError) error = NULL;
    WorkPool *disk = work_pool_new(n, &error);

    g_assert_no_error(error);
    return disk;
}

static void wait_once(WorkPool *disk)
{
    struct pollfd p = {.fd = work_pool_fd(disk), .events = POLLIN};

    g_assert_cmpint(poll(&p, 1, -1), ==, 1);
    work_pool_dispatch(disk);
}

static void wait_idle(WorkPool *disk)
{
    while (work_pool_jobs(disk) > 0)
        wait_once(disk);
}

static void assert_sequence(const GArray *a, guint first, guint n)
{
    g_assert_cmpuint(a->len, ==, n);
    for (guint i = 0; i < n; i++)
        g_assert_cmpuint(g_array_index(a, guint, i), ==, first + i);
}

static void test_order(void)
{
    WorkPool *disk = new_disk(4);
    Lane *lanes[8];

    for (guint l = 0; l < 8; l++)
        lanes[l] = lane_new(disk);
    for (guint i = 0; i < 500; i++)
        for (guint l = 0; l < 8; l++)
            push(lanes[l], i, 0, FALSE);
    g_assert_cmpuint(work_pool_jobs(disk), ==, 4000);
    g_assert_cmpuint(work_queue_jobs(lanes[3]->queue), ==, 500);
    g_assert_cmpuint(work_queue_bytes(lanes[3]->queue), ==, 5000);
    wait_idle(disk);
    for (guint l = 0; l < 8; l++) {
        assert_sequence(lanes[l]->ran, 0, 500);
        assert_sequence(lanes[l]->done, 0, 500);
        assert_sequence(lanes[l]->destroyed, 0, 500);
        g_assert_cmpuint(work_queue_jobs(lanes[l]->queue), ==, 0);
        work_queue_free(lanes[l]->queue);
    }
    work_pool_free(disk);
    for (guint l = 0; l < 8; l++)
        lane_free(lanes[l]);
}

/* A queue that stands in a slow call does not hold another one up. */
static void test_parallel(void)
{
    WorkPool *disk = new_disk(2);
    Lane *slow = lane_new(disk), *quick = lane_new(disk);
    sem_t wait;

    push_brake(slow, 0, &wait, 0);
    push(slow, 1, 0, FALSE);
    for (guint i = 0; i < 10; i++)
        push(quick, i, 0, FALSE);
    while (work_queue_jobs(quick->queue) > 0)
        wait_once(disk);
    assert_sequence(quick->done, 0, 10);
    g_assert_cmpuint(slow->done->len, ==, 0);
    sem_post(&wait);
    wait_idle(disk);
    assert_sequence(slow->done, 0, 2);
    work_queue_free(slow->queue);
    work_queue_free(quick->queue);
    work_pool_free(disk);
    lane_free(slow);
    lane_free(quick);
}

static void test_retry(void)
{
    WorkPool *disk = new_disk(3);
    Lane *lane = lane_new(disk), *other = lane_new(disk);

    push(lane, 0, 0, FALSE);
    push(lane, 1, 2, FALSE);
    push(lane, 2, 0, FALSE);
    while (lane->failures == 0)
        wait_once(disk);
    g_assert_cmpint(lane->last_err, ==, ENOSPC);
    g_assert_cmpstr(lane->last_what, ==, "write somewhere");
    assert_sequence(lane->done, 0, 1);
    g_assert_cmpuint(work_queue_jobs(lane->queue), ==, 2);
    g_assert_cmpuint(work_queue_bytes(lane->queue), ==, 20);

    /* What comes meanwhile waits behind it; other queues go on. */
    push(lane, 3, 0, FALSE);
    push(other, 0, 0, FALSE);
    while (work_queue_jobs(other->queue) > 0)
        wait_once(disk);
    g_assert_cmpuint(lane->failures, ==, 1);
    g_assert_cmpuint(work_queue_jobs(lane->queue), ==, 3);

    work_queue_retry(lane->queue);
    while (lane->failures == 1)
        wait_once(disk);
    work_queue_retry(lane->queue);
    work_queue_retry(lane->queue);
    wait_idle(disk);
    g_assert_cmpuint(lane->failures, ==, 2);
    g_assert_false(queue_is_stopped(lane->queue));
    assert_sequence(lane->done, 0, 4);
    assert_sequence(lane->destroyed, 0, 4);
    g_assert_cmpuint(lane->ran->len, ==, 6);

    /* From inside the callback. */
    lane->retry_inside = TRUE;
    push(lane, 4, 5, FALSE);
    wait_idle(disk);
    g_assert_cmpuint(lane->failures, ==, 7);
    assert_sequence(lane->done, 0, 5);
    work_queue_free(lane->queue);
    work_queue_free(other->queue);
    work_pool_free(disk);
    lane_free(lane);
    lane_free(other);
}

/* Asked for before the loop can know of the failure. */
static void test_retry_early(void)
{
    WorkPool *disk = new_disk(2);
    Lane *lane = lane_new(disk);
    sem_t wait;

    push_brake(lane, 0, &wait, 1);
    push(lane, 1, 1, FALSE);
    work_queue_retry(lane->queue);
    sem_post(&wait);
    sem_post(&wait);
    while (lane->failures == 0)
        wait_once(disk);
    assert_sequence(lane->done, 0, 1);
    g_assert_cmpint(lane->last_err, ==, ENOSPC); /* of the next job: once means once */
    g_assert_cmpuint(lane->ran->len, ==, 3);
    work_queue_retry(lane->queue);
    wait_idle(disk);
    assert_sequence(lane->done, 0, 2);
    work_queue_free(lane->queue);
    work_pool_free(disk);
    lane_free(lane);
}

static void test_ignore_failure(void)
{
    WorkPool *disk = new_disk(1);
    Lane *lane = lane_new(disk);

    push(lane, 0, 1, TRUE);
    wait_idle(disk);
    g_assert_cmpint(lane->last_err, ==, ENOSPC);
    push(lane, 1, 0, TRUE);
    wait_idle(disk);
    g_assert_cmpint(lane->last_err, ==, 0);
    assert_sequence(lane->done, 0, 2);
    g_assert_cmpuint(lane->failures, ==, 0);
    work_queue_free(lane->queue);
    work_pool_free(disk);
    lane_free(lane);
}

/* work_queue_free() at every moment: idle, waiting, stopped, running, inside done. */
static void test_free(void)
{
    WorkPool *disk = new_disk(2);
    Lane *lane[5];
    sem_t wait;

    for (guint i = 0; i < 5; i++)
        lane[i] = lane_new(disk);
    work_queue_free(lane[0]->queue);

    push(lane[1], 0, 1, FALSE);
    push(lane[1], 1, 0, FALSE);
    while (lane[1]->failures == 0)
        wait_once(disk);
    work_queue_free(lane[1]->queue);

    push_brake(lane[2], 0, &wait, 0);
    push(lane[2], 1, 0, FALSE);
    work_queue_free(lane[2]->queue);
    sem_post(&wait);
    wait_idle(disk);

    push_brake(lane[3], 0, &wait, 1);
    push(lane[3], 1, 0, FALSE);
    work_queue_free(lane[3]->queue);
    sem_post(&wait);
    wait_idle(disk);

    lane[4]->free_inside = TRUE;
    push_brake(lane[4], 0, &wait, 0);
    push(lane[4], 1, 0, FALSE);
    sem_post(&wait);
    wait_idle(disk);
    assert_sequence(lane[4]->done, 0, 1);

    for (guint i = 1; i < 5; i++) {
        g_assert_cmpuint(lane[i]->destroyed->len, ==, 2);
        g_assert_cmpuint(lane[i]->failures, ==, i == 1);
        g_assert_cmpuint(lane[i]->done->len, ==, i == 4);
    }
    work_pool_free(disk);
    for (guint i = 0; i < 5; i++)
        lane_free(lane[i]);
}

/* Its owner is told of the failure, and leaves. */
static void test_free_inside_failed(void)
{
    WorkPool *disk = new_disk(2);
    Lane *lane = lane_new(disk);

    lane->leave_inside = TRUE;
    for (guint i = 0; i < 5; i++)
        push(lane, i, i == 2 ? 1 : 0, FALSE);
    wait_idle(disk);
    g_assert_cmpuint(lane->failures, ==, 1);
    assert_sequence(lane->done, 0, 2);
    assert_sequence(lane->destroyed, 0, 5);
    work_pool_free(disk);
    lane_free(lane);
}

static int hang(gpointer data)
{
    sem_wait(data);
    return 0;
}

/* A job that hangs: work_pool_stop() does not wait for it for ever, and can be called again. */
static void test_stop(void)
{
    WorkPool *disk = new_disk(2);
    WorkQueue *queue = work_queue_new(disk, NULL, NULL);
    Lane *lane = lane_new(disk);
    sem_t wait;

    sem_init(&wait, 0, 0);
    work_queue_push(queue, &(WorkJob){.run = hang, .data = &wait, .what = "hang"});
    push(lane, 0, 0, FALSE);
    wait_once(disk);
    g_assert_false(work_pool_stop(disk, SPAN_MS(20)));
    g_assert_false(work_pool_stop(disk, 0));
    sem_post(&wait);
    g_assert_true(work_pool_stop(disk, SPAN_S(60)));
    work_queue_free(queue);
    work_queue_free(lane->queue);
    work_pool_free(disk);
    lane_free(lane);
    sem_destroy(&wait);
}

static void test_close(void)
{
    WorkPool *disk = new_disk(2);
    Lane *good = lane_new(disk), *bad = lane_new(disk), *stopped = lane_new(disk);

    for (guint i = 0; i < 100; i++) {
        push(good, i, 0, FALSE);
        push(bad, i, i == 50, FALSE);
    }
    work_queue_close(good->queue);
    work_queue_close(bad->queue);
    push(stopped, 0, 1, FALSE);
    while (stopped->failures == 0)
        wait_once(disk);
    work_queue_close(stopped->queue);
    wait_idle(disk);
    assert_sequence(good->done, 0, 100);
    assert_sequence(bad->done, 0, 50);
    assert_sequence(bad->destroyed, 0, 100);
    g_assert_cmpuint(bad->failures, ==, 0);
    g_assert_cmpuint(stopped->done->len, ==, 0);
    g_assert_cmpuint(stopped->destroyed->len, ==, 1);
    work_pool_free(disk);
    lane_free(good);
    lane_free(bad);
    lane_free(stopped);
}

static gpointer release_later(gpointer data)
{
    g_usleep(20000);
    sem_post(data);
    return NULL;
}

/* With jobs left in closed and freed queues. */
static void test_disk_free(void)
{
    WorkPool *disk = new_disk(1);
    Lane *a = lane_new(disk), *b = lane_new(disk);
    GThread *thread;
    sem_t wait;

    push_brake(a, 0, &wait, 0);
    for (guint i = 1; i < 10; i++)
        push(a, i, 0, FALSE);
    for (guint i = 0; i < 10; i++)
        push(b, i, 0, FALSE);
    work_queue_close(a->queue);
    work_queue_close(b->queue);
    thread = g_thread_new("release", release_later, &wait);
    work_pool_free(disk);
    g_thread_join(thread);
    g_assert_cmpuint(a->ran->len, <=, 10);
    g_assert_cmpuint(a->done->len + b->done->len, ==, 0);
    g_assert_cmpuint(a->destroyed->len, ==, 10);
    assert_sequence(b->destroyed, 0, 10);
    lane_free(a);
    lane_free(b);
    work_pool_free(NULL);
}

static void test_close_fd(void)
{
    WorkPool *disk = new_disk(1);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), late = dup(fd);
    Lane *lane = lane_new(disk);
    sem_t wait;

    work_pool_close_fd(disk, -1);
    g_assert_cmpuint(work_pool_jobs(disk), ==, 0);
    work_pool_close_fd(disk, fd);
    wait_idle(disk);
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1);

    /* One that never gets its turn is closed all the same. */
    push_brake(lane, 0, &wait, 0);
    work_pool_close_fd(disk, late);
    work_queue_free(lane->queue);
    sem_post(&wait);
    work_pool_free(disk);
    g_assert_cmpint(fcntl(late, F_GETFD), ==, -1);
    lane_free(lane);
}

static int masked_run(gpointer data)
{
    sigset_t *set = data;

    return pthread_sigmask(SIG_BLOCK, NULL, set);
}

/* Signals are for the loop; SIGXFSZ must not end the server. */
static void test_signals(void)
{
    static const int blocked[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGXFSZ, SIGPIPE};
    WorkPool *disk = new_disk(1);
    WorkQueue *queue = work_queue_new(disk, NULL, NULL);
    sigset_t set, ours;
    WorkJob job = {.run = masked_run, .data = &set};

    sigemptyset(&set);
    work_queue_push(queue, &job);
    wait_idle(disk);
    for (gsize i = 0; i < G_N_ELEMENTS(blocked); i++)
        g_assert_cmpint(sigismember(&set, blocked[i]), ==, 1);
    g_assert_cmpint(sigismember(&set, SIGSEGV), ==, 0);
    g_assert_cmpint(pthread_sigmask(SIG_BLOCK, NULL, &ours), ==, 0);
    g_assert_cmpint(sigismember(&ours, SIGTERM), ==, 0);
    work_queue_free(queue);
    work_pool_free(disk);
}

static int no_threads(const Scratch *s)
{
    struct rlimit none = {0, 0};
    g_autoptr(GError) error = NULL;

    scratch_become_nobody(s);
    if (setrlimit(RLIMIT_NPROC, &none) < 0)
        return 1;
    if (work_pool_new(2, &error) != NULL)
        return 77; /* privileged in some other way */
    return error && strstr(error->message, "threads") ? 0 : 2;
}

static void test_no_threads(void)
{
    Scratch s = scratch_new();

    if (!scratch_child(no_threads, &s))
        g_test_skip("threads cannot be refused here");
    scratch_free(&s);
}

/* -- off the loop -------------------------------------------------------------------------------
 */

typedef struct {
    sem_t go, begun;
    gint ran; /* atomic */
    guint done, destroyed;
} Errand;

static void errand_run(gpointer data)
{
    Errand *e = data;

    sem_post(&e->begun);
    sem_wait(&e->go);
    g_atomic_int_inc(&e->ran);
}

static void errand_done(gpointer data)
{
    ((Errand *)data)->done++;
}

static void errand_destroy(gpointer data)
{
    ((Errand *)data)->destroyed++;
}

static void errand_push(const OffLoop *off, Errand *e)
{
    memset(e, 0, sizeof *e);
    sem_init(&e->go, 0, 0);
    sem_init(&e->begun, 0, 0);
    off->push(off->owner, &(OffLoopJob){errand_run, errand_done, errand_destroy, e});
}

/* As many hang as there are threads but one, pushed while all others are busy: the last one goes
 * on nevertheless. */
static void test_off_loop(void)
{
    WorkPool *disk = new_disk(4);
    OffLoop off = work_pool_off_loop(disk);
    Errand hang[3], quick[20];

    for (guint i = 0; i < 3; i++)
        errand_push(&off, &hang[i]);
    for (guint i = 0; i < 3; i++)
        sem_wait(&hang[i].begun);
    for (guint i = 0; i < 20; i++) {
        errand_push(&off, &quick[i]);
        sem_post(&quick[i].go);
    }
    for (guint i = 0; i < 20; i++) {
        while (!quick[i].destroyed)
            wait_once(disk);
        g_assert_cmpint(quick[i].ran, ==, 1);
        g_assert_cmpuint(quick[i].done, ==, 1);
    }
    for (guint i = 0; i < 3; i++) {
        g_assert_cmpint(g_atomic_int_get(&hang[i].ran), ==, 0);
        g_assert_cmpuint(hang[i].done, ==, 0);
        sem_post(&hang[i].go);
    }
    wait_idle(disk);
    for (guint i = 0; i < 3; i++) {
        g_assert_cmpuint(hang[i].done, ==, 1);
        g_assert_cmpuint(hang[i].destroyed, ==, 1);
    }
    work_pool_free(disk);
}

/* The pool goes: what has not begun does not run, nobody is told, all are destroyed. */
static void test_off_loop_free(void)
{
    WorkPool *disk = new_disk(1);
    OffLoop off = work_pool_off_loop(disk);
    Errand e[3];
    GThread *thread;

    for (guint i = 0; i < 3; i++)
        errand_push(&off, &e[i]);
    sem_wait(&e[0].begun);
    thread = g_thread_new("release", release_later, &e[0].go);
    work_pool_free(disk);
    g_thread_join(thread);
    for (guint i = 0; i < 3; i++) {
        g_assert_cmpint(e[i].ran, ==, i == 0);
        g_assert_cmpuint(e[i].done, ==, 0);
        g_assert_cmpuint(e[i].destroyed, ==, 1);
    }
}

static void random_failed(gpointer user, int err, const char *what)
{
    Lane *lane = user;

    (void)what;
    g_assert_cmpint(err, ==, ENOSPC);
    lane->failures++;
    if (g_test_rand_int_range(0, 200) > 0)
        work_queue_retry(lane->queue);
    else
        work_queue_free(g_steal_pointer(&lane->queue));
}

static gint compare_numbers(gconstpointer a, gconstpointer b)
{
    guint x = *(const guint *)a, y = *(const guint *)b;

    return (x > y) - (x < y);
}

/* Whatever happens: what was done was done in order, and everything is destroyed once. The seed is
 * printed by the test program; --seed= takes it. */
static void test_random(void)
{
    WorkPool *disk = new_disk(4);
    Lane *lanes[6];
    guint next[6] = {0};

    for (guint l = 0; l < 6; l++) {
        lanes[l] = lane_new(disk);
        work_queue_free(lanes[l]->queue);
        lanes[l]->queue = work_queue_new(disk, random_failed, lanes[l]);
    }
    for (guint i = 0; i < MAX_JOBS; i++) {
        guint l = (guint)g_test_rand_int_range(0, 6);

        if (lanes[l]->queue)
            push(lanes[l], next[l]++, g_test_rand_int_range(0, 20) == 0 ? 2 : 0, FALSE);
        if (g_test_rand_int_range(0, 30) == 0)
            work_pool_dispatch(disk);
        if (g_test_rand_int_range(0, 10000) == 0)
            work_queue_free(g_steal_pointer(&lanes[l]->queue));
    }
    wait_idle(disk);
    for (guint l = 0; l < 6; l++) {
        for (guint i = 1; i < lanes[l]->done->len; i++)
            g_assert_cmpuint(g_array_index(lanes[l]->done, guint, i - 1), <,
                             g_array_index(lanes[l]->done, guint, i));
        /* A job that was running when its queue was freed comes after the others. */
        g_array_sort(lanes[l]->destroyed, compare_numbers);
        assert_sequence(lanes[l]->destroyed, 0, next[l]);
        work_queue_free(lanes[l]->queue);
    }
    work_pool_free(disk);
    for (guint l = 0; l < 6; l++)
        lane_free(lanes[l]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/work/order", test_order);
    g_test_add_func("/work/parallel", test_parallel);
    g_test_add_func("/work/retry", test_retry);
    g_test_add_func("/work/retry-early", test_retry_early);
    g_test_add_func("/work/ignore-failure", test_ignore_failure);
    g_test_add_func("/work/free", test_free);
    g_test_add_func("/work/free-inside-failed", test_free_inside_failed);
    g_test_add_func("/work/stop", test_stop);
    g_test_add_func("/work/close", test_close);
    g_test_add_func("/work/pool-free", test_disk_free);
    g_test_add_func("/work/close-fd", test_close_fd);
    g_test_add_func("/work/signals", test_signals);
    g_test_add_func("/work/no-threads", test_no_threads);
    g_test_add_func("/work/off-loop", test_off_loop);
    g_test_add_func("/work/off-loop-free", test_off_loop_free);
    g_test_add_func("/work/random", test_random);
    return g_test_run();
}
