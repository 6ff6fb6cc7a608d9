/* session_step.h - what the states of a netdump session have in common.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/session_internal.h"

/* -- session_step.c: actions and requests ------------------------------------------------------ */

void session_emit(Step *s, Action action);
void session_emit_kind(Step *s, ActionKind kind);
void session_note(Step *s, SessionNote note);
void session_run_hook(Step *s, SessionHook hook);
void session_info(Step *s); /* if there is a directory, like the next one */
void session_journal(Step *s, gboolean sync);

void session_send(Step *s, WireCommand command, guint32 nr, guint32 from, guint32 to);
void session_request(Step *s, WireCommand command, guint32 from, guint32 to); /* until a reply */
void session_resend(Step *s, WireCommand command); /* the open request, once more */

/* A reply with an nr that only the client can know. */
void session_heard(Step *s, const WireMessage *m);

/* TRUE if it is the reply to the open request of its kind, which is closed then. */
gboolean session_answered(Step *s, const WireMessage *m);
void session_on_reply(Step *s, const WireMessage *m); /* the same, for states that need no more */

gboolean session_awaits_reply(const Netdump *n);
guint64 session_pages_done(const Netdump *n); /* stored, or nothing to store */
void session_enter(Step *s, NetdumpState state);
void session_measure(Step *s); /* from now on: is it too slow? */

/* -- session_patience.c: clients that are silent or slow ----------------------------------------
 */

/* When a client of which a reply is awaited is given up. */
Mono session_patience(const Netdump *n);

/* FALSE if that was the end of it: `silence` is the reason if nothing came at all. */
gboolean session_check_patience(Step *s, SessionReason silence);

/* StateOps.on_start in the middle of a dump. */
void session_probe_restart(Step *s, const WireStart *start);

/* -- session_facts.c: what is known of it ------------------------------------------------------ */

void session_identify(Netdump *n);  /* which START is true, or the kernel, is known now */
void session_plan_file(Netdump *n); /* what the file takes: all that it depends on is known */
void session_publish(Netdump *n);   /* SessionFacts, after each step */
void session_header(const Session *base, gboolean partial, guint8 *out);
void session_describe(const Session *base, SessionDescribe fn, gpointer user);

/* -- session_record.c -------------------------------------------------------------------------- */

void session_record(const Session *base, TaggedWriter *out);
const char *session_read_record(Netdump *n, const SessionRemains *remains); /* NULL on success */

/* -- to other states, each in the file of the state ----------------------------------------------
 */

void session_begin_asking(Step *s); /* the client has proved that it is there */
void session_begin_preparing(Step *s);
void session_begin_dumping(Step *s); /* the first page */
void session_begin_ending(Step *s);
void session_begin_reboot(Step *s);
void session_close(Step *s, gboolean keep);
void session_give_up(Step *s, SessionReason reason);
void session_finish(Step *s, gboolean whole); /* the file */
void session_finished(Step *s, int err);      /* EVENT_FINISHED */
void session_recrashed(Step *s);

void session_open_file(Step *s, gboolean resume);
gboolean session_file_opened(Step *s, const Event *event); /* FALSE if that is the end of it */

/* A write failed in the state `from`; when it has been retried, `again` is called there. */
void session_stall(Step *s, int err, gboolean lost, NetdumpState from, void (*again)(Step *s));
gboolean session_may_retry(Step *s, const Event *hook); /* TRUE: EVENT_HOOK of nospace says so */
