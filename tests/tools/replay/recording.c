/* recording.c - a recorded dump.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "recording.h"

#include "core/netdump/wire.h"

#include <string.h>

#define PCAP_MAGIC      0xa1b2c3d4u
#define PCAP_MAGIC_NANO 0xa1b23c4du
#define LINK_ETHERNET   1u
#define LINK_RAW        101u
#define REGS_TEXT       23 /* bytes of "Sending register info.\n" */

/* One UDP datagram of the file; addresses and ports in host order. */
typedef struct {
    guint32 from, to;
    guint16 from_port, to_port;
    const guint8 *data;
    gsize len;
} Datagram;

struct Recording {
    guint8 *file;
    GArray *datagrams; /* Datagram */
    guint32 client, server;
    guint16 client_port, server_port;
    RecordedPacket start;
    GArray *text;        /* RecordedPacket */
    GHashTable *answers; /* guint64 key -> GArray of RecordedPacket */
};

static guint32 get(const guint8 *at, gsize width)
{
    guint32 value = 0;

    for (gsize i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

static guint32 get_file32(const guint8 *at, gboolean little)
{
    guint32 value = get(at, 4);

    return little ? GUINT32_SWAP_LE_BE(value) : value;
}

static guint64 key_of(guint32 command, guint32 from)
{
    return (guint64)command << 32 | (command == WIRE_CMD_SEND_MEM ? from : 0);
}

/* FALSE if this frame holds no UDP over IPv4, or not all of it. */
static gboolean dissect(const guint8 *frame, gsize len, guint32 link, Datagram *out)
{
    if (link == LINK_ETHERNET) {
        if (len < 14 || get(frame + 12, 2) != 0x0800)
            return FALSE;
        frame += 14;
        len -= 14;
    }
    if (len < 20 || frame[0] >> 4 != 4 || frame[9] != 17 || (get(frame + 6, 2) & 0x3fff) != 0)
        return FALSE;
    gsize head = (gsize)(frame[0] & 15) * 4;
    if (head < 20 || len < head + 8)
        return FALSE;
    const guint8 *udp = frame + head;
    gsize udp_len = get(udp + 4, 2);
    if (udp_len < 8 || len < head + udp_len)
        return FALSE;
    *out = (Datagram){get(frame + 12, 4),
                      get(frame + 16, 4),
                      (guint16)get(udp, 2),
                      (guint16)get(udp + 2, 2),
                      udp + 8,
                      udp_len - 8};
    return TRUE;
}

static gboolean read_datagrams(Recording *r, gsize size, const char *path, GError **error)
{
    gboolean little = size >= 24 && r->file[0] != 0xa1;
    guint32 magic = size >= 24 ? get_file32(r->file, little) : 0;
    guint32 link = size >= 24 ? get_file32(r->file + 20, little) : 0;

    if ((magic != PCAP_MAGIC && magic != PCAP_MAGIC_NANO) ||
        (link != LINK_ETHERNET && link != LINK_RAW)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: no classic pcap file of Ethernet or raw IP", path);
        return FALSE;
    }
    for (gsize at = 24; size - at >= 16;) {
        gsize len = get_file32(r->file + at + 8, little);
        Datagram d;

        at += 16;
        if (len > size - at) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "%s: cut off at byte %" G_GSIZE_FORMAT, path, size);
            return FALSE;
        }
        if (dissect(r->file + at, len, link, &d))
            g_array_append_val(r->datagrams, d);
        at += len;
    }
    return TRUE;
}

static gboolean is_reply(const Datagram *d, guint32 code)
{
    return d->len >= WIRE_HEADER_SIZE && d->data[0] >= 1 && d->data[0] <= WIRE_VERSION_MAX &&
           get(d->data + 5, 4) == code;
}

/* Who is the client? */
static gboolean find_start(Recording *r)
{
    for (guint i = 0; i < r->datagrams->len; i++) {
        const Datagram *d = &g_array_index(r->datagrams, Datagram, i);

        if (!is_reply(d, WIRE_CODE_START_NETDUMP))
            continue;
        r->client = d->from;
        r->client_port = d->from_port;
        r->server = d->to;
        r->server_port = d->to_port;
        r->start = (RecordedPacket){d->from_port, d->data, d->len};
        return TRUE;
    }
    return FALSE;
}

static void array_free(gpointer array)
{
    g_array_unref(array);
}

/* A reply belongs to the request with its nr; what has none (text) to the SHOW_STATE before it. */
static void sort_packets(Recording *r)
{
    g_autoptr(GHashTable) by_nr = g_hash_table_new(g_direct_hash, g_direct_equal);
    GArray *show = NULL;
    gboolean started = FALSE;

    for (guint i = 0; i < r->datagrams->len; i++) {
        const Datagram *d = &g_array_index(r->datagrams, Datagram, i);
        RecordedPacket packet = {d->from_port, d->data, d->len};

        if (d->to == r->client && d->to_port == r->client_port && d->len >= WIRE_REQUEST_SIZE) {
            guint64 key = key_of(get(d->data + 12, 4), get(d->data + 16, 4));
            GArray *answer = g_hash_table_lookup(r->answers, &key);

            if (!answer) {
                answer = g_array_new(FALSE, FALSE, sizeof(RecordedPacket));
                g_hash_table_insert(r->answers, g_memdup2(&key, sizeof(key)), answer);
                g_hash_table_insert(by_nr, GUINT_TO_POINTER(get(d->data + 8, 4)), answer);
            }
            show = get(d->data + 12, 4) == WIRE_CMD_SHOW_STATE ? answer : NULL;
        } else if (d->from == r->client && d->to == r->server && d->to_port == r->server_port) {
            gboolean reply = d->len > 0 && d->from_port == r->client_port &&
                             d->data[0] <= WIRE_VERSION_MAX && !is_reply(d, WIRE_CODE_LOG);
            GArray *answer = show;

            if (reply && is_reply(d, WIRE_CODE_START_NETDUMP)) {
                started = TRUE;
                continue;
            }
            if (reply && d->len >= WIRE_HEADER_SIZE)
                answer = g_hash_table_lookup(by_nr, GUINT_TO_POINTER(get(d->data + 1, 4)));
            else if (!started)
                answer = r->text;
            if (answer)
                g_array_append_val(answer, packet);
        }
    }
}

Recording *recording_open(const char *path, GError **error)
{
    g_autoptr(Recording) r = g_new0(Recording, 1);
    gsize size;

    r->datagrams = g_array_new(FALSE, FALSE, sizeof(Datagram));
    r->text = g_array_new(FALSE, FALSE, sizeof(RecordedPacket));
    r->answers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, array_free);
    if (!g_file_get_contents(path, (char **)&r->file, &size, error) ||
        !read_datagrams(r, size, path, error))
        return NULL;
    if (!find_start(r)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: nobody sends START in it", path);
        return NULL;
    }
    sort_packets(r);
    return g_steal_pointer(&r);
}

void recording_free(Recording *r)
{
    if (!r)
        return;
    g_hash_table_unref(r->answers);
    g_array_unref(r->datagrams);
    g_array_unref(r->text);
    g_free(r->file);
    g_free(r);
}

guint16 recording_client_port(const Recording *r)
{
    return r->client_port;
}

guint16 recording_server_port(const Recording *r)
{
    return r->server_port;
}

const GArray *recording_text(const Recording *r)
{
    return r->text;
}

const RecordedPacket *recording_start(const Recording *r)
{
    return &r->start;
}

static const GArray *lookup(const Recording *r, guint32 command, guint32 from)
{
    guint64 key = key_of(command, from);

    return g_hash_table_lookup(r->answers, &key);
}

static const RecordedPacket *first_of(const GArray *answer, guint32 code)
{
    for (guint i = 0; answer && i < answer->len; i++) {
        const RecordedPacket *p = &g_array_index(answer, RecordedPacket, i);

        if (p->len >= WIRE_HEADER_SIZE && get(p->data + 5, 4) == code)
            return p;
    }
    return NULL;
}

const GArray *recording_answer(const Recording *r, guint32 command, guint32 from, gboolean *derived)
{
    const GArray *answer = lookup(r, command, from);

    *derived = FALSE;
    if (answer || command != WIRE_CMD_SEND_MEM || from >= recording_n_pages(r))
        return answer;
    for (guint32 below = from; below-- > 0 && !answer;)
        answer = lookup(r, command, below);
    const RecordedPacket *reserved = first_of(answer, WIRE_CODE_RESERVED);
    guint32 next = reserved ? get(reserved->data + 9, 4) : from;
    *derived = reserved && (next == 0 || next > from);
    return *derived ? answer : NULL;
}

const guint8 *recording_chunk(const Recording *r, guint32 pfn, guint32 offset)
{
    const GArray *answer = lookup(r, WIRE_CMD_SEND_MEM, pfn);

    for (guint i = 0; answer && i < answer->len; i++) {
        const RecordedPacket *p = &g_array_index(answer, RecordedPacket, i);

        if (p->len == WIRE_MEM_SIZE && get(p->data + 9, 4) == offset)
            return p->data + WIRE_HEADER_SIZE;
    }
    return NULL;
}

static guint32 info_of(const Recording *r, guint32 command, guint32 code)
{
    const RecordedPacket *p = first_of(lookup(r, command, 0), code);

    return p ? get(p->data + 9, 4) : 0;
}

guint32 recording_n_pages(const Recording *r)
{
    return info_of(r, WIRE_CMD_GET_NR_PAGES, WIRE_CODE_NR_PAGES);
}

guint32 recording_page_size(const Recording *r)
{
    return info_of(r, WIRE_CMD_GET_PAGE_SIZE, WIRE_CODE_PAGE_SIZE);
}

const guint8 *recording_regs(const Recording *r, gsize *len)
{
    const RecordedPacket *p = first_of(lookup(r, WIRE_CMD_GET_REGS, 0), WIRE_CODE_REGS);

    if (!p || p->len < WIRE_HEADER_SIZE + REGS_TEXT)
        return NULL;
    const guint8 *payload = p->data + WIRE_HEADER_SIZE;
    gsize size = p->len - WIRE_HEADER_SIZE;
    *len = size - strnlen((const char *)payload, size);
    return *len <= size - REGS_TEXT ? payload + REGS_TEXT : NULL;
}
