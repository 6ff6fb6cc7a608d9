/* verify.c - is the server's dump the machine's memory, byte for byte?
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/verify.h"

#include "sim/dumpfind.h"
#include "sim/elfread.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_SIZE 65536
static void G_GNUC_PRINTF(2, 3) differ(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, text);
}

static gboolean page_equal(const Ram *ram, guint32 index, guint32 pfn, const guint8 *page,
                           guint32 *at)
{
    guint8 chunk[WIRE_CHUNK_SIZE];

    for (*at = 0; *at < ram_page_size(ram); *at += WIRE_CHUNK_SIZE) {
        ram_read(ram, index, pfn, *at, chunk);
        if (memcmp(chunk, page + *at, sizeof(chunk)) == 0)
            continue;
        guint same = 0;
        while (chunk[same] == page[*at + same])
            same++;
        *at += same;
        return FALSE;
    }
    return TRUE;
}

static gboolean compare_pages(int fd, const char *path, const Ram *ram, guint32 index,
                              guint64 offset, GError **error)
{
    guint32 page_size = ram_page_size(ram), n = ram_pages(ram), wrong = 0, first = 0, first_at = 0;
    g_autofree guint8 *page = g_malloc(page_size);

    for (guint32 pfn = 0; pfn < n; pfn++) {
        guint64 place = offset + (guint64)pfn * page_size;
        gssize have = dump_read(fd, page, page_size, place);
        guint32 at;

        if (have != (gssize)page_size) {
            differ(error, "%s: cannot read page 0x%x: %s", path, pfn,
                   have < 0 ? g_strerror(errno) : "file too short");
            return FALSE;
        }
        if (page_equal(ram, index, pfn, page, &at))
            continue;
        if (wrong++ == 0) {
            first = pfn;
            first_at = at;
        }
    }
    if (wrong > 0)
        differ(error, "%s: %u of %u pages differ, the first is page 0x%x at byte %u", path, wrong,
               n, first, first_at);
    return wrong == 0;
}

static gboolean compare(int fd, const char *path, const MachineSetup *setup, const Machine *machine,
                        guint32 index, GError **error)
{
    const Ram *ram = setup->ram;
    /* The oldest clients tell neither; every i386 kernel of theirs was mapped at the same place. */
    ElfExpected expected = {.page_offset =
                                setup->oldest ? setup->model->page_offset : setup->page_offset,
                            .task = setup->oldest ? 0 : machine_stats(machine)->task,
                            .n_pages = ram_pages(ram),
                            .ram_pages = ram_present(ram),
                            .page_size = ram_page_size(ram),
                            .regs = machine_regs(machine),
                            .regs_size = model_regs_size(setup->model, setup->generation)};
    if ((setup->extensions & WIRE_EXT_DATA) && setup->model->machine == WIRE_MACHINE_X86_64)
        expected.vmcoreinfo = extra_vmcoreinfo();
    g_autofree guint8 *head = g_malloc0(HEAD_SIZE);
    gssize have = dump_read(fd, head, HEAD_SIZE, 0);
    guint64 offset = 0;
    struct stat st;

    if (have < 0 || fstat(fd, &st) != 0) {
        differ(error, "%s: %s", path, g_strerror(errno));
        return FALSE;
    }
    g_autofree char *wrong = elf_check(setup->model, &expected, head, (gsize)have, &offset);
    if (wrong) {
        differ(error, "%s: %s", path, wrong);
        return FALSE;
    }
    guint64 size = offset + (guint64)expected.n_pages * expected.page_size;
    if ((guint64)st.st_size != size) {
        differ(error, "%s: %" G_GUINT64_FORMAT " bytes, not %" G_GUINT64_FORMAT, path,
               (guint64)st.st_size, size);
        return FALSE;
    }
    return compare_pages(fd, path, ram, index, offset, error);
}

gboolean verify_dump(const char *dumpdir, const MachineSetup *setup, const Machine *machine,
                     guint32 index, gint64 since, gint64 wait_us, GError **error)
{
    const char *address = port_address(machine_port(machine));
    g_autoptr(GPtrArray) files = dump_find(dumpdir, address, since, wait_us, error);

    for (guint i = 0; files && i < files->len; i++) {
        const char *path = g_ptr_array_index(files, i);
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        g_clear_error(error);
        if (fd < 0) {
            differ(error, "%s: %s", path, g_strerror(errno));
            continue;
        }
        gboolean equal = compare(fd, path, setup, machine, index, error);
        (void)close(fd);
        if (equal)
            return TRUE;
    }
    return FALSE;
}
