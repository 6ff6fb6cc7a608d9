/* answer.c - the replies of a crashed machine, byte for byte as the kernel's client makes them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/machine_internal.h"

#include <stdarg.h>
#include <string.h>

#define VERSION_FIRST 4 /* of START and LOG, and of all that RHEL 3 sends */
#define START_INFO    5 /* "I speak up to version 5" */
#define HELLO_INFO    4
#define LOG_MAX       1024 /* payload of a LOG packet */
#define LOG_MAX_RHEL3 1447
#define PLAIN_MAX     1000

static void emit(Machine *m, Lane lane, gsize len)
{
    if (m->out)
        link_put(m->out, lane, m->packet, len, m->now);
    else
        port_send(m->port, lane, m->packet, len);
}

void answer_reply(Machine *m, guint32 nr, guint32 code, guint32 info, const void *payload,
                  gsize len)
{
    wire_pack_reply(m->version, nr, code, info, m->packet);
    memcpy(m->packet + WIRE_HEADER_SIZE, payload, len);
    emit(m, LANE_DUMP, WIRE_HEADER_SIZE + len);
}

static void G_GNUC_PRINTF(4, 5)
    say(Machine *m, const Request *r, const guint32 code_info[2], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)g_vsnprintf(m->scratch, sizeof(m->scratch), format, args);
    va_end(args);
    answer_reply(m, r->nr, code_info[0], code_info[1], m->scratch, strlen(m->scratch));
}

/* This text does not pass through the buffer that the other answers share. */
static void no_such_page(Machine *m, const Request *r)
{
    char text[80];
    int len = g_snprintf(text, sizeof(text), "page %08x is beyond the last page, %08x\n", r->from,
                         ram_pages(m->setup->ram) - 1);

    m->stats.errors++;
    answer_reply(m, r->nr, WIRE_CODE_ERROR, 0, text, (gsize)len);
}

static void send_chunks(Machine *m, guint32 nr, guint32 pfn)
{
    for (guint32 at = 0; at < ram_page_size(m->setup->ram); at += WIRE_CHUNK_SIZE) {
        wire_pack_reply(m->version, nr, WIRE_CODE_MEM, at, m->packet);
        ram_read(m->setup->ram, m->index, pfn, at, m->packet + WIRE_HEADER_SIZE);
        emit(m, LANE_DUMP, WIRE_MEM_SIZE);
    }
}

static void send_mem(Machine *m, const Request *r)
{
    const Ram *ram = m->setup->ram;
    guint32 pfn = r->from;

    if (m->stats.first_page == 0)
        m->stats.first_page = m->now;
    if (pfn >= ram_pages(ram)) {
        no_such_page(m, r);
        return;
    }
    if (!m->setup->oldest && ram_is_hole(ram, pfn)) {
        m->stats.reserved++;
        answer_reply(m, r->nr, WIRE_CODE_RESERVED, ram_next(ram, pfn), "", 0);
        return;
    }
    if (!extra_send_page(m, r->nr, pfn))
        send_chunks(m, r->nr, pfn);
    guint8 bit = (guint8)(1u << pfn % 8);
    if (m->seen[pfn / 8] & bit)
        m->stats.duplicates++;
    else
        m->stats.pages++;
    m->seen[pfn / 8] |= bit;
    m->stats.pages_sent++;
    m->stats.last_page = m->now;
}

static void send_run(Machine *m, const Request *r)
{
    Request one = *r;

    for (guint32 i = 0; i < CLAMP(r->to, 1, WIRE_RUN_MAX); i++, one.nr++, one.from++)
        send_mem(m, &one);
}

static void leave(Machine *m, const Request *r)
{
    say(m, r, (const guint32[2]){WIRE_CODE_END_NETDUMP, 0}, "netdump ends here.\n");
    machine_become(m, MACHINE_ENDED);
}

static void reboot(Machine *m, G_GNUC_UNUSED const Request *r)
{
    if (m->lose_reboots > 0)
        m->lose_reboots--;
    else
        machine_become(m, MACHINE_REBOOTED);
}

static void hello(Machine *m, const Request *r)
{
    say(m, r, (const guint32[2]){WIRE_CODE_HELLO, HELLO_INFO}, "Hello from a simulated %s.\n",
        m->setup->model->name);
}

static void nr_pages(Machine *m, const Request *r)
{
    guint32 n = ram_pages(m->setup->ram);

    say(m, r, (const guint32[2]){WIRE_CODE_NR_PAGES, n}, "Number of pages: %u\n", n);
}

static void page_size(Machine *m, const Request *r)
{
    guint32 n = ram_page_size(m->setup->ram);

    say(m, r, (const guint32[2]){WIRE_CODE_PAGE_SIZE, n}, "PAGE_SIZE: %u\n", n);
}

/* The registers overwrite the text's NUL, so strlen() runs into them. */
static void regs(Machine *m, const Request *r)
{
    const Ram *ram = m->setup->ram;
    guint32 info = m->setup->oldest ? ram_pages(ram) - 1 : ram_present(ram);
    int text = g_snprintf(m->scratch, sizeof(m->scratch), "Sending register info.\n");

    memcpy(m->scratch + text, m->regs, m->regs_size);
    gsize len = strnlen(m->scratch, sizeof(m->scratch) - m->regs_size) + m->regs_size;
    answer_reply(m, r->nr, WIRE_CODE_REGS, info, m->scratch, len);
}

static void unknown(Machine *m, const Request *r)
{
    m->stats.errors++;
    say(m, r, (const guint32[2]){WIRE_CODE_ERROR, r->command}, "command %u is not known\n",
        r->command);
}

static void show_state(Machine *m, const Request *r)
{
    if (m->setup->oldest)
        unknown(m, r);
    else
        machine_show_state(m, r->nr);
}

static void nothing(G_GNUC_UNUSED Machine *m, G_GNUC_UNUSED const Request *r)
{
}

void machine_answer(Machine *m, const Request *request)
{
    /* A START_NETDUMP_ACK is not in the table: one that comes now is a command like any unknown. */
    static void (*const answers[])(Machine *, const Request *) = {
        [WIRE_CMD_NONE] = nothing,
        [WIRE_CMD_SEND_MEM] = send_mem,
        [WIRE_CMD_EXIT] = leave,
        [WIRE_CMD_REBOOT] = reboot,
        [WIRE_CMD_HELLO] = hello,
        [WIRE_CMD_GET_NR_PAGES] = nr_pages,
        [WIRE_CMD_GET_PAGE_SIZE] = page_size,
        [WIRE_CMD_GET_REGS] = regs,
        [WIRE_CMD_SHOW_STATE] = show_state,
        [WIRE_CMD_GET_DATA] = extra_get_data,
        [WIRE_CMD_SEND_RUN] = send_run,
    };
    gboolean extra = request->command >= WIRE_CMD_GET_DATA;

    if (extra && !m->extensions)
        unknown(m, request);
    else if (request->command < G_N_ELEMENTS(answers) && answers[request->command])
        answers[request->command](m, request);
    else
        unknown(m, request);
}

void machine_send_show(Machine *m, guint32 nr)
{
    answer_reply(m, nr, WIRE_CODE_SHOW_STATE, 0, m->scratch,
                 strnlen(m->scratch, sizeof(m->scratch)));
}

void machine_send_start(Machine *m)
{
    const MachineSetup *s = m->setup;
    const char *extra = s->start_text ? s->start_text : "";
    char offer[128];

    m->version = VERSION_FIRST;
    if (m->stats.crashed == 0)
        m->stats.crashed = m->now;
    if (s->oldest) {
        (void)g_snprintf(m->scratch, sizeof(m->scratch), "NETDUMP start, waiting for start-ACK.\n");
    } else {
        (void)g_snprintf(m->scratch, sizeof(m->scratch),
                         "task_struct:0x%" G_GINT64_MODIFIER "x page_offset:0x%" G_GINT64_MODIFIER
                         "x netdump_magic:0x%" G_GINT64_MODIFIER "x%s%s%s\n",
                         m->stats.task, s->page_offset, s->magic,
                         extra_start_text(m, offer, sizeof offer), *extra ? " " : "", extra);
    }
    answer_reply(m, s->oldest ? 0 : s->model->machine, WIRE_CODE_START_NETDUMP,
                 s->oldest ? 0 : START_INFO, m->scratch, strlen(m->scratch));
}

gboolean machine_print(Machine *m)
{
    static const char prefix[] = "<5> ";
    gboolean plain = m->setup->style == CONSOLE_PLAIN;
    gsize max = m->setup->generation == GENERATION_RHEL3 ? LOG_MAX_RHEL3 : LOG_MAX;
    const char *piece;
    gsize len = console_next(&m->console, plain ? PLAIN_MAX : max, &piece);
    gsize head = WIRE_HEADER_SIZE;

    if (len == 0)
        return FALSE;
    if (plain) {
        head = strlen(prefix);
        memcpy(m->packet, prefix, head);
    } else {
        wire_pack_reply(VERSION_FIRST, 0, WIRE_CODE_LOG, m->log_offset, m->packet);
        m->log_offset += (guint32)len;
    }
    memcpy(m->packet + head, piece, len);
    emit(m, LANE_TEXT, head + len);
    return TRUE;
}
