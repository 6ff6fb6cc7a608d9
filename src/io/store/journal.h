/* journal.h - a dump's journal on the disk: the newest JournalRecord that surely got there.
 *
 * `journal` in the dump's directory: three slots of JOURNAL_RECORD_SIZE bytes. A write never
 * touches the newest slot nor the newest one that is surely on the disk, so that a crash of ours or
 * of the machine, at any instant, leaves the state before or the state after (with two slots, two
 * writes without sync followed by a power cut could lose both). The name appears with the first
 * record, whole; the blocks are there from the start, so that a full disk stops no later write.
 *
 * The functions block on the disk and return 0 or an errno, with a GError (G_FILE_ERROR) naming the
 * file (`dir`, the directory's path, is for that). A Journal belongs to one dump and must not be
 * used by two threads at once (the jobs of one WorkQueue don't).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/journal_record.h"

#include <glib.h>

typedef struct Journal Journal;

/* `create`: a new one, EEXIST if the directory already holds a journal; else open the one that is
 * there, to go on with it. dirfd must live as long as the Journal. */
int journal_open(int dirfd, const char *dir, gboolean create, Journal **out,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
void journal_close(Journal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_close)

/* Write the next state (its boot_id is set here, not read from the record). `sync`: it is on the
 * disk when the call returns; without, it survives our death but maybe not the machine's
 * (the first one is always synced). After a failure
 * the state before is still there, and the call can be repeated. */
int journal_write(Journal *journal, const JournalRecord *record, gboolean sync,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read the newest whole state. If the machine was booted since it was written, floor_written is
 * lowered to floor_synced: what the kernel had only taken may be lost. ENOENT: no journal. EINVAL:
 * no slot is whole; the message says what is wrong with each. */
int journal_load(int dirfd, const char *dir, JournalRecord *record,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove the journal, the dump needs it no more; a missing one is no error. */
int journal_remove(int dirfd, const char *dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;
