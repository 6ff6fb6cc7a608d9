// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - parameters, notifiers, init and exit
 *
 * The dump starts from a kmsg dumper, which panic() calls after all panic notifiers: firmware stores
 * (pstore) have run, a crash kernel would have been booted, and the other CPUs are stopped. With
 * crash_kexec_post_notifiers the crash kernel is booted after this module. An oops without panic()
 * only saves its registers here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/kdebug.h>
#include <linux/kmsg_dump.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#include "netdump.h"

static char *netdump;
module_param(netdump, charp, 0444);
MODULE_PARM_DESC(netdump, "[source-port]@[source-ip]/[dev],[server-port]@server-ip/[server-or-gateway-mac]");

u64 nd_magic;
module_param_named(magic, nd_magic, ullong, 0600);
MODULE_PARM_DESC(magic, "number that requests must contain (0: none)");

unsigned int nd_timeout = ND_TIMEOUT;
module_param_named(timeout, nd_timeout, uint, 0644);
MODULE_PARM_DESC(timeout, "seconds without a request from the server before the panic continues");

unsigned int nd_extensions = ND_EXT_ALL;
module_param_named(extensions, nd_extensions, uint, 0644);
MODULE_PARM_DESC(extensions, "mask of extensions of protocol version 5 to offer");

static struct netpoll np;
static bool armed;

static int set_mac(const char *value, const struct kernel_param *kp)
{
	u8 mac[ETH_ALEN];

	if (!armed || !mac_pton(value, mac))
		return -EINVAL;
	ether_addr_copy(np.remote_mac, mac);
	return 0;
}

static int get_mac(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%pM\n", np.remote_mac);
}

static const struct kernel_param_ops mac_ops = {
	.set = set_mac,
	.get = get_mac,
};
module_param_cb(mac, &mac_ops, NULL, 0644);
MODULE_PARM_DESC(mac, "the server's or the gateway's MAC address; can be changed while loaded");

/* -- the panic ------------------------------------------------------------ */

static void dump(const unsigned long *frame)
{
	static atomic_t begun;

	if (!READ_ONCE(armed) || atomic_xchg(&begun, 1))
		return;
	nd_serve(&np, frame);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static noinline void on_panic(struct kmsg_dumper *dumper, struct kmsg_dump_detail *detail)
{
	if (detail->reason == KMSG_DUMP_PANIC)
		dump(__builtin_frame_address(0));
}
#else
static noinline void on_panic(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason)
{
	if (reason == KMSG_DUMP_PANIC)
		dump(__builtin_frame_address(0));
}
#endif

static struct kmsg_dumper dumper = {
	.dump = on_panic,
	.max_reason = KMSG_DUMP_PANIC,
};

bool nd_log_line(char *line, size_t size, size_t *len, bool rewind)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 13, 0)
	static struct kmsg_dump_iter iter;

	if (rewind)
		kmsg_dump_rewind(&iter);
	return kmsg_dump_get_line(&iter, false, line, size, len);
#else
	if (rewind)
		kmsg_dump_rewind(&dumper);
	return kmsg_dump_get_line(&dumper, false, line, size, len);
#endif
}

static int on_die(struct notifier_block *nb, unsigned long action, void *arg)
{
	struct die_args *args = arg;

	if (action == DIE_OOPS)
		nd_save_regs(args->regs);
	return NOTIFY_DONE;
}

static struct notifier_block die_notifier = {
	.notifier_call = on_die,
};

/* -- the device ----------------------------------------------------------- */

static void leave_device(struct work_struct *work)
{
	pr_warn("%s was removed, panics will not be dumped\n", np.dev_name);
	netpoll_cleanup(&np);
}

static DECLARE_WORK(leave_work, leave_device);

/* netpoll holds a reference; unregistering the device must not block. */
static int on_netdevice(struct notifier_block *nb, unsigned long event, void *arg)
{
	struct net_device *dev = netdev_notifier_info_to_dev(arg);

	if (event == NETDEV_UNREGISTER && dev == np.dev && armed) {
		WRITE_ONCE(armed, false);
		schedule_work(&leave_work);
	}
	return NOTIFY_DONE;
}

static struct notifier_block netdevice_notifier = {
	.notifier_call = on_netdevice,
};

static int __init netdump_init(void)
{
	int err;

	if (!netdump) {
		pr_err("parameter missing: netdump=[port]@[ip]/[dev],[port]@server-ip/[mac]\n");
		return -EINVAL;
	}
	err = nd_parse_target(netdump, &np);
	if (err)
		return err;
	err = nd_memory_init();
	if (err)
		return err;
	err = nd_net_init();
	if (err)
		goto no_net;
	err = netpoll_setup(&np);
	if (err) {
		pr_err("cannot use %s: error %d\n", np.dev_name, err);
		goto no_device;
	}
	armed = true;
	err = register_netdevice_notifier(&netdevice_notifier);
	if (err)
		goto no_notifier;
	register_die_notifier(&die_notifier);
	err = kmsg_dump_register(&dumper);
	if (err)
		goto no_dumper;
	nd_announce(&np);
	if (np.ipv6)
		pr_info("panics are dumped from %pI6c, %s to %pI6c port %u (%pM)\n",
			&np.local_ip.in6, np.dev_name, &np.remote_ip.in6, np.remote_port,
			np.remote_mac);
	else
		pr_info("panics are dumped from %pI4, %s to %pI4 port %u (%pM)\n",
			&np.local_ip.ip, np.dev_name, &np.remote_ip.ip, np.remote_port,
			np.remote_mac);
	return 0;

no_dumper:
	unregister_die_notifier(&die_notifier);
	unregister_netdevice_notifier(&netdevice_notifier);
no_notifier:
	netpoll_cleanup(&np);
no_device:
	nd_net_exit();
no_net:
	nd_memory_exit();
	return err;
}

static void __exit netdump_exit(void)
{
	kmsg_dump_unregister(&dumper);
	unregister_die_notifier(&die_notifier);
	unregister_netdevice_notifier(&netdevice_notifier);
	cancel_work_sync(&leave_work);
	netpoll_cleanup(&np);
	nd_net_exit();
	nd_memory_exit();
}

module_init(netdump_init);
module_exit(netdump_exit);

MODULE_DESCRIPTION("Dump memory to a netdump-server when the kernel panics");
MODULE_AUTHOR("The netdump-server authors");
MODULE_LICENSE("GPL");
