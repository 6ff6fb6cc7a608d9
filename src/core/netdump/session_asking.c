/* session_asking.c - ASKING: the client's memory and kernel.
 *
 * VMCOREINFO and the map of RAM, of current kernels, come piece by piece. A client that has no
 * sensible reply to these is dumped as the old ones are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

#include <string.h>

static void begin_kernel(Step *s)
{
    Netdump *n = s->n;

    n->kernel = KERNEL_UNKNOWN;
    memset(&n->elf.kernel, 0, sizeof n->elf.kernel);
    n->elf.kernel.cpu = (guint32)MIN(n->start.cpu, G_MAXUINT32);
    n->elf.kernel.pid = (guint32)MIN(n->start.pid, G_MAXINT32);
    if ((n->start.extensions & WIRE_EXT_DATA) && n->start.vmcoreinfo > 0)
        session_request(s, WIRE_CMD_GET_DATA, 0, WIRE_DATA_VMCOREINFO);
}

void session_begin_asking(Step *s)
{
    SessionFacts *f = &s->n->base.facts;

    session_enter(s, NETDUMP_ASKING);
    session_emit_kind(s, ACTION_TAKE_SLOT);
    if (f->dir != DIR_OPEN) {
        f->dir = DIR_OPENING;
        session_emit_kind(s, ACTION_OPEN_DIR);
    }
    if (f->resumed)
        session_request(s, WIRE_CMD_GET_PAGE_SIZE, 0, 0);
    session_request(s, WIRE_CMD_GET_NR_PAGES, 0, 0);
    session_request(s, WIRE_CMD_GET_REGS, 0, 0);
    begin_kernel(s);
}

/* -- replies ------------------------------------------------------------------------------------
 */

static void on_regs(Netdump *n, const WireMessage *m)
{
    n->ram_pages = m->info;
    elf_netdump_set_regs(&n->elf, m->data, m->len);
}

static void forget_kernel(Netdump *n)
{
    memset(&n->elf.kernel, 0, sizeof n->elf.kernel);
}

static void on_data(Step *s, const Request *request, const WireMessage *m)
{
    Netdump *n = s->n;
    gboolean text = request->to == WIRE_DATA_VMCOREINFO;
    KernelInfoVerdict verdict =
        text ? kernel_info_add_vmcoreinfo(&n->elf.kernel, request->from, m->data, m->len, m->info)
             : kernel_info_add_ranges(&n->elf.kernel, request->from, m->data, m->len, m->info);

    if (verdict == KERNEL_INFO_MORE) {
        session_request(s, WIRE_CMD_GET_DATA, request->from + (guint32)m->len, request->to);
    } else if (verdict == KERNEL_INFO_REFUSED) {
        forget_kernel(n);
    } else if (text) {
        session_request(s, WIRE_CMD_GET_DATA, 0, WIRE_DATA_RAM);
    } else {
        n->kernel = KERNEL_TOLD;
        session_identify(n);
    }
}

static void asking_on_message(Step *s, const WireMessage *m)
{
    Netdump *n = s->n;
    const Request data = n->requests.by_command[WIRE_CMD_GET_DATA];

    if (!session_answered(s, m))
        return;
    switch (m->kind) {
    case WIRE_MSG_PAGE_SIZE:
        n->elf.page_size = m->info;
        break;
    case WIRE_MSG_NR_PAGES:
        n->elf.nr_pages = m->info;
        break;
    case WIRE_MSG_REGS:
        on_regs(n, m);
        break;
    case WIRE_MSG_DATA:
        on_data(s, &data, m);
        break;
    case WIRE_MSG_ERROR: /* it has none: continue without */
        forget_kernel(n);
        break;
    default:
        break;
    }
}

/* -- the directory ------------------------------------------------------------------------------
 */

static void on_dir_failed(Step *s, int err)
{
    s->n->base.facts.disk_errno = err;
    session_note(s, NOTE_DISK_FAILED);
    if (s->n->retry == RETRY_USED)
        session_give_up(s, REASON_DISK);
    else
        session_run_hook(s, SESSION_HOOK_NOSPACE);
}

static void asking_on_done(Step *s, const Event *event)
{
    if (event->kind == EVENT_DIR) { /* only a failure comes here */
        on_dir_failed(s, event->err);
    } else if (event->kind == EVENT_HOOK && event->hook == SESSION_HOOK_NOSPACE) {
        if (!session_may_retry(s, event)) {
            session_give_up(s, REASON_DISK);
            return;
        }
        s->n->base.facts.dir = DIR_OPENING;
        session_emit_kind(s, ACTION_OPEN_DIR);
    }
}

/* -- all is here --------------------------------------------------------------------------------
 */

static gboolean page_size_ok(guint32 size)
{
    return size >= LIMIT_PAGE_SIZE_MIN && size <= LIMIT_PAGE_SIZE_MAX && (size & (size - 1)) == 0;
}

static gboolean is_complete(const Netdump *n)
{
    return n->slot != SLOT_UNKNOWN && n->base.facts.dir == DIR_OPEN &&
           !requests_is_open(&n->requests, WIRE_CMD_GET_PAGE_SIZE) &&
           !requests_is_open(&n->requests, WIRE_CMD_GET_NR_PAGES) &&
           !requests_is_open(&n->requests, WIRE_CMD_GET_REGS) &&
           !requests_is_open(&n->requests, WIRE_CMD_GET_DATA);
}

static void asking_settle(Step *s)
{
    Netdump *n = s->n;

    if (!is_complete(n))
        return;
    /* The oldest clients tell the highest pfn here. */
    if (n->ram_pages == 0 || n->ram_pages > n->elf.nr_pages || n->start.oldest)
        n->ram_pages = n->elf.nr_pages;
    if (!n->base.facts.resumed)
        session_note(s, NOTE_CRASHED);
    if (!wire_machine_known(n->start.machine))
        session_give_up(s, REASON_MACHINE);
    else if (!page_size_ok(n->elf.page_size))
        session_give_up(s, REASON_PAGE_SIZE);
    else if (n->elf.nr_pages == 0)
        session_give_up(s, REASON_NO_PAGES);
    else if (n->slot == SLOT_DENIED)
        session_give_up(s, REASON_OVER_LIMIT);
    else
        session_begin_preparing(s);
}

const StateOps session_asking = {
    .name = "asking",
    .phase = PHASE_PREPARING,
    .silence = REASON_SILENT,
    .on_message = asking_on_message,
    .on_start = session_probe_restart,
    .on_done = asking_on_done,
    .settle = asking_settle,
};
