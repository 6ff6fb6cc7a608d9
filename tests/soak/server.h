/* server.h - the server of a world: the daemon's own executor, dispatch and clients, with effects
 * of the world's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/disk.h"
#include "soak/link.h"

/* What the world knows of a session. */
struct Model {
    guint32 id;
    Kernel *kernel;
    Crash *crash;          /* that it is about, as far as is known; NULL: a stranger says so */
    Crash *regs_of;        /* that has sent its registers last */
    const Crash *start_of; /* whose START came last; NULL: a stranger's */
    Crash *answered;       /* that told its page size last */
    DumpFiles *files;      /* NULL before OPEN_DIR */
    gsize start_len;       /* bytes of the last START */
    gboolean forged;       /* a START came that was not its own */
    gboolean restored;     /* it was known to a previous instance ... */
    gboolean had_dir;      /* ... which had made a directory */
    gboolean recorded, record_failed;
    guint starts;        /* that it got */
    gboolean magic_told; /* and it was the client's */
    gboolean ack_sent;   /* by this instance or a previous one */
    gboolean ended;      /* its result was told */
    gboolean closed;
    gboolean running[SESSION_HOOK_N];
    guint hooks[SESSION_HOOK_N]; /* how often each was run */
    SessionPhase phase;          /* after the last step */
    guint64 bytes_done;          /* likewise */
    guint64 synced_bytes;        /* bytes_done when the journal was synced last */
    Mono synced_at;
    int awaits[EVENT_N]; /* replies to actions that are under way */
};

void server_begin(World *w);
void server_receive(World *w, const Datagram *d);
void server_tick(World *w);
void server_free(World *w);
void server_restore_pending(World *w, const Pending *pending);
void server_note_start(World *w, Model *model); /* that came just now */
void server_end_later(World *w, guint32 life);  /* at the end of this turn, in any way */
Mono server_deadline(const World *w);

gboolean server_was_killed(const World *w);
void server_tell(World *w, guint32 id, Event event); /* if it is still there */
Model *server_new_model(World *w, guint32 id);
Model *server_model(const World *w, guint32 id);
Kernel *server_kernel(const World *w, const NetAddr *peer);
