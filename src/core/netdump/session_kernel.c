/* session_kernel.c - the state machine's questions about today's kernels: VMCOREINFO, map of RAM.
 *
 * Both are asked for in ASKING, piece by piece. A machine that has no sensible answer is dumped as
 * the old ones are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_internal.h"

guint32 ask_take_extensions(const Session *c)
{
    return (guint32)(c->facts.start.extensions & WIRE_EXT_ALL);
}

void ask_kernel(Step *s)
{
    Session *c = s->c;

    c->facts.kernel = NULL;
    c->kernel.vmcoreinfo_len = c->kernel.n_ranges = 0;
    c->kernel.cpu = (guint32)MIN(c->facts.start.cpu, G_MAXUINT32);
    c->kernel.pid = (guint32)MIN(c->facts.start.pid, G_MAXINT32);
    if ((ask_take_extensions(c) & WIRE_EXT_DATA) && c->facts.start.vmcoreinfo > 0)
        step_ask_for(s, WIRE_CMD_GET_DATA, 0, WIRE_DATA_VMCOREINFO);
}

void ask_on_data(Step *s, const WireMessage *m)
{
    Session *c = s->c;
    Request ask = c->asks.by_command[WIRE_CMD_GET_DATA];
    gboolean text = ask.to == WIRE_DATA_VMCOREINFO;
    KernelInfoVerdict verdict;

    if (!step_answered(s, WIRE_CMD_GET_DATA, m))
        return;
    verdict = text ? kernel_info_add_vmcoreinfo(&c->kernel, ask.from, m->data, m->len, m->info)
                   : kernel_info_add_ranges(&c->kernel, ask.from, m->data, m->len, m->info);
    if (verdict == KERNEL_INFO_MORE)
        step_ask_for(s, WIRE_CMD_GET_DATA, ask.from + (guint32)m->len, ask.to);
    else if (verdict == KERNEL_INFO_DONE && text)
        step_ask_for(s, WIRE_CMD_GET_DATA, 0, WIRE_DATA_RAM);
    else if (verdict == KERNEL_INFO_DONE)
        c->facts.kernel = &c->kernel;
}

gboolean ask_on_error(Step *s, const WireMessage *m)
{
    return step_answered(s, WIRE_CMD_GET_DATA, m); /* it has none: go on without */
}
