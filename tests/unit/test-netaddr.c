/* test-netaddr.c - addresses in and out, order, and the rules of allow=.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static NetAddr parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    NetAddr a;

    if (!netaddr_parse(text, &a, &error))
        g_error("%s", error->message);
    return a;
}

static void test_text(void)
{
    static const struct {
        const char *in, *out; /* out NULL: refused */
    } cases[] = {
        {"10.0.0.5", "10.0.0.5"},
        {"255.255.255.255", "255.255.255.255"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::", "::"},
        {"::1", "::1"},
        {"::ffff:192.0.2.9", "192.0.2.9"},
        {"fe80::1", "fe80::1"},
        {"fe80::1%7", "fe80::1%7"},
        {"", NULL},
        {"10.0.0", NULL},
        {"10.0.0.256", NULL},
        {"10.0.0.5 ", NULL},
        {"010.0.0.5", NULL},
        {"0x0a000005", NULL},
        {"10.0.0.5:6666", NULL},
        {"10.0.0.5%1", NULL},
        {"[::1]", NULL},
        {"::1%1", NULL},
        {"fe80::1%", NULL},
        {"fe80::1%0", NULL},
        {"fe80::1%eth0", NULL},
        {"fe80::1%4294967296", NULL},
        {"localhost", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
        {"1111111111111111111111111111111111111111111111111111111111111111111111111111111111",
         NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        NetAddr a;
        char text[NETADDR_STRLEN];
        gboolean ok = netaddr_parse(cases[i].in, &a, &error);

        g_test_message("%s", cases[i].in);
        g_assert_true(ok == (cases[i].out != NULL));
        g_assert_true(ok == (error == NULL));
        if (ok)
            g_assert_cmpstr(netaddr_host_to_string(&a, text), ==, cases[i].out);
        else
            g_assert_true(error->domain == G_OPTION_ERROR);
    }
}

static void test_longest_text(void)
{
    NetAddr a = parse("fe80:2222:3333:4444:5555:6666:7777:8888%4294967295");
    char text[NETADDR_STRLEN];

    a.port = 65535;
    g_assert_cmpstr(netaddr_to_string(&a, text), ==,
                    "[fe80:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535");
    a = (NetAddr){0};
    g_assert_cmpstr(netaddr_host_to_string(&a, text), ==, "none");
    a = parse("10.0.0.5");
    a.port = 6666;
    g_assert_cmpstr(netaddr_to_string(&a, text), ==, "10.0.0.5:6666");
}

static void test_sockaddr(void)
{
    static const char *const texts[] = {"10.0.0.5", "2001:db8::5", "fe80::5%3"};
    struct sockaddr_storage sa;
    NetAddr a, b;

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        socklen_t len;
        a = parse(texts[i]);
        a.port = 6688;
        len = netaddr_to_sockaddr(&a, &sa);
        g_assert_true(netaddr_from_sockaddr((struct sockaddr *)&sa, len, &b));
        g_assert_true(netaddr_equal(&a, &b));
        g_assert_false(netaddr_from_sockaddr((struct sockaddr *)&sa, len - 1, &b));
        g_assert_cmpint(b.family, ==, NET_NONE);
    }
    memset(&sa, 0, sizeof sa);
    sa.ss_family = AF_UNIX;
    g_assert_false(netaddr_from_sockaddr((struct sockaddr *)&sa, sizeof sa, &a));
    g_assert_false(netaddr_from_sockaddr((struct sockaddr *)&sa, 0, &a));
    a = (NetAddr){0};
    g_assert_cmpuint(netaddr_to_sockaddr(&a, &sa), ==, 0);
}

/* A mapped address is IPv4; a scope counts for link-local addresses only. */
static void test_folding(void)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(6666)};
    NetAddr a, b = parse("192.0.2.9");

    inet_pton(AF_INET6, "::ffff:192.0.2.9", &in6.sin6_addr);
    g_assert_true(netaddr_from_sockaddr((struct sockaddr *)&in6, sizeof in6, &a));
    g_assert_true(netaddr_host_equal(&a, &b));
    g_assert_cmpuint(netaddr_host_hash(&a), ==, netaddr_host_hash(&b));
    g_assert_cmpuint(a.port, ==, 6666);

    inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
    in6.sin6_scope_id = 4;
    g_assert_true(netaddr_from_sockaddr((struct sockaddr *)&in6, sizeof in6, &a));
    g_assert_cmpuint(a.scope, ==, 0);
}

static void test_equal(void)
{
    static const char *const all[] = {"0.0.0.0",  "9.255.255.255", "10.0.0.5",    "255.0.0.0",
                                      "::",       "2001:db8::1",   "2001:db8::2", "fe80::1%1",
                                      "fe80::1%2"};
    NetAddr a, b;

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(all); j++) {
            a = parse(all[i]);
            b = parse(all[j]);
            g_assert_cmpint(netaddr_equal(&a, &b), ==, i == j);
            if (i == j)
                g_assert_cmpuint(netaddr_hash(&a), ==, netaddr_hash(&b));
        }
    a = b = parse("10.0.0.5");
    b.port = 1;
    g_assert_false(netaddr_equal(&a, &b));
    g_assert_true(netaddr_host_equal(&a, &b));
    g_assert_cmpuint(netaddr_hash(&a), !=, netaddr_hash(&b));
    g_assert_cmpuint(netaddr_host_hash(&a), ==, netaddr_host_hash(&b));
}

/* Neighbours, as machines of one rack are, spread over a small table. */
static void test_hash_spreads(void)
{
    guint buckets[64] = {0}, used = 0;
    NetAddr a = parse("10.0.0.0");

    for (guint i = 0; i < 256; i++) {
        a.bytes[3] = (guint8)i;
        used += buckets[netaddr_host_hash(&a) % 64]++ == 0;
    }
    g_assert_cmpuint(used, >=, 56);
}

static void test_any(void)
{
    NetAddr a = parse("0.0.0.0"), b = parse("::"), c = parse("0.0.0.1");

    g_assert_true(netaddr_is_any(&a));
    g_assert_true(netaddr_is_any(&b));
    g_assert_false(netaddr_is_any(&c));
}

static void test_rule_text(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"10.0.0.5", "10.0.0.5"},
        {"10.0.0.5/32", "10.0.0.5"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"::/0", "::/0"},
        {"2001:db8::/33", "2001:db8::/33"},
        {"10.0.0.5/24", NULL},
        {"10.0.0.128/24", NULL},
        {"2001:db8:8000::/32", NULL},
        {"10.0.0.0/33", NULL},
        {"10.0.0.0/", NULL},
        {"10.0.0.0/8/8", NULL},
        {"10.0.0.0/-1", NULL},
        {"::/129", NULL},
        {"/8", NULL},
        {"", NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        NetRule rule;
        char text[NETADDR_STRLEN];
        gboolean ok = netrule_parse(cases[i].in, &rule, &error);

        g_test_message("%s", cases[i].in);
        g_assert_true(ok == (cases[i].out != NULL));
        g_assert_true(ok == (error == NULL));
        if (ok)
            g_assert_cmpstr(netrule_to_string(&rule, text), ==, cases[i].out);
    }
}

static void test_rule_hint(void)
{
    g_autoptr(GError) error = NULL;
    NetRule rule;

    g_assert_false(netrule_parse("10.1.2.3/12", &rule, &error));
    g_assert_cmpstr(error->message, ==,
                    "\"10.1.2.3/12\" has host bits set; use 10.0.0.0/12 for the network, or omit "
                    "/12 for a single host");
}

static void test_match(void)
{
    static const struct {
        const char *rule, *addr;
        gboolean match;
    } cases[] = {
        {"10.0.0.0/8", "10.255.1.2", TRUE},
        {"10.0.0.0/8", "11.0.0.0", FALSE},
        {"10.0.0.0/9", "10.127.0.0", TRUE},
        {"10.0.0.0/9", "10.128.0.0", FALSE},
        {"10.0.0.5", "10.0.0.5", TRUE},
        {"10.0.0.5", "10.0.0.4", FALSE},
        {"0.0.0.0/0", "1.2.3.4", TRUE},
        {"0.0.0.0/0", "::1", FALSE},
        {"::/0", "1.2.3.4", FALSE},
        {"::/0", "fe80::1%2", TRUE},
        {"fe80::/10", "fe80::1%2", TRUE},
        {"fe80::1%2", "fe80::1%2", TRUE},
        {"fe80::1%2", "fe80::1%3", FALSE},
        {"2001:db8::/127", "2001:db8::1", TRUE},
        {"2001:db8::/127", "2001:db8::2", FALSE},
    };
    NetRule rules[2];
    NetAddr a = parse("1.2.3.4");

    g_assert_true(netrule_match(NULL, 0, &a));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s in %s", cases[i].addr, cases[i].rule);
        g_assert_true(netrule_parse("192.0.2.1", &rules[0], NULL));
        g_assert_true(netrule_parse(cases[i].rule, &rules[1], NULL));
        a = parse(cases[i].addr);
        g_assert_cmpint(netrule_match(rules, 2, &a), ==, cases[i].match);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/netaddr/text", test_text);
    g_test_add_func("/netaddr/longest-text", test_longest_text);
    g_test_add_func("/netaddr/sockaddr", test_sockaddr);
    g_test_add_func("/netaddr/folding", test_folding);
    g_test_add_func("/netaddr/equal", test_equal);
    g_test_add_func("/netaddr/hash-spreads", test_hash_spreads);
    g_test_add_func("/netaddr/any", test_any);
    g_test_add_func("/netrule/text", test_rule_text);
    g_test_add_func("/netrule/hint", test_rule_hint);
    g_test_add_func("/netrule/match", test_match);
    return g_test_run();
}
