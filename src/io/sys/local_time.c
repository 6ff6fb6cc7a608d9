/* local_time.c - wall clock times as text, in the local time zone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/local_time.h"

#include <stdlib.h>
#include <time.h>

gboolean local_time_format(gint64 seconds, char between, gboolean zone, char out[LOCAL_TIME_LEN])
{
    const time_t time = seconds;
    struct tm tm;
    int n;

    out[0] = '\0';
    if (!localtime_r(&time, &tm) || tm.tm_year + 1900 < 1 || tm.tm_year + 1900 > 9999)
        return FALSE;
    n = g_snprintf(out, LOCAL_TIME_LEN, "%04d-%02d-%02d%c%02d:%02d:%02d", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, between, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (zone) {
        long minutes = labs(tm.tm_gmtoff) / 60;

        g_snprintf(out + n, (gulong)(LOCAL_TIME_LEN - n), " %c%02ld%02ld",
                   tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
    }
    return TRUE;
}
