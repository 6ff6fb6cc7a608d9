/* vmcore_file.c - the file of one dump on the disk: created, checked, synced, given its final name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/vmcore_file.h"

#include "core/base/limits.h"
#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Written before the kernel starts the write-back, so that little is left to do when the dump is
 * synced at its end. From 1 to 64 MiB the rate was the same. */
#define WRITE_BACK_BYTES (8u << 20)

#define NAME          VMCORE_FILE_INCOMPLETE
#define NAME_WHOLE    "vmcore"
#define NAME_UNUSABLE "vmcore-unusable"

G_STATIC_ASSERT(sizeof(off_t) == 8); /* 2^32 pages of 64 KiB are 2^48 bytes */

struct VmcoreFile {
    int fd, dirfd;
    char *dir;
    gsize header_size;
    guint8 *headers[2]; /* of a whole and of a partial dump */
    guint64 size;       /* of the finished file; 0 = not known */
    guint64 end;        /* ... then: of what is in it so far */
    guint64 written;    /* since write-back was last started */
    int sync_err;       /* the first failure of a sync */
    gboolean has_header, header_is_whole, is_whole;
    gboolean dir_dirty; /* the file's name is not surely on the disk */
};

static gboolean is_valid(const SessionFile *file)
{
    return file->page_size >= LIMIT_PAGE_SIZE_MIN && file->page_size <= LIMIT_PAGE_SIZE_MAX &&
           (file->page_size & (file->page_size - 1)) == 0 && file->header_size <= LIMIT_HEADER &&
           file->header_size % VMCORE_CHUNK == 0 && file->size <= VMCORE_FILE_SIZE_MAX &&
           (file->size == 0 || file->size >= file->header_size);
}

/* One byte more, so that an empty header is a pointer as well. */
static guint8 *copy_header(const guint8 *header, gsize size)
{
    guint8 *copy = g_malloc(size + 1);

    if (size > 0)
        memcpy(copy, header, size);
    return copy;
}

VmcoreFile *vmcore_file_new(int dirfd, const char *dir, const SessionFile *layout,
                            const guint8 *partial, const guint8 *whole, GError **error)
{
    int copy = is_valid(layout) ? fcntl(dirfd, F_DUPFD_CLOEXEC, 0) : -1;
    VmcoreFile *file;

    if (copy < 0) {
        files_fail(error, is_valid(layout) ? errno : EINVAL, "cannot create a dump in %s", dir);
        return NULL;
    }
    file = g_new0(VmcoreFile, 1);
    file->fd = -1;
    file->dirfd = copy;
    file->dir = g_strdup(dir);
    file->size = layout->size;
    file->header_size = layout->header_size;
    file->headers[FALSE] = copy_header(whole, file->header_size);
    file->headers[TRUE] = copy_header(partial, file->header_size);
    return file;
}

void vmcore_file_free(VmcoreFile *file, int *fd, int *dirfd)
{
    *fd = file->fd;
    *dirfd = file->dirfd;
    g_free(file->headers[FALSE]);
    g_free(file->headers[TRUE]);
    g_free(file->dir);
    g_free(file);
}

int vmcore_file_fd(const VmcoreFile *file)
{
    return file->fd;
}

static int write_header(VmcoreFile *file, gboolean partial)
{
    int err = files_write(file->fd, file->headers[partial], file->header_size, 0);

    if (!err) {
        file->has_header = TRUE;
        file->header_is_whole = !partial;
        file->end = MAX(file->end, file->header_size);
    }
    return err;
}

/* A file that cannot be resumed is kept under another name if there is anything in it. */
static int set_aside(const VmcoreFile *file)
{
    struct stat st;

    if (fstatat(file->dirfd, NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : errno;
    if (st.st_size == 0)
        return unlinkat(file->dirfd, NAME, 0) < 0 ? errno : 0;
    return renameat(file->dirfd, NAME, file->dirfd, NAME_UNUSABLE) < 0 ? errno : 0;
}

int vmcore_file_create(VmcoreFile *file, gboolean replace)
{
    if (file->fd < 0) {
        int err = replace ? set_aside(file) : 0;

        if (!err)
            err = files_open(file->dirfd, file->dir, NAME, O_RDWR | O_CREAT | O_EXCL, &file->fd,
                             NULL);
        if (err)
            return err;
        file->dir_dirty = TRUE;
    }
    return write_header(file, TRUE);
}

/* *ok: the file begins with this dump's header; *whole: that of a whole dump. */
static int check_header(VmcoreFile *file, gboolean *ok, gboolean *whole)
{
    gsize got = 0, size = file->header_size;
    g_autofree guint8 *header = g_malloc(size + 1);
    int err = files_read(file->fd, header, size, 0, &got);

    *whole = got == size && memcmp(header, file->headers[FALSE], size) == 0;
    *ok = *whole || (got == size && memcmp(header, file->headers[TRUE], size) == 0);
    return err;
}

static int check_file(VmcoreFile *file, guint64 *size, GError **error)
{
    gboolean ok, whole;
    struct stat st;
    int err = check_header(file, &ok, &whole);

    if (!err && fstat(file->fd, &st) < 0)
        err = errno;
    if (err)
        return files_fail(error, err, "cannot read %s/" NAME, file->dir);
    if (!ok)
        return files_fail(error, EINVAL, "%s/" NAME " does not match this dump's header",
                          file->dir);
    *size = (guint64)st.st_size;
    if (file->size > 0 && *size > file->size)
        return files_fail(error, EINVAL, "%s/" NAME " is longer than this dump", file->dir);
    file->has_header = TRUE;
    file->end = *size;
    /* A server that died between the last header and the rename. */
    err = whole ? write_header(file, TRUE) : 0;
    if (err)
        return files_fail(error, err, "cannot write %s/" NAME, file->dir);
    return 0;
}

int vmcore_file_open(VmcoreFile *file, guint64 *size, GError **error)
{
    int err;

    if (faccessat(file->dirfd, NAME_WHOLE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return files_fail(error, EEXIST, "%s/" NAME_WHOLE, file->dir);
    err = files_open(file->dirfd, file->dir, NAME, O_RDWR, &file->fd, error);
    if (!err)
        err = check_file(file, size, error);
    if (err)
        files_close(&file->fd);
    return err;
}

int vmcore_file_written(VmcoreFile *file, const VmcoreBlockResult *block)
{
    /* A restarted server finds its place by what is in the file: a hole at the end counts. */
    if (file->size == 0 && block->end > file->end) {
        if (block->ends_in_hole && ftruncate(file->fd, (off_t)block->end) < 0)
            return errno;
        file->end = block->end;
    }
    file->written += block->bytes;
    if (file->written >= WRITE_BACK_BYTES) {
        file->written = 0;
        /* Only a hint: its errors are reported by the next sync. */
        (void)sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    return 0;
}

static int sync_dir(VmcoreFile *file)
{
    /* EINVAL: some network file systems have no sync of a directory. */
    if (file->dir_dirty && fsync(file->dirfd) < 0 && errno != EINVAL)
        return errno;
    file->dir_dirty = FALSE;
    return 0;
}

static int sync_file(VmcoreFile *file)
{
    if (fdatasync(file->fd) < 0 && !file->sync_err)
        file->sync_err = errno;
    return file->sync_err ? file->sync_err : sync_dir(file);
}

static int set_full_size(VmcoreFile *file)
{
    off_t size = (off_t)(file->size > 0 ? file->size : file->end);
    struct stat st;

    if (fstat(file->fd, &st) < 0)
        return errno;
    return st.st_size < size && ftruncate(file->fd, size) < 0 ? errno : 0;
}

static int rename_file(VmcoreFile *file, const char *from, const char *to)
{
    if (renameat(file->dirfd, from, file->dirfd, to) < 0)
        return errno;
    file->dir_dirty = TRUE;
    return 0;
}

int vmcore_file_finish_whole(VmcoreFile *file)
{
    int err = 0;

    if (!file->is_whole) {
        if ((err = set_full_size(file)) || (err = sync_file(file)) ||
            (err = write_header(file, FALSE)) || (err = sync_file(file)) ||
            (err = rename_file(file, NAME, NAME_WHOLE)))
            return err;
        file->is_whole = TRUE;
    }
    return sync_dir(file);
}

/* Not even an empty page is lost when the file stays short: crash(8) says that it is short. */
static int tolerate(int err)
{
    return err == EFBIG || err == ENOSPC || err == EDQUOT ? 0 : err;
}

int vmcore_file_finish_partial(VmcoreFile *file)
{
    int err, first = 0;

    if (file->fd < 0)
        return EBADF;
    if (file->is_whole) {
        err = rename_file(file, NAME_WHOLE, NAME);
        if (err)
            return err; /* it is whole and synced, but for its name */
        file->is_whole = FALSE;
    }
    if (!file->has_header || file->header_is_whole)
        first = write_header(file, TRUE);
    err = tolerate(set_full_size(file));
    first = first ? first : err;
    err = sync_file(file);
    return first ? first : err;
}

gsize vmcore_file_header_in(int dirfd, const char *dir, guint8 *out, gsize max)
{
    static const char *const names[] = {NAME, NAME_WHOLE};
    gsize got = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(names) && got == 0; i++) {
        int fd;

        if (files_open(dirfd, dir, names[i], O_RDONLY, &fd, NULL))
            continue;
        if (files_read(fd, out, max, 0, &got))
            got = 0;
        files_close(&fd);
    }
    return got;
}

/* A descriptor of its own: the dump's may be busy, and what is synced is the file's data. */
int vmcore_file_sync_in(int dirfd)
{
    int fd = openat(dirfd, NAME, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    int err;

    if (fd < 0)
        return errno == ENOENT ? 0 : errno; /* it is `vmcore` already, and was synced for that */
    err = fdatasync(fd) < 0 ? errno : 0;
    files_close(&fd);
    return err;
}
