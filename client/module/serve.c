// SPDX-License-Identifier: GPL-2.0
/*
 * serve.c - the netdump protocol, after the panic
 *
 * A plain loop answers requests in the order of arrival. The server retransmits; this side repeats
 * START only.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/elf.h>
#include <linux/elfcore.h>
#include <linux/kexec.h>
#include <linux/mm.h>
#include <linux/nmi.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/utsname.h>
#ifdef CONFIG_X86_64
#include <asm/msr.h>
#endif

#include "netdump.h"
#include "pack.h"

#define VERSION_FIRST	4	/* of START and LOG */
#define VERSION		5
#define START_PAUSE	1000000	/* us between two STARTs */
#define IDLE		5	/* us between two polls */
#define POLL_EVERY	8	/* requests: the receive ring must not overflow while they are served */
#define ZERO_RUN_MAX	1024	/* pages checked for one reply: a few hundred us */
#define REGS_TEXT	"Sending register info.\n"

static struct netpoll *np;
static u8 version = VERSION_FIRST;
static bool acknowledged;
static unsigned int extensions;	/* that the server accepted */
static u32 log_offset;

static u8 page[PAGE_SIZE] __aligned(PAGE_SIZE);
static struct nd_range zeros;	/* the last run of zero pages found */
static struct nd_pack_space pack_space;

static struct pt_regs oops_regs;
static struct task_struct *oops_task;
static elf_gregset_t regs;

/* -- time ----------------------------------------------------------------- */

static u64 clock_us, clock_raw;

/* The time since the panic. Without the timer tick, counters wrap (the 24 bits of the ACPI timer in
 * 5 s), so only small steps forward count.
 */
static void pass_time(void)
{
	u64 raw = ktime_get_mono_fast_ns();
	u64 step = raw - clock_raw;

	clock_raw = raw;
	clock_us += step < NSEC_PER_SEC ? div_u64(step, NSEC_PER_USEC) : IDLE;
	touch_nmi_watchdog();
}

/* -- replies -------------------------------------------------------------- */

/* Payload of the next reply; NULL: the device is stuck, and the reply is lost. */
static u8 *begin(void)
{
	u8 *buffer = nd_buffer(np);

	return buffer ? buffer + ND_HEADER : NULL;
}

static void put32(u8 *to, u32 value)
{
	__be32 big = cpu_to_be32(value);

	memcpy(to, &big, sizeof(big));
}

static void end(u8 *payload, u32 nr, enum nd_code code, u32 info, size_t len)
{
	u8 *head = payload - ND_HEADER;

	head[0] = version;
	put32(head + 1, nr);
	put32(head + 5, code);
	put32(head + 9, info);
	nd_send(np, ND_HEADER + len);
}

static __printf(4, 5) void say(u32 nr, enum nd_code code, u32 info, const char *format, ...)
{
	u8 *payload = begin();
	va_list args;
	int len;

	if (!payload)
		return;
	va_start(args, format);
	len = vscnprintf(payload, ND_CHUNK, format, args);
	va_end(args);
	end(payload, nr, code, info, len);
}

static void send_start(void)
{
	u8 kept = version;
	u32 size = 0;

	if (nd_extensions & ND_EXT_DATA)
		nd_vmcoreinfo(&size);
	version = VERSION_FIRST;
	say(ELF_ARCH, ND_R_START, VERSION,
	    "task_struct:0x%lx page_offset:0x%llx netdump_magic:0x%llx extensions:0x%x vmcoreinfo:0x%x cpu:0x%x pid:0x%x release:%s\n",
	    (unsigned long)current, (u64)PAGE_OFFSET, nd_magic, nd_extensions & ND_EXT_ALL, size,
	    raw_smp_processor_id(), task_pid_nr(current), init_utsname()->release);
	version = kept;
}

/* -- memory --------------------------------------------------------------- */

static void send_chunk(u32 nr, u32 offset)
{
	u8 *payload = begin();

	if (!payload)
		return;
	memcpy(payload, page + offset, ND_CHUNK);
	end(payload, nr, ND_R_MEM, offset, ND_CHUNK);
}

/* Sends the largest piece at offset that fits a datagram when compressed. Returns its size, or 0. */
static u32 send_packed(u32 nr, u32 offset)
{
	u8 *payload = begin();
	u32 piece;

	for (piece = 4 * ND_CHUNK; payload && piece > ND_CHUNK; piece /= 2) {
		unsigned int len;

		if (offset % piece)
			continue;
		len = nd_pack(&pack_space, page + offset, piece, payload, ND_PAYLOAD - ND_HEADER);
		if (!len)
			continue;
		end(payload, nr, ND_R_PACKED, offset | (piece / ND_CHUNK) << 16, len);
		return piece;
	}
	return 0;
}

static void send_page(u32 nr)
{
	u32 offset = 0;

	while (offset < PAGE_SIZE) {
		u32 sent = extensions & ND_EXT_PACKED ? send_packed(nr, offset) : 0;

		if (!sent) {
			send_chunk(nr, offset);
			sent = ND_CHUNK;
		}
		offset += sent;
	}
}

/* `page` contains the zero page pfn. Returns the number of zero pages from there on. */
static u32 zero_run(unsigned long pfn)
{
	unsigned long last = pfn + ZERO_RUN_MAX, next;

	if (pfn < zeros.first || pfn >= zeros.end) {
		for (next = pfn + 1; next < last; next++)
			if (nd_next_ram(next) != next || !nd_read(next, page) ||
			    memchr_inv(page, 0, PAGE_SIZE))
				break;
		zeros.first = pfn;
		zeros.end = next;
	}
	return zeros.end - pfn;
}

static void send_mem(u32 nr, u32 pfn)
{
	unsigned long next = nd_next_ram(pfn);

	if (pfn >= nd_nr_pages()) {
		say(nr, ND_R_ERROR, 0, "there is no page %#x, the last one is %#lx\n", pfn,
		    nd_nr_pages() - 1);
		return;
	}
	if (extensions & ND_EXT_ZERO && pfn >= zeros.first && pfn < zeros.end) {
		say(nr, ND_R_ZERO, zeros.end - pfn, "%s", "");
		return;
	}
	if (next == pfn && !nd_read(pfn, page))
		next = nd_next_ram(pfn + 1);
	if (next != pfn)
		say(nr, ND_R_RESERVED, next, "%s", "");
	else if (extensions & ND_EXT_ZERO && !memchr_inv(page, 0, PAGE_SIZE))
		say(nr, ND_R_ZERO, zero_run(pfn), "%s", "");
	else
		send_page(nr);
}

static void send_run(const struct nd_request *r)
{
	u32 i, n = clamp_t(u32, r->to, 1, ND_RUN_MAX);

	for (i = 0; i < n; i++)
		send_mem(r->nr + i, r->from + i);
}

/* -- other requests ------------------------------------------------------- */

/* The map of RAM in the format of the protocol. */
static void put_ranges(u8 *payload, u32 offset, u32 len)
{
	const struct nd_range *ranges;
	u32 i;

	nd_ranges(&ranges);
	for (i = 0; i < len; i += 8) {
		put32(payload + i, ranges[(offset + i) / 8].first);
		put32(payload + i + 4, ranges[(offset + i) / 8].end);
	}
}

static void send_data(const struct nd_request *r)
{
	const struct nd_range *ranges;
	const u8 *text = NULL;
	u32 size = 0, len;
	u8 *payload;

	if (r->to == ND_DATA_VMCOREINFO)
		text = nd_vmcoreinfo(&size);
	else if (r->to == ND_DATA_RAM)
		size = 8 * nd_ranges(&ranges);
	if (r->from > size || r->from % 8) {
		say(r->nr, ND_R_ERROR, r->command, "there are no such data\n");
		return;
	}
	payload = begin();
	if (!payload)
		return;
	len = min_t(u32, size - r->from, ND_CHUNK);
	if (text)
		memcpy(payload, text + r->from, len);
	else
		put_ranges(payload, r->from, len);
	end(payload, r->nr, ND_R_DATA, size, len);
}

/* In the format of the old clients: text, registers, and as many bytes of padding as the registers
 * begin with non-zero bytes. The server derives the size from it.
 */
static void send_regs(u32 nr)
{
	size_t text = strlen(REGS_TEXT), len;
	u8 *payload = begin();

	BUILD_BUG_ON(sizeof(REGS_TEXT) + 2 * sizeof(regs) > ND_CHUNK);
	if (!payload)
		return;
	memset(payload, 0, ND_CHUNK);
	memcpy(payload, REGS_TEXT, text);
	memcpy(payload + text, &regs, sizeof(regs));
	len = strnlen(payload, ND_CHUNK) + sizeof(regs);
	end(payload, nr, ND_R_REGS, nd_ram_pages(), len);
}

/* The kernel's log, including messages below the console's log level. */
static void send_log(void)
{
	static char line[ND_CHUNK];
	u8 kept = version, *payload = NULL;
	size_t used = 0, len;
	bool more = nd_log_line(line, sizeof(line), &len, true);

	version = VERSION_FIRST;
	while (more || used) {
		if (!payload)
			payload = begin();
		if (!payload)
			break;
		if (more && used + len <= ND_CHUNK) {
			memcpy(payload + used, line, len);
			used += len;
			more = nd_log_line(line, sizeof(line), &len, false);
			continue;
		}
		end(payload, 0, ND_R_LOG, log_offset, used);
		log_offset += used;
		payload = NULL;
		used = 0;
		udelay(50);	/* log text is not retransmitted */
	}
	version = kept;
}

static void reboot(void)
{
	pr_emerg("rebooting, as requested by the server\n");
	emergency_restart();
}

/* -- the course of a dump ------------------------------------------------- */

static void acknowledge(const struct nd_request *r)
{
	if ((r->from & 0xff) == 0) {	/* version 0: the server rejects the client */
		reboot();
		return;
	}
	version = min_t(u32, r->from & 0xff, VERSION);
	extensions = r->to & nd_extensions & ND_EXT_ALL;
	if (!acknowledged)
		pr_emerg("server replied (version %u, extensions %#x)\n", version, extensions);
	acknowledged = true;
}

/* false: the panic continues. */
static bool answer(const struct nd_request *r)
{
	switch (r->command) {
	case ND_NONE:
		break;
	case ND_SEND_MEM:
		send_mem(r->nr, r->from);
		break;
	case ND_EXIT:
		say(r->nr, ND_R_END, 0, "netdump ends, the panic goes on\n");
		return false;
	case ND_REBOOT:
		reboot();
		break;
	case ND_HELLO:
		say(r->nr, ND_R_HELLO, 4, "Hello from Linux %s\n", init_utsname()->release);
		break;
	case ND_GET_NR_PAGES:
		say(r->nr, ND_R_NR_PAGES, nd_nr_pages(), "%lu pages\n", nd_nr_pages());
		break;
	case ND_GET_PAGE_SIZE:
		say(r->nr, ND_R_PAGE_SIZE, PAGE_SIZE, "%lu bytes\n", PAGE_SIZE);
		break;
	case ND_START_ACK:
		acknowledge(r);
		break;
	case ND_GET_REGS:
		send_regs(r->nr);
		break;
	case ND_SHOW_STATE:
		send_log();
		say(r->nr, ND_R_SHOW_STATE, 0, "that was the log\n");
		break;
	case ND_GET_DATA:
		send_data(r);
		break;
	case ND_SEND_RUN:
		send_run(r);
		break;
	default:
		say(r->nr, ND_R_ERROR, r->command, "command %u is not known\n", r->command);
		break;
	}
	return true;
}

static void loop(void)
{
	u64 heard = clock_us, started = 0;
	bool waiting = false;	/* START is sent every second */
	struct nd_request r;
	unsigned int n = 0;

	acknowledged = false;
	for (;;) {
		u64 patience = (u64)nd_timeout * USEC_PER_SEC;

		if (n++ % POLL_EVERY == 0)
			nd_poll();
		pass_time();
		/* A restarted server without a journal of this dump needs a START. */
		waiting = !acknowledged || clock_us - heard > patience / 2;
		if (waiting && (!started || clock_us - started >= START_PAUSE)) {
			send_start();
			started = clock_us;
		}
		if (!nd_receive(&r)) {
			if (clock_us - heard > patience) {
				pr_emerg("no reply from the server for %u s\n", nd_timeout);
				return;
			}
			n = 0;
			udelay(IDLE);
			continue;
		}
		if (nd_magic && r.magic != nd_magic)
			continue;
		heard = clock_us;
		/* Requests before the ACK belong to an earlier dump. */
		if (!acknowledged && r.command != ND_START_ACK)
			continue;
		if (!answer(&r))
			return;
	}
}

void nd_announce(struct netpoll *device)
{
	static const char text[] = "[...network console startup...]\n";
	u8 *payload;

	np = device;
	payload = begin();
	if (!payload)
		return;
	memcpy(payload, text, strlen(text));
	end(payload, 0, ND_R_LOG, 0, strlen(text));
	log_offset = strlen(text);
}

void nd_save_regs(struct pt_regs *r)
{
	if (!r)
		return;
	oops_regs = *r;
	oops_task = current;
}

/* The registers in the layout of a core file. */
static void copy_regs(void)
{
#ifdef CONFIG_X86_64
	/* The kernel's own function uses symbols that are not exported. */
	struct user_regs_struct *user = (struct user_regs_struct *)&regs;

	BUILD_BUG_ON(offsetof(struct user_regs_struct, fs_base) != sizeof(oops_regs));
	memcpy(user, &oops_regs, sizeof(oops_regs));
	user->fs_base = __rdmsr(MSR_FS_BASE);
	user->gs_base = __rdmsr(MSR_GS_BASE);
#else
	elf_core_copy_regs(&regs, &oops_regs);
#endif
}

/* Without an oops: registers of the kernel function that called this module, so that a debugger can
 * unwind the stack without the module's debuginfo.
 */
static void caller_regs(const unsigned long *frame)
{
#ifdef CONFIG_X86_64
	memset(&oops_regs, 0, sizeof(oops_regs));
	oops_regs.bp = frame[0];
	oops_regs.ip = frame[1];
	oops_regs.sp = (unsigned long)(frame + 2);
	oops_regs.cs = __KERNEL_CS;
	oops_regs.ss = __KERNEL_DS;
	oops_regs.orig_ax = -1;
#else
	crash_setup_regs(&oops_regs, NULL);
#endif
}

void nd_serve(struct netpoll *device, const unsigned long *frame)
{
	np = device;
	if (oops_task != current)
		caller_regs(frame);
	copy_regs();
	clock_raw = ktime_get_mono_fast_ns();
	pr_emerg("dumping to the server, %lu pages\n", nd_ram_pages());
	nd_net_takeover(np);
	loop();
	nd_net_release();
	pr_emerg("not dumped, panic continues\n");
}
