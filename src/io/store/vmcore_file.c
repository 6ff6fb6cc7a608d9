/* vmcore_file.c - the file of one dump on the disk: made, checked, synced, given its final name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/vmcore_file.h"

#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Written before the kernel is told to begin with it, so that little is left to do when the dump
 * is synced at its end. From 1 to 64 MiB the rate was the same. */
#define WRITE_BACK_BYTES (8u << 20)

G_STATIC_ASSERT(sizeof(off_t) == 8); /* 2^32 pages of 64 KiB are 2^48 bytes */

struct VmcoreFile {
    int fd, dirfd;
    char *dir;
    ElfSpec spec;
    guint64 written; /* since write-back was last started */
    int sync_err;    /* the first failure of a sync */
    gboolean has_header, header_is_whole, is_whole;
    gboolean dir_dirty; /* the file's name is not surely on the disk */
};

VmcoreFile *vmcore_file_new(int dirfd, const char *dir, const ElfSpec *spec, GError **error)
{
    int copy = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    VmcoreFile *file;

    if (copy < 0) {
        files_fail(error, errno, "can't make a dump in %s", dir);
        return NULL;
    }
    file = g_new0(VmcoreFile, 1);
    file->fd = -1;
    file->dirfd = copy;
    file->dir = g_strdup(dir);
    file->spec = *spec;
    return file;
}

void vmcore_file_free(VmcoreFile *file, int *fd, int *dirfd)
{
    *fd = file->fd;
    *dirfd = file->dirfd;
    g_free(file->dir);
    g_free(file);
}

int vmcore_file_fd(const VmcoreFile *file)
{
    return file->fd;
}

static guint8 *build_header(VmcoreFile *file, gboolean partial)
{
    guint8 *header = g_malloc(elf_netdump_header_size(&file->spec));

    file->spec.partial = partial;
    elf_netdump_build(&file->spec, header);
    return header;
}

static int write_header(VmcoreFile *file, gboolean partial)
{
    g_autofree guint8 *header = build_header(file, partial);
    int err = files_write(file->fd, header, elf_netdump_header_size(&file->spec), 0);

    if (!err) {
        file->has_header = TRUE;
        file->header_is_whole = !partial;
    }
    return err;
}

int vmcore_file_create(VmcoreFile *file)
{
    if (file->fd < 0) {
        int err = files_open(file->dirfd, file->dir, VMCORE_FILE_INCOMPLETE,
                             O_RDWR | O_CREAT | O_EXCL, &file->fd, NULL);

        if (err)
            return err;
        file->dir_dirty = TRUE;
    }
    return write_header(file, TRUE);
}

/* TRUE if the file begins with this dump's header, of a partial or a whole dump. */
static int check_header(VmcoreFile *file, gboolean *ok, gboolean *whole)
{
    g_autofree guint8 *partial_header = build_header(file, TRUE);
    g_autofree guint8 *whole_header = build_header(file, FALSE);
    gsize got = 0, size = elf_netdump_header_size(&file->spec);
    g_autofree guint8 *header = g_malloc(size);
    int err = files_read(file->fd, header, size, 0, &got);

    *whole = got == size && memcmp(header, whole_header, size) == 0;
    *ok = *whole || (got == size && memcmp(header, partial_header, size) == 0);
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
        return files_fail(error, err, "can't read %s/" VMCORE_FILE_INCOMPLETE, file->dir);
    if (!ok)
        return files_fail(error, EINVAL,
                          "%s/" VMCORE_FILE_INCOMPLETE " does not have this dump's header",
                          file->dir);
    *size = (guint64)st.st_size;
    if (*size > elf_netdump_page_offset(&file->spec, file->spec.nr_pages))
        return files_fail(error, EINVAL, "%s/" VMCORE_FILE_INCOMPLETE " is longer than this dump",
                          file->dir);
    file->has_header = TRUE;
    /* A server that died between the last header and the rename. */
    err = whole ? write_header(file, TRUE) : 0;
    if (err)
        return files_fail(error, err, "can't write %s/" VMCORE_FILE_INCOMPLETE, file->dir);
    return 0;
}

int vmcore_file_open(VmcoreFile *file, guint64 *size, GError **error)
{
    int err = files_open(file->dirfd, file->dir, VMCORE_FILE_INCOMPLETE, O_RDWR, &file->fd, error);

    if (!err)
        err = check_file(file, size, error);
    if (err)
        files_close(&file->fd);
    return err;
}

void vmcore_file_written(VmcoreFile *file, guint64 bytes)
{
    file->written += bytes;
    if (file->written < WRITE_BACK_BYTES)
        return;
    file->written = 0;
    /* Only a hint: what goes wrong with it the next sync tells. */
    (void)sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static int sync_dir(VmcoreFile *file)
{
    /* EINVAL: some network file systems have no sync of a directory. */
    if (file->dir_dirty && fsync(file->dirfd) < 0 && errno != EINVAL)
        return errno;
    file->dir_dirty = FALSE;
    return 0;
}

int vmcore_file_sync(VmcoreFile *file)
{
    if (fdatasync(file->fd) < 0 && !file->sync_err)
        file->sync_err = errno;
    return file->sync_err ? file->sync_err : sync_dir(file);
}

static int set_full_size(VmcoreFile *file)
{
    off_t size = (off_t)elf_netdump_page_offset(&file->spec, file->spec.nr_pages);
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
        if ((err = set_full_size(file)) || (err = vmcore_file_sync(file)) ||
            (err = write_header(file, FALSE)) || (err = vmcore_file_sync(file)) ||
            (err = rename_file(file, VMCORE_FILE_INCOMPLETE, VMCORE_FILE_WHOLE)))
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
        err = rename_file(file, VMCORE_FILE_WHOLE, VMCORE_FILE_INCOMPLETE);
        if (err)
            return err; /* it is whole and synced, but for its name */
        file->is_whole = FALSE;
    }
    if (!file->has_header || file->header_is_whole)
        first = write_header(file, TRUE);
    err = tolerate(set_full_size(file));
    first = first ? first : err;
    err = vmcore_file_sync(file);
    return first ? first : err;
}
