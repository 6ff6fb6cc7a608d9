/* config.c - where the configuration comes from: defaults, the file, the command line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/config/config_internal.h"

#include "io/sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_LIMIT    (1 << 20) /* bytes */
#define PROBLEM_LIMIT 50        /* reported one by one; the others are counted */

void config_problem(ConfigLoad *l, const char *format, ...)
{
    va_list args;

    if (l->n_problems++ >= PROBLEM_LIMIT)
        return;
    if (l->problems->len)
        g_string_append_c(l->problems, '\n');
    va_start(args, format);
    g_string_append_vprintf(l->problems, format, args);
    va_end(args);
}

static void load_init(ConfigLoad *l)
{
    memset(l, 0, sizeof *l);
    l->config = g_new0(Config, 1);
    l->given = g_new0(char *, config_n_items);
    l->line = g_new0(guint, config_n_items);
    l->problems = g_string_new(NULL);
    for (gsize i = 0; i < config_n_items; i++) {
        g_autofree char *why = NULL;
        const ConfigItem *item = &config_items[i];
        if (item->initial && !config_assign(l->config, item, item->initial, &why))
            g_assert_not_reached();
    }
}

/* The result of the load, which ends with it. */
static Config *load_end(ConfigLoad *l, GError **error)
{
    Config *c = l->config;

    if (l->n_problems > PROBLEM_LIMIT)
        g_string_append_printf(l->problems, "\nand %u more errors", l->n_problems - PROBLEM_LIMIT);
    if (l->n_problems) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, l->problems->str);
        g_clear_pointer(&c, config_free);
    }
    g_string_free(l->problems, TRUE);
    g_free(l->file);
    for (gsize i = 0; i < config_n_items; i++)
        g_free(l->given[i]);
    g_free(l->given);
    g_free(l->line);
    return c;
}

static void unknown_key(ConfigLoad *l, guint line, const char *key)
{
    const char *nearest = config_nearest(key, FALSE);

    if (nearest)
        config_problem(l, "%s:%u: unknown key \"%.*s\"; did you mean \"%s\"?", l->config->file,
                       line, CONFIG_SHOWN_MAX, key, nearest);
    else
        config_problem(l, "%s:%u: unknown key \"%.*s\"; see netdump-server.conf(5)",
                       l->config->file, line, CONFIG_SHOWN_MAX, key);
}

/* What would go wrong silently with any kind of value. NULL if all is well. */
static const char *bad_form(const char *value)
{
    if (value[0] == '"' || value[0] == '\'')
        return "remove the quotes";
    for (const char *p = value; *p; p++) {
        if (*p == '#' && p > value && g_ascii_isspace(p[-1]))
            return "comments need their own line";
        if (g_ascii_iscntrl(*p) && *p != '\t')
            return "control character in the value";
    }
    return NULL;
}

static void read_line(ConfigLoad *l, guint n, char *text)
{
    char *equals;
    const char *file = l->config->file, *value, *form;
    const ConfigItem *item;
    g_autofree char *why = NULL;

    g_strstrip(text);
    if (!*text || *text == '#')
        return;
    equals = strchr(text, '=');
    if (!equals) {
        config_problem(l, "%s:%u: \"%.*s\" is not a key=value line", file, n, CONFIG_SHOWN_MAX,
                       text);
        return;
    }
    *equals = '\0';
    g_strchomp(text);
    value = g_strstrip(equals + 1);
    item = config_find_key(text);
    if (!item) {
        unknown_key(l, n, text);
        return;
    }
    if (l->line[config_index(item)] && item->type != ITEM_RULES) {
        config_problem(l, "%s:%u: duplicate key %s, first set in line %u; remove one", file, n,
                       text, l->line[config_index(item)]);
        return;
    }
    l->line[config_index(item)] = n;
    form = bad_form(value);
    if (form)
        config_problem(l, "%s:%u: %s: %s", file, n, text, form);
    else if (!config_assign(l->config, item, value, &why))
        config_problem(l, "%s:%u: %s: %s", file, n, text, why);
}

/* text: NUL after its len bytes; destroyed. */
static void read_text(ConfigLoad *l, char *text, gsize len)
{
    guint n = 0;

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* the byte order mark of some editors */
        len -= 3;
    }
    for (char *end = text + len; text <= end;) {
        gsize left = (gsize)(end - text);
        char *newline = memchr(text, '\n', left);
        char *line = text, *stop = newline ? newline : end;

        n++;
        text = stop + 1;
        *stop = '\0';
        if (strlen(line) < (gsize)(stop - line))
            config_problem(l, "%s:%u: NUL byte in the line", l->config->file, n);
        else
            read_line(l, n, line);
    }
}

/* A pipe is fine for a start, but a running server must not wait for a writer. */
static int open_file(const ConfigLoad *l, int *fd)
{
    struct stat st;

    *fd = open(l->config->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | (l->again ? O_NONBLOCK : 0));
    if (*fd < 0)
        return errno;
    if (l->again && (fstat(*fd, &st) < 0 || S_ISFIFO(st.st_mode))) {
        files_close(fd);
        return ESPIPE;
    }
    return 0;
}

static void read_file(ConfigLoad *l, gboolean named)
{
    const char *path = l->config->file;
    g_autofree char *text = NULL;
    gsize len = 0;
    int fd, err = open_file(l, &fd);

    if (err == ENOENT && !named)
        return;
    if (err == 0) {
        err = files_read_fd(fd, FILE_LIMIT + 1, &text, &len);
        files_close(&fd);
    }
    if (err == 0 && len > FILE_LIMIT)
        err = EFBIG;
    if (err) {
        config_problem(l, "%s: cannot read the configuration: %s", path,
                       err == ESPIPE ? "is a pipe" : g_strerror(err));
        return;
    }
    l->config->file_read = TRUE;
    read_text(l, text, len);
}

static void assign_options(ConfigLoad *l)
{
    for (gsize i = 0; i < config_n_items; i++) {
        g_autofree char *why = NULL;
        const ConfigItem *item = &config_items[i];
        if (l->given[i] && !config_assign(l->config, item, l->given[i], &why))
            config_problem(l, "--%s: %s", item->option, why);
    }
}

/* Paths that others will use from another working directory must be absolute. */
static void settle_paths(ConfigLoad *l)
{
    for (gsize i = 0; i < config_n_items; i++) {
        const ConfigItem *item = &config_items[i];
        g_autofree char *path = NULL;
        g_autofree char *why = NULL;

        if (item->type != ITEM_PATH)
            continue;
        path = config_show(l->config, item);
        if (!path || g_path_is_absolute(path))
            continue;
        if (l->config->daemon && l->given[i]) {
            config_problem(l, "--%s: \"%.*s\" must be an absolute path in daemon mode",
                           item->option, CONFIG_SHOWN_MAX, path);
        } else if (l->config->daemon) {
            config_problem(l, "%s:%u: %s: \"%.*s\" must be an absolute path in daemon mode",
                           l->config->file, l->line[i], item->key, CONFIG_SHOWN_MAX, path);
        } else {
            g_autofree char *whole = g_build_filename(l->config->start_in, path, NULL);
            if (!config_assign(l->config, item, whole, &why))
                config_problem(l, "%s: %s", item->key, why);
        }
    }
}

static ConfigTask task_of(ItemTask task)
{
    switch (task) {
    case TASK_CHECK:
        return CONFIG_CHECK;
    case TASK_STATUS:
        return CONFIG_STATUS;
    case TASK_LIST:
        return CONFIG_LIST;
    default:
        return task == 0 ? CONFIG_RUN : CONFIG_SHOWN;
    }
}

/* NULL with *task CONFIG_SHOWN is no error. */
static Config *load(int argc, char **argv, const char *start_in, gboolean again, ConfigTask *task,
                    GError **error)
{
    ConfigLoad l;
    Config *c;

    load_init(&l);
    l.again = again;
    c = l.config;
    c->start_in = g_strdup(start_in);
    c->argv = g_strdupv(argv);
    l.file = g_strdup(CONFIG_FILE);
    config_read_args(&l, argc, argv);
    *task = task_of(l.task);
    if (*task == CONFIG_SHOWN) {
        config_free(load_end(&l, NULL));
        return NULL;
    }
    c->file =
        g_path_is_absolute(l.file) ? g_strdup(l.file) : g_build_filename(start_in, l.file, NULL);
    read_file(&l, l.file_named);
    assign_options(&l);
    settle_paths(&l);
    return load_end(&l, error);
}

Config *config_load(int argc, char **argv, ConfigTask *task, GError **error)
{
    g_autofree char *here = g_get_current_dir();

    return load(argc, argv, here, FALSE, task, error);
}

Config *config_from_text(const char *file, const char *text, gsize len, GError **error)
{
    g_autofree char *copy = g_malloc(len + 1);
    ConfigLoad l;

    memcpy(copy, text, len);
    copy[len] = '\0';
    load_init(&l);
    l.config->file = g_strdup(file);
    l.config->start_in = g_strdup("/");
    read_text(&l, copy, len);
    settle_paths(&l);
    return load_end(&l, error);
}

static void in_one_line(const GError *problems, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(problems->message, "\n", -1);
    g_autofree char *line = g_strjoinv("; ", lines);

    g_set_error_literal(error, problems->domain, problems->code, line);
}

Config *config_reread(char **argv, const char *start_in, GError **error)
{
    g_autoptr(GError) problems = NULL;
    ConfigTask task;
    Config *c = load((int)g_strv_length(argv), argv, start_in, TRUE, &task, &problems);

    if (!c) {
        g_assert(problems); /* what only shows something started no server */
        in_one_line(problems, error);
    }
    return c;
}

char *config_keep_fixed(Config *c, const Config *running)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (gsize i = 0; i < config_n_items; i++) {
        const ConfigItem *item = &config_items[i];
        g_autofree char *was = config_show(running, item), *is = config_show(c, item);
        g_autofree char *why = NULL;

        if (!item->fixed || g_strcmp0(was, is) == 0)
            continue;
        if (!config_assign(c, item, was ? was : "", &why))
            g_assert_not_reached();
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", item->key);
    }
    return names->len ? g_string_free(g_steal_pointer(&names), FALSE) : NULL;
}

void config_print(const Config *c, FILE *out)
{
    fprintf(out, "# %s%s\n", c->file, c->file_read ? "" : " not found, using defaults");
    for (gsize i = 0; i < config_n_items; i++) {
        const ConfigItem *item = &config_items[i];
        g_autofree char *value = item->key ? config_show(c, item) : NULL;

        if (value)
            fprintf(out, "%s=%s\n", item->key, value);
        else if (item->key)
            fprintf(out, "# %s is not set\n", item->key);
    }
}

void config_free(Config *c)
{
    if (!c)
        return;
    for (gsize i = 0; i < config_n_items; i++)
        config_clear(c, &config_items[i]);
    g_free(c->file);
    g_free(c->start_in);
    g_strfreev(c->argv);
    g_free(c);
}
