/* config.h - defaults < file < command line -> one constant struct.
 *
 * All or nothing: either every line of the file and every option is good, or there is a GError
 * whose message lists everything that is wrong, one problem a line, each with file:line or the
 * option, and what would be right. Nothing here exits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/limits.h"
#include "core/base/netaddr.h"

#include <stdio.h>

#define CONFIG_FILE         SYSCONFDIR "/netdump-server.conf"
#define CONFIG_ALLOW_MAX    1024 /* entries of allow= */
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
    /* How it came about, for config_reread(). */
    char *file;         /* absolute */
    gboolean file_read; /* FALSE: it is the default one and does not exist */
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

/* NULL with an error (G_OPTION_ERROR_BAD_VALUE), or with *task CONFIG_SHOWN and none. Free with
 * config_free(). argv is copied. *task is set also where there is an error. */
Config *config_load(int argc, char **argv, ConfigTask *task,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same command line and file again, for a running server; a pipe is refused. On error all
 * problems are in one line, for a log. Blocks on the file; may be called in any thread, but not
 * twice at a time. See config_reload.h. */
Config *config_reread(char **argv, const char *start_in, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Takes from `running` what cannot change at run time (port, addr, daemon, pidfile, dumpdir).
 * Returns the names of those keys whose file or option says otherwise ("port, dumpdir"), NULL if
 * none: free it. */
char *config_keep_fixed(Config *config, const Config *running) G_GNUC_WARN_UNUSED_RESULT;

/* The effective configuration as a file that gives the same again. */
void config_print(const Config *config, FILE *out);

void config_free(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)
