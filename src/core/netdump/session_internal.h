/* session_internal.h - what the files of the state machine share, and nobody else.
 *
 * client.c: events, packets, timers. client-dump.c: from the first answer to the last page, with
 * client-kernel.c and client-pages.c. client-end.c: from there to the reboot.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/requests.h"
#include "core/netdump/session.h"

#define CLAIMS_MAX 8

/* A START that came in CALLED, and the nr of the question that went out for it. */
typedef struct {
    WireStart start;
    guint32 nr;
} Claim;

struct Session {
    SessionFacts facts;
    SessionSpec spec;
    Requests asks;
    Rtt rtt;
    Window *window; /* NULL before DUMPING */
    guint limit;    /* pages in flight that all clients together allow this one */

    guint64 got, got_before; /* pages that have come, in all and until ... */
    Mono got_since;          /* ... then: what is too slow is measured from there */
    gboolean idle; /* DUMPING, nothing asked: the disk or the others are what takes time */

    Mono heard;    /* the last word, or when we began to wait for one */
    Mono deadline; /* of session_deadline(), which is asked for all clients in every turn */
    gboolean deadline_known;
    Mono timer; /* of ENDING (quiet, or ask again) and REBOOTING (next HELLO) */

    Claim claims[CLAIMS_MAX]; /* CALLED: the next one takes the place of the oldest */
    guint n_claims;           /* ever made */
    const Claim *last_claim;  /* the last START that came */
    const Claim *answered;    /* the question for it; facts.page_size is what was said */

    gboolean begun;          /* the first event was here */
    gboolean same;           /* RESUMING: it is there, in the same crash */
    gboolean was_done;       /* resumed where only the reboot was left */
    gboolean slot_known;     /* EVENT_SLOT was here, */
    gboolean slot;           /* and this is what it said */
    gboolean dir;            /* the directory is there */
    gboolean file;           /* vmcore-incomplete is open */
    gboolean finishing;      /* FINISH was given */
    gboolean finished;       /* the file is closed again, or there never was one */
    gboolean recrashed;      /* it wants to be dumped again, not to be rebooted */
    gboolean tried_again;    /* after netdump-nospace: only once */
    gboolean flushed;        /* all pages asked for so far were sent to the disk */
    SessionState stalled_in; /* where STALLED goes back to */

    guint starts; /* STARTs since the last word */
    Mono starts_since, probed;
    gboolean starts_noted;

    Mono state_asked; /* ENDING: when SHOW_STATE was asked first */
    guint state_tries;
    guint32 state_nr;
    gboolean state_heard; /* something came of it */
    gboolean quiet;       /* nothing more will */

    guint reboots, silences; /* REBOOTING: REBOOTs sent, HELLOs unanswered in a row */
    guint32 reboot_nr;       /* of the first REBOOT: what was sent since has lower ones */
    Mono reboot_since;

    KernelInfo kernel;
    guint8 unpacked[WIRE_PIECE_MAX]; /* of the packet in work */

    guint32 journal_floor; /* floor_written of the last ACTION_JOURNAL */
    Mono journal_synced;
};

/* One call of session_step(). */
typedef struct {
    Session *c;
    Mono now;
    GArray *actions;
} Step;

/* client.c: what every state uses */
void step_heard(Step *s, const WireMessage *m); /* a word that nobody else can have sent */
gboolean step_answered(Step *s, WireCommand command, const WireMessage *m); /* an open question */
void step_emit(Step *s, Action action);
void step_emit_plain(Step *s, ActionKind kind);
void step_note(Step *s, SessionNote what);
void step_run_hook(Step *s, SessionHook hook);
void step_journal(Step *s, gboolean sync); /* if there is a directory, like the next one */
void step_info(Step *s);
void step_send(Step *s, WireCommand command, guint32 nr, guint32 from);
void step_send_to(Step *s, WireCommand command, guint32 nr, guint32 from, guint32 to);
void step_ask(Step *s, WireCommand command); /* a new question */
void step_ask_for(Step *s, WireCommand command, guint32 from, guint32 to);
void step_send_ask(Step *s, WireCommand command); /* the open one, once more */
void step_enter(Step *s, SessionState state);
void step_measure(Step *s);               /* from now on: is it too slow? */
gboolean session_waits(const Session *c); /* for an answer */

/* client-kernel.c: extensions of the protocol, see client/PROTOCOL */
guint32 ask_take_extensions(const Session *c);        /* what START offers and we know */
void ask_kernel(Step *s);                             /* ASKING: VMCOREINFO and the map of RAM */
void ask_on_data(Step *s, const WireMessage *m);      /* a piece of them */
gboolean ask_on_error(Step *s, const WireMessage *m); /* TRUE: the answer to such a question */

/* client-pages.c: in DUMPING; ignored else */
void pages_ask(Step *s); /* for as many as may be in flight */
void pages_on_mem(Step *s, const WireMessage *m);
void pages_on_packed(Step *s, const WireMessage *m);
void pages_on_no_ram(Step *s, const WireMessage *m, guint32 next); /* as window_reserved() */
void pages_on_zero(Step *s, const WireMessage *m);

/* client-dump.c */
void dump_call(Step *s, const WireStart *start);      /* answer a START */
void dump_call_again(Step *s);                        /* nobody has answered in time */
void dump_called_back(Step *s, const WireMessage *m); /* somebody answers: whose START was it? */
void dump_check_called(Step *s);                      /* is that clear? */
void dump_begin_asking(Step *s);                      /* the machine has proved that it is there */
void dump_found_again(Step *s);                       /* likewise, in RESUMING */
void dump_go_on(Step *s, gboolean same); /* ... and it is the same crash, or another one */
void dump_check_asking(Step *s);         /* is everything here that ASKING waits for? */
void dump_begin(Step *s);                /* the first page */
void dump_pump(Step *s);                 /* ask for as much as may be in flight */
void dump_check_stored(Step *s);
void dump_on_dir(Step *s, int err);
void dump_on_space(Step *s, gboolean enough);
void dump_on_vmcore(Step *s, int err, gboolean resumed);
void dump_on_stored(Step *s, const guint32 *nrs, guint n);
void dump_on_disk_failed(Step *s, int err, gboolean lost);
void dump_on_nospace(Step *s, gboolean try_again);

/* client-time.c */
void time_on_timer(Step *s);
Mono time_patience(
    const Session *c); /* when a machine that says nothing, or too little, is given up */

/* client-end.c */
void end_give_up(Step *s, SessionReason reason);
void end_recrashed(Step *s);
void end_finish(Step *s, gboolean whole); /* the file */
void end_begin(Step *s);                  /* ENDING */
void end_heard_state(Step *s);
void end_on_finished(Step *s, int err);
void end_check(Step *s);  /* is ENDING over? */
void end_reboot(Step *s); /* REBOOTING */
void end_check_reboot(Step *s);
void end_on_hello(Step *s, guint32 nr); /* REBOOTING: a REBOOT was lost */
void end_still_prints(Step *s);         /* REBOOTING: it may be deaf for that */
void end_close(Step *s, gboolean keep);
