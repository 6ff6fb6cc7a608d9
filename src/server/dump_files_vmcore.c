/* dump_files_vmcore.c - a dump's file: opened or resumed, written, finished.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dump_files_internal.h"

#include "core/base/limits.h"

#include <errno.h>

static void tell_file(DumpFiles *f, int err, gboolean resumed)
{
    dump_files_tell(f, (Event){.kind = EVENT_FILE, .err = err, .ok = resumed});
}

/* A VmcoreTell. */
static void on_vmcore(gpointer user, guint32 client, const Event *event)
{
    executor_tell(user, client, event);
}

/* -- opening ----------------------------------------------------------------------------------- */

static void done_lost(gpointer data, int err)
{
    DumpFiles *f = ((DumpWork *)data)->files;

    if (f->closed)
        return;
    if (!err)
        vmcore_create(f->vmcore, TRUE);
    /* From here on the session's record is that of the new file. */
    f->file_lost = err != 0;
    tell_file(f, err, FALSE);
}

static void on_opened(gpointer user, GError *error)
{
    DumpFiles *f = user;
    gboolean lost = f->file_lost;

    if (!error) {
        f->file_lost = FALSE;
        tell_file(f, 0, !lost);
    } else if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_EXIST)) {
        g_error_free(error);
        tell_file(f, EEXIST, FALSE);
    } else {
        dump_work_complain(f, error);
        f->file_lost = TRUE;
        dump_files_journal_lost(f, done_lost);
    }
}

/* NULL if the file has no header. */
static guint8 *header_of(const Session *session, gboolean partial)
{
    guint32 size = session->facts.file.header_size;
    guint8 *header;

    if (size == 0)
        return NULL;
    header = g_malloc0(size);
    session->ops->header(session, partial, header);
    return header;
}

static Vmcore *new_vmcore(DumpFiles *f, const Session *session, GError **error)
{
    g_autofree guint8 *partial = header_of(session, TRUE);
    g_autofree guint8 *whole = header_of(session, FALSE);
    VmcoreSpec spec = {
        .file = session->facts.file,
        .partial = partial,
        .whole = whole,
        .tell = on_vmcore,
        .user = f->shared->executor,
        .client = f->id,
    };

    return vmcore_new(f->shared->pool, f->queue, crashdir_fd(f->dir), crashdir_path(f->dir), &spec,
                      error);
}

void dump_files_open_file(DumpFiles *files, const Session *session, gboolean resume)
{
    GError *error = NULL;

    if (!files->is_open || files->vmcore || session->facts.file.header_size > LIMIT_HEADER) {
        tell_file(files, EINVAL, FALSE);
        return;
    }
    files->session = session;
    files->vmcore = new_vmcore(files, session, &error);
    if (!files->vmcore) {
        dump_work_complain(files, error);
        tell_file(files, EMFILE, FALSE);
    } else if (resume) {
        vmcore_open(files->vmcore, on_opened, files);
    } else {
        vmcore_create(files->vmcore, FALSE);
        tell_file(files, 0, FALSE);
    }
}

/* -- writing ----------------------------------------------------------------------------------- */

gboolean dump_files_store(DumpFiles *files, guint64 offset, const guint8 *data, gsize len,
                          gboolean last, guint32 cookie)
{
    return vmcore_put(files->vmcore, offset, data, len, last, cookie);
}

void dump_files_flush(DumpFiles *files)
{
    vmcore_flush(files->vmcore);
}

void dump_files_retry(DumpFiles *files)
{
    work_queue_retry(files->queue);
}

void dump_files_finish(DumpFiles *files, gboolean whole)
{
    if (whole)
        vmcore_finish_whole(files->vmcore);
    else
        vmcore_finish_partial(files->vmcore);
}
