/* fuzz-wire.c - any bytes as a datagram: a fault, or a message that lies inside the datagram and
 * keeps what wire.h promises.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/wire.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(gboolean right)
{
    if (!right)
        __builtin_trap();
}

static void check(const WireMessage *m, const guint8 *datagram, gsize len)
{
    must(m->version <= WIRE_VERSION_MAX && m->kind <= WIRE_MSG_PACKED);
    must(m->version == 0 ? m->kind == WIRE_MSG_TEXT : len >= WIRE_HEADER_SIZE);
    must(!m->data ? m->len == 0 : m->data >= datagram && m->data + m->len <= datagram + len);
    switch (m->kind) {
    case WIRE_MSG_MEM:
        must(m->len == WIRE_CHUNK_SIZE);
        must(m->info % WIRE_CHUNK_SIZE == 0 && m->info < LIMIT_PAGE_SIZE_MAX);
        break;
    case WIRE_MSG_PACKED:
        must(m->size % WIRE_CHUNK_SIZE == 0 && m->size > 0 && m->size <= WIRE_PIECE_MAX);
        must(m->info % WIRE_CHUNK_SIZE == 0 && m->info + m->size <= LIMIT_PAGE_SIZE_MAX);
        break;
    case WIRE_MSG_START:
        must(len >= 2 * WIRE_REQUEST_SIZE);
        must(!m->start.oldest || m->start.machine == WIRE_MACHINE_I386);
        break;
    case WIRE_MSG_TEXT:
        (void)wire_text_announces_start(m->data, m->len);
        break;
    default:
        break;
    }
}

/* What was packed parses, and the same the other way round. */
static void check_request(const guint8 *bytes, gsize len)
{
    WireRequest request;
    guint8 again[WIRE_REQUEST_SIZE];

    must(wire_parse_request(bytes, len, &request) == (len >= WIRE_REQUEST_SIZE));
    if (len < WIRE_REQUEST_SIZE)
        return;
    wire_pack_request(&request, again);
    must(memcmp(again, bytes, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* As long as it is and no longer, so that ASan sees a byte more. */
    g_autofree guint8 *datagram = g_malloc(MAX(size, 1));
    WireMessage m;
    WireMessage before;
    DatagramFault fault;

    memcpy(datagram, data, size);
    memset(&m, 0x5a, sizeof m);
    before = m;
    fault = wire_parse(datagram, size, &m);
    must(fault < DATAGRAM_N_FAULTS && *datagram_fault_name(fault));
    if (fault == DATAGRAM_OK)
        check(&m, datagram, size);
    else
        must(memcmp(&m, &before, sizeof m) == 0);
    must(size <= WIRE_MAX_SIZE || fault == DATAGRAM_LONG);
    check_request(datagram, size);
    return 0;
}
