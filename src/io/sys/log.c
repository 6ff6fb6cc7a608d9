/* log.c - messages for the administrator: escaped, counted, to stderr or to syslog.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/log.h"

#include "io/sys/journald.h"
#include "io/sys/local_time.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 2048 /* bytes, escapes included: journald and rsyslog take that whole */

/* One log for the process: callers need no handle. */
static struct {
    GMutex lock;
    const char *ident;
    LogTarget target;
    gint verbose;      /* atomic: read without the lock */
    gboolean terminal; /* stderr is one */
    gboolean opened;
    gboolean stamp; /* no other party adds the time */
    int journal;    /* journald's socket, -1 = stderr leads elsewhere */
    char *progress; /* what stands on the bottom line, NULL = nothing */
} the_log = {.ident = "netdump-server", .journal = -1};

/* All of it, or as much as the descriptor takes: a broken stderr cannot be reported. */
static void write_stderr(const char *text, gsize len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        len -= (gsize)n;
    }
}

/* With the lock. */
static void close_target(void)
{
    if (the_log.opened && the_log.target == LOG_TO_SYSLOG)
        closelog();
    if (the_log.journal >= 0)
        close(the_log.journal);
    the_log.journal = -1;
}

void log_open(const char *ident, LogTarget target, gboolean verbose)
{
    g_mutex_lock(&the_log.lock);
    close_target();
    the_log.ident = ident;
    the_log.target = target;
    the_log.terminal = isatty(STDERR_FILENO) == 1;
    /* journald, which sets JOURNAL_STREAM, adds the time itself; at a terminal it is noise. */
    the_log.stamp = !the_log.terminal && !g_getenv("JOURNAL_STREAM");
    the_log.opened = TRUE;
    if (target == LOG_TO_SYSLOG)
        openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    else
        the_log.journal = journald_open(STDERR_FILENO, JOURNALD_SOCKET);
    g_mutex_unlock(&the_log.lock);
    log_set_verbose(verbose);
}

void log_close(void)
{
    log_progress(NULL);
    g_mutex_lock(&the_log.lock);
    close_target();
    the_log.opened = the_log.stamp = FALSE;
    the_log.target = LOG_TO_STDERR;
    g_mutex_unlock(&the_log.lock);
}

void log_set_verbose(gboolean verbose)
{
    g_atomic_int_set(&the_log.verbose, verbose);
}

gboolean log_is_verbose(void)
{
    return g_atomic_int_get(&the_log.verbose);
}

/* One character of the message: printable ones as they are, others escaped, so that they cannot
 * affect a terminal or forge a line. Returns the bytes consumed. */
static gsize escape_one(const char *p, gsize left, GString *out)
{
    guchar c = (guchar)*p;

    if (c >= 0x20 && c < 0x7f) {
        g_string_append_c(out, (char)c);
        return 1;
    }
    if (c >= 0x80) {
        gunichar u = g_utf8_get_char_validated(p, (gssize)left);
        if (u != (gunichar)-1 && u != (gunichar)-2 && g_unichar_isprint(u)) {
            gsize n = (gsize)g_unichar_to_utf8(u, NULL);
            g_string_append_len(out, p, (gssize)n);
            return n;
        }
    }
    if (c == '\n')
        g_string_append(out, "\\n");
    else if (c == '\t')
        g_string_append_c(out, ' ');
    else
        g_string_append_printf(out, "\\x%02x", c);
    return 1;
}

/* A newline at the end is a habit, not a message: dropped. */
static void escape(const char *text, GString *out)
{
    gsize len = strlen(text);

    while (len > 0 && text[len - 1] == '\n')
        len--;
    for (gsize i = 0; i < len;) {
        if (out->len >= MESSAGE_MAX) {
            g_string_append(out, " [...]");
            return;
        }
        i += escape_one(text + i, len - i, out);
    }
}

static void append_timestamp(GString *line)
{
    struct timespec now;
    char text[LOCAL_TIME_LEN];

    /* The log's own wall clock: what administrators match with other logs. */
    if (clock_gettime(CLOCK_REALTIME, &now) == 0 && local_time_format(now.tv_sec, ' ', FALSE, text))
        g_string_append_printf(line, "%s.%03ld ", text, now.tv_nsec / 1000000);
}

static const char *priority_word(int priority)
{
    if (priority <= LOG_ERR)
        return "error: ";
    return priority == LOG_WARNING ? "warning: " : "";
}

static void to_stderr(int priority, const char *message)
{
    g_autoptr(GString) line = g_string_new(NULL);

    if (the_log.progress)
        g_string_append(line, "\r\x1b[K");
    if (the_log.stamp)
        append_timestamp(line);
    g_string_append_printf(line, "%s: %s%s\n", the_log.ident, priority_word(priority), message);
    if (the_log.progress)
        g_string_append(line, the_log.progress);
    write_stderr(line->str, line->len);
}

static gboolean to_journal(int priority, const LogAbout *about, const char *message)
{
    JournaldMessage m = {
        .priority = priority,
        .ident = the_log.ident,
        .client = about ? about->client : NULL,
        .dir = about ? about->dir : NULL,
        .message = message,
    };

    return the_log.journal >= 0 && journald_send(the_log.journal, &m);
}

G_GNUC_PRINTF(3, 0)
static void log_va(int priority, const LogAbout *about, const char *format, va_list args)
{
    int saved = errno;
    g_autofree char *text = NULL;
    g_autoptr(GString) message = NULL;

    if (priority >= LOG_DEBUG && !log_is_verbose())
        return;
    text = g_strdup_vprintf(format, args);
    message = g_string_new(NULL);
    if (about && about->client) {
        escape(about->client, message);
        g_string_append(message, ": ");
    }
    escape(text, message);

    g_mutex_lock(&the_log.lock);
    if (the_log.target == LOG_TO_SYSLOG)
        syslog(priority, "%s%s", priority_word(priority), message->str);
    else if (!to_journal(priority, about, message->str))
        to_stderr(priority, message->str);
    g_mutex_unlock(&the_log.lock);
    errno = saved;
}

void log_msg(int priority, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_va(priority, NULL, format, args);
    va_end(args);
}

void log_about(int priority, const LogAbout *about, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_va(priority, about, format, args);
    va_end(args);
}

gboolean log_has_progress(void)
{
    gboolean yes;

    g_mutex_lock(&the_log.lock);
    yes = the_log.opened && the_log.terminal && the_log.target == LOG_TO_STDERR;
    g_mutex_unlock(&the_log.lock);
    return yes;
}

/* The text, escaped and cut so that it does not wrap: a wrapped line cannot be erased. */
static char *progress_line(const char *text)
{
    struct winsize size;
    glong columns = 80;
    g_autoptr(GString) line = g_string_new(NULL);

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        columns = size.ws_col;
    escape(text, line);
    if (g_utf8_strlen(line->str, -1) >= columns)
        g_string_truncate(line,
                          (gsize)(g_utf8_offset_to_pointer(line->str, columns - 1) - line->str));
    return g_string_free(g_steal_pointer(&line), FALSE);
}

void log_progress(const char *text)
{
    if (!log_has_progress())
        return;
    g_mutex_lock(&the_log.lock);
    if (the_log.progress)
        write_stderr("\r\x1b[K", 4);
    g_clear_pointer(&the_log.progress, g_free);
    if (text && *text) {
        the_log.progress = progress_line(text);
        write_stderr(the_log.progress, strlen(the_log.progress));
    }
    g_mutex_unlock(&the_log.lock);
}

static void refill(LogLimit *limit, Mono now)
{
    Span passed = mono_diff(now, limit->refilled);

    if (limit->spent == 0 || limit->interval <= 0 || passed / limit->interval >= limit->spent) {
        limit->spent = 0;
        limit->refilled = now;
    } else if (passed >= limit->interval) {
        limit->spent -= (guint)(passed / limit->interval);
        limit->refilled = mono_add(limit->refilled, passed - passed % limit->interval);
    }
}

/* Costs no token: it comes with a message that did, or once in a refill. */
static void tell_suppressed(LogLimit *limit, Mono now)
{
    guint64 n = limit->suppressed;
    Span s = (mono_diff(now, limit->since) + SPAN_S(1) - 1) / SPAN_S(1);

    if (n == 0)
        return;
    limit->suppressed = 0;
    log_msg(limit->priority,
            "%" G_GUINT64_FORMAT " similar message%s suppressed in the last %" G_GINT64_FORMAT " s",
            n, n == 1 ? " was" : "s were", MAX(s, 1));
}

gboolean log_limit_spent(LogLimit *limit, Mono now, int priority)
{
    refill(limit, now);
    if (limit->spent < limit->burst)
        return FALSE;
    if (limit->suppressed++ == 0) {
        limit->since = now;
        limit->priority = priority;
    }
    return TRUE;
}

gboolean log_limited(LogLimit *limit, Mono now, int priority, const LogAbout *about,
                     const char *format, ...)
{
    va_list args;

    if (log_limit_spent(limit, now, priority))
        return FALSE;
    limit->spent++;
    tell_suppressed(limit, now);
    va_start(args, format);
    log_va(priority, about, format, args);
    va_end(args);
    return TRUE;
}

Mono log_limit_deadline(const LogLimit *limit)
{
    return limit->suppressed ? mono_add(limit->refilled, limit->interval) : MONO_NEVER;
}

void log_limit_tick(LogLimit *limit, Mono now)
{
    if (mono_before(now, log_limit_deadline(limit)))
        return;
    refill(limit, now);
    tell_suppressed(limit, now);
}
