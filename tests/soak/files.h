/* files.h - the effects that concern a client's files: see server/effects.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/disk.h"

#include <string.h>

/* As the journal and the record of pending clients hold it: common fields and the session's. */
Record files_record(World *w, const NetAddr *client, const NetAddr *local, const Session *session);

DumpFiles *files_adopt(World *w, Model *model, Dump *dump); /* of a previous instance */
void files_info_written(World *w, DumpFiles *files); /* a record that waited for it is written */
void files_opened(World *w, DumpFiles *files, const Job *job, int err);
void files_lost(World *w, DumpFiles *files, int err); /* the journal says so */

DumpFiles *files_new(gpointer world, const ClientEntry *entry);
void files_open_dir(DumpFiles *files);
void files_check_space(DumpFiles *files, guint64 bytes);
void files_open_file(DumpFiles *files, const Session *session, gboolean resume);
gboolean files_store(DumpFiles *files, guint64 offset, const guint8 *data, gsize len, gboolean last,
                     guint32 cookie);
void files_flush(DumpFiles *files);
void files_retry(DumpFiles *files);
void files_finish(DumpFiles *files, gboolean whole);
void files_journal(DumpFiles *files, const Session *session, gboolean sync, gboolean after_info);
void files_info(DumpFiles *files, const ClientEntry *entry);
void files_log_text(DumpFiles *files, const guint8 *text, gsize len);
void files_close(DumpFiles *files, gboolean keep);
