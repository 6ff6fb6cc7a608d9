/* report.c - what an administrator reads of a client: log messages, `info`, progress.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/report.h"

#include "core/text/escape.h"
#include "io/sys/local_time.h"

#include <inttypes.h>

/* What one report is made of. */
typedef struct {
    const ReportWorld *world;
    const ClientEntry *entry;
    const SessionFacts *facts;
    const DumpFacts *files;
} Report;

static gboolean is_set(Mono time)
{
    return time.us != MONO_NEVER.us;
}

/* Pages of zeros are holes, and as good as stored. */
static guint64 bytes_stored(const SessionFacts *f)
{
    return f->bytes_before + f->counters.bytes_new;
}

/* Seconds from the first request for memory to the last page stored, 0 = no page yet. */
static gdouble transfer_seconds(const SessionFacts *f)
{
    if (!is_set(f->first_request) || !is_set(f->last_stored))
        return 0;
    return (gdouble)mono_diff(f->last_stored, f->first_request) / 1e6;
}

guint64 report_pages(const SessionFacts *f, guint64 bytes)
{
    return f->file.page_size > 0 ? bytes / f->file.page_size : 0;
}

gdouble report_rate(const SessionFacts *f, Mono now)
{
    gdouble us = is_set(f->first_request) ? (gdouble)mono_diff(now, f->first_request) : 0;

    return us > 0 ? (gdouble)(f->counters.bytes_new + f->counters.bytes_skipped) * 1e6 / us : 0;
}

guint64 report_seconds_left(const SessionFacts *f, Mono now)
{
    gdouble rate = report_rate(f, now);

    if (f->phase != PHASE_TRANSFERRING || rate <= 0 || f->bytes_total < f->bytes_done)
        return G_MAXUINT64;
    return (guint64)((gdouble)(f->bytes_total - f->bytes_done) / rate);
}

/* "12 of 100 pages"; without "of" if the client did not say how many there are. */
static char *progress_text(const SessionFacts *f)
{
    guint64 done = report_pages(f, f->bytes_done), total = report_pages(f, f->bytes_total);

    return total > 0 ? g_strdup_printf("%" PRIu64 " of %" PRIu64 " pages", done, total)
                     : g_strdup_printf("%" PRIu64 " pages", done);
}

/* -- notes ------------------------------------------------------------------------------------- */

static void say(const Report *r, int priority, const char *text)
{
    LogAbout about = {.client = r->entry->host, .dir = r->files->path};

    log_about(priority, &about, "%s", text);
}

static void say_freed(const Report *r, int priority, char *text)
{
    say(r, priority, text);
    g_free(text);
}

static void say_crashed(const Report *r)
{
    const SessionFacts *f = r->facts;
    g_autofree char *size = text_size(f->bytes_total);

    say_freed(r, LOG_NOTICE,
              g_strdup_printf("crashed: %s%s%s%s, port %u", f->system,
                              f->bytes_total > 0 ? ", " : "", f->bytes_total > 0 ? size : "",
                              f->bytes_total > 0 ? " of memory" : "", r->entry->peer.port));
}

static void say_no_space(const Report *r)
{
    g_autofree char *need = text_size(r->files->space_needed);
    g_autofree char *usable = text_size(r->files->space_usable);

    say_freed(r, LOG_WARNING,
              g_strdup_printf("not enough space: dump needs %s, only %s usable; remove old dumps, "
                              "lower min_free, or use the hook netdump-nospace",
                              need, usable));
}

static void say_complete(const Report *r)
{
    const SessionFacts *f = r->facts;
    g_autofree char *size = text_size(bytes_stored(f));
    gdouble seconds = transfer_seconds(f);
    gdouble rate = seconds > 0 ? (gdouble)f->counters.bytes_new / seconds : 0;

    say_freed(r, LOG_NOTICE,
              g_strdup_printf("dump complete: %s in %.1f s (%.1f MB/s), %" PRIu64
                              " pages retransmitted, saved as %s/vmcore",
                              size, seconds, rate / 1e6, f->counters.retransmitted,
                              r->files->path));
}

/* What can be done about it; "" if nothing but reading on helps. */
static char *advice(const Report *r)
{
    const SessionFacts *f = r->facts;
    const Config *config = r->world->config;

    switch (f->reason) {
    case REASON_OVER_LIMIT:
        return g_strdup_printf(" (%u; raise it if disk and network allow)",
                               config->max_concurrent_dumps);
    case REASON_DISK:
        return g_strdup_printf(" (%s)", g_strerror(f->disk_errno));
    case REASON_SILENT:
        return g_strdup_printf(" for %u s (reset, or network down)", config->client_timeout);
    case REASON_SLOW:
        return g_strdup_printf(" (below 1 page/s, or no first reply, for %u s)",
                               5 * config->client_timeout);
    case REASON_MACHINE:
        return g_strdup_printf(" (%s)", f->system);
    case REASON_PAGE_SIZE:
        return g_strdup_printf(" (%u)", f->file.page_size);
    case REASON_UNREACHABLE:
        return g_strdup("; check the UDP path, then reset the client");
    default:
        return g_strdup("");
    }
}

static void say_ended(const Report *r)
{
    const SessionFacts *f = r->facts;
    const char *reason = session_reason_text(f->reason);
    g_autofree char *more = advice(r);
    g_autofree char *progress = progress_text(f);

    if (f->result == RESULT_COMPLETE)
        say_complete(r);
    else if (f->result == RESULT_INCOMPLETE)
        say_freed(r, LOG_ERR,
                  g_strdup_printf(
                      "dump incomplete after %s: %s%s; partial dump saved as %s/vmcore-incomplete",
                      progress, reason, more, r->files->path));
    else if (f->reason == REASON_UNREACHABLE)
        log_limited(r->world->limit, *r->world->now, LOG_WARNING,
                    &(LogAbout){.client = r->entry->host}, "START received, but %s%s", reason,
                    more);
    else
        say_freed(r, LOG_WARNING,
                  g_strdup_printf("crash not dumped: %s%s; console log saved", reason, more));
}

static void say_rebooted(const Report *r)
{
    if (r->facts->reason == REASON_SILENT)
        say(r, LOG_WARNING, "reboot sent to an unresponsive client; check it manually");
    else
        say(r, LOG_NOTICE, "rebooting");
}

static void say_dumping(const Report *r)
{
    say_freed(r, LOG_NOTICE, g_strdup_printf("dumping to %s", r->files->path));
}

static void say_resumed(const Report *r)
{
    const SessionFacts *f = r->facts;

    say_freed(r, LOG_NOTICE,
              g_strdup_printf("resuming dump at page %" PRIu64 " of %" PRIu64 " in %s",
                              report_pages(f, f->bytes_done), report_pages(f, f->bytes_total),
                              r->files->path));
}

static void say_disk_failed(const Report *r)
{
    say_freed(r, LOG_ERR,
              g_strdup_printf("disk write failed: %s", g_strerror(r->facts->disk_errno)));
}

static void say_no_magic(const Report *r)
{
    log_limited(r->world->limit, *r->world->now, LOG_WARNING, &(LogAbout){.client = r->entry->host},
                "dump refused (secure=1): no magic on file: %s/magic/%s: %s",
                r->world->config->dumpdir, r->entry->host, g_strerror(r->facts->disk_errno));
}

static void say_wrong_magic(const Report *r)
{
    log_limited(r->world->limit, *r->world->now, LOG_WARNING, &(LogAbout){.client = r->entry->host},
                "dump refused (secure=1): magic does not match %s/magic/%s",
                r->world->config->dumpdir, r->entry->host);
}

/* A text, or a function if there is more to say. */
static const struct {
    int priority;
    const char *text;
    void (*say)(const Report *r);
} notes[NOTE_N] = {
    [NOTE_CRASHED] = {.say = say_crashed},
    [NOTE_DUMPING] = {.say = say_dumping},
    [NOTE_RESUMED] = {.say = say_resumed},
    [NOTE_NO_SPACE] = {.say = say_no_space},
    [NOTE_DISK_FAILED] = {.say = say_disk_failed},
    [NOTE_RETRYING] = {LOG_NOTICE, "retrying (netdump-nospace exited non-zero)", NULL},
    [NOTE_TRANSFERRED] = {LOG_INFO, "all pages received, syncing", NULL},
    [NOTE_ENDED] = {.say = say_ended},
    [NOTE_REBOOTED] = {.say = say_rebooted},
    [NOTE_REBOOT_REFUSED] =
        {LOG_ERR, "no sign of a reboot after the last request; check it, reset it manually", NULL},
    [NOTE_STARTS_IGNORED] = {LOG_WARNING, "ignored duplicate START (late or spoofed)", NULL},
    [NOTE_NO_MAGIC] = {.say = say_no_magic},
    [NOTE_WRONG_MAGIC] = {.say = say_wrong_magic},
};

void report_note(const ReportWorld *world, const ClientEntry *entry, const DumpFacts *files,
                 SessionNote note)
{
    const Report r = {world, entry, &entry->session->facts, files};

    if (notes[note].say)
        notes[note].say(&r);
    else
        say(&r, notes[note].priority, notes[note].text);
}

/* -- info -------------------------------------------------------------------------------------- */

/* Takes the value. */
static void add(GPtrArray *pairs, const char *key, char *value)
{
    g_ptr_array_add(pairs, g_strdup(key));
    g_ptr_array_add(pairs, value);
}

static void add_number(GPtrArray *pairs, const char *key, guint64 value)
{
    add(pairs, key, g_strdup_printf("%" PRIu64, value));
}

/* Local time, as in the directory's name, with its distance from UTC. */
static void add_time(GPtrArray *pairs, const char *key, gint64 wall)
{
    char text[LOCAL_TIME_LEN];

    add(pairs, key,
        local_time_format(wall / G_USEC_PER_SEC, ' ', TRUE, text) ? g_strdup(text) : NULL);
}

/* A SessionDescribe. */
static void add_described(gpointer pairs, const char *key, const char *value)
{
    add(pairs, key, g_strdup(value));
}

static void add_course(GPtrArray *pairs, const Report *r)
{
    const SessionFacts *f = r->facts;
    const SessionCounters *c = &f->counters;
    gint64 started = r->files->started, now = *r->world->wall;

    add_time(pairs, "start", started);
    add_time(pairs, "end", now);
    add(pairs, "seconds", g_strdup_printf("%.3f", (gdouble)MAX(now - started, 0) / G_USEC_PER_SEC));
    add(pairs, "transfer_seconds", g_strdup_printf("%.3f", transfer_seconds(f)));
    add_number(pairs, "pages_stored", report_pages(f, bytes_stored(f)));
    add_number(pairs, "bytes", bytes_stored(f));
    /* Those that came, and those that the client only named. */
    add_number(pairs, "zero_pages", r->files->zero_pages + report_pages(f, c->bytes_zero));
    add_number(pairs, "bytes_written", r->files->bytes_written);
    add_number(pairs, "retransmissions", c->requests_repeated + c->retransmitted);
    add_number(pairs, "retransmitted_pages", c->retransmitted);
    add_number(pairs, "timeouts", c->timeouts);
    add_number(pairs, "duplicate_bytes", c->duplicate_bytes);
    add_number(pairs, "socket_drops", r->files->socket_drops);
    add(pairs, "resumed", f->resumed ? g_strdup("yes") : NULL);
    add(pairs, "result", g_strdup(session_result_name(f->result)));
    if (f->reason != REASON_NONE) {
        g_autofree char *more = advice(r);

        add(pairs, "reason", g_strconcat(session_reason_text(f->reason), more, NULL));
    }
}

GPtrArray *report_info(const ReportWorld *world, const ClientEntry *entry, const DumpFacts *files)
{
    const Report r = {world, entry, &entry->session->facts, files};
    GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);

    add(pairs, "client", g_strdup(entry->host));
    add_number(pairs, "port", entry->peer.port);
    entry->session->ops->describe(entry->session, add_described, pairs);
    add_course(pairs, &r);
    return pairs;
}

/* -- progress ---------------------------------------------------------------------------------- */

char *report_line(const ClientEntry *entry, Mono now)
{
    const SessionFacts *f = &entry->session->facts;
    guint64 left = report_seconds_left(f, now);
    g_autofree char *progress = progress_text(f);
    GString *line = g_string_new(NULL);

    g_string_printf(line, "%s: %s", entry->host, f->state);
    if (f->bytes_done > 0 || f->bytes_total > 0)
        g_string_append_printf(line, ", %s", progress);
    if (f->bytes_total > 0)
        g_string_append_printf(line, " (%.0f %%)",
                               100.0 * (gdouble)f->bytes_done / (gdouble)f->bytes_total);
    if (left != G_MAXUINT64)
        g_string_append_printf(line, ", %.1f MB/s, %" PRIu64 " s left", report_rate(f, now) / 1e6,
                               left);
    g_string_append_printf(line, ", %" PRIu64 " pages retransmitted", f->counters.retransmitted);
    return g_string_free(line, FALSE);
}
