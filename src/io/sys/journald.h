/* journald.h - systemd's journal, for messages with fields: its native protocol, no library.
 *
 * A message is one datagram of FIELD=value lines to journald's socket, see systemd's "Native
 * Journal Protocol". Nothing here blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

typedef struct {
    int priority;        /* LOG_ERR ... */
    const char *ident;   /* SYSLOG_IDENTIFIER */
    const char *client;  /* NETDUMP_CLIENT, NULL = none */
    const char *dir;     /* NETDUMP_DIR, NULL = none */
    const char *message; /* without newlines: escaped already */
} JournaldMessage;

/* A socket for journald_send() if `fd` is a stream that journald reads, as JOURNAL_STREAM in our
 * environment says; else -1. The caller closes it. */
int journald_open(int fd, const char *socket_path);

/* FALSE if journald did not take it at once: the message is to go to stderr. A field whose value
 * has a newline in it is left out. */
gboolean journald_send(int journal, const JournaldMessage *m);
