/* journal_record.h - what a restarted server must know about a dump, as a struct and as bytes.
 *
 * The bytes are JOURNAL_RECORD_SIZE long, all integers little-endian, with a version, a sequence
 * number and a CRC32C; the layout is that of the table in record.c. Decoding checks every field:
 * hostile bytes are refused, never trusted. Pure.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/netaddr.h"

#include <glib.h>

#define JOURNAL_RECORD_SIZE     4096 /* a block of most disks: the less can be torn */
#define JOURNAL_RECORD_VERSION  1
#define JOURNAL_RECORD_REGS_MAX 1024 /* bytes; the greatest known register block has 448 */

typedef enum {
    JOURNAL_DUMPING,     /* pages are still missing */
    JOURNAL_TRANSFERRED, /* every page has been received; vmcore is to be finished */
    JOURNAL_REBOOTING,   /* the dump is closed; the machine is being told to reboot */
    JOURNAL_N_STATES
} JournalState;

typedef struct {
    NetAddr client; /* address and port of the machine */
    NetAddr local;  /* our address and port that it wrote to */
    gint64 started; /* wall clock, us since 1970, >= 0 */
    JournalState state;

    guint32 machine; /* an ELF machine, 1 to 65535 */
    gboolean oldest; /* as in WireStart, like the next three */
    guint64 task;
    guint64 page_offset;
    guint64 magic;
    guint64 extensions; /* likewise, what today's machines tell */
    guint64 vmcoreinfo;
    guint64 cpu;
    guint8 version; /* of the client's protocol, 0 = not told */

    guint32 page_size; /* bytes, a power of two, 4096 to 65536; 0 = not known yet */
    guint32 nr_pages;  /* highest pfn + 1; 0 = not known yet */
    guint32 ram_pages; /* as the client told; 0 = not known yet */
    guint16 regs_len;  /* bytes used in regs, 0 = none yet */
    guint8 regs[JOURNAL_RECORD_REGS_MAX]; /* in the client's byte order; what is not used is 0 */

    guint32 next_nr;       /* the first nr that was not used yet */
    guint32 floor_written; /* the kernel has taken (pwrite) every page below; <= nr_pages */
    guint32 floor_synced;  /* every page below is on the disk; <= floor_written */

    guint64 pages_stored; /* counters of the whole dump, any value */
    guint64 pages_zero;
    guint64 pages_reserved;
    guint64 pages_retransmitted;
    guint64 duplicates; /* chunks that came twice */
    guint64 bytes;      /* of memory received */

    guint8 boot_id[16]; /* of the kernel that ran when this was written; set by journal_write() */
} JournalRecord;

/* Pack a record. FALSE if it breaks one of the rules above: our bug, nothing was written to out. */
gboolean journal_record_encode(const JournalRecord *record, guint64 sequence,
                               guint8 out[JOURNAL_RECORD_SIZE]) G_GNUC_WARN_UNUSED_RESULT;

/* Unpack; NULL on success, else what is wrong with the bytes ("checksum", "version" ...), a static
 * string; then *record and *sequence are untouched. */
const char *journal_record_decode(const guint8 *bytes, gsize len, JournalRecord *record,
                                  guint64 *sequence) G_GNUC_WARN_UNUSED_RESULT;

/* Put the right checksum into packed bytes: for tests and the fuzzer, which change them. */
void journal_record_seal(guint8 bytes[JOURNAL_RECORD_SIZE]);
