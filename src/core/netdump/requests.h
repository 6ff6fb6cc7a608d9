/* requests.h - single questions to the client: asked until they are answered.
 *
 * One open question for each command at most. The nr of a question comes from below the pages' nrs
 * (window.h counts upwards), so that no answer can be taken for a page.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/rtt.h"
#include "core/netdump/wire.h"

#define REQUESTS_COMMANDS (WIRE_CMD_GET_DATA + 1)

typedef struct {
    gboolean open; /* asked, and neither answered nor given up */
    guint32 nr, from, to;
    guint tries;
    Mono sent; /* the last time */
} Request;

typedef struct {
    Request by_command[REQUESTS_COMMANDS];
    guint32 next_nr; /* counts downwards */
} Requests;

/* A new question with an nr of its own; an open one of the same command is forgotten. */
static inline void requests_open(Requests *a, WireCommand command, guint32 from, guint32 to)
{
    a->by_command[command] = (Request){.open = TRUE, .nr = a->next_nr--, .from = from, .to = to};
}

static inline void requests_drop(Requests *a, WireCommand command)
{
    a->by_command[command].open = FALSE;
}

static inline void requests_drop_all(Requests *a)
{
    for (guint i = 0; i < REQUESTS_COMMANDS; i++)
        a->by_command[i].open = FALSE;
}

static inline gboolean requests_is_open(const Requests *a, WireCommand command)
{
    return a->by_command[command].open;
}

static inline gboolean requests_any_open(const Requests *a)
{
    for (guint i = 0; i < REQUESTS_COMMANDS; i++)
        if (a->by_command[i].open)
            return TRUE;
    return FALSE;
}

/* When to ask again; MONO_NEVER if the question is not open. */
static inline Mono requests_again(const Request *ask, const Rtt *rtt)
{
    Rtt r = *rtt;

    if (!ask->open)
        return MONO_NEVER;
    r.backoff = MAX(ask->tries, 1) - 1;
    return mono_add(ask->sent, rtt_rto(&r));
}

static inline Mono requests_deadline(const Requests *a, const Rtt *rtt)
{
    Mono deadline = MONO_NEVER;

    for (guint i = 0; i < REQUESTS_COMMANDS; i++)
        deadline = mono_min(deadline, requests_again(&a->by_command[i], rtt));
    return deadline;
}

/* The answer to the open question of this command? Then it is closed, and *rtt has a sample if it
 * was asked once. */
static inline gboolean requests_answer(Requests *a, WireCommand command, guint32 nr, Mono now,
                                       Rtt *rtt)
{
    Request *ask = &a->by_command[command];

    if (!ask->open || ask->tries == 0 || ask->nr != nr)
        return FALSE;
    if (ask->tries == 1)
        rtt_sample(rtt, mono_diff(now, ask->sent));
    ask->open = FALSE;
    return TRUE;
}
