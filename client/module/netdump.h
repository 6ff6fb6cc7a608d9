/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netdump.h - what the files of the module share
 *
 * main.c    parameters, notifiers, the way in and out
 * target.c  the netdump= parameter
 * net.c     frames: own buffers, sending, polling the device, what arrives
 * memory.c  which pages are RAM, and reading them without falling over
 * serve.c   the netdump protocol, while everything else is dead
 *
 * Nothing that runs after the panic allocates, sleeps, or takes a lock of ours.
 */
#ifndef NETDUMP_H
#define NETDUMP_H

#include <linux/netpoll.h>
#include <linux/types.h>

#define ND_PORT		6666	/* ours */
#define ND_SERVER_PORT	6688
#define ND_TIMEOUT	60	/* seconds */
#define ND_HEADER	13	/* bytes in front of a reply's payload */
#define ND_CHUNK	1024	/* bytes of memory in a MEM reply */
#define ND_RUN_MAX	256	/* pages for one SEND_RUN */
#define ND_PAYLOAD	1452	/* bytes of UDP payload that fit an Ethernet frame, v4 or v6 */

/* Requests: the server's commands. */
enum nd_command {
	ND_NONE = 0,
	ND_SEND_MEM = 1,
	ND_EXIT = 2,
	ND_REBOOT = 3,
	ND_HELLO = 4,
	ND_GET_NR_PAGES = 5,
	ND_GET_PAGE_SIZE = 6,
	ND_START_ACK = 7,
	ND_GET_REGS = 8,
	ND_SHOW_STATE = 9,
	ND_GET_DATA = 10,	/* extension: from = offset, to = which */
	ND_SEND_RUN = 11,	/* extension: SEND_MEM for `to` pages, nr and pfn counting up */
};

enum nd_code {
	ND_R_ERROR = 1,
	ND_R_LOG = 2,
	ND_R_MEM = 3,
	ND_R_RESERVED = 4,
	ND_R_HELLO = 5,
	ND_R_NR_PAGES = 6,
	ND_R_PAGE_SIZE = 7,
	ND_R_START = 8,
	ND_R_END = 9,
	ND_R_REGS = 10,
	ND_R_SHOW_STATE = 12,
	ND_R_DATA = 13,		/* extension: info = size of the whole */
	ND_R_ZERO = 14,		/* extension: info = pages from this one on that are zero */
	ND_R_PACKED = 15,	/* extension: info = offset in the page */
};

/* Extensions: START offers, the ACK's `to` takes. See PROTOCOL. */
#define ND_EXT_DATA	0x1	/* GET_DATA: VMCOREINFO and the map of RAM */
#define ND_EXT_ZERO	0x2	/* ZERO instead of pages of zeros */
#define ND_EXT_RUN	0x4	/* SEND_RUN */
#define ND_EXT_PACKED	0x8	/* PACKED instead of MEM where it is shorter */
#define ND_EXT_ALL	0xf

#define ND_DATA_VMCOREINFO	1
#define ND_DATA_RAM		2	/* pairs of u32: first pfn, one above the last */

struct nd_request {
	u64 magic;
	u32 nr, command, from, to;
};

/* target.c */
int nd_parse_target(const char *text, struct netpoll *np);

/* net.c */
int nd_net_init(void);
void nd_net_exit(void);
void nd_net_takeover(struct netpoll *np) __acquires(RCU);
void nd_net_release(void) __releases(RCU);
void nd_poll(void);
bool nd_receive(struct nd_request *request);	/* the next one, in the order of arrival */
u8 *nd_buffer(struct netpoll *np);		/* ND_PAYLOAD bytes; NULL: the device is stuck */
void nd_send(struct netpoll *np, size_t len);	/* what was put into nd_buffer() */

/* memory.c */
struct nd_range {
	unsigned long first, end;	/* pfns; end is not part of it */
};

int nd_memory_init(void);
void nd_memory_exit(void);
unsigned long nd_nr_pages(void);	/* highest pfn + 1 */
unsigned long nd_ram_pages(void);
unsigned int nd_ranges(const struct nd_range **ranges);
unsigned long nd_next_ram(unsigned long pfn);	/* at or above pfn, 0 = none */
bool nd_read(unsigned long pfn, void *page);	/* a whole page; false: it can't be read */
const u8 *nd_vmcoreinfo(u32 *size);		/* its text; NULL and 0: the kernel has none */

/* serve.c */
extern u64 nd_magic;
extern unsigned int nd_timeout;
extern unsigned int nd_extensions;

void nd_announce(struct netpoll *np);
void nd_save_regs(struct pt_regs *regs);
/* Returns when there is nobody to dump to. frame: that of the function that the kernel called. */
void nd_serve(struct netpoll *np, const unsigned long *frame);
bool nd_log_line(char *line, size_t size, size_t *len, bool rewind);	/* main.c */

#endif
