/* test-daemon.c - background and readiness, pidfile, signals, the service manager's socket.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/daemon.h"

#include "capture.h"
#include "io/sys/log.h"
#include "io/sys/pidfile.h"
#include "io/sys/signals.h"
#include "scratch.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What the daemon's child does; it leaves with _exit(). */
typedef void (*ChildFn)(const Scratch *s);

/* A process that calls daemon_background() as main() would. Returns the exit status that the
 * waiting parent got; *text is what it wrote to stderr. */
static int start_daemon(ChildFn fn, const Scratch *s, char **text)
{
    Capture c = capture_begin();
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        int code = 99;
        switch (daemon_background(&code, NULL)) {
        case DAEMON_PARENT:
            _exit(code);
        case DAEMON_CHILD:
            fn(s);
            _exit(98);
        case DAEMON_FAILED:
            _exit(97);
        }
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    *text = capture_end(&c);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* What a child found out, one file for all of it. The rename says that it is whole. */
static void report(const Scratch *s, const char *text)
{
    scratch_put(s, "report.new", text, strlen(text));
    g_assert_cmpint(renameat(s->fd, "report.new", s->fd, "report"), ==, 0);
}

static char *await_report(const Scratch *s)
{
    char *text = NULL;

    for (int i = 0; i < 6000 && !(text = scratch_get(s, "report", NULL)); i++)
        g_usleep(10000);
    g_assert_nonnull(text);
    return text;
}

static void child_ready(const Scratch *s)
{
    char text[512], where[64] = "?", name[3][64] = {{0}};
    mode_t mask = umask(077);

    daemon_ready();
    if (!getcwd(where, sizeof where))
        where[0] = '?';
    for (int fd = 0; fd < 3; fd++) {
        char link[32];
        g_snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (readlink(link, name[fd], sizeof name[fd] - 1) < 0)
            name[fd][0] = '?';
    }
    g_snprintf(text, sizeof text, "%s %o %d %s %s %s", where, (guint)mask, getsid(0) == getpid(),
               name[0], name[1], name[2]);
    report(s, text);
    _exit(0);
}

static void test_ready(void)
{
    Scratch s = scratch_new();
    g_autofree char *text = NULL, *told = NULL;

    g_assert_cmpint(start_daemon(child_ready, &s, &text), ==, 0);
    g_assert_cmpstr(text, ==, "");
    told = await_report(&s);
    g_assert_cmpstr(told, ==, "/ 77 1 /dev/null /dev/null /dev/null");
    scratch_free(&s);
}

static void child_fails(const Scratch *s)
{
    (void)s;
    /* As in the daemon the log is not stderr: the reason must come by the pipe. */
    log_open("test", LOG_TO_SYSLOG, FALSE);
    daemon_failed("port 6688 is taken by somebody");
    _exit(1);
}

static void test_fails(void)
{
    Scratch s = scratch_new();
    g_autofree char *text = NULL;

    g_assert_cmpint(start_daemon(child_fails, &s, &text), ==, 1);
    g_assert_cmpstr(text, ==, "netdump-server: error: port 6688 is taken by somebody\n");
    scratch_free(&s);
}

static void child_long_reason(const Scratch *s)
{
    g_autofree char *reason = g_strnfill(100000, 'x');

    (void)s;
    log_open("test", LOG_TO_SYSLOG, FALSE);
    daemon_failed(reason);
    _exit(1);
}

static void test_long_reason(void)
{
    Scratch s = scratch_new();
    g_autofree char *text = NULL;

    g_assert_cmpint(start_daemon(child_long_reason, &s, &text), ==, 1);
    g_assert_cmpuint(strlen(text), >, 2000);
    g_assert_cmpuint(strlen(text), <, 5000);
    scratch_free(&s);
}

static void child_dies(const Scratch *s)
{
    (void)s;
    raise(SIGKILL);
}

static void test_dies(void)
{
    Scratch s = scratch_new();
    g_autofree char *text = NULL;

    g_assert_cmpint(start_daemon(child_dies, &s, &text), ==, 1);
    g_assert_nonnull(strstr(text, "killed by signal 9 (Killed) before it was ready"));
    scratch_free(&s);
}

static void child_leaves(const Scratch *s)
{
    (void)s;
    _exit(3);
}

static void test_leaves(void)
{
    Scratch s = scratch_new();
    g_autofree char *text = NULL;

    g_assert_cmpint(start_daemon(child_leaves, &s, &text), ==, 1);
    g_assert_nonnull(strstr(text, "exited with status 3 before it was ready"));
    scratch_free(&s);
}

/* A parent that is ended while it waits does not take the daemon with it. */
static void child_waits_for_orphanage(const Scratch *s)
{
    pid_t parent = getppid();

    report(s, "started");
    kill(parent, SIGKILL);
    while (getppid() == parent)
        g_usleep(1000);
    daemon_ready();
    report(s, "survived");
    _exit(0);
}

static void test_parent_gone(void)
{
    Scratch s = scratch_new();
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        int code;
        if (daemon_background(&code, NULL) == DAEMON_CHILD)
            child_waits_for_orphanage(&s);
        _exit(1);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status));
    for (int i = 0; i < 6000; i++) {
        g_autofree char *told = await_report(&s);
        if (strcmp(told, "survived") == 0)
            break;
        g_assert_cmpint(i, <, 5999);
        g_usleep(10000);
    }
    scratch_free(&s);
}

/* In the foreground both are harmless; the reason goes to the log. */
static void test_foreground(void)
{
    Capture c = capture_begin();
    mode_t mask = umask(022);
    g_autofree char *text = NULL;

    daemon_foreground();
    g_assert_cmpuint(umask(mask), ==, 077);
    daemon_ready();
    daemon_failed("no reason");
    text = capture_end(&c);
    g_assert_cmpstr(text, ==, "netdump-server: error: no reason\n");
}

static void take(const char *path)
{
    g_autoptr(GError) error = NULL;

    if (!pidfile_take(path, &error))
        g_error("%s", error->message);
}

static void test_pidfile(void)
{
    Scratch s = scratch_new();
    g_autofree char *path = g_build_filename(s.path, "pid", NULL);
    g_autofree char *want = g_strdup_printf("%d\n", (int)getpid()), *text = NULL;
    mode_t mask = umask(077);

    take(path);
    umask(mask);
    text = scratch_get(&s, "pid", NULL);
    g_assert_cmpstr(text, ==, want);
    g_assert_cmpuint(scratch_mode(&s, "pid"), ==, 0644);
    pidfile_drop();
    g_assert_false(scratch_has(&s, "pid"));
    pidfile_drop(); /* harmless */
    scratch_free(&s);
}

/* Left behind by a server that was killed; its number may be another process's now: ours. */
static void test_pidfile_stale(void)
{
    Scratch s = scratch_new();
    g_autofree char *path = g_build_filename(s.path, "pid", NULL);
    static const char *const stale[] = {"", "1\n", "99999999\n", "4"};

    for (gsize i = 0; i < G_N_ELEMENTS(stale); i++) {
        g_autofree char *want = g_strdup_printf("%d\n", (int)getpid()), *text = NULL;
        scratch_put(&s, "pid", stale[i], strlen(stale[i]));
        take(path);
        text = scratch_get(&s, "pid", NULL);
        g_assert_cmpstr(text, ==, want);
        pidfile_drop();
    }
    scratch_free(&s);
}

static void refused(const char *path, const char *format)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(format, "%s", 2);
    g_autofree char *want = g_strconcat(parts[0], path, parts[1], NULL);

    g_assert_false(pidfile_take(path, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, want);
}

static int second_server(const Scratch *s)
{
    g_autofree char *path = g_build_filename(s->path, "pid", NULL);
    g_autofree char *want =
        g_strdup_printf("a server is already running, pid %d (from pidfile %%s)", (int)getppid());
    refused(path, want);
    return 0;
}

static void test_pidfile_live(void)
{
    Scratch s = scratch_new();
    g_autofree char *path = g_build_filename(s.path, "pid", NULL);
    int fd;

    take(path);
    g_assert_true(scratch_child(second_server, &s));
    g_assert_true(scratch_has(&s, "pid"));
    pidfile_drop();

    /* Locked before its owner has written its number. */
    scratch_put(&s, "pid", "", 0);
    fd = open(path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(flock(fd, LOCK_EX), ==, 0);
    refused(path, "a server is already running and holds pidfile %s");
    close(fd);
    scratch_free(&s);
}

/* A slip in the configuration must not cost a file. */
static void test_pidfile_foreign(void)
{
    Scratch s = scratch_new();
    g_autofree char *path = g_build_filename(s.path, "pid", NULL);
    static const char *const contents[] = {"root:x:0:0\n", "12 13\n", "-4\n",
                                           "123456789012345678901234567890123\n"};
    static const char message[] = "%s exists and is not a pidfile, left unchanged; remove it, or "
                                  "set another with pidfile= or --pidfile";

    for (gsize i = 0; i < G_N_ELEMENTS(contents); i++) {
        g_autofree char *text = NULL;
        scratch_put(&s, "pid", contents[i], strlen(contents[i]));
        refused(path, message);
        text = scratch_get(&s, "pid", NULL);
        g_assert_cmpstr(text, ==, contents[i]);
    }
    g_assert_cmpint(unlink(path), ==, 0);
    scratch_plant(&s, "pid");
    refused(path, "cannot write pidfile %s: Too many levels of symbolic links");
    scratch_victim_untouched(&s);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    refused(path, message); /* and does not wait for a reader */
    scratch_free(&s);
}

static void test_pidfile_nowhere(void)
{
    Scratch s = scratch_new();
    g_autofree char *path = g_build_filename(s.path, "missing", "pid", NULL);

    refused(path, "cannot write pidfile %s: No such file or directory");
    scratch_free(&s);
}

/* Somebody replaced the file while we ran: it is not ours to remove. */
static void test_pidfile_replaced(void)
{
    Scratch s = scratch_new();
    g_autofree char *path = g_build_filename(s.path, "pid", NULL);

    take(path);
    g_assert_cmpint(unlink(path), ==, 0);
    scratch_put(&s, "pid", "1\n", 2);
    pidfile_drop();
    g_assert_true(scratch_has(&s, "pid"));
    scratch_free(&s);
}

static gboolean signal_is_readable(void)
{
    struct pollfd p = {.fd = signals_fd(), .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* Each is told once, the most important first; the pipe wakes up pselect(). */
static void test_signals(void)
{
    g_autoptr(GError) error = NULL;
    struct timespec ts = {.tv_sec = 5};
    fd_set set;
    sigset_t block;

    sigemptyset(&block);
    sigaddset(&block, SIGTERM); /* as a careless parent may leave it to us */
    pthread_sigmask(SIG_BLOCK, &block, NULL);
    g_assert_true(signals_init(&error));
    g_assert_false(signal_is_readable());
    g_assert_cmpint(signals_next(), ==, 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
    raise(SIGPIPE);
    raise(SIGXFSZ);
    FD_ZERO(&set);
    FD_SET(signals_fd(), &set);
    g_assert_cmpint(pselect(signals_fd() + 1, &set, NULL, NULL, &ts, signals_mask()), ==, 1);
    g_assert_cmpint(signals_next(), ==, SIGTERM);
    g_assert_cmpint(signals_next(), ==, SIGHUP);
    g_assert_cmpint(signals_next(), ==, SIGUSR1);
    g_assert_cmpint(signals_next(), ==, 0);
    g_assert_false(signal_is_readable());
    signals_done();
    signals_done(); /* harmless */
    pthread_sigmask(SIG_UNBLOCK, &block, NULL);
}

/* A storm that nobody reads from fills the pipe and loses nothing. */
static void test_signal_storm(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(signals_init(&error));
    for (int i = 0; i < 70000; i++)
        raise(SIGUSR1);
    raise(SIGINT);
    g_assert_true(signal_is_readable());
    g_assert_cmpint(signals_next(), ==, SIGINT);
    g_assert_cmpint(signals_next(), ==, SIGUSR1);
    g_assert_cmpint(signals_next(), ==, 0);
    signals_done();
}

static void test_notify(void)
{
    Scratch s = scratch_new();
    g_autofree char *path = g_build_filename(s.path, "notify", NULL);
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    static const char *const want[] = {"READY=1", "RELOADING=1", "READY=1", "STOPPING=1"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_strlcpy(sa.sun_path, path, sizeof sa.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&sa, sizeof sa), ==, 0);
    g_setenv("NOTIFY_SOCKET", path, TRUE);
    daemon_ready();
    daemon_reloading();
    daemon_reloaded();
    daemon_stopping();
    g_unsetenv("NOTIFY_SOCKET");
    daemon_stopping(); /* nobody to tell */
    for (gsize i = 0; i < G_N_ELEMENTS(want); i++) {
        char text[64] = "";
        g_assert_cmpint(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), >, 0);
        g_assert_cmpstr(text, ==, want[i]);
    }
    g_assert_cmpint(recv(fd, path, 1, MSG_DONTWAIT), <, 0);
    close(fd);
    scratch_free(&s);
}

static int not_root(const Scratch *s)
{
    scratch_become_nobody(s);
    daemon_warn_if_root();
    return 0;
}

static void test_root(void)
{
    Scratch s = scratch_new();
    Capture c = capture_begin();
    g_autofree char *text = NULL, *nobody = NULL;

    g_assert_true(scratch_child(not_root, &s));
    nobody = capture_text(&c);
    if (geteuid() == 0)
        daemon_warn_if_root();
    text = capture_end(&c);
    g_assert_cmpstr(nobody, ==, "");
    if (geteuid() == 0)
        g_assert_true(g_str_has_prefix(text, "netdump-server: warning: running as root"));
    scratch_free(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/daemon/ready", test_ready);
    g_test_add_func("/daemon/fails", test_fails);
    g_test_add_func("/daemon/long-reason", test_long_reason);
    g_test_add_func("/daemon/dies", test_dies);
    g_test_add_func("/daemon/leaves", test_leaves);
    g_test_add_func("/daemon/parent-gone", test_parent_gone);
    g_test_add_func("/daemon/foreground", test_foreground);
    g_test_add_func("/daemon/pidfile", test_pidfile);
    g_test_add_func("/daemon/pidfile-stale", test_pidfile_stale);
    g_test_add_func("/daemon/pidfile-live", test_pidfile_live);
    g_test_add_func("/daemon/pidfile-foreign", test_pidfile_foreign);
    g_test_add_func("/daemon/pidfile-nowhere", test_pidfile_nowhere);
    g_test_add_func("/daemon/pidfile-replaced", test_pidfile_replaced);
    g_test_add_func("/daemon/signals", test_signals);
    g_test_add_func("/daemon/signal-storm", test_signal_storm);
    g_test_add_func("/daemon/notify", test_notify);
    g_test_add_func("/daemon/root", test_root);
    return g_test_run();
}
