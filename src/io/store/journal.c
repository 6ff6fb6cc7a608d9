/* journal.c - a dump's journal on the disk: the newest record that surely got there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/journal.h"

#include "io/store/journal_read.h"
#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NEW "." JOURNAL_FILE ".new"

struct Journal {
    int dirfd; /* the caller's */
    char *dir;
    int fd; /* -1: the next write makes a new file */
    gsize slot_size;
    gboolean nameless;      /* still FILE_NEW */
    gboolean failed;        /* a write has, while it was nameless */
    guint newest, safe;     /* slots of the newest record and of the newest synced one; or none */
    GByteArray *safe_bytes; /* what the latter holds, or would hold */
    guint64 sequence;       /* the last one used */
    guint8 boot_id[16];     /* zeros: not known */
    GByteArray *loaded;     /* the record that was there */
    GArray *known;          /* tags of which nothing is kept; NULL: nothing is kept at all */
};

static Journal *journal_new(int dirfd, const char *dir)
{
    Journal *j = g_new0(Journal, 1);

    j->dirfd = dirfd;
    j->dir = g_strdup(dir);
    j->fd = -1;
    j->newest = j->safe = JOURNAL_NO_SLOT;
    journal_read_boot_id(j->boot_id);
    return j;
}

/* A new file of zeros, so that its blocks are there. *fd stays as it is if that fails. */
static int create_file(const Journal *j, gsize slot_size, int *fd, GError **error)
{
    g_autofree guint8 *zeros = g_malloc0(slot_size);
    int new_fd = -1;
    int err;

    /* What lies there is left from a crash before the first record, or planted. */
    (void)unlinkat(j->dirfd, FILE_NEW, 0);
    err = files_open(j->dirfd, j->dir, FILE_NEW, O_RDWR | O_CREAT | O_EXCL, &new_fd, error);
    if (err)
        return err;
    for (guint i = 0; !err && i < JOURNAL_SLOTS; i++)
        err = files_write(new_fd, zeros, slot_size, (off_t)(i * slot_size));
    if (!err) {
        *fd = new_fd;
        return 0;
    }
    files_close(&new_fd);
    (void)unlinkat(j->dirfd, FILE_NEW, 0);
    return files_fail(error, err, "cannot write %s/" FILE_NEW, j->dir);
}

int journal_create(int dirfd, const char *dir, Journal **out, GError **error)
{
    g_autoptr(Journal) j = journal_new(dirfd, dir);
    struct stat st;
    int err;

    if (fstatat(dirfd, JOURNAL_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return files_fail(error, EEXIST, "cannot create %s/" JOURNAL_FILE, dir);
    j->slot_size = JOURNAL_SLOT_SIZE;
    err = create_file(j, j->slot_size, &j->fd, error);
    j->nameless = err == 0;
    if (err == 0)
        *out = g_steal_pointer(&j);
    return err;
}

int journal_open(int dirfd, const char *dir, TaggedConvert convert, Journal **out, GError **error)
{
    g_autoptr(Journal) j = journal_new(dirfd, dir);
    g_auto(JournalContents) c = {0};
    int err = files_open(dirfd, dir, JOURNAL_FILE, O_RDWR, &j->fd, error);

    if (!err)
        err = journal_read(j->fd, dir, j->boot_id, convert, &c, error);
    if (!err && fdatasync(j->fd) < 0)
        err = files_fail(error, errno, "cannot sync %s/" JOURNAL_FILE, dir);
    if (err)
        return err;
    j->slot_size = c.slot_size;
    j->newest = c.newest;
    j->safe = c.safe;
    j->sequence = c.sequence;
    j->loaded = g_steal_pointer(&c.record);
    j->safe_bytes = g_steal_pointer(&c.safe_record);
    if (c.old)
        files_close(&j->fd);
    *out = g_steal_pointer(&j);
    return 0;
}

void journal_close(Journal *journal)
{
    if (!journal)
        return;
    if (journal->nameless)
        (void)unlinkat(journal->dirfd, FILE_NEW, 0);
    files_close(&journal->fd);
    g_clear_pointer(&journal->safe_bytes, g_byte_array_unref);
    g_clear_pointer(&journal->loaded, g_byte_array_unref);
    g_clear_pointer(&journal->known, g_array_unref);
    g_free(journal->dir);
    g_free(journal);
}

void journal_keep_unknown(Journal *journal, guint16 first, guint16 end)
{
    g_clear_pointer(&journal->known, g_array_unref);
    journal->known = g_array_new(FALSE, FALSE, sizeof(guint16));
    for (guint16 tag = 0; tag < (guint16)TAG_COMMON_END; tag++)
        g_array_append_val(journal->known, tag);
    for (guint16 tag = first; tag < end; tag++)
        g_array_append_val(journal->known, tag);
}

/* -- writing ------------------------------------------------------------------------------------
 */

/* The caller's fields, ours, and those that nobody knows; sealed. The number is used up even if the
 * write fails: the bytes may be there all the same. */
static GByteArray *make_record(Journal *j, const TaggedWriter *fields, gboolean synced)
{
    static const guint8 unknown[16];
    TaggedReader own = {fields->bytes->data + TAGGED_HEADER_SIZE,
                        fields->bytes->len - TAGGED_HEADER_SIZE};
    TaggedWriter w = tagged_writer_new();
    TaggedReader loaded;
    gsize used;

    tagged_add_number(&w, TAG_SEQUENCE, ++j->sequence);
    if (memcmp(j->boot_id, unknown, sizeof unknown) != 0)
        tagged_add(&w, TAG_BOOT_ID, j->boot_id, sizeof j->boot_id);
    if (synced)
        tagged_add_number(&w, TAG_SYNCED, 1);
    tagged_writer_copy_unknown(&w, &own, NULL, 0);
    if (j->known && j->loaded &&
        !tagged_reader_init(&loaded, j->loaded->data, j->loaded->len, &used))
        tagged_writer_copy_unknown(&w, &loaded, (const guint16 *)(gpointer)j->known->data,
                                   j->known->len);
    tagged_writer_seal(&w);
    return w.bytes;
}

static void set_safe(Journal *j, guint slot, GByteArray *bytes)
{
    g_byte_array_ref(bytes);
    g_clear_pointer(&j->safe_bytes, g_byte_array_unref);
    j->safe_bytes = bytes;
    j->safe = slot;
}

static int give_name(Journal *j)
{
    if (renameat(j->dirfd, FILE_NEW, j->dirfd, JOURNAL_FILE) < 0)
        return errno;
    j->nameless = FALSE;
    return 0;
}

static int write_slot(Journal *j, GByteArray *bytes, gboolean synced)
{
    guint slot = 0;
    int err;

    while (slot == j->newest || slot == j->safe)
        slot++;
    err = files_write(j->fd, bytes->data, bytes->len, (off_t)(slot * j->slot_size));
    if (!err && (synced || j->nameless) && fdatasync(j->fd) < 0)
        err = errno;
    if (err)
        return err;
    j->newest = slot;
    if (synced)
        set_safe(j, slot, bytes);
    if (!j->nameless)
        return 0;
    err = give_name(j);
    return err ? err : fsync(j->dirfd) < 0 ? errno : 0;
}

/* Into a new file with larger slots, with the newest synced record beside it. */
static int fill_file(Journal *j, int fd, gsize slot_size, const GByteArray *bytes, gboolean synced)
{
    int err = files_write(fd, bytes->data, bytes->len, 0);

    if (!err && !synced && j->safe_bytes)
        err = files_write(fd, j->safe_bytes->data, j->safe_bytes->len, (off_t)slot_size);
    if (!err && fdatasync(fd) < 0)
        err = errno;
    return err ? err : give_name(j);
}

static int replace_file(Journal *j, GByteArray *bytes, gboolean synced, GError **error)
{
    gsize len = MAX(bytes->len, j->safe_bytes ? j->safe_bytes->len : 0);
    gsize blocks = (len + len / 2) / JOURNAL_BLOCK + 1;
    gsize slot_size = MAX(blocks * JOURNAL_BLOCK, JOURNAL_SLOT_SIZE);
    int fd = -1;
    int err;

    if (j->nameless) /* the file that had no name yet gives way to the new one */
        files_close(&j->fd);
    err = create_file(j, slot_size, &fd, error);
    if (err)
        return err;
    err = fill_file(j, fd, slot_size, bytes, synced);
    if (err) {
        files_close(&fd);
        (void)unlinkat(j->dirfd, FILE_NEW, 0);
        return files_fail(error, err, "cannot write %s/" FILE_NEW, j->dir);
    }
    files_close(&j->fd);
    j->fd = fd;
    j->slot_size = slot_size;
    j->newest = 0;
    if (synced)
        set_safe(j, 0, bytes);
    else
        j->safe = j->safe_bytes ? 1 : JOURNAL_NO_SLOT;
    if (fsync(j->dirfd) < 0)
        return files_fail(error, errno, "cannot sync %s", j->dir);
    return 0;
}

int journal_write(Journal *journal, const TaggedWriter *fields, gboolean sync, GError **error)
{
    Journal *j = journal;
    gboolean synced = sync || (j->nameless && !j->failed);
    g_autoptr(GByteArray) bytes = make_record(j, fields, synced);
    int err;

    if (bytes->len > JOURNAL_MAX / 2)
        return files_fail(error, EFBIG, "cannot write %s/" JOURNAL_FILE, j->dir);
    if (j->fd < 0 || bytes->len > j->slot_size) {
        err = replace_file(j, bytes, synced, error);
    } else {
        err = write_slot(j, bytes, synced);
        if (err)
            files_fail(error, err, "cannot write %s/" JOURNAL_FILE, j->dir);
    }
    j->failed |= err != 0;
    return err;
}

/* -- reading ------------------------------------------------------------------------------------
 */

int journal_load(int dirfd, const char *dir, TaggedConvert convert, GByteArray **record,
                 GError **error)
{
    g_auto(JournalContents) c = {0};
    guint8 boot_id[16];
    int fd = -1;
    int err = files_open(dirfd, dir, JOURNAL_FILE, O_RDONLY, &fd, error);

    if (err)
        return err;
    journal_read_boot_id(boot_id);
    err = journal_read(fd, dir, boot_id, convert, &c, error);
    files_close(&fd);
    if (!err)
        *record = g_steal_pointer(&c.record);
    return err;
}

int journal_remove(int dirfd, const char *dir, GError **error)
{
    (void)unlinkat(dirfd, FILE_NEW, 0);
    if (unlinkat(dirfd, JOURNAL_FILE, 0) < 0 && errno != ENOENT)
        return files_fail(error, errno, "cannot remove %s/" JOURNAL_FILE, dir);
    return 0;
}
