/* server.h - owns all parts of the daemon and gives each what it uses.
 *
 * The loop passes the time; nothing here waits, except at the start and at the end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "server/protocols.h"

#include <sys/select.h>

typedef struct Server Server;

/* Binds, opens, locks, starts threads: everything that can fail. After it the first datagram can
 * come. Takes *config over, also on failure. Call it in the process that stays. */
Server *server_new(Config *config, const Protocols *protocols,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
void server_free(Server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)

/* For everything until the next call. wall: us since 1970. */
void server_set_time(Server *server, Mono now, gint64 wall);

/* Logs version, addresses and limits. */
void server_say_hello(const Server *server);

/* What was queued to be sent goes out. */
void server_flush(Server *server);

/* Leaves every dump so that the next instance can resume it. Waits for the disk for a bounded time.
 * */
void server_stop(Server *server);

/* SIGHUP (the file is read in a thread, what it says applies some turns later), SIGUSR1, and
 * SIGCHLD or any other turn. */
void server_reload(Server *server);
void server_log_status(const Server *server);
void server_reap(Server *server);

/* -- a turn of the loop, in this order --------------------------------------------------------- */

/* When it wants a turn even if nothing comes. */
Mono server_deadline(const Server *server);
void server_add_fds(const Server *server, fd_set *readable, int *max_fd);

/* TRUE if datagrams wait. */
gboolean server_has_datagrams(const Server *server, const fd_set *readable);

/* How long to leave them there, so that there are more. */
Span server_rest(const Server *server);

/* Between the two: server_set_time() and server_receive(), again while it returns TRUE. */
void server_receive_begin(Server *server);
gboolean server_receive(Server *server);
void server_receive_end(Server *server);

/* Everything else. */
void server_turn(Server *server, const fd_set *readable);

/* The UDP port of this protocol. */
guint16 server_port(const Server *server, const SessionOps *ops);
