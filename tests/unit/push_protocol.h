/* push_protocol.h - a dump protocol of the tests: the client pushes blocks of 4 KiB.
 *
 * It shows that the server knows no protocol: it shares nothing with core/netdump but
 * core/session.h. Every integer is little-endian. A datagram of the client has a header of 8 bytes:
 * 'P' 'U' u8 type, u8 0, u32 number; the server's are such a header and nothing else.
 *
 *   CALL   client: it crashed; u64 bytes of memory follow, a multiple of 4096. Acked when the file
 *          is open
 *   BLOCK  client: number = which one, 4096 bytes follow. Acked when it is stored
 *   DONE   client: every block is acked. Acked when the file is whole
 *
 * A client sends again what is not acked. Anything else that begins with a printable byte is
 * console text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/session.h"

#define PUSH_HEADER      8
#define PUSH_BLOCK_SIZE  4096
#define PUSH_BLOCKS_MAX  4096 /* 16 MiB */
#define PUSH_FILE_HEADER 4096 /* bytes of the dump file's: "PUSHDUMP", u64 bytes, u8 partial */

typedef enum { PUSH_CALL = 1, PUSH_BLOCK, PUSH_DONE } PushType;

extern const SessionOps push_ops;

/* The client's and the server's datagrams. Returns the number of bytes in `out`. */
gsize push_pack(PushType type, guint32 number, const guint8 *payload, gsize len, guint8 *out);
gboolean push_parse(const guint8 *data, gsize len, PushType *type, guint32 *number);
