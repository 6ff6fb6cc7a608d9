/* journal.h - a dump's journal on the disk: the newest record of tagged fields that surely got
 * there.
 *
 * `journal` in the dump's directory: three slots of equal size, a multiple of 4096 bytes, each with
 * one record. A write touches neither the newest record nor the newest one that is synced, so a
 * crash of ours or of the host at any instant leaves the state before or the state after. The name
 * appears with the first record, whole; the blocks are there from the start, so a full disk stops
 * no later write. For a record that is larger than a slot a new file takes the old one's place.
 *
 * A record is synced if the caller says that what it claims of the dump's file is on the disk, and
 * it is there itself. Others are believed only as long as the kernel runs that took them.
 *
 * TAG_SEQUENCE, TAG_BOOT_ID and TAG_SYNCED are the store's. A journal of version 1.0 is read
 * through `convert`, and replaced by the first write.
 *
 * The functions block on the disk and return 0 or an errno, with a GError (G_FILE_ERROR) that names
 * the file (`dir`, the directory's path, is for that). A Journal belongs to one dump and must not
 * be used by two threads at once (the jobs of one WorkQueue do not).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/tagged.h"

#define JOURNAL_SLOT_SIZE 8192 /* bytes at first: room for a record with a thousand ranges */

typedef struct Journal Journal;

/* A new one; EEXIST if the directory holds a journal. dirfd must live as long as the Journal. */
int journal_create(int dirfd, const char *dir, Journal **out,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The one that is there, to go on with it. convert may be NULL. */
int journal_open(int dirfd, const char *dir, TaggedConvert convert, Journal **out,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
void journal_close(Journal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_close)

/* Fields of the record that was there at journal_open() are written again with each record, unless
 * the caller knows their tags: those that all protocols share, and first..end-1. Before this call
 * none is. */
void journal_keep_unknown(Journal *journal, guint16 first, guint16 end);

/* Write the next state: `fields`, which need not be sealed. `sync`: what they say is in the dump's
 * file is on the disk, and so shall be the record when the call returns. Without, it survives our
 * death but perhaps not the host's. (The first write of a new journal is always synced: nothing is
 * stored yet.) After a failure the state before is still there, and the call can be repeated. */
int journal_write(Journal *journal, const TaggedWriter *fields, gboolean sync,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The newest record that can be believed, sealed; the caller's. ENOENT: no journal. EINVAL: there
 * is no such record; the message says what is wrong with each slot. */
int journal_load(int dirfd, const char *dir, TaggedConvert convert, GByteArray **record,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove the journal, the dump needs it no more; a missing one is no error. */
int journal_remove(int dirfd, const char *dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;
