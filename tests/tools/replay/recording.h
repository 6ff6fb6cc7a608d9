/* recording.h - a recorded dump: which packets the client sent by itself, and for which request.
 *
 * Read from a classic pcap file (either byte order, Ethernet or raw IP, IPv4). The client is the
 * sender of the first START_NETDUMP, the server the one it was sent to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
    guint16 port;       /* the client's, that it was sent from */
    const guint8 *data; /* points into the recording */
    gsize len;
} RecordedPacket;

typedef struct Recording Recording;

Recording *recording_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void recording_free(Recording *recording);

guint16 recording_client_port(const Recording *recording);
guint16 recording_server_port(const Recording *recording);

/* What came before START: console text. RecordedPackets. */
const GArray *recording_text(const Recording *recording);
const RecordedPacket *recording_start(const Recording *recording);

/* The packets that followed the first such request, in order (SHOW_STATE: with its console text);
 * from: the page frame of SEND_MEM, else ignored. NULL if there was no such request. *derived: the
 * page was never asked for, but a RESERVED for a page below says that it is no RAM either. */
const GArray *recording_answer(const Recording *recording, guint32 command, guint32 from,
                               gboolean *derived);

/* Of a page of 4 KiB or more: its recorded bytes at offset, 1024 of them, or NULL. */
const guint8 *recording_chunk(const Recording *recording, guint32 pfn, guint32 offset);
guint32 recording_n_pages(const Recording *recording); /* as NR_PAGES told; 0: it did not */
guint32 recording_page_size(const Recording *recording);
/* The raw registers; len is set. NULL: none recorded. */
const guint8 *recording_regs(const Recording *recording, gsize *len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recording, recording_free)
