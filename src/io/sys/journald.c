/* journald.c - systemd's journal, for messages with fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/journald.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

/* JOURNAL_STREAM is "device:inode" of systemd's stream. A process that writes elsewhere can inherit
 * the variable. */
static gboolean is_journal_stream(int fd)
{
    const char *stream = g_getenv("JOURNAL_STREAM");
    g_autofree char *ours = NULL;
    struct stat st;

    if (!stream || fstat(fd, &st) < 0)
        return FALSE;
    ours = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)st.st_dev,
                           (guint64)st.st_ino);
    return strcmp(stream, ours) == 0;
}

int journald_open(int fd, const char *socket_path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int s;

    if (!is_journal_stream(fd) || strlen(socket_path) >= sizeof sa.sun_path)
        return -1;
    memcpy(sa.sun_path, socket_path, strlen(socket_path));
    s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s >= 0 && connect(s, (struct sockaddr *)&sa, sizeof sa) < 0) {
        close(s);
        return -1;
    }
    return s;
}

static void add(GString *text, const char *field, const char *value)
{
    if (value && !strchr(value, '\n'))
        g_string_append_printf(text, "%s=%s\n", field, value);
}

gboolean journald_send(int journal, const JournaldMessage *m)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_printf(text, "PRIORITY=%d\nSYSLOG_FACILITY=%d\n", m->priority, LOG_DAEMON >> 3);
    add(text, "SYSLOG_IDENTIFIER", m->ident);
    add(text, "NETDUMP_CLIENT", m->client);
    add(text, "NETDUMP_DIR", m->dir);
    add(text, "MESSAGE", m->message);
    return send(journal, text->str, text->len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)text->len;
}
