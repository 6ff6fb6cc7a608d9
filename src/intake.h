/* intake.h - where a datagram goes: to a client, to the console store, or nowhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "consolelog.h"
#include "perform.h"
#include "sock.h"
#include "wire.h"

typedef struct Intake Intake;

/* Datagrams by what became of them. */
typedef struct {
    guint64 taken;                    /* given to a client */
    guint64 console;                  /* text of machines that have not crashed */
    guint64 not_allowed;              /* allow= does not name the sender */
    guint64 malformed[WIRE_N_FAULTS]; /* by the parser's reason */
    guint64 stray;                    /* an answer, but we asked nobody there */
    guint64 insecure;                 /* START without the right magic */
    guint64 no_room;                  /* START, but the table of clients is full */
} IntakeStats;

/* Borrows everything. */
Intake *intake_new(const Config *config, Dumpdir *dumpdir, Perform *perform, ConsoleLog *console);
void intake_free(Intake *intake);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Intake, intake_free)

void intake_set_config(Intake *intake, const Config *config);

/* A SockFn; user is the Intake. */
void intake_datagram(gpointer user, const SockDatagram *datagram);

/* A CallersKnown; user is the Intake: the START of this client, which was held back, is taken now.
 * (Should that never come, the machine's next START is not held back.) */
void intake_known(gpointer user, guint32 id);

/* A machine whose START a former server got, with its answer perhaps: as if it came now. FALSE if
 * it is known, or not welcome. */
gboolean intake_recall(Intake *intake, const NetAddr *from, const NetAddr *local,
                       const WireStart *start);

const IntakeStats *intake_stats(const Intake *intake);
