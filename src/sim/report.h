/* report.h - what the simulator tells its user: progress, a summary, JSON for the benchmark.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/options.h"

#include <glib.h>

typedef struct {
    Machine **machines;
    const char *
        *verdicts; /* of --verify for each machine: NULL not asked for, "" equal, else why not */
    guint n;
    gint64 started, now; /* us */
} Report;

/* One line on stderr, over the last one. */
void report_progress(const Report *report, const Options *options);
void report_progress_end(void);

/* On stdout, as text or JSON. FALSE if it can't be written. */
gboolean report_summary(const Report *report, const Options *options);

/* Did this machine come to a good end? */
gboolean report_good(const Report *report, const Options *options, guint i);
