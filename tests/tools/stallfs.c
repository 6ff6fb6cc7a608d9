/* stallfs.c - a file system that stalls when a test says so: stallfs SOURCE MOUNTPOINT
 * CONTROL.
 *
 * Shows SOURCE at MOUNTPOINT, with nothing cached. While the file CONTROL/stall is there, every
 * operation on a path that begins with its text (a whole mountpoint's is "/") waits; each one that
 * begins to wait is a line of CONTROL/stalled first. Ends with SIGTERM.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#define FUSE_USE_VERSION 312

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define THREADS_MAX 500  /* each stalled operation has one */
#define LOOK_EVERY  5000 /* us */

static int source = -1, control = -1;

/* -- stalling ---------------------------------------------------------------------------------- */

static gboolean is_stalled(const char *path)
{
    char prefix[4096];
    int fd = openat(control, "stall", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, prefix, sizeof prefix - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return FALSE;
    prefix[n] = '\0';
    return g_str_has_prefix(path, prefix);
}

static void wait_while_stalled(const char *operation, const char *path)
{
    g_autofree char *line = NULL;
    int fd;

    if (!is_stalled(path))
        return;
    line = g_strdup_printf("%s %s\n", operation, path);
    fd = openat(control, "stalled", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        perror("stallfs: CONTROL/stalled");
    if (fd >= 0)
        close(fd);
    do
        g_usleep(LOOK_EVERY);
    while (is_stalled(path));
}

/* The path below SOURCE, once it may be touched. */
static const char *enter(const char *operation, const char *path)
{
    wait_while_stalled(operation, path);
    return path[1] ? path + 1 : ".";
}

static int result(int returned)
{
    return returned < 0 ? -errno : 0;
}

/* -- operations -------------------------------------------------------------------------------- */

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    const char *name = enter("getattr", path);

    return result(fi ? fstat((int)fi->fh, st) : fstatat(source, name, st, AT_SYMLINK_NOFOLLOW));
}

static int fs_readlink(const char *path, char *out, size_t size)
{
    ssize_t n = readlinkat(source, enter("readlink", path), out, size - 1);

    if (n < 0)
        return -errno;
    out[n] = '\0';
    return 0;
}

static int fs_mkdir(const char *path, mode_t mode)
{
    return result(mkdirat(source, enter("mkdir", path), mode));
}

static int fs_unlink(const char *path)
{
    return result(unlinkat(source, enter("unlink", path), 0));
}

static int fs_rmdir(const char *path)
{
    return result(unlinkat(source, enter("rmdir", path), AT_REMOVEDIR));
}

static int fs_symlink(const char *target, const char *path)
{
    return result(symlinkat(target, source, enter("symlink", path)));
}

static int fs_rename(const char *from, const char *to, unsigned flags)
{
    const char *old = enter("rename", from);

    return result(renameat2(source, old, source, enter("rename", to), flags));
}

static int fs_link(const char *from, const char *to)
{
    const char *old = enter("link", from);

    return result(linkat(source, old, source, enter("link", to), 0));
}

static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    const char *name = enter("chmod", path);

    return result(fi ? fchmod((int)fi->fh, mode) : fchmodat(source, name, mode, 0));
}

static int fs_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
    const char *name = enter("chown", path);

    return result(fi ? fchown((int)fi->fh, uid, gid)
                     : fchownat(source, name, uid, gid, AT_SYMLINK_NOFOLLOW));
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    const char *name = enter("truncate", path);
    int fd, err;

    if (fi)
        return result(ftruncate((int)fi->fh, size));
    fd = openat(source, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    err = result(ftruncate(fd, size));
    close(fd);
    return err;
}

static int fs_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *fi)
{
    const char *name = enter("utimens", path);

    return result(fi ? futimens((int)fi->fh, times)
                     : utimensat(source, name, times, AT_SYMLINK_NOFOLLOW));
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    int fd = openat(source, enter("create", path), fi->flags | O_CREAT | O_CLOEXEC, mode);

    fi->fh = (uint64_t)fd;
    return result(fd);
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
    /* O_APPEND is the kernel's: it says where each write goes. */
    int fd = openat(source, enter("open", path), (fi->flags & ~O_APPEND) | O_CLOEXEC);

    fi->fh = (uint64_t)fd;
    return result(fd);
}

static int fs_release(G_GNUC_UNUSED const char *path, struct fuse_file_info *fi)
{
    close((int)fi->fh);
    return 0;
}

static int fs_read(const char *path, char *out, size_t size, off_t offset,
                   struct fuse_file_info *fi)
{
    ssize_t n;

    wait_while_stalled("read", path);
    n = pread((int)fi->fh, out, size, offset);
    return n < 0 ? -errno : (int)n;
}

static int fs_write(const char *path, const char *bytes, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
    ssize_t n;

    wait_while_stalled("write", path);
    n = pwrite((int)fi->fh, bytes, size, offset);
    return n < 0 ? -errno : (int)n;
}

static int fs_fsync(const char *path, int only_data, struct fuse_file_info *fi)
{
    wait_while_stalled("fsync", path);
    return result(only_data ? fdatasync((int)fi->fh) : fsync((int)fi->fh));
}

static int fs_fsyncdir(const char *path, G_GNUC_UNUSED int only_data,
                       G_GNUC_UNUSED struct fuse_file_info *fi)
{
    wait_while_stalled("fsyncdir", path);
    return 0;
}

static int fs_fallocate(const char *path, int mode, off_t offset, off_t size,
                        struct fuse_file_info *fi)
{
    wait_while_stalled("fallocate", path);
    return result(fallocate((int)fi->fh, mode, offset, size));
}

static int fs_statfs(const char *path, struct statvfs *out)
{
    wait_while_stalled("statfs", path);
    return result(fstatvfs(source, out));
}

static int fs_access(const char *path, int mode)
{
    return result(faccessat(source, enter("access", path), mode, 0));
}

static int fs_readdir(const char *path, void *out, fuse_fill_dir_t fill, G_GNUC_UNUSED off_t offset,
                      G_GNUC_UNUSED struct fuse_file_info *fi,
                      G_GNUC_UNUSED enum fuse_readdir_flags flags)
{
    int fd = openat(source, enter("readdir", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!dir)
        return -errno;
    while ((entry = readdir(dir)))
        fill(out, entry->d_name, NULL, 0, 0);
    closedir(dir);
    return 0;
}

static void *fs_init(G_GNUC_UNUSED struct fuse_conn_info *connection, struct fuse_config *config)
{
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    config->use_ino = 0;
    config->nullpath_ok = 0;
    return NULL;
}

/* Without flush: closing a file must not wait, or a process that is killed could not end. */
static const struct fuse_operations operations = {
    .init = fs_init,
    .getattr = fs_getattr,
    .readlink = fs_readlink,
    .mkdir = fs_mkdir,
    .unlink = fs_unlink,
    .rmdir = fs_rmdir,
    .symlink = fs_symlink,
    .rename = fs_rename,
    .link = fs_link,
    .chmod = fs_chmod,
    .chown = fs_chown,
    .truncate = fs_truncate,
    .utimens = fs_utimens,
    .create = fs_create,
    .open = fs_open,
    .release = fs_release,
    .read = fs_read,
    .write = fs_write,
    .fsync = fs_fsync,
    .fsyncdir = fs_fsyncdir,
    .fallocate = fs_fallocate,
    .statfs = fs_statfs,
    .access = fs_access,
    .readdir = fs_readdir,
};

static int serve(struct fuse *fuse, const char *mountpoint)
{
    struct fuse_session *session = fuse_get_session(fuse);
    struct fuse_loop_config *loop;
    int err;

    if (fuse_mount(fuse, mountpoint) != 0)
        return 77; /* not allowed here; libfuse has said why */
    loop = fuse_loop_cfg_create();
    fuse_loop_cfg_set_max_threads(loop, THREADS_MAX);
    fuse_loop_cfg_set_idle_threads(loop, THREADS_MAX);
    err = fuse_set_signal_handlers(session) || fuse_loop_mt(fuse, loop) < 0;
    fuse_remove_signal_handlers(session);
    fuse_loop_cfg_destroy(loop);
    fuse_unmount(fuse);
    return err ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct fuse_args args = FUSE_ARGS_INIT(1, argv);
    struct fuse *fuse;
    int status;

    if (argc != 4) {
        fprintf(stderr, "usage: stallfs SOURCE MOUNTPOINT CONTROL\n");
        return 2;
    }
    umask(0);
    source = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    control = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source < 0 || control < 0) {
        perror("stallfs");
        return 1;
    }
    fuse = fuse_new(&args, &operations, sizeof operations, NULL);
    if (!fuse)
        return 1;
    status = serve(fuse, argv[2]);
    fuse_destroy(fuse);
    fuse_opt_free_args(&args);
    return status;
}
