/* scratch.h - temporary directories and children for the tests of the files in the dump directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* g_assert_cmpmem() takes its lengths as int. */
#define assert_bytes(a, alen, b, blen)                                                             \
    do {                                                                                           \
        g_assert_cmpuint(alen, ==, blen);                                                          \
        g_assert_true((alen) == 0 || memcmp(a, b, alen) == 0);                                     \
    } while (0)

typedef struct {
    char *path;
    int fd;
} Scratch;

static inline Scratch scratch_new(void)
{
    g_autoptr(GError) error = NULL;
    Scratch s = {.path = g_dir_make_tmp("netdump-unit-XXXXXX", &error), .fd = -1};
    g_assert_no_error(error);
    s.fd = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(s.fd, >=, 0);
    return s;
}

static inline void scratch_delete(const char *path)
{
    struct stat st;
    if (g_lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        GDir *dir = g_dir_open(path, 0, NULL);
        const char *name;
        while (dir && (name = g_dir_read_name(dir))) {
            g_autofree char *below = g_build_filename(path, name, NULL);
            scratch_delete(below);
        }
        if (dir)
            g_dir_close(dir);
    }
    (void)remove(path);
}

static inline void scratch_free(Scratch *s)
{
    (void)close(s->fd);
    scratch_delete(s->path);
    g_free(s->path);
}

/* For one that is not to be deleted: g_auto(Scratch) s = SCRATCH_NONE. */
#define SCRATCH_NONE                                                                               \
    {                                                                                              \
        NULL, -1                                                                                   \
    }

static inline void scratch_close(Scratch *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    g_free(s->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scratch, scratch_close)

static inline void scratch_put(const Scratch *s, const char *name, const void *bytes, gsize len)
{
    int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, len), ==, (gssize)len);
    g_assert_cmpint(close(fd), ==, 0);
}

/* NULL if there is no such file. */
static inline char *scratch_get(const Scratch *s, const char *name, gsize *len)
{
    g_autofree char *path = g_build_filename(s->path, name, NULL);
    char *text = NULL;
    (void)g_file_get_contents(path, &text, len, NULL);
    return text;
}

static inline gboolean scratch_has(const Scratch *s, const char *name)
{
    struct stat st;
    return fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline guint scratch_mode(const Scratch *s, const char *name)
{
    struct stat st;
    g_assert_cmpint(fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    return st.st_mode & 07777;
}

/* A link at `name` to the file "victim", which is made with a text that must stay. */
static inline void scratch_plant(const Scratch *s, const char *name)
{
    g_autofree char *victim = g_build_filename(s->path, "victim", NULL);
    scratch_put(s, "victim", "mine", 4);
    g_assert_cmpint(symlinkat(victim, s->fd, name), ==, 0);
}

static inline void scratch_victim_untouched(const Scratch *s)
{
    gsize len = 0;
    g_autofree char *text = scratch_get(s, "victim", &len);
    assert_bytes(text, len, "mine", (gsize)4);
}

/* Let files grow to `bytes` only, RLIM_INFINITY for no limit: writes then fail with EFBIG, after a
 * part was written. A failing disk that needs no privilege. */
static inline void scratch_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

/* Run fn in a child process: TRUE when it returned 0, FALSE when it returned 77 (skipped); any
 * other end is a failure of the test. */
static inline gboolean scratch_child(int (*fn)(const Scratch *), const Scratch *s)
{
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0)
        _exit(fn(s));
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        g_assert_cmpint(errno, ==, EINTR);
    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        return FALSE;
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    return TRUE;
}

/* In a child: become a user for whom permissions count. The scratch directory becomes theirs. */
static inline void scratch_become_nobody(const Scratch *s)
{
    if (geteuid() != 0)
        return;
    g_assert_cmpint(fchown(s->fd, 65534, 65534), ==, 0);
    g_assert_cmpint(setgroups(0, NULL), ==, 0);
    g_assert_cmpint(setresgid(65534, 65534, 65534), ==, 0);
    g_assert_cmpint(setresuid(65534, 65534, 65534), ==, 0);
}

static inline gboolean scratch_say(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    gboolean said = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        (void)close(fd);
    return said;
}

/* In a child: mounts that nobody else sees, with a user namespace where we are not root. FALSE
 * where that is not allowed. */
static inline gboolean scratch_private_mounts(void)
{
    if (unshare(CLONE_NEWNS) < 0) {
        g_autofree char *uid = g_strdup_printf("%u %u 1", geteuid(), geteuid());
        g_autofree char *gid = g_strdup_printf("%u %u 1", getegid(), getegid());
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || !scratch_say("/proc/self/uid_map", uid) ||
            !scratch_say("/proc/self/setgroups", "deny") || !scratch_say("/proc/self/gid_map", gid))
            return FALSE;
    }
    return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

/* In a child: a file system of `size` ("64k") at `name`, as a Scratch of its own. */
static inline gboolean scratch_small_disk(const Scratch *s, const char *name, const char *size,
                                          Scratch *disk)
{
    g_autofree char *options = g_strdup_printf("size=%s,mode=0700", size);
    disk->path = g_build_filename(s->path, name, NULL);
    if (!scratch_private_mounts())
        return FALSE;
    g_assert_cmpint(mkdir(disk->path, 0700), ==, 0);
    if (mount("none", disk->path, "tmpfs", 0, options) < 0)
        return FALSE;
    disk->fd = open(disk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return disk->fd >= 0;
}

/* Take all but `leave` bytes of the space there is, in the file "ballast". */
static inline void scratch_fill(const Scratch *s, gsize leave)
{
    static char block[4096] = {1};
    off_t size = 0;
    int fd = openat(s->fd, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    while (write(fd, block, sizeof block) == (ssize_t)sizeof block)
        size += (off_t)sizeof block;
    g_assert_cmpint(errno, ==, ENOSPC);
    g_assert_cmpint(ftruncate(fd, size > (off_t)leave ? size - (off_t)leave : 0), ==, 0);
    g_assert_cmpint(close(fd), ==, 0);
}
