/* dump_files_text.c - a dump's log and info.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dump_files_internal.h"

#include "core/text/escape.h"
#include "io/sys/log.h"

#define LOG_PENDING_MAX (1u << 20) /* bytes of console text that wait for a slow disk */

static int run_log(gpointer data)
{
    DumpWork *w = data;
    GError *error = NULL;
    int err = crashdir_append_log(w->files->dir, w->text, w->len, CRASHDIR_LOG_LIMIT, &error);

    if (err)
        dump_work_complain(w->files, error);
    return err;
}

static void done_log(gpointer data, int err);

void dump_files_push_text(DumpFiles *f)
{
    DumpWork *w;

    if (f->text->len == 0 || !f->is_open)
        return;
    w = dump_work_new(f);
    w->len = f->text->len;
    w->text = g_string_free(f->text, FALSE);
    f->text = g_string_new(NULL);
    f->log_jobs++;
    dump_work_push(f->queue, w, run_log, done_log, "write the log", w->len);
}

static void done_log(gpointer data, G_GNUC_UNUSED int err)
{
    DumpFiles *f = ((DumpWork *)data)->files;

    if (--f->log_jobs == 0)
        dump_files_push_text(f);
}

void dump_files_log_text(DumpFiles *files, const guint8 *text, gsize len)
{
    LogAbout about = {.client = files->host, .dir = dump_files_path(files)};
    gsize at = files->text->len;

    if (at > LOG_PENDING_MAX) {
        if (!files->log_dropped)
            log_about(LOG_WARNING, &about, "disk too slow, console text missing in the log");
        files->log_dropped = TRUE;
        return;
    }
    g_string_set_size(files->text, at + TEXT_ESCAPED_MAX(len) + 1);
    g_string_truncate(files->text, at + text_escape(text, len, files->text->str + at));
    /* One job at a time: masses of text, forged perhaps, must not cost the dump its disk. */
    if (files->log_jobs == 0)
        dump_files_push_text(files);
}

static int run_info(gpointer data)
{
    DumpWork *w = data;
    gsize n = w->pairs->len / 2;
    g_autofree CrashdirInfo *pairs = g_new(CrashdirInfo, n);
    GError *error = NULL;
    int err;

    for (gsize i = 0; i < n; i++)
        pairs[i] = (CrashdirInfo){w->pairs->pdata[2 * i], w->pairs->pdata[2 * i + 1]};
    err = crashdir_write_info(w->files->dir, pairs, n, &error);
    if (err)
        dump_work_complain(w->files, error);
    return err;
}

static void done_info(gpointer data, G_GNUC_UNUSED int err)
{
    DumpFiles *f = ((DumpWork *)data)->files;

    if (--f->info_pending == 0)
        dump_files_push_last(f);
}

void dump_files_info(DumpFiles *files, const ClientEntry *entry)
{
    DumpFacts facts = dump_files_facts(files);
    DumpWork *w;

    if (!files->is_open)
        return;
    w = dump_work_new(files);
    w->pairs = report_info(files->shared->report, entry, &facts);
    files->info_pending++;
    dump_work_push(files->queue, w, run_info, done_info, "write info", 0);
}
