/* netaddr.h - an IP address with port as plain bytes, and the rules of allow=.
 *
 * No system call, no name resolution, no global. IPv4-mapped IPv6 addresses (::ffff:a.b.c.d) are
 * folded to IPv4 wherever an address comes in, so that one host has one address.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>

enum { NET_NONE = 0, NET_IPV4 = 4, NET_IPV6 = 6 };

typedef struct {
    guint8 family;    /* NET_NONE, NET_IPV4, NET_IPV6 */
    guint16 port;     /* host order; 0 if unused */
    guint32 scope;    /* interface index of a link-local IPv6 address, otherwise 0 */
    guint8 bytes[16]; /* network order; IPv4 uses the first 4, the others are 0 */
} NetAddr;

/* Room for every netaddr_*_to_string() result, its NUL included. */
#define NETADDR_STRLEN 72

/* FALSE, with *out set to NET_NONE, for another family or a len too short for its family. */
gboolean netaddr_from_sockaddr(const struct sockaddr *sa, socklen_t len, NetAddr *out);

/* Fills *out and returns its length; 0 for NET_NONE. */
socklen_t netaddr_to_sockaddr(const NetAddr *a, struct sockaddr_storage *out);

/* "10.0.0.5", "fe80::1%2" (the scope as an interface index); no port: out->port becomes 0. Error:
 * G_OPTION_ERROR_BAD_VALUE, here and below. */
gboolean netaddr_parse(const char *text, NetAddr *out, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The address without port as RFC 5952 writes it, "fe80::1%2" with scope, "none". Returns out. */
const char *netaddr_host_to_string(const NetAddr *a, char out[NETADDR_STRLEN]);

/* "10.0.0.5:6666", "[fe80::1%2]:6666". Returns out. */
const char *netaddr_to_string(const NetAddr *a, char out[NETADDR_STRLEN]);

/* For GHashTable; the port counts. The _host_ ones ignore it: one host, any port. */
gboolean netaddr_equal(gconstpointer a, gconstpointer b);
guint netaddr_hash(gconstpointer a);
gboolean netaddr_host_equal(gconstpointer a, gconstpointer b);
guint netaddr_host_hash(gconstpointer a);

/* TRUE for 0.0.0.0 and ::, and for NET_NONE. */
gboolean netaddr_is_any(const NetAddr *a);

/* One entry of allow=: the network's address and the number of its leading bits that count. */
typedef struct {
    NetAddr net; /* port 0 */
    guint8 bits; /* 0..32 for IPv4, 0..128 for IPv6 */
} NetRule;

/* "10.0.0.0/8", "10.0.0.5", "2001:db8::/32". Host bits are an error whose message contains the
 * network. */
gboolean netrule_parse(const char *text, NetRule *out, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "10.0.0.0/8"; a single address without its length. Returns out. */
const char *netrule_to_string(const NetRule *rule, char out[NETADDR_STRLEN]);

/* TRUE if one of the n rules covers the address; with n == 0 every address is covered. */
gboolean netrule_match(const NetRule *rules, gsize n, const NetAddr *a);
