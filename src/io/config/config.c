/* config.c - where the configuration comes from: defaults, the file, the command line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/config/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

G_DEFINE_QUARK(netdump_config_error, config_error)

#define FILE_LIMIT    (1 << 20) /* bytes */
#define PROBLEM_LIMIT 50        /* told one by one; the others are counted */

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
    l->problems = g_string_new(NULL);
    for (gsize i = 0; i < CONFIG_N_ITEMS; i++) {
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
        g_string_append_printf(l->problems, "\nand %u more problems",
                               l->n_problems - PROBLEM_LIMIT);
    if (l->n_problems) {
        g_set_error_literal(error, CONFIG_ERROR, 0, l->problems->str);
        g_clear_pointer(&c, config_free);
    }
    g_string_free(l->problems, TRUE);
    g_free(l->file);
    for (gsize i = 0; i < CONFIG_N_ITEMS; i++)
        g_free(l->given[i]);
    return c;
}

static void unknown_key(ConfigLoad *l, guint line, const char *key)
{
    const char *nearest = config_nearest(key, FALSE);

    if (nearest)
        config_problem(l, "%s:%u: unknown key \"%.*s\": did you mean \"%s\"?", l->config->file,
                       line, CONFIG_SHOWN_MAX, key, nearest);
    else
        config_problem(l,
                       "%s:%u: unknown key \"%.*s\": netdump-server.conf(5) lists those there are",
                       l->config->file, line, CONFIG_SHOWN_MAX, key);
}

/* What would go wrong silently with any kind of value. NULL if all is well. */
static const char *bad_form(const char *value)
{
    if (value[0] == '"' || value[0] == '\'')
        return "the value must stand without quotes";
    for (const char *p = value; *p; p++) {
        if (*p == '#' && p > value && g_ascii_isspace(p[-1]))
            return "a comment must have a line of its own";
        if (g_ascii_iscntrl(*p) && *p != '\t')
            return "there is a control character in the value";
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
        config_problem(l, "%s:%u: \"%.*s\" is no key=value line", file, n, CONFIG_SHOWN_MAX, text);
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
        config_problem(l, "%s:%u: %s is set a second time, after line %u: remove one of them", file,
                       n, text, l->line[config_index(item)]);
        return;
    }
    l->line[config_index(item)] = n;
    form = bad_form(value);
    if (form)
        config_problem(l, "%s:%u: %s: %s", file, n, text, form);
    else if (!config_assign(l->config, item, value, &why))
        config_problem(l, "%s:%u: %s: %s", file, n, text, why);
}

/* text: NUL behind its len bytes; destroyed. */
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
            config_problem(l, "%s:%u: there is a NUL byte in the line", l->config->file, n);
        else
            read_line(l, n, line);
    }
}

static gboolean read_whole(int fd, GString *text)
{
    char buffer[8192];

    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        if (n == 0)
            return TRUE;
        g_string_append_len(text, buffer, n);
        if (text->len > FILE_LIMIT) {
            errno = EFBIG;
            return FALSE;
        }
    }
}

static void read_file(ConfigLoad *l, gboolean named)
{
    const char *path = l->config->file;
    g_autoptr(GString) text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        if (errno != ENOENT || named)
            config_problem(l, "%s: can't read the configuration: %s", path, g_strerror(errno));
        return;
    }
    text = g_string_new(NULL);
    if (read_whole(fd, text)) {
        l->config->file_read = TRUE;
        read_text(l, text->str, text->len);
    } else {
        config_problem(l, "%s: can't read the configuration: %s", path, g_strerror(errno));
    }
    close(fd);
}

static void assign_options(ConfigLoad *l)
{
    for (gsize i = 0; i < CONFIG_N_ITEMS; i++) {
        g_autofree char *why = NULL;
        const ConfigItem *item = &config_items[i];
        if (l->given[i] && !config_assign(l->config, item, l->given[i], &why))
            config_problem(l, "--%s: %s", item->option, why);
    }
}

/* Paths that others will use from another working directory must be absolute. */
static void settle_paths(ConfigLoad *l)
{
    for (gsize i = 0; i < CONFIG_N_ITEMS; i++) {
        const ConfigItem *item = &config_items[i];
        g_autofree char *path = NULL;
        g_autofree char *why = NULL;

        if (item->type != ITEM_PATH)
            continue;
        path = config_show(l->config, item);
        if (!path || g_path_is_absolute(path))
            continue;
        if (l->config->daemon && l->given[i]) {
            config_problem(l, "--%s: \"%.*s\" must begin with a / for a daemon", item->option,
                           CONFIG_SHOWN_MAX, path);
        } else if (l->config->daemon) {
            config_problem(l, "%s:%u: %s: \"%.*s\" must begin with a / for a daemon",
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
static Config *load(int argc, char **argv, const char *start_in, ConfigTask *task, GError **error)
{
    ConfigLoad l;
    Config *c;

    load_init(&l);
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

    return load(argc, argv, here, task, error);
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

Config *config_reload(const Config *running, char **kept, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);
    g_autoptr(GError) problems = NULL;
    ConfigTask task;
    Config *c =
        load((int)g_strv_length(running->argv), running->argv, running->start_in, &task, &problems);

    *kept = NULL;
    if (!c) {
        g_assert(problems); /* what only shows something started no server */
        in_one_line(problems, error);
        return NULL;
    }
    for (gsize i = 0; i < CONFIG_N_ITEMS; i++) {
        const ConfigItem *item = &config_items[i];
        g_autofree char *was = config_show(running, item), *is = config_show(c, item);
        g_autofree char *why = NULL;

        if (!item->fixed || g_strcmp0(was, is) == 0)
            continue;
        if (!config_assign(c, item, was ? was : "", &why))
            g_assert_not_reached();
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", item->key);
    }
    if (names->len)
        *kept = g_string_free(g_steal_pointer(&names), FALSE);
    return c;
}

void config_print(const Config *c, FILE *out)
{
    fprintf(out, "# %s%s\n", c->file, c->file_read ? "" : " isn't there: defaults");
    for (gsize i = 0; i < CONFIG_N_ITEMS; i++) {
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
    g_free(c->pidfile);
    g_free(c->dumpdir);
    g_free(c->allow);
    g_free(c->metrics_file);
    g_free(c->file);
    g_free(c->start_in);
    g_strfreev(c->argv);
    g_free(c);
}
