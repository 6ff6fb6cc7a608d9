// SPDX-License-Identifier: GPL-2.0
/*
 * net.c - frames: buffers, sending, polling the device, receiving
 *
 * After the panic interrupts are off, the other CPUs are stopped, and nothing is scheduled. So this
 * code polls the device's NAPI contexts directly, and answers ARP and neighbour discovery itself.
 * Frames are sent in buffers that were allocated when the module was loaded; a reference to each is
 * kept, so that the driver's free returns it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>
#include <linux/version.h>
#include <net/ip6_checksum.h>
#include <net/ndisc.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#include <net/netdev_rx_queue.h>
#endif

#include "netdump.h"

#define BUFFERS		256	/* frames in the device's ring */
#define HEADROOM	128	/* for headers of drivers: virtio_net, VLAN tags */
#define HEADERS		(ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct udphdr))
#define REQUEST		24	/* bytes */
#define QUEUE		512	/* pending requests: more than any server has in flight */
#define BUDGET		64	/* frames a poll */
#define MAX_DEVICES	8	/* the device and its lower devices: VLAN, bond, bridge */
#define STUCK		20000	/* polls, 10 us each, until the device counts as stuck */

struct arp_frame {
	struct arphdr head;
	u8 sender[ETH_ALEN];
	__be32 sender_ip;
	u8 target[ETH_ALEN];
	__be32 target_ip;
} __packed;

struct solicitation {
	struct ipv6hdr ip;
	struct nd_msg nd;	/* ICMPv6 header and target address */
} __packed;

struct advertisement {
	struct nd_msg nd;
	u8 option, units;
	u8 mac[ETH_ALEN];
} __packed;

struct neighbour_question {
	bool open, ipv6;
	u8 mac[ETH_ALEN];
	union inet_addr ip;
};

static struct sk_buff *buffers[BUFFERS];
static unsigned int next_buffer;

static struct nd_request queue[QUEUE];
static unsigned int queue_head, queue_tail;

static struct net_device *devices[MAX_DEVICES];
static unsigned int n_devices;
static struct netpoll *active;	/* set by the takeover */
static struct neighbour_question question;

static void free_buffers(void)
{
	unsigned int i;

	for (i = 0; i < BUFFERS; i++)
		kfree_skb(buffers[i]);
}

int nd_net_init(void)
{
	unsigned int i;

	for (i = 0; i < BUFFERS; i++) {
		buffers[i] = alloc_skb(HEADROOM + HEADERS + ND_PAYLOAD, GFP_KERNEL);
		if (!buffers[i]) {
			free_buffers();
			return -ENOMEM;
		}
	}
	return 0;
}

void nd_net_exit(void)
{
	free_buffers();
}

/* -- receiving ------------------------------------------------------------ */

static bool from_server(const struct sk_buff *skb, unsigned int *offset, unsigned int *len)
{
	struct ipv6hdr h6;
	struct iphdr h4;

	if (skb->protocol == htons(ETH_P_IP) && !active->ipv6) {
		if (skb_copy_bits(skb, 0, &h4, sizeof(h4)) || h4.version != 4 || h4.ihl < 5 ||
		    h4.protocol != IPPROTO_UDP || (h4.frag_off & htons(0x3fff)) ||
		    h4.saddr != active->remote_ip.ip || h4.daddr != active->local_ip.ip)
			return false;
		*offset = h4.ihl * 4;
		*len = ntohs(h4.tot_len) - min_t(unsigned int, *offset, ntohs(h4.tot_len));
		return true;
	}
	if (skb->protocol == htons(ETH_P_IPV6) && active->ipv6) {
		if (skb_copy_bits(skb, 0, &h6, sizeof(h6)) || h6.version != 6 ||
		    h6.nexthdr != IPPROTO_UDP ||
		    !ipv6_addr_equal(&h6.saddr, &active->remote_ip.in6) ||
		    !ipv6_addr_equal(&h6.daddr, &active->local_ip.in6))
			return false;
		*offset = sizeof(h6);
		*len = ntohs(h6.payload_len);
		return true;
	}
	return false;
}

static bool checksum_ok(const struct sk_buff *skb, const void *datagram, unsigned int len)
{
	const struct udphdr *udp = datagram;
	__wsum sum;

	if (skb->ip_summed == CHECKSUM_PARTIAL || skb->ip_summed == CHECKSUM_UNNECESSARY ||
	    (!udp->check && !active->ipv6))
		return true;
	sum = csum_partial(datagram, len, 0);
	if (active->ipv6)
		return !csum_ipv6_magic(&active->remote_ip.in6, &active->local_ip.in6, len,
					IPPROTO_UDP, sum);
	return !csum_tcpudp_magic(active->remote_ip.ip, active->local_ip.ip, len, IPPROTO_UDP, sum);
}

static void take_request(const struct sk_buff *skb)
{
	u8 datagram[sizeof(struct udphdr) + REQUEST + 40];
	const struct udphdr *udp = (const struct udphdr *)datagram;
	const __be32 *word = (const __be32 *)(datagram + sizeof(*udp));
	unsigned int offset, len;

	if (!from_server(skb, &offset, &len) || len < sizeof(*udp) + REQUEST ||
	    len > sizeof(datagram) || skb_copy_bits(skb, offset, datagram, len))
		return;
	if (ntohs(udp->dest) != active->local_port || ntohs(udp->len) != len ||
	    !checksum_ok(skb, datagram, len))
		return;
	if (queue_head - queue_tail == QUEUE)
		return;
	queue[queue_head++ % QUEUE] = (struct nd_request){
		.magic = (u64)ntohl(word[0]) << 32 | ntohl(word[1]),
		.nr = ntohl(word[2]),
		.command = ntohl(word[3]),
		.from = ntohl(word[4]),
		.to = ntohl(word[5]),
	};
}

static void take_arp(const struct sk_buff *skb)
{
	struct arp_frame arp;

	if (active->ipv6 || skb_copy_bits(skb, 0, &arp, sizeof(arp)) ||
	    arp.head.ar_op != htons(ARPOP_REQUEST) || arp.head.ar_pro != htons(ETH_P_IP) ||
	    arp.head.ar_hln != ETH_ALEN || arp.target_ip != active->local_ip.ip)
		return;
	question.ipv6 = false;
	ether_addr_copy(question.mac, arp.sender);
	question.ip.ip = arp.sender_ip;
	question.open = true;
}

static void take_solicitation(const struct sk_buff *skb)
{
	struct solicitation s;
	u8 mac[ETH_ALEN];

	if (!active->ipv6 || skb_copy_bits(skb, 0, &s, sizeof(s)) ||
	    s.ip.nexthdr != IPPROTO_ICMPV6 || s.ip.hop_limit != 255 ||
	    s.nd.icmph.icmp6_type != NDISC_NEIGHBOUR_SOLICITATION ||
	    !ipv6_addr_equal(&s.nd.target, &active->local_ip.in6) || ipv6_addr_any(&s.ip.saddr))
		return;
	/* The source link-layer option can be missing; the frame has the address too. */
	if (skb_mac_header_was_set(skb))
		ether_addr_copy(mac, eth_hdr(skb)->h_source);
	else
		ether_addr_copy(mac, active->remote_mac);
	question.ipv6 = true;
	ether_addr_copy(question.mac, mac);
	question.ip.in6 = s.ip.saddr;
	question.open = true;
}

static rx_handler_result_t on_frame(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;

	if (!active)
		return RX_HANDLER_PASS;
	if (skb->protocol == htons(ETH_P_ARP)) {
		take_arp(skb);
	} else {
		take_request(skb);
		if (skb->protocol == htons(ETH_P_IPV6))
			take_solicitation(skb);
	}
	kfree_skb(skb);
	return RX_HANDLER_CONSUMED;
}

bool nd_receive(struct nd_request *request)
{
	if (queue_head == queue_tail)
		return false;
	*request = queue[queue_tail++ % QUEUE];
	return true;
}

/* -- the device ----------------------------------------------------------- */

static int add_device(struct net_device *dev, struct netdev_nested_priv *priv)
{
	if (n_devices < MAX_DEVICES)
		devices[n_devices++] = dev;
	return 0;
}

/* Locks and flags of stopped CPUs, or of the code that was interrupted by the panic. */
static void free_device(struct net_device *dev)
{
	struct napi_struct *napi;
	unsigned int i;

	for (i = 0; i < dev->num_tx_queues; i++) {
		struct netdev_queue *txq = netdev_get_tx_queue(dev, i);

		if (spin_is_locked(&txq->_xmit_lock)) {
			spin_lock_init(&txq->_xmit_lock);
			txq->xmit_lock_owner = -1;
		}
	}
	list_for_each_entry_rcu(napi, &dev->napi_list, dev_list)
		WRITE_ONCE(napi->poll_owner, -1);
#ifdef CONFIG_RPS
	/* A frame that is steered to another CPU would be lost. */
	for (i = 0; i < dev->num_rx_queues; i++) {
		RCU_INIT_POINTER(dev->_rx[i].rps_map, NULL);
		RCU_INIT_POINTER(dev->_rx[i].rps_flow_table, NULL);
	}
#endif
}

/* From now on all frames are handled here; no other receiver runs. */
void nd_net_takeover(struct netpoll *np) __acquires(RCU)
{
	struct netdev_nested_priv priv = {};
	unsigned int i;

	/* Frame handlers expect softirq context; no softirq must be started. */
	local_bh_disable();
	rcu_read_lock();
	add_device(np->dev, &priv);
	netdev_walk_all_lower_dev_rcu(np->dev, add_device, &priv);
	active = np;
	for (i = 0; i < n_devices; i++) {
		free_device(devices[i]);
		RCU_INIT_POINTER(devices[i]->rx_handler_data, NULL);
		RCU_INIT_POINTER(devices[i]->rx_handler, on_frame);
	}
}

/* The device is not restored: panic() continues with a reboot or the crash kernel. */
void nd_net_release(void) __releases(RCU)
{
	active = NULL;
	rcu_read_unlock();
}

static void poll_device(struct net_device *dev)
{
	const unsigned long disabled = BIT(NAPI_STATE_SCHED) | BIT(NAPI_STATE_NPSVC);
	struct napi_struct *napi;

	list_for_each_entry_rcu(napi, &dev->napi_list, dev_list) {
		if ((READ_ONCE(napi->state) & disabled) == disabled)
			continue;
		set_bit(NAPI_STATE_SCHED, &napi->state);
		napi->poll(napi, BUDGET);
		clear_bit(NAPI_STATE_SCHED, &napi->state);
	}
}

static void answer_question(void);

void nd_poll(void)
{
	unsigned int i;

	for (i = 0; i < n_devices; i++)
		poll_device(devices[i]);
	if (question.open)
		answer_question();
}

/* -- sending -------------------------------------------------------------- */

/* A buffer that the device has released. */
static struct sk_buff *free_buffer(void)
{
	unsigned int i, polls;

	for (polls = 0; polls < STUCK; polls++) {
		for (i = 0; i < BUFFERS; i++) {
			struct sk_buff *skb = buffers[(next_buffer + i) % BUFFERS];

			if (refcount_read(&skb->users) == 1) {
				next_buffer = (next_buffer + i) % BUFFERS;
				return skb;
			}
		}
		for (i = 0; i < n_devices; i++)
			poll_device(devices[i]);
		udelay(10);
	}
	return NULL;
}

static struct sk_buff *fresh_buffer(struct net_device *dev)
{
	struct sk_buff *skb = free_buffer();

	if (!skb)
		return NULL;
	skb->data = skb->head + HEADROOM + HEADERS;
	skb_reset_tail_pointer(skb);
	skb->len = 0;
	skb->data_len = 0;
	skb->dev = dev;
	skb->next = NULL;
	skb->prev = NULL;
	skb->ip_summed = CHECKSUM_NONE;
	skb->queue_mapping = 0;
	skb_shinfo(skb)->nr_frags = 0;
	skb_shinfo(skb)->tx_flags = 0;
	memset(skb->cb, 0, sizeof(skb->cb));
	__vlan_hwaccel_clear_tag(skb);
	return skb;
}

/* Unsent frames would block all later ones, because the work item that sends them never runs again.
 * The server retransmits its requests.
 */
static void drop_unsent(struct net_device *dev)
{
	struct netpoll_info *info = rcu_dereference_raw(dev->npinfo);

	while (info && !skb_queue_empty(&info->txq)) {
		struct sk_buff *skb = __skb_dequeue(&info->txq);
		unsigned int i;

		for (i = 0; i < BUFFERS; i++)
			if (skb == buffers[i])
				refcount_dec(&skb->users);
	}
}

static void transmit(struct netpoll *np, struct sk_buff *skb, const u8 *mac, __be16 protocol)
{
	struct ethhdr *eth;
	unsigned long flags;

	skb_reset_network_header(skb);
	eth = skb_push(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, mac);
	ether_addr_copy(eth->h_source, np->dev->dev_addr);
	eth->h_proto = protocol;
	skb->protocol = protocol;
	skb_reset_mac_header(skb);
	next_buffer++;
	skb_get(skb);
	local_irq_save(flags);
	if (active)
		drop_unsent(np->dev);
	netpoll_send_skb(np, skb);
	local_irq_restore(flags);
}

static void push_ip(struct netpoll *np, struct sk_buff *skb)
{
	struct iphdr *ip = skb_push(skb, sizeof(*ip));

	*ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.tot_len = htons(skb->len),
		.ttl = 64,
		.frag_off = htons(IP_DF),
		.protocol = IPPROTO_UDP,
		.saddr = np->local_ip.ip,
		.daddr = np->remote_ip.ip,
	};
	ip->check = ip_fast_csum(ip, ip->ihl);
}

static void push_ipv6(const struct in6_addr *from, const struct in6_addr *to, struct sk_buff *skb,
		      u8 protocol)
{
	struct ipv6hdr *ip = skb_push(skb, sizeof(*ip));

	*ip = (struct ipv6hdr){
		.version = 6,
		.payload_len = htons(skb->len - sizeof(*ip)),
		.nexthdr = protocol,
		.hop_limit = 255,
		.saddr = *from,
		.daddr = *to,
	};
}

u8 *nd_buffer(struct netpoll *np)
{
	struct sk_buff *skb = fresh_buffer(np->dev);

	return skb ? skb->data : NULL;
}

void nd_send(struct netpoll *np, size_t len)
{
	struct sk_buff *skb = buffers[next_buffer % BUFFERS];
	struct udphdr *udp;
	__wsum sum;

	skb_put(skb, len);
	udp = skb_push(skb, sizeof(*udp));
	skb_reset_transport_header(skb);
	udp->source = htons(np->local_port);
	udp->dest = htons(np->remote_port);
	udp->len = htons(skb->len);
	udp->check = 0;
	sum = csum_partial(udp, skb->len, 0);
	if (np->ipv6)
		udp->check = csum_ipv6_magic(&np->local_ip.in6, &np->remote_ip.in6, skb->len,
					     IPPROTO_UDP, sum);
	else
		udp->check = csum_tcpudp_magic(np->local_ip.ip, np->remote_ip.ip, skb->len,
					       IPPROTO_UDP, sum);
	if (!udp->check)
		udp->check = CSUM_MANGLED_0;
	if (np->ipv6)
		push_ipv6(&np->local_ip.in6, &np->remote_ip.in6, skb, IPPROTO_UDP);
	else
		push_ip(np, skb);
	transmit(np, skb, np->remote_mac, htons(np->ipv6 ? ETH_P_IPV6 : ETH_P_IP));
}

static void answer_arp(struct sk_buff *skb)
{
	struct arp_frame *arp = skb_put(skb, sizeof(*arp));

	arp->head = (struct arphdr){
		.ar_hrd = htons(ARPHRD_ETHER),
		.ar_pro = htons(ETH_P_IP),
		.ar_hln = ETH_ALEN,
		.ar_pln = sizeof(__be32),
		.ar_op = htons(ARPOP_REPLY),
	};
	ether_addr_copy(arp->sender, active->dev->dev_addr);
	arp->sender_ip = active->local_ip.ip;
	ether_addr_copy(arp->target, question.mac);
	arp->target_ip = question.ip.ip;
	transmit(active, skb, question.mac, htons(ETH_P_ARP));
}

static void answer_solicitation(struct sk_buff *skb)
{
	struct advertisement *p = skb_put_zero(skb, sizeof(*p));

	p->nd.icmph.icmp6_type = NDISC_NEIGHBOUR_ADVERTISEMENT;
	p->nd.icmph.icmp6_solicited = 1;
	p->nd.icmph.icmp6_override = 1;
	p->nd.target = active->local_ip.in6;
	p->option = ND_OPT_TARGET_LL_ADDR;
	p->units = 1;
	ether_addr_copy(p->mac, active->dev->dev_addr);
	p->nd.icmph.icmp6_cksum =
		csum_ipv6_magic(&active->local_ip.in6, &question.ip.in6, sizeof(*p),
				IPPROTO_ICMPV6, csum_partial(p, sizeof(*p), 0));
	push_ipv6(&active->local_ip.in6, &question.ip.in6, skb, IPPROTO_ICMPV6);
	transmit(active, skb, question.mac, htons(ETH_P_IPV6));
}

static void answer_question(void)
{
	struct sk_buff *skb = fresh_buffer(active->dev);

	question.open = false;
	if (!skb)
		return;
	if (question.ipv6)
		answer_solicitation(skb);
	else
		answer_arp(skb);
}
