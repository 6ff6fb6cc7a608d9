/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netdump.h - declarations shared by the files of the module
 *
 * main.c    parameters, notifiers, init and exit
 * target.c  the netdump= parameter
 * net.c     frames: buffers, sending, polling the device, receiving
 * memory.c  which pages are RAM, and reading them without faults
 * serve.c   the netdump protocol, after the panic
 *
 * Code that runs after the panic does not allocate, sleep, or take locks.
 */
#ifndef NETDUMP_H
#define NETDUMP_H

#include <linux/netpoll.h>
#include <linux/types.h>

#define ND_PORT		6666	/* source port */
#define ND_SERVER_PORT	6688
#define ND_TIMEOUT	60	/* seconds */
#define ND_HEADER	13	/* bytes before a reply's payload */
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

/* Extensions: offered in START, accepted in `to` of the ACK. See PROTOCOL. */
#define ND_EXT_DATA	0x1	/* GET_DATA: VMCOREINFO and the map of RAM */
#define ND_EXT_ZERO	0x2	/* ZERO instead of zero pages */
#define ND_EXT_RUN	0x4	/* SEND_RUN */
#define ND_EXT_PACKED	0x8	/* PACKED instead of MEM if it is shorter */
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
bool nd_receive(struct nd_request *request);	/* the next one in order of arrival */
u8 *nd_buffer(struct netpoll *np);		/* ND_PAYLOAD bytes; NULL: the device is stuck */
void nd_send(struct netpoll *np, size_t len);	/* the payload in nd_buffer() */

/* memory.c */
struct nd_range {
	unsigned long first, end;	/* pfns; end is exclusive */
};

int nd_memory_init(void);
void nd_memory_exit(void);
unsigned long nd_nr_pages(void);	/* highest pfn + 1 */
unsigned long nd_ram_pages(void);
unsigned int nd_ranges(const struct nd_range **ranges);
unsigned long nd_next_ram(unsigned long pfn);	/* at or above pfn, 0 = none */
bool nd_read(unsigned long pfn, void *page);	/* one page; false: not readable */
const u8 *nd_vmcoreinfo(u32 *size);		/* its text; NULL and 0: none */

/* serve.c */
extern u64 nd_magic;
extern unsigned int nd_timeout;
extern unsigned int nd_extensions;

void nd_announce(struct netpoll *np);
void nd_save_regs(struct pt_regs *regs);
/* Returns if no server responds. frame: stack frame of the kmsg dumper. */
void nd_serve(struct netpoll *np, const unsigned long *frame);
bool nd_log_line(char *line, size_t size, size_t *len, bool rewind);	/* main.c */

#endif
