/* report.h - output of the simulator: progress, a summary, JSON for the benchmark.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/options.h"

#include <glib.h>

typedef struct {
    Machine **machines;
    const char **verdicts; /* of --verify for each machine: NULL not requested, "" equal, otherwise
                              the difference */
    guint n;
    gint64 started, now; /* us */
} Report;

/* One line on stderr, over the last one. */
void report_progress(const Report *report, const Options *options);
void report_progress_end(void);

/* On stdout, as text or JSON. FALSE if it cannot be written. */
gboolean report_summary(const Report *report, const Options *options);

/* TRUE if this machine ended as expected. */
gboolean report_good(const Report *report, const Options *options, guint i);
