/* corefile.c - the file of one dump on the disk: made, checked, synced, given its final name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "corefile.h"

#include "files.h"

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

struct CoreFile {
    int fd, dirfd;
    char *dir;
    ElfcoreSpec spec;
    guint64 written; /* since write-back was last started */
    int sync_err;    /* the first failure of a sync */
    gboolean has_header, header_is_whole, is_whole;
    gboolean dir_dirty; /* the file's name is not surely on the disk */
};

CoreFile *corefile_new(int dirfd, const char *dir, const ElfcoreSpec *spec, GError **error)
{
    int copy = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    CoreFile *file;

    if (copy < 0) {
        files_fail(error, errno, "can't make a dump in %s", dir);
        return NULL;
    }
    file = g_new0(CoreFile, 1);
    file->fd = -1;
    file->dirfd = copy;
    file->dir = g_strdup(dir);
    file->spec = *spec;
    return file;
}

void corefile_free(CoreFile *file, int *fd, int *dirfd)
{
    *fd = file->fd;
    *dirfd = file->dirfd;
    g_free(file->dir);
    g_free(file);
}

int corefile_fd(const CoreFile *file)
{
    return file->fd;
}

static guint8 *build_header(CoreFile *file, gboolean partial)
{
    guint8 *header = g_malloc(elfcore_header_size(&file->spec));

    file->spec.partial = partial;
    elfcore_build(&file->spec, header);
    return header;
}

static int write_header(CoreFile *file, gboolean partial)
{
    g_autofree guint8 *header = build_header(file, partial);
    int err = files_write(file->fd, header, elfcore_header_size(&file->spec), 0);

    if (!err) {
        file->has_header = TRUE;
        file->header_is_whole = !partial;
    }
    return err;
}

int corefile_create(CoreFile *file)
{
    if (file->fd < 0) {
        int err = files_open(file->dirfd, file->dir, COREFILE_INCOMPLETE, O_RDWR | O_CREAT | O_EXCL,
                             &file->fd, NULL);

        if (err)
            return err;
        file->dir_dirty = TRUE;
    }
    return write_header(file, TRUE);
}

/* TRUE if the file begins with this dump's header, of a partial or a whole dump. */
static int check_header(CoreFile *file, gboolean *ok, gboolean *whole)
{
    g_autofree guint8 *partial_header = build_header(file, TRUE);
    g_autofree guint8 *whole_header = build_header(file, FALSE);
    gsize got = 0, size = elfcore_header_size(&file->spec);
    g_autofree guint8 *header = g_malloc(size);
    int err = files_read(file->fd, header, size, 0, &got);

    *whole = got == size && memcmp(header, whole_header, size) == 0;
    *ok = *whole || (got == size && memcmp(header, partial_header, size) == 0);
    return err;
}

static int check_file(CoreFile *file, guint64 *size, GError **error)
{
    gboolean ok, whole;
    struct stat st;
    int err = check_header(file, &ok, &whole);

    if (!err && fstat(file->fd, &st) < 0)
        err = errno;
    if (err)
        return files_fail(error, err, "can't read %s/" COREFILE_INCOMPLETE, file->dir);
    if (!ok)
        return files_fail(error, EINVAL,
                          "%s/" COREFILE_INCOMPLETE " does not have this dump's header", file->dir);
    *size = (guint64)st.st_size;
    if (*size > elfcore_page_offset(&file->spec, file->spec.nr_pages))
        return files_fail(error, EINVAL, "%s/" COREFILE_INCOMPLETE " is longer than this dump",
                          file->dir);
    file->has_header = TRUE;
    /* A server that died between the last header and the rename. */
    err = whole ? write_header(file, TRUE) : 0;
    if (err)
        return files_fail(error, err, "can't write %s/" COREFILE_INCOMPLETE, file->dir);
    return 0;
}

int corefile_open(CoreFile *file, guint64 *size, GError **error)
{
    int err = files_open(file->dirfd, file->dir, COREFILE_INCOMPLETE, O_RDWR, &file->fd, error);

    if (!err)
        err = check_file(file, size, error);
    if (err)
        files_close(&file->fd);
    return err;
}

void corefile_written(CoreFile *file, guint64 bytes)
{
    file->written += bytes;
    if (file->written < WRITE_BACK_BYTES)
        return;
    file->written = 0;
    /* Only a hint: what goes wrong with it the next sync tells. */
    (void)sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static int sync_dir(CoreFile *file)
{
    /* EINVAL: some network file systems have no sync of a directory. */
    if (file->dir_dirty && fsync(file->dirfd) < 0 && errno != EINVAL)
        return errno;
    file->dir_dirty = FALSE;
    return 0;
}

int corefile_sync(CoreFile *file)
{
    if (fdatasync(file->fd) < 0 && !file->sync_err)
        file->sync_err = errno;
    return file->sync_err ? file->sync_err : sync_dir(file);
}

static int set_full_size(CoreFile *file)
{
    off_t size = (off_t)elfcore_page_offset(&file->spec, file->spec.nr_pages);
    struct stat st;

    if (fstat(file->fd, &st) < 0)
        return errno;
    return st.st_size < size && ftruncate(file->fd, size) < 0 ? errno : 0;
}

static int rename_file(CoreFile *file, const char *from, const char *to)
{
    if (renameat(file->dirfd, from, file->dirfd, to) < 0)
        return errno;
    file->dir_dirty = TRUE;
    return 0;
}

int corefile_finish_whole(CoreFile *file)
{
    int err = 0;

    if (!file->is_whole) {
        if ((err = set_full_size(file)) || (err = corefile_sync(file)) ||
            (err = write_header(file, FALSE)) || (err = corefile_sync(file)) ||
            (err = rename_file(file, COREFILE_INCOMPLETE, COREFILE_WHOLE)))
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

int corefile_finish_partial(CoreFile *file)
{
    int err, first = 0;

    if (file->fd < 0)
        return EBADF;
    if (file->is_whole) {
        err = rename_file(file, COREFILE_WHOLE, COREFILE_INCOMPLETE);
        if (err)
            return err; /* it is whole and synced, but for its name */
        file->is_whole = FALSE;
    }
    if (!file->has_header || file->header_is_whole)
        first = write_header(file, TRUE);
    err = tolerate(set_full_size(file));
    first = first ? first : err;
    err = corefile_sync(file);
    return first ? first : err;
}
