/* local_time.h - wall clock times as text, in the local time zone.
 *
 * strftime() and glib look at the file of the time zone again each time; the loop's thread waits
 * for no file, so that here the zone is that of the first call. Safe in any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define LOCAL_TIME_LEN 48

/* "2026-11-25 13:00:48", `between` being the character between date and time, and with `zone` the
 * distance from UTC, " +0100". seconds: since 1970. FALSE, and an empty text, if the year is none.
 */
gboolean local_time_format(gint64 seconds, char between, gboolean zone, char out[LOCAL_TIME_LEN]);
