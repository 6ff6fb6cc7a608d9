/* session_states.h - the states of a netdump session, and what each of them does.
 *
 *   NEW        START came; its magic is checked, and it is put into the record of pending clients
 *   CALLED     ACK and GET_PAGE_SIZE are sent until a reply proves that the address is not forged
 *              (a reply carries our nr). Only then disk, slot and hooks are used.
 *   RESUMING   in place of these for a dump of a previous instance: HELLO first
 *   ASKING     number of pages, registers, VMCOREINFO; meanwhile the directory is created
 *   PREPARING  is there space? netdump-nospace, one retry; then the file is opened
 *   DUMPING    pages
 *   STALLED    a write failed; netdump-nospace, one retry
 *   ENDING     SHOW_STATE until it is quiet; meanwhile the file is finished
 *   WAITING    for netdump-reboot
 *   REBOOTING  REBOOT and HELLO until HELLO stays unanswered
 *   CLOSED
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/session_internal.h"

/* One state. NULL: nothing is to be done. Only netdump.c reads this. */
typedef struct {
    const char *name; /* SessionFacts.state */
    SessionPhase phase;
    SessionReason silence; /* why it ends if no reply comes; REASON_NONE: no reply is awaited */

    void (*on_message)(Step *s, const WireMessage *m); /* neither START nor text */
    void (*on_text)(Step *s);                          /* console text of the client */
    void (*on_start)(Step *s, const WireStart *start);
    void (*on_timer)(Step *s);
    void (*on_done)(Step *s, const Event *event); /* every other event */
    void (*settle)(Step *s); /* after every event, and when the state is entered */
    void (*resend)(Step *s, WireCommand command); /* if not as usual */
    Mono (*deadline)(const Netdump *n);           /* beside the timer's and the requests' */
} StateOps;

extern const StateOps session_new, session_called, session_resuming, session_asking,
    session_preparing, session_dumping, session_stalled, session_ending, session_waiting,
    session_rebooting, session_closed;
