/* log.h - messages for the administrator, to stderr or to syslog: one call for all.
 *
 * Every function may be called from any thread. Before log_open() messages go to stderr. Control
 * characters and bytes that are not UTF-8 are escaped (\n, \x1b), and a message is cut at 2 KiB, so
 * that text from outside cannot forge a line. Priorities are syslog's (LOG_ERR ...).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"

#include <syslog.h>

typedef enum {
    LOG_TO_STDERR, /* "netdump-server: text"; with the local time in front where it's no terminal;
                      with fields where it is systemd's journal */
    LOG_TO_SYSLOG, /* facility daemon */
} LogTarget;

/* Whom a message is about; each may be NULL. Pointers are used only during the call. */
typedef struct {
    const char *client; /* "10.0.0.5" or "10.0.0.5:6666": becomes the prefix "10.0.0.5: " */
    const char *dir;    /* the dump's directory: a field for systemd's journal only */
} LogAbout;

/* May be called again to change the target. ident is not copied: a literal or static. */
void log_open(const char *ident, LogTarget target, gboolean verbose);
void log_close(void);

/* LOG_DEBUG messages are dropped unless verbose. */
void log_set_verbose(gboolean verbose);
gboolean log_is_verbose(void);

/* errno is left as it was. */
void log_msg(int priority, const char *format, ...) G_GNUC_PRINTF(2, 3);
void log_about(int priority, const LogAbout *about, const char *format, ...) G_GNUC_PRINTF(3, 4);

#define log_error(...)   log_msg(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_msg(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_msg(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_msg(LOG_DEBUG, __VA_ARGS__)

/* TRUE where log_progress() shows something: messages go to stderr and that is a terminal. */
gboolean log_has_progress(void);

/* One line at the bottom of the terminal, replaced by the next call, cut to the terminal's width,
 * and out of the way of messages. NULL or "" takes it away. Without a terminal nothing happens. */
void log_progress(const char *text);

/* A token bucket for messages that outsiders can provoke. One thread only (the loop's).
 *     static LogLimit limit = LOG_LIMIT(5, SPAN_S(10));    burst of 5, then one each 10 s */
typedef struct {
    guint burst;
    Span interval;      /* until a token comes back */
    guint spent;        /* tokens taken and not yet back */
    Mono refilled;      /* when spent was last counted down */
    guint64 suppressed; /* messages dropped since `since` */
    Mono since;
    int priority; /* of the first one dropped */
} LogLimit;

#define LOG_LIMIT(max_burst, each)                                                                 \
    {                                                                                              \
        .burst = (max_burst), .interval = (each)                                                   \
    }

/* As log_about() if the limit allows it, otherwise only counted. Dropped messages are reported
 * first: "12 similar messages were suppressed in the last 40 s". TRUE if it was logged. about may
 * be NULL. */
gboolean log_limited(LogLimit *limit, Mono now, int priority, const LogAbout *about,
                     const char *format, ...) G_GNUC_PRINTF(5, 6);

/* TRUE, and the message counts as dropped, if log_limited() would not log it: for messages that
 * cost something to make. */
gboolean log_limit_spent(LogLimit *limit, Mono now, int priority);

/* Reports dropped messages once a token is available; the deadline says when. */
Mono log_limit_deadline(const LogLimit *limit);
void log_limit_tick(LogLimit *limit, Mono now);
