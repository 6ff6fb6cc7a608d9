/* netaddr.c - IP addresses as plain bytes, and the rules of allow=.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const guint8 mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static gsize address_size(const NetAddr *a)
{
    return a->family == NET_IPV6 ? 16 : a->family == NET_IPV4 ? 4 : 0;
}

static gboolean is_link_local(const guint8 bytes[16])
{
    return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

static void set_ipv6(NetAddr *out, const guint8 bytes[16], guint32 scope)
{
    if (memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0) {
        out->family = NET_IPV4;
        memcpy(out->bytes, bytes + 12, 4);
        return;
    }
    out->family = NET_IPV6;
    memcpy(out->bytes, bytes, 16);
    /* The kernel fills sin6_scope_id for link-local addresses only; for other addresses it would
     * split one host into two. */
    out->scope = is_link_local(bytes) ? scope : 0;
}

gboolean netaddr_from_sockaddr(const struct sockaddr *sa, socklen_t len, NetAddr *out)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    memset(out, 0, sizeof *out);
    if (len < sizeof sa->sa_family)
        return FALSE;
    if (sa->sa_family == AF_INET && len >= sizeof in) {
        memcpy(&in, sa, sizeof in);
        out->family = NET_IPV4;
        out->port = ntohs(in.sin_port);
        memcpy(out->bytes, &in.sin_addr, 4);
        return TRUE;
    }
    if (sa->sa_family == AF_INET6 && len >= sizeof in6) {
        memcpy(&in6, sa, sizeof in6);
        out->port = ntohs(in6.sin6_port);
        set_ipv6(out, in6.sin6_addr.s6_addr, in6.sin6_scope_id);
        return TRUE;
    }
    return FALSE;
}

socklen_t netaddr_to_sockaddr(const NetAddr *a, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == NET_IPV4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&in.sin_addr, a->bytes, 4);
        memcpy(out, &in, sizeof in);
        return sizeof in;
    }
    if (a->family == NET_IPV6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
        in6.sin6_scope_id = a->scope;
        memcpy(&in6.sin6_addr, a->bytes, 16);
        memcpy(out, &in6, sizeof in6);
        return sizeof in6;
    }
    return 0;
}

static gboolean refuse(GError **error, const char *text)
{
    g_autofree char *shown = g_strescape(text, NULL);

    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "\"%.80s\" is not an IP address; use 10.0.0.5 or 2001:db8::5, not a host name",
                shown);
    return FALSE;
}

gboolean netaddr_parse(const char *text, NetAddr *out, GError **error)
{
    char host[INET6_ADDRSTRLEN];
    const char *percent = strchr(text, '%');
    gsize len = percent ? (gsize)(percent - text) : strlen(text);
    guint64 scope = 0;
    guint8 bytes[16];

    memset(out, 0, sizeof *out);
    if (len >= sizeof host)
        return refuse(error, text);
    memcpy(host, text, len);
    host[len] = '\0';

    if (!percent && inet_pton(AF_INET, host, out->bytes) == 1) {
        out->family = NET_IPV4;
        return TRUE;
    }
    if (inet_pton(AF_INET6, host, bytes) != 1)
        return refuse(error, text);
    if (percent && (!is_link_local(bytes) ||
                    !g_ascii_string_to_unsigned(percent + 1, 10, 1, G_MAXUINT32, &scope, NULL))) {
        g_autofree char *shown = g_strescape(text, NULL);
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "\"%.80s\": only a link-local address (fe80::) takes an interface index (%%2)",
                    shown);
        return FALSE;
    }
    set_ipv6(out, bytes, (guint32)scope);
    return TRUE;
}

const char *netaddr_host_to_string(const NetAddr *a, char out[NETADDR_STRLEN])
{
    if (a->family == NET_NONE ||
        !inet_ntop(a->family == NET_IPV6 ? AF_INET6 : AF_INET, a->bytes, out, INET6_ADDRSTRLEN)) {
        g_strlcpy(out, "none", NETADDR_STRLEN);
    } else if (a->scope) {
        gsize n = strlen(out);
        g_snprintf(out + n, (gulong)(NETADDR_STRLEN - n), "%%%u", a->scope);
    }
    return out;
}

const char *netaddr_to_string(const NetAddr *a, char out[NETADDR_STRLEN])
{
    char host[NETADDR_STRLEN];

    netaddr_host_to_string(a, host);
    g_snprintf(out, NETADDR_STRLEN, a->family == NET_IPV6 ? "[%.60s]:%u" : "%.60s:%u", host,
               a->port);
    return out;
}

gboolean netaddr_host_equal(gconstpointer pa, gconstpointer pb)
{
    const NetAddr *a = pa, *b = pb;

    return a->family == b->family && a->scope == b->scope &&
           memcmp(a->bytes, b->bytes, address_size(a)) == 0;
}

gboolean netaddr_equal(gconstpointer pa, gconstpointer pb)
{
    return netaddr_host_equal(pa, pb) && ((const NetAddr *)pa)->port == ((const NetAddr *)pb)->port;
}

/* Multiplies by 2^64 / golden ratio and folds the well-mixed upper half down: neighbours must not
 * end up in neighbouring buckets. */
static guint64 mix(guint64 h)
{
    h *= G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

guint netaddr_host_hash(gconstpointer p)
{
    const NetAddr *a = p;
    guint64 half[2] = {0, 0};

    memcpy(half, a->bytes, address_size(a));
    return (guint)mix(mix(half[0] ^ a->family) + half[1] + a->scope);
}

guint netaddr_hash(gconstpointer p)
{
    return (guint)mix(((guint64)((const NetAddr *)p)->port << 32) | netaddr_host_hash(p));
}

gboolean netaddr_is_any(const NetAddr *a)
{
    static const guint8 zero[16];

    return memcmp(a->bytes, zero, address_size(a)) == 0;
}

/* TRUE if a's first `bits` bits are b's. */
static gboolean same_prefix(const guint8 *a, const guint8 *b, guint bits)
{
    guint whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return FALSE;
    return rest == 0 || ((a[whole] ^ b[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

static void clear_behind(guint8 *bytes, gsize size, guint bits)
{
    for (gsize i = 0; i < size; i++) {
        guint keep = bits > i * 8 ? MIN(8, bits - (guint)i * 8) : 0;
        bytes[i] &= (guint8)(0xff00u >> keep);
    }
}

gboolean netrule_parse(const char *text, NetRule *out, GError **error)
{
    g_auto(GStrv) part = g_strsplit(text, "/", 2);
    guint64 bits;
    guint max;
    NetRule meant;
    char shown[NETADDR_STRLEN];

    memset(out, 0, sizeof *out);
    if (!part[0])
        return refuse(error, text);
    if (!netaddr_parse(part[0], &out->net, error))
        return FALSE;
    max = (guint)address_size(&out->net) * 8;
    bits = max;
    if (part[1] && !g_ascii_string_to_unsigned(part[1], 10, 0, max, &bits, NULL)) {
        g_autofree char *tail = g_strescape(part[1], NULL);
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "\"%s/%.40s\": the prefix length must be from 0 to %u",
                    netaddr_host_to_string(&out->net, shown), tail, max);
        return FALSE;
    }
    out->bits = (guint8)bits;
    meant = *out;
    clear_behind(meant.net.bytes, address_size(&meant.net), meant.bits);
    if (!netaddr_equal(&meant.net, &out->net)) {
        g_set_error(
            error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
            "\"%.80s\" has host bits set; use %s for the network, or omit /%u for a single host",
            text, netrule_to_string(&meant, shown), out->bits);
        return FALSE;
    }
    return TRUE;
}

const char *netrule_to_string(const NetRule *rule, char out[NETADDR_STRLEN])
{
    netaddr_host_to_string(&rule->net, out);
    if (rule->bits < address_size(&rule->net) * 8) {
        gsize n = strlen(out);
        g_snprintf(out + n, (gulong)(NETADDR_STRLEN - n), "/%u", rule->bits);
    }
    return out;
}

gboolean netrule_match(const NetRule *rules, gsize n, const NetAddr *a)
{
    for (gsize i = 0; i < n; i++) {
        const NetRule *r = &rules[i];
        if (r->net.family == a->family && same_prefix(r->net.bytes, a->bytes, r->bits) &&
            (r->net.scope == 0 || r->net.scope == a->scope))
            return TRUE;
    }
    return n == 0;
}
