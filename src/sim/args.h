/* args.h - the options that the simulator knows, and what was typed for each.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef enum {
    ARG_MACHINE,
    ARG_GENERATION,
    ARG_MEMORY,
    ARG_SIZE,
    ARG_PAGE_SIZE,
    ARG_HOLES,
    ARG_ZERO,
    ARG_REGS,
    ARG_TASK,
    ARG_PAGE_OFFSET,
    ARG_MAGIC,
    ARG_START_TEXT,
    ARG_EXTENSIONS,
    ARG_PORT,
    ARG_LOG_PORT,
    ARG_BIND,
    ARG_CLIENTS,
    ARG_TEXT,
    ARG_LOSS,
    ARG_DUP,
    ARG_REORDER,
    ARG_DELAY,
    ARG_JITTER,
    ARG_SEED,
    ARG_SILENT_AFTER,
    ARG_RECRASH_AFTER,
    ARG_LOSE_REBOOTS,
    ARG_VERIFY,
    ARG_TIMEOUT,
    N_ARGS
} Arg;

typedef enum {
    FLAG_OLDEST,
    FLAG_NETCONSOLE,
    FLAG_NO_CRASH,
    FLAG_DEAF,
    FLAG_GSO,
    FLAG_PROGRESS,
    FLAG_QUIET,
    FLAG_JSON,
    FLAG_VERSION,
    N_FLAGS
} Flag;

typedef struct {
    char *text[N_ARGS]; /* NULL: not given */
    int flag[N_FLAGS];
    char *server; /* the one argument, or NULL */
} Args;

const char *arg_name(Arg arg); /* without the dashes */

/* FALSE if they are invalid, with a message on stderr. --help ends the process (popt). */
gboolean args_parse(Args *args, int argc, char **argv) G_GNUC_WARN_UNUSED_RESULT;
void args_clear(Args *args);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Args, args_clear)
