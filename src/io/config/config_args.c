/* config_args.c - the command line, read by popt as the table of items says.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/config/config_internal.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

/* A row of ours as popt wants it; the returned text belongs to it. */
static char *make_option(const ConfigItem *item, struct poptOption *out)
{
    gboolean told = item->initial && !item->flag;
    char *help = g_strdup_printf("%s%s%s%s", item->help, told ? " (default: " : "",
                                 told ? item->initial : "", told ? ")" : "");

    *out = (struct poptOption){.longName = item->option,
                               .shortName = item->letter,
                               .argInfo = item->flag ? POPT_ARG_NONE : POPT_ARG_STRING,
                               .val = (int)config_index(item) + 1,
                               .descrip = help,
                               .argDescrip = item->unit};
    return help;
}

static void bad_option(ConfigLoad *l, poptContext popt, int code)
{
    const char *bad = poptBadOption(popt, POPT_BADOPTION_NOALIAS);
    g_autofree char *name = g_strndup(bad, strcspn(bad, "="));
    const char *nearest =
        g_str_has_prefix(name, "--") ? config_nearest(name + strlen("--"), TRUE) : NULL;

    if (code == POPT_ERROR_BADOPT && nearest)
        config_problem(l, "%.*s: unknown option; did you mean --%s?", CONFIG_SHOWN_MAX, name,
                       nearest);
    else if (code == POPT_ERROR_BADOPT)
        config_problem(l, "%.*s: unknown option; see --help", CONFIG_SHOWN_MAX, name);
    else
        config_problem(l, "%.*s: %s", CONFIG_SHOWN_MAX, name, poptStrerror(code));
}

static void take_option(ConfigLoad *l, const ConfigItem *item, char *value)
{
    const char *text = item->flag ? "1" : value;

    if (item->type == ITEM_TASK && item->task > l->task)
        l->task = item->task;
    if (item->type == ITEM_FILE) {
        g_free(l->file);
        l->file = g_strdup(text);
        l->file_named = TRUE;
    }
    g_free(l->given[config_index(item)]);
    l->given[config_index(item)] = g_strdup(text);
    free(value);
}

static void show(ItemTask task, poptContext popt)
{
    if (task == TASK_HELP)
        poptPrintHelp(popt, stdout, 0);
    else if (task == TASK_USAGE)
        poptPrintUsage(popt, stdout, 0);
    else if (task == TASK_VERSION)
        printf("netdump-server " NETDUMP_VERSION "\n");
}

void config_read_args(ConfigLoad *l, int argc, char **argv)
{
    g_autofree struct poptOption *options = g_new0(struct poptOption, config_n_items + 1);
    g_auto(GStrv) help = g_new0(char *, config_n_items + 1);
    poptContext popt;
    guint n = 0;
    const char *extra;
    int got;

    for (gsize i = 0; i < config_n_items; i++)
        if (config_items[i].option) {
            help[n] = make_option(&config_items[i], &options[n]);
            n++;
        }
    popt = poptGetContext("netdump-server", argc, (const char **)(gpointer)argv, options,
                          POPT_CONTEXT_NO_EXEC);
    while (popt && (got = poptGetNextOpt(popt)) != -1) {
        if (got > 0)
            take_option(l, &config_items[got - 1], poptGetOptArg(popt));
        else
            bad_option(l, popt, got);
    }
    while (popt && (extra = poptGetArg(popt)))
        config_problem(l, "\"%.*s\": unexpected argument; see --help", CONFIG_SHOWN_MAX, extra);
    if (popt)
        show(l->task, popt);
    poptFreeContext(popt);
}
