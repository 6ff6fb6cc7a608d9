/* check.h - what must hold in a world: in each step, at each effect, and at the end.
 *
 * Each of these fails the run if it does not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/disk.h"
#include "soak/server.h"

/* -- check.c: steps ---------------------------------------------------------------------------- */
void check_event(World *w, Model *model, const Event *event); /* before the step */
void check_step(World *w, Model *model, Session *session, const Event *event,
                const GArray *actions); /* before the actions are carried out */
void check_request(World *w, Model *model, const guint8 *bytes, gsize len);
void check_hook(World *w, Model *model, const ClientEntry *entry, SessionHook hook);
void check_text(World *w, const guint8 *text, gsize len); /* part of the datagram in work */
void check_received(World *w, gboolean valid, gboolean text);
void check_slots(World *w); /* are counted right */
void check_slot_given(World *w, guint32 id);

/* -- check_disk.c: files ----------------------------------------------------------------------- */
void check_dir(World *w, const DumpFiles *files, const char *action);  /* it is there */
void check_file(World *w, const DumpFiles *files, const char *action); /* it is open */
void check_open_file(World *w, const DumpFiles *files, const Session *session);
void check_store(World *w, const DumpFiles *files, guint64 offset, const guint8 *data, gsize len,
                 guint32 *index, guint64 *mask);
void check_journal(World *w, const DumpFiles *files, const Session *session, const Record *record,
                   gboolean after_info);
void check_describe(World *w, const Session *session);
void check_reader(World *w, const Record *record, TaggedReader *reader);
void check_record(World *w, const Dump *dump, const Record *record); /* what is done is there */
void check_whole(World *w, const Dump *dump); /* each page is as the client has it */

/* -- check_end.c ------------------------------------------------------------------------------- */
void check_ended(World *w, const Model *model, const SessionFacts *facts);
void check_close(World *w, const Model *model, const Session *session, gboolean keep);
void check_files_closed(World *w); /* of sessions that are */
void check_known(World *w);        /* to the next instance: all that had an ACK */
void check_resumed(World *w, const Model *model, Dump *dump);
void check_end(World *w);
void check_stuck(World *w) G_GNUC_NORETURN;
