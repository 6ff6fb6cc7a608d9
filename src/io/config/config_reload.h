/* config_reload.h - reads the configuration again, outside the loop's thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/config/config.h"
#include "io/sys/off_loop.h"

typedef struct ConfigReload ConfigReload;

/* config: the callee's, its fixed keys not yet those that hold, see config_keep_fixed(); or NULL,
 * with all problems in one line. */
typedef void (*ConfigReloadFn)(gpointer user, Config *config, const GError *error);

/* config: has the command line; only used here. off: one job at a time. */
ConfigReload *config_reload_new(const Config *config, const OffLoop *off, ConfigReloadFn fn,
                                gpointer user);

/* No callback comes any more. Before or after the threads have ended. */
void config_reload_free(ConfigReload *reload);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigReload, config_reload_free)

/* A callback follows, never from inside. While the file is being read, any number of calls has it
 * read once more, with a callback for each time that it was read. */
void config_reload_start(ConfigReload *reload);
