/* cmd_status.c - `--status`: what a running server does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cmd_status.h"

#include "cli/table.h"
#include "core/text/escape.h"
#include "io/store/dumpdir.h"
#include "io/store/status_file.h"

#include <inttypes.h>
#include <stdlib.h>

#define OLD 10 /* seconds: a status older than that is worth a word */

enum { EXIT_NOT_RUNNING = 3, EXIT_UNKNOWN = 4 };

#define OF_CLIENT(member) STATUS_KEY(StatusClient, member)
#define OF_SERVER(member) STATUS_KEY(StatusServer, member)

static const TableColumn client_columns[] = {
    {OF_CLIENT(address), "ADDRESS", TABLE_TEXT},
    {OF_CLIENT(port), NULL, TABLE_NUMBER},
    {OF_CLIENT(state), "STATE", TABLE_TEXT},
    {OF_CLIENT(pages_done), NULL, TABLE_NUMBER},
    {OF_CLIENT(pages), "PAGES", TABLE_NUMBER},
    {"percent", "%", TABLE_NUMBER},
    {OF_CLIENT(page_size), NULL, TABLE_NUMBER},
    {OF_CLIENT(bytes_per_second), NULL, TABLE_NUMBER},
    {"mb_per_second", "MB/s", TABLE_DISPLAY},
    {OF_CLIENT(seconds_left), "SECONDS LEFT", TABLE_NUMBER},
    {OF_CLIENT(retransmitted_pages), "RETRANS", TABLE_NUMBER},
    {OF_CLIENT(directory), "DIRECTORY", TABLE_TEXT},
};

static const TableColumn server_columns[] = {
    {OF_SERVER(version), NULL, TABLE_TEXT},
    {OF_SERVER(pid), NULL, TABLE_NUMBER},
    {OF_SERVER(written), NULL, TABLE_NUMBER},
    {OF_SERVER(udp_port), NULL, TABLE_NUMBER},
    {OF_SERVER(dumpdir), NULL, TABLE_TEXT},
    {OF_SERVER(dumps_running), NULL, TABLE_NUMBER},
    {OF_SERVER(dumps_max), NULL, TABLE_NUMBER},
    {OF_SERVER(complete), NULL, TABLE_NUMBER},
    {OF_SERVER(incomplete), NULL, TABLE_NUMBER},
    {OF_SERVER(not_dumped), NULL, TABLE_NUMBER},
    {OF_SERVER(bytes), NULL, TABLE_NUMBER},
    {OF_SERVER(packets_received), NULL, TABLE_NUMBER},
    {OF_SERVER(packets_not_allowed), NULL, TABLE_NUMBER},
    {OF_SERVER(packets_malformed), NULL, TABLE_NUMBER},
};

/* -- rows -------------------------------------------------------------------------------------- */

/* A StatusFileFn. */
static void put_pair(gpointer row, const char *key, const char *value)
{
    table_row_put(row, key, g_strdup(value));
}

static guint64 known(guint64 number)
{
    return number == STATUS_UNKNOWN ? 0 : number;
}

static GHashTable *client_row(const StatusClient *client)
{
    GHashTable *row = table_row_new();
    guint64 pages = known(client->pages), done = known(client->pages_done);

    status_file_client_pairs(client, put_pair, row);
    if (pages > 0)
        table_row_put(row, "percent",
                      g_strdup_printf("%.1f", 100.0 * (gdouble)done / (gdouble)pages));
    table_row_put(row, "mb_per_second",
                  g_strdup_printf("%.1f", (gdouble)known(client->bytes_per_second) / 1e6));
    return row;
}

static GHashTable *server_row(const StatusServer *server)
{
    GHashTable *row = table_row_new();

    status_file_server_pairs(server, put_pair, row);
    return row;
}

/* -- output ------------------------------------------------------------------------------------ */

static void print_server(const StatusServer *s)
{
    g_autofree char *size = text_size(known(s->bytes));
    gint64 age = g_get_real_time() / G_USEC_PER_SEC - (gint64)known(s->written);

    printf("netdump-server %s, pid %" PRIu64 ", port %" PRIu64 ": %" PRIu64 " of %" PRIu64
           " dumps running\n",
           s->version ? s->version : "?", known(s->pid), known(s->udp_port),
           known(s->dumps_running), known(s->dumps_max));
    printf("Since start: %" PRIu64 " complete, %" PRIu64 " incomplete, %" PRIu64
           " not dumped, %s stored\n",
           known(s->complete), known(s->incomplete), known(s->not_dumped), size);
    printf("Datagrams: %" PRIu64 " received, %" PRIu64 " not allowed, %" PRIu64 " malformed\n",
           known(s->packets_received), known(s->packets_not_allowed), known(s->packets_malformed));
    if (age > OLD && known(s->dumps_running) > 0)
        printf("Status is %" PRId64 " seconds old; check for a slow or hung disk.\n", age);
}

static void print_status(const Config *config, const StatusFile *file)
{
    const gsize n = G_N_ELEMENTS(client_columns);
    g_autoptr(GPtrArray) clients = table_rows_new();

    for (gsize i = 0; i < file->n; i++)
        g_ptr_array_add(clients, client_row(&file->clients[i]));
    if (config->json) {
        g_autoptr(GHashTable) server = server_row(&file->server);

        printf("{\"running\":true,\n \"server\":");
        table_json_row(stdout, server_columns, G_N_ELEMENTS(server_columns), server);
        printf(",\n \"clients\":");
        table_json(stdout, client_columns, n, clients, " ");
        printf("}\n");
        return;
    }
    print_server(&file->server);
    if (clients->len > 0)
        table_print(stdout, client_columns, n, clients);
}

/* unknown: why it cannot be said whether a server runs; NULL if none does. */
static int no_status(const Config *config, const char *unknown)
{
    if (config->json) {
        printf("{\"running\":%s,\"dumpdir\":", unknown ? "null" : "false");
        table_json_string(stdout, config->dumpdir);
        printf("}\n");
    }
    if (unknown)
        fprintf(stderr, "netdump-server: %s\n", unknown);
    else if (!config->json)
        printf("No server is using %s.\n", config->dumpdir);
    return unknown ? EXIT_UNKNOWN : EXIT_NOT_RUNNING;
}

int cmd_status(const Config *config)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StatusFile) file = NULL;

    if (!dumpdir_is_served(config->dumpdir, &error))
        return no_status(config, error ? error->message : NULL);
    file = status_file_read(config->dumpdir, &error);
    if (!file) {
        g_autofree char *why =
            g_strdup_printf("a server is using %s, but its status cannot be read: %s",
                            config->dumpdir, error->message);

        return no_status(config, why);
    }
    print_status(config, file);
    return EXIT_SUCCESS;
}
