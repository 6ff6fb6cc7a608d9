/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pack.h - memory made smaller: the LZ4 block format, in 8 KiB of space and no more
 *
 * The kernel has a packer too, but in a module of its own that may not be loaded when it is needed.
 */
#ifndef NETDUMP_PACK_H
#define NETDUMP_PACK_H

#define ND_PACK_BITS 12

struct nd_pack_space {
	unsigned short last[1 << ND_PACK_BITS];	/* where a hash was seen last, plus 1 */
};

/* Pack len (at most 32 KiB) bytes into at most max; how many they are now, 0: they do not fit. */
unsigned int nd_pack(struct nd_pack_space *space, const unsigned char *from, unsigned int len,
		     unsigned char *to, unsigned int max);

#endif
