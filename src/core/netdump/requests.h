/* requests.h - single requests to the client: retransmitted until they are answered.
 *
 * One open request for each command at most. The nr of a request comes from below the pages' nrs
 * (window.h counts upwards), so that no reply can be taken for a page.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/rtt.h"
#include "core/netdump/wire.h"

#define REQUESTS_COMMANDS (WIRE_CMD_GET_DATA + 1)

typedef enum { REQUEST_CLOSED, REQUEST_OPEN } RequestState; /* CLOSED: answered, or never sent */

typedef struct {
    RequestState state;
    guint32 nr, from, to;
    guint tries; /* times that it was sent */
    Mono sent;   /* the last time */
} Request;

typedef struct {
    Request by_command[REQUESTS_COMMANDS];
    guint n_open;
    guint32 next_nr; /* counts downwards */
} Requests;

static inline gboolean requests_is_open(const Requests *r, WireCommand command)
{
    return r->by_command[command].state == REQUEST_OPEN;
}

static inline gboolean requests_any_open(const Requests *r)
{
    return r->n_open > 0;
}

static inline void requests_close(Requests *r, WireCommand command)
{
    if (requests_is_open(r, command))
        r->n_open--;
    r->by_command[command].state = REQUEST_CLOSED;
}

static inline void requests_close_all(Requests *r)
{
    for (guint i = 0; i < REQUESTS_COMMANDS; i++)
        requests_close(r, (WireCommand)i);
}

/* A new request with an nr of its own; an open one of the same command is forgotten. */
static inline void requests_open(Requests *r, WireCommand command, guint32 from, guint32 to)
{
    requests_close(r, command);
    r->by_command[command] =
        (Request){.state = REQUEST_OPEN, .nr = r->next_nr--, .from = from, .to = to};
    r->n_open++;
}

/* When it is to be retransmitted; MONO_NEVER if it is not open. */
static inline Mono requests_due(const Request *request, const Rtt *rtt)
{
    Rtt r = *rtt;

    if (request->state != REQUEST_OPEN)
        return MONO_NEVER;
    r.backoff = MAX(request->tries, 1) - 1;
    return mono_add(request->sent, rtt_rto(&r));
}

static inline Mono requests_deadline(const Requests *r, const Rtt *rtt)
{
    Mono deadline = MONO_NEVER;

    if (!requests_any_open(r))
        return deadline;
    for (guint i = 0; i < REQUESTS_COMMANDS; i++)
        deadline = mono_min(deadline, requests_due(&r->by_command[i], rtt));
    return deadline;
}

/* TRUE if it is the reply to the open request of this command. Then that is closed, and *rtt has a
 * sample if it was sent once. */
static inline gboolean requests_answer(Requests *r, WireCommand command, guint32 nr, Mono now,
                                       Rtt *rtt)
{
    const Request *request = &r->by_command[command];

    if (request->state != REQUEST_OPEN || request->tries == 0 || request->nr != nr)
        return FALSE;
    if (request->tries == 1)
        rtt_sample(rtt, mono_diff(now, request->sent));
    requests_close(r, command);
    return TRUE;
}
