/* session_resuming.c - RESUMING: a dump that a previous instance of the server began.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

#include <string.h>

/* What the previous instance left to be done. */
static void resuming_settle(Step *s)
{
    Netdump *n = s->n;

    if (n->resume != RESUME_HELD)
        return;
    n->resume = RESUME_PROBING;
    if (n->outcome == RECORD_REBOOTING) {
        session_begin_reboot(s);
        return;
    }
    if (n->content == CONTENT_SOME) {
        session_emit_kind(s, ACTION_TAKE_SLOT);
        session_open_file(s, TRUE);
    }
    if (n->outcome == RECORD_DUMPING)
        session_request(s, WIRE_CMD_HELLO, 0, 0);
}

static Mono resuming_deadline(const Netdump *n)
{
    const Mono at_once = {0};

    return n->resume == RESUME_HELD ? at_once : MONO_NEVER;
}

/* The registers at the crash tell one crash from another: the dump must not be resumed if the
 * client was rebooted and has crashed again in between. */
static void on_regs(Step *s, const WireMessage *m)
{
    Netdump *n = s->n;
    gsize len = MIN(m->len, sizeof n->elf.regs);

    if (len != n->elf.regs_len || memcmp(m->data, n->elf.regs, len) != 0) {
        session_give_up(s, REASON_RECRASHED);
        return;
    }
    n->resume = RESUME_CONFIRMED;
    if (n->base.facts.file_state == FILE_OPEN)
        session_begin_dumping(s);
}

static void resuming_on_message(Step *s, const WireMessage *m)
{
    if (!session_answered(s, m))
        return;
    if (m->kind == WIRE_MSG_REGS)
        on_regs(s, m);
    else if (m->kind == WIRE_MSG_HELLO && s->n->content == CONTENT_SOME)
        session_request(s, WIRE_CMD_GET_REGS, 0, 0);
    else if (m->kind == WIRE_MSG_HELLO)
        session_begin_asking(s);
}

/* A reply may have come in STALLED. */
static void probe_again(Step *s)
{
    session_request(s, WIRE_CMD_HELLO, 0, 0);
}

static void on_file(Step *s, const Event *event)
{
    Netdump *n = s->n;

    if (!session_file_opened(s, event))
        return;
    if (n->outcome == RECORD_TRANSFERRED && event->ok) {
        session_finish(s, TRUE);
        session_begin_ending(s);
    } else if (n->outcome == RECORD_TRANSFERRED) { /* the file is gone, perhaps not the client */
        n->outcome = RECORD_DUMPING;
        session_request(s, WIRE_CMD_HELLO, 0, 0);
    } else if (n->resume == RESUME_CONFIRMED) {
        session_begin_dumping(s);
    }
}

static void resuming_on_done(Step *s, const Event *event)
{
    if (event->kind == EVENT_FILE)
        on_file(s, event);
    else if (event->kind == EVENT_DISK_FAILED)
        session_stall(s, event->err, !event->ok, NETDUMP_RESUMING, probe_again);
}

const StateOps session_resuming = {
    .name = "resuming",
    .phase = PHASE_PREPARING,
    .silence = REASON_SILENT,
    .on_message = resuming_on_message,
    .on_start = session_probe_restart,
    .on_done = resuming_on_done,
    .settle = resuming_settle,
    .deadline = resuming_deadline,
};
