/* metrics.c - the server's metrics, as text for node_exporter's textfile collector.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/metrics.h"

/* -- text -------------------------------------------------------------------------------------- */

static void add_family(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP netdump_%s %s\n# TYPE netdump_%s %s\n", name, help, name,
                           type);
}

static void add_value(GString *out, const char *name, guint64 value)
{
    g_string_append_printf(out, "netdump_%s %" G_GUINT64_FORMAT "\n", name, value);
}

static void add_labelled(GString *out, const char *name, const char *label, const char *is,
                         guint64 value)
{
    g_string_append_printf(out, "netdump_%s{%s=\"%s\"} %" G_GUINT64_FORMAT "\n", name, label, is,
                           value);
}

/* -- values ------------------------------------------------------------------------------------ */

static void server_info(const MetricsSource *s, GString *out, const char *name)
{
    (void)s;
    add_labelled(out, name, "version", NETDUMP_VERSION, 1);
}

static void dumps_total(const MetricsSource *s, GString *out, const char *name)
{
    add_labelled(out, name, "result", "complete", s->stats->complete);
    add_labelled(out, name, "result", "incomplete", s->stats->incomplete);
    add_labelled(out, name, "result", "not_dumped", s->stats->not_dumped);
    add_labelled(out, name, "result", "unreachable", s->stats->unreachable);
}

static guint64 dump_bytes(const MetricsSource *s)
{
    return stats_bytes(s->stats, s->clients);
}

static guint64 retransmitted(const MetricsSource *s)
{
    return stats_retransmitted(s->stats, s->clients);
}

static guint64 clients(const MetricsSource *s)
{
    return clients_count(s->clients);
}

static guint64 dumps_running(const MetricsSource *s)
{
    return clients_slots(s->clients);
}

static guint64 dumps_max(const MetricsSource *s)
{
    return s->config->max_concurrent_dumps;
}

static void packets_refused(const MetricsSource *s, GString *out, const char *name)
{
    add_labelled(out, name, "reason", "not_allowed", s->dispatch->not_allowed);
    add_labelled(out, name, "reason", "stray", s->dispatch->stray);
    add_labelled(out, name, "reason", "insecure", s->stats->insecure);
    add_labelled(out, name, "reason", "no_room", s->dispatch->no_room);
}

static void packets_malformed(const MetricsSource *s, GString *out, const char *name)
{
    for (guint i = DATAGRAM_OK + 1; i < DATAGRAM_N_FAULTS; i++)
        add_labelled(out, name, "kind", datagram_fault_name((DatagramFault)i),
                     s->stats->malformed[i]);
}

static guint64 packets_received(const MetricsSource *s)
{
    return s->traffic->received;
}

static guint64 packets_sent(const MetricsSource *s)
{
    return s->traffic->sent;
}

static guint64 packets_unsent(const MetricsSource *s)
{
    return s->traffic->unsent;
}

static guint64 socket_drops(const MetricsSource *s)
{
    return s->traffic->dropped;
}

static void add_script(GString *out, const char *name, const Hooks *hooks, guint kind)
{
    guint64 failed = hooks_failed(hooks, kind);
    const struct {
        const char *end;
        guint64 runs;
    } ends[] = {
        {"succeeded", hooks_count(hooks, kind, HOOK_EXITED) - failed},
        {"failed", failed},
        {"signalled", hooks_count(hooks, kind, HOOK_SIGNALLED)},
        {"timed_out", hooks_count(hooks, kind, HOOK_TIMED_OUT)},
        {"not_run", hooks_count(hooks, kind, HOOK_NOT_RUN)},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++)
        g_string_append_printf(out, "netdump_%s{script=\"%s\",end=\"%s\"} %" G_GUINT64_FORMAT "\n",
                               name, hooks_name(hooks, kind), ends[i].end, ends[i].runs);
}

static void script_runs(const MetricsSource *s, GString *out, const char *name)
{
    for (guint kind = 0; kind < hooks_n(s->hooks); kind++)
        add_script(out, name, s->hooks, kind);
}

/* -- the table --------------------------------------------------------------------------------- */

/* One value, or samples with labels. */
typedef struct {
    const char *name, *type, *help;
    guint64 (*value)(const MetricsSource *source);
    void (*samples)(const MetricsSource *source, GString *out, const char *name);
} Metric;

static const Metric metrics[] = {
    {"server_info", "gauge", "Always 1; the label is the server's version.", NULL, server_info},
    {"dumps_total", "counter", "Crashes handled, by result.", NULL, dumps_total},
    {"dump_bytes_total", "counter", "Bytes of client memory stored.", dump_bytes, NULL},
    {"retransmitted_pages_total", "counter", "Pages retransmitted.", retransmitted, NULL},
    {"clients", "gauge", "Active clients.", clients, NULL},
    {"dumps_running", "gauge", "Dumps running.", dumps_running, NULL},
    {"dumps_max", "gauge", "Limit of concurrent dumps (max_concurrent_dumps).", dumps_max, NULL},
    {"packets_refused_total", "counter", "Datagrams refused, by reason.", NULL, packets_refused},
    {"packets_malformed_total", "counter", "Malformed datagrams, by kind.", NULL,
     packets_malformed},
    {"packets_received_total", "counter", "Datagrams received.", packets_received, NULL},
    {"packets_sent_total", "counter", "Datagrams sent.", packets_sent, NULL},
    {"packets_unsent_total", "counter", "Datagrams that could not be sent.", packets_unsent, NULL},
    {"socket_drops_total", "counter", "Datagrams dropped by the kernel (receive buffer full).",
     socket_drops, NULL},
    {"script_runs_total", "counter", "Hook runs, by hook and result.", NULL, script_runs},
};

GString *metrics_text(const MetricsSource *source)
{
    GString *out = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(metrics); i++) {
        const Metric *m = &metrics[i];

        add_family(out, m->name, m->type, m->help);
        if (m->value)
            add_value(out, m->name, m->value(source));
        else
            m->samples(source, out, m->name);
    }
    return out;
}

void metrics_add_space(GString *text, const DumpdirSpace *space)
{
    add_family(text, "dumpdir_size_bytes", "gauge",
               "Size of the file system of the dump directory.");
    add_value(text, "dumpdir_size_bytes", space->total);
    add_family(text, "dumpdir_free_bytes", "gauge",
               "Space available to the server on that file system.");
    add_value(text, "dumpdir_free_bytes", space->available);
}
