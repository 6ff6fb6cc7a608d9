/* journal.c - a dump's journal on the disk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/journal.h"

#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME     "journal"
#define NAME_NEW ".journal.new"
#define SLOTS    3
#define NO_SLOT  SLOTS

struct Journal {
    int dirfd; /* the caller's */
    char *dir;
    int fd;
    gboolean nameless;  /* still NAME_NEW */
    guint newest;       /* slots, or NO_SLOT */
    guint durable;      /* the newest that is surely on the disk */
    guint64 sequence;   /* the last one used */
    guint8 boot_id[16]; /* zeros: not known */
};

/* The kernel's boot id as bytes; zeros where it can't be read: then nothing that was only written,
 * not synced, is believed. */
static void read_boot_id(guint8 id[16])
{
    char text[37];
    gsize got = 0;
    int fd = -1;
    gsize n = 0;
    memset(id, 0, 16);
    if (files_open(AT_FDCWD, "", "/proc/sys/kernel/random/boot_id", O_RDONLY, &fd, NULL) != 0)
        return;
    int err = files_read(fd, text, sizeof text, 0, &got);
    files_close(&fd);
    for (gsize i = 0; err == 0 && i + 1 < got && n < 16; i++) {
        int high = g_ascii_xdigit_value(text[i]);
        int low = g_ascii_xdigit_value(text[i + 1]);
        if (high >= 0 && low >= 0) {
            id[n++] = (guint8)(high << 4 | low);
            i++;
        }
    }
    if (n != 16)
        memset(id, 0, 16);
}

/* Find the newest whole slot: its record, number and sequence. EINVAL if there is none. */
static int load(int fd, const char *dir, JournalRecord *record, guint *slot, guint64 *sequence,
                GError **error)
{
    const char *wrong[SLOTS];
    *slot = NO_SLOT;
    *sequence = 0;
    for (guint i = 0; i < SLOTS; i++) {
        guint8 bytes[JOURNAL_RECORD_SIZE];
        gsize got = 0;
        JournalRecord found;
        guint64 number = 0;
        int err = files_read(fd, bytes, sizeof bytes, (off_t)i * JOURNAL_RECORD_SIZE, &got);
        /* A bad sector under one slot must not cost the other two. */
        wrong[i] = err ? g_strerror(err) : journal_record_decode(bytes, got, &found, &number);
        if (!wrong[i] && number > *sequence) {
            *record = found;
            *slot = i;
            *sequence = number;
        }
    }
    if (*slot != NO_SLOT)
        return 0;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s/" NAME " can't be used; slot 1: %s, slot 2: %s, slot 3: %s", dir, wrong[0],
                wrong[1], wrong[2]);
    return EINVAL;
}

static int create_new(Journal *j, GError **error)
{
    static const guint8 zeros[SLOTS * JOURNAL_RECORD_SIZE];
    struct stat st;
    if (fstatat(j->dirfd, NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return files_fail(error, EEXIST, "can't make %s/" NAME, j->dir);
    /* What lies there is left from a crash before the first record, or planted. */
    (void)unlinkat(j->dirfd, NAME_NEW, 0);
    int err = files_open(j->dirfd, j->dir, NAME_NEW, O_RDWR | O_CREAT | O_EXCL, &j->fd, error);
    if (err != 0)
        return err;
    j->nameless = TRUE;
    err = files_write(j->fd, zeros, sizeof zeros, 0);
    return err ? files_fail(error, err, "can't write %s/" NAME_NEW, j->dir) : 0;
}

static int open_old(Journal *j, GError **error)
{
    JournalRecord record;
    int err = files_open(j->dirfd, j->dir, NAME, O_RDWR, &j->fd, error);
    if (err == 0)
        err = load(j->fd, j->dir, &record, &j->newest, &j->sequence, error);
    if (err == 0 && fdatasync(j->fd) < 0)
        err = files_fail(error, errno, "can't sync %s/" NAME, j->dir);
    j->durable = j->newest;
    return err;
}

int journal_open(int dirfd, const char *dir, gboolean create, Journal **out, GError **error)
{
    g_autoptr(Journal) j = g_new0(Journal, 1);
    j->dirfd = dirfd;
    j->dir = g_strdup(dir);
    j->fd = -1;
    j->newest = j->durable = NO_SLOT;
    read_boot_id(j->boot_id);
    int err = create ? create_new(j, error) : open_old(j, error);
    if (err == 0)
        *out = g_steal_pointer(&j);
    return err;
}

void journal_close(Journal *journal)
{
    if (!journal)
        return;
    if (journal->nameless)
        (void)unlinkat(journal->dirfd, NAME_NEW, 0);
    files_close(&journal->fd);
    g_free(journal->dir);
    g_free(journal);
}

static int give_name(Journal *j)
{
    if (renameat(j->dirfd, NAME_NEW, j->dirfd, NAME) < 0)
        return errno;
    j->nameless = FALSE;
    return fsync(j->dirfd) < 0 ? errno : 0;
}

int journal_write(Journal *journal, const JournalRecord *record, gboolean sync, GError **error)
{
    Journal *j = journal;
    guint8 bytes[JOURNAL_RECORD_SIZE];
    JournalRecord r = *record;
    memcpy(r.boot_id, j->boot_id, sizeof r.boot_id);
    if (!journal_record_encode(&r, j->sequence + 1, bytes))
        return files_fail(error, EINVAL, "what is to be written to %s/" NAME " makes no sense",
                          j->dir);
    guint slot = 0;
    while (slot == j->newest || slot == j->durable)
        slot++;
    /* The number is used up even when the write fails: the bytes may be there all the same. */
    j->sequence++;
    int err = files_write(j->fd, bytes, sizeof bytes, (off_t)slot * JOURNAL_RECORD_SIZE);
    gboolean synced = sync || j->nameless;
    if (err == 0 && synced && fdatasync(j->fd) < 0)
        err = errno;
    if (err == 0) {
        j->newest = slot;
        if (synced)
            j->durable = slot;
        if (j->nameless)
            err = give_name(j);
    }
    return err ? files_fail(error, err, "can't write %s/" NAME, j->dir) : 0;
}

int journal_load(int dirfd, const char *dir, JournalRecord *record, GError **error)
{
    JournalRecord found;
    guint slot = 0;
    guint64 sequence = 0;
    int fd = -1;
    int err = files_open(dirfd, dir, NAME, O_RDONLY, &fd, error);
    if (err != 0)
        return err;
    err = load(fd, dir, &found, &slot, &sequence, error);
    files_close(&fd);
    if (err != 0)
        return err;
    static const guint8 unknown[16];
    guint8 boot_id[16];
    read_boot_id(boot_id);
    if (memcmp(boot_id, unknown, 16) == 0 || memcmp(boot_id, found.boot_id, 16) != 0)
        found.floor_written = found.floor_synced;
    *record = found;
    return 0;
}

int journal_remove(int dirfd, const char *dir, GError **error)
{
    (void)unlinkat(dirfd, NAME_NEW, 0);
    if (unlinkat(dirfd, NAME, 0) < 0 && errno != ENOENT)
        return files_fail(error, errno, "can't remove %s/" NAME, dir);
    return 0;
}
