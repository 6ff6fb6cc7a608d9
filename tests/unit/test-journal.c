/* test-journal.c - a crash at any instant leaves the state before or the state after a write.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/journal.h"

#include "core/netdump/tags.h"
#include "io/store/journal_read.h"

#include "unit/journal-v1-sample.h"
#include "unit/scratch.h"

#define SECTOR    512
#define FILE_SIZE (JOURNAL_SLOTS * JOURNAL_SLOT_SIZE)

typedef TaggedWriter AutoWriter;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AutoWriter, tagged_writer_clear)

enum { TAG_STATE = TAG_TEST, TAG_PADDING, TAG_TEST_END };

/* The n-th state of a dump; so many more bytes make the record longer. */
static AutoWriter state(guint64 n, gsize padding)
{
    AutoWriter w = tagged_writer_new();
    g_autofree guint8 *bytes = g_malloc(padding + 1);

    memset(bytes, (int)n | 1, padding);
    tagged_add_number(&w, TAG_STATE, n);
    tagged_add(&w, TAG_PADDING, bytes, padding);
    return w;
}

static void write_state(Journal *j, guint64 n, gsize padding, gboolean sync)
{
    g_autoptr(GError) error = NULL;
    g_auto(AutoWriter) w = state(n, padding);

    g_assert_cmpint(journal_write(j, &w, sync, &error), ==, 0);
    g_assert_no_error(error);
}

static Journal *create(const Scratch *s)
{
    g_autoptr(GError) error = NULL;
    Journal *j = NULL;

    g_assert_cmpint(journal_create(s->fd, s->path, &j, &error), ==, 0);
    g_assert_no_error(error);
    return j;
}

static Journal *reopen(const Scratch *s, TaggedConvert convert)
{
    g_autoptr(GError) error = NULL;
    Journal *j = NULL;

    g_assert_cmpint(journal_open(s->fd, s->path, convert, &j, &error), ==, 0);
    g_assert_no_error(error);
    return j;
}

/* The number of a field of the record that is loaded. */
static guint64 load_number(const Scratch *s, TaggedConvert convert, guint16 tag)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) record = NULL;
    TaggedReader r;
    gsize used;
    guint64 n = 0;

    g_assert_cmpint(journal_load(s->fd, s->path, convert, &record, &error), ==, 0);
    g_assert_no_error(error);
    g_assert_null(tagged_reader_init(&r, record->data, record->len, &used));
    g_assert_cmpuint(used, ==, record->len);
    (void)tagged_number(&r, tag, &n);
    return n;
}

static guint64 load_state(const Scratch *s)
{
    return load_number(s, NULL, TAG_STATE);
}

static void load_error(const Scratch *s, int err, const char *words)
{
    g_autoptr(GError) error = NULL;
    GByteArray *record = NULL;

    g_assert_cmpint(journal_load(s->fd, s->path, NULL, &record, &error), ==, err);
    g_assert_null(record);
    if (!strstr(error->message, words))
        g_error("'%s' is not in: %s", words, error->message);
}

/* -- images of the file --------------------------------------------------------------------------
 */

static GByteArray *image(const Scratch *s)
{
    GByteArray *bytes = g_byte_array_new();
    gsize len = 0;
    g_autofree char *text = scratch_get(s, JOURNAL_FILE, &len);

    g_byte_array_append(bytes, (const guint8 *)text, (guint)len);
    return bytes;
}

static void put_image(const Scratch *s, const GByteArray *bytes)
{
    scratch_put(s, JOURNAL_FILE, bytes->data, bytes->len);
}

static GByteArray *copy_of(const GByteArray *bytes)
{
    GByteArray *copy = g_byte_array_new();

    g_byte_array_append(copy, bytes->data, bytes->len);
    return copy;
}

/* As if every record had been written while another kernel ran. */
static void other_boot(GByteArray *file)
{
    gsize slot_size = file->len / JOURNAL_SLOTS;

    for (gsize at = 0; at < file->len; at += slot_size) {
        TaggedReader r;
        gsize used, len;
        const guint8 *boot;

        if (tagged_reader_init(&r, file->data + at, slot_size, &used))
            continue;
        boot = tagged_find(&r, TAG_BOOT_ID, &len);
        if (!boot)
            continue;
        file->data[boot - file->data] ^= 0x55;
        bytes_put_le32(file->data + at + 12, crc32c(r.fields, r.len));
    }
}

/* The disk after a power cut: each sector that was not synced may have got there or not. */
static GByteArray *torn(const GByteArray *disk, const GByteArray *cache)
{
    GByteArray *mixed = copy_of(disk);

    g_assert_cmpuint(disk->len, ==, cache->len);
    for (gsize at = 0; at < disk->len; at += SECTOR)
        if (g_test_rand_bit())
            memcpy(mixed->data + at, cache->data + at, MIN(SECTOR, disk->len - at));
    return mixed;
}

/* -- its life ------------------------------------------------------------------------------------
 */

static void test_life(void)
{
    Scratch s = scratch_new();
    Journal *j = create(&s);
    Journal *other = NULL;

    load_error(&s, ENOENT, "/journal"); /* no name before it has a record */
    for (guint64 n = 1; n < 20; n++) {
        write_state(j, n, 0, n % 3 == 0);
        g_assert_cmpuint(load_state(&s), ==, n);
        if (n % 5 == 0) {
            journal_close(j);
            j = reopen(&s, NULL);
        }
    }
    journal_close(j);
    g_assert_cmphex(scratch_mode(&s, JOURNAL_FILE), ==, 0600);
    g_assert_false(scratch_has(&s, ".journal.new"));
    g_assert_cmpint(journal_create(s.fd, s.path, &other, NULL), ==, EEXIST);
    g_assert_cmpuint(load_state(&s), ==, 19);
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    g_assert_false(scratch_has(&s, JOURNAL_FILE));
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    scratch_free(&s);
}

static void test_never_written(void)
{
    static const guint8 zeros[FILE_SIZE];
    Scratch s = scratch_new();
    Journal *j = create(&s);

    g_assert_true(scratch_has(&s, ".journal.new"));
    journal_close(j);
    g_assert_false(scratch_has(&s, ".journal.new"));
    /* Left by a kill at that moment: the next one begins from nothing. */
    scratch_put(&s, ".journal.new", "left", 4);
    j = create(&s);
    write_state(j, 1, 0, TRUE);
    journal_close(j);
    g_assert_cmpuint(load_state(&s), ==, 1);
    /* Nothing but zeros under the name. */
    scratch_put(&s, JOURNAL_FILE, zeros, sizeof zeros);
    load_error(&s, EINVAL, "slot 1: empty, slot 2: empty, slot 3: empty");
    scratch_free(&s);
}

/* What the store adds; what nobody knows stays. */
static void test_fields(void)
{
    Scratch s = scratch_new();
    Journal *j = create(&s);
    g_auto(AutoWriter) first = state(1, 0);
    g_auto(AutoWriter) second = tagged_writer_new();

    tagged_add_number(&first, TAG_TEST_END, 77);
    tagged_add_number(&first, TAG_STARTED, 5);
    g_assert_cmpint(journal_write(j, &first, FALSE, NULL), ==, 0);
    journal_close(j);
    g_assert_cmpuint(load_number(&s, NULL, TAG_SEQUENCE), ==, 1);
    g_assert_cmpuint(load_number(&s, NULL, TAG_SYNCED), ==, 1); /* as the first always is */

    for (guint i = 0; i < 2; i++) {
        j = reopen(&s, NULL);
        journal_keep_unknown(j, TAG_STATE, TAG_TEST_END);
        g_assert_cmpint(journal_write(j, &second, FALSE, NULL), ==, 0);
        journal_close(j);
        g_assert_cmpuint(load_number(&s, NULL, TAG_SEQUENCE), ==, 2 + i);
        g_assert_cmpuint(load_number(&s, NULL, TAG_SYNCED), ==, 0);
        g_assert_cmpuint(load_number(&s, NULL, TAG_TEST_END), ==, 77); /* unknown: kept */
        g_assert_cmpuint(load_number(&s, NULL, TAG_STATE), ==, 0);     /* known, not written */
        g_assert_cmpuint(load_number(&s, NULL, TAG_STARTED), ==, 0);
    }
    j = reopen(&s, NULL); /* nobody knows what is known */
    g_assert_cmpint(journal_write(j, &second, FALSE, NULL), ==, 0);
    journal_close(j);
    g_assert_cmpuint(load_number(&s, NULL, TAG_TEST_END), ==, 0);
    scratch_free(&s);
}

/* -- the host's crash ----------------------------------------------------------------------------
 */

/* The images before and after the n-th write. */
static void two_images(const Scratch *s, guint64 n, gboolean sync, GByteArray **before,
                       GByteArray **after)
{
    g_autoptr(Journal) j = create(s);

    for (guint64 i = 1; i < n; i++)
        write_state(j, i, 1500, sync);
    *before = image(s);
    write_state(j, n, 1500, sync);
    *after = image(s);
}

/* Every prefix of the last write: the old state until the last changed byte is there. */
static void test_torn_prefixes(void)
{
    for (guint64 n = 2; n <= 5; n++) {
        Scratch s = scratch_new();
        g_autoptr(GByteArray) before = NULL;
        g_autoptr(GByteArray) after = NULL;
        gsize first = 0, last = FILE_SIZE;

        two_images(&s, n, n % 2 == 0, &before, &after);
        while (before->data[first] == after->data[first])
            first++;
        while (before->data[last - 1] == after->data[last - 1])
            last--;
        for (gsize end = first; end <= last; end += n == 2 || end + 61 > last ? 1 : 61) {
            memcpy(before->data + first, after->data + first, end - first);
            put_image(&s, before);
            g_assert_cmpuint(load_state(&s), ==, end == last ? n : n - 1);
        }
        scratch_free(&s);
    }
}

/* One power cut: the newest synced state, or one that was being synced, whatever else is there. */
static void power_cut(const Scratch *s, const GByteArray *disk, const GByteArray *cache,
                      guint64 synced, guint64 syncing)
{
    g_autoptr(GByteArray) left = torn(disk, cache);
    guint64 n;

    other_boot(left);
    put_image(s, left);
    n = load_state(s);
    if (n != syncing)
        g_assert_cmpuint(n, ==, synced);
}

/* Writes with and without sync, deaths of ours and of the host at every instant; records grow, so
 * that the file is replaced now and then. */
static void test_power_cuts(void)
{
    Scratch s = scratch_new();
    Scratch cut = scratch_new();

    for (int round = 0; round < 40; round++) {
        Journal *j = create(&s);
        g_autoptr(GByteArray) disk = NULL;
        guint64 synced = 1;
        gsize padding = 100;

        write_state(j, 1, padding, FALSE); /* the first is always synced */
        disk = image(&s);
        for (guint64 n = 2; n < 20; n++) {
            gboolean sync = g_test_rand_int_range(0, 4) == 0;
            g_autoptr(GByteArray) cache = NULL;

            if (g_test_rand_int_range(0, 8) == 0) { /* we died; opening again syncs */
                journal_close(j);
                j = reopen(&s, NULL);
                g_byte_array_unref(disk);
                disk = image(&s);
            }
            if (g_test_rand_int_range(0, 6) == 0)
                padding = padding * 2 + 1000;
            write_state(j, n, padding, sync);
            g_assert_cmpuint(load_state(&s), ==, n); /* we die now */
            cache = image(&s);
            if (cache->len != disk->len) { /* replaced: before that, the old file was there */
                power_cut(&cut, disk, disk, synced, synced);
                g_byte_array_unref(disk);
                disk = copy_of(cache);
            }
            for (int i = 0; i < 4; i++)
                power_cut(&cut, disk, cache, synced, sync ? n : synced);
            if (sync) {
                g_byte_array_unref(disk);
                disk = copy_of(cache);
                synced = n;
            }
            power_cut(&cut, disk, cache, synced, synced);
        }
        journal_close(j);
        g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    }
    scratch_free(&s);
    scratch_free(&cut);
}

/* After a reboot the synced record counts, and stays until another one is. */
static void test_boots(void)
{
    Scratch s = scratch_new();
    Journal *j = create(&s);
    g_autoptr(GByteArray) file = NULL;

    write_state(j, 1, 0, FALSE);
    write_state(j, 2, 0, TRUE);
    write_state(j, 3, 0, FALSE);
    journal_close(j);
    g_assert_cmpuint(load_state(&s), ==, 3); /* the kernel that took it is still there */
    file = image(&s);
    other_boot(file);
    put_image(&s, file);
    g_assert_cmpuint(load_state(&s), ==, 2);
    j = reopen(&s, NULL);
    for (guint64 n = 10; n < 14; n++) {
        write_state(j, n, 0, FALSE);
        g_assert_cmpuint(load_state(&s), ==, n);
        g_byte_array_unref(file);
        file = image(&s);
        other_boot(file);
        put_image(&s, file);
        g_assert_cmpuint(load_state(&s), ==, 2);
        other_boot(file);
        put_image(&s, file);
    }
    journal_close(j);
    scratch_free(&s);
}

/* -- faults --------------------------------------------------------------------------------------
 */

/* The disk fails in the middle of a slot; then it works again. */
static void test_failed_write(void)
{
    Scratch s = scratch_new();
    g_autoptr(Journal) j = create(&s);

    write_state(j, 1, 0, TRUE);
    for (guint64 n = 2; n < 12; n++) {
        g_autoptr(GError) error = NULL;
        g_auto(AutoWriter) w = state(n, n == 7 ? 2 * JOURNAL_SLOT_SIZE : 0);
        int err;

        scratch_file_limit(n % 2 ? 100 : JOURNAL_SLOT_SIZE + 10);
        err = journal_write(j, &w, n % 3 == 0, &error);
        scratch_file_limit(RLIM_INFINITY);
        if (err == 0) { /* a slot below the limit */
            g_assert_cmpuint(load_state(&s), ==, n);
            continue;
        }
        g_assert_cmpint(err, ==, EFBIG);
        g_assert_nonnull(strstr(error->message, n == 7 ? "/.journal.new: " : "/journal: "));
        g_assert_false(scratch_has(&s, ".journal.new"));
        g_assert_cmpuint(load_state(&s), ==, n - 1);
        g_assert_cmpint(journal_write(j, &w, n % 3 == 0, NULL), ==, 0);
        g_assert_cmpuint(load_state(&s), ==, n);
    }
    scratch_free(&s);
}

static void test_failed_creation(void)
{
    Scratch s = scratch_new();
    Journal *j = NULL;
    int err;

    scratch_file_limit(JOURNAL_SLOT_SIZE);
    err = journal_create(s.fd, s.path, &j, NULL);
    scratch_file_limit(RLIM_INFINITY);
    g_assert_cmpint(err, ==, EFBIG);
    g_assert_null(j);
    g_assert_false(scratch_has(&s, ".journal.new"));
    g_assert_false(scratch_has(&s, JOURNAL_FILE));
    scratch_free(&s);
}

/* The first record does not fit into a slot, and the disk fails as well. What is written first of
 * all after a failure may speak of pages, and is not taken for synced. */
static void test_failed_first(void)
{
    Scratch s = scratch_new();
    g_autoptr(Journal) j = create(&s);
    g_auto(AutoWriter) w = state(1, 2 * JOURNAL_SLOT_SIZE);
    g_autoptr(GByteArray) file = NULL;

    scratch_file_limit(100);
    g_assert_cmpint(journal_write(j, &w, FALSE, NULL), ==, EFBIG);
    scratch_file_limit(RLIM_INFINITY);
    load_error(&s, ENOENT, "/journal");
    g_assert_cmpint(journal_write(j, &w, FALSE, NULL), ==, 0);
    g_assert_cmpuint(load_state(&s), ==, 1);
    g_assert_cmpuint(load_number(&s, NULL, TAG_SYNCED), ==, 0);
    file = image(&s);
    other_boot(file);
    put_image(&s, file);
    load_error(&s, EINVAL, "slot 1: not synced before the host's reboot, slot 2: empty");
    scratch_free(&s);
}

static int on_full_disk(const Scratch *s)
{
    g_auto(Scratch) disk = SCRATCH_NONE;
    g_autoptr(GError) error = NULL;
    g_auto(AutoWriter) large = state(1, JOURNAL_SLOT_SIZE);
    Journal *j = NULL;

    if (!scratch_small_disk(s, "disk", "64k", &disk))
        return 77;
    j = create(&disk);
    scratch_fill(&disk, 0);
    for (guint64 n = 1; n < 8; n++) { /* its blocks are its own */
        write_state(j, n, 1500, n % 2 == 0);
        g_assert_cmpuint(load_state(&disk), ==, n);
    }
    /* A larger file has no room; the state before stays, and is followed by others. */
    g_assert_cmpint(journal_write(j, &large, TRUE, &error), ==, ENOSPC);
    g_assert_cmpuint(load_state(&disk), ==, 7);
    write_state(j, 8, 1500, FALSE);
    g_assert_cmpuint(load_state(&disk), ==, 8);
    journal_close(j);
    g_assert_cmpint(journal_remove(disk.fd, disk.path, NULL), ==, 0);
    g_assert_cmpint(unlinkat(disk.fd, "ballast", 0), ==, 0);
    scratch_fill(&disk, 4096);
    g_assert_cmpint(journal_create(disk.fd, disk.path, &j, NULL), ==, ENOSPC);
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

static void test_sizes(void)
{
    Scratch s = scratch_new();
    g_autoptr(GByteArray) before = NULL;
    g_autoptr(GByteArray) after = NULL;
    Journal *j;
    int fd;

    two_images(&s, 3, FALSE, &before, &after);
    /* The first slot is where it always is; those behind it are lost with the size. */
    scratch_put(&s, JOURNAL_FILE, after->data, JOURNAL_BLOCK);
    g_assert_cmpuint(load_state(&s), ==, 1);
    scratch_put(&s, JOURNAL_FILE, after->data, 100);
    load_error(&s, EINVAL, "slot 1: length, slot 2: too short, slot 3: too short");
    scratch_put(&s, JOURNAL_FILE, after->data, 0);
    load_error(&s, EINVAL, "slot 1: too short");
    fd = openat(s.fd, JOURNAL_FILE, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(ftruncate(fd, (off_t)1 << 40), ==, 0);
    close(fd);
    load_error(&s, EINVAL, "/journal is too large");
    /* A short file is made whole again by going on with it. */
    scratch_put(&s, JOURNAL_FILE, after->data, JOURNAL_BLOCK);
    j = reopen(&s, NULL);
    for (guint64 n = 2; n < 6; n++) {
        write_state(j, n, 0, TRUE);
        g_assert_cmpuint(load_state(&s), ==, n);
    }
    journal_close(j);
    scratch_free(&s);
}

static void test_bad_slots(void)
{
    Scratch s = scratch_new();
    g_autoptr(GByteArray) before = NULL;
    g_autoptr(GByteArray) file = NULL;
    Journal *j = NULL;

    two_images(&s, 3, FALSE, &before, &file);
    for (guint i = 0; i < 3; i++) { /* states 1, 2, 3 are not in order */
        guint8 *slot = file->data + (gsize)i * JOURNAL_SLOT_SIZE;

        slot[i == 0 ? 0 : 40] ^= 1;
        put_image(&s, file);
        if (i < 2)
            g_assert_cmpuint(load_state(&s), >, 0);
    }
    load_error(&s, EINVAL, "/journal: no valid record (slot 1: magic, slot 2: checksum, slot 3: ");
    g_assert_cmpint(journal_open(s.fd, s.path, NULL, &j, NULL), ==, EINVAL);
    g_assert_null(j);
    scratch_free(&s);
}

static void test_planted(void)
{
    Scratch s = scratch_new();
    Journal *j = NULL;
    g_autoptr(GError) error = NULL;

    scratch_plant(&s, JOURNAL_FILE);
    load_error(&s, ELOOP, "/journal is a symbolic link");
    g_assert_cmpint(journal_open(s.fd, s.path, NULL, &j, NULL), ==, ELOOP);
    g_assert_cmpint(journal_create(s.fd, s.path, &j, NULL), ==, EEXIST);
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    scratch_victim_untouched(&s);
    scratch_plant(&s, ".journal.new");
    j = create(&s);
    write_state(j, 1, 0, TRUE);
    journal_close(j);
    scratch_victim_untouched(&s);
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    g_assert_cmpint(mkfifoat(s.fd, JOURNAL_FILE, 0600), ==, 0);
    load_error(&s, EINVAL, "regular file");
    g_assert_cmpint(journal_remove(s.fd, s.path, NULL), ==, 0);
    g_assert_cmpint(mkdirat(s.fd, JOURNAL_FILE, 0700), ==, 0);
    load_error(&s, EINVAL, "regular file");
    g_assert_cmpint(journal_remove(s.fd, s.path, &error), ==, EISDIR);
    g_assert_nonnull(strstr(error->message, "cannot remove"));
    scratch_free(&s);
}

/* -- version 1.0 ---------------------------------------------------------------------------------
 */

/* A journal with the sample in its second slot, of this boot if it is known. */
static void put_old(const Scratch *s, gboolean this_boot)
{
    guint8 file[3 * JOURNAL_V1_SIZE] = {0};
    guint8 *record = file + JOURNAL_V1_SIZE;

    v1_sample(record);
    if (this_boot)
        journal_read_boot_id(record + V1_BOOT_ID);
    v1_seal(record);
    memset(file + (gsize)2 * JOURNAL_V1_SIZE, 'x', 100);
    scratch_put(s, JOURNAL_FILE, file, sizeof file);
}

static guint64 old_stored(const Scratch *s)
{
    return load_number(s, journal_v1_convert, NETDUMP_TAG_PAGES_STORED);
}

static void test_old(void)
{
    Scratch s = scratch_new();
    g_autoptr(GByteArray) file = NULL;
    g_auto(AutoWriter) w = state(4, 0);
    Journal *j;

    put_old(&s, FALSE);
    load_error(&s, EINVAL, "slot 2: magic");
    g_assert_cmpuint(old_stored(&s), ==, 0xfffffffd); /* what was synced */
    put_old(&s, TRUE);
    g_assert_cmpuint(old_stored(&s), ==, 0xfffffffe);

    /* Opened and not written: it stays as it is. A write replaces it, and keeps beside it what was
     * synced. */
    j = reopen(&s, journal_v1_convert);
    g_assert_cmpuint(old_stored(&s), ==, 0xfffffffe);
    scratch_file_limit(100);
    g_assert_cmpint(journal_write(j, &w, FALSE, NULL), ==, EFBIG);
    scratch_file_limit(RLIM_INFINITY);
    g_assert_cmpuint(old_stored(&s), ==, 0xfffffffe);
    write_state(j, 5, 0, FALSE);
    g_assert_cmpuint(load_state(&s), ==, 5);
    file = image(&s);
    other_boot(file);
    put_image(&s, file);
    g_assert_cmpuint(old_stored(&s), ==, 0xfffffffd);
    write_state(j, 6, 0, TRUE);
    write_state(j, 7, 0, FALSE);
    g_assert_cmpuint(load_state(&s), ==, 7);
    journal_close(j);
    scratch_free(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/life", test_life);
    g_test_add_func("/journal/never-written", test_never_written);
    g_test_add_func("/journal/fields", test_fields);
    g_test_add_func("/journal/torn-prefixes", test_torn_prefixes);
    g_test_add_func("/journal/power-cuts", test_power_cuts);
    g_test_add_func("/journal/boots", test_boots);
    g_test_add_func("/journal/failed-write", test_failed_write);
    g_test_add_func("/journal/failed-creation", test_failed_creation);
    g_test_add_func("/journal/failed-first", test_failed_first);
    g_test_add_func("/journal/full-disk", test_full_disk);
    g_test_add_func("/journal/sizes", test_sizes);
    g_test_add_func("/journal/bad-slots", test_bad_slots);
    g_test_add_func("/journal/planted", test_planted);
    g_test_add_func("/journal/old", test_old);
    return g_test_run();
}
