/* machine.c - one crashed machine: its states, its queue of requests, its timeout.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/machine_internal.h"

#include "sim/rng.h"

#include <string.h>

#define START_EVERY     G_USEC_PER_SEC
#define TEXT_GAP        100 /* us between lines before the crash: a burst would only fill buffers */
#define STATE_GAP       2000 /* us between lines of SHOW_STATE: a serial console beside is slower */
#define QUEUE_FIRST     256u
#define QUEUE_MAX       (1u << 20) /* the real client has all of its memory for them */
#define TASK_SIZE       0x2000     /* another crash is another task */
#define ACK_VERSION_MAX 5

static void start_talking(Machine *m)
{
    const MachineSetup *s = m->setup;
    g_autofree char *oops = NULL;

    if (!s->text && !s->no_crash)
        oops = console_oops(s->model->name, m->stats.task, s->seed + m->index);
    g_free(m->words);
    m->words = g_strconcat(CONSOLE_STARTUP, s->text ? s->text : oops, NULL);
    m->console = (Console){m->words, strlen(m->words)};
    m->log_offset = 0;
    m->wake = 0;
    m->stats.state = MACHINE_TALKING;
}

static void incoming(gpointer user, guint lane, const guint8 *data, gsize len);

static void outgoing(gpointer user, guint lane, const guint8 *data, gsize len)
{
    Machine *m = user;

    port_send(m->port, lane, data, len);
}

Machine *machine_new(const MachineSetup *setup, guint32 index, Port *port)
{
    Machine *m = g_new0(Machine, 1);
    guint64 seed = rng_mix(setup->seed + ((guint64)index << 8));

    m->setup = setup;
    m->index = index;
    m->port = port;
    m->stats.task = setup->task;
    m->lose_reboots = setup->lose_reboots;
    m->recrash_after = setup->recrash_after;
    m->regs_size = model_regs_size(setup->model, setup->generation);
    m->regs = g_malloc0(m->regs_size);
    if (setup->regs)
        memcpy(m->regs, setup->regs, m->regs_size);
    else
        model_make_regs(setup->model, seed, m->regs, m->regs_size);
    m->seen = g_malloc0(ram_pages(setup->ram) / 8 + 1);
    if (link_rules_any(&setup->rules)) {
        m->in = link_new(&setup->rules, seed + 1, WIRE_REQUEST_SIZE, incoming, m);
        m->out = link_new(&setup->rules, seed + 2, sizeof(m->packet), outgoing, m);
    }
    start_talking(m);
    return m;
}

void machine_free(Machine *m)
{
    if (!m)
        return;
    port_close(m->port);
    link_free(m->in);
    link_free(m->out);
    g_free(m->queue);
    g_free(m->seen);
    g_free(m->regs);
    g_free(m->words);
    g_free(m);
}

void machine_become(Machine *m, MachineState state)
{
    m->stats.state = state;
    m->queue_used = 0;
    if (state != MACHINE_SILENT)
        m->stats.finished = m->now;
}

static void push(Machine *m, Request request)
{
    if (m->queue_used == m->queue_size) {
        guint32 size = MAX(QUEUE_FIRST, m->queue_size * 2);

        if (size > QUEUE_MAX) {
            m->stats.unheard++;
            return;
        }
        /* Unroll the ring: its first part moves after its second. */
        Request *bigger = g_new(Request, size);
        for (guint32 i = 0; i < m->queue_used; i++)
            bigger[i] = m->queue[(m->queue_first + i) & (m->queue_size - 1)];
        g_free(m->queue);
        m->queue = bigger;
        m->queue_size = size;
        m->queue_first = 0;
    }
    m->queue[(m->queue_first + m->queue_used++) & (m->queue_size - 1)] = request;
}

static gboolean pop(Machine *m, Request *request)
{
    if (m->queue_used == 0)
        return FALSE;
    *request = m->queue[m->queue_first];
    m->queue_first = (m->queue_first + 1) & (m->queue_size - 1);
    m->queue_used--;
    return TRUE;
}

static guint32 get32(const guint8 *at)
{
    return (guint32)at[0] << 24 | (guint32)at[1] << 16 | (guint32)at[2] << 8 | at[3];
}

/* Takes a request from the network. The magic (bytes 0 to 7) and `to` (20 to 23) are ignored. */
static void incoming(gpointer user, G_GNUC_UNUSED guint lane, const guint8 *data, gsize len)
{
    Machine *m = user;

    if (m->setup->deaf)
        return;
    m->heard = m->now;
    if (len < WIRE_REQUEST_SIZE)
        m->stats.strange++;
    else if (m->stats.state == MACHINE_HANDSHAKE || m->stats.state == MACHINE_SERVING)
        push(m, (Request){get32(data + 8), get32(data + 12), get32(data + 16), get32(data + 20)});
    else if (m->stats.state == MACHINE_PRINTING || m->stats.state == MACHINE_TALKING)
        m->stats.unheard++;
}

static void received(gpointer user, const guint8 *data, gsize len)
{
    Machine *m = user;

    if (m->in)
        link_put(m->in, LANE_DUMP, data, len, m->now);
    else
        incoming(m, LANE_DUMP, data, len);
}

void machine_listen(Machine *m, gint64 now)
{
    m->now = now;
    for (guint i = 0; i < 1024 && port_receive(m->port, received, m) > 0; i++)
        ;
}

static void handshake(Machine *m, guint budget)
{
    Request r;

    while (budget-- > 0 && pop(m, &r)) {
        m->stats.requests++;
        if (r.command != WIRE_CMD_START_NETDUMP_ACK) {
            machine_send_start(m); /* eaten: it only wakes the client, which says START again */
            m->wake = m->now + START_EVERY;
            continue;
        }
        guint8 theirs = (guint8)r.from;

        m->extensions = r.to & m->setup->extensions;
        if (m->setup->model->wide && theirs == 0) {
            machine_become(m, MACHINE_REBOOTED);
            return;
        }
        if (m->setup->generation != GENERATION_RHEL3)
            m->version = MIN(theirs, ACK_VERSION_MAX);
        m->stats.state = MACHINE_SERVING;
        return;
    }
    if (m->now >= m->wake) {
        machine_send_start(m);
        m->wake = m->now + START_EVERY;
    }
}

/* It crashed, booted, and crashes again. */
static void crash_again(Machine *m)
{
    m->recrash_after = 0;
    m->queue_used = 0;
    m->stats.task += TASK_SIZE;
    m->stats.pages = 0;
    memset(m->seen, 0, ram_pages(m->setup->ram) / 8 + 1);
    start_talking(m);
}

static void serve(Machine *m, guint budget)
{
    Request r;

    while (budget-- > 0 && m->stats.state == MACHINE_SERVING && pop(m, &r)) {
        m->stats.requests++;
        machine_answer(m, &r);
        if (m->setup->silent_after > 0 && m->stats.pages_sent >= m->setup->silent_after) {
            machine_become(m, MACHINE_SILENT);
        } else if (m->recrash_after > 0 && m->stats.pages_sent >= m->recrash_after) {
            crash_again(m);
        }
    }
}

void machine_show_state(Machine *m, guint32 nr)
{
    const MachineSetup *s = m->setup;

    /* What is in the socket came before the text, so it is not lost. */
    machine_listen(m, m->now);
    g_free(m->words);
    m->words = console_state(s->model->name, m->stats.task, ram_pages(s->ram), ram_present(s->ram));
    m->console = (Console){m->words, strlen(m->words)};
    m->show_nr = nr;
    m->show_owed = s->generation == GENERATION_RHEL4;
    if (!m->show_owed)
        machine_send_show(m, nr);
    m->wake = m->now;
    m->stats.state = MACHINE_PRINTING;
}

static void print(Machine *m, gint64 gap)
{
    if (m->now < m->wake)
        return;
    if (machine_print(m)) {
        m->wake = m->now + gap;
    } else if (m->stats.state == MACHINE_PRINTING) {
        machine_listen(m, m->now); /* what came during the text is dropped */
        m->stats.state = MACHINE_SERVING;
        if (m->show_owed)
            machine_send_show(m, m->show_nr);
    } else if (m->setup->no_crash) {
        machine_become(m, MACHINE_LEFT);
    } else {
        m->heard = m->now;
        m->wake = m->now;
        m->stats.state = MACHINE_HANDSHAKE;
    }
}

static gboolean over(const Machine *m)
{
    return m->stats.state >= MACHINE_LEFT;
}

static void act(Machine *m, guint budget)
{
    switch (m->stats.state) {
    case MACHINE_TALKING:
        print(m, TEXT_GAP);
        break;
    case MACHINE_HANDSHAKE:
        handshake(m, budget);
        break;
    case MACHINE_SERVING:
        serve(m, budget);
        break;
    case MACHINE_PRINTING:
        print(m, STATE_GAP);
        break;
    case MACHINE_SILENT:
    case MACHINE_LEFT:
    case MACHINE_REBOOTED:
    case MACHINE_ENDED:
    case MACHINE_GAVE_UP:
        break;
    }
}

gint64 machine_turn(Machine *m, gint64 now, guint budget)
{
    gint64 next = G_MAXINT64;

    m->now = now;
    if (m->in && !over(m))
        next = link_turn(m->in, now);
    act(m, budget);
    if (!over(m) && m->stats.state != MACHINE_TALKING) {
        if (now - m->heard >= m->setup->timeout)
            machine_become(m, MACHINE_GAVE_UP);
        next = MIN(next, m->heard + m->setup->timeout);
    }
    if (m->out)
        next = MIN(next, link_turn(m->out, now));
    port_flush(m->port);
    if (m->queue_used > 0 && m->stats.state != MACHINE_PRINTING)
        return now;
    if (m->stats.state <= MACHINE_PRINTING && m->stats.state != MACHINE_SERVING)
        next = MIN(next, m->wake);
    return next;
}

gboolean machine_finished(const Machine *m)
{
    return over(m);
}

const MachineStats *machine_stats(const Machine *m)
{
    return &m->stats;
}

const Port *machine_port(const Machine *m)
{
    return m->port;
}

const guint8 *machine_regs(const Machine *m)
{
    return m->regs;
}

LinkStats machine_link_stats(const Machine *m)
{
    LinkStats sum = {0};

    if (m->in) {
        const LinkStats *a = link_stats(m->in), *b = link_stats(m->out);

        sum.lost = a->lost + b->lost;
        sum.duplicated = a->duplicated + b->duplicated;
        sum.reordered = a->reordered + b->reordered;
        sum.overflowed = a->overflowed + b->overflowed;
    }
    return sum;
}
