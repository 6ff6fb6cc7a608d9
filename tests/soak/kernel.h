/* kernel.h - a crashed client: what the kernels' netdump clients do with what they receive.
 *
 * Written after the description of the protocol, not after the server: a request is eaten in the
 * handshake, answered in strict order after it, dropped while the state is printed (by many), and
 * nothing is ever repeated.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/wire.h"
#include "soak/link.h"

#define RANGES_MAX 6
#define RING_MAX   512 /* requests that wait */

typedef enum {
    KERNEL_UP,        /* it has not crashed */
    KERNEL_DYING,     /* 3 s between the crash and the first START */
    KERNEL_HANDSHAKE, /* START every second */
    KERNEL_SERVING,
    KERNEL_TEXT, /* it prints its state */
    KERNEL_REBOOTING,
    KERNEL_GONE, /* it has been rebooted */
    KERNEL_DEAD, /* it lost power */
} KernelState;

typedef struct {
    guint32 first, last; /* pfns of RAM */
    guint32 index;       /* of `first` among all pages of RAM */
} Range;

/* One crash: the memory that a dump of it must hold, and what may excuse that it does not. */
struct Crash {
    Kernel *kernel;
    guint number;
    guint64 key; /* all of its memory follows from it */
    WireStart start;
    guint32 page_size, nr_pages, n_ram;
    Range ranges[RANGES_MAX];
    guint n_ranges;
    guint64 all_chunks;
    guint8 regs[448];
    guint32 regs_len;
    guint32 vmcoreinfo; /* bytes */

    gboolean sane;        /* it can be dumped at all */
    gboolean acked;       /* it waits for requests, without a limit */
    gboolean rebooted;    /* as it was told */
    gboolean over;        /* dead, or crashed again */
    gboolean start_doubt; /* another START may have been taken for its own */
    gboolean regs_doubt;
    gboolean denied;   /* no slot, no space, the disk */
    gboolean orphaned; /* the server ended before it had written down that this one exists */
    gboolean excused;  /* REBOOT was sent into an outage */
};

/* nrs of consecutive requests for pages. */
typedef struct {
    const Crash *crash;
    guint32 first, n, room;
    guint32 *pfns;
} Segment;

/* nr of any other request. */
typedef struct {
    const Crash *crash;
    guint32 nr;
} OtherNr;

struct Kernel {
    guint number;
    NetAddr peer;
    Crash *crash; /* the last one; NULL before the first */
    KernelState state;
    guint32 life; /* what was to happen in another one does not */

    /* its kind */
    guint64 magic;
    guint8 version;
    gboolean oldest, reply_first, drops_in_text, plain_text;
    guint chain; /* of 10,000: RESERVED names a page that is RESERVED, too */
    guint ring;
    Span work, gap; /* for a request, between two lines of text */
    guint lines;
    guint deaf;      /* REBOOTs that it will not hear */
    guint crashes;   /* still to come after a reboot */
    guint recrashes; /* ... and in the middle of a dump */
    guint64 fate_at; /* request at which it dies or crashes again; 0 = never */
    gboolean dies;
    gboolean on_state; /* ... at SHOW_STATE instead */

    guint32 offers, agreed; /* extensions */
    Span patience;          /* without a request, before it reboots by itself */

    guint64 filed;  /* its magic, as the server's file says from ... on; 0 = there is no file */
    Mono filed_at;  /* ...; before, it is another one or none */
    guint64 before; /* what the file says before */
    guint starts;   /* that it sent in this crash */
    Mono heard;

    guint64 served;
    WireRequest queue[RING_MAX];
    guint queue_head, queue_len;
    guint lines_left;
    guint32 state_nr;
    gboolean working;

    Segment *segments;
    guint n_segments, segments_room;
    OtherNr *others;
    guint n_others, others_room;
};

/* The magic that is on file for it now; FALSE = none. As read in the client's byte order. */
gboolean kernel_filed_magic(const World *w, const Kernel *k, guint64 *magic);

Kernel *kernel_new(World *w, guint number);
void kernel_receive(World *w, const Datagram *d);
void kernel_wake(World *w, Kernel *k, guint32 life);

void kernel_crash_again(World *w, Kernel *k);
void kernel_send_start(World *w, Kernel *k);
void kernel_reply(World *w, Kernel *k, guint32 nr, guint32 code, guint32 info,
                  gconstpointer payload, gsize len);
void kernel_send_page(World *w, Kernel *k, const WireRequest *r);

/* The byte that a page is full of, -1 if it is full of different ones. */
int kernel_fill(const Crash *c, guint32 pfn);

/* A chunk of a crash's memory. */
void kernel_memory(const Crash *c, guint32 pfn, guint32 offset, guint8 *out);

/* The place of a page among those of RAM; FALSE if it is none. */
gboolean kernel_ram(const Crash *c, guint32 pfn, guint32 *index);
guint32 kernel_pfn(const Crash *c, guint32 index); /* the other way round */

/* The server uses nr, for a page or (pfn NULL) anything else. Fails if it was used for another. */
void kernel_note_nr(World *w, Kernel *k, const Crash *c, guint32 nr, const guint32 *pfn);
gboolean kernel_knows_nr(const Kernel *k, guint32 nr);

void kernel_doubt_start(Kernel *k);
void kernel_doubt_regs(Kernel *k);
