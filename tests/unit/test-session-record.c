/* test-session-record.c - what a session writes down for the next server, and what that makes of
 * it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/elf_kdump.h"
#include "unit/rig-journal.h"

static void keep(gpointer user, const char *key, const char *value)
{
    g_hash_table_insert(user, g_strdup(key), g_strdup(value));
}

/* What a session writes down is what the next one begins with. */
static void test_round_trip(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal);
    TaggedWriter fields = tagged_writer_new();
    guint32 first;
    g_autoptr(GHashTable) told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = TRUE});
    rig_found(&r);
    first = rig_sent(r.last, WIRE_CMD_SEND_MEM).nr - (CONGESTION_START - 1);
    rig_page(&r, first + 1); /* in any order */
    rig_stored(&r, first + 1);
    rig_page(&r, first); /* whole, but not stored */
    rig_packet(&r, WIRE_CODE_RESERVED, first + 2, 64);
    r.c->ops->record(r.c, &fields);
    {
        g_auto(Rig) next = rig_resumed_with(fields);

        g_assert_cmpuint(rig_done(&next), ==, 62);
        g_assert_cmpuint(rig_facts(&next)->bytes_total, ==, 100 * 4096);
        g_assert_cmpuint(rig_facts(&next)->bytes_needed, ==, 100 * 4096);
        g_assert_cmpuint(rig_facts(&next)->bytes_before, ==, 61 * 4096);
        g_assert_cmpuint(rig_facts(&next)->file.size, ==, 101 * 4096);
        rig_event(&next, (Event){.kind = EVENT_FILE, .ok = TRUE});
        rig_found(&next);
        g_assert_cmpuint(rig_sent(next.last, WIRE_CMD_SEND_MEM).from, ==, 65);
        for (guint i = 0, n = 0; i < next.last->len; i++) {
            static const guint32 pfns[CONGESTION_START] = {60, 63, 64, 65};
            const Action *a = &g_array_index(next.last, Action, i);

            if (a->kind == ACTION_SEND)
                g_assert_cmpuint(rig_request(a).from, ==, pfns[n++]);
        }
        next.c->ops->describe(next.c, keep, told);
        g_assert_cmpstr(g_hash_table_lookup(told, "pages"), ==, "100");
    }
}

/* Of a file that is open, and of which no page was requested, all pages are missing; a set that is
 * absent says the same. */
static void test_all_missing(void)
{
    RigJournal journal = rig_journal(100, 60);
    g_auto(Rig) r = rig_resumed(&journal);
    TaggedWriter fields = tagged_writer_new();

    rig_event(&r, (Event){.kind = EVENT_FILE, .ok = FALSE});
    r.c->ops->record(r.c, &fields);
    {
        g_auto(Rig) next = rig_resumed_with(fields);

        g_assert_cmpuint(rig_done(&next), ==, 0);
        rig_event(&next, (Event){.kind = EVENT_FILE, .ok = TRUE});
        rig_found(&next);
        g_assert_cmpuint(rig_sent(next.last, WIRE_CMD_SEND_MEM).from, ==, CONGESTION_START - 1);
    }
}

/* The kernel is in no field, but in the header of the file. */
static void test_kernel(void)
{
    for (guint broken = 0; broken < 2; broken++) {
        static const char text[] = "OSRELEASE=6.1.0-1-amd64\n";
        RigJournal journal = rig_journal(100, 60);
        SessionSpec spec = rig_spec();
        TaggedWriter w = rig_pack(&journal);
        TaggedReader fields;
        g_autofree guint8 *header = g_malloc0(ELF_KDUMP_SIZE), *again = g_malloc0(ELF_KDUMP_SIZE);
        SessionRemains remains = {
            .fields = &fields, .dir = TRUE, .header = header, .header_len = ELF_KDUMP_SIZE};
        ElfSpec elf = {.machine = WIRE_MACHINE_X86_64,
                       .page_size = 4096,
                       .nr_pages = 100,
                       .page_offset = journal.start.page_offset,
                       .partial = TRUE,
                       .kernel = {.cpu = 2, .n_ranges = 1, .ranges = {{0, 100}}}};
        g_auto(Rig) r = rig_empty();
        const char *why = NULL;
        gsize used;

        elf_netdump_set_regs(&elf, journal.regs, sizeof journal.regs);
        elf.kernel.vmcoreinfo_len = sizeof text - 1;
        memcpy(elf.kernel.vmcoreinfo, text, sizeof text - 1);
        elf_netdump_build(&elf, header);
        header[ELF_KDUMP_SIZE - 1] ^= broken ? 1 : 0;
        tagged_writer_seal(&w);
        g_assert_null(tagged_reader_init(&fields, w.bytes->data, w.bytes->len, &used));
        r.c = netdump_session_ops.restore(&spec, &remains, r.now, &why);
        g_assert_null(why);
        tagged_writer_clear(&w);
        if (broken) {
            g_assert_cmpuint(rig_facts(&r)->file.header_size, ==, 4096);
            g_assert_cmpstr(rig_facts(&r)->system, ==, "x86_64");
            continue;
        }
        g_assert_cmpuint(rig_facts(&r)->file.header_size, ==, ELF_KDUMP_SIZE);
        g_assert_cmpstr(rig_facts(&r)->system, ==, "x86_64, Linux 6.1.0-1-amd64");
        r.c->ops->header(r.c, TRUE, again);
        g_assert_cmpint(memcmp(again, header, ELF_KDUMP_SIZE), ==, 0);
    }
}

static void test_hostile_journal(void)
{
    static const guint8 bytes[LIMIT_REGS + 1];
    static const struct {
        const char *why;
        guint16 tag;
        guint64 value;
        gsize len; /* of bytes, in place of a number */
    } cases[] = {
        {"state", NETDUMP_TAG_STATE, 3, 0},
        {"machine", NETDUMP_TAG_MACHINE, 65536, 0},
        {"page size or ELF machine", NETDUMP_TAG_MACHINE, 4711, 0},
        {"page size or ELF machine", NETDUMP_TAG_PAGE_SIZE, 4097, 0},
        {"page size or ELF machine", NETDUMP_TAG_PAGE_SIZE, 131072, 0},
        {"size", NETDUMP_TAG_PAGE_SIZE, G_GUINT64_CONSTANT(0x100001000), 0},
        {"size", NETDUMP_TAG_NR_PAGES, G_GUINT64_CONSTANT(0x100000000), 0},
        {"page size or ELF machine", NETDUMP_TAG_NR_PAGES, 0, 0},
        {"missing pages", NETDUMP_TAG_NR_PAGES, 99, 0},
        {"missing pages", NETDUMP_TAG_MISSING, 0, 1},
        {"registers", NETDUMP_TAG_REGS, 0, LIMIT_REGS + 1},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        RigJournal journal = rig_journal(100, 60);
        TaggedWriter w = tagged_writer_new(), rest = rig_pack(&journal);
        const char *why = NULL;

        /* The first field with a tag is the one that counts. */
        if (cases[i].len > 0)
            tagged_add(&w, cases[i].tag, bytes, cases[i].len);
        else
            tagged_add_number(&w, cases[i].tag, cases[i].value);
        g_byte_array_append(w.bytes, rest.bytes->data + TAGGED_HEADER_SIZE,
                            rest.bytes->len - TAGGED_HEADER_SIZE);
        g_assert_null(rig_restore(&w, TRUE, (Mono){0}, &why));
        g_assert_cmpstr(why, ==, cases[i].why);
        tagged_writer_clear(&w);
        tagged_writer_clear(&rest);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/record/round-trip", test_round_trip);
    g_test_add_func("/session/record/all-missing", test_all_missing);
    g_test_add_func("/session/record/kernel", test_kernel);
    g_test_add_func("/session/record/hostile", test_hostile_journal);
    return g_test_run();
}
