/* rx_coalesce.c - how many of the requests in flight one turn of the loop has answered.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/rx_coalesce.h"

/* A client's requests before the socket was drained. */
typedef struct {
    guint32 id;
    guint in_flight;
    guint64 answered;
} RxMark;

void rx_coalesce_clear(RxCoalesce *rx)
{
    if (rx->marks)
        g_array_unref(rx->marks);
    rx->marks = NULL;
}

void rx_coalesce_mark(RxCoalesce *rx, const Clients *clients)
{
    if (!rx->marks)
        rx->marks = g_array_new(FALSE, FALSE, sizeof(RxMark));
    g_array_set_size(rx->marks, 0);
    for (guint i = 0; i < clients_count(clients); i++) {
        const ClientEntry *entry = clients_nth(clients, i);
        const SessionFacts *facts = &entry->session->facts;
        const RxMark mark = {entry->id, facts->flow.in_flight, facts->counters.answered};

        if (entry->share > 0 && mark.in_flight > 0)
            g_array_append_val(rx->marks, mark);
    }
}

gdouble rx_coalesce_answered(const RxCoalesce *rx, const Clients *clients)
{
    gdouble sum = 0, replies = 0;
    guint at = 0;

    for (guint i = 0; i < rx->marks->len; i++) {
        const RxMark *mark = &g_array_index(rx->marks, RxMark, i);
        gdouble n;

        while (at < clients_count(clients) &&
               clients_nth(clients, at)->id < mark->id) /* ascending */
            at++;
        if (at == clients_count(clients))
            break;
        if (clients_nth(clients, at)->id != mark->id)
            continue;
        n = (gdouble)(clients_nth(clients, at)->session->facts.counters.answered - mark->answered);
        sum += n * MIN(n / mark->in_flight, 1);
        replies += n;
    }
    return replies > 0 ? sum / replies : -1;
}
