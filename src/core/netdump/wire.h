/* wire.h - the netdump protocol: datagrams <-> typed messages.
 *
 * Every integer on the wire is big-endian, whatever the client's byte order; every field of the
 * structs below is in host order. Nothing here keeps a copy: pointers in a WireMessage point into
 * the datagram that was parsed and live as long as it does.
 *
 * Source of the numbers: drivers/net/netdump.h of the RHEL 4 kernel (2.6.9) and
 * drivers/net/netconsole.c of RHEL 3 (2.4.21).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/datagram.h"
#include "core/base/limits.h"

#include <glib.h>

#define WIRE_REQUEST_SIZE 24   /* bytes of every request, server to client */
#define WIRE_HEADER_SIZE  13   /* bytes before a reply's payload, client to server */
#define WIRE_CHUNK_SIZE   1024 /* bytes of memory in one MEM reply */
#define WIRE_MEM_SIZE     (WIRE_HEADER_SIZE + WIRE_CHUNK_SIZE)
#define WIRE_START_MIN    (2 * WIRE_REQUEST_SIZE) /* the shortest START, the oldest's, has 51 */
#define WIRE_MAX_SIZE     2048 /* longer datagrams are not ours: RHEL 3's LOG ends at 1460 */
#define WIRE_VERSION      5    /* the newest version we speak, sent in START_NETDUMP_ACK's from */
#define WIRE_VERSION_MAX  8    /* a first byte of 1..8 is a reply's version */

typedef enum {
    WIRE_CMD_NONE = 0,
    WIRE_CMD_SEND_MEM = 1,
    WIRE_CMD_EXIT = 2,
    WIRE_CMD_REBOOT = 3,
    WIRE_CMD_HELLO = 4,
    WIRE_CMD_GET_NR_PAGES = 5,
    WIRE_CMD_GET_PAGE_SIZE = 6,
    WIRE_CMD_START_NETDUMP_ACK = 7,
    WIRE_CMD_GET_REGS = 8,
    WIRE_CMD_SHOW_STATE = 9,
    WIRE_CMD_GET_DATA = 10, /* extension: from = offset, to = a WireData */
    WIRE_CMD_SEND_RUN = 11, /* extension: SEND_MEM for `to` pages, nr and pfn counting up */
} WireCommand;

typedef enum {
    WIRE_CODE_ERROR = 1,
    WIRE_CODE_LOG = 2,
    WIRE_CODE_MEM = 3,
    WIRE_CODE_RESERVED = 4,
    WIRE_CODE_HELLO = 5,
    WIRE_CODE_NR_PAGES = 6,
    WIRE_CODE_PAGE_SIZE = 7,
    WIRE_CODE_START_NETDUMP = 8,
    WIRE_CODE_END_NETDUMP = 9,
    WIRE_CODE_REGS = 10,
    WIRE_CODE_SHOW_STATE = 12,
    WIRE_CODE_DATA = 13, /* extensions: see client/PROTOCOL */
    WIRE_CODE_ZERO = 14,
    WIRE_CODE_PACKED = 15,
} WireCode;

/* What a client can do beyond version 5: START's text offers it, the ACK's `to` takes it. */
typedef enum {
    WIRE_EXT_DATA = 1,   /* GET_DATA */
    WIRE_EXT_ZERO = 2,   /* ZERO for pages of zeros */
    WIRE_EXT_RUN = 4,    /* SEND_RUN */
    WIRE_EXT_PACKED = 8, /* PACKED for pieces of a page */
    WIRE_EXT_ALL = 15,
} WireExtension;

typedef enum { WIRE_DATA_VMCOREINFO = 1, WIRE_DATA_RAM = 2 } WireData;

#define WIRE_RUN_MAX   256  /* pages that one SEND_RUN may ask for */
#define WIRE_PIECE_MAX 4096 /* bytes of memory that one PACKED may hold */

/* ELF e_machine numbers, as START's nr carries them. */
typedef enum {
    WIRE_MACHINE_I386 = 3,
    WIRE_MACHINE_PPC64 = 21,
    WIRE_MACHINE_IA64 = 50,
    WIRE_MACHINE_X86_64 = 62,
} WireMachine;

typedef struct {
    guint64 magic; /* the client's netdump_magic, 0 where it has none */
    guint32 nr;    /* echoed in the reply */
    WireCommand command;
    guint32 from; /* SEND_MEM: the pfn; START_NETDUMP_ACK: our version */
    guint32 to;   /* ignored by Red Hat's clients */
} WireRequest;

/* The contents of START_NETDUMP. Unknown keys are ignored. */
typedef struct {
    guint32 machine; /* a WireMachine, or whatever number a stranger sent */
    gboolean oldest; /* info was 0: RHEL 3 before 2.4.21-28, which knows neither task nor magic */
    guint64 task;    /* address of the task that panicked, 0 = unknown */
    guint64 page_offset; /* virtual address of physical address 0 */
    guint64 magic;       /* 0 = none */
    guint64 extensions;  /* a mask of WireExtension, and what is not known here */
    guint64 vmcoreinfo;  /* bytes of it that GET_DATA gives, 0 = none */
    guint64 cpu;         /* that crashed */
    guint64 pid;         /* of the task that crashed it */
} WireStart;

typedef enum {
    WIRE_MSG_TEXT, /* console text: a LOG packet's payload or a plain netconsole datagram */
    WIRE_MSG_START,
    WIRE_MSG_MEM,
    WIRE_MSG_RESERVED,
    WIRE_MSG_ERROR,
    WIRE_MSG_HELLO,
    WIRE_MSG_NR_PAGES,
    WIRE_MSG_PAGE_SIZE,
    WIRE_MSG_REGS,
    WIRE_MSG_SHOW_STATE,
    WIRE_MSG_END,
    WIRE_MSG_DATA,   /* info: size of the whole */
    WIRE_MSG_ZERO,   /* info: pages that are zero, the one asked for and those above it */
    WIRE_MSG_PACKED, /* info: offset in the page; size: bytes when unpacked */
} WireKind;

typedef struct {
    WireKind kind;
    guint8 version;     /* 1..8, or 0 for plain console text */
    guint32 nr;         /* the request's, 0 for what is sent unasked */
    guint32 info;       /* as on the wire: its meaning depends on kind, see the protocol's table */
    const guint8 *data; /* TEXT, ERROR: text without NUL at its end (any bytes may be in it);
                           MEM: WIRE_CHUNK_SIZE bytes; REGS: the raw registers; DATA, PACKED:
                           the payload; else NULL */
    gsize len;          /* bytes in data */
    guint32 size;       /* PACKED only: 1024 .. WIRE_PIECE_MAX, a multiple of 1024 */
    WireStart start;    /* START only */
} WireMessage;

/* Parse one datagram from a client. On DATAGRAM_OK *out is filled whole, else it is untouched. */
DatagramFault wire_parse(const guint8 *datagram, gsize len,
                         WireMessage *out) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE if console text says that the client's module was just loaded: normally its host has just
 * booted. */
gboolean wire_text_announces_start(const guint8 *text, gsize len);

/* Pack a request into exactly WIRE_REQUEST_SIZE bytes. */
void wire_pack_request(const WireRequest *request, guint8 out[WIRE_REQUEST_SIZE]);

/* The other side, for the simulator: FALSE if the datagram is too short to be a request (the real
 * client ignores those, and all bytes after the 24th). */
gboolean wire_parse_request(const guint8 *datagram, gsize len,
                            WireRequest *out) G_GNUC_WARN_UNUSED_RESULT;

/* Pack a reply's header; the caller puts the payload at out + WIRE_HEADER_SIZE. */
void wire_pack_reply(guint8 version, guint32 nr, guint32 code, guint32 info,
                     guint8 out[WIRE_HEADER_SIZE]);

/* TRUE for ELF machines whose dumps are supported. */
gboolean wire_machine_known(guint32 machine);

/* "i386", "x86_64", "ia64", "ppc64"; "unknown" for others. */
const char *wire_machine_name(guint32 machine);
