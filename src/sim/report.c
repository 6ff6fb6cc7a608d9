/* report.c - output of the simulator. SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/report.h"

#include <stdio.h>

#define MIB (1024.0 * 1024.0)

static const char *const words[] = {
    [MACHINE_TALKING] = "talking",   [MACHINE_HANDSHAKE] = "waiting for the server",
    [MACHINE_SERVING] = "dumping",   [MACHINE_PRINTING] = "showing its state",
    [MACHINE_SILENT] = "silent",     [MACHINE_LEFT] = "left",
    [MACHINE_REBOOTED] = "rebooted", [MACHINE_ENDED] = "ended without a reboot",
    [MACHINE_GAVE_UP] = "gave up",
};

typedef struct {
    guint64 pages, bytes, requests, duplicates, sent_packets, sent_bytes;
    gint64 first_page, last_page; /* us */
    LinkStats link;
    guint good;
} Total;

static guint64 memory_bytes(const Options *o, const MachineStats *s)
{
    return s->pages * ram_page_size(o->ram);
}

/* Pages that the server gets: the oldest clients send holes as zeros. */
static guint32 all_pages(const Options *o)
{
    return o->setup.oldest ? ram_pages(o->ram) : ram_present(o->ram);
}

static Total add_up(const Report *r, const Options *o)
{
    Total t = {0};

    for (guint i = 0; i < r->n; i++) {
        const MachineStats *s = machine_stats(r->machines[i]);
        const PortStats *port = port_stats(machine_port(r->machines[i]));
        LinkStats link = machine_link_stats(r->machines[i]);

        t.pages += s->pages;
        t.bytes += memory_bytes(o, s);
        t.requests += s->requests;
        t.duplicates += s->duplicates;
        t.sent_packets += port->sent_packets;
        t.sent_bytes += port->sent_bytes;
        t.link.lost += link.lost;
        t.link.duplicated += link.duplicated;
        t.link.reordered += link.reordered;
        t.link.overflowed += link.overflowed;
        if (s->first_page != 0 && (t.first_page == 0 || s->first_page < t.first_page))
            t.first_page = s->first_page;
        t.last_page = MAX(t.last_page, s->last_page);
        t.good += report_good(r, o, i) ? 1 : 0;
    }
    return t;
}

static double seconds(gint64 from, gint64 to)
{
    return from != 0 && to > from ? (double)(to - from) / G_USEC_PER_SEC : 0;
}

static double rate(guint64 bytes, double secs)
{
    return secs > 0 ? (double)bytes / MIB / secs : 0;
}

gboolean report_good(const Report *r, const Options *o, guint i)
{
    MachineState state = machine_stats(r->machines[i])->state;
    const char *verdict = r->verdicts[i];

    return state == (o->setup.no_crash ? MACHINE_LEFT : MACHINE_REBOOTED) &&
           (!verdict || !*verdict);
}

void report_progress(const Report *r, const Options *o)
{
    Total t = add_up(r, o);
    guint64 all = (guint64)r->n * all_pages(o);
    guint percent = all ? (guint)(t.pages * 100 / all) : 0;
    char bar[41];

    for (guint i = 0; i < 40; i++)
        bar[i] = i < percent * 40 / 100 ? '#' : '.';
    bar[40] = '\0';
    (void)fprintf(stderr, "\r[%s] %3u %%  %" G_GUINT64_FORMAT " MiB, %.1f MiB/s  ", bar, percent,
                  t.bytes >> 20, rate(t.bytes, seconds(t.first_page, t.last_page)));
    (void)fflush(stderr);
}

void report_progress_end(void)
{
    (void)fputc('\n', stderr);
}

static void machine_line(const Report *r, const Options *o, guint i)
{
    const MachineStats *s = machine_stats(r->machines[i]);
    const Port *port = machine_port(r->machines[i]);
    double secs = seconds(s->first_page, s->last_page);

    (void)printf("%s port %u: %s, %" G_GUINT64_FORMAT
                 " of %u pages in %.2f s, %.1f MiB/s, %" G_GUINT64_FORMAT
                 " requests, %" G_GUINT64_FORMAT " repeated",
                 port_address(port), port_number(port), words[s->state], s->pages, all_pages(o),
                 secs, rate(memory_bytes(o, s), secs), s->requests, s->duplicates);
    if (r->verdicts[i])
        (void)printf(", %s", *r->verdicts[i] ? "dump differs" : "dump is equal");
    (void)putchar('\n');
    if (r->verdicts[i] && *r->verdicts[i])
        (void)printf("  %s\n", r->verdicts[i]);
    if (port_stats(port)->foreign > 0)
        (void)printf("  %" G_GUINT64_FORMAT " datagrams ignored: not from the server's address%s\n",
                     port_stats(port)->foreign,
                     o->port.only_same_port ? ", or not from the same port as the source port"
                                            : "");
}

static void summary_text(const Report *r, const Options *o)
{
    Total t = add_up(r, o);
    double secs = seconds(t.first_page, t.last_page);

    for (guint i = 0; i < r->n; i++)
        machine_line(r, o, i);
    if (link_rules_any(&o->setup.rules))
        (void)printf("network: %" G_GUINT64_FORMAT " lost, %" G_GUINT64_FORMAT
                     " duplicated, %" G_GUINT64_FORMAT " reordered\n",
                     t.link.lost + t.link.overflowed, t.link.duplicated, t.link.reordered);
    (void)printf("%u of %u clients succeeded, %" G_GUINT64_FORMAT " pages, %" G_GUINT64_FORMAT
                 " bytes of memory in %.2f s, %.1f MiB/s, %" G_GUINT64_FORMAT
                 " bytes sent, seed %" G_GUINT64_FORMAT "\n",
                 t.good, r->n, t.pages, t.bytes, secs, rate(t.bytes, secs), t.sent_bytes,
                 o->setup.seed);
}

static void json_string(const char *key, const char *value)
{
    (void)printf("\"%s\":\"", key);
    for (; *value; value++) {
        if ((guchar)*value < ' ' || *value == '"' || *value == '\\')
            (void)printf("\\u%04x", (guint)(guchar)*value);
        else
            (void)putchar(*value);
    }
    (void)putchar('"');
}

static void json_number(const char *key, guint64 value)
{
    (void)printf(",\"%s\":%" G_GUINT64_FORMAT, key, value);
}

static void json_seconds(const char *key, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    (void)printf(",\"%s\":%s", key, g_ascii_formatd(text, sizeof(text), "%.6f", value));
}

static void json_machine(const Report *r, const Options *o, guint i)
{
    const MachineStats *s = machine_stats(r->machines[i]);
    const Port *port = machine_port(r->machines[i]);
    double secs = seconds(s->first_page, s->last_page);

    (void)fputs(i ? ",{" : "{", stdout);
    json_string("address", port_address(port));
    json_number("port", port_number(port));
    (void)putchar(',');
    json_string("state", words[s->state]);
    (void)printf(",\"good\":%s", report_good(r, o, i) ? "true" : "false");
    if (r->verdicts[i]) {
        (void)printf(",\"verified\":%s,", *r->verdicts[i] ? "false" : "true");
        json_string("difference", r->verdicts[i]);
    }
    json_number("pages", s->pages);
    json_number("pages_sent", s->pages_sent);
    json_number("bytes", memory_bytes(o, s));
    json_seconds("seconds", seconds(s->crashed, s->finished));
    json_seconds("transfer_start", seconds(r->started, s->first_page));
    json_seconds("transfer_seconds", secs);
    json_seconds("mib_per_second", rate(memory_bytes(o, s), secs));
    json_number("requests", s->requests);
    json_number("duplicate_requests", s->duplicates);
    json_number("reserved", s->reserved);
    json_number("errors", s->errors);
    json_number("unheard", s->unheard);
    json_number("strange", s->strange);
    json_number("foreign", port_stats(port)->foreign);
    json_number("sent_packets", port_stats(port)->sent_packets);
    json_number("sent_bytes", port_stats(port)->sent_bytes);
    (void)putchar('}');
}

static void summary_json(const Report *r, const Options *o)
{
    Total t = add_up(r, o);
    double secs = seconds(t.first_page, t.last_page);

    (void)printf("{\"seed\":%" G_GUINT64_FORMAT ",\"machines\":[", o->setup.seed);
    for (guint i = 0; i < r->n; i++)
        json_machine(r, o, i);
    (void)putchar(']');
    json_number("good", t.good);
    json_number("pages", t.pages);
    json_number("bytes", t.bytes);
    json_seconds("seconds", seconds(r->started, r->now));
    json_seconds("transfer_seconds", secs);
    json_seconds("mib_per_second", rate(t.bytes, secs));
    json_number("requests", t.requests);
    json_number("duplicate_requests", t.duplicates);
    json_number("sent_packets", t.sent_packets);
    json_number("sent_bytes", t.sent_bytes);
    json_number("lost", t.link.lost);
    json_number("doubled", t.link.duplicated);
    json_number("reordered", t.link.reordered);
    json_number("overflowed", t.link.overflowed);
    (void)puts("}");
}

gboolean report_summary(const Report *r, const Options *o)
{
    if (o->json)
        summary_json(r, o);
    else
        summary_text(r, o);
    return fflush(stdout) == 0;
}
