/* report.c - what an administrator reads of a client: log messages, `info`, progress.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/report.h"

#include "core/text/escape.h"
#include "io/sys/log.h"

#include <inttypes.h>

/* Pages of zeros are holes, and as good as stored. */
static guint64 pages_stored(const SessionFacts *f)
{
    return f->stored_before + f->pages.stored + f->pages.zero;
}

guint64 report_pages_done(const SessionFacts *f)
{
    guint64 done = pages_stored(f) + f->pages.reserved;

    /* Holes that a former server passed are not counted: the floor knows of them. */
    return f->transferred ? f->nr_pages : CLAMP(done, f->floor_written, f->nr_pages);
}

/* Seconds from the first page request to the last page stored, 0 = no page yet. */
static gdouble transfer_seconds(const Report *r)
{
    const SessionFacts *f = r->facts;

    if (f->first_request.us == G_MAXINT64 || f->last_stored.us == G_MAXINT64)
        return 0;
    return (gdouble)mono_diff(f->last_stored, f->first_request) / 1e6;
}

gdouble report_rate(const Report *r)
{
    const SessionFacts *f = r->facts;
    gdouble us =
        f->first_request.us == G_MAXINT64 ? 0 : (gdouble)mono_diff(r->now, f->first_request);

    return us > 0 ? (gdouble)(f->pages.stored + f->pages.zero + f->pages.reserved) * 1e6 / us : 0;
}

/* -- notes --------------------------------------------------------------------------------------
 */

static void say(const Report *r, int priority, const char *text)
{
    LogAbout about = {.client = r->entry->host, .dir = r->files ? dump_files_path(r->files) : NULL};

    log_about(priority, &about, "%s", text);
}

static void say_freed(const Report *r, int priority, char *text)
{
    say(r, priority, text);
    g_free(text);
}

/* "x86_64", and where it is known "x86_64, Linux 6.1.0-1-amd64". */
static char *machine_text(const SessionFacts *f)
{
    char release[KERNEL_INFO_RELEASE_MAX] = "";

    if (f->kernel)
        kernel_info_release(f->kernel, release);
    return g_strconcat(wire_machine_name(f->start.machine), *release ? ", Linux " : "", release,
                       NULL);
}

static void say_crashed(const Report *r)
{
    const SessionFacts *f = r->facts;
    g_autofree char *size = text_size((guint64)f->ram_pages * f->page_size);
    g_autofree char *machine = machine_text(f);

    say_freed(r, LOG_NOTICE,
              g_strdup_printf("crashed: %s, %s of memory (%u pages of %u bytes up to pfn %u); "
                              "protocol version %u, port %u",
                              machine, size, f->ram_pages, f->page_size,
                              f->nr_pages ? f->nr_pages - 1 : 0, f->version, r->entry->peer.port));
}

static void say_no_space(const Report *r)
{
    DumpdirSpace space;
    guint64 need;
    g_autofree char *need_text = NULL, *usable_text = NULL;

    dump_files_space_seen(r->files, &need, &space);
    need_text = text_size(need);
    usable_text = text_size(space.usable);
    say_freed(r, LOG_WARNING,
              g_strdup_printf("its dump needs %s, but only %s can be used; remove old dumps, lower "
                              "min_free, or let the script netdump-nospace make room",
                              need_text, usable_text));
}

static void say_complete(const Report *r)
{
    const SessionFacts *f = r->facts;
    g_autofree char *size = text_size(pages_stored(f) * f->page_size);
    gdouble seconds = transfer_seconds(r);
    gdouble rate = seconds > 0 ? (gdouble)(f->pages.stored + f->pages.zero) / seconds : 0;

    say_freed(r, LOG_NOTICE,
              g_strdup_printf("dump complete: %s in %.1f s (%.1f MB/s), %" PRIu64
                              " pages asked again; it is %s/vmcore",
                              size, seconds, rate * f->page_size / 1e6, f->pages.retransmitted,
                              dump_files_path(r->files)));
}

/* What can be done about it; "" where nothing but reading on helps. */
static char *advice(const Report *r)
{
    const SessionFacts *f = r->facts;

    switch (f->reason) {
    case REASON_OVER_LIMIT:
        return g_strdup_printf(" (%u of them); a greater max_concurrent_dumps would take it",
                               r->max_dumps);
    case REASON_DISK:
        return g_strdup_printf(" (%s)", g_strerror(f->disk_errno));
    case REASON_SILENT:
        return g_strdup_printf(" for %u s; it may have been reset, or the network is down",
                               r->client_timeout);
    case REASON_SLOW:
        return g_strdup_printf(" (in %u s it should bring a page a second, or its first answers)",
                               5 * r->client_timeout);
    case REASON_MACHINE:
        return g_strdup_printf(" (ELF machine %u)", f->start.machine);
    case REASON_PAGE_SIZE:
        return g_strdup_printf(" (%u)", f->page_size);
    case REASON_UNREACHABLE:
        return g_strdup("; see to it that UDP from this server's port gets through to it, then "
                        "reset it: it waits for ever");
    default:
        return g_strdup("");
    }
}

static void say_ended(const Report *r)
{
    const SessionFacts *f = r->facts;
    g_autofree char *more = NULL;

    if (f->result == RESULT_COMPLETE) {
        say_complete(r);
        return;
    }
    more = advice(r);
    if (f->result == RESULT_INCOMPLETE)
        say_freed(r, LOG_ERR,
                  g_strdup_printf("dump incomplete after %" PRIu64 " of %u pages: %s%s; what there "
                                  "is of it is %s/vmcore-incomplete",
                                  report_pages_done(f), f->nr_pages, session_reason_text(f->reason),
                                  more, dump_files_path(r->files)));
    else if (f->reason == REASON_UNREACHABLE)
        log_limited(r->limit, r->now, LOG_WARNING, &(LogAbout){.client = r->entry->host},
                    "says that it crashed, but %s%s", session_reason_text(f->reason), more);
    else
        say_freed(r, LOG_WARNING,
                  g_strdup_printf("crashed and is not dumped: %s%s; only its log is kept",
                                  session_reason_text(f->reason), more));
}

static void say_rebooted(const Report *r)
{
    if (r->facts->reason == REASON_SILENT)
        say(r, LOG_WARNING, "told to reboot, but it had gone silent before: look after it");
    else
        say(r, LOG_NOTICE, "told to reboot, and is no longer listening: it reboots");
}

static void say_dumping(const Report *r, const char *how)
{
    say_freed(r, LOG_NOTICE, g_strdup_printf("%s in %s", how, dump_files_path(r->files)));
}

void report_note(const Report *r, SessionNote note)
{
    switch (note) {
    case NOTE_CRASHED:
        say_crashed(r);
        break;
    case NOTE_DUMPING:
        say_dumping(r, "dumping");
        break;
    case NOTE_RESUMED:
        say_freed(r, LOG_NOTICE,
                  g_strdup_printf(
                      "still waits for us: going on with its dump at page %u of %u in %s",
                      r->facts->floor_written, r->facts->nr_pages, dump_files_path(r->files)));
        break;
    case NOTE_NO_SPACE:
        say_no_space(r);
        break;
    case NOTE_DISK_FAILED:
        say_freed(
            r, LOG_ERR,
            g_strdup_printf("its dump can't be stored: %s", g_strerror(r->facts->disk_errno)));
        break;
    case NOTE_ONCE_MORE:
        say(r, LOG_NOTICE, "trying once more, as netdump-nospace says");
        break;
    case NOTE_TRANSFERRED:
        say(r, LOG_INFO, "all pages are here; bringing them to the disk");
        break;
    case NOTE_ENDED:
        say_ended(r);
        break;
    case NOTE_REBOOTED:
        say_rebooted(r);
        break;
    case NOTE_REBOOT_REFUSED:
        say(r, LOG_ERR, "does not reboot although it was told so many times: reset it by hand");
        break;
    case NOTE_STARTS_IGNORED:
        say(r, LOG_WARNING,
            "said again that it crashed, but goes on with its dump: that was late "
            "or forged, and is ignored");
        break;
    }
}

/* -- info ---------------------------------------------------------------------------------------
 */

#define INFO_MAX 32

typedef struct {
    CrashdirInfo pairs[INFO_MAX];
    gsize n;
} Info;

/* Takes the value; NULL leaves the pair out. */
static void add(Info *info, const char *key, char *value)
{
    g_assert(info->n < INFO_MAX);
    info->pairs[info->n++] = (CrashdirInfo){key, value};
}

static void add_number(Info *info, const char *key, guint64 value)
{
    add(info, key, g_strdup_printf("%" PRIu64, value));
}

static void add_hex(Info *info, const char *key, guint64 value)
{
    add(info, key, value ? g_strdup_printf("0x%" PRIx64, value) : NULL);
}

/* Local time, as in the directory's name, with its distance from UTC. */
static void add_time(Info *info, const char *key, gint64 wall)
{
    g_autoptr(GDateTime) t = g_date_time_new_from_unix_local(wall / G_USEC_PER_SEC);

    add(info, key, t ? g_date_time_format(t, "%Y-%m-%d %H:%M:%S %z") : NULL);
}

static void add_machine(Info *info, const Report *r)
{
    const SessionFacts *f = r->facts;

    add(info, "client", g_strdup(r->entry->host));
    add_number(info, "port", r->entry->peer.port);
    add_number(info, "version", f->version);
    add(info, "machine", g_strdup(wire_machine_name(f->start.machine)));
    if (f->kernel) {
        char release[KERNEL_INFO_RELEASE_MAX];

        kernel_info_release(f->kernel, release);
        add(info, "release", *release ? g_strdup(release) : NULL);
    }
    add_number(info, "page_size", f->page_size);
    add_number(info, "pages", f->nr_pages);
    add_number(info, "ram_pages", f->ram_pages);
    add_number(info, "registers", f->regs_len);
    add_hex(info, "page_offset", f->start.page_offset);
    add_hex(info, "task", f->start.task);
    add_hex(info, "magic", f->start.magic);
}

/* Zero pages: those that came, and those that the machine only named. */
static void add_file(Info *info, const Report *r)
{
    VmcoreStats stats = {0};

    if (dump_files_vmcore(r->files))
        vmcore_stats(dump_files_vmcore(r->files), &stats);
    add_number(info, "zero_pages", stats.zero_pages + r->facts->pages.zero);
    add_number(info, "bytes_written", stats.bytes_written);
}

static void add_course(Info *info, const Report *r)
{
    const SessionFacts *f = r->facts;
    gint64 started = dump_files_started(r->files);
    guint64 stored = pages_stored(f);

    add_time(info, "start", started);
    add_time(info, "end", r->wall);
    add(info, "seconds",
        g_strdup_printf("%.3f", (gdouble)MAX(r->wall - started, 0) / G_USEC_PER_SEC));
    add(info, "transfer_seconds", g_strdup_printf("%.3f", transfer_seconds(r)));
    add_number(info, "pages_stored", stored);
    add_number(info, "bytes", stored * f->page_size);
    add_file(info, r);
    add_number(info, "retransmissions", f->asked_again + f->pages.retransmitted);
    add_number(info, "retransmitted_pages", f->pages.retransmitted);
    add_number(info, "timeouts", f->pages.timeouts);
    add_number(info, "duplicate_bytes", f->pages.duplicate_bytes);
    add_number(info, "socket_drops", r->socket_drops);
    add(info, "resumed", f->resumed ? g_strdup("yes") : NULL);
    add(info, "result", g_strdup(session_result_name(f->result)));
    if (f->reason != REASON_NONE) {
        g_autofree char *more = advice(r);

        add(info, "reason", g_strconcat(session_reason_text(f->reason), more, NULL));
    }
}

void report_info(const Report *r)
{
    Info info = {0};

    add_machine(&info, r);
    add_course(&info, r);
    dump_files_write_info(r->files, info.pairs, info.n);
    for (gsize i = 0; i < info.n; i++)
        g_free((gpointer)(gintptr)info.pairs[i].value);
}

/* -- progress -----------------------------------------------------------------------------------
 */

char *report_line(const Report *r)
{
    const SessionFacts *f = r->facts;
    guint64 done = report_pages_done(f);
    gdouble rate = report_rate(r);
    GString *line = g_string_new(NULL);

    g_string_printf(line, "%s: %s", r->entry->host, session_state_name(f->state));
    if (f->nr_pages > 0)
        g_string_append_printf(line, ", %" PRIu64 " of %u pages (%.0f %%)", done, f->nr_pages,
                               100.0 * (gdouble)done / f->nr_pages);
    if (f->state == SESSION_DUMPING && rate > 0)
        g_string_append_printf(line, ", %.1f MB/s, %.0f s left", rate * f->page_size / 1e6,
                               (gdouble)(f->nr_pages - done) / rate);
    g_string_append_printf(line, ", %" PRIu64 " pages asked again", f->pages.retransmitted);
    return g_string_free(line, FALSE);
}
