/* server_effects.c - what the executor and dispatch may do to the world, in the daemon.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/server_internal.h"

#include "io/sys/log.h"
#include "io/sys/random.h"
#include "server/hook_table.h"

/* -- datagrams --------------------------------------------------------------------------------- */

/* Out of the port that the client wrote to. */
static void send_datagram(gpointer world, const NetAddr *local, const NetAddr *peer,
                          const guint8 *data, gsize len)
{
    const Server *s = world;

    for (guint i = 0; i < s->protocols->n; i++)
        if (sock_port(s->ports[i].sock) == local->port) {
            sock_queue(s->ports[i].sock, local, peer, data, len);
            return;
        }
}

static void console_text(gpointer world, const NetAddr *host, const guint8 *text, gsize len)
{
    Server *s = world;

    console_ingest_take(s->ingest, host, text, len, clients_slots(s->clients) > 0, s->now, s->wall);
}

static void malformed(gpointer world, const NetAddr *peer, gsize len, DatagramFault fault)
{
    Server *s = world;
    char host[NETADDR_STRLEN];
    LogAbout about = {.client = host};

    stats_malformed(&s->stats, fault);
    if (log_limit_spent(&s->malformed_limit, s->now, LOG_INFO))
        return;
    netaddr_host_to_string(peer, host);
    log_limited(&s->malformed_limit, s->now, LOG_INFO, &about,
                "malformed datagram of %" G_GSIZE_FORMAT " bytes (%s)", len,
                datagram_fault_name(fault));
}

guint32 server_random(G_GNUC_UNUSED gpointer server)
{
    return random_u32();
}

void server_no_room(gpointer server, const NetAddr *peer)
{
    Server *s = server;
    char host[NETADDR_STRLEN];
    LogAbout about = {.client = netaddr_host_to_string(peer, host)};

    log_limited(&s->refused_limit, s->now, LOG_WARNING, &about, "deferred: client table full (%u)",
                clients_count(s->clients));
}

/* -- before a dump ----------------------------------------------------------------------------- */

static void check_magic(gpointer world, const ClientEntry *entry, gboolean big_endian)
{
    Server *s = world;

    magic_check(s->magic, &entry->peer, big_endian, entry->id, s->now);
}

void server_magic_read(gpointer server, guint32 id, int err, guint64 magic)
{
    const Event event = {.kind = EVENT_MAGIC, .err = err, .magic = magic};

    executor_tell(((Server *)server)->executor, id, &event);
}

static void record(gpointer world, const ClientEntry *entry)
{
    Server *s = world;

    pending_clients_add(s->pending, entry, s->now, s->wall);
}

void server_recorded(gpointer server, guint32 id)
{
    executor_tell(((Server *)server)->executor, id, &(Event){.kind = EVENT_RECORDED});
}

/* -- hooks ------------------------------------------------------------------------------------- */

static void run_hook(gpointer world, const ClientEntry *entry, SessionHook hook)
{
    Server *s = world;

    hooks_run(s->hooks, hook, netaddr_host_hash(&entry->peer), entry->host,
              dump_files_path(entry->files), entry->id, s->now);
}

static void booted(gpointer world, const NetAddr *host)
{
    Server *s = world;
    char text[NETADDR_STRLEN];
    LogAbout about = {.client = text};

    switch (boot_notices_take(s->boots, host, s->now)) {
    case BOOT_NEW:
        netaddr_host_to_string(host, text);
        log_about(LOG_INFO, &about, "netdump client started");
        hooks_run(s->hooks, HOOK_TABLE_START, netaddr_host_hash(host), text, NULL, 0, s->now);
        break;
    case BOOT_REPEATED:
        break;
    case BOOT_TOO_MANY:
        log_limited(&s->boots_limit, s->now, LOG_WARNING, NULL,
                    "netdump-start skipped for some clients: too many announcements");
        break;
    }
}

void server_hook_ended(gpointer server, guint64 id, guint kind, HookEnd end, int value)
{
    const Event event = {
        .kind = EVENT_HOOK, .hook = (SessionHook)kind, .hook_end = end, .hook_status = value};

    if (kind < SESSION_HOOK_N)
        executor_tell(((Server *)server)->executor, (guint32)id, &event);
}

/* -- the course of a dump ---------------------------------------------------------------------- */

static void note(gpointer world, const ClientEntry *entry, SessionNote what)
{
    Server *s = world;
    const DumpFacts files = dump_files_facts(entry->files);

    stats_note(&s->stats, &entry->session->facts, what);
    report_note(&s->report, entry, &files, what);
}

static void closed(gpointer world, const ClientEntry *entry)
{
    stats_closed(&((Server *)world)->stats, &entry->session->facts);
}

static DumpFiles *files_new(gpointer world, const ClientEntry *entry)
{
    return dump_files_new(&((Server *)world)->files, entry);
}

const Effects *server_effects(void)
{
    static const Effects effects = {
        .send = send_datagram,
        .check_magic = check_magic,
        .record = record,
        .run_hook = run_hook,
        .console_text = console_text,
        .booted = booted,
        .malformed = malformed,
        .note = note,
        .closed = closed,
        .files_new = files_new,
        .open_dir = dump_files_open_dir,
        .check_space = dump_files_check_space,
        .open_file = dump_files_open_file,
        .store = dump_files_store,
        .flush = dump_files_flush,
        .retry = dump_files_retry,
        .finish = dump_files_finish,
        .journal = dump_files_journal,
        .info = dump_files_info,
        .log_text = dump_files_log_text,
        .close = dump_files_close,
    };

    return &effects;
}
