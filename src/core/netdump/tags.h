/* tags.h - the tagged fields of a netdump session: in the journal and in the record of pending
 * clients.
 *
 * Numbers but for the bytes that are said so. A field that is absent is 0, or not known yet. New
 * tags get new numbers; none is used for another thing, ever.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/tagged.h"

typedef enum {
    NETDUMP_TAG_STATE = TAG_NETDUMP, /* a RecordState */
    NETDUMP_TAG_MACHINE,             /* ELF e_machine */
    NETDUMP_TAG_OLDEST,              /* 1: RHEL 3 before 2.4.21-28 */
    NETDUMP_TAG_TASK,
    NETDUMP_TAG_PAGE_OFFSET,
    NETDUMP_TAG_MAGIC,
    NETDUMP_TAG_EXTENSIONS, /* that START offered */
    NETDUMP_TAG_VMCOREINFO, /* bytes of it that GET_DATA gives */
    NETDUMP_TAG_CPU,
    NETDUMP_TAG_PID,
    NETDUMP_TAG_VERSION,   /* of the client's protocol */
    NETDUMP_TAG_PAGE_SIZE, /* bytes; present: the dump has a file, and the next ones are valid */
    NETDUMP_TAG_NR_PAGES,  /* highest pfn + 1 */
    NETDUMP_TAG_RAM_PAGES,
    NETDUMP_TAG_REGS,         /* raw, in the client's byte order */
    NETDUMP_TAG_NEXT_NR,      /* the first request number that was not used yet */
    NETDUMP_TAG_MISSING,      /* page_set_encode(): pages that are not in the file; absent: all */
    NETDUMP_TAG_PAGES_STORED, /* counters of the whole dump, over all instances */
    NETDUMP_TAG_PAGES_RESERVED,
    NETDUMP_TAG_PAGES_RETRANSMITTED,
    NETDUMP_TAG_DUPLICATE_CHUNKS,
    NETDUMP_TAG_END, /* above all that this version knows */
} NetdumpTag;

typedef enum {
    RECORD_DUMPING,     /* pages are missing */
    RECORD_TRANSFERRED, /* every page is stored; vmcore is to be finished */
    RECORD_REBOOTING,   /* the dump is closed; only the reboot is left */
} RecordState;
