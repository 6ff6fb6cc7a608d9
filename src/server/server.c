/* server.c - owns all parts of the daemon: start, configuration, end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/server_internal.h"

#include "io/sys/daemon.h"
#include "io/sys/log.h"
#include "server/hook_table.h"

#include <errno.h>
#include <poll.h>

#define SHUTDOWN_WAIT_MS 10000     /* for the disk at the end */
#define END_WAIT         SPAN_S(2) /* for jobs that have begun, after that */

/* -- ports ------------------------------------------------------------------------------------- */

Port *server_port_of(const Server *s, const Protocol *protocol)
{
    return &s->ports[protocol - s->protocols->rows];
}

guint16 server_port(const Server *s, const SessionOps *ops)
{
    for (guint i = 0; i < s->protocols->n; i++)
        if (s->ports[i].protocol->ops == ops)
            return sock_port(s->ports[i].sock);
    return 0;
}

static gboolean open_ports(Server *s, GError **error)
{
    s->ports = g_new0(Port, s->protocols->n);
    for (guint i = 0; i < s->protocols->n; i++) {
        Port *port = &s->ports[i];
        SockOptions options = {.addr = &s->config->addr};

        port->server = s;
        port->protocol = &s->protocols->rows[i];
        options.port = protocol_port(port->protocol, s->config);
        options.datagram_max = port->protocol->ops->datagram_max;
        port->sock = sock_open(&options, error);
        if (!port->sock)
            return FALSE;
    }
    return TRUE;
}

/* The replies to all requests must fit into the smallest. */
static gsize smallest_rcvbuf(const Server *s)
{
    gsize size = G_MAXSIZE;

    for (guint i = 0; i < s->protocols->n; i++)
        size = MIN(size, sock_rcvbuf(s->ports[i].sock));
    return size;
}

/* -- start ------------------------------------------------------------------------------------- */

static ClientsLimits limits_of(const Server *s)
{
    return (ClientsLimits){
        .max_dumps = s->config->max_concurrent_dumps,
        .max_in_flight = s->config->window,
        .rcvbuf = smallest_rcvbuf(s),
        .client_timeout = SPAN_S(s->config->client_timeout),
        .secure = s->config->secure,
    };
}

/* What needs no more than a change of values for a new configuration. */
static void apply_config(Server *s)
{
    const ClientsLimits limits = limits_of(s);

    clients_set_limits(s->clients, &limits);
    s->rules.allow = s->config->allow;
    s->rules.n_allow = s->config->n_allow;
    s->report.config = s->config;
    hooks_set_timeout(s->hooks, SPAN_S(s->config->script_timeout));
    status_set_config(s->status, s->config);
}

static gboolean open_all(Server *s, GError **error)
{
    if (!open_ports(s, error))
        return FALSE;
    s->dumpdir = dumpdir_open(s->config->dumpdir, error);
    if (!s->dumpdir)
        return FALSE;
    s->console =
        console_store_open(dumpdir_fd(s->dumpdir), dumpdir_path(s->dumpdir), s->wall, error);
    if (!s->console)
        return FALSE;
    s->pool = work_pool_new(WORK_THREADS, error);
    s->side_pool = s->pool ? work_pool_new(WORK_SIDE_THREADS, error) : NULL;
    return s->side_pool != NULL;
}

static void make_core(Server *s)
{
    const ClientsLimits limits = limits_of(s);

    s->clients = clients_new(&limits);
    window_share_init(&s->share);
    s->executor = executor_new(s->clients, server_effects(), s, &s->now);
    s->rules = (DispatchRules){.random = server_random, .no_room = server_no_room};
    s->dispatch = dispatch_new(s->clients, s->executor, server_effects(), s, &s->rules, &s->now);
    s->boots = boot_notices_new();
}

static void make_io(Server *s)
{
    const OffLoop off = work_pool_off_loop(s->side_pool);

    s->blocks = vmcore_pool_new(VMCORE_POOL_BLOCKS);
    s->ingest = console_ingest_new(s->pool, s->console);
    s->pending = pending_clients_new(s->pool, s->dumpdir, s->clients, server_recorded, s);
    s->magic = magic_new(s->side_pool, s->dumpdir, server_magic_read, s);
    s->hooks =
        hooks_new(&(HooksSpec){dumpdir_path(s->dumpdir), hook_table(), HOOK_TABLE_N,
                               SPAN_S(s->config->script_timeout), off, server_hook_ended, s});
    s->reload = config_reload_new(s->config, &off, server_reread, s);
    s->report = (ReportWorld){s->config, &s->now, &s->wall, &s->forged_limit};
    s->files = (DumpFilesShared){
        .executor = s->executor,
        .disk = s->pool,
        .dumpdir = s->dumpdir,
        .console = s->console,
        .console_queue = console_ingest_queue(s->ingest),
        .pool = s->blocks,
        .socket_drops = &s->traffic.dropped,
        .report = &s->report,
        .convert = protocols_convert(s->protocols),
    };
    s->status = status_new(&(StatusWorld){
        .source = {s->config, &s->traffic, s->clients, s->hooks, &s->stats,
                   dispatch_stats(s->dispatch)},
        .udp_port = sock_port(s->ports[0].sock),
        .disk = s->pool,
        .dumpdir = s->dumpdir,
    });
}

static void set_log_limits(Server *s)
{
    s->forged_limit = s->refused_limit = (LogLimit)LOG_LIMIT(5, SPAN_S(60));
    s->malformed_limit = (LogLimit)LOG_LIMIT(3, SPAN_S(60));
    s->boots_limit = (LogLimit)LOG_LIMIT(1, SPAN_S(60));
    s->drops_limit = s->send_limit = (LogLimit)LOG_LIMIT(2, SPAN_S(60));
}

Server *server_new(Config *config, const Protocols *protocols, GError **error)
{
    g_autoptr(Server) s = g_new0(Server, 1);

    s->config = config;
    s->protocols = protocols;
    s->wall = g_get_real_time();
    set_log_limits(s);
    if (!open_all(s, error))
        return NULL;
    make_core(s);
    make_io(s);
    apply_config(s);
    return g_steal_pointer(&s);
}

void server_free(Server *s)
{
    if (!s)
        return;
    hooks_free(s->hooks);
    /* Jobs that still run use what the others own. */
    if ((s->pool && !work_pool_stop(s->pool, END_WAIT)) ||
        (s->side_pool && !work_pool_stop(s->side_pool, END_WAIT))) {
        log_warning("file system does not respond, exiting anyway");
        return;
    }
    if (s->pool)
        work_pool_free(s->pool);
    if (s->side_pool)
        work_pool_free(s->side_pool);
    config_reload_free(s->reload);
    magic_free(s->magic);
    pending_clients_free(s->pending);
    status_free(s->status);
    console_ingest_free(s->ingest);
    dispatch_free(s->dispatch);
    executor_free(s->executor);
    clients_free(s->clients);
    rx_coalesce_clear(&s->rx);
    boot_notices_free(s->boots);
    vmcore_pool_free(s->blocks);
    console_store_free(s->console);
    dumpdir_free(s->dumpdir);
    for (guint i = 0; s->ports && i < s->protocols->n; i++)
        sock_free(s->ports[i].sock);
    g_free(s->ports);
    config_free(s->config);
    g_free(s);
}

void server_set_time(Server *s, Mono now, gint64 wall)
{
    s->now = now;
    s->wall = wall;
}

void server_say_hello(const Server *s)
{
    const NetAddr *any = &s->config->addr;
    GString *ports = g_string_new(NULL);
    char addr[NETADDR_STRLEN];

    for (guint i = 0; i < s->protocols->n; i++) {
        const char *hint = sock_rcvbuf_hint(s->ports[i].sock);

        if (hint)
            log_warning("%s", hint);
        g_string_append_printf(ports, "%s%u", i > 0 ? ", " : "", sock_port(s->ports[i].sock));
    }
    log_notice("version " NETDUMP_VERSION
               ", listening on %s port %s, dumpdir %s, max_concurrent_dumps %u",
               netaddr_is_any(any) ? "all addresses," : netaddr_host_to_string(any, addr),
               ports->str, dumpdir_path(s->dumpdir), s->config->max_concurrent_dumps);
    g_string_free(ports, TRUE);
}

void server_flush(Server *s)
{
    for (guint i = 0; i < s->protocols->n; i++)
        sock_flush(s->ports[i].sock);
}

/* -- while it runs ----------------------------------------------------------------------------- */

static void use_config(Server *s, Config *config)
{
    g_autofree char *kept = config_keep_fixed(config, s->config);

    if (kept)
        log_warning("%s changed; restart required", kept);
    config_free(s->config);
    s->config = config;
    apply_config(s);
    log_set_verbose(config->verbose);
    log_notice("configuration reloaded");
}

void server_reread(gpointer server, Config *config, const GError *error)
{
    if (config)
        use_config(server, config);
    else
        log_error("reload failed, keeping old configuration: %s", error->message);
    daemon_reloaded();
}

void server_reload(Server *s)
{
    daemon_reloading();
    config_reload_start(s->reload);
}

void server_log_status(const Server *s)
{
    status_log(s->status, s->now);
}

void server_reap(Server *s)
{
    hooks_reap(s->hooks, s->now);
}

/* -- end --------------------------------------------------------------------------------------- */

static void drain_pool(const Server *s)
{
    struct pollfd pfd = {.fd = work_pool_fd(s->pool), .events = POLLIN};

    while (work_pool_jobs(s->pool) > 0) {
        int n = poll(&pfd, 1, SHUTDOWN_WAIT_MS);

        if (n == 0 || (n < 0 && errno != EINTR)) {
            log_warning("timed out waiting for pending writes");
            return;
        }
        work_pool_dispatch(s->pool);
    }
}

void server_stop(Server *s)
{
    log_notice("shutting down; unfinished dumps resume on next start");
    log_progress(NULL);
    status_stop(s->status);
    pending_clients_stop(s->pending);
    magic_stop(s->magic);
    executor_shutdown(s->executor);
    drain_pool(s);
    console_ingest_stop(s->ingest);
    for (guint i = 0; i < s->protocols->n; i++)
        sock_flush(s->ports[i].sock);
}
