/* config.h - defaults < file < command line -> one struct that nobody changes any more.
 *
 * All or nothing: either every line of the file and every option is good, or there is a GError
 * whose message lists everything that is wrong, one problem a line, each with file:line or the
 * option, and what would be right. Nothing here exits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/netaddr.h"

#include <stdio.h>

#define CONFIG_FILE         SYSCONFDIR "/netdump-server.conf"
#define CONFIG_ALLOW_MAX    1024 /* entries of allow= */
#define CONFIG_DUMPS_MAX    1024 /* max_concurrent_dumps */
#define CONFIG_WINDOW_MAX   128  /* pages in flight: half of a NIC ring's usual 256 entries */
#define CONFIG_MIN_FREE_MAX 50

typedef struct {
    guint16 port;               /* 0..65535, default 6688; 0 = any free one, see sock_port() */
    NetAddr addr;               /* listen there only; NET_NONE = all addresses, IPv4 and IPv6 */
    guint max_concurrent_dumps; /* 0..1024, default 4; 0 = log and reboot all */
    gboolean daemon;
    char *pidfile;        /* absolute, NULL = none */
    char *dumpdir;        /* absolute */
    gboolean secure;      /* only with the right magic */
    gboolean space_check; /* default TRUE */
    guint client_timeout; /* seconds, 1..86400, default 60 */
    guint script_timeout; /* seconds, 1..86400, default 60 */
    guint window;         /* pages, 1..128, default 128 */
    guint min_free;       /* percent of the file system, 0..50, default 5 */
    NetRule *allow;       /* n_allow entries; none = any */
    gsize n_allow;
    char *metrics_file; /* absolute, NULL = none */
    gboolean verbose;
    gboolean json; /* for CONFIG_STATUS and CONFIG_LIST */
    /* How it came about, for config_reload(). */
    char *file;         /* absolute */
    gboolean file_read; /* FALSE: it is the default one and isn't there */
    char *start_in;     /* the working directory that relative paths were taken from */
    char **argv;
} Config;

/* What the command line asks for. */
typedef enum {
    CONFIG_RUN,
    CONFIG_CHECK,  /* print with config_print() and exit */
    CONFIG_STATUS, /* cmd_status() and exit */
    CONFIG_LIST,   /* cmd_list() and exit */
    CONFIG_SHOWN,  /* help or version has been printed: exit with status 0 */
} ConfigTask;

#define CONFIG_ERROR (config_error_quark())
GQuark config_error_quark(void);

/* NULL with an error, or with *task CONFIG_SHOWN and none. Free with config_free(). argv is copied.
 * *task is set also where there is an error. */
Config *config_load(int argc, char **argv, ConfigTask *task,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same command line and file again. What can't change while we run (port, addr, daemon,
 * pidfile, dumpdir) is taken from `running`; *kept names those keys whose file or option says
 * otherwise ("port, dumpdir"), NULL if none: free it. On error nothing has changed; all problems
 * are in one line then, for a log. */
Config *config_reload(const Config *running, char **kept, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The effective configuration as a file that gives the same again. */
void config_print(const Config *config, FILE *out);

void config_free(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)
