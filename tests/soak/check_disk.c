/* check_disk.c - what must hold of files and of what the journal says. See check.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/check.h"

#include "core/base/page_set.h"
#include "core/netdump/tags.h"
#include "core/netdump/window.h"

#include <string.h>

void check_dir(World *w, const DumpFiles *f, const char *action)
{
    if (!f->dump || !f->open || f->closed)
        world_fail(w, "%s without a directory", action);
}

void check_file(World *w, const DumpFiles *f, const char *action)
{
    check_dir(w, f, action);
    if (!f->in_use)
        world_fail(w, "%s without a file", action);
}

/* -- the file ---------------------------------------------------------------------------------- */

void check_open_file(World *w, const DumpFiles *f, const Session *s)
{
    const SessionFile *file = &s->facts.file;
    guint64 pages = file->page_size > 0 ? (file->size - file->header_size) / file->page_size : 0;

    check_dir(w, f, "OPEN_FILE");
    if (f->opening)
        world_fail(w, "OPEN_FILE, and again");
    if (file->page_size < 4096 || file->header_size < 4096 || file->header_size > 65536 ||
        file->size != file->header_size + pages * file->page_size)
        world_fail(w, "a file of %" G_GUINT64_FORMAT " bytes", file->size);
    if (f->model->kernel->crash && !f->dump->renamed && pages > G_MAXUINT32)
        world_fail(w, "a file of %" G_GUINT64_FORMAT " pages", pages);
}

/* It is what the client has there, and was sent. */
static void check_bytes(World *w, const DumpFiles *f, guint32 pfn, guint32 at, const guint8 *data,
                        gsize len)
{
    guint8 right[WIRE_CHUNK_SIZE];

    for (gsize i = 0; i < len; i += sizeof right) {
        kernel_memory(f->dump->crash, pfn, at + (guint32)i, right);
        if (memcmp(right, data + i, sizeof right) != 0)
            world_fail(w, "page 0x%x at 0x%x is stored with what is not in it", pfn,
                       at + (guint32)i);
    }
}

void check_store(World *w, const DumpFiles *f, guint64 offset, const guint8 *data, gsize len,
                 guint32 *index, guint64 *mask)
{
    guint64 rest = offset - f->file.header_size;
    guint32 page_size = f->file.page_size, at;
    guint64 pfn;

    check_file(w, f, "STORE");
    if (f->whole || f->partial)
        world_fail(w, "STORE after FINISH");
    if (!clients_by_id(w->clients, f->client)->slot)
        world_fail(w, "STORE without a slot");
    pfn = rest / page_size;
    at = (guint32)(rest % page_size);
    if (offset < f->file.header_size || offset + len > f->file.size || len == 0 ||
        len % WIRE_CHUNK_SIZE != 0 || at % WIRE_CHUNK_SIZE != 0 || at + len > page_size)
        world_fail(w, "%" G_GSIZE_FORMAT " bytes are stored at %" G_GUINT64_FORMAT, len, offset);
    if (!kernel_ram(f->dump->crash, (guint32)pfn, index))
        world_fail(w, "page 0x%x is stored, but is no RAM", (guint32)pfn);
    check_bytes(w, f, (guint32)pfn, at, data, len);
    if (f->waiting > WINDOW_AHEAD)
        world_fail(w, "%u pages wait for the disk", f->waiting);
    len /= WIRE_CHUNK_SIZE;
    *mask = (len == 64 ? G_MAXUINT64 : ((guint64)1 << len) - 1) << at / WIRE_CHUNK_SIZE;
}

void check_whole(World *w, const Dump *d)
{
    for (guint32 i = 0; i < d->crash->n_ram; i++)
        if (!disk_has(d, i))
            world_fail(w, "dump %u is said to be whole, but page %u of RAM is not", d->number, i);
}

/* -- the journal ------------------------------------------------------------------------------- */

void check_reader(World *w, const Record *record, TaggedReader *reader)
{
    gsize used = 0;
    const char *why = tagged_reader_init(reader, record->bytes, record->len, &used);

    if (why || used != record->len)
        world_fail(w, "a record cannot be read: %s", why ? why : "length");
}

/* Pages of RAM in first..end-1 are in the file. */
static void check_done(World *w, const Dump *d, const Range *r, guint64 first, guint64 end)
{
    for (guint64 pfn = first; pfn < end; pfn++) {
        if (!disk_has(d, r->index + (guint32)(pfn - r->first)))
            world_fail(w, "dump %u: page 0x%x is journaled as done, but not in the file", d->number,
                       (guint32)pfn);
    }
}

static void check_missing(World *w, const Dump *d, const PageSet *missing)
{
    for (guint i = 0; i < d->crash->n_ranges; i++) {
        const Range *r = &d->crash->ranges[i];
        guint64 at = r->first, last = (guint64)r->last + 1, first, end;

        while (at < last && page_set_next_range(missing, at, &first, &end)) {
            check_done(w, d, r, at, MIN(first, last));
            at = MAX(at, end);
        }
        check_done(w, d, r, at, last);
    }
}

/* NULL: nothing is done. */
static PageSet *missing_of(World *w, const TaggedReader *t)
{
    g_autoptr(PageSet) set = page_set_new();
    guint64 nr_pages = 0;
    const guint8 *bytes;
    gsize len;

    bytes = tagged_find(t, NETDUMP_TAG_MISSING, &len);
    if (!bytes || !tagged_number(t, NETDUMP_TAG_NR_PAGES, &nr_pages))
        return NULL;
    if (!page_set_decode(set, bytes, len, nr_pages))
        world_fail(w, "the journal's set of pages cannot be read");
    return g_steal_pointer(&set);
}

static guint64 state_of(const TaggedReader *t)
{
    guint64 state = RECORD_DUMPING;

    (void)tagged_number(t, NETDUMP_TAG_STATE, &state);
    return state;
}

void check_record(World *w, const Dump *d, const Record *record)
{
    TaggedReader t;
    PageSet *missing;

    check_reader(w, record, &t);
    if (d->renamed || record->lost || state_of(&t) == RECORD_REBOOTING)
        return;
    missing = missing_of(w, &t);
    if (missing)
        check_missing(w, d, missing);
    page_set_free(missing);
}

/* What is done need not be requested any more, and the other way round. */
static void check_bytes_done(World *w, const Session *s, const TaggedReader *t)
{
    PageSet *missing = missing_of(w, t);
    const SessionFacts *f = &s->facts;
    guint64 left;

    if (!missing)
        return;
    left = page_set_count(missing) * f->file.page_size;
    page_set_free(missing);
    if (f->bytes_done + left != f->bytes_total)
        world_fail(w,
                   "%" G_GUINT64_FORMAT " bytes are done, %" G_GUINT64_FORMAT
                   " missing, of %" G_GUINT64_FORMAT,
                   f->bytes_done, left, f->bytes_total);
}

void check_journal(World *w, const DumpFiles *f, const Session *s, const Record *record,
                   gboolean after_info)
{
    TaggedReader t;

    check_record(w, f->dump, record);
    check_reader(w, record, &t);
    if (state_of(&t) != RECORD_REBOOTING) {
        if (f->model->ended)
            world_fail(w, "what has ended is journaled as if it went on");
        check_bytes_done(w, s, &t);
    } else if (!after_info && f->infos_written < f->infos) {
        world_fail(w, "journaled as over before info is written");
    }
}

/* -- info -------------------------------------------------------------------------------------- */

static void look(gpointer user, const char *key, const char *value)
{
    if (!key[0] || strpbrk(key, " :=\n") || !value || strchr(value, '\n'))
        world_fail(user, "info has \"%s\": \"%s\"", key, value ? value : "(none)");
}

void check_describe(World *w, const Session *s)
{
    s->ops->describe(s, look, w);
}
