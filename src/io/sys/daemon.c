/* daemon.c - being a daemon: background with a readiness pipe, service manager.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/daemon.h"

#include "io/sys/files.h"
#include "io/sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's message to its waiting parent: one of these, the second followed by the reason. */
#define WORD_READY  'R'
#define WORD_FAILED 'F'
#define REASON_MAX  4096

static int ready_fd = -1; /* to the parent; -1 in the foreground and once it knows */

void daemon_fill_stdio(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    files_close(&fd);
}

static void tell_parent(const char *text, gsize len)
{
    while (ready_fd >= 0 && len > 0) {
        ssize_t n = write(ready_fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* the parent is gone */
        text += n;
        len -= (gsize)n;
    }
    files_close(&ready_fd);
}

/* How a child that said nothing ended. */
static void log_silent_end(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        log_error("server killed by signal %d (%s) before it was ready; see the system log",
                  WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        log_error("server exited with status %d before it was ready; see the system log",
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
        files_fail(error, errno, "cannot create a pipe");
        return DAEMON_FAILED;
    }
    child = fork();
    if (child < 0) {
        files_fail(error, errno, "fork failed");
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
        log_warning("cannot detach from the terminal or working directory: %s", g_strerror(errno));
    return DAEMON_CHILD;
}

void daemon_foreground(void)
{
    umask(077);
}

/* Notifies the service manager, if there is one: sd_notify(3)'s datagram, which needs no library.
 */
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
        log_warning("sd_notify \"%s\" failed: %s", text, g_strerror(errno));
    files_close(&fd);
}

void daemon_ready(void)
{
    if (ready_fd >= 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; fd <= 2; fd++)
            if (null < 0 || dup2(null, fd) < 0)
                log_warning("cannot redirect fd %d to /dev/null: %s", fd, g_strerror(errno));
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
        log_warning("running as root is unnecessary; create a user (\"useradd -r netdump; chown -R "
                    "netdump: DUMPDIR\") and start the server as that user, as the init script and "
                    "the systemd unit do");
}
