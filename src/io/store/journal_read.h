/* journal_read.h - what a journal's file holds. For journal.c alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/tagged.h"

#define JOURNAL_FILE    "journal"
#define JOURNAL_SLOTS   3
#define JOURNAL_NO_SLOT JOURNAL_SLOTS
#define JOURNAL_BLOCK   4096      /* bytes: slots are multiples of it */
#define JOURNAL_MAX     (4 << 20) /* bytes of a slot */

typedef struct {
    gsize slot_size;
    gboolean old;            /* of version 1.0: no slots, but the records as they would be there */
    guint newest, safe;      /* slots: of the newest record that can be believed, and of the newest
                                synced one; JOURNAL_NO_SLOT: none */
    guint64 sequence;        /* the greatest, of all */
    GByteArray *record;      /* sealed, of newest */
    GByteArray *safe_record; /* sealed, of safe; or NULL */
} JournalContents;

/* The kernel's boot id; zeros if it cannot be read: then only what is synced is believed. */
void journal_read_boot_id(guint8 id[16]);

/* EINVAL if there is nothing that can be believed; 0: c->record is set. */
int journal_read(int fd, const char *dir, const guint8 boot_id[16], TaggedConvert convert,
                 JournalContents *c, GError **error) G_GNUC_WARN_UNUSED_RESULT;

void journal_contents_clear(JournalContents *c);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JournalContents, journal_contents_clear)
