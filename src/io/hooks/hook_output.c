/* hook_output.c - the output of hooks goes to the log, line by line and within limits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/hooks/hook_output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void end_line(HookOutput *out, const char *prefix, LogLimit *limit, Mono now)
{
    while (out->len > 0 && out->line[out->len - 1] == '\r')
        out->len--;
    out->line[out->len] = '\0';
    if (out->len > 0)
        log_limited(limit, now, LOG_INFO, NULL, "%s%s", prefix, out->line);
    out->len = 0;
    if (++out->lines >= HOOK_LINES_MAX)
        out->muted = TRUE;
}

static void take(HookOutput *out, const char *data, gsize n, const char *prefix, LogLimit *limit,
                 Mono now)
{
    for (gsize i = 0; i < n && !out->muted; i++) {
        if (data[i] == '\n') {
            end_line(out, prefix, limit, now);
        } else {
            out->line[out->len++] = data[i] != '\0' ? data[i] : '?';
            if (out->len == HOOK_LINE_MAX)
                end_line(out, prefix, limit, now);
        }
        if (++out->bytes >= HOOK_OUTPUT_MAX)
            out->muted = TRUE;
    }
    if (out->muted) {
        if (out->len > 0)
            end_line(out, prefix, limit, now);
        log_warning("%soutput limit of %d lines or %d KiB reached, the rest is dropped", prefix,
                    HOOK_LINES_MAX, HOOK_OUTPUT_MAX / 1024);
    }
}

void hook_output_read(HookOutput *out, const char *prefix, LogLimit *limit, Mono now)
{
    char buffer[8192];

    for (gsize done = 0; out->fd >= 0 && done < HOOK_READ_MAX;) {
        ssize_t n = read(out->fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            hook_output_end(out, prefix, limit, now);
            return;
        }
        done += (gsize)n;
        if (!out->muted)
            take(out, buffer, (gsize)n, prefix, limit, now);
    }
}

void hook_output_end(HookOutput *out, const char *prefix, LogLimit *limit, Mono now)
{
    if (out->fd < 0)
        return;
    if (out->len > 0 && !out->muted)
        end_line(out, prefix, limit, now);
    close(out->fd);
    out->fd = -1;
}
