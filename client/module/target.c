// SPDX-License-Identifier: GPL-2.0
/*
 * target.c - the netdump= parameter, in netpoll's own syntax:
 *
 *	[src-port]@[src-ip]/[dev],[tgt-port]@<tgt-ip>/[tgt-mac]
 *
 * The kernel's own parser is not exported to modules in all versions.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/inet.h>
#include <linux/string.h>

#include "netdump.h"

static int parse_port(const char *text, u16 *port)
{
	if (!*text)
		return 0;
	if (kstrtou16(text, 10, port) || *port == 0) {
		pr_err("netdump=: '%s' is not a port\n", text);
		return -EINVAL;
	}
	return 0;
}

static int parse_ip(const char *text, union inet_addr *ip, bool *ipv6)
{
	const char *end;

	if (in4_pton(text, -1, (u8 *)&ip->in, '\0', &end) > 0 && !*end) {
		*ipv6 = false;
		return 0;
	}
	if (in6_pton(text, -1, ip->in6.s6_addr, '\0', &end) > 0 && !*end) {
		*ipv6 = true;
		return 0;
	}
	pr_err("netdump=: '%s' is not an IPv4 or IPv6 address\n", text);
	return -EINVAL;
}

/* Returns the part before the separator; *text is set to the character after it. */
static char *cut(char **text, char separator, const char *what)
{
	char *part = *text, *at = strchr(part, separator);

	if (!at) {
		pr_err("netdump=: no '%c' after %s; expected [port]@[ip]/[dev],[port]@ip/[mac]\n",
		       separator, what);
		return NULL;
	}
	*at = '\0';
	*text = at + 1;
	return part;
}

static int parse_source(char **text, struct netpoll *np, bool *has_ip)
{
	char *port = cut(text, '@', "the source port");
	char *ip = port ? cut(text, '/', "the source address") : NULL;
	char *dev = ip ? cut(text, ',', "the device") : NULL;

	if (!dev || parse_port(port, &np->local_port))
		return -EINVAL;
	*has_ip = *ip;
	if (*ip && parse_ip(ip, &np->local_ip, &np->ipv6))
		return -EINVAL;
	if (*dev && strscpy(np->dev_name, dev, sizeof(np->dev_name)) < 0) {
		pr_err("netdump=: device name '%s' is too long\n", dev);
		return -EINVAL;
	}
	return 0;
}

static int parse_server(char **text, struct netpoll *np, bool has_ip)
{
	char *port = cut(text, '@', "the server's port");
	char *ip = port ? cut(text, '/', "the server's address") : NULL;
	char *mac = *text;
	bool ipv6;

	if (!ip || parse_port(port, &np->remote_port) || parse_ip(ip, &np->remote_ip, &ipv6))
		return -EINVAL;
	if (has_ip && ipv6 != np->ipv6) {
		pr_err("netdump=: mixed IPv4 and IPv6 addresses\n");
		return -EINVAL;
	}
	np->ipv6 = ipv6;
	if (*mac && (!mac_pton(mac, np->remote_mac) || strlen(mac) != 3 * ETH_ALEN - 1)) {
		pr_err("netdump=: '%s' is not a MAC address\n", mac);
		return -EINVAL;
	}
	return 0;
}

int nd_parse_target(const char *text, struct netpoll *np)
{
	char copy[256], *at = copy;
	bool has_ip;

	memset(np, 0, sizeof(*np));
	np->name = KBUILD_MODNAME;
	np->local_port = ND_PORT;
	np->remote_port = ND_SERVER_PORT;
	strscpy(np->dev_name, "eth0", sizeof(np->dev_name));
	eth_broadcast_addr(np->remote_mac);

	if (strscpy(copy, text, sizeof(copy)) < 0) {
		pr_err("netdump=: value too long\n");
		return -EINVAL;
	}
	strim(copy);
	if (parse_source(&at, np, &has_ip))
		return -EINVAL;
	return parse_server(&at, np, has_ip);
}
