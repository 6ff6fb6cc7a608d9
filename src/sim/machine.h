/* machine.h - one crashed machine: the netdump client of the kernel, as strict as the real one.
 *
 * Times are microseconds of the monotonic clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/console.h"
#include "sim/link.h"
#include "sim/model.h"
#include "sim/port.h"
#include "sim/ram.h"

#include <glib.h>

/* What all machines of a simulation have in common; it must outlive them. */
typedef struct {
    const Model *model;
    Generation generation;
    gboolean oldest; /* 2.4.21-4 to -27: START without contents, no RESERVED, no SHOW_STATE */
    const Ram *ram;
    const guint8 *regs; /* model_regs_size() bytes; NULL: made up for each machine */
    guint64 task, page_offset, magic;
    const char *start_text; /* put at the end of START's line, or NULL */
    const char *text;       /* console text before the crash; NULL: a made-up oops */
    ConsoleStyle style;
    guint32 extensions; /* of the protocol, a mask to offer: 0 for the kernels of old */
    gboolean no_crash, deaf;
    guint64 silent_after, recrash_after; /* pages sent, 0: never */
    guint lose_reboots;
    LinkRules rules; /* each way */
    guint64 seed;
    gint64 timeout; /* us without a word from the server */
} MachineSetup;

typedef enum {
    MACHINE_TALKING,   /* not crashed yet: prints */
    MACHINE_HANDSHAKE, /* START each second until the ACK comes */
    MACHINE_SERVING,
    MACHINE_PRINTING, /* SHOW_STATE: hears nothing */
    MACHINE_SILENT,   /* played dead; still listens to the server's patience */
    MACHINE_LEFT,     /* no_crash: said what it had to say */
    MACHINE_REBOOTED, /* requested by REBOOT or by an ACK without a version */
    MACHINE_ENDED,    /* requested by EXIT */
    MACHINE_GAVE_UP,  /* heard nothing for too long */
} MachineState;

typedef struct {
    MachineState state;
    guint64 task;             /* of the last crash */
    guint64 pages;            /* different pages sent since the last crash */
    guint64 pages_sent;       /* all of them */
    guint64 requests;         /* all that were understood */
    guint64 duplicates;       /* SEND_MEM for a page that was sent before */
    guint64 reserved, errors; /* replies of these kinds */
    guint64 unheard;          /* requests that came during SHOW_STATE's text, or beyond the queue */
    guint64 strange;          /* datagrams too short to be a request */
    gint64 crashed, finished; /* us: first START, the end; 0: not yet */
    gint64 first_page, last_page; /* us: first SEND_MEM heard, last page sent */
} MachineStats;

typedef struct Machine Machine;

/* Takes over port. index identifies the machine: memory, registers and faults depend on it. */
Machine *machine_new(const MachineSetup *setup, guint32 index, Port *port);
void machine_free(Machine *machine);

/* Read what has come in. Call when port_fd() is readable, or every now and then. */
void machine_listen(Machine *machine, gint64 now);

/* Do at most budget pieces of work. Returns when it wants to be called again: at most now if there
 * is more to do at once, G_MAXINT64 if it has finished. */
gint64 machine_turn(Machine *machine, gint64 now, guint budget);

gboolean machine_finished(const Machine *machine);
const MachineStats *machine_stats(const Machine *machine);
const Port *machine_port(const Machine *machine);
const guint8 *machine_regs(const Machine *machine); /* model_regs_size() bytes */
/* What machines with extensions send about their kernel. */
const char *extra_vmcoreinfo(void);
/* Sum of both directions. */
LinkStats machine_link_stats(const Machine *machine);
