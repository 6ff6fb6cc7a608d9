/* kernel.c - a crashed machine. See kernel.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/kernel.h"

#include "soak/crash.h"
#include "soak/modern.h"

#include <string.h>

#define BOOT_TIME SPAN_S(20)

static void next_life(World *w, Machine *m, KernelState state, Span wake)
{
    m->state = state;
    m->life++;
    m->working = FALSE;
    world_happen(w, wake, HAPPEN_KERNEL, m, m->life);
}

static void crash(World *w, Machine *m)
{
    m->crash = crash_new(w, m);
    m->queue_len = 0;
    m->served = 0;
    next_life(w, m, KERNEL_DYING, SPAN_S(3));
    world_say(w, "machine %u crashes: %u of %u pages of %u bytes", m->number, m->crash->n_ram,
              m->crash->nr_pages, m->crash->page_size);
}

/* What is to become of it, by the number of requests it has served. */
static void choose_fate(World *w, Machine *m)
{
    if (!world_chance(w, 1000))
        return;
    m->fate_at = 1 + world_scaled(w, 9);
    m->dies = world_chance(w, 5000);
    m->on_state = world_chance(w, 4000);
    m->recrashes = m->dies ? 0 : 1 + (guint)world_below(w, 2);
}

Machine *kernel_new(World *w, guint number)
{
    Machine *m = world_alloc(w, sizeof *m);
    gboolean rhel3 = world_chance(w, 3000);
    /* Two machines may stand behind one address. */
    guint host = number > 0 && world_chance(w, 1500) ? number - 1 : number;

    m->number = number;
    m->peer = (NetAddr){.family = NET_IPV4,
                        .port = (guint16)(host == number ? PORT_DUMP : PORT_DUMP + 1 + number),
                        .bytes = {10, 0, 0, (guint8)(1 + host)}};
    m->oldest = rhel3 && world_chance(w, 3000);
    m->version = rhel3 ? 4 : 5;
    m->reply_first = rhel3 || world_chance(w, 4000);
    m->drops_in_text = world_chance(w, 7000);
    m->plain_text = world_chance(w, 5000);
    if (!rhel3 && world_chance(w, 3000))
        m->offers = (guint32)world_below(w, WIRE_EXT_ALL + 1);
    m->magic = world_chance(w, 5000) ? world_random(w) : 0;
    m->patience = SPAN_S(60);
    m->chain = world_chance(w, 5000) ? 5000 : 0;
    m->ring = world_chance(w, 8000) ? RING_MAX : 64;
    m->work = (Span)(1 + world_scaled(w, 11));
    m->gap = (Span)(1 + world_scaled(w, 16));
    m->lines = (guint)world_scaled(w, world_chance(w, 8000) ? 5 : 10);
    m->deaf = world_chance(w, 9000) ? 0 : 1 + (guint)world_below(w, 4);
    m->crashes = world_chance(w, 9300) ? 0 : 1 + (guint)world_below(w, 2);
    choose_fate(w, m);
    if (world_chance(w, 300))
        return m; /* it does not crash, but strangers know its address */
    m->life = 1;
    world_happen(w, (Span)world_scaled(w, 23), HAPPEN_KERNEL, m, m->life);
    return m;
}

/* -- what it says -------------------------------------------------------------------------------
 */

static void say(World *w, Machine *m, guint16 port, guint8 version, guint32 nr, guint32 code,
                guint32 info, gconstpointer payload, gsize len)
{
    guint8 bytes[WIRE_MAX_SIZE];
    Datagram *d;

    wire_pack_reply(version, nr, code, info, bytes);
    if (len > 0)
        memcpy(bytes + WIRE_HEADER_SIZE, payload, len);
    d = link_datagram(w, m, port, bytes, WIRE_HEADER_SIZE + len);
    d->crash = m->crash;
    d->nr = nr;
    link_to_server(w, d, 0);
}

void kernel_reply(World *w, Machine *m, guint32 nr, guint32 code, guint32 info,
                  gconstpointer payload, gsize len)
{
    say(w, m, m->peer.port, m->version, nr, code, info, payload, len);
}

static void reply(World *w, Machine *m, guint32 nr, guint32 code, guint32 info, const char *text)
{
    kernel_reply(w, m, nr, code, info, text, strlen(text));
}

void kernel_send_start(World *w, Machine *m)
{
    const WireStart *s = &m->crash->start;
    char text[256] = "NETDUMP start, waiting for start-ACK.\n";

    if (!m->oldest)
        g_snprintf(text, sizeof text,
                   "task_struct:0x%" G_GINT64_MODIFIER "x page_offset:0x%" G_GINT64_MODIFIER
                   "x netdump_magic:0x%" G_GINT64_MODIFIER "x\n",
                   s->task, s->page_offset, s->magic);
    if (m->offers)
        modern_start(m, text + strlen(text) - 1, sizeof text - strlen(text) + 1);
    say(w, m, m->peer.port, 4, m->oldest ? 0 : s->machine, WIRE_CODE_START_NETDUMP,
        m->oldest ? 0 : 5, text, strlen(text));
}

static void send_line(World *w, Machine *m)
{
    static const char line[] = "<4> swapper S 0000000000000001 0 1 0 2\n";

    if (m->plain_text) {
        Datagram *d = link_datagram(w, m, 6665, line, strlen(line));

        d->crash = m->crash;
        link_to_server(w, d, 0);
    } else {
        say(w, m, PORT_LOG, m->version, 0, WIRE_CODE_LOG, 0, line + 4, strlen(line) - 4);
    }
}

/* One buffer with the text and, behind it, the registers; sent is strlen() of it and more. */
static void send_regs(World *w, Machine *m, guint32 nr)
{
    const Crash *c = m->crash;
    char buffer[WIRE_CHUNK_SIZE] = "Sending register info.\n";

    memcpy(buffer + strlen(buffer), c->regs, c->regs_len);
    say(w, m, m->peer.port, m->version, nr, WIRE_CODE_REGS, m->oldest ? c->nr_pages - 1 : c->n_ram,
        buffer, MIN(strnlen(buffer, sizeof buffer) + c->regs_len, sizeof buffer));
}

void kernel_send_page(World *w, Machine *m, const WireRequest *r)
{
    const Crash *c = m->crash;
    guint32 index;
    Span behind = 0;

    if (r->from >= c->nr_pages) {
        reply(w, m, r->nr, WIRE_CODE_ERROR, 0, "page number too high\n");
        return;
    }
    if (!kernel_ram(c, r->from, &index)) {
        reply(w, m, r->nr, WIRE_CODE_RESERVED, crash_next_ram(w, c, r->from, m->chain), "");
        return;
    }
    if (m->agreed && modern_send_page(w, m, r))
        return;
    for (guint32 offset = 0; offset < c->page_size; offset += WIRE_CHUNK_SIZE) {
        Datagram *d = link_datagram(w, m, m->peer.port, NULL, 0);

        d->crash = m->crash;
        d->memory = TRUE;
        d->nr = r->nr;
        d->pfn = r->from;
        d->offset = offset;
        d->version = m->version;
        link_to_server(w, d, behind);
        behind += 9;
    }
}

/* -- what it does -------------------------------------------------------------------------------
 */

static void show_state(World *w, Machine *m, guint32 nr)
{
    if (m->reply_first)
        reply(w, m, nr, WIRE_CODE_SHOW_STATE, 0, "stale");
    m->state_nr = nr;
    m->lines_left = m->lines;
    next_life(w, m, KERNEL_TEXT, 1);
}

static void reboot(World *w, Machine *m)
{
    if (m->deaf > 0) {
        m->deaf--;
        return;
    }
    m->crash->rebooted = TRUE;
    m->queue_len = 0;
    next_life(w, m, KERNEL_REBOOTING, SPAN_S(3));
    world_say(w, "machine %u reboots", m->number);
}

static void answer(World *w, Machine *m, const WireRequest *r)
{
    switch (r->command) {
    case WIRE_CMD_NONE:
        break;
    case WIRE_CMD_SEND_MEM:
        kernel_send_page(w, m, r);
        break;
    case WIRE_CMD_EXIT:
        world_fail(w, "EXIT was sent");
    case WIRE_CMD_REBOOT:
        reboot(w, m);
        break;
    case WIRE_CMD_HELLO:
        reply(w, m, r->nr, WIRE_CODE_HELLO, 4, "Hello, this is netdump version 0x04\n");
        break;
    case WIRE_CMD_GET_NR_PAGES:
        reply(w, m, r->nr, WIRE_CODE_NR_PAGES, m->crash->nr_pages, "Number of pages: many\n");
        break;
    case WIRE_CMD_GET_PAGE_SIZE:
        reply(w, m, r->nr, WIRE_CODE_PAGE_SIZE, m->crash->page_size, "PAGE_SIZE: much\n");
        break;
    case WIRE_CMD_START_NETDUMP_ACK:
        if (m->offers)
            m->agreed = m->offers & r->to;
        reply(w, m, r->nr, WIRE_CODE_ERROR, 7, "Got unknown command\n");
        break;
    case WIRE_CMD_GET_REGS:
        send_regs(w, m, r->nr);
        break;
    case WIRE_CMD_SHOW_STATE:
        show_state(w, m, r->nr);
        break;
    default:
        if (!modern_answer(w, m, r))
            reply(w, m, r->nr, WIRE_CODE_ERROR, r->command, "Got unknown command\n");
        break;
    }
}

/* It dies or crashes again where it was to. TRUE if so. */
static gboolean meet_fate(World *w, Machine *m, WireCommand command)
{
    m->served++;
    if (m->fate_at == 0 || (m->on_state ? command != WIRE_CMD_SHOW_STATE : m->served != m->fate_at))
        return FALSE;
    m->crash->over = TRUE;
    if (m->dies) {
        m->state = KERNEL_DEAD;
        m->life++;
        w->totals.deaths++;
        world_say(w, "machine %u dies", m->number);
        return TRUE;
    }
    if (--m->recrashes == 0)
        m->fate_at = 0;
    w->totals.recrashes++;
    crash(w, m);
    return TRUE;
}

static void work(World *w, Machine *m)
{
    WireRequest r = m->queue[m->queue_head % RING_MAX];
    guint32 life;

    m->queue_head++;
    m->queue_len--;
    m->working = FALSE;
    if (meet_fate(w, m, r.command))
        return;
    life = m->life;
    answer(w, m, &r);
    if (m->life == life && m->queue_len > 0) {
        m->working = TRUE;
        world_happen(w, m->work, HAPPEN_KERNEL, m, m->life);
    }
}

static void print_on(World *w, Machine *m)
{
    if (m->lines_left > 0) {
        m->lines_left--;
        send_line(w, m);
        world_happen(w, m->gap, HAPPEN_KERNEL, m, m->life);
        return;
    }
    if (!m->reply_first)
        reply(w, m, m->state_nr, WIRE_CODE_SHOW_STATE, 0, "stale");
    m->state = KERNEL_SERVING;
    if (m->queue_len > 0) {
        m->working = TRUE;
        world_happen(w, m->work, HAPPEN_KERNEL, m, m->life);
    }
}

void kernel_wake(World *w, Machine *m, guint32 life)
{
    if (life != m->life)
        return;
    switch (m->state) {
    case KERNEL_UP:
        send_line(w, m);
        crash(w, m);
        break;
    case KERNEL_DYING:
        m->state = KERNEL_HANDSHAKE;
        kernel_send_start(w, m);
        world_happen(w, SPAN_S(1), HAPPEN_KERNEL, m, life);
        break;
    case KERNEL_HANDSHAKE:
        kernel_send_start(w, m);
        world_happen(w, SPAN_S(1), HAPPEN_KERNEL, m, life);
        break;
    case KERNEL_SERVING:
        work(w, m);
        break;
    case KERNEL_TEXT:
        print_on(w, m);
        break;
    case KERNEL_REBOOTING:
        m->state = KERNEL_GONE;
        if (m->crashes > 0 && m->crashes-- > 0)
            world_happen(w, BOOT_TIME, HAPPEN_KERNEL, m, life);
        break;
    case KERNEL_GONE:
        crash(w, m);
        break;
    case KERNEL_DEAD:
        break;
    }
}

/* -- what it hears ------------------------------------------------------------------------------
 */

static void handshake(World *w, Machine *m, const WireRequest *r)
{
    if (r->command != WIRE_CMD_START_NETDUMP_ACK) {
        kernel_send_start(w, m);
        return;
    }
    if ((r->from & 0xff) == 0)
        world_fail(w, "ACK with version 0: 64-bit clients reboot on it");
    m->crash->acked = TRUE;
    m->agreed = m->offers & r->to;
    m->life++;
    if (m->offers)
        world_happen(w, SPAN_S(1), HAPPEN_TIRE, m, m->crash->number);
    m->state = KERNEL_SERVING;
    world_say(w, "machine %u has heard the ACK", m->number);
}

void kernel_receive(World *w, const Datagram *d)
{
    Machine *m = d->machine;
    WireRequest r;

    if (!wire_parse_request(d->bytes, d->len, &r) || !m->crash || !modern_obeys(m, &r))
        return;
    m->heard = w->now;
    switch (m->state) {
    case KERNEL_HANDSHAKE:
        handshake(w, m, &r);
        return;
    case KERNEL_TEXT:
        if (m->drops_in_text)
            return;
        break;
    case KERNEL_SERVING:
        break;
    default:
        return;
    }
    if (m->queue_len >= m->ring)
        return;
    m->queue[(m->queue_head + m->queue_len++) % RING_MAX] = r;
    if (m->state == KERNEL_SERVING && !m->working) {
        m->working = TRUE;
        world_happen(w, m->work, HAPPEN_KERNEL, m, m->life);
    }
}
