/* link.c - the network. See link.h.
 *
 * Payload is never damaged: UDP's checksum, and below it the link's, throw such datagrams away, and
 * the protocol has nothing of its own to tell. A damaged header that still names a live request is
 * the same thing (a page under another's number), so those count as thrown away, too. What remains
 * is what a receiver must bear.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/link.h"

#include "soak/kernel.h"

#include <string.h>

enum { UP, DOWN };

#define RECORDED_MAX 64

Datagram *link_datagram(World *w, Kernel *kernel, guint16 port, gconstpointer bytes, gsize len)
{
    Datagram *d = world_alloc(w, sizeof *d + len);

    d->kernel = kernel;
    d->port = port;
    d->len = (guint16)len;
    if (len > 0)
        memcpy(d->bytes, bytes, len);
    return d;
}

static void carry(World *w, Datagram *d, WorldEventKind kind, guint way, Span after)
{
    const Scenario *sc = &w->sc;
    guint copies = world_chance(w, sc->dup[way]) ? 2 : 1;

    if (w->outage || world_chance(w, sc->loss[way]))
        copies--;
    for (guint i = 0; i < copies; i++) {
        Span delay = sc->delay + (Span)world_below(w, (guint64)sc->jitter + 1) + after;

        if (world_chance(w, sc->late[way]))
            delay += (Span)world_below(w, (guint64)sc->lateness + 1);
        world_schedule(w, delay, kind, d, 0);
    }
}

/* For a later replay: other dumps' numbers, in another dump. */
static void record(World *w, Datagram *d)
{
    if (w->sc.forgeries == 0 || !world_chance(w, 300))
        return;
    if (w->recorded->len < RECORDED_MAX)
        g_ptr_array_add(w->recorded, d);
    else
        w->recorded->pdata[world_below(w, RECORDED_MAX)] = d;
}

void link_to_server(World *w, Datagram *d, Span after)
{
    record(w, d);
    carry(w, d, WORLD_TO_SERVER, UP, after);
}

void link_to_kernel(World *w, Kernel *kernel, const guint8 *data, gsize len)
{
    guint8 bytes[WIRE_REQUEST_SIZE];

    memcpy(bytes, data, MIN(len, sizeof bytes));
    if (world_chance(w, w->sc.corrupt))
        bytes[world_below(w, 8)] ^= (guint8)(1 << world_below(w, 8)); /* the magic */
    if (world_chance(w, w->sc.corrupt))
        bytes[12] ^= (guint8)(1 << world_below(w, 8)); /* no command that there is */
    if (world_chance(w, w->sc.truncate))
        len = world_below(w, len);
    carry(w, link_datagram(w, kernel, PORT_DUMP, bytes, len), WORLD_TO_KERNEL, DOWN, 0);
}

/* Damaged in a way that cannot be noticed? */
static gboolean undetectable(World *w, const Datagram *d, gsize len)
{
    WireMessage m;

    if (wire_parse(w->datagram + WIRE_MAX_SIZE - len, len, &m) != DATAGRAM_OK)
        return FALSE;
    return m.kind != WIRE_MSG_TEXT && m.kind != WIRE_MSG_START && kernel_knows_nr(d->kernel, m.nr);
}

gsize link_arrive(World *w, const Datagram *d)
{
    gsize len = d->memory ? WIRE_MEM_SIZE : d->len;
    guint8 *bytes = w->datagram + WIRE_MAX_SIZE - len;

    if (d->memory) {
        wire_pack_reply(d->version, d->nr, WIRE_CODE_MEM, d->offset, bytes);
        kernel_memory(d->crash, d->pfn, d->offset, bytes + WIRE_HEADER_SIZE);
    } else if (len > 0) {
        memcpy(bytes, d->bytes, len);
    }
    if (len > 0 && world_chance(w, w->sc.truncate)) {
        gsize left = world_below(w, len);

        if (!d->memory && bytes[8] == WIRE_CODE_REGS)
            kernel_doubt_regs(d->kernel);
        if (!d->memory && bytes[8] == WIRE_CODE_START_NETDUMP)
            kernel_doubt_start(d->kernel);
        memmove(w->datagram + WIRE_MAX_SIZE - left, bytes, left);
        len = left;
    }
    if (len >= WIRE_HEADER_SIZE && world_chance(w, w->sc.corrupt)) {
        bytes = w->datagram + WIRE_MAX_SIZE - len;
        for (guint i = 0; i < 1 + world_below(w, 3); i++)
            bytes[world_below(w, WIRE_HEADER_SIZE)] ^= (guint8)(1 << world_below(w, 8));
        if (undetectable(w, d, len))
            return 0;
        if (bytes[8] == WIRE_CODE_START_NETDUMP)
            kernel_doubt_start(d->kernel);
    }
    return len;
}

void link_outage(World *w)
{
    w->outage = !w->outage;
    w->totals.outages += w->outage ? 1 : 0;
    world_say(w, "outage %s", w->outage ? "begins" : "ends");
    /* It ends before the server may take it for the client's silence. */
    if (w->outage)
        world_schedule(w, (Span)world_below(w, (guint64)w->sc.client_timeout / 2), WORLD_OUTAGE,
                       NULL, 1);
}

/* -- strangers --------------------------------------------------------------------------------- */

static Datagram *forge_start(World *w, Kernel *k)
{
    static const guint32 machines[] = {3, 21, 50, 62, 0, 4711};
    guint8 bytes[128];
    int len;

    wire_pack_reply(4, machines[world_below(w, G_N_ELEMENTS(machines))], WIRE_CODE_START_NETDUMP,
                    world_chance(w, 8000) ? 5 : 0, bytes);
    len = g_snprintf((char *)bytes + WIRE_HEADER_SIZE, sizeof bytes - WIRE_HEADER_SIZE,
                     "task_struct:0x%x page_offset:0x%x netdump_magic:0x%x\n",
                     (guint)world_random(w), (guint)world_random(w), (guint)world_scaled(w, 31));
    return link_datagram(w, k, PORT_DUMP, bytes, WIRE_HEADER_SIZE + (gsize)len);
}

/* A well-formed reply to nothing that was requested. */
static Datagram *forge_reply(World *w, Kernel *k)
{
    guint8 bytes[WIRE_MEM_SIZE] = {0};
    guint32 nr = (guint32)world_random(w);

    while (kernel_knows_nr(k, nr))
        nr++;
    wire_pack_reply((guint8)(1 + world_below(w, 8)), nr, (guint32)world_below(w, 14),
                    (guint32)world_scaled(w, 32) & ~1023u, bytes);
    return link_datagram(w, k, PORT_DUMP, bytes,
                         world_chance(w, 5000) ? sizeof bytes
                                               : WIRE_HEADER_SIZE + world_below(w, 100));
}

static Datagram *forge_garbage(World *w, Kernel *k)
{
    guint8 bytes[64] = {0};
    gsize len = world_below(w, sizeof bytes);

    for (gsize i = 0; i < len; i++)
        bytes[i] = (guint8)world_random(w);
    /* Code and nr must not be those of a live request by accident. */
    if (len > 0 && bytes[0] <= WIRE_VERSION_MAX)
        bytes[0] |= 0x80;
    return link_datagram(w, k, PORT_DUMP, bytes, len);
}

static Datagram *replay(World *w, Kernel *k)
{
    const Datagram *old;
    Datagram *d;

    if (w->recorded->len == 0)
        return forge_garbage(w, k);
    old = w->recorded->pdata[world_below(w, w->recorded->len)];
    d = link_datagram(w, k, old->port, old->bytes, old->len);
    d->crash = old->crash;
    d->memory = old->memory;
    d->nr = old->nr;
    d->pfn = old->pfn;
    d->offset = old->offset;
    d->version = old->version;
    /* A number that is live here as well would be one in four billion. */
    return old->crash != k->crash && old->port == PORT_DUMP && kernel_knows_nr(k, old->nr) ? NULL
                                                                                           : d;
}

/* Then it waits for requests, and no server knows of it: or one that takes it for an older crash.
 */
void link_forge_ack(World *w, Kernel *k)
{
    const WireRequest r = {.magic = k->crash ? k->crash->start.magic : 0,
                           .nr = (guint32)world_random(w),
                           .command = WIRE_CMD_START_NETDUMP_ACK,
                           .from = WIRE_VERSION};
    guint8 bytes[WIRE_REQUEST_SIZE];
    Datagram *d;

    if (w->up || k->state != KERNEL_HANDSHAKE)
        return;
    wire_pack_request(&r, bytes);
    d = link_datagram(w, k, PORT_DUMP, bytes, sizeof bytes);
    d->forged = TRUE;
    w->totals.forgeries++;
    world_schedule(w, 0, WORLD_TO_KERNEL, d, 0);
}

void link_forge(World *w)
{
    Kernel *k = w->kernels[world_below(w, w->sc.kernels)];
    Datagram *d;

    switch (world_below(w, 5)) {
    case 0:
        d = forge_start(w, k);
        break;
    case 1:
        d = forge_reply(w, k);
        break;
    case 2:
        d = forge_garbage(w, k);
        break;
    case 3:
        d = link_datagram(w, k, (guint16)(1000 + world_below(w, 3)), "forged text\n", 12);
        break;
    default:
        d = replay(w, k);
        break;
    }
    if (!d)
        return;
    d->forged = TRUE;
    w->totals.forgeries++;
    world_schedule(w, 0, WORLD_TO_SERVER, d, 0);
}
