/* session.c - words for how a session ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/session.h"

const char *session_result_name(SessionResult result)
{
    static const char *const names[RESULT_N] = {
        [RESULT_RUNNING] = "running",         [RESULT_COMPLETE] = "complete",
        [RESULT_INCOMPLETE] = "incomplete",   [RESULT_NOT_DUMPED] = "not-dumped",
        [RESULT_INTERRUPTED] = "interrupted",
    };

    return result < RESULT_N ? names[result] : "unknown";
}

const char *session_reason_text(SessionReason reason)
{
    static const char *const texts[REASON_N] = {
        [REASON_NONE] = "",
        [REASON_OVER_LIMIT] = "max_concurrent_dumps reached",
        [REASON_NO_SPACE] = "not enough disk space",
        [REASON_DISK] = "disk write failed",
        [REASON_SILENT] = "client stopped responding",
        [REASON_RECRASHED] = "client crashed again before its dump was complete",
        [REASON_MACHINE] = "unknown architecture",
        [REASON_PAGE_SIZE] = "invalid page size",
        [REASON_NO_PAGES] = "zero pages reported",
        [REASON_SLOW] = "client too slow",
        [REASON_UNREACHABLE] = "no reply to our requests",
    };

    return reason < REASON_N ? texts[reason] : "unknown";
}
