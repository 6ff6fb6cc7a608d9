/* session_called.c - NEW and CALLED: from START to the reply that proves the client's address.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/session_states.h"
#include "core/netdump/session_step.h"

#define DOUBT SPAN_S(2) /* which START is true, if there are several */

/* -- CALLED -------------------------------------------------------------------------------------
 *
 * A START can be spoofed, with a magic that the client does not accept. So each different magic has
 * a request of its own, and the reply confirms one of them. Old clients accept any magic: if an
 * earlier START is confirmed, the last one gets another request. */

static guint claims_kept(const Handshake *h)
{
    return MIN(h->n_claims, CLAIMS_MAX);
}

static void request_for_claim(Step *s, const Claim *claim)
{
    s->n->start = claim->start;
    s->n->requests.by_command[WIRE_CMD_GET_PAGE_SIZE].nr = claim->nr;
    session_resend(s, WIRE_CMD_GET_PAGE_SIZE);
}

static gboolean same_start(const WireStart *a, const WireStart *b)
{
    return a->machine == b->machine && a->oldest == b->oldest && a->task == b->task &&
           a->page_offset == b->page_offset && a->magic == b->magic &&
           a->extensions == b->extensions && a->vmcoreinfo == b->vmcoreinfo && a->cpu == b->cpu;
}

static Claim *find_claim(Netdump *n, const WireStart *start)
{
    Handshake *h = &n->handshake;
    Claim *claim;

    for (guint i = 0; i < claims_kept(h); i++)
        if (same_start(&h->claims[i].start, start))
            return &h->claims[i];
    if (&h->claims[h->n_claims % CLAIMS_MAX] == h->answered)
        h->n_claims++;
    claim = &h->claims[h->n_claims++ % CLAIMS_MAX];
    *claim = (Claim){.start = *start, .nr = n->requests.next_nr--};
    return claim;
}

/* Answer a START. */
static void called_on_start(Step *s, const WireStart *start)
{
    Netdump *n = s->n;

    n->handshake.last = find_claim(n, start);
    if (!requests_is_open(&n->requests, WIRE_CMD_GET_PAGE_SIZE))
        requests_open(&n->requests, WIRE_CMD_GET_PAGE_SIZE, 0, 0);
    n->start = *start;
    /* A client that has had this ACK never sends START again: whatever was forged in its name
     * before, it has all our patience from here on. */
    n->heard = s->now;
    session_measure(s);
    /* Together no longer than any START (wire.c sees to that): useless for flooding others. */
    session_send(s, WIRE_CMD_START_NETDUMP_ACK, n->requests.next_nr--, WIRE_VERSION,
                 (guint32)(start->extensions & WIRE_EXT_ALL));
    request_for_claim(s, n->handshake.last);
}

static void called_resend(Step *s, WireCommand command)
{
    const Handshake *h = &s->n->handshake;

    request_for_claim(s, &h->claims[s->n->requests.by_command[command].tries % claims_kept(h)]);
}

static void called_on_message(Step *s, const WireMessage *m)
{
    Netdump *n = s->n;
    Handshake *h = &n->handshake;
    const Claim *claim = NULL;

    for (guint i = 0; i < claims_kept(h) && m->kind == WIRE_MSG_PAGE_SIZE; i++)
        if (h->claims[i].nr == m->nr)
            claim = &h->claims[i];
    if (!claim)
        return;
    session_heard(s, m);
    if (claim->start.magic == h->last->start.magic)
        claim = h->last;
    if (claim != h->last && h->answered)
        return;
    h->answered = claim;
    n->elf.page_size = m->info;
    n->timer = claim == h->last ? s->now : mono_add(s->now, DOUBT);
    if (claim != h->last)
        request_for_claim(s, h->last);
}

/* Is it clear by now which START is true? */
static void called_settle(Step *s)
{
    Netdump *n = s->n;

    if (!n->handshake.answered || mono_before(s->now, n->timer))
        return;
    n->start = n->handshake.answered->start;
    requests_close(&n->requests, WIRE_CMD_GET_PAGE_SIZE);
    session_identify(n);
    session_begin_asking(s);
}

const StateOps session_called = {
    .name = "called",
    .phase = PHASE_UNPROVEN,
    .silence = REASON_UNREACHABLE,
    .on_message = called_on_message,
    .on_start = called_on_start,
    .settle = called_settle,
    .resend = called_resend,
};

/* -- NEW ----------------------------------------------------------------------------------------
 *
 * After the ACK a client waits indefinitely and sends nothing. So the ACK is sent only after START
 * is recorded for the next instance, and only if the magic is right. */

static void answer(Step *s, const WireStart *start)
{
    session_enter(s, NETDUMP_CALLED);
    called_on_start(s, start);
}

static void wait_for(Step *s, CallStage stage, ActionKind kind)
{
    s->n->handshake.stage = stage;
    session_emit(s,
                 (Action){.kind = kind, .big_endian = s->n->start.machine == WIRE_MACHINE_PPC64});
}

static void new_on_start(Step *s, const WireStart *start)
{
    Netdump *n = s->n;

    switch (n->handshake.stage) {
    case CALL_FRESH:
        n->start = *start;
        if (n->spec.secure)
            wait_for(s, CALL_CHECKING, ACTION_CHECK_MAGIC);
        else
            wait_for(s, CALL_RECORDING, ACTION_RECORD);
        break;
    case CALL_RECORDING: /* the record takes its time */
        answer(s, start);
        break;
    case CALL_INHERITED:
    case CALL_CHECKING: /* its next START finds us further */
        break;
    }
}

static void on_magic(Step *s, const Event *event)
{
    Netdump *n = s->n;

    if (event->err) {
        n->base.facts.disk_errno = event->err;
        session_note(s, NOTE_NO_MAGIC);
        session_close(s, FALSE);
    } else if (event->magic == 0 || event->magic != n->start.magic) {
        session_note(s, NOTE_WRONG_MAGIC);
        session_close(s, FALSE);
    } else {
        wait_for(s, CALL_RECORDING, ACTION_RECORD);
    }
}

static void new_on_done(Step *s, const Event *event)
{
    const Netdump *n = s->n;

    if (event->kind == EVENT_MAGIC && n->handshake.stage == CALL_CHECKING)
        on_magic(s, event);
    else if (event->kind == EVENT_RECORDED && n->handshake.stage == CALL_RECORDING)
        answer(s, &n->start);
}

/* A previous instance has recorded it, and may have answered its START: then it sends no other. */
static void new_settle(Step *s)
{
    const Netdump *n = s->n;

    if (n->handshake.stage != CALL_INHERITED)
        return;
    if (n->spec.secure)
        wait_for(s, CALL_CHECKING, ACTION_CHECK_MAGIC);
    else
        answer(s, &n->start);
}

static Mono new_deadline(const Netdump *n)
{
    const Mono at_once = {0};

    return n->handshake.stage == CALL_INHERITED ? at_once : MONO_NEVER;
}

const StateOps session_new = {
    .name = "called",
    .phase = PHASE_UNPROVEN,
    .on_start = new_on_start,
    .on_done = new_on_done,
    .settle = new_settle,
    .deadline = new_deadline,
};
