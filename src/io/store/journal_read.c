/* journal_read.c - what a journal's file holds.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/journal_read.h"

#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define OLD_MAX 65536 /* bytes of an old version's file; 1.0 wrote 12,288 */

static const guint8 unknown_boot[16];

void journal_read_boot_id(guint8 id[16])
{
    char text[37];
    gsize got = 0;
    int fd = -1;
    gsize n = 0;
    int err;

    memset(id, 0, 16);
    if (files_open(AT_FDCWD, "", "/proc/sys/kernel/random/boot_id", O_RDONLY, &fd, NULL) != 0)
        return;
    err = files_read(fd, text, sizeof text, 0, &got);
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

/* -- slots --------------------------------------------------------------------------------------
 */

typedef struct {
    guint64 sequence; /* 0: no record */
    gboolean synced, same_boot;
} SlotFacts;

static gboolean is_empty(const guint8 *bytes, gsize len)
{
    for (gsize i = 0; i < len; i++)
        if (bytes[i] != 0)
            return FALSE;
    return TRUE;
}

/* NULL if it holds a record that can be believed, else why not. */
static const char *parse_slot(const guint8 *bytes, gsize len, const guint8 boot_id[16],
                              SlotFacts *facts, gsize *used)
{
    TaggedReader r;
    guint64 number = 0;
    gsize boot_len = 0;
    const guint8 *boot;
    const char *wrong = tagged_reader_init(&r, bytes, len, used);

    if (wrong)
        return len > 0 && is_empty(bytes, len) ? "empty" : wrong;
    if (!tagged_number(&r, TAG_SEQUENCE, &number) || number == 0 || number == G_MAXUINT64)
        return "sequence number";
    facts->sequence = number;
    facts->synced = tagged_number(&r, TAG_SYNCED, &number) && number == 1;
    boot = tagged_find(&r, TAG_BOOT_ID, &boot_len);
    facts->same_boot = boot && boot_len == 16 && memcmp(boot, boot_id, 16) == 0 &&
                       memcmp(boot, unknown_boot, 16) != 0;
    return facts->synced || facts->same_boot ? NULL : "not synced before the host's reboot";
}

static void set_bytes(GByteArray **out, const guint8 *bytes, gsize len)
{
    g_clear_pointer(out, g_byte_array_unref);
    *out = g_byte_array_new();
    g_byte_array_append(*out, bytes, (guint)len);
}

/* A bad sector under one slot must not cost the other two. */
static const char *read_slot(int fd, guint slot, const guint8 boot_id[16], JournalContents *c,
                             guint64 best[2])
{
    g_autofree guint8 *bytes = g_malloc(c->slot_size);
    gsize got = 0, used = 0;
    SlotFacts facts = {0};
    int err = files_read(fd, bytes, c->slot_size, (off_t)(slot * c->slot_size), &got);
    const char *wrong = err ? g_strerror(err) : parse_slot(bytes, got, boot_id, &facts, &used);

    c->sequence = MAX(c->sequence, facts.sequence);
    if (wrong)
        return wrong;
    if (facts.sequence > best[0]) {
        best[0] = facts.sequence;
        c->newest = slot;
        set_bytes(&c->record, bytes, used);
    }
    if (facts.synced && facts.sequence > best[1]) {
        best[1] = facts.sequence;
        c->safe = slot;
        set_bytes(&c->safe_record, bytes, used);
    }
    return NULL;
}

/* -- version 1.0 --------------------------------------------------------------------------------
 */

static const char *convert_to(const guint8 *bytes, gsize len, const guint8 *boot_id,
                              TaggedConvert convert, guint64 sequence, GByteArray **out)
{
    TaggedWriter w = tagged_writer_new();
    const char *wrong = convert(bytes, len, boot_id, &w);

    if (!wrong) {
        tagged_add_number(&w, TAG_SEQUENCE, sequence);
        if (!boot_id)
            tagged_add_number(&w, TAG_SYNCED, 1);
        tagged_writer_seal(&w);
        set_bytes(out, w.bytes->data, w.bytes->len);
    }
    tagged_writer_clear(&w);
    /* cppcheck-suppress returnDanglingLifetime ; a static string, not of the writer */
    return wrong;
}

static const char *read_old(int fd, const guint8 boot_id[16], TaggedConvert convert,
                            JournalContents *c)
{
    g_autofree guint8 *bytes = g_malloc(OLD_MAX);
    gsize got = 0;
    int err = files_read(fd, bytes, OLD_MAX, 0, &got);
    const char *wrong = err ? g_strerror(err) : NULL;

    if (!wrong)
        wrong = convert_to(bytes, got, NULL, convert, 1, &c->safe_record);
    if (!wrong)
        wrong = convert_to(bytes, got, boot_id, convert, 2, &c->record);
    c->old = !wrong;
    c->sequence = 2;
    return wrong;
}

/* -- the whole ----------------------------------------------------------------------------------
 */

int journal_read(int fd, const char *dir, const guint8 boot_id[16], TaggedConvert convert,
                 JournalContents *c, GError **error)
{
    const char *wrong[JOURNAL_SLOTS];
    guint64 best[2] = {0};
    struct stat st;

    *c = (JournalContents){.newest = JOURNAL_NO_SLOT, .safe = JOURNAL_NO_SLOT};
    if (fstat(fd, &st) < 0)
        return files_fail(error, errno, "cannot stat %s/" JOURNAL_FILE, dir);
    if (st.st_size > (off_t)JOURNAL_SLOTS * JOURNAL_MAX)
        return files_fail(error, EINVAL, "%s/" JOURNAL_FILE " is too large", dir);
    c->slot_size = (gsize)st.st_size / JOURNAL_SLOTS / JOURNAL_BLOCK * JOURNAL_BLOCK;
    c->slot_size = MAX(c->slot_size, JOURNAL_BLOCK);
    for (guint i = 0; i < JOURNAL_SLOTS; i++)
        wrong[i] = read_slot(fd, i, boot_id, c, best);
    if (c->newest != JOURNAL_NO_SLOT)
        return 0;
    if (convert && c->sequence == 0 && !read_old(fd, boot_id, convert, c))
        return 0;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s/" JOURNAL_FILE ": no valid record (slot 1: %s, slot 2: %s, slot 3: %s)", dir,
                wrong[0], wrong[1], wrong[2]);
    return EINVAL;
}

void journal_contents_clear(JournalContents *c)
{
    g_clear_pointer(&c->record, g_byte_array_unref);
    g_clear_pointer(&c->safe_record, g_byte_array_unref);
}
