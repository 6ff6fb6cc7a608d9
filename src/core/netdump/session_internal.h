/* session_internal.h - the data of a netdump session: for the files of its state machine only.
 *
 * Memory use is fixed but for the set of missing pages, whatever the client claims.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/elf_netdump.h"
#include "core/netdump/requests.h"
#include "core/netdump/session_phases.h"
#include "core/netdump/tags.h"

#define NR_GAP 65536u /* nrs left free after a previous instance's, and for requests */

struct Netdump {
    Session base;
    SessionSpec spec;
    NetdumpState state;
    guint limit; /* requests in flight that all clients together allow this one */

    WireStart start;
    guint8 version;    /* the client's, of its last reply */
    ElfSpec elf;       /* what is known of the memory; page_size, nr_pages: 0 = not yet */
    guint32 ram_pages; /* as sent by the client, at most nr_pages */

    Requests requests;
    guint32 nr_first; /* of the first page; requests count downwards below it */
    Rtt rtt;
    Mono heard;    /* the last reply, or when we began to wait for one */
    Mono timer;    /* the state's own; MONO_NEVER when it is entered */
    Mono deadline; /* of SessionOps.deadline(), which is asked for every client in every turn */

    RecordState outcome; /* what a restarted server shall do */
    SlotState slot;
    RetryState retry;
    Followup followup;
    KernelState kernel;
    InfoOwner info;
    ContentState content;

    Handshake handshake;
    ResumeStage resume;
    Transfer transfer;
    Inherited before;
    Progress progress;
    Stall stall;
    RestartProbe probe;
    ShowState show;
    Reboot reboot;

    guint8 unpacked[WIRE_PIECE_MAX]; /* of the datagram in work */
};
