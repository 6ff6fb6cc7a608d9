/* status_file.h - the file by which `netdump-server --status` learns what the server does.
 *
 * `.netdump-server.status` in the dump directory: it needs no port, and a reader cannot hold up the
 * server. A line for the server, then one for each client, up to an empty line or the end; a line
 * is key=value pairs with tabs between them, the values escaped (escape.h). The keys are the names
 * of the members below. Unknown keys are ignored, missing or malformed ones are as if not known:
 * readers must not trust its contents.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define STATUS_FILE      ".netdump-server.status"
#define STATUS_UNKNOWN   G_MAXUINT64 /* of a number: no such pair */
#define STATUS_FILE_SIZE (4u << 20)  /* bytes that are read */

/* A text that is NULL is not known. */
typedef struct {
    guint64 status_version; /* of this format: 1 */
    const char *version;    /* of the server */
    guint64 pid;
    guint64 written; /* seconds since 1970 */
    guint64 udp_port;
    const char *dumpdir;
    guint64 dumps_running, dumps_max;
    guint64 complete, incomplete, not_dumped; /* dumps since the start, by result */
    guint64 bytes;                            /* of memory stored since then */
    guint64 packets_received, packets_not_allowed, packets_malformed;
} StatusServer;

typedef struct {
    const char *address; /* without port */
    guint64 port;
    const char *state;
    guint64 page_size; /* bytes */
    guint64 pages, pages_done;
    guint64 bytes_per_second;
    guint64 seconds_left;
    guint64 retransmitted_pages;
    const char *directory; /* a path */
} StatusClient;

/* The key of a member, which must exist: for readers' tables. */
#define STATUS_KEY(type, member) (sizeof(((type *)0)->member) > 0 ? #member : NULL)

/* -- writing ----------------------------------------------------------------------------------- */

/* The server's line; then the clients' are appended. */
GString *status_file_begin(const StatusServer *server);
void status_file_add(GString *text, const StatusClient *client);

/* Blocks. The old file or the new one is there, never a part. 0 or an errno. */
int status_file_write(int dirfd, const char *dir, const GString *text,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* -- reading ----------------------------------------------------------------------------------- */

typedef struct {
    StatusServer server;
    StatusClient *clients; /* n of them, at most LIMIT_CLIENTS */
    gsize n;
    char *text; /* what the texts point into */
} StatusFile;

/* Of the dump directory `dir`. Blocks. NULL with an error (G_FILE_ERROR) if it cannot be read. */
StatusFile *status_file_read(const char *dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void status_file_free(StatusFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusFile, status_file_free)

/* Every pair that is known, in the order of the file; the strings live until fn returns. */
typedef void (*StatusFileFn)(gpointer user, const char *key, const char *value);
void status_file_server_pairs(const StatusServer *server, StatusFileFn fn, gpointer user);
void status_file_client_pairs(const StatusClient *client, StatusFileFn fn, gpointer user);
