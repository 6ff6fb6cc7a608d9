/* server_internal.h - what the files of the server share: its parts. No other file includes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/boot_notices.h"
#include "io/config/config_reload.h"
#include "io/hooks/hooks.h"
#include "io/net/sock.h"
#include "io/store/magic.h"
#include "io/store/pending_clients.h"
#include "server/console_ingest.h"
#include "server/dispatch.h"
#include "server/dump_files.h"
#include "server/rx_coalesce.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/status.h"

/* A protocol's UDP port. */
typedef struct {
    Server *server;
    const Protocol *protocol;
    Sock *sock;
    guint64 drops_seen, send_failed_seen; /* as of the last warning */
} Port;

struct Server {
    Config *config;
    ConfigReload *reload;
    const Protocols *protocols;
    Mono now;
    gint64 wall; /* us since 1970 */

    Port *ports; /* one for each protocol */
    Dumpdir *dumpdir;
    WorkPool *pool;      /* threads for the dumps' files */
    WorkPool *side_pool; /* for what may hang and is no dump's: hooks, magic, configuration */
    VmcorePool *blocks;
    ConsoleStore *console;
    ConsoleIngest *ingest;
    PendingClients *pending;
    Magic *magic;
    Hooks *hooks;
    Status *status;

    Clients *clients;
    WindowShare share;
    Executor *executor;
    DispatchRules rules;
    Dispatch *dispatch;
    BootNotices *boots;
    RxCoalesce rx;
    Stats stats;
    Traffic traffic;

    ReportWorld report;
    DumpFilesShared files;
    Mono next_progress;
    LogLimit forged_limit, refused_limit, malformed_limit, boots_limit, drops_limit, send_limit;
};

/* The table for the executor and dispatch; its world is the Server. */
const Effects *server_effects(void);

/* For DispatchRules. */
guint32 server_random(gpointer server);
void server_no_room(gpointer server, const NetAddr *peer);

/* For HooksSpec, magic_new(), config_reload_new() and pending_clients_new(). */
void server_reread(gpointer server, Config *config, const GError *error);
void server_hook_ended(gpointer server, guint64 id, guint kind, HookEnd end, int value);
void server_magic_read(gpointer server, guint32 id, int err, guint64 magic);
void server_recorded(gpointer server, guint32 id);

/* NULL if there is none. */
Port *server_port_of(const Server *server, const Protocol *protocol);
