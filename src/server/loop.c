/* loop.c - pselect(), and whom to call when it returns. The only place that reads the clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/loop.h"

#include "io/sys/daemon.h"
#include "io/sys/log.h"
#include "io/sys/signals.h"
#include "server/resume.h"

#include <errno.h>
#include <sys/prctl.h>
#include <time.h>

/* Batches drained from the sockets before timers and disk get their turn. */
#define BATCHES_A_TURN 16

static Mono read_clock(void)
{
    return (Mono){g_get_monotonic_time()};
}

static void set_time(Server *server)
{
    server_set_time(server, read_clock(), g_get_real_time());
}

/* -- signals ----------------------------------------------------------------------------------- */

/* FALSE if the server is to end. */
static gboolean on_signal(Server *server, int signo)
{
    switch (signo) {
    case SIGTERM:
    case SIGINT:
        return FALSE;
    case SIGHUP:
        server_reload(server);
        return TRUE;
    case SIGUSR1:
        server_log_status(server);
        return TRUE;
    default: /* CHLD: children are looked for in every turn */
        return TRUE;
    }
}

static gboolean take_signals(Server *server)
{
    gboolean go_on = TRUE;
    int signo;

    while ((signo = signals_next()) != 0)
        go_on &= on_signal(server, signo);
    server_reap(server);
    return go_on;
}

/* -- a turn ------------------------------------------------------------------------------------ */

/* Returns with an empty set if there is nothing, or something is wrong. */
static void wait_for_fds(Server *server, fd_set *readable)
{
    static const Span longest = SPAN_S(3600);
    Span us = CLAMP(mono_diff(server_deadline(server), read_clock()), 0, longest);
    const struct timespec left = {.tv_sec = us / SPAN_S(1), .tv_nsec = us % SPAN_S(1) * 1000};
    int max_fd = signals_fd();

    FD_ZERO(readable);
    FD_SET(max_fd, readable);
    server_add_fds(server, readable, &max_fd);
    if (pselect(max_fd + 1, readable, NULL, NULL, &left, signals_mask()) >= 0)
        return;
    FD_ZERO(readable);
    if (errno != EINTR)
        log_error("pselect: %s", g_strerror(errno));
}

static void rest(Span span)
{
    const struct timespec time = {.tv_nsec = span * 1000};

    if (span > 0)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static void receive(Server *server)
{
    gboolean more = TRUE;

    server_receive_begin(server);
    for (guint i = 0; more && i < BATCHES_A_TURN; i++) {
        set_time(server); /* round trips are measured by it */
        more = server_receive(server);
    }
    server_receive_end(server);
}

gboolean loop_turn(Server *server)
{
    fd_set readable;
    gboolean go_on, datagrams;

    wait_for_fds(server, &readable);
    datagrams = server_has_datagrams(server, &readable);
    if (datagrams)
        rest(server_rest(server));
    set_time(server);
    go_on = take_signals(server);
    /* Datagrams before timers: what has come while we were busy is not late. */
    if (datagrams)
        receive(server);
    server_turn(server, &readable);
    return go_on;
}

void loop_run(Server *server)
{
    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: the length of a rest counts */
    set_time(server);
    server_say_hello(server);
    resume_all(server);
    while (loop_turn(server))
        ;
    daemon_stopping();
    server_stop(server);
}
