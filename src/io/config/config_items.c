/* config_items.c - the table of keys and options, and what their values may be.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/config/config_internal.h"

#include <net/if.h>
#include <stddef.h>
#include <string.h>

#define PATH_LIMIT 1024 /* bytes; leaves room for the names below dumpdir in PATH_MAX */
#define DAY        86400

#define AT(field) offsetof(Config, field)

const ConfigItem config_items[] = {
    {"port", "port", 'p', .fixed = TRUE, .type = ITEM_PORT, .offset = AT(port), .max = 65535,
     .initial = "6688", .unit = "PORT", .help = "UDP port to listen on"},
    {"addr", "addr", 'a', .fixed = TRUE, .type = ITEM_ADDR, .offset = AT(addr), .unit = "ADDRESS",
     .help = "listen on this address only (default: all)"},
    {"max_concurrent_dumps", "concurrent", 'c', .type = ITEM_UINT,
     .offset = AT(max_concurrent_dumps), .max = LIMIT_CLIENTS, .initial = "4", .unit = "DUMPS",
     .help = "concurrent dumps; excess clients are logged and rebooted"},
    {"pidfile", "pidfile", 'P', .fixed = TRUE, .type = ITEM_PATH, .offset = AT(pidfile),
     .unit = "FILE", .help = "write the process ID to this file (default: none)"},
    {"daemon", "daemon", 'D', .flag = TRUE, .fixed = TRUE, .type = ITEM_BOOL, .offset = AT(daemon),
     .initial = "0", .help = "daemonize and log to syslog"},
    {"dumpdir", "dumpdir", 'd', .fixed = TRUE, .type = ITEM_PATH, .offset = AT(dumpdir),
     .initial = LOCALSTATEDIR "/spool/crash", .unit = "DIRECTORY", .help = "dump directory"},
    {"secure", "secure", 's', .type = ITEM_BOOL, .offset = AT(secure), .initial = "0",
     .unit = "0|1", .help = "1: require a known magic"},
    {"space_check", .type = ITEM_BOOL, .offset = AT(space_check), .initial = "1"},
    {"client_timeout", .type = ITEM_UINT, .offset = AT(client_timeout), .min = 1, .max = DAY,
     .initial = "60", .unit = "seconds"},
    {"script_timeout", .type = ITEM_UINT, .offset = AT(script_timeout), .min = 1, .max = DAY,
     .initial = "60", .unit = "seconds"},
    {"window", .type = ITEM_UINT, .offset = AT(window), .min = 1, .max = LIMIT_IN_FLIGHT,
     .initial = "128", .unit = "pages"},
    {"min_free", .type = ITEM_UINT, .offset = AT(min_free), .max = CONFIG_MIN_FREE_MAX,
     .initial = "5", .unit = "percent"},
    {"allow", .type = ITEM_RULES},
    {"metrics_file", .type = ITEM_PATH, .offset = AT(metrics_file)},
    {NULL, "config", 'f', .type = ITEM_FILE, .initial = CONFIG_FILE, .unit = "FILE",
     .help = "configuration file"},
    {NULL, "check-config", 't', .flag = TRUE, .type = ITEM_TASK, .task = TASK_CHECK,
     .help = "print the resulting configuration, or its errors, and exit"},
    {NULL, "status", .flag = TRUE, .type = ITEM_TASK, .task = TASK_STATUS,
     .help = "show server status and exit"},
    {NULL, "list", .flag = TRUE, .type = ITEM_TASK, .task = TASK_LIST,
     .help = "list the dumps in the dump directory and exit"},
    {NULL, "json", .flag = TRUE, .type = ITEM_BOOL, .offset = AT(json), .initial = "0",
     .help = "print JSON (with --status and --list)"},
    {NULL, "verbose", 'v', .flag = TRUE, .type = ITEM_BOOL, .offset = AT(verbose), .initial = "0",
     .help = "log debug messages as well"},
    {NULL, "version", 'V', .flag = TRUE, .type = ITEM_TASK, .task = TASK_VERSION,
     .help = "print the version and exit"},
    {NULL, "help", '?', .flag = TRUE, .type = ITEM_TASK, .task = TASK_HELP,
     .help = "print this help and exit"},
    {NULL, "usage", .flag = TRUE, .type = ITEM_TASK, .task = TASK_USAGE,
     .help = "print a short usage message and exit"},
};

const gsize config_n_items = G_N_ELEMENTS(config_items);

/* Typed access by the row's offset; each row's type is that of its field. */
#define FIELD(type, c, item) (*(type *)(gpointer)((guint8 *)(c) + (item)->offset))
#define READ(type, c, item)  (*(type const *)(gconstpointer)((const guint8 *)(c) + (item)->offset))

static char *not_a_number(const ConfigItem *item, const char *value)
{
    gboolean unit = item->unit && g_ascii_islower(item->unit[0]);

    return g_strdup_printf("\"%.*s\" must be a whole number from %u to %u%s%s%s", CONFIG_SHOWN_MAX,
                           value, item->min, item->max, unit ? " (" : "", unit ? item->unit : "",
                           unit ? ")" : "");
}

static gboolean assign_bool(gboolean *out, const char *value, char **why)
{
    static const char *const words[][2] = {
        {"0", "1"}, {"no", "yes"}, {"off", "on"}, {"false", "true"}};

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        for (int truth = 0; truth <= 1; truth++)
            if (g_ascii_strcasecmp(value, words[i][truth]) == 0) {
                *out = truth;
                return TRUE;
            }
    *why = g_strdup_printf("\"%.*s\" must be 0 or 1", CONFIG_SHOWN_MAX, value);
    return FALSE;
}

/* Like netaddr_parse(), but the interface may be named: fe80::1%eth0. */
static gboolean assign_addr(NetAddr *out, const char *value, char **why)
{
    g_autoptr(GError) reason = NULL;
    g_autofree char *numbered = NULL;
    const char *percent = strchr(value, '%');
    NetAddr addr;

    if (!*value) {
        memset(out, 0, sizeof *out);
        return TRUE;
    }
    if (percent && strlen(percent + 1) < IF_NAMESIZE) {
        guint scope = if_nametoindex(percent + 1);
        if (scope)
            numbered = g_strdup_printf("%.*s%%%u", (int)(percent - value), value, scope);
    }
    if (!netaddr_parse(numbered ? numbered : value, &addr, &reason)) {
        *why = g_strdup(reason->message);
        return FALSE;
    }
    *out = addr;
    return TRUE;
}

static gboolean assign_path(char **out, const ConfigItem *item, const char *value, char **why)
{
    char *path;

    if (!*value && item->initial) {
        *why = g_strdup_printf("empty value; give a path such as %s", item->initial);
        return FALSE;
    }
    if (strlen(value) > PATH_LIMIT) {
        *why =
            g_strdup_printf("path is %zu bytes long, the limit is %d", strlen(value), PATH_LIMIT);
        return FALSE;
    }
    path = *value ? g_strdup(value) : NULL;
    /* A slash after a blank stays, since the file format strips trailing blanks. */
    for (gsize n = path ? strlen(path) : 0;
         n > 1 && path[n - 1] == '/' && !g_ascii_isspace(path[n - 2]); n--)
        path[n - 1] = '\0';
    g_free(*out);
    *out = path;
    return TRUE;
}

static gboolean assign_rules(Config *c, const char *value, char **why)
{
    g_auto(GStrv) words = g_strsplit_set(value, ", \t", -1);
    gboolean any = FALSE;

    for (char **word = words; *word; word++) {
        g_autoptr(GError) reason = NULL;
        NetRule rule;

        if (!**word)
            continue;
        any = TRUE;
        if (!netrule_parse(*word, &rule, &reason)) {
            *why = g_strdup(reason->message);
            return FALSE;
        }
        if (c->n_allow >= CONFIG_ALLOW_MAX) {
            *why = g_strdup_printf(
                "more than %d entries; combine them into networks such as 10.0.0.0/8",
                CONFIG_ALLOW_MAX);
            return FALSE;
        }
        c->allow = g_renew(NetRule, c->allow, c->n_allow + 1);
        c->allow[c->n_allow++] = rule;
    }
    if (!any)
        *why =
            g_strdup("empty value; list addresses and networks, or remove the line to allow any");
    return any;
}

gboolean config_assign(Config *c, const ConfigItem *item, const char *value, char **why)
{
    guint64 number;

    switch (item->type) {
    case ITEM_BOOL:
        return assign_bool(&FIELD(gboolean, c, item), value, why);
    case ITEM_PORT:
    case ITEM_UINT:
        if (!g_ascii_string_to_unsigned(value, 10, item->min, item->max, &number, NULL)) {
            *why = not_a_number(item, value);
            return FALSE;
        }
        if (item->type == ITEM_PORT)
            FIELD(guint16, c, item) = (guint16)number;
        else
            FIELD(guint, c, item) = (guint)number;
        return TRUE;
    case ITEM_ADDR:
        return assign_addr(&FIELD(NetAddr, c, item), value, why);
    case ITEM_PATH:
        return assign_path(&FIELD(char *, c, item), item, value, why);
    case ITEM_RULES:
        return assign_rules(c, value, why);
    case ITEM_TASK:
    case ITEM_FILE:
        break;
    }
    return TRUE;
}

void config_clear(Config *c, const ConfigItem *item)
{
    if (item->type == ITEM_PATH)
        g_clear_pointer(&FIELD(char *, c, item), g_free);
    if (item->type == ITEM_RULES) {
        g_clear_pointer(&c->allow, g_free);
        c->n_allow = 0;
    }
}

static char *show_rules(const Config *c)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char rule[NETADDR_STRLEN];

    for (gsize i = 0; i < c->n_allow; i++)
        g_string_append_printf(text, "%s%s", i ? ", " : "", netrule_to_string(&c->allow[i], rule));
    return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

char *config_show(const Config *c, const ConfigItem *item)
{
    const NetAddr *addr;
    char text[NETADDR_STRLEN];

    switch (item->type) {
    case ITEM_BOOL:
        return g_strdup(READ(gboolean, c, item) ? "1" : "0");
    case ITEM_PORT:
        return g_strdup_printf("%u", READ(guint16, c, item));
    case ITEM_UINT:
        return g_strdup_printf("%u", READ(guint, c, item));
    case ITEM_ADDR:
        addr = &READ(NetAddr, c, item);
        return addr->family == NET_NONE ? NULL : g_strdup(netaddr_host_to_string(addr, text));
    case ITEM_PATH:
        return g_strdup(READ(char *, c, item));
    case ITEM_RULES:
        return show_rules(c);
    case ITEM_TASK:
    case ITEM_FILE:
        break;
    }
    return NULL;
}

gsize config_index(const ConfigItem *item)
{
    return (gsize)(item - config_items);
}

const ConfigItem *config_find_key(const char *key)
{
    for (gsize i = 0; i < config_n_items; i++)
        if (config_items[i].key && strcmp(config_items[i].key, key) == 0)
            return &config_items[i];
    return NULL;
}

#define WORD_MAX 31 /* longer words are no slips of ours */

/* Levenshtein's distance, upper and lower case and '-' and '_' being the same. */
static guint distance(const char *a, const char *b)
{
    guint row[WORD_MAX + 1];
    gsize nb = strlen(b);

    for (guint j = 0; j <= nb; j++)
        row[j] = j;
    for (guint i = 1; *a; a++, i++) {
        int ca = *a == '-' ? '_' : g_ascii_tolower(*a);
        guint diagonal = row[0];

        row[0] = i;
        for (guint j = 1; j <= nb; j++) {
            int cb = b[j - 1] == '-' ? '_' : g_ascii_tolower(b[j - 1]);
            guint replace = diagonal + (ca != cb);

            diagonal = row[j];
            row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[nb];
}

const char *config_nearest(const char *word, gboolean option)
{
    const char *nearest = NULL;
    gsize best = 3;

    if (strlen(word) > WORD_MAX)
        return NULL;
    for (gsize i = 0; i < config_n_items; i++) {
        const char *name = option ? config_items[i].option : config_items[i].key;
        gsize d = name ? distance(word, name) : G_MAXUINT;
        /* More than half of a short word wrong is no slip. (Two swapped letters count 2.) */
        if (d < best && 2 * d <= strlen(name)) {
            best = d;
            nearest = name;
        }
    }
    return nearest;
}
