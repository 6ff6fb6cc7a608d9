/* machine_internal.h - what machine.c and answer.c share: the inside of a Machine.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/machine.h"

typedef struct {
    guint32 nr, command, from, to;
} Request;

/* The client formats every answer in one buffer and never clears it: REGS and SHOW_STATE show what
 * was left there, because their length is strlen() of it. */
#define SCRATCH_SIZE 1024

struct Machine {
    const MachineSetup *setup;
    guint32 index;
    Port *port;
    Link *in, *out; /* NULL on a good network */
    gint64 now;
    gint64 heard; /* us: the last word from the server, or the crash */
    gint64 wake;  /* us: the next START or line of text */

    Request *queue; /* a ring, its size a power of two */
    guint32 queue_size, queue_first, queue_used;

    MachineStats stats;
    guint8 version;     /* of replies */
    guint32 extensions; /* that the server took */
    guint32 log_offset; /* running count of LOG bytes */
    guint lose_reboots;
    guint64 recrash_after;
    guint8 *seen; /* a bit for each pfn that was sent */
    guint8 *regs;
    gsize regs_size;
    char *words; /* the text that console points into */
    Console console;
    guint32 show_nr; /* the SHOW_STATE to answer after the text */
    gboolean show_owed;
    guint8 packet[WIRE_HEADER_SIZE + 1460];
    char scratch[SCRATCH_SIZE];
};

/* answer.c: do what the request says, once the handshake is over. */
void machine_answer(Machine *m, const Request *request);
void machine_send_start(Machine *m);
/* The reply to SHOW_STATE: whatever is left in the buffer. */
void machine_send_show(Machine *m, guint32 nr);
/* Send the next line of the console text; FALSE at its end. */
gboolean machine_print(Machine *m);

/* A reply, for extra.c. */
void answer_reply(Machine *m, guint32 nr, guint32 code, guint32 info, const void *payload,
                  gsize len);

/* extra.c: see client/PROTOCOL */
const char *extra_start_text(const Machine *m, char *out, gsize size);
void extra_get_data(Machine *m, const Request *r);
/* FALSE: nothing was sent, the page is to go the old way. */
gboolean extra_send_page(Machine *m, guint32 nr, guint32 pfn);

/* machine.c */
void machine_show_state(Machine *m, guint32 nr);
void machine_become(Machine *m, MachineState state);
