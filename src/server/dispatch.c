/* dispatch.c - where a datagram goes: to a client, to the console store, or nowhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dispatch.h"

#include "io/sys/log.h"
#include "io/sys/random.h"
#include "server/dump_files.h"

#include <inttypes.h>

/* A machine announces itself in several datagrams and on several ports: one script is enough. */
#define STARTED_PAUSE SPAN_S(30)
#define STARTED_MAX   1024 /* machines that are remembered for that */

typedef struct {
    NetAddr host;
    Mono at;
} Started;

struct Dispatch {
    const Config *config;
    Dumpdir *dumpdir;
    Executor *perform;
    ConsoleIngest *console;
    DispatchStats stats;
    Started started[STARTED_MAX]; /* a ring: the oldest one gives way */
    guint next_started;
    LogLimit refused, malformed, starts;
};

Dispatch *dispatch_new(const Config *config, Dumpdir *dumpdir, Executor *perform,
                       ConsoleIngest *console)
{
    Dispatch *in = g_new0(Dispatch, 1);

    in->config = config;
    in->dumpdir = dumpdir;
    in->perform = perform;
    in->console = console;
    in->refused = (LogLimit)LOG_LIMIT(5, SPAN_S(60));
    /* Anyone can say in anyone's name that he has just started: all machines of a data centre may,
     * once. */
    in->starts = (LogLimit)LOG_LIMIT(STARTED_MAX, SPAN_MS(500));
    in->malformed = (LogLimit)LOG_LIMIT(3, SPAN_S(60));
    return in;
}

void dispatch_free(Dispatch *intake)
{
    g_free(intake);
}

void dispatch_set_config(Dispatch *intake, const Config *config)
{
    intake->config = config;
}

const DispatchStats *dispatch_stats(const Dispatch *intake)
{
    return &intake->stats;
}

/* -- text ---------------------------------------------------------------------------------------
 */

static void maybe_started(Dispatch *in, const NetAddr *host)
{
    Mono now = executor_now(in->perform);
    Started *slot = NULL;
    char text[NETADDR_STRLEN];
    LogAbout about = {.client = text};

    if (log_limit_spent(&in->starts, now, LOG_INFO))
        return;
    for (guint i = 0; i < STARTED_MAX; i++)
        if (netaddr_host_equal(&in->started[i].host, host))
            slot = &in->started[i];
    if (slot && mono_diff(now, slot->at) < STARTED_PAUSE)
        return;
    if (!slot)
        slot = &in->started[in->next_started++ % STARTED_MAX];
    *slot = (Started){*host, now};
    netaddr_host_to_string(host, text);
    log_limited(&in->starts, now, LOG_INFO, &about, "says that its client has just started");
    executor_started(in->perform, host);
}

static gboolean has_log(const ClientEntry *entry)
{
    return entry->files && dump_files_is_open(entry->files);
}

/* Text comes from other ports than the dump. Of several machines at one address the port that
 * matches tells which; where none does, each gets it: twice is better than not at all. One without
 * a log gets it as well: as long as its machine prints, it must not be told anything. */
static gboolean text_to_clients(Dispatch *in, const SockDatagram *d, const Event *event)
{
    Clients *clients = executor_clients(in->perform);
    ClientEntry *exact = clients_find(clients, d->from);
    gboolean taken = FALSE;

    if (exact && has_log(exact)) {
        executor_event(in->perform, exact, event);
        return TRUE;
    }
    if (clients_at_host(clients, d->from) == 0)
        return FALSE;
    for (guint i = clients_count(clients); i > 0; i--) {
        ClientEntry *entry = clients_nth(clients, i - 1);

        if (!netaddr_host_equal(&entry->peer, d->from))
            continue;
        taken |= has_log(entry);
        executor_event(in->perform, entry, event);
    }
    return taken;
}

static void on_text(Dispatch *in, const SockDatagram *d, const Event *event)
{
    const WireMessage *m = event->packet;

    if (wire_text_announces_start(m->data, m->len))
        maybe_started(in, d->from);
    if (text_to_clients(in, d, event)) {
        in->stats.taken++;
    } else {
        in->stats.console++;
        console_ingest_take(in->console, d->from, m->data, m->len,
                            clients_slots(executor_clients(in->perform)) > 0,
                            executor_now(in->perform), executor_wall(in->perform));
    }
}

/* -- a new client -------------------------------------------------------------------------------
 */

static gboolean is_secure(Dispatch *in, const char *host, const WireStart *start)
{
    LogAbout about = {.client = host};
    gboolean big_endian = start->machine == WIRE_MACHINE_PPC64;
    g_autoptr(GError) error = NULL;
    guint64 magic;

    if (!in->config->secure)
        return TRUE;
    if (dumpdir_magic(in->dumpdir, host, big_endian, &magic, &error)) {
        log_limited(&in->refused, executor_now(in->perform), LOG_WARNING, &about,
                    "crashed, but may not dump: secure=1, and its magic is not known here: %s",
                    error->message);
        return FALSE;
    }
    if (magic == 0 || magic != start->magic) {
        log_limited(&in->refused, executor_now(in->perform), LOG_WARNING, &about,
                    "crashed, but may not dump: its magic is not that of %s/magic/%s",
                    dumpdir_path(in->dumpdir), host);
        return FALSE;
    }
    return TRUE;
}

static void take_start(Dispatch *in, ClientEntry *entry)
{
    const WireMessage m = {.kind = WIRE_MSG_START, .start = session_facts(entry->client)->start};
    const Event event = {.kind = EVENT_PACKET, .packet = &m};

    entry->held = FALSE;
    executor_event(in->perform, entry, &event);
}

static void on_new_start(Dispatch *in, const SockDatagram *d, const WireStart *start)
{
    char host[NETADDR_STRLEN];
    LogAbout about = {.client = host};
    ClientEntry *entry;

    netaddr_host_to_string(d->from, host);
    if (!is_secure(in, host, start)) {
        in->stats.insecure++;
        return;
    }
    entry = clients_admit(executor_clients(in->perform), d->from, d->local, start, random_u32(),
                          executor_now(in->perform));
    if (!entry) {
        in->stats.no_room++;
        log_limited(&in->refused, executor_now(in->perform), LOG_WARNING, &about,
                    "says that it crashed, but too many others do: it has to wait until its turn "
                    "comes (%u are being looked after)",
                    clients_count(executor_clients(in->perform)));
        return;
    }
    in->stats.taken++;
    entry->held = TRUE;
}

void dispatch_known(gpointer user, guint32 id)
{
    Dispatch *in = user;
    ClientEntry *entry = clients_by_id(executor_clients(in->perform), id);

    if (entry && entry->held)
        take_start(in, entry);
}

gboolean dispatch_recall(Dispatch *in, const NetAddr *from, const NetAddr *local,
                         const WireStart *start)
{
    const SockDatagram d = {.from = from, .local = local};
    Clients *clients = executor_clients(in->perform);
    ClientEntry *entry;

    if (clients_find(clients, from) || !netrule_match(in->config->allow, in->config->n_allow, from))
        return FALSE;
    on_new_start(in, &d, start);
    entry = clients_find(clients, from);
    if (entry)
        take_start(in, entry);
    return entry != NULL;
}

/* -- datagrams ----------------------------------------------------------------------------------
 */

static void on_malformed(Dispatch *in, const SockDatagram *d, WireFault fault)
{
    char host[NETADDR_STRLEN];
    LogAbout about = {.client = host};

    in->stats.malformed[fault]++;
    if (log_limit_spent(&in->malformed, executor_now(in->perform), LOG_INFO))
        return;
    netaddr_host_to_string(d->from, host);
    log_limited(&in->malformed, executor_now(in->perform), LOG_INFO, &about,
                "sent a datagram of %" G_GSIZE_FORMAT
                " bytes that is neither netdump nor text (%s)",
                d->len, wire_fault_name(fault));
}

void dispatch_datagram(gpointer user, const SockDatagram *d)
{
    Dispatch *in = user;
    WireMessage m;
    Event event = {.kind = EVENT_PACKET, .packet = &m};
    WireFault fault;
    ClientEntry *entry;

    if (!netrule_match(in->config->allow, in->config->n_allow, d->from)) {
        in->stats.not_allowed++;
        return;
    }
    if (d->from->port == 0) { /* nobody can be answered there */
        in->stats.stray++;
        return;
    }
    fault = wire_parse(d->data, d->len, &m);
    if (fault != WIRE_OK) {
        on_malformed(in, d, fault);
        return;
    }
    if (m.kind == WIRE_MSG_TEXT) {
        on_text(in, d, &event);
        return;
    }
    entry = clients_find(executor_clients(in->perform), d->from);
    if (entry) {
        in->stats.taken++;
        if (m.kind == WIRE_MSG_START)
            entry->held = FALSE;
        executor_event(in->perform, entry, &event);
    } else if (m.kind == WIRE_MSG_START) {
        on_new_start(in, d, &m.start);
    } else {
        in->stats.stray++;
    }
}
