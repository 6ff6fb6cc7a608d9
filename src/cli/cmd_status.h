/* cmd_status.h - `--status`: what a running server does.
 *
 * Reads the status file, whether a server runs or not; what is there is not trusted. Output goes to
 * stdout as a table, or as JSON with config->json; errors to stderr.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/config/config.h"

/* Exit status, as defined by LSB for init scripts: 0 = running, 3 = not running, 4 = unknown. */
int cmd_status(const Config *config);
