/* metrics.h - the server's metrics, as text for node_exporter's textfile collector.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "io/config/config.h"
#include "io/hooks/hooks.h"
#include "io/store/dumpdir.h"
#include "server/dispatch.h"
#include "server/stats.h"

/* Where the figures are. Borrowed. */
typedef struct {
    const Config *config;
    const Traffic *traffic;
    const Clients *clients;
    const Hooks *hooks;
    const Stats *stats;
    const DispatchStats *dispatch;
} MetricsSource;

/* All but what is below. */
GString *metrics_text(const MetricsSource *source);

/* Of the file system; a job asks for it. */
void metrics_add_space(GString *text, const DumpdirSpace *space);
