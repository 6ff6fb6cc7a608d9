/* test-journal.c - a crash at any instant leaves the state before or the state after a write.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/journal.h"

#include "unit/journal-record-sample.h"
#include "unit/scratch.h"

#define SLOTS     3
#define FILE_SIZE (SLOTS * JOURNAL_RECORD_SIZE)

/* The n-th state of a dump: told by its counter. */
static JournalRecord state(guint64 n)
{
    JournalRecord r = record_sample();
    r.pages_stored = n;
    r.floor_written = (guint32)(2 * n);
    r.floor_synced = (guint32)n;
    return r;
}

static void write_state(Journal *j, guint64 n, gboolean sync)
{
    g_autoptr(GError) error = NULL;
    JournalRecord r = state(n);
    g_assert_cmpint(journal_write(j, &r, sync, &error), ==, 0);
    g_assert_no_error(error);
}

static Journal *open_journal(const Scratch *s, gboolean create)
{
    g_autoptr(GError) error = NULL;
    Journal *j = NULL;
    g_assert_cmpint(journal_open(s->fd, s->path, create, &j, &error), ==, 0);
    g_assert_no_error(error);
    return j;
}

static guint64 load_state(const Scratch *s)
{
    g_autoptr(GError) error = NULL;
    JournalRecord r;
    g_assert_cmpint(journal_load(s->fd, s->path, &r, &error), ==, 0);
    g_assert_no_error(error);
    return r.pages_stored;
}

static void load_error(const Scratch *s, int err, const char *words)
{
    g_autoptr(GError) error = NULL;
    JournalRecord r = state(77);
    JournalRecord before = r;
    g_assert_cmpint(journal_load(s->fd, s->path, &r, &error), ==, err);
    g_assert_true(record_same(&r, &before));
    if (!strstr(error->message, words))
        g_error("'%s' is not in: %s", words, error->message);
}

static void get_image(const Scratch *s, guint8 image[FILE_SIZE])
{
    gsize len = 0;
    g_autofree char *text = scratch_get(s, "journal", &len);
    g_assert_cmpuint(len, ==, FILE_SIZE);
    memcpy(image, text, FILE_SIZE);
}

static void test_life(void)
{
    Scratch s = scratch_new();
    load_error(&s, ENOENT, "/journal");
    Journal *j = open_journal(&s, TRUE);
    load_error(&s, ENOENT, "/journal"); /* no name before it has a record */
    for (guint64 n = 1; n < 20; n++) {
        write_state(j, n, n % 3 == 0);
        g_assert_cmpuint(load_state(&s), ==, n);
        if (n % 5 == 0) {
            journal_close(j);
            j = open_journal(&s, FALSE);
        }
    }
    journal_close(j);
    g_assert_cmphex(scratch_mode(&s, "journal"), ==, 0600);
    g_assert_false(scratch_has(&s, ".journal.new"));
    JournalRecord r;
    JournalRecord want = state(19);
    g_assert_cmpint(journal_load(s.fd, s.path, &r, NULL), ==, 0);
    memcpy(want.boot_id, r.boot_id, 16);
    g_assert_true(record_same(&r, &want));
    Journal *other = NULL;
    g_assert_cmpint(journal_open(s.fd, s.path, TRUE, &other, NULL), ==, EEXIST);
    g_assert_cmpuint(load_state(&s), ==, 19);
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    g_assert_false(scratch_has(&s, "journal"));
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    scratch_free(&s);
}

static void test_never_written(void)
{
    Scratch s = scratch_new();
    Journal *j = open_journal(&s, TRUE);
    g_assert_true(scratch_has(&s, ".journal.new"));
    journal_close(j);
    g_assert_false(scratch_has(&s, ".journal.new"));
    /* Left behind by a kill at that moment: the next one starts afresh. */
    scratch_put(&s, ".journal.new", "left", 4);
    j = open_journal(&s, TRUE);
    write_state(j, 1, TRUE);
    journal_close(j);
    g_assert_cmpuint(load_state(&s), ==, 1);
    /* Nothing but zeros under the name. */
    guint8 zeros[FILE_SIZE] = {0};
    scratch_put(&s, "journal", zeros, sizeof zeros);
    load_error(&s, EINVAL, "slot 1: it was never written, slot 2: it was never written");
    scratch_free(&s);
}

static void test_nonsense(void)
{
    Scratch s = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Journal) j = open_journal(&s, TRUE);
    write_state(j, 1, TRUE);
    JournalRecord r = state(2);
    r.machine = 0;
    g_assert_cmpint(journal_write(j, &r, TRUE, &error), ==, EINVAL);
    g_assert_nonnull(strstr(error->message, "makes no sense"));
    g_assert_cmpuint(load_state(&s), ==, 1);
    scratch_free(&s);
}

/* A journal with the states 1 to n; before[] is the file before the last write, after[] behind it,
 * and the result is the slot that it went to. */
static guint two_images(const Scratch *s, guint64 n, gboolean sync, guint8 before[FILE_SIZE],
                        guint8 after[FILE_SIZE])
{
    g_autoptr(Journal) j = open_journal(s, TRUE);
    for (guint64 i = 1; i < n; i++)
        write_state(j, i, sync);
    get_image(s, before);
    write_state(j, n, sync);
    get_image(s, after);
    guint slot = SLOTS;
    for (guint i = 0; i < SLOTS; i++) {
        if (memcmp(before + i * JOURNAL_RECORD_SIZE, after + i * JOURNAL_RECORD_SIZE,
                   JOURNAL_RECORD_SIZE) != 0) {
            g_assert_cmpuint(slot, ==, SLOTS);
            slot = i;
        }
    }
    g_assert_cmpuint(slot, <, SLOTS);
    return slot;
}

/* Every prefix of the last write: the old state until the last changed byte is there. */
static void test_torn_prefixes(void)
{
    for (guint64 n = 2; n <= 5; n++) {
        Scratch s = scratch_new();
        guint8 before[FILE_SIZE];
        guint8 after[FILE_SIZE];
        gsize at = two_images(&s, n, n % 2 == 0, before, after) * JOURNAL_RECORD_SIZE;
        gsize step = n == 2 ? 1 : 61;
        for (gsize prefix = 0; prefix <= JOURNAL_RECORD_SIZE; prefix += step) {
            guint8 torn[FILE_SIZE];
            memcpy(torn, before, FILE_SIZE);
            memcpy(torn + at, after + at, prefix);
            scratch_put(&s, "journal", torn, FILE_SIZE);
            gboolean whole = memcmp(torn, after, FILE_SIZE) == 0;
            g_assert_cmpuint(load_state(&s), ==, whole ? n : n - 1);
        }
        scratch_free(&s);
    }
}

/* Sectors reach the disk in any order: every subset of the eight. */
static void test_torn_sectors(void)
{
    for (guint64 n = 2; n <= 5; n++) {
        Scratch s = scratch_new();
        guint8 before[FILE_SIZE];
        guint8 after[FILE_SIZE];
        gsize at = two_images(&s, n, TRUE, before, after) * JOURNAL_RECORD_SIZE;
        for (guint subset = 0; subset < 256; subset++) {
            guint8 torn[FILE_SIZE];
            memcpy(torn, before, FILE_SIZE);
            for (gsize sector = 0; sector < 8; sector++) {
                if (subset & (1u << sector))
                    memcpy(torn + at + sector * 512, after + at + sector * 512, 512);
            }
            scratch_put(&s, "journal", torn, FILE_SIZE);
            gboolean whole = memcmp(torn, after, FILE_SIZE) == 0;
            g_assert_cmpuint(load_state(&s), ==, whole ? n : n - 1);
        }
        scratch_free(&s);
    }
}

/* One more turn of the random test below: a power cut, and what the disk then holds. */
static void power_cut(const Scratch *s, const guint8 *disk, const guint8 *cache, guint64 at_least,
                      guint64 at_most)
{
    guint8 image[FILE_SIZE];
    /* Each sector that was not synced may have got there or not. */
    for (gsize sector = 0; sector < FILE_SIZE / 512; sector++)
        memcpy(image + sector * 512, (g_test_rand_bit() ? disk : cache) + sector * 512, 512);
    scratch_put(s, "journal", image, FILE_SIZE);
    guint64 n = load_state(s);
    g_assert_cmpuint(n, >=, at_least);
    g_assert_cmpuint(n, <=, at_most);
}

/* Writes with and without sync, a power cut at random: never less than what was synced last. */
static void test_power_cuts(void)
{
    Scratch s = scratch_new();
    Scratch cut = scratch_new();
    for (int round = 0; round < 25; round++) {
        guint8 disk[FILE_SIZE];
        guint8 cache[FILE_SIZE];
        guint64 synced = 1;
        Journal *j = open_journal(&s, TRUE);
        write_state(j, 1, FALSE); /* the first is always synced */
        get_image(&s, disk);
        for (guint64 n = 2; n < 12; n++) {
            gboolean sync = g_test_rand_int_range(0, 4) == 0;
            if (g_test_rand_int_range(0, 8) == 0) { /* we died; opening again syncs */
                journal_close(j);
                j = open_journal(&s, FALSE);
                get_image(&s, disk);
                synced = n - 1;
            }
            write_state(j, n, sync);
            get_image(&s, cache);
            for (int i = 0; i < 4; i++)
                power_cut(&cut, disk, cache, synced, n);
            if (sync) {
                memcpy(disk, cache, FILE_SIZE);
                synced = n;
            }
        }
        journal_close(j);
        g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    }
    scratch_free(&s);
    scratch_free(&cut);
}

/* The disk fails in the middle of a slot; then it works again. */
static void test_failed_write(void)
{
    Scratch s = scratch_new();
    g_autoptr(Journal) j = open_journal(&s, TRUE);
    write_state(j, 1, TRUE);
    for (guint64 n = 2; n < 12; n++) {
        g_autoptr(GError) error = NULL;
        JournalRecord r = state(n);
        scratch_file_limit(n % 2 ? 100 : JOURNAL_RECORD_SIZE + 100);
        int err = journal_write(j, &r, n % 3 == 0, &error);
        scratch_file_limit(RLIM_INFINITY);
        if (err == 0) { /* a slot below the limit */
            g_assert_cmpuint(load_state(&s), ==, n);
            continue;
        }
        g_assert_cmpint(err, ==, EFBIG);
        g_assert_nonnull(strstr(error->message, "/journal: "));
        g_assert_cmpuint(load_state(&s), ==, n - 1);
        write_state(j, n, n % 3 == 0);
        g_assert_cmpuint(load_state(&s), ==, n);
    }
    scratch_free(&s);
}

static void test_failed_creation(void)
{
    Scratch s = scratch_new();
    Journal *j = NULL;
    scratch_file_limit(JOURNAL_RECORD_SIZE);
    int err = journal_open(s.fd, s.path, TRUE, &j, NULL);
    scratch_file_limit(RLIM_INFINITY);
    g_assert_cmpint(err, ==, EFBIG);
    g_assert_null(j);
    g_assert_false(scratch_has(&s, ".journal.new"));
    g_assert_false(scratch_has(&s, "journal"));
    scratch_free(&s);
}

static int on_full_disk(const Scratch *s)
{
    g_auto(Scratch) disk = SCRATCH_NONE;
    g_autoptr(GError) error = NULL;
    Journal *j = NULL;
    if (!scratch_small_disk(s, "disk", "64k", &disk))
        return 77;
    j = open_journal(&disk, TRUE);
    scratch_fill(&disk, 0);
    for (guint64 n = 1; n < 8; n++) { /* its blocks are its own */
        write_state(j, n, n % 2 == 0);
        g_assert_cmpuint(load_state(&disk), ==, n);
    }
    journal_close(j);
    g_assert_cmpint(journal_remove(disk.fd, disk.path, NULL), ==, 0);
    g_assert_cmpint(unlinkat(disk.fd, "ballast", 0), ==, 0);
    scratch_fill(&disk, 4096);
    g_assert_cmpint(journal_open(disk.fd, disk.path, TRUE, &j, &error), ==, ENOSPC);
    g_assert_false(scratch_has(&disk, ".journal.new"));
    return 0;
}

static void test_full_disk(void)
{
    Scratch s = scratch_new();
    if (!scratch_child(on_full_disk, &s))
        g_test_skip("no mounts of our own are allowed here");
    scratch_free(&s);
}

static void test_boots(void)
{
    Scratch s = scratch_new();
    Journal *j = open_journal(&s, TRUE);
    JournalRecord r;
    guint8 image[FILE_SIZE] = {0};
    static const guint8 unknown[16];
    write_state(j, 10, TRUE);
    journal_close(j);
    g_assert_cmpint(journal_load(s.fd, s.path, &r, NULL), ==, 0);
    if (memcmp(r.boot_id, unknown, 16) != 0)
        g_assert_cmpuint(r.floor_written, ==, 20); /* the kernel that took it is still there */
    else
        g_assert_cmpuint(r.floor_written, ==, 10);
    g_assert_cmpuint(r.floor_synced, ==, 10);
    /* The same from another boot, and from a kernel that told none. */
    for (int i = 0; i < 2; i++) {
        JournalRecord other = state(10);
        memset(other.boot_id, i ? 0 : 0x5a, 16);
        g_assert_true(journal_record_encode(&other, 1, image));
        scratch_put(&s, "journal", image, sizeof image);
        g_assert_cmpint(journal_load(s.fd, s.path, &r, NULL), ==, 0);
        g_assert_cmpuint(r.floor_written, ==, 10);
        g_assert_cmpuint(r.floor_synced, ==, 10);
    }
    scratch_free(&s);
}

static void test_sizes(void)
{
    Scratch s = scratch_new();
    guint8 before[FILE_SIZE];
    guint8 after[FILE_SIZE + 100] = {0};
    two_images(&s, 3, FALSE, before, after);
    /* Slots 1, 2, 3 hold the states 1, 2, 3: cut off, what is whole still counts. */
    scratch_put(&s, "journal", after, FILE_SIZE - 1);
    g_assert_cmpuint(load_state(&s), ==, 2);
    scratch_put(&s, "journal", after, (gsize)2 * JOURNAL_RECORD_SIZE - 1);
    g_assert_cmpuint(load_state(&s), ==, 1);
    scratch_put(&s, "journal", after, JOURNAL_RECORD_SIZE - 1);
    load_error(&s, EINVAL, "slot 1: its size, slot 2: its size, slot 3: its size");
    scratch_put(&s, "journal", after, 0);
    load_error(&s, EINVAL, "slot 1: its size");
    scratch_put(&s, "journal", after, sizeof after); /* what stands behind is nobody's */
    g_assert_cmpuint(load_state(&s), ==, 3);
    /* A short file is made whole again by going on with it. */
    scratch_put(&s, "journal", after, JOURNAL_RECORD_SIZE);
    Journal *j = open_journal(&s, FALSE);
    for (guint64 n = 2; n < 6; n++) {
        write_state(j, n, TRUE);
        g_assert_cmpuint(load_state(&s), ==, n);
    }
    journal_close(j);
    scratch_free(&s);
}

static void test_bad_slots(void)
{
    Scratch s = scratch_new();
    guint8 before[FILE_SIZE];
    guint8 image[FILE_SIZE];
    two_images(&s, 3, FALSE, before, image);
    image[2 * JOURNAL_RECORD_SIZE + 8] = 2; /* a later version in the newest slot */
    journal_record_seal(image + (gsize)2 * JOURNAL_RECORD_SIZE);
    scratch_put(&s, "journal", image, FILE_SIZE);
    g_assert_cmpuint(load_state(&s), ==, 2);
    image[JOURNAL_RECORD_SIZE + 100] ^= 1;
    memset(image, 'x', 100);
    scratch_put(&s, "journal", image, FILE_SIZE);
    load_error(
        &s, EINVAL,
        "/journal can't be used; slot 1: no journal, slot 2: the checksum, slot 3: a version "
        "that this server doesn't know");
    Journal *j = NULL;
    g_assert_cmpint(journal_open(s.fd, s.path, FALSE, &j, NULL), ==, EINVAL);
    g_assert_null(j);
    scratch_free(&s);
}

static void test_planted(void)
{
    Scratch s = scratch_new();
    Journal *j = NULL;
    scratch_plant(&s, "journal");
    load_error(&s, ELOOP, "/journal is a symbolic link; remove it");
    g_assert_cmpint(journal_open(s.fd, s.path, FALSE, &j, NULL), ==, ELOOP);
    g_assert_cmpint(journal_open(s.fd, s.path, TRUE, &j, NULL), ==, EEXIST);
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    scratch_victim_untouched(&s);
    scratch_plant(&s, ".journal.new");
    j = open_journal(&s, TRUE);
    write_state(j, 1, TRUE);
    journal_close(j);
    scratch_victim_untouched(&s);
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    g_assert_cmpint(mkfifoat(s.fd, "journal", 0600), ==, 0);
    load_error(&s, EINVAL, "is no regular file");
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    g_assert_cmpint(mkdirat(s.fd, "journal", 0700), ==, 0);
    load_error(&s, EINVAL, "is no regular file");
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(journal_remove(s.fd, s.path, &error), ==, EISDIR);
    g_assert_nonnull(strstr(error->message, "can't remove"));
    scratch_free(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/life", test_life);
    g_test_add_func("/journal/never-written", test_never_written);
    g_test_add_func("/journal/nonsense", test_nonsense);
    g_test_add_func("/journal/torn-prefixes", test_torn_prefixes);
    g_test_add_func("/journal/torn-sectors", test_torn_sectors);
    g_test_add_func("/journal/power-cuts", test_power_cuts);
    g_test_add_func("/journal/failed-write", test_failed_write);
    g_test_add_func("/journal/failed-creation", test_failed_creation);
    g_test_add_func("/journal/full-disk", test_full_disk);
    g_test_add_func("/journal/boots", test_boots);
    g_test_add_func("/journal/sizes", test_sizes);
    g_test_add_func("/journal/bad-slots", test_bad_slots);
    g_test_add_func("/journal/planted", test_planted);
    return g_test_run();
}
