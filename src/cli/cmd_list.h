/* cmd_list.h - `--list`: what dumps there are.
 *
 * Reads the dump directory, whether a server runs or not; what is there is not trusted. Output goes
 * to stdout as a table, or as JSON with config->json; errors to stderr.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/config/config.h"

/* The newest dump first. Exit status 0, or 1 if the dump directory cannot be read. */
int cmd_list(const Config *config);
