/* effects.h - what the executor may do to the world, as a table.
 *
 * The daemon fills it with the real functions (dump_files.c and others), the simulation in virtual
 * time with its own. `world` is the table's owner's. Whatever takes time replies later, by
 * executor_tell(); a reply from inside the call is allowed as well.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/clients.h"

typedef struct DumpFiles
    DumpFiles; /* the files of one client: directory, log, info, dump, journal */

typedef struct {
    void (*send)(gpointer world, const NetAddr *local, const NetAddr *peer, const guint8 *data,
                 gsize len);
    void (*check_magic)(gpointer world, const ClientEntry *entry, gboolean big_endian);
    void (*record)(gpointer world, const ClientEntry *entry);
    void (*run_hook)(gpointer world, const ClientEntry *entry, SessionHook hook);
    void (*console_text)(gpointer world, const NetAddr *host, const guint8 *text, gsize len);
    void (*booted)(gpointer world, const NetAddr *host);
    void (*malformed)(gpointer world, const NetAddr *peer, gsize len, DatagramFault fault);
    void (*note)(gpointer world, const ClientEntry *entry, SessionNote note);
    void (*closed)(gpointer world, const ClientEntry *entry); /* it is over; its files are next */

    /* A client's files: made before the first of the calls that follow, gone with close(). */
    DumpFiles *(*files_new)(gpointer world, const ClientEntry *entry);
    void (*open_dir)(DumpFiles *files);
    void (*check_space)(DumpFiles *files, guint64 bytes);
    void (*open_file)(DumpFiles *files, const Session *session, gboolean resume);
    gboolean (*store)(DumpFiles *files, guint64 offset, const guint8 *data, gsize len,
                      gboolean last, guint32 cookie); /* FALSE: no memory, nothing was taken */
    void (*flush)(DumpFiles *files);
    void (*retry)(DumpFiles *files);
    void (*finish)(DumpFiles *files, gboolean whole);
    void (*journal)(DumpFiles *files, const Session *session, gboolean sync, gboolean after_info);
    void (*info)(DumpFiles *files, const ClientEntry *entry);
    void (*log_text)(DumpFiles *files, const guint8 *text, gsize len);
    void (*close)(DumpFiles *files, gboolean keep);
} Effects;
