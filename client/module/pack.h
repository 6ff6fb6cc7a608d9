/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pack.h - LZ4 block compression with 8 KiB of state
 *
 * The kernel's own LZ4 code is a module that is possibly not loaded at the time of the panic.
 */
#ifndef NETDUMP_PACK_H
#define NETDUMP_PACK_H

#define ND_PACK_BITS 12

struct nd_pack_space {
	unsigned short last[1 << ND_PACK_BITS];	/* last position of each hash, plus 1 */
};

/* Compress len (at most 32 KiB) bytes to at most max. Returns the new size; 0: does not fit. */
unsigned int nd_pack(struct nd_pack_space *space, const unsigned char *from, unsigned int len,
		     unsigned char *to, unsigned int max);

#endif
