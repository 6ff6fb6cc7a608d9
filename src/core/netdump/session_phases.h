/* session_phases.h - the states of a netdump session as enums, and one struct for each phase: that
 * is ten of them, so this header is long.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/window.h"
#include "core/netdump/wire.h"
#include "core/session.h"

typedef struct Netdump Netdump;

/* One call of SessionOps.step(). */
typedef struct {
    Netdump *n;
    Mono now;
    GArray *actions; /* of Action */
} Step;

typedef enum {
    NETDUMP_NEW,
    NETDUMP_CALLED,
    NETDUMP_RESUMING,
    NETDUMP_ASKING,
    NETDUMP_PREPARING,
    NETDUMP_DUMPING,
    NETDUMP_STALLED,
    NETDUMP_ENDING,
    NETDUMP_WAITING,
    NETDUMP_REBOOTING,
    NETDUMP_CLOSED,
    NETDUMP_N_STATES
} NetdumpState;

typedef enum { SLOT_UNKNOWN, SLOT_GRANTED, SLOT_DENIED } SlotState;
typedef enum { RETRY_NOT_USED, RETRY_USED } RetryState;   /* of netdump-nospace: only one */
typedef enum { FOLLOWUP_REBOOT, FOLLOWUP_NONE } Followup; /* NONE: it wants to be dumped again */
typedef enum { KERNEL_UNKNOWN, KERNEL_TOLD } KernelState; /* VMCOREINFO and the map of RAM */
typedef enum { INFO_OURS, INFO_INHERITED } InfoOwner;     /* who knows the values of info */
typedef enum { CONTENT_NONE, CONTENT_SOME } ContentState; /* SOME: a dump file exists */

/* -- NEW, CALLED ------------------------------------------------------------------------------- */

#define CLAIMS_MAX 8

/* A START that came in CALLED, and the nr of the GET_PAGE_SIZE that was sent for it. */
typedef struct {
    WireStart start;
    guint32 nr;
} Claim;

typedef enum {
    CALL_FRESH,     /* nothing is done about it yet */
    CALL_INHERITED, /* likewise; a previous instance has recorded it */
    CALL_CHECKING,  /* ACTION_CHECK_MAGIC */
    CALL_RECORDING, /* ACTION_RECORD */
} CallStage;

typedef struct {
    CallStage stage;          /* NEW */
    Claim claims[CLAIMS_MAX]; /* a ring */
    guint n_claims;           /* ever made */
    const Claim *last;        /* the last START that came */
    const Claim *answered;    /* whose GET_PAGE_SIZE was answered, NULL = none yet */
} Handshake;

/* -- RESUMING ---------------------------------------------------------------------------------- */

typedef enum {
    RESUME_HELD,      /* nothing is done about it yet */
    RESUME_PROBING,   /* does it still wait, and in the same crash? */
    RESUME_CONFIRMED, /* both; the file is still being opened */
} ResumeStage;

/* -- DUMPING, STALLED -------------------------------------------------------------------------- */

typedef enum {
    GATHERING,
    FLUSHED
} GatherState; /* FLUSHED: every whole page was sent to the disk */
typedef enum { FLOW_BUSY, FLOW_IDLE } FlowState; /* IDLE: disk or other clients take the time */

typedef struct {
    PageSet *missing;  /* before there is a window, of a dump that is resumed; NULL = all */
    Window *window;    /* from DUMPING on */
    WindowStats stats; /* as of the last step */
    GatherState gather;
    FlowState flow;
    guint64 journaled; /* pages done, as of the last ACTION_JOURNAL */
    guint64 durable;   /* likewise, of the last one with sync */
    Mono synced;       /* when that was */
} Transfer;

/* Of the dump, from previous instances. */
typedef struct {
    guint64 stored, reserved, retransmitted; /* pages */
    guint64 duplicate_chunks;
} Inherited;

/* What too slow is measured by. */
typedef struct {
    guint64 pages, pages_before; /* that came, in all and until ... */
    Mono since;                  /* ... then */
} Progress;

/* Where STALLED goes back to, and what is to be done there first. */
typedef struct {
    NetdumpState from;
    void (*again)(Step *s);
} Stall;

#define PROBE_PAUSE SPAN_S(1) /* between two HELLOs that STARTs provoke */

/* A START in the middle of a dump: is it forged, late, or has the client crashed again? */
typedef struct {
    guint starts; /* since the last reply */
    Mono since, probed;
    enum { PROBE_UNNOTED, PROBE_NOTED } noted;
} RestartProbe;

/* -- ENDING, REBOOTING ------------------------------------------------------------------------- */

typedef struct {
    enum { SHOW_AWAITED, SHOW_PRINTING, SHOW_QUIET } stage;
    guint tries; /* SHOW_STATEs sent */
    guint32 nr;  /* of the last one */
    Mono since;  /* the first one */
} ShowState;

typedef struct {
    guint sent;     /* REBOOTs */
    guint silences; /* HELLOs unanswered in a row */
    guint32 nr;     /* of the first REBOOT: what was sent since has lower ones */
    Mono since;
} Reboot;
