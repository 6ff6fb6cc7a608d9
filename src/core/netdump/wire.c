/* wire.c - the netdump protocol: datagrams <-> typed messages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/wire.h"

#include "core/base/bytes.h"

#include <string.h>

#define REGS_TEXT_SIZE 23 /* strlen("Sending register info.\n"): the registers follow it */

static const struct {
    guint32 machine;
    const char *name;
    guint64 page_offset; /* of the Red Hat kernels, for clients that do not tell */
} machines[] = {
    {WIRE_MACHINE_I386, "i386", 0xc0000000},
    {WIRE_MACHINE_PPC64, "ppc64", 0xc000000000000000},
    {WIRE_MACHINE_IA64, "ia64", 0xe000000000000000},
    {WIRE_MACHINE_X86_64, "x86_64", 0x10000000000},
};

static gboolean is_space(guint8 c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
}

/* A console line may hold a stray byte, but most of a text is text. */
static gboolean looks_like_text(const guint8 *p, gsize len)
{
    gsize odd = 0;

    if (len == 0 || p[0] == '\0')
        return FALSE;
    for (gsize i = 0; i < len; i++)
        odd += (p[i] < ' ' && p[i] != '\033' && !is_space(p[i])) || p[i] == '\0' || p[i] == 0x7f;
    return odd <= len / 8;
}

/* "0x1f" (with or without 0x: always hexadecimal), at most 16 digits, and nothing after it. */
static gboolean parse_hex(const guint8 *p, gsize len, guint64 *out)
{
    guint64 v = 0;

    if (len > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        p += 2;
        len -= 2;
    }
    if (len == 0 || len > 16)
        return FALSE;
    for (gsize i = 0; i < len; i++) {
        int digit = g_ascii_xdigit_value((char)p[i]);

        if (digit < 0)
            return FALSE;
        v = v << 4 | (guint64)digit;
    }
    *out = v;
    return TRUE;
}

static void parse_start_pair(const guint8 *p, gsize len, WireStart *start)
{
    const struct {
        const char *key;
        guint64 *value;
    } keys[] = {
        {"task_struct:", &start->task},
        {"page_offset:", &start->page_offset},
        {"netdump_magic:", &start->magic},
        {"extensions:", &start->extensions},
        {"vmcoreinfo:", &start->vmcoreinfo},
        {"cpu:", &start->cpu},
        {"pid:", &start->pid},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        gsize key_len = strlen(keys[i].key);

        /* An invalid value leaves the default: refusing the START would leave a crashed client
         * hanging because of a field that the dump does not need. */
        if (len > key_len && memcmp(p, keys[i].key, key_len) == 0 &&
            parse_hex(p + key_len, len - key_len, keys[i].value))
            return;
    }
}

static WireStart parse_start(guint32 nr, guint32 info, const guint8 *p, gsize len)
{
    WireStart start = {.machine = info == 0 ? WIRE_MACHINE_I386 : nr, .oldest = info == 0};

    for (gsize i = 0; i < G_N_ELEMENTS(machines); i++)
        if (machines[i].machine == start.machine)
            start.page_offset = machines[i].page_offset;

    for (gsize from = 0; from < len;) {
        gsize to = from;

        while (to < len && !is_space(p[to]))
            to++;
        parse_start_pair(p + from, to - from, &start);
        from = to + 1;
    }
    return start;
}

/* The client sends strlen(buffer) + sizeof(registers) bytes of a buffer in which the registers
 * already follow the text, so the padding after the registers is as long as the registers' first
 * bytes without a zero. */
static DatagramFault parse_regs(const guint8 *payload, gsize len, WireMessage *m)
{
    const guint8 *nul = memchr(payload, '\0', len);
    gsize size = nul ? len - (gsize)(nul - payload) : 0;

    if (len < REGS_TEXT_SIZE || size > len - REGS_TEXT_SIZE)
        return DATAGRAM_PAYLOAD;
    m->data = payload + REGS_TEXT_SIZE;
    m->len = size;
    return DATAGRAM_OK;
}

static DatagramFault parse_mem(const guint8 *payload, gsize len, WireMessage *m)
{
    if (len < WIRE_CHUNK_SIZE)
        return DATAGRAM_SHORT;
    if (m->info % WIRE_CHUNK_SIZE != 0 || m->info >= LIMIT_PAGE_SIZE_MAX)
        return DATAGRAM_PAYLOAD;
    m->data = payload;
    m->len = WIRE_CHUNK_SIZE;
    return DATAGRAM_OK;
}

/* info: the offset in the low half, how many KiB it unpacks to in the high one. */
static DatagramFault parse_packed(const guint8 *payload, gsize len, WireMessage *m)
{
    guint32 kib = m->info >> 16;

    m->info &= 0xffff;
    if (m->info % WIRE_CHUNK_SIZE != 0 || kib == 0 || kib > WIRE_PIECE_MAX / WIRE_CHUNK_SIZE ||
        m->info + kib * WIRE_CHUNK_SIZE > LIMIT_PAGE_SIZE_MAX)
        return DATAGRAM_PAYLOAD;
    m->size = kib * WIRE_CHUNK_SIZE;
    m->data = payload;
    m->len = len;
    return DATAGRAM_OK;
}

static DatagramFault parse_start_reply(const guint8 *payload, gsize len, WireMessage *m)
{
    if (len < WIRE_START_MIN - WIRE_HEADER_SIZE)
        return DATAGRAM_PAYLOAD;
    m->start = parse_start(m->nr, m->info, payload, len);
    return DATAGRAM_OK;
}

static DatagramFault parse_payload(const guint8 *payload, gsize len, WireMessage *m)
{
    m->data = payload;
    m->len = len;
    return DATAGRAM_OK;
}

static DatagramFault parse_nothing(G_GNUC_UNUSED const guint8 *payload, G_GNUC_UNUSED gsize len,
                                   G_GNUC_UNUSED WireMessage *m)
{
    return DATAGRAM_OK;
}

/* Where parse is NULL no client sends the code. */
static const struct {
    WireKind kind;
    DatagramFault (*parse)(const guint8 *payload, gsize len, WireMessage *m);
} replies[] = {
    [WIRE_CODE_ERROR] = {WIRE_MSG_ERROR, parse_payload},
    [WIRE_CODE_LOG] = {WIRE_MSG_TEXT, parse_payload},
    [WIRE_CODE_MEM] = {WIRE_MSG_MEM, parse_mem},
    [WIRE_CODE_RESERVED] = {WIRE_MSG_RESERVED, parse_nothing},
    [WIRE_CODE_HELLO] = {WIRE_MSG_HELLO, parse_nothing},
    [WIRE_CODE_NR_PAGES] = {WIRE_MSG_NR_PAGES, parse_nothing},
    [WIRE_CODE_PAGE_SIZE] = {WIRE_MSG_PAGE_SIZE, parse_nothing},
    [WIRE_CODE_START_NETDUMP] = {WIRE_MSG_START, parse_start_reply},
    [WIRE_CODE_END_NETDUMP] = {WIRE_MSG_END, parse_nothing},
    [WIRE_CODE_REGS] = {WIRE_MSG_REGS, parse_regs},
    [WIRE_CODE_SHOW_STATE] = {WIRE_MSG_SHOW_STATE, parse_nothing},
    [WIRE_CODE_DATA] = {WIRE_MSG_DATA, parse_payload},
    [WIRE_CODE_ZERO] = {WIRE_MSG_ZERO, parse_nothing},
    [WIRE_CODE_PACKED] = {WIRE_MSG_PACKED, parse_packed},
};

static DatagramFault parse_reply(const guint8 *d, gsize len, WireMessage *m)
{
    guint32 code;

    if (len < WIRE_HEADER_SIZE)
        return DATAGRAM_SHORT;
    m->version = d[0];
    m->nr = bytes_get_be32(d + 1);
    code = bytes_get_be32(d + 5);
    m->info = bytes_get_be32(d + 9);
    len -= WIRE_HEADER_SIZE;
    if (len > WIRE_CHUNK_SIZE && code != WIRE_CODE_LOG && code != WIRE_CODE_PACKED)
        return DATAGRAM_LONG;
    if (code >= G_N_ELEMENTS(replies) || !replies[code].parse)
        return DATAGRAM_CODE;
    m->kind = replies[code].kind;
    return replies[code].parse(d + WIRE_HEADER_SIZE, len, m);
}

DatagramFault wire_parse(const guint8 *datagram, gsize len, WireMessage *out)
{
    WireMessage m = {0};
    DatagramFault fault;

    if (len == 0)
        return DATAGRAM_SHORT;
    if (len > WIRE_MAX_SIZE)
        return DATAGRAM_LONG;
    if (datagram[0] >= 1 && datagram[0] <= WIRE_VERSION_MAX)
        fault = parse_reply(datagram, len, &m);
    else if (looks_like_text(datagram, len))
        fault = parse_payload(datagram, len, &m); /* m.kind is TEXT already */
    else
        fault = DATAGRAM_BINARY;

    if (fault == DATAGRAM_OK)
        *out = m;
    return fault;
}

gboolean wire_text_announces_start(const guint8 *text, gsize len)
{
    static const char *const marks[] = {
        "[...network console startup...]",
        "netconsole: network logging started",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
        if (memmem(text, len, marks[i], strlen(marks[i])))
            return TRUE;
    return FALSE;
}

void wire_pack_request(const WireRequest *request, guint8 out[WIRE_REQUEST_SIZE])
{
    bytes_put_be64(out, request->magic);
    bytes_put_be32(out + 8, request->nr);
    bytes_put_be32(out + 12, request->command);
    bytes_put_be32(out + 16, request->from);
    bytes_put_be32(out + 20, request->to);
}

gboolean wire_parse_request(const guint8 *datagram, gsize len, WireRequest *out)
{
    if (len < WIRE_REQUEST_SIZE)
        return FALSE;
    *out = (WireRequest){
        .magic = bytes_get_be64(datagram),
        .nr = bytes_get_be32(datagram + 8),
        .command = (WireCommand)bytes_get_be32(datagram + 12),
        .from = bytes_get_be32(datagram + 16),
        .to = bytes_get_be32(datagram + 20),
    };
    return TRUE;
}

void wire_pack_reply(guint8 version, guint32 nr, guint32 code, guint32 info,
                     guint8 out[WIRE_HEADER_SIZE])
{
    out[0] = version;
    bytes_put_be32(out + 1, nr);
    bytes_put_be32(out + 5, code);
    bytes_put_be32(out + 9, info);
}

gboolean wire_machine_known(guint32 machine)
{
    for (gsize i = 0; i < G_N_ELEMENTS(machines); i++)
        if (machines[i].machine == machine)
            return TRUE;
    return FALSE;
}

const char *wire_machine_name(guint32 machine)
{
    for (gsize i = 0; i < G_N_ELEMENTS(machines); i++)
        if (machines[i].machine == machine)
            return machines[i].name;
    return "unknown";
}
