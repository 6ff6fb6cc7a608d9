/* hook_exec.c - checks a hook and starts it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/hooks/hook_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_FREE_FD 4 /* the child has 0, 1, 2 and, until exec, 3 for errors */

/* Whoever can change or replace the file decides what is run. NULL if only root and the server can.
 */
static char *who_else_writes(const char *path, const struct stat *st)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return g_strdup_printf("%s is owned by neither root nor the server's user; run \"chown "
                               "root %s\" if you trust it",
                               path, path);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return g_strdup_printf("%s is writable by its group or others; run \"chmod go-w %s\"", path,
                               path);
    return NULL;
}

static HookCheck check_path(const char *path, gboolean directory, char **why)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        if (errno == ENOENT)
            return HOOK_MISSING;
        *why = g_strdup_printf("cannot stat %s: %s", path, g_strerror(errno));
        return HOOK_REFUSED;
    }
    if (directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        *why = g_strdup_printf("%s is not a %s", path, directory ? "directory" : "file");
    else
        *why = who_else_writes(path, &st);
    return *why ? HOOK_REFUSED : HOOK_FINE;
}

/* The hook itself. If it is a symbolic link, the directory of its target is checked as well. */
static HookCheck check_script(const char *path, char **why)
{
    char real[PATH_MAX];
    struct stat st;
    HookCheck check = check_path(path, FALSE, why);
    g_autofree char *where = NULL;

    if (check == HOOK_MISSING && lstat(path, &st) == 0) {
        *why = g_strdup_printf("%s is a dangling symlink", path);
        return HOOK_REFUSED;
    }
    if (check != HOOK_FINE)
        return check;
    if (!realpath(path, real)) {
        *why = g_strdup_printf("cannot stat %s: %s", path, g_strerror(errno));
        return HOOK_REFUSED;
    }
    where = g_path_get_dirname(real);
    check = check_path(where, TRUE, why);
    if (check == HOOK_FINE && faccessat(AT_FDCWD, real, X_OK, AT_EACCESS) < 0) {
        *why = g_strdup_printf("%s is not executable; run \"chmod +x %s\"", path, path);
        check = HOOK_REFUSED;
    }
    return check;
}

HookCheck hook_check(const char *dumpdir, const char *name, char **why)
{
    g_autofree char *scripts = g_build_filename(dumpdir, "scripts", NULL);
    g_autofree char *path = g_build_filename(scripts, name, NULL);
    struct stat st;
    HookCheck check;

    *why = NULL;
    check = check_path(scripts, TRUE, why);
    if (check == HOOK_FINE)
        check = check_script(path, why);
    /* Whoever can rename in dumpdir can replace scripts/. (Its group is trusted.) */
    if (check == HOOK_FINE && stat(dumpdir, &st) == 0 &&
        (st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH) {
        *why = g_strdup_printf("%s is world-writable; run \"chmod o-w %s\"", dumpdir, dumpdir);
        check = HOOK_REFUSED;
    }
    return check;
}

/* A pipe whose ends are out of the way of what the child will have there. */
static int make_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC) < 0)
        return errno;
    for (int i = 0; i < 2; i++) {
        int high = fds[i] < FIRST_FREE_FD ? fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD) : -1;
        if (high >= 0) {
            close(fds[i]);
            fds[i] = high;
        }
        if (fds[i] < FIRST_FREE_FD || fds[i] >= FD_SETSIZE) {
            close(fds[0]);
            close(fds[1]);
            return EMFILE;
        }
    }
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
        int err = errno;
        close(fds[0]);
        close(fds[1]);
        return err;
    }
    return 0;
}

static void close_from(unsigned first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0u, 0) == 0)
        return;
#endif
    /* An old kernel. All of ours are O_CLOEXEC; this is for what we inherited. */
    for (unsigned fd = first; fd < FD_SETSIZE; fd++)
        close((int)fd);
}

/* The child, until exec. The process has threads: only async-signal-safe calls. */
_Noreturn static void become(const char *path, char *const *argv, char *const *envp, int out_fd,
                             int error_fd)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;
    int err, null;

    /* Handlers first: unblocked, a signal must not run one of the server's. */
    for (int s = 1; s < NSIG; s++)
        sigaction(s, &dfl, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    umask(077);
    null = open("/dev/null", O_RDONLY);
    if (null >= 0 && dup2(null, 0) >= 0 && dup2(out_fd, 1) >= 0 && dup2(out_fd, 2) >= 0 &&
        dup3(error_fd, 3, O_CLOEXEC) >= 0 && chdir("/") == 0) {
        close_from(FIRST_FREE_FD);
        error_fd = 3;
        execve(path, argv, envp);
    }
    err = errno;
    if (write(error_fd, &err, sizeof err) < 0)
        _exit(126);
    _exit(127);
}

static char **make_environment(const HookCommand *c)
{
    char **env = NULL;

    env = g_environ_setenv(env, "PATH",
                           "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", TRUE);
    env = g_environ_setenv(env, "LANG", "C", TRUE);
    env = g_environ_setenv(env, "HOME", "/", TRUE);
    env = g_environ_setenv(env, "NETDUMP_HOOK", c->name, TRUE);
    env = g_environ_setenv(env, "NETDUMP_CLIENT", c->ip, TRUE);
    env = g_environ_setenv(env, "NETDUMP_DUMPDIR", c->dumpdir, TRUE);
    if (c->dir)
        env = g_environ_setenv(env, "NETDUMP_DIR", c->dir, TRUE);
    return env;
}

int hook_start(const HookCommand *c, HookChild *child)
{
    g_autofree char *path = g_build_filename(c->dumpdir, "scripts", c->name, NULL);
    g_auto(GStrv) env = make_environment(c);
    char *argv[] = {path, g_strdup(c->ip), g_strdup(c->dir), NULL};
    int out[2], error[2], err;

    err = make_pipe(out);
    if (err == 0 && (err = make_pipe(error)) != 0) {
        close(out[0]);
        close(out[1]);
    }
    if (err == 0) {
        child->pid = fork();
        if (child->pid == 0)
            become(path, argv, env, out[1], error[1]);
        err = child->pid < 0 ? errno : 0;
        close(out[1]);
        close(error[1]);
        if (err) {
            close(out[0]);
            close(error[0]);
        } else {
            /* Here too, so that the group is there whoever of us comes first. */
            setpgid(child->pid, child->pid);
            child->out_fd = out[0];
            child->error_fd = error[0];
        }
    }
    g_free(argv[1]);
    g_free(argv[2]);
    return err;
}

int hook_exec_error(HookChild *child)
{
    int err = 0;

    if (child->error_fd < 0)
        return 0;
    if (read(child->error_fd, &err, sizeof err) != (ssize_t)sizeof err)
        err = 0;
    close(child->error_fd);
    child->error_fd = -1;
    return err;
}

const char *hook_errno_hint(int err)
{
    switch (err) {
    case ENOENT:
        return " (does the interpreter in its first line exist?)";
    case ENOEXEC:
        return " (its first line must name an interpreter such as #!/bin/sh)";
    case EACCES:
        return " (noexec file system, or interpreter not executable?)";
    default:
        return "";
    }
}
