/* server_turn.c - the server's part of a turn of the loop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/server_internal.h"

#include "io/sys/log.h"

#define PROGRESS_EVERY SPAN_MS(500)

/* -- datagrams --------------------------------------------------------------------------------- */

gboolean server_has_datagrams(const Server *s, const fd_set *readable)
{
    for (guint i = 0; i < s->protocols->n; i++)
        if (sock_is_ready(s->ports[i].sock, readable))
            return TRUE;
    return FALSE;
}

Span server_rest(const Server *s)
{
    return rx_coalesce_span(&s->rx);
}

static void on_datagram(gpointer user, const SockDatagram *d)
{
    const Port *port = user;

    dispatch_datagram(port->server->dispatch, port->protocol->ops, d->from, d->local, d->data,
                      d->len);
}

static void sum_traffic(Server *s)
{
    Traffic sum = {0};

    for (guint i = 0; i < s->protocols->n; i++) {
        const SockStats *stats = sock_stats(s->ports[i].sock);

        sum.received += stats->received;
        sum.sent += stats->sent;
        sum.unsent += stats->send_full + stats->send_failed;
        sum.dropped += sock_drops(s->ports[i].sock);
    }
    s->traffic = sum;
}

void server_receive_begin(Server *s)
{
    rx_coalesce_mark(&s->rx, s->clients);
}

gboolean server_receive(Server *s)
{
    gboolean more = FALSE;

    for (guint i = 0; i < s->protocols->n; i++) {
        Port *port = &s->ports[i];

        more |= sock_receive(port->sock, on_datagram, port) >= SOCK_BATCH;
        sock_flush(port->sock);
    }
    sum_traffic(s);
    return more;
}

void server_receive_end(Server *s)
{
    gdouble answered = rx_coalesce_answered(&s->rx, s->clients);

    if (answered >= 0)
        rx_coalesce_learn(&s->rx, answered);
}

static void watch_port(Server *s, Port *port)
{
    const SockStats *stats = sock_stats(port->sock);
    guint64 drops = sock_drops(port->sock);
    char to[NETADDR_STRLEN];

    if (drops > port->drops_seen &&
        log_limited(&s->drops_limit, s->now, LOG_WARNING, NULL,
                    "kernel dropped %" G_GUINT64_FORMAT
                    " datagrams (receive buffer full), retransmitting; raise net.core.rmem_max",
                    drops - port->drops_seen))
        port->drops_seen = drops;
    if (stats->send_failed > port->send_failed_seen) {
        port->send_failed_seen = stats->send_failed;
        log_limited(&s->send_limit, s->now, LOG_WARNING, NULL,
                    "cannot send to %s: %s; check routing and firewall",
                    netaddr_to_string(&stats->last_to, to), g_strerror(stats->last_errno));
    }
}

/* -- a turn ------------------------------------------------------------------------------------ */

static gboolean has_progress(const Server *s)
{
    return log_has_progress() && clients_count(s->clients) > 0;
}

Mono server_deadline(const Server *s)
{
    Mono deadline = mono_min(clients_deadline(s->clients), window_share_deadline(&s->share));

    deadline = mono_min(deadline, hooks_deadline(s->hooks));
    deadline = mono_min(deadline, status_deadline(s->status));
    deadline = mono_min(deadline, pending_clients_deadline(s->pending));
    deadline = mono_min(deadline, magic_deadline(s->magic));
    return has_progress(s) ? mono_min(deadline, mono_add(s->now, PROGRESS_EVERY)) : deadline;
}

static void add_fd(int fd, fd_set *readable, int *max_fd)
{
    FD_SET(fd, readable);
    *max_fd = MAX(*max_fd, fd);
}

void server_add_fds(const Server *s, fd_set *readable, int *max_fd)
{
    add_fd(work_pool_fd(s->pool), readable, max_fd);
    add_fd(work_pool_fd(s->side_pool), readable, max_fd);
    for (guint i = 0; i < s->protocols->n; i++)
        sock_add_fds(s->ports[i].sock, readable, max_fd);
    hooks_add_fds(s->hooks, readable, max_fd);
}

static void show_progress(Server *s)
{
    g_autofree char *line = NULL;

    if (!log_has_progress() || mono_before(s->now, s->next_progress))
        return;
    line = status_progress(s->status, s->now);
    log_progress(line);
    s->next_progress = line ? mono_add(s->now, PROGRESS_EVERY) : MONO_NEVER;
}

void server_turn(Server *s, const fd_set *readable)
{
    if (FD_ISSET(work_pool_fd(s->pool), readable))
        work_pool_dispatch(s->pool);
    if (FD_ISSET(work_pool_fd(s->side_pool), readable))
        work_pool_dispatch(s->side_pool);
    hooks_handle_fds(s->hooks, readable, s->now);
    hooks_tick(s->hooks, s->now);
    magic_tick(s->magic, s->now);
    executor_tick(s->executor, &s->share);
    for (guint i = 0; i < s->protocols->n; i++) {
        sock_flush(s->ports[i].sock);
        watch_port(s, &s->ports[i]);
    }
    sum_traffic(s);
    pending_clients_tick(s->pending, s->now, s->wall);
    status_tick(s->status, s->now, s->wall);
    show_progress(s);
}
