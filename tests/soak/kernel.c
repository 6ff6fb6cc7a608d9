/* kernel.c - a crashed client. See kernel.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/kernel.h"

#include "soak/crash.h"
#include "soak/modern.h"

#include <string.h>

#define BOOT_TIME SPAN_S(20)

static void next_life(World *w, Kernel *k, KernelState state, Span wake)
{
    k->state = state;
    k->life++;
    k->working = FALSE;
    world_schedule(w, wake, WORLD_KERNEL, k, k->life);
}

static void crash(World *w, Kernel *k)
{
    k->crash = crash_new(w, k);
    k->queue_len = 0;
    k->served = 0;
    k->starts = 0;
    next_life(w, k, KERNEL_DYING, SPAN_S(3));
    world_say(w, "kernel %u crashes: %u of %u pages of %u bytes", k->number, k->crash->n_ram,
              k->crash->nr_pages, k->crash->page_size);
}

/* What is to become of it, by the number of requests it has served. */
static void choose_fate(World *w, Kernel *k)
{
    if (!world_chance(w, 1000))
        return;
    k->fate_at = 1 + world_scaled(w, 9);
    k->dies = world_chance(w, 5000);
    k->on_state = world_chance(w, 4000);
    k->recrashes = k->dies ? 0 : 1 + (guint)world_below(w, 2);
}

/* What the file magic/ADDRESS of the server says: mostly the truth, perhaps late. */
static void choose_filed(World *w, Kernel *k)
{
    k->filed = k->magic;
    if (!w->sc.secure || world_chance(w, 7000))
        return;
    k->before = world_chance(w, 5000) ? world_random(w) : 0;
    if (world_chance(w, 5000))
        k->filed_at = mono_add(w->now, (Span)world_scaled(w, 25));
    else
        k->filed = k->before;
}

Kernel *kernel_new(World *w, guint number)
{
    Kernel *k = world_alloc(w, sizeof *k);
    gboolean rhel3 = world_chance(w, 3000);
    /* Two clients may share one address. */
    guint host = number > 0 && world_chance(w, 1500) ? number - 1 : number;

    k->number = number;
    k->peer = (NetAddr){.family = NET_IPV4,
                        .port = (guint16)(host == number ? PORT_DUMP : PORT_DUMP + 1 + number),
                        .bytes = {10, 0, 0, (guint8)(1 + host)}};
    k->oldest = rhel3 && world_chance(w, 3000);
    k->version = rhel3 ? 4 : 5;
    k->reply_first = rhel3 || world_chance(w, 4000);
    k->drops_in_text = world_chance(w, 7000);
    k->plain_text = world_chance(w, 5000);
    if (!rhel3 && world_chance(w, 3000))
        k->offers = (guint32)world_below(w, WIRE_EXT_ALL + 1);
    k->magic = world_chance(w, w->sc.secure ? 9500 : 5000) ? world_random(w) : 0;
    choose_filed(w, k);
    k->patience = SPAN_S(60);
    k->chain = world_chance(w, 5000) ? 5000 : 0;
    k->ring = world_chance(w, 8000) ? RING_MAX : 64;
    k->work = (Span)(1 + world_scaled(w, 11));
    k->gap = (Span)(1 + world_scaled(w, 16));
    k->lines = (guint)world_scaled(w, world_chance(w, 8000) ? 5 : 10);
    k->deaf = world_chance(w, 9000) ? 0 : 1 + (guint)world_below(w, 4);
    k->crashes = world_chance(w, 9300) ? 0 : 1 + (guint)world_below(w, 2);
    choose_fate(w, k);
    if (world_chance(w, 300))
        return k; /* it does not crash, but strangers know its address */
    k->life = 1;
    world_schedule(w, (Span)world_scaled(w, 23), WORLD_KERNEL, k, k->life);
    return k;
}

gboolean kernel_filed_magic(const World *w, const Kernel *k, guint64 *magic)
{
    *magic = mono_before(w->now, k->filed_at) ? k->before : k->filed;
    return *magic != 0;
}

/* A client that the server refuses is reset some time. */
static gboolean is_refused(World *w, Kernel *k)
{
    if (!w->sc.secure || ++k->starts < 60)
        return FALSE;
    world_say(w, "kernel %u is reset", k->number);
    k->crash->over = TRUE;
    k->state = KERNEL_GONE;
    k->life++;
    w->totals.refused++;
    return TRUE;
}

/* -- what it says ------------------------------------------------------------------------------ */

static void say(World *w, Kernel *k, guint16 port, guint8 version, guint32 nr, guint32 code,
                guint32 info, gconstpointer payload, gsize len)
{
    guint8 bytes[WIRE_MAX_SIZE];
    Datagram *d;

    wire_pack_reply(version, nr, code, info, bytes);
    if (len > 0)
        memcpy(bytes + WIRE_HEADER_SIZE, payload, len);
    d = link_datagram(w, k, port, bytes, WIRE_HEADER_SIZE + len);
    d->crash = k->crash;
    d->nr = nr;
    link_to_server(w, d, 0);
}

void kernel_reply(World *w, Kernel *k, guint32 nr, guint32 code, guint32 info,
                  gconstpointer payload, gsize len)
{
    say(w, k, k->peer.port, k->version, nr, code, info, payload, len);
}

static void reply(World *w, Kernel *k, guint32 nr, guint32 code, guint32 info, const char *text)
{
    kernel_reply(w, k, nr, code, info, text, strlen(text));
}

void kernel_send_start(World *w, Kernel *k)
{
    const WireStart *s = &k->crash->start;
    char text[256] = "NETDUMP start, waiting for start-ACK.\n";

    if (!k->oldest)
        g_snprintf(text, sizeof text,
                   "task_struct:0x%" G_GINT64_MODIFIER "x page_offset:0x%" G_GINT64_MODIFIER
                   "x netdump_magic:0x%" G_GINT64_MODIFIER "x\n",
                   s->task, s->page_offset, s->magic);
    if (k->offers)
        modern_start(k, text + strlen(text) - 1, sizeof text - strlen(text) + 1);
    say(w, k, k->peer.port, 4, k->oldest ? 0 : s->machine, WIRE_CODE_START_NETDUMP,
        k->oldest ? 0 : 5, text, strlen(text));
}

static void send_line(World *w, Kernel *k)
{
    static const char line[] = "<4> swapper S 0000000000000001 0 1 0 2\n";

    if (k->plain_text) {
        Datagram *d = link_datagram(w, k, 6665, line, strlen(line));

        d->crash = k->crash;
        link_to_server(w, d, 0);
    } else {
        say(w, k, PORT_LOG, k->version, 0, WIRE_CODE_LOG, 0, line + 4, strlen(line) - 4);
    }
}

/* One buffer with the text, then the registers; as the kernels do, its strlen() bytes are sent, and
 * as many as the registers have. */
static void send_regs(World *w, Kernel *k, guint32 nr)
{
    const Crash *c = k->crash;
    char buffer[WIRE_CHUNK_SIZE] = "Sending register info.\n";

    memcpy(buffer + strlen(buffer), c->regs, c->regs_len);
    say(w, k, k->peer.port, k->version, nr, WIRE_CODE_REGS, k->oldest ? c->nr_pages - 1 : c->n_ram,
        buffer, MIN(strnlen(buffer, sizeof buffer) + c->regs_len, sizeof buffer));
}

void kernel_send_page(World *w, Kernel *k, const WireRequest *r)
{
    const Crash *c = k->crash;
    guint32 index;
    Span after = 0;

    if (r->from >= c->nr_pages) {
        reply(w, k, r->nr, WIRE_CODE_ERROR, 0, "page number too high\n");
        return;
    }
    if (!kernel_ram(c, r->from, &index)) {
        reply(w, k, r->nr, WIRE_CODE_RESERVED, crash_next_ram(w, c, r->from, k->chain), "");
        return;
    }
    if (k->agreed && modern_send_page(w, k, r))
        return;
    for (guint32 offset = 0; offset < c->page_size; offset += WIRE_CHUNK_SIZE) {
        Datagram *d = link_datagram(w, k, k->peer.port, NULL, 0);

        d->crash = k->crash;
        d->memory = TRUE;
        d->nr = r->nr;
        d->pfn = r->from;
        d->offset = offset;
        d->version = k->version;
        link_to_server(w, d, after);
        after += 9;
    }
}

/* -- what it does ------------------------------------------------------------------------------ */

static void show_state(World *w, Kernel *k, guint32 nr)
{
    if (k->reply_first)
        reply(w, k, nr, WIRE_CODE_SHOW_STATE, 0, "stale");
    k->state_nr = nr;
    k->lines_left = k->lines;
    next_life(w, k, KERNEL_TEXT, 1);
}

static void reboot(World *w, Kernel *k)
{
    if (k->deaf > 0) {
        k->deaf--;
        return;
    }
    k->crash->rebooted = TRUE;
    k->queue_len = 0;
    next_life(w, k, KERNEL_REBOOTING, SPAN_S(3));
    world_say(w, "kernel %u reboots", k->number);
}

static void answer(World *w, Kernel *k, const WireRequest *r)
{
    switch (r->command) {
    case WIRE_CMD_NONE:
        break;
    case WIRE_CMD_SEND_MEM:
        kernel_send_page(w, k, r);
        break;
    case WIRE_CMD_EXIT:
        world_fail(w, "EXIT was sent");
    case WIRE_CMD_REBOOT:
        reboot(w, k);
        break;
    case WIRE_CMD_HELLO:
        reply(w, k, r->nr, WIRE_CODE_HELLO, 4, "Hello, this is netdump version 0x04\n");
        break;
    case WIRE_CMD_GET_NR_PAGES:
        reply(w, k, r->nr, WIRE_CODE_NR_PAGES, k->crash->nr_pages, "Number of pages: many\n");
        break;
    case WIRE_CMD_GET_PAGE_SIZE:
        reply(w, k, r->nr, WIRE_CODE_PAGE_SIZE, k->crash->page_size, "PAGE_SIZE: much\n");
        break;
    case WIRE_CMD_START_NETDUMP_ACK:
        if (k->offers)
            k->agreed = k->offers & r->to;
        reply(w, k, r->nr, WIRE_CODE_ERROR, 7, "Got unknown command\n");
        break;
    case WIRE_CMD_GET_REGS:
        send_regs(w, k, r->nr);
        break;
    case WIRE_CMD_SHOW_STATE:
        show_state(w, k, r->nr);
        break;
    default:
        if (!modern_answer(w, k, r))
            reply(w, k, r->nr, WIRE_CODE_ERROR, r->command, "Got unknown command\n");
        break;
    }
}

void kernel_crash_again(World *w, Kernel *k)
{
    k->crash->over = TRUE;
    w->totals.recrashes++;
    crash(w, k);
}

/* It dies or crashes again where it was to. TRUE if so. */
static gboolean meet_fate(World *w, Kernel *k, WireCommand command)
{
    k->served++;
    if (k->fate_at == 0 || (k->on_state ? command != WIRE_CMD_SHOW_STATE : k->served != k->fate_at))
        return FALSE;
    if (k->dies) {
        k->crash->over = TRUE;
        k->state = KERNEL_DEAD;
        k->life++;
        w->totals.deaths++;
        world_say(w, "kernel %u dies", k->number);
        return TRUE;
    }
    if (--k->recrashes == 0)
        k->fate_at = 0;
    kernel_crash_again(w, k);
    return TRUE;
}

static void work(World *w, Kernel *k)
{
    WireRequest r = k->queue[k->queue_head % RING_MAX];
    guint32 life;

    k->queue_head++;
    k->queue_len--;
    k->working = FALSE;
    if (meet_fate(w, k, r.command))
        return;
    life = k->life;
    answer(w, k, &r);
    if (k->life == life && k->queue_len > 0) {
        k->working = TRUE;
        world_schedule(w, k->work, WORLD_KERNEL, k, k->life);
    }
}

static void print_on(World *w, Kernel *k)
{
    if (k->lines_left > 0) {
        k->lines_left--;
        send_line(w, k);
        world_schedule(w, k->gap, WORLD_KERNEL, k, k->life);
        return;
    }
    if (!k->reply_first)
        reply(w, k, k->state_nr, WIRE_CODE_SHOW_STATE, 0, "stale");
    k->state = KERNEL_SERVING;
    if (k->queue_len > 0) {
        k->working = TRUE;
        world_schedule(w, k->work, WORLD_KERNEL, k, k->life);
    }
}

void kernel_wake(World *w, Kernel *k, guint32 life)
{
    if (life != k->life)
        return;
    switch (k->state) {
    case KERNEL_UP:
        send_line(w, k);
        crash(w, k);
        break;
    case KERNEL_DYING:
        k->state = KERNEL_HANDSHAKE;
        kernel_send_start(w, k);
        world_schedule(w, SPAN_S(1), WORLD_KERNEL, k, life);
        break;
    case KERNEL_HANDSHAKE:
        if (is_refused(w, k))
            break;
        kernel_send_start(w, k);
        world_schedule(w, SPAN_S(1), WORLD_KERNEL, k, life);
        break;
    case KERNEL_SERVING:
        work(w, k);
        break;
    case KERNEL_TEXT:
        print_on(w, k);
        break;
    case KERNEL_REBOOTING:
        k->state = KERNEL_GONE;
        if (k->crashes > 0 && k->crashes-- > 0)
            world_schedule(w, BOOT_TIME, WORLD_KERNEL, k, life);
        break;
    case KERNEL_GONE:
        crash(w, k);
        break;
    case KERNEL_DEAD:
        break;
    }
}

/* -- what it hears ----------------------------------------------------------------------------- */

static void handshake(World *w, Kernel *k, const WireRequest *r, gboolean forged)
{
    guint64 filed = 0;

    if (r->command != WIRE_CMD_START_NETDUMP_ACK) {
        kernel_send_start(w, k);
        return;
    }
    if ((r->from & 0xff) == 0)
        world_fail(w, "ACK with version 0: 64-bit clients reboot on it");
    if (w->sc.secure && !k->crash->start_doubt && !forged &&
        (!kernel_filed_magic(w, k, &filed) || filed != k->magic || filed == 0))
        world_fail(w, "kernel %u has an ACK, but not the magic that is on file", k->number);
    k->crash->acked = TRUE;
    k->crash->orphaned |= forged;
    k->agreed = k->offers & r->to;
    k->life++;
    if (k->offers)
        world_schedule(w, SPAN_S(1), WORLD_TIRE, k, k->crash->number);
    k->state = KERNEL_SERVING;
    world_say(w, "kernel %u has heard the ACK", k->number);
}

void kernel_receive(World *w, const Datagram *d)
{
    Kernel *k = d->kernel;
    WireRequest r;

    if (!wire_parse_request(d->bytes, d->len, &r) || !k->crash || !modern_obeys(k, &r))
        return;
    k->heard = w->now;
    switch (k->state) {
    case KERNEL_HANDSHAKE:
        handshake(w, k, &r, d->forged);
        return;
    case KERNEL_TEXT:
        if (k->drops_in_text)
            return;
        break;
    case KERNEL_SERVING:
        break;
    default:
        return;
    }
    if (k->queue_len >= k->ring)
        return;
    k->queue[(k->queue_head + k->queue_len++) % RING_MAX] = r;
    if (k->state == KERNEL_SERVING && !k->working) {
        k->working = TRUE;
        world_schedule(w, k->work, WORLD_KERNEL, k, k->life);
    }
}
