// SPDX-License-Identifier: GPL-2.0
/*
 * pack.c - LZ4 block compression
 *
 * A block is a list of sequences: a token (high half: number of literals, low half: length of the
 * match minus 4; 15 = continued in the following bytes, each 255 = continued again), the literals,
 * the distance of the match as 16 bits little-endian. The last sequence is literals only, at least 5 of
 * them, and the last match begins at least 12 bytes before the end.
 */
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#include "pack.h"

#define MATCH_MIN	4
#define END_LITERALS	5
#define END_MATCH	12

struct out {
	unsigned char *at, *end;
};

static unsigned int load(const unsigned char *p)
{
	unsigned int value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static unsigned int hash(unsigned int value)
{
	return value * 2654435761u >> (32 - ND_PACK_BITS);
}

/* The part of a length above the 15 of its half of the token. */
static int put_length(struct out *out, unsigned int rest)
{
	for (; rest >= 255; rest -= 255) {
		if (out->at == out->end)
			return 0;
		*out->at++ = 255;
	}
	if (out->at == out->end)
		return 0;
	*out->at++ = (unsigned char)rest;
	return 1;
}

/* match 0: the last sequence. 0: no room. */
static int put_sequence(struct out *out, const unsigned char *literals, unsigned int n,
			unsigned int distance, unsigned int match)
{
	unsigned int more = match ? match - MATCH_MIN : 0;

	if (out->at == out->end)
		return 0;
	*out->at++ = (unsigned char)((n < 15 ? n : 15) << 4 | (more < 15 ? more : 15));
	if (n >= 15 && !put_length(out, n - 15))
		return 0;
	if ((unsigned int)(out->end - out->at) < n + 2)
		return 0;
	memcpy(out->at, literals, n);
	out->at += n;
	if (!match)
		return 1;
	*out->at++ = (unsigned char)distance;
	*out->at++ = (unsigned char)(distance >> 8);
	return more < 15 || put_length(out, more - 15);
}

static unsigned int match_length(const unsigned char *a, const unsigned char *b,
				 const unsigned char *end)
{
	const unsigned char *start = b;

	while (b + sizeof(long) <= end && memcmp(a, b, sizeof(long)) == 0) {
		a += sizeof(long);
		b += sizeof(long);
	}
	while (b < end && *a == *b) {
		a++;
		b++;
	}
	return (unsigned int)(b - start);
}

unsigned int nd_pack(struct nd_pack_space *space, const unsigned char *from, unsigned int len,
		     unsigned char *to, unsigned int max)
{
	struct out out = { to, to + max };
	unsigned int at = 0, literals = 0, misses = 0;

	memset(space, 0, sizeof(*space));
	while (at + END_MATCH < len) {
		unsigned int value = load(from + at);
		unsigned short *last = &space->last[hash(value)];
		unsigned int before = *last;

		*last = (unsigned short)(at + 1);
		if (before && load(from + before - 1) == value) {
			unsigned int match = match_length(from + before - 1, from + at,
							  from + len - END_LITERALS);

			if (!put_sequence(&out, from + literals, at - literals, at - before + 1,
					  match))
				return 0;
			at += match;
			literals = at;
			misses = 0;
		} else {
			/* Skip faster through incompressible data. */
			at += 1 + (misses++ >> 5);
			if (at - literals > max)
				return 0;
		}
	}
	if (!put_sequence(&out, from + literals, len - literals, 0, 0))
		return 0;
	return (unsigned int)(out.at - to);
}
