/* config_internal.h - what config.c (where values come from) and config_items.c (what they may be)
 * share. Only they and the tests include it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/config/config.h"

#define CONFIG_SHOWN_MAX 60 /* bytes of a bad value in a message */

typedef enum {
    ITEM_BOOL,
    ITEM_PORT,  /* guint16 */
    ITEM_UINT,  /* guint, min..max */
    ITEM_ADDR,  /* NetAddr; empty = all */
    ITEM_PATH,  /* char *; empty = none, where the default is none */
    ITEM_RULES, /* allow and n_allow: may be repeated, adds up */
    ITEM_TASK,  /* not stored: see ItemTask */
    ITEM_FILE,  /* not stored: names the file */
} ItemType;

typedef enum {
    TASK_CHECK = 1,
    TASK_STATUS,
    TASK_LIST,
    TASK_VERSION,
    TASK_HELP,
    TASK_USAGE
} ItemTask;

/* One row makes a key of the file, an option of the command line, or both. */
typedef struct {
    const char *key;    /* in the file; NULL = only an option */
    const char *option; /* --option; NULL = only in the file */
    char letter;        /* -o; 0 = none */
    gboolean flag;      /* the option takes no argument and means 1 */
    gboolean fixed;     /* cannot change at run time */
    ItemType type;
    gsize offset; /* in Config */
    guint min, max;
    ItemTask task;       /* of ITEM_TASK */
    const char *initial; /* as in the file; NULL = none */
    const char *unit;    /* for messages and help; NULL = none */
    const char *help;
} ConfigItem;

extern const ConfigItem config_items[];
extern const gsize config_n_items;

/* FALSE with *why, "what is wrong: what would be right", to be freed. */
gboolean config_assign(Config *c, const ConfigItem *item, const char *value,
                       char **why) G_GNUC_WARN_UNUSED_RESULT;

/* Frees what the field points to, if it does. */
void config_clear(Config *c, const ConfigItem *item);

/* The value as the file would have it, NULL = none. To be freed. */
char *config_show(const Config *c, const ConfigItem *item);

/* The key (or option) that word is most likely a slip of, NULL if none is near. */
const char *config_nearest(const char *word, gboolean option);

/* NULL if there is none. */
const ConfigItem *config_find_key(const char *key);

/* The item's place in the table. */
gsize config_index(const ConfigItem *item);

/* One load. */
typedef struct {
    Config *config;
    gboolean again; /* by a running server, see config_reread() */
    char **given;   /* of each item: from the command line; NULL = not there */
    guint *line;    /* of each item: in the file; 0 = not there */
    GString *problems;
    guint n_problems;
    char *file; /* as named, or the default one */
    gboolean file_named;
    ItemTask task; /* 0 = run */
} ConfigLoad;

/* Adds one line to what is wrong. */
void config_problem(ConfigLoad *l, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Collects what the command line gives; prints help and version where it asks for them. */
void config_read_args(ConfigLoad *l, int argc, char **argv);

/* Defaults and this text, as if it stood in `file`; for the fuzzer and the tests. */
Config *config_from_text(const char *file, const char *text, gsize len,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
