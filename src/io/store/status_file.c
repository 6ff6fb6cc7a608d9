/* status_file.c - the file by which `netdump-server --status` learns what the server does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/status_file.h"

#include "core/base/limits.h"
#include "core/text/escape.h"
#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* A pair: its key is the member's name. */
typedef struct {
    const char *key;
    gsize offset;
    gboolean is_number;
} Field;

#define TEXT(type, member)                                                                         \
    {                                                                                              \
#member, offsetof(type, member), FALSE                                                     \
    }
#define NUMBER(type, member)                                                                       \
    {                                                                                              \
#member, offsetof(type, member), TRUE                                                      \
    }

/* In the order of the file. */
static const Field server_fields[] = {
    NUMBER(StatusServer, status_version),
    TEXT(StatusServer, version),
    NUMBER(StatusServer, pid),
    NUMBER(StatusServer, written),
    NUMBER(StatusServer, udp_port),
    TEXT(StatusServer, dumpdir),
    NUMBER(StatusServer, dumps_running),
    NUMBER(StatusServer, dumps_max),
    NUMBER(StatusServer, complete),
    NUMBER(StatusServer, incomplete),
    NUMBER(StatusServer, not_dumped),
    NUMBER(StatusServer, bytes),
    NUMBER(StatusServer, packets_received),
    NUMBER(StatusServer, packets_not_allowed),
    NUMBER(StatusServer, packets_malformed),
};

static const Field client_fields[] = {
    TEXT(StatusClient, address),
    NUMBER(StatusClient, port),
    TEXT(StatusClient, state),
    NUMBER(StatusClient, page_size),
    NUMBER(StatusClient, pages),
    NUMBER(StatusClient, pages_done),
    NUMBER(StatusClient, bytes_per_second),
    NUMBER(StatusClient, seconds_left),
    NUMBER(StatusClient, retransmitted_pages),
    TEXT(StatusClient, directory),
};

static guint64 *number_of(gpointer row, const Field *field)
{
    return (guint64 *)((char *)row + field->offset);
}

static const char **text_of(gpointer row, const Field *field)
{
    return (const char **)((char *)row + field->offset);
}

/* -- pairs ------------------------------------------------------------------------------------- */

static void each_pair(const Field *fields, gsize n, gconstpointer row, StatusFileFn fn,
                      gpointer user)
{
    for (gsize i = 0; i < n; i++) {
        gpointer r = (gpointer)(gintptr)row; /* it is only read */
        char number[24];

        if (!fields[i].is_number) {
            if (*text_of(r, &fields[i]))
                fn(user, fields[i].key, *text_of(r, &fields[i]));
        } else if (*number_of(r, &fields[i]) != STATUS_UNKNOWN) {
            g_snprintf(number, sizeof number, "%" G_GUINT64_FORMAT, *number_of(r, &fields[i]));
            fn(user, fields[i].key, number);
        }
    }
}

void status_file_server_pairs(const StatusServer *server, StatusFileFn fn, gpointer user)
{
    each_pair(server_fields, G_N_ELEMENTS(server_fields), server, fn, user);
}

void status_file_client_pairs(const StatusClient *client, StatusFileFn fn, gpointer user)
{
    each_pair(client_fields, G_N_ELEMENTS(client_fields), client, fn, user);
}

/* -- writing ----------------------------------------------------------------------------------- */

/* A StatusFileFn. */
static void add_pair(gpointer user, const char *key, const char *value)
{
    GString *text = user;
    gsize len = strlen(value);
    g_autofree char *safe = g_malloc(TEXT_ESCAPED_MAX(len) + 1);

    safe[text_escape_line((const guint8 *)value, len, safe)] = '\0';
    if (text->len > 0 && text->str[text->len - 1] != '\n')
        g_string_append_c(text, '\t');
    g_string_append_printf(text, "%s=%s", key, safe);
}

GString *status_file_begin(const StatusServer *server)
{
    GString *text = g_string_new(NULL);

    status_file_server_pairs(server, add_pair, text);
    g_string_append_c(text, '\n');
    return text;
}

void status_file_add(GString *text, const StatusClient *client)
{
    status_file_client_pairs(client, add_pair, text);
    g_string_append_c(text, '\n');
}

int status_file_write(int dirfd, const char *dir, const GString *text, GError **error)
{
    return files_replace(dirfd, dir, STATUS_FILE, text->str, text->len, 0600, FALSE, error);
}

/* -- reading ----------------------------------------------------------------------------------- */

static const Field *find_field(const Field *fields, gsize n, const char *key)
{
    for (gsize i = 0; i < n; i++)
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    return NULL;
}

/* Cuts the line into its pairs; texts point into it. */
static void parse_line(char *line, const Field *fields, gsize n, gpointer row)
{
    char *pair;

    for (gsize i = 0; i < n; i++)
        if (fields[i].is_number)
            *number_of(row, &fields[i]) = STATUS_UNKNOWN;
    while ((pair = strsep(&line, "\t"))) {
        char *value = strchr(pair, '=');
        const Field *field;

        if (!value)
            continue;
        *value++ = '\0';
        field = find_field(fields, n, pair);
        if (!field)
            continue;
        if (!field->is_number)
            *text_of(row, field) = value;
        else if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, number_of(row, field),
                                             NULL))
            *number_of(row, field) = STATUS_UNKNOWN;
    }
}

static void parse(StatusFile *file)
{
    g_autoptr(GArray) clients = g_array_new(FALSE, TRUE, sizeof(StatusClient));
    char *rest = file->text, *line = strsep(&rest, "\n");

    parse_line(line, server_fields, G_N_ELEMENTS(server_fields), &file->server);
    while (clients->len < LIMIT_CLIENTS && (line = strsep(&rest, "\n")) && *line) {
        StatusClient client = {0};

        parse_line(line, client_fields, G_N_ELEMENTS(client_fields), &client);
        g_array_append_val(clients, client);
    }
    file->clients = g_array_steal(clients, &file->n);
}

StatusFile *status_file_read(const char *dir, GError **error)
{
    StatusFile *file;
    char *text = NULL;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        (void)files_fail(error, errno, "cannot open directory %s", dir);
    else if (files_read_all(fd, dir, STATUS_FILE, STATUS_FILE_SIZE, &text, NULL, error) != 0)
        text = NULL;
    files_close(&fd);
    if (!text)
        return NULL;
    file = g_new0(StatusFile, 1);
    file->text = text;
    parse(file);
    return file;
}

void status_file_free(StatusFile *file)
{
    if (!file)
        return;
    g_free(file->clients);
    g_free(file->text);
    g_free(file);
}
