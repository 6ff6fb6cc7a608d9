/* elf_kdump.c - the header of a dump file in the format of kdump, for clients with current kernels.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/format/elf_kdump.h"

#include "core/base/bytes.h"

#include <elf.h>
#include <string.h>

#define CPUS_MAX      32 /* notes of processors; with a higher number only the one that crashed */
#define EHDR_SIZE     ((guint32)sizeof(Elf64_Ehdr))
#define PHDR_SIZE     ((guint32)sizeof(Elf64_Phdr))
#define NAME_CORE     "CORE"
#define NAME_INFO     "VMCOREINFO"
#define PRSTATUS_SIZE 336u /* x86_64's elf_prstatus */
#define PID_OFFSET    32u
#define REGS_OFFSET   112u
#define REGS_SIZE     216u

/* x86_64: where the kernel's image is mapped besides the map of all memory. Its end is not in
 * VMCOREINFO. */
#define IMAGE_BASE G_GUINT64_CONSTANT(0xffffffff80000000)
#define IMAGE_END  G_GUINT64_CONSTANT(0xffffffffc0000000)
#define IMAGE_MAX  (G_GUINT64_CONSTANT(128) << 20)

typedef struct {
    guint64 vaddr, paddr, size; /* bytes; size 0 = not known */
} Image;

/* Where the next field goes; little-endian, as x86_64, the only supported one. */
typedef struct {
    guint8 *at;
} Pen;

static void put(Pen *pen, guint64 value, guint size)
{
    bytes_put_le(pen->at, value, size);
    pen->at += size;
}

static guint32 round4(guint32 n)
{
    return (n + 3) & ~3u;
}

static guint32 note_size(const char *name, guint32 desc_size)
{
    return (guint32)sizeof(Elf64_Nhdr) + round4((guint32)strlen(name) + 1) + round4(desc_size);
}

/* crash(8) and drgn go by the order of the notes: the n-th is processor n's. drgn takes the first
 * one for that of the task that crashed. Of the other processors nothing is known, so all notes up
 * to the crashed one's are alike. */
static guint32 n_cpus(const ElfSpec *spec)
{
    return spec->kernel.cpu < CPUS_MAX ? spec->kernel.cpu + 1 : 1;
}

static guint32 notes_size(const ElfSpec *spec)
{
    return n_cpus(spec) * note_size(NAME_CORE, PRSTATUS_SIZE) +
           note_size(NAME_INFO, spec->kernel.vmcoreinfo_len) +
           (spec->partial ? note_size(NAME_CORE, 4) : 0);
}

G_STATIC_ASSERT(sizeof(Elf64_Ehdr) + (2 + KERNEL_INFO_RANGES_MAX) * sizeof(Elf64_Phdr) +
                    (CPUS_MAX + (gsize)1) * (20 + PRSTATUS_SIZE) + 24 +
                    KERNEL_INFO_VMCOREINFO_MAX <=
                ELF_KDUMP_SIZE);

gboolean elf_kdump_applies(const ElfSpec *spec)
{
    return spec->machine == EM_X86_64 && kernel_info_usable(&spec->kernel, spec->nr_pages);
}

/* Readers that walk page tables by themselves begin in the image. */
static Image find_image(const ElfSpec *spec)
{
    Image image = {0};
    guint64 stext, phys_base;

    if (!kernel_info_number(&spec->kernel, "SYMBOL(_stext)", &stext) ||
        !kernel_info_number(&spec->kernel, "NUMBER(phys_base)", &phys_base) || stext < IMAGE_BASE ||
        stext >= IMAGE_END)
        return image;
    image.vaddr = stext;
    image.paddr = stext - IMAGE_BASE + phys_base;
    for (guint32 i = 0; i < spec->kernel.n_ranges; i++) {
        guint64 first = (guint64)spec->kernel.ranges[i].first * spec->page_size;
        guint64 end = (guint64)spec->kernel.ranges[i].end * spec->page_size;

        if (image.paddr >= first && image.paddr < end && image.paddr % spec->page_size == 0)
            image.size = MIN(MIN(end - image.paddr, IMAGE_END - stext), IMAGE_MAX);
    }
    return image;
}

static void put_ehdr(Pen *pen, const ElfSpec *spec, guint32 n_headers)
{
    memcpy(pen->at, ELFMAG, SELFMAG);
    pen->at[EI_CLASS] = ELFCLASS64;
    pen->at[EI_DATA] = ELFDATA2LSB;
    pen->at[EI_VERSION] = EV_CURRENT;
    pen->at += EI_NIDENT;
    put(pen, ET_CORE, 2);
    put(pen, spec->machine, 2);
    put(pen, EV_CURRENT, 4);
    put(pen, 0, 8);         /* e_entry */
    put(pen, EHDR_SIZE, 8); /* e_phoff */
    put(pen, 0, 8);         /* e_shoff */
    put(pen, 0, 4);         /* e_flags */
    put(pen, EHDR_SIZE, 2);
    put(pen, PHDR_SIZE, 2);
    put(pen, n_headers, 2);
    put(pen, 0, 6); /* e_shentsize, e_shnum, e_shstrndx */
}

static void put_note_phdr(Pen *pen, const ElfSpec *spec, guint32 offset)
{
    put(pen, PT_NOTE, 4);
    put(pen, 0, 4);
    put(pen, offset, 8);
    put(pen, 0, 8);
    put(pen, 0, 8);
    put(pen, notes_size(spec), 8);
    put(pen, notes_size(spec), 8);
    put(pen, 0, 8);
}

static void put_load_phdr(Pen *pen, guint64 vaddr, guint64 paddr, guint64 size)
{
    put(pen, PT_LOAD, 4);
    put(pen, PF_R | PF_W | PF_X, 4);
    put(pen, ELF_KDUMP_SIZE + paddr, 8);
    put(pen, vaddr, 8);
    put(pen, paddr, 8);
    put(pen, size, 8);
    put(pen, size, 8);
    put(pen, 0, 8); /* p_align: crash(8) recognizes a kdump by it */
}

/* Leaves the pen at the desc. */
static void put_note_head(Pen *pen, const char *name, guint32 type, guint32 desc_size)
{
    guint32 name_size = (guint32)strlen(name) + 1;

    put(pen, name_size, 4);
    put(pen, desc_size, 4);
    put(pen, type, 4);
    memcpy(pen->at, name, name_size);
    pen->at += round4(name_size);
}

static void put_notes(Pen *pen, const ElfSpec *spec)
{
    guint32 n = n_cpus(spec);

    for (guint32 cpu = 0; cpu < n; cpu++) {
        put_note_head(pen, NAME_CORE, NT_PRSTATUS, PRSTATUS_SIZE);
        put(&(Pen){pen->at + PID_OFFSET}, spec->kernel.pid, 4);
        memcpy(pen->at + REGS_OFFSET, spec->regs, MIN(spec->regs_len, REGS_SIZE));
        pen->at += PRSTATUS_SIZE;
    }
    put_note_head(pen, NAME_INFO, 0, spec->kernel.vmcoreinfo_len);
    memcpy(pen->at, spec->kernel.vmcoreinfo, spec->kernel.vmcoreinfo_len);
    pen->at += round4(spec->kernel.vmcoreinfo_len);
    if (spec->partial) {
        put_note_head(pen, NAME_CORE, ELF_PARTIAL, 4);
        put(pen, 1, 4);
    }
}

void elf_kdump_build(const ElfSpec *spec, guint8 *out)
{
    Pen pen = {out};
    Image image = find_image(spec);
    guint32 n_headers = (image.size > 0 ? 2 : 1) + spec->kernel.n_ranges;

    memset(out, 0, ELF_KDUMP_SIZE);
    put_ehdr(&pen, spec, n_headers);
    put_note_phdr(&pen, spec, EHDR_SIZE + n_headers * PHDR_SIZE);
    if (image.size > 0)
        put_load_phdr(&pen, image.vaddr, image.paddr, image.size);
    for (guint32 i = 0; i < spec->kernel.n_ranges; i++) {
        const KernelInfoRange *range = &spec->kernel.ranges[i];
        guint64 address = (guint64)range->first * spec->page_size;

        put_load_phdr(&pen, spec->page_offset + address, address,
                      (guint64)(range->end - range->first) * spec->page_size);
    }
    put_notes(&pen, spec);
}

/* -- reading it back ----------------------------------------------------------------------------
 */

static gboolean read_ranges(ElfSpec *spec, const guint8 *bytes, guint32 n)
{
    const guint8 *phdr = bytes + EHDR_SIZE + PHDR_SIZE;

    if (n > 0 && bytes_get_le64(phdr + 16) >= IMAGE_BASE) {
        phdr += PHDR_SIZE;
        n--;
    }
    if (n == 0 || n > KERNEL_INFO_RANGES_MAX)
        return FALSE;
    for (guint32 i = 0; i < n; i++, phdr += PHDR_SIZE) {
        guint64 first = bytes_get_le64(phdr + 24) / spec->page_size;
        guint64 end = first + bytes_get_le64(phdr + 40) / spec->page_size;

        if (first > G_MAXUINT32 || end > G_MAXUINT32)
            return FALSE;
        spec->kernel.ranges[i] = (KernelInfoRange){(guint32)first, (guint32)end};
    }
    spec->kernel.n_ranges = n;
    return TRUE;
}

static gboolean read_notes(ElfSpec *spec, const guint8 *bytes, guint32 n_headers)
{
    guint32 at = EHDR_SIZE + n_headers * PHDR_SIZE;
    guint32 core = note_size(NAME_CORE, PRSTATUS_SIZE);
    guint32 info = note_size(NAME_INFO, 0), len;

    for (guint32 cpu = 0; cpu < CPUS_MAX && bytes_get_le32(bytes + at + 8) == NT_PRSTATUS; cpu++) {
        spec->kernel.cpu = cpu;
        spec->kernel.pid = bytes_get_le32(bytes + at + note_size(NAME_CORE, PID_OFFSET));
        at += core;
    }
    len = bytes_get_le32(bytes + at + 4);
    if (len == 0 || len > KERNEL_INFO_VMCOREINFO_MAX)
        return FALSE;
    memcpy(spec->kernel.vmcoreinfo, bytes + at + info, len);
    spec->kernel.vmcoreinfo_len = len;
    return TRUE;
}

/* Whatever is read here is only believed if it gives the same bytes again. */
static gboolean gives(const ElfSpec *spec, gboolean partial, const guint8 *bytes)
{
    g_autofree guint8 *built = g_malloc(ELF_KDUMP_SIZE);
    ElfSpec copy = *spec;

    copy.partial = partial;
    elf_kdump_build(&copy, built);
    return memcmp(built, bytes, ELF_KDUMP_SIZE) == 0;
}

gboolean elf_kdump_read(ElfSpec *spec, const guint8 bytes[ELF_KDUMP_SIZE])
{
    guint32 n_headers = bytes_get_le16(bytes + 56);

    if (memcmp(bytes, ELFMAG, SELFMAG) == 0 && n_headers > 0 &&
        read_ranges(spec, bytes, n_headers - 1) && read_notes(spec, bytes, n_headers) &&
        elf_kdump_applies(spec) && (gives(spec, TRUE, bytes) || gives(spec, FALSE, bytes)))
        return TRUE;
    memset(&spec->kernel, 0, sizeof spec->kernel);
    return FALSE;
}
