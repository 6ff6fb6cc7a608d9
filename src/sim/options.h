/* options.h - the simulator's command line.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/machine.h"

#include <glib.h>

typedef struct {
    MachineSetup setup;
    PortSetup port; /* of the first machine */
    guint clients;
    char *verify; /* dump directory, or NULL */
    /* What setup points to. */
    Ram *ram;
    guint8 *regs;
    char *start_text, *text;
    gboolean progress, quiet, json;
} Options;

/* Parse, open files, look names up. NULL: *status is the process's exit status, and what is wrong
 * has been said on stderr. */
Options *options_parse(int argc, char **argv, int *status) G_GNUC_WARN_UNUSED_RESULT;
void options_free(Options *options);

/* The n-th machine's address: consecutive from --bind; machines on ::1 and on an unspecified
 * address share it. */
void options_port(const Options *options, guint n, PortSetup *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Options, options_free)
