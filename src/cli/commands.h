/* commands.h - `--status` and `--list`: what a running server does, and what dumps there are.
 *
 * They read files of the dump directory, whether a server runs or not; what they find there is not
 * trusted. Output goes to stdout as a table, or as JSON with config->json; errors to stderr.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/config/config.h"

/* Exit status, as the LSB has it for init scripts: 0 = a server runs, 3 = none does, 4 = that can't
 * be found out. */
int cmd_status(const Config *config);

/* The newest dump first. Exit status 0, or 1 if the dump directory can't be read. */
int cmd_list(const Config *config);
