/* commands.c - `--status` and `--list`: what a running server does, and what dumps there are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/commands.h"

#include "cli/table.h"
#include "core/text/escape.h"
#include "io/store/dumpdir.h"
#include "server/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (4u << 20) /* of a file we read: the greatest status, and where panics stand */
#define OLD      10         /* seconds: a status older than that is worth a word */

enum { EXIT_NOT_RUNNING = 3, EXIT_UNKNOWN = 4 };

/* -- reading ------------------------------------------------------------------------------------
 */

/* The file's first FILE_MAX bytes with a NUL behind them; NULL with errno. */
static char *read_text(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    GString *text = g_string_new(NULL);
    char buffer[65536];
    ssize_t n = 0;

    while (fd >= 0 && text->len < FILE_MAX && (n = read(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    if (fd >= 0)
        close(fd);
    return g_string_free(text, fd < 0 || n < 0);
}

/* key=value pairs, separated by `separator`. */
static GHashTable *read_pairs(char *text, const char *separator)
{
    GHashTable *row = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) pairs = g_strsplit(text, separator, -1);

    for (char **pair = pairs; *pair; pair++) {
        char *equals = strchr(*pair, '=');

        if (equals)
            g_hash_table_insert(row, g_strndup(*pair, (gsize)(equals - *pair)),
                                g_strdup(equals + 1));
    }
    return row;
}

static GPtrArray *new_rows(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
}

static void put(GHashTable *row, const char *key, char *value)
{
    g_hash_table_insert(row, g_strdup(key), value);
}

static guint64 number(GHashTable *row, const char *key)
{
    const char *value = g_hash_table_lookup(row, key);

    return value ? g_ascii_strtoull(value, NULL, 10) : 0;
}

/* -- status -------------------------------------------------------------------------------------
 */

static const TableColumn client_columns[] = {
    {"address", "ADDRESS", TABLE_TEXT},
    {"port", NULL, TABLE_NUMBER},
    {"state", "STATE", TABLE_TEXT},
    {"pages_done", NULL, TABLE_NUMBER},
    {"pages", "PAGES", TABLE_NUMBER},
    {"percent", "%", TABLE_NUMBER},
    {"page_size", NULL, TABLE_NUMBER},
    {"bytes_per_second", NULL, TABLE_NUMBER},
    {"mb_per_second", "MB/s", TABLE_DISPLAY},
    {"seconds_left", "SECONDS LEFT", TABLE_NUMBER},
    {"retransmitted_pages", "ASKED AGAIN", TABLE_NUMBER},
    {"directory", "DIRECTORY", TABLE_TEXT},
};

static const TableColumn server_columns[] = {
    {"version", NULL, TABLE_TEXT},
    {"pid", NULL, TABLE_NUMBER},
    {"written", NULL, TABLE_NUMBER},
    {"udp_port", NULL, TABLE_NUMBER},
    {"dumpdir", NULL, TABLE_TEXT},
    {"dumps_running", NULL, TABLE_NUMBER},
    {"dumps_max", NULL, TABLE_NUMBER},
    {"complete", NULL, TABLE_NUMBER},
    {"incomplete", NULL, TABLE_NUMBER},
    {"not_dumped", NULL, TABLE_NUMBER},
    {"bytes", NULL, TABLE_NUMBER},
    {"packets_received", NULL, TABLE_NUMBER},
    {"packets_not_allowed", NULL, TABLE_NUMBER},
    {"packets_malformed", NULL, TABLE_NUMBER},
};

static void complete_client(GHashTable *row)
{
    guint64 pages = number(row, "pages"), done = number(row, "pages_done");

    if (pages > 0)
        put(row, "percent", g_strdup_printf("%.1f", 100.0 * (gdouble)done / (gdouble)pages));
    put(row, "mb_per_second",
        g_strdup_printf("%.1f", (gdouble)number(row, "bytes_per_second") / 1e6));
}

static void print_server(GHashTable *server)
{
    g_autofree char *size = text_size(number(server, "bytes"));
    gint64 age = g_get_real_time() / G_USEC_PER_SEC - (gint64)number(server, "written");

    printf("netdump-server %s, process %" G_GUINT64_FORMAT ", port %" G_GUINT64_FORMAT
           ": %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " dumps running\n",
           (const char *)g_hash_table_lookup(server, "version"), number(server, "pid"),
           number(server, "udp_port"), number(server, "dumps_running"),
           number(server, "dumps_max"));
    printf("Since its start: %" G_GUINT64_FORMAT " complete, %" G_GUINT64_FORMAT
           " incomplete, %" G_GUINT64_FORMAT " not dumped; %s stored\n",
           number(server, "complete"), number(server, "incomplete"), number(server, "not_dumped"),
           size);
    printf("Datagrams: %" G_GUINT64_FORMAT " received; %" G_GUINT64_FORMAT
           " of senders that are not allowed, %" G_GUINT64_FORMAT " that make no sense\n",
           number(server, "packets_received"), number(server, "packets_not_allowed"),
           number(server, "packets_malformed"));
    if (age > OLD && number(server, "dumps_running") > 0)
        printf("This is %" G_GINT64_FORMAT " seconds old: the disk may be slow or stuck.\n", age);
}

/* unknown: why it can't be said whether a server runs; NULL if none does. */
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
        printf("No server runs on %s.\n", config->dumpdir);
    return unknown ? EXIT_UNKNOWN : EXIT_NOT_RUNNING;
}

static void print_status(const Config *config, GHashTable *server, GPtrArray *clients)
{
    const gsize n = G_N_ELEMENTS(client_columns);

    if (!config->json) {
        print_server(server);
        if (clients->len > 0)
            table_print(stdout, client_columns, n, clients);
        return;
    }
    printf("{\"running\":true,\n \"server\":");
    table_json_row(stdout, server_columns, G_N_ELEMENTS(server_columns), server);
    printf(",\n \"clients\":");
    table_json(stdout, client_columns, n, clients, " ");
    printf("}\n");
}

int cmd_status(const Config *config)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(config->dumpdir, STATUS_FILE, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GHashTable) server = NULL;
    g_autoptr(GPtrArray) clients = new_rows();

    if (!dumpdir_is_served(config->dumpdir, &error))
        return no_status(config, error ? error->message : NULL);
    text = read_text(AT_FDCWD, path);
    if (!text) {
        g_autofree char *why =
            g_strdup_printf("a server runs on %s, but its status can't be read: %s",
                            config->dumpdir, g_strerror(errno));

        return no_status(config, why);
    }
    lines = g_strsplit(text, "\n", -1);
    server = read_pairs(lines[0] ? lines[0] : text, "\t");
    for (char **line = lines; *line && *++line && **line;) {
        GHashTable *row = read_pairs(*line, "\t");

        complete_client(row);
        g_ptr_array_add(clients, row);
    }
    print_status(config, server, clients);
    return EXIT_SUCCESS;
}

/* -- list ---------------------------------------------------------------------------------------
 */

static const TableColumn dump_columns[] = {
    {"start", "WHEN", TABLE_TEXT},
    {"client", "MACHINE", TABLE_TEXT},
    {"machine", NULL, TABLE_TEXT},
    {"result", "RESULT", TABLE_TEXT},
    {"bytes_on_disk", NULL, TABLE_NUMBER},
    {"on_disk", "ON DISK", TABLE_DISPLAY},
    {"bytes_nominal", NULL, TABLE_NUMBER},
    {"nominal", "NOMINAL", TABLE_DISPLAY},
    {"seconds", "SECONDS", TABLE_NUMBER},
    {"directory", NULL, TABLE_TEXT},
    {"file", NULL, TABLE_TEXT},
    {"reason", NULL, TABLE_TEXT},
    {"panic", "PANIC", TABLE_TEXT},
};

/* What the first line of a kernel's last words looks like, the surest sign first. */
static const char *const panics[] = {
    "Kernel panic",  "kernel BUG at",      "Unable to handle kernel", "BUG: ",
    "Oops",          "general protection", "sysrq triggered crash",   "SysRq : Trigger a crash",
    "SysRq : Crash", "divide error",       "stack segment",
};

/* Without the priority and the time that stand before it. */
static const char *skip_prefix(const char *line)
{
    if (*line == '<' && g_ascii_isdigit(line[1])) {
        line += 1 + strspn(line + 1, "0123456789");
        line += *line == '>';
    }
    line += strspn(line, " ");
    if (*line == '[' && strspn(line + 1, " 0123456789.") > 0) {
        const char *end = line + 1 + strspn(line + 1, " 0123456789.");

        if (*end == ']')
            line = end + 1;
    }
    return line + strspn(line, " ");
}

/* The first line that any of the signs is in: an oops comes before the panic that it causes. */
static char *find_panic(char *log)
{
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);

    for (char **line = lines; *line; line++)
        for (gsize i = 0; i < G_N_ELEMENTS(panics); i++)
            if (strstr(*line, panics[i]))
                return g_strdelimit(g_strdup(skip_prefix(*line)), "\t\r", ' ');
    return NULL;
}

static void put_size(GHashTable *row, const char *key, const char *display, guint64 bytes)
{
    put(row, key, g_strdup_printf("%" G_GUINT64_FORMAT, bytes));
    put(row, display, text_size(bytes));
}

/* FALSE if it is no dump's directory. */
static gboolean complete_dump(GHashTable *row, int dumpdir, const char *name)
{
    int fd = openat(dumpdir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* The second and third are made of the first by the example script netdump-compress. */
    static const char *const files[] = {"vmcore", "vmcore.zst", "vmcore.kdump",
                                        "vmcore-incomplete"};
    g_autofree char *log = fd >= 0 ? read_text(fd, "log") : NULL;
    struct stat st;

    for (gsize i = 0; fd >= 0 && i < G_N_ELEMENTS(files); i++) {
        if (g_hash_table_contains(row, "file") || fstatat(fd, files[i], &st, AT_SYMLINK_NOFOLLOW))
            continue;
        put(row, "file", g_strdup(files[i]));
        put_size(row, "bytes_on_disk", "on_disk", (guint64)st.st_blocks * 512);
        /* What is packed was as large as the memory. */
        put_size(row, "bytes_nominal", "nominal",
                 strchr(files[i], '.') ? number(row, "pages") * number(row, "page_size")
                                       : (guint64)st.st_size);
    }
    if (log)
        put(row, "panic", find_panic(log));
    if (fd >= 0)
        close(fd);
    return log || g_hash_table_contains(row, "file") || g_hash_table_contains(row, "result");
}

/* "10.0.0.5-2026-11-22-08:00:00", perhaps with "-2" behind it. */
static gboolean looks_like_dump(const char *name)
{
    return g_regex_match_simple("^[0-9a-f.:%]+-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9:]{8}(-[0-9]+)?$",
                                name, (GRegexCompileFlags)0, (GRegexMatchFlags)0);
}

static GHashTable *read_dump(const Config *config, int dumpdir, const char *name)
{
    g_autofree char *info_name = g_build_filename(name, "info", NULL);
    g_autofree char *info = read_text(dumpdir, info_name);
    g_autoptr(GHashTable) row = read_pairs(info ? info : (char[]){""}, "\n");

    put(row, "directory", g_build_filename(config->dumpdir, name, NULL));
    if (!complete_dump(row, dumpdir, name))
        return NULL;
    if (!g_hash_table_contains(row, "result"))
        put(row, "result", g_strdup("unknown"));
    if (!g_hash_table_contains(row, "client")) {
        const char *date = strchr(name, '-');

        put(row, "client", g_strndup(name, (gsize)(date - name)));
        put(row, "start", g_strdup(date + 1));
    }
    return g_steal_pointer(&row);
}

/* The time in the name of a dump's directory; it sorts. */
static const char *time_in(const char *directory)
{
    const char *name = strrchr(directory, '/');
    const char *time = strchr(name ? name : directory, '-');

    return time ? time : "";
}

/* The newest first. */
static int compare_dumps(gconstpointer a, gconstpointer b)
{
    const char *x = g_hash_table_lookup(*(GHashTable *const *)a, "directory");
    const char *y = g_hash_table_lookup(*(GHashTable *const *)b, "directory");
    int by_time = strcmp(time_in(y), time_in(x));

    return by_time ? by_time : strcmp(x, y);
}

int cmd_list(const Config *config)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(config->dumpdir, 0, &error);
    g_autoptr(GPtrArray) rows = new_rows();
    int fd = open(config->dumpdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name;

    if (!dir || fd < 0) {
        fprintf(stderr, "netdump-server: %s\n",
                error ? error->message : "can't open the dump directory");
        return EXIT_FAILURE;
    }
    while ((name = g_dir_read_name(dir))) {
        GHashTable *row = looks_like_dump(name) ? read_dump(config, fd, name) : NULL;

        if (row)
            g_ptr_array_add(rows, row);
    }
    close(fd);
    g_ptr_array_sort(rows, compare_dumps);
    if (config->json) {
        table_json(stdout, dump_columns, G_N_ELEMENTS(dump_columns), rows, "");
        printf("\n");
    } else if (rows->len == 0) {
        printf("No dumps in %s.\n", config->dumpdir);
    } else {
        table_print(stdout, dump_columns, G_N_ELEMENTS(dump_columns), rows);
    }
    return EXIT_SUCCESS;
}
