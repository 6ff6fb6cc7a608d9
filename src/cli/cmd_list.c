/* cmd_list.c - `--list`: what dumps there are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cmd_list.h"

#include "cli/table.h"
#include "core/text/escape.h"
#include "io/sys/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (4u << 20) /* bytes of a file that are read: where panics are */

static const TableColumn dump_columns[] = {
    {"start", "WHEN", TABLE_TEXT},
    {"client", "CLIENT", TABLE_TEXT},
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

/* -- reading ----------------------------------------------------------------------------------- */

/* The file's first FILE_MAX bytes with a NUL after them; NULL if it cannot be read. */
static char *read_text(int dirfd, const char *name)
{
    char *text = NULL;

    return files_read_all(dirfd, "", name, FILE_MAX, &text, NULL, NULL) ? NULL : text;
}

/* The pairs of `info`, a line each. */
static GHashTable *read_pairs(char *text)
{
    GHashTable *row = table_row_new();
    char *line;

    while ((line = strsep(&text, "\n"))) {
        char *value = strchr(line, '=');

        if (value) {
            *value++ = '\0';
            table_row_put(row, line, g_strdup(value));
        }
    }
    return row;
}

static guint64 number(GHashTable *row, const char *key)
{
    const char *value = g_hash_table_lookup(row, key);

    return value ? g_ascii_strtoull(value, NULL, 10) : 0;
}

/* -- what the log says ------------------------------------------------------------------------- */

/* Patterns of the first line of a panic, the most specific one first. */
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
    table_row_put(row, key, g_strdup_printf("%" G_GUINT64_FORMAT, bytes));
    table_row_put(row, display, text_size(bytes));
}

/* FALSE if it is no dump's directory. */
static gboolean complete_dump(GHashTable *row, int dumpdir, const char *name)
{
    int fd = openat(dumpdir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* The example hook netdump-compress replaces the first by the second or third. */
    static const char *const files[] = {"vmcore", "vmcore.zst", "vmcore.kdump",
                                        "vmcore-incomplete"};
    g_autofree char *log = fd >= 0 ? read_text(fd, "log") : NULL;
    struct stat st;

    for (gsize i = 0; fd >= 0 && i < G_N_ELEMENTS(files); i++) {
        if (g_hash_table_contains(row, "file") || fstatat(fd, files[i], &st, AT_SYMLINK_NOFOLLOW))
            continue;
        table_row_put(row, "file", g_strdup(files[i]));
        put_size(row, "bytes_on_disk", "on_disk", (guint64)st.st_blocks * 512);
        /* What is packed was as large as the memory. */
        put_size(row, "bytes_nominal", "nominal",
                 strchr(files[i], '.') ? number(row, "pages") * number(row, "page_size")
                                       : (guint64)st.st_size);
    }
    if (log)
        table_row_put(row, "panic", find_panic(log));
    if (fd >= 0)
        close(fd);
    return log || g_hash_table_contains(row, "file") || g_hash_table_contains(row, "result");
}

/* "10.0.0.5-2026-11-22-08:00:00", or the same with "-2" appended. */
static gboolean looks_like_dump(const char *name)
{
    return g_regex_match_simple("^[0-9a-f.:%]+-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9:]{8}(-[0-9]+)?$",
                                name, (GRegexCompileFlags)0, (GRegexMatchFlags)0);
}

static GHashTable *read_dump(const Config *config, int dumpdir, const char *name)
{
    g_autofree char *info_name = g_build_filename(name, "info", NULL);
    g_autofree char *info = read_text(dumpdir, info_name);
    g_autoptr(GHashTable) row = read_pairs(info);

    table_row_put(row, "directory", g_build_filename(config->dumpdir, name, NULL));
    if (!complete_dump(row, dumpdir, name))
        return NULL;
    if (!g_hash_table_contains(row, "result"))
        table_row_put(row, "result", g_strdup("unknown"));
    if (!g_hash_table_contains(row, "client")) {
        const char *date = strchr(name, '-');

        table_row_put(row, "client", g_strndup(name, (gsize)(date - name)));
        table_row_put(row, "start", g_strdup(date + 1));
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
    g_autoptr(GPtrArray) rows = table_rows_new();
    int fd = open(config->dumpdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name;

    if (!dir || fd < 0) {
        fprintf(stderr, "netdump-server: %s\n",
                error ? error->message : "cannot open the dump directory");
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
