/* daemon.c - being a daemon: background with a readiness pipe, service manager, signals.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/daemon.h"

#include "io/sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

G_DEFINE_QUARK(netdump_daemon_error, daemon_error)

/* The child's word to its waiting parent: one of these, the second with the reason behind it. */
#define WORD_READY  'R'
#define WORD_FAILED 'F'
#define REASON_MAX  4096

static int ready_fd = -1; /* to the parent; -1 in the foreground and once it knows */

static gboolean fail(GError **error, const char *what)
{
    int err = errno;

    g_set_error(error, DAEMON_ERROR, err, "%s: %s", what, g_strerror(err));
    return FALSE;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void daemon_fill_stdio(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close_fd(&fd);
}

static void tell_parent(const char *text, gsize len)
{
    while (ready_fd >= 0 && len > 0) {
        ssize_t n = write(ready_fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* the parent is gone: nobody waits */
        text += n;
        len -= (gsize)n;
    }
    close_fd(&ready_fd);
}

/* How a child that said nothing ended. */
static void log_silent_end(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        log_error("the server was ended by signal %d (%s) before it was ready; what it logged is "
                  "in the system's log",
                  WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        log_error("the server ended with status %d before it was ready; what it logged is in the "
                  "system's log",
                  WEXITSTATUS(status));
}

/* Returns our exit status. */
static int wait_for_word(int fd, pid_t child)
{
    char word[REASON_MAX + 1];
    gsize len = 0;

    while (len < REASON_MAX) {
        ssize_t n = read(fd, word + len, REASON_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (gsize)n;
    }
    word[len] = '\0';
    if (len > 0 && word[0] == WORD_READY)
        return 0;
    if (len > 0)
        log_error("%s", word + 1);
    else
        log_silent_end(child);
    return 1;
}

DaemonSide daemon_background(int *status, GError **error)
{
    int fds[2];
    pid_t child;

    if (pipe2(fds, O_CLOEXEC) < 0) {
        fail(error, "can't make a pipe");
        return DAEMON_FAILED;
    }
    child = fork();
    if (child < 0) {
        fail(error, "can't go to the background (fork)");
        close(fds[0]);
        close(fds[1]);
        return DAEMON_FAILED;
    }
    if (child > 0) {
        close(fds[1]);
        *status = wait_for_word(fds[0], child);
        close(fds[0]);
        return DAEMON_PARENT;
    }
    close(fds[0]);
    ready_fd = fds[1];
    /* The parent may be ended while it waits; that is not our end. */
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    if (setsid() < 0 || chdir("/") < 0)
        log_warning("can't leave the terminal or its directory: %s", g_strerror(errno));
    return DAEMON_CHILD;
}

void daemon_foreground(void)
{
    umask(077);
}

/* Tells the service manager, if one started us: sd_notify(3)'s datagram, which needs no library. */
static void notify(const char *text)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    gsize len = path ? strlen(path) : 0;
    int fd;

    if (len < 2 || len >= sizeof sa.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(sa.sun_path, path, len);
    if (path[0] == '@')
        sa.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&sa,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        log_warning("can't tell the service manager \"%s\": %s", text, g_strerror(errno));
    close_fd(&fd);
}

void daemon_ready(void)
{
    if (ready_fd >= 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; fd <= 2; fd++)
            if (null < 0 || dup2(null, fd) < 0)
                log_warning("can't point descriptor %d to /dev/null: %s", fd, g_strerror(errno));
        if (null > 2)
            close(null);
        tell_parent((const char[]){WORD_READY}, 1);
    }
    notify("READY=1");
}

void daemon_failed(const char *reason)
{
    if (ready_fd >= 0) {
        g_autofree char *word = g_strdup_printf("%c%.*s", WORD_FAILED, REASON_MAX - 1, reason);
        tell_parent(word, strlen(word));
    }
    log_error("%s", reason);
}

void daemon_reloading(void)
{
    notify("RELOADING=1");
}

void daemon_reloaded(void)
{
    notify("READY=1");
}

void daemon_stopping(void)
{
    notify("STOPPING=1");
}

void daemon_warn_if_root(void)
{
    if (geteuid() == 0)
        log_warning("running as root, which nothing here needs: make a user and hand it the dump "
                    "directory (\"useradd -r netdump; chown -R netdump: DUMPDIR\"), then start the "
                    "server as that user (the init script and the systemd unit do)");
}

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

gboolean daemon_signals_init(GError **error)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    sigset_t unblock;

    if (pipe2(the_signals.fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return fail(error, "can't make a pipe for signals");
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

void daemon_signals_done(void)
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
    close_fd(&the_signals.fds[0]);
    close_fd(&the_signals.fds[1]);
    the_signals.on = FALSE;
}

int daemon_signals_fd(void)
{
    return the_signals.fds[0];
}

const sigset_t *daemon_signals_mask(void)
{
    return &the_signals.mask;
}

int daemon_next_signal(void)
{
    char drop[64];

    while (read(the_signals.fds[0], drop, sizeof drop) > 0)
        ;
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        if (g_atomic_int_compare_and_exchange(&the_signals.came[i], 1, 0))
            return wanted[i];
    return 0;
}
