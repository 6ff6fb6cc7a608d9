/* extra.c - the extensions of client/PROTOCOL, as a client with a current kernel has them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "../../client/module/pack.h"
#include "sim/machine_internal.h"

#include <string.h>

#define PACKED_MAX   1439 /* payload of a PACKED reply */
#define PIECE_MAX    4096 /* bytes of memory in one */
#define ZERO_RUN_MAX 1024 /* pages that one ZERO reply stands for */

const char *extra_vmcoreinfo(void)
{
    return "OSRELEASE=5.14.0-simulated\nPAGESIZE=4096\nKERNELOFFSET=0\n";
}

const char *extra_start_text(const Machine *m, char *out, gsize size)
{
    out[0] = '\0';
    if (m->setup->extensions)
        (void)g_snprintf(out, size, " extensions:0x%x vmcoreinfo:0x%x cpu:0x0 release:5.14.0",
                         m->setup->extensions, (guint)strlen(extra_vmcoreinfo()));
    return out;
}

/* -- GET_DATA ------------------------------------------------------------------------------------
 */

static void add_pair(GByteArray *map, guint32 first, guint32 end)
{
    guint32 pair[] = {GUINT32_TO_BE(first), GUINT32_TO_BE(end)};

    g_byte_array_append(map, (const guint8 *)pair, sizeof pair);
}

static void add_map(GByteArray *map, const Ram *ram)
{
    guint32 pfn = ram_is_hole(ram, 0) ? ram_next(ram, 0) : 0, first = pfn;

    for (guint32 next = pfn; next || pfn == first; pfn = next) {
        next = ram_next(ram, pfn);
        if (next != pfn + 1) {
            add_pair(map, first, pfn + 1);
            first = next;
        }
        if (next == 0)
            break;
    }
}

void extra_get_data(Machine *m, const Request *r)
{
    GByteArray *data = g_byte_array_new();

    if (r->to == WIRE_DATA_VMCOREINFO)
        g_byte_array_append(data, (const guint8 *)extra_vmcoreinfo(),
                            (guint)strlen(extra_vmcoreinfo()));
    else if (r->to == WIRE_DATA_RAM)
        add_map(data, m->setup->ram);
    if (r->from > data->len || r->from % 8 != 0)
        answer_reply(m, r->nr, WIRE_CODE_ERROR, r->command, "no such data\n", 13);
    else
        answer_reply(m, r->nr, WIRE_CODE_DATA, data->len, data->data + r->from,
                     MIN(data->len - r->from, WIRE_CHUNK_SIZE));
    g_byte_array_unref(data);
}

/* -- pages ---------------------------------------------------------------------------------------
 */

static void read_page(const Machine *m, guint32 pfn, guint8 *page)
{
    guint32 at = 0;

    do {
        ram_read(m->setup->ram, m->index, pfn, at, page + at);
        at += WIRE_CHUNK_SIZE;
    } while (at < ram_page_size(m->setup->ram));
}

static gboolean is_zero(const guint8 *page, gsize size)
{
    return page[0] == 0 && memcmp(page, page + 1, size - 1) == 0;
}

/* Pages from pfn on, which is zero, that are zero too. */
static guint32 zero_run(Machine *m, guint32 pfn)
{
    guint8 page[LIMIT_PAGE_SIZE_MAX];
    guint32 n = 1;

    while (n < ZERO_RUN_MAX && ram_next(m->setup->ram, pfn + n - 1) == pfn + n) {
        read_page(m, pfn + n, page);
        if (!is_zero(page, ram_page_size(m->setup->ram)))
            break;
        n++;
    }
    return n;
}

static guint32 send_packed(Machine *m, guint32 nr, const guint8 *page, guint32 at)
{
    static struct nd_pack_space space;
    guint8 block[PACKED_MAX];

    for (guint32 piece = PIECE_MAX; piece > WIRE_CHUNK_SIZE; piece /= 2) {
        guint len = at % piece ? 0 : nd_pack(&space, page + at, piece, block, sizeof block);

        if (len == 0)
            continue;
        answer_reply(m, nr, WIRE_CODE_PACKED, at | (piece / WIRE_CHUNK_SIZE) << 16, block, len);
        return piece;
    }
    return 0;
}

gboolean extra_send_page(Machine *m, guint32 nr, guint32 pfn)
{
    guint8 page[LIMIT_PAGE_SIZE_MAX];
    guint32 size = ram_page_size(m->setup->ram), sent;

    if (!(m->extensions & (WIRE_EXT_ZERO | WIRE_EXT_PACKED)))
        return FALSE;
    read_page(m, pfn, page);
    if ((m->extensions & WIRE_EXT_ZERO) && is_zero(page, size)) {
        answer_reply(m, nr, WIRE_CODE_ZERO, zero_run(m, pfn), "", 0);
        return TRUE;
    }
    if (!(m->extensions & WIRE_EXT_PACKED))
        return FALSE;
    for (guint32 at = 0; at < size; at += sent) {
        sent = send_packed(m, nr, page, at);
        if (sent == 0) {
            answer_reply(m, nr, WIRE_CODE_MEM, at, page + at, WIRE_CHUNK_SIZE);
            sent = WIRE_CHUNK_SIZE;
        }
    }
    return TRUE;
}
