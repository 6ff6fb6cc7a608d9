/* check.c - what must hold in a world. See check.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/check.h"

#include <string.h>

#define ACTIONS_MAX (WINDOW_MAX + 16)

/* -- steps --------------------------------------------------------------------------------------
 */

static guint count_pages_asked(const World *w)
{
    guint n = 0;

    for (guint i = 0; i < w->actions->len; i++) {
        const Action *a = &g_array_index(w->actions, Action, i);

        n += a->kind == ACTION_SEND &&
             (a->request.command == WIRE_CMD_SEND_MEM || a->request.command == WIRE_CMD_SEND_RUN);
    }
    return n;
}

void check_step(World *w, const ClientEntry *entry, const Event *event)
{
    const SessionFacts *f = session_facts(entry->client);
    Mono deadline = session_deadline(entry->client);
    const Served *s = entry->files;

    if (w->actions->len > ACTIONS_MAX)
        world_fail(w, "%u actions in a step", w->actions->len);
    if (f->pages.in_flight > WINDOW_MAX)
        world_fail(w, "%u pages in flight", f->pages.in_flight);
    if (count_pages_asked(w) > 0 && f->pages.in_flight > entry->share)
        world_fail(w, "%u pages in flight, but %u may be", f->pages.in_flight, entry->share);
    if (event->kind == EVENT_TIMER && !mono_before(w->now, deadline))
        world_fail(w, "state %s: the timer was dealt with, and is due again at once",
                   session_state_name(f->state));
    if (f->state == SESSION_CLOSED && deadline.us != G_MAXINT64)
        world_fail(w, "a closed client has a deadline");
    if (w->outage && f->state >= SESSION_REBOOTING && s->machine->crash)
        s->machine->crash->excused = TRUE; /* REBOOT may have gone nowhere */
    if (f->floor_synced > f->floor_written || (f->dumps && f->floor_written > f->nr_pages))
        world_fail(w, "floors %u, %u of %u pages", f->floor_synced, f->floor_written, f->nr_pages);
}

void check_amplification(World *w, gsize start_len)
{
    gsize bytes = 0;

    for (guint i = 0; i < w->actions->len; i++)
        if (g_array_index(w->actions, Action, i).kind == ACTION_SEND)
            bytes += WIRE_REQUEST_SIZE;
    if (bytes > start_len)
        world_fail(w, "%" G_GSIZE_FORMAT " bytes in answer to a START of %" G_GSIZE_FORMAT, bytes,
                   start_len);
}

/* -- actions ------------------------------------------------------------------------------------
 */

void check_request(World *w, const ClientEntry *entry, const Served *s, const WireRequest *r)
{
    const SessionFacts *f = session_facts(entry->client);
    guint32 n = r->command == WIRE_CMD_SEND_RUN ? r->to : 1;

    if (r->command == WIRE_CMD_START_NETDUMP_ACK && r->from != WIRE_VERSION)
        world_fail(w, "ACK with version %u", r->from);
    if (r->command != WIRE_CMD_SEND_MEM && r->command != WIRE_CMD_SEND_RUN) {
        kernel_note_nr(w, s->machine, s->crash, r->nr, NULL);
        return;
    }
    if (n > WIRE_RUN_MAX || (guint64)r->from + n > f->nr_pages)
        world_fail(w, "pages 0x%x, %u of them, are asked for, of 0x%x", r->from, n, f->nr_pages);
    for (guint32 i = 0; i < n; i++) {
        guint32 pfn = r->from + i;

        kernel_note_nr(w, s->machine, s->crash, r->nr + i, &pfn);
    }
}

void check_dir(World *w, const Served *s, const char *action)
{
    if (!s->dump || !s->dump->open)
        world_fail(w, "%s without a directory", action);
}

void check_file(World *w, const Served *s, const char *action)
{
    check_dir(w, s, action);
    if (!s->dump->in_use)
        world_fail(w, "%s without a file", action);
}

void check_start(World *w, const ClientEntry *entry, const Served *s)
{
    const WireStart *is = &session_facts(entry->client)->start;
    const WireStart *should = &s->crash->start;

    if (s->crash->start_doubt)
        return;
    if (is->machine != should->machine || is->task != should->task || is->magic != should->magic)
        world_fail(w, "another START than the machine's");
}

void check_store(World *w, const ClientEntry *entry, const Served *s, const Action *a, Chunk *chunk)
{
    const SessionFacts *f = session_facts(entry->client);
    guint8 right[WIRE_CHUNK_SIZE];

    check_file(w, s, "STORE_CHUNK");
    if (a->chunk.pfn >= f->nr_pages || a->chunk.offset >= f->page_size ||
        a->chunk.offset % WIRE_CHUNK_SIZE != 0 || a->len != WIRE_CHUNK_SIZE)
        world_fail(w, "a chunk at 0x%x of page 0x%x is stored", a->chunk.offset, a->chunk.pfn);
    if (s->dump->whole || s->dump->partial)
        world_fail(w, "a chunk is stored behind FINISH");
    if (!kernel_ram(s->crash, a->chunk.pfn, &chunk->index))
        world_fail(w, "page 0x%x is stored, but is no RAM", a->chunk.pfn);
    kernel_memory(s->crash, a->chunk.pfn, a->chunk.offset, right);
    if (memcmp(right, a->data, sizeof right) != 0)
        world_fail(w, "page 0x%x at 0x%x is stored with what is not in it", a->chunk.pfn,
                   a->chunk.offset);
    if (s->dump->waiting > WINDOW_AHEAD)
        world_fail(w, "%u pages wait for the disk", s->dump->waiting);
    chunk->nr = a->chunk.nr;
    chunk->chunk = (guint8)(a->chunk.offset / WIRE_CHUNK_SIZE);
    chunk->whole = a->chunk.whole;
}

/* Every page of RAM below `floor` is in the file. */
static void check_floor(World *w, Dump *d, guint32 floor)
{
    const Crash *c = d->crash;

    for (guint r = 0; r < c->n_ranges; r++)
        for (guint64 pfn = c->ranges[r].first; pfn <= c->ranges[r].last && pfn < floor; pfn++) {
            guint32 index = c->ranges[r].index + (guint32)(pfn - c->ranges[r].first);

            if (index < d->checked)
                continue;
            if (!disk_has(d, index))
                world_fail(w, "page 0x%x is below the floor 0x%x, but not in the file",
                           (guint32)pfn, floor);
            d->checked = index + 1;
        }
}

void check_floors(World *w, const ClientEntry *entry, const Served *s)
{
    const SessionFacts *f = session_facts(entry->client);

    if (s->dump->in_use && !s->dump->partial && f->dumps && f->state != SESSION_RESUMING)
        check_floor(w, s->dump, f->floor_written);
}

void check_resumed(World *w, Dump *d)
{
    if (d->file && d->latest.state != JOURNAL_REBOOTING)
        check_floor(w, d, d->latest.floor_written);
}

void check_whole(World *w, const Dump *d)
{
    for (guint32 i = 0; i < d->crash->n_ram; i++)
        if (!disk_has(d, i))
            world_fail(w, "dump %u is said to be whole, but page %u of RAM is not", d->number, i);
}

/* -- ends ---------------------------------------------------------------------------------------
 */

/* Silence is a reason only where the machine is silent. */
static void check_silence(World *w, const Served *s)
{
    const Crash *c = s->machine->crash;
    KernelState state = s->machine->state;

    if (w->outage || !c || c != s->crash)
        return;
    if (state == KERNEL_SERVING && !c->over)
        world_fail(w, "machine %u is said to be silent, but it is not", s->machine->number);
}

void check_ended(World *w, const ClientEntry *entry, const Served *s)
{
    const SessionFacts *f = session_facts(entry->client);

    if (f->result == RESULT_COMPLETE && !s->dump->renamed)
        world_fail(w, "COMPLETE before vmcore has its name");
    if (f->reason == REASON_SILENT)
        check_silence(w, s);
    if (f->reason == REASON_SLOW && s->machine->state == KERNEL_DEAD)
        world_fail(w, "machine %u is dead, not slow", s->machine->number);
    if ((f->reason == REASON_DISK || f->reason == REASON_NO_SPACE) && !s->crash->denied)
        world_fail(w, "%s, but it did not", session_reason_text(f->reason));
}

void check_close(World *w, const ClientEntry *entry, const Served *s, gboolean keep)
{
    const SessionFacts *f = session_facts(entry->client);

    if (f->state != SESSION_CLOSED)
        world_fail(w, "CLOSE in state %s", session_state_name(f->state));
    if ((f->result == RESULT_RUNNING && !s->dump->was_over) ||
        (f->result == RESULT_INTERRUPTED && !keep))
        world_fail(w, "CLOSE without a result");
    if (f->result == RESULT_COMPLETE && !s->dump->renamed)
        world_fail(w, "COMPLETE, but vmcore is not");
    if (s->dump && s->dump->whole && !s->crash->denied && f->result != RESULT_COMPLETE && !keep)
        world_fail(w, "every page was there, but it is %s", session_result_name(f->result));
    if (f->regs_len > 0 && f->dumps && !s->crash->regs_doubt &&
        (f->regs_len != s->crash->regs_len || memcmp(f->regs, s->crash->regs, f->regs_len) != 0))
        world_fail(w, "other registers than the machine's");
}

static const Dump *dump_of(const World *w, const Crash *c)
{
    const Dump *last = NULL;

    for (guint i = 0; i < w->dumps->len; i++) {
        const Dump *d = w->dumps->pdata[i];

        if (d->crash == c && (!last || d->renamed || !last->renamed))
            last = d;
    }
    return last;
}

/* Where nothing was in the way, the dump is whole. */
static void check_crash(World *w, const Crash *c)
{
    const Dump *d = dump_of(w, c);
    gboolean excused = !c->sane || c->over || c->denied || c->orphaned || c->start_doubt ||
                       c->regs_doubt || !c->acked;

    if (d && d->renamed)
        check_whole(w, d);
    else if (!excused)
        world_fail(w, "machine %u, crash %u: nothing was in the way, but there is no whole dump",
                   c->machine->number, c->number);
}

/* A crashed machine is not left waiting. */
static void check_machine(World *w, const Machine *m)
{
    const Crash *c = m->crash;

    if (m->state == KERNEL_UP || m->state == KERNEL_GONE || m->state == KERNEL_DEAD)
        return;
    if (!c->orphaned && !c->excused)
        world_fail(w, "machine %u is left waiting, in state %d", m->number, m->state);
}

void check_end(World *w)
{
    if (clients_count(w->clients) > 0)
        world_fail(w, "client %u waits for nothing", clients_nth(w->clients, 0)->id);
    for (guint i = 0; i < w->sc.machines; i++)
        check_machine(w, w->machines[i]);
    for (guint i = 0; i < w->n_crashes; i++)
        check_crash(w, w->crashes[i]);
}

void check_stuck(World *w)
{
    if (w->up && clients_count(w->clients) > 0) {
        const SessionFacts *f = session_facts(clients_nth(w->clients, 0)->client);

        world_fail(w, "client %u does not come to an end: %s", f->id, session_state_name(f->state));
    }
    world_fail(w, "it does not come to an end");
}
