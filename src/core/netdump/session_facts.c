/* session_facts.c - what others may know of a netdump session: facts, header of the file, info.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_step.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void release_of(const Netdump *n, char release[KERNEL_INFO_RELEASE_MAX])
{
    release[0] = '\0';
    if (n->kernel == KERNEL_TOLD)
        kernel_info_release(&n->elf.kernel, release);
}

/* "x86_64", and if it is known "x86_64, Linux 6.1.0-1-amd64". */
void session_identify(Netdump *n)
{
    char release[KERNEL_INFO_RELEASE_MAX];
    char *system = n->base.facts.system;

    n->elf.machine = n->start.machine;
    n->elf.page_offset = n->start.page_offset;
    n->elf.task = n->start.task;
    release_of(n, release);
    if (wire_machine_known(n->start.machine))
        g_snprintf(system, SESSION_SYSTEM_MAX, "%s%s%s", wire_machine_name(n->start.machine),
                   *release ? ", Linux " : "", release);
    else
        g_snprintf(system, SESSION_SYSTEM_MAX, "ELF machine %" PRIu32, n->start.machine);
}

void session_plan_file(Netdump *n)
{
    SessionFacts *f = &n->base.facts;

    f->file = (SessionFile){
        .header_size = elf_netdump_header_size(&n->elf),
        .page_size = n->elf.page_size,
        .size = elf_netdump_page_offset(&n->elf, n->elf.nr_pages),
    };
    f->bytes_needed = (guint64)n->ram_pages * n->elf.page_size;
    f->bytes_before = n->before.stored * n->elf.page_size;
    f->flow.request_datagrams = n->elf.page_size / WIRE_CHUNK_SIZE;
}

void session_publish(Netdump *n)
{
    SessionFacts *f = &n->base.facts;
    guint64 page_size = n->elf.page_size;
    WindowStats *stats = &n->transfer.stats;

    f->file.page_size = n->elf.page_size;
    f->bytes_total = n->elf.nr_pages * page_size;
    f->bytes_done = session_pages_done(n) * page_size;
    f->bytes_before = n->before.stored * page_size;
    if (!n->transfer.window)
        return;
    *stats = window_stats(n->transfer.window);
    f->counters.bytes_new = (stats->stored + stats->zero) * page_size;
    f->counters.bytes_skipped = stats->reserved * page_size;
    f->counters.bytes_zero = stats->zero * page_size;
    f->counters.retransmitted = stats->retransmitted;
    f->counters.timeouts = stats->timeouts;
    f->counters.duplicate_bytes = stats->duplicate_bytes;
    f->counters.answered = stats->answered;
    f->flow.in_flight = stats->in_flight;
    f->flow.stalled = stats->backoff > 1;
}

void session_header(const Session *base, gboolean partial, guint8 *out)
{
    ElfSpec spec = ((const Netdump *)base)->elf;

    spec.partial = partial;
    elf_netdump_build(&spec, out);
}

/* -- info ---------------------------------------------------------------------------------------
 */

typedef struct {
    SessionDescribe fn;
    gpointer user;
} Describe;

static void tell_number(const Describe *d, const char *key, guint64 value)
{
    char text[24];

    g_snprintf(text, sizeof text, "%" PRIu64, value);
    d->fn(d->user, key, text);
}

/* 0 = not known */
static void tell_hex(const Describe *d, const char *key, guint64 value)
{
    char text[24];

    g_snprintf(text, sizeof text, "0x%" PRIx64, value);
    if (value)
        d->fn(d->user, key, text);
}

void session_describe(const Session *base, SessionDescribe fn, gpointer user)
{
    const Netdump *n = (const Netdump *)base;
    const Describe d = {fn, user};
    char release[KERNEL_INFO_RELEASE_MAX];

    release_of(n, release);
    tell_number(&d, "version", n->version);
    fn(user, "machine", wire_machine_name(n->start.machine));
    if (*release)
        fn(user, "release", release);
    tell_number(&d, "page_size", n->elf.page_size);
    tell_number(&d, "pages", n->elf.nr_pages);
    tell_number(&d, "ram_pages", n->ram_pages);
    tell_number(&d, "registers", n->elf.regs_len);
    tell_hex(&d, "page_offset", n->start.page_offset);
    tell_hex(&d, "task", n->start.task);
    tell_hex(&d, "magic", n->start.magic);
}
