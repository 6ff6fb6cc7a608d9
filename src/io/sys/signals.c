/* signals.c - signals become something to read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/signals.h"

#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The signals that we want to hear of, the most important first. */
static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
static const int ignored[] = {SIGPIPE, SIGXFSZ};

static struct {
    gboolean on;
    int fds[2];                      /* the self-pipe: a handler writes, pselect() reads */
    gint came[G_N_ELEMENTS(wanted)]; /* atomic: set by handlers, in any thread */
    struct sigaction old_wanted[G_N_ELEMENTS(wanted)];
    struct sigaction old_ignored[G_N_ELEMENTS(ignored)];
    sigset_t old_mask, mask;
} the_signals = {.fds = {-1, -1}};

/* The flag says which; the byte only wakes up, so that a full pipe loses nothing. */
static void on_signal(int signum)
{
    int saved = errno;

    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        if (wanted[i] == signum)
            g_atomic_int_set(&the_signals.came[i], 1);
    if (write(the_signals.fds[1], "", 1) < 0) {
        /* It is full and will wake us up anyway. */
    }
    errno = saved;
}

gboolean signals_init(GError **error)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    sigset_t unblock;

    if (pipe2(the_signals.fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        files_fail(error, errno, "cannot create the pipe for signals");
        return FALSE;
    }
    sigemptyset(&unblock);
    sigemptyset(&sa.sa_mask);
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        sigaddset(&unblock, wanted[i]);
        sigaction(wanted[i], &sa, &the_signals.old_wanted[i]);
    }
    pthread_sigmask(SIG_UNBLOCK, &unblock, &the_signals.old_mask);
    pthread_sigmask(SIG_SETMASK, NULL, &the_signals.mask);
    sa.sa_handler = SIG_IGN;
    for (gsize i = 0; i < G_N_ELEMENTS(ignored); i++)
        sigaction(ignored[i], &sa, &the_signals.old_ignored[i]);
    the_signals.on = TRUE;
    return TRUE;
}

void signals_done(void)
{
    if (!the_signals.on)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        sigaction(wanted[i], &the_signals.old_wanted[i], NULL);
        g_atomic_int_set(&the_signals.came[i], 0);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(ignored); i++)
        sigaction(ignored[i], &the_signals.old_ignored[i], NULL);
    pthread_sigmask(SIG_SETMASK, &the_signals.old_mask, NULL);
    files_close(&the_signals.fds[0]);
    files_close(&the_signals.fds[1]);
    the_signals.on = FALSE;
}

int signals_fd(void)
{
    return the_signals.fds[0];
}

const sigset_t *signals_mask(void)
{
    return &the_signals.mask;
}

int signals_next(void)
{
    char drop[64];

    while (read(the_signals.fds[0], drop, sizeof drop) > 0)
        ;
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        if (g_atomic_int_compare_and_exchange(&the_signals.came[i], 1, 0))
            return wanted[i];
    return 0;
}
