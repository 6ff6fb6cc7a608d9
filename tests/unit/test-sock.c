/* test-sock.c - real datagrams over loopback: batches, local addresses, coalescing, drops.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/net/sock_internal.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATAGRAM_MAX 2048

/* What has been received. */
typedef struct {
    Sock *sock;
    guint n;
    gsize bytes;
    NetAddr from, local; /* of the last one */
    guint8 data[4096];
    gsize len;
    gboolean answer; /* send each one's first bytes back */
    guint wrong;     /* datagrams that are not what send_numbered() sends */
    guint32 next;
} Seen;

static void on_datagram(gpointer user, const SockDatagram *d)
{
    Seen *seen = user;

    seen->n++;
    seen->bytes += d->len;
    seen->from = *d->from;
    seen->local = *d->local;
    seen->len = d->len;
    memcpy(seen->data, d->data, MIN(d->len, DATAGRAM_MAX));
    if (seen->answer)
        sock_queue(seen->sock, d->local, d->from, d->data, MIN(d->len, LIMIT_SEND));
}

static Sock *open_sock_for(const char *addr, gsize datagram_max)
{
    g_autoptr(GError) error = NULL;
    NetAddr a = {0};
    SockOptions options = {.addr = &a, .datagram_max = datagram_max};
    Sock *s;

    if (addr && !netaddr_parse(addr, &a, &error))
        g_error("%s", error->message);
    s = sock_open(&options, &error);
    g_assert_no_error(error);
    return s;
}

static Sock *open_sock(const char *addr)
{
    return open_sock_for(addr, DATAGRAM_MAX);
}

/* As on a kernel without UDP_GRO. */
static void switch_gro_off(const Sock *s)
{
    int no = 0;

    for (guint i = 0; s->gro && i < s->n_ports; i++)
        g_assert_cmpint(setsockopt(s->ports[i].fd, IPPROTO_UDP, UDP_GRO, &no, sizeof no), ==, 0);
}

/* A client's socket, bound to `from` and connected to nobody. */
static int client(const char *from)
{
    NetAddr a;
    struct sockaddr_storage sa;
    socklen_t len;
    int fd;

    g_assert_true(netaddr_parse(from, &a, NULL));
    len = netaddr_to_sockaddr(&a, &sa);
    fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void send_to(int fd, const char *host, guint16 port, const void *data, gsize len)
{
    NetAddr a;
    struct sockaddr_storage sa;
    socklen_t sa_len;

    g_assert_true(netaddr_parse(host, &a, NULL));
    a.port = port;
    sa_len = netaddr_to_sockaddr(&a, &sa);
    g_assert_cmpint(sendto(fd, data, len, 0, (struct sockaddr *)&sa, sa_len), ==, (gssize)len);
}

/* Up to a minute for something to read: on loopback it is there at once. */
static gboolean readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 60000) == 1;
}

/* One datagram and whom it came from; its length. */
static gssize receive(int fd, void *data, gsize size, char from[NETADDR_STRLEN])
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    NetAddr a;
    gssize n;

    g_assert_true(readable(fd));
    n = recvfrom(fd, data, size, 0, (struct sockaddr *)&sa, &len);
    g_assert_true(netaddr_from_sockaddr((struct sockaddr *)&sa, len, &a));
    netaddr_to_string(&a, from);
    return n;
}

static void wait_sock(const Sock *s)
{
    fd_set set;
    int max = -1;
    struct timeval tv = {.tv_sec = 2};

    FD_ZERO(&set);
    sock_add_fds(s, &set, &max);
    g_assert_cmpint(select(max + 1, &set, NULL, NULL, &tv), >, 0);
    g_assert_true(sock_is_ready(s, &set));
}

static gboolean have_ipv6(void)
{
    int fd = client("::1");

    if (fd < 0) {
        g_test_skip("no IPv6 on this host");
        return FALSE;
    }
    close(fd);
    return TRUE;
}

/* An answer comes from the address and port that was written to: RHEL 3 ignores it otherwise. */
static void test_local_address(void)
{
    static const char *const ours[] = {"127.0.0.1", "127.0.0.9"};
    g_autoptr(Sock) s = open_sock(NULL);
    Seen seen = {.sock = s, .answer = TRUE};
    int fd = client("127.0.0.5");

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpuint(sock_port(s), !=, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(ours); i++) {
        g_autofree char *want = g_strdup_printf("%s:%u", ours[i], sock_port(s));
        char text[NETADDR_STRLEN], data[8];

        send_to(fd, ours[i], sock_port(s), "ping", 4);
        wait_sock(s);
        g_assert_cmpuint(sock_receive(s, on_datagram, &seen), ==, 1);
        g_assert_cmpstr(netaddr_to_string(&seen.local, text), ==, want);
        g_assert_cmpstr(netaddr_host_to_string(&seen.from, text), ==, "127.0.0.5");
        sock_flush(s);
        g_assert_cmpint(receive(fd, data, sizeof data, text), ==, 4);
        g_assert_cmpstr(text, ==, want);
    }
    g_assert_cmpuint(sock_receive(s, on_datagram, &seen), ==, 0);
    g_assert_cmpuint(sock_stats(s)->received, ==, 2);
    g_assert_cmpuint(sock_stats(s)->sent, ==, 2);
    close(fd);
}

/* Several answers to one machine: each from the right address. */
static void test_ipv6(void)
{
    g_autoptr(Sock) s = open_sock(NULL);
    Seen seen = {.sock = s, .answer = TRUE};
    g_autofree char *want = g_strdup_printf("[::1]:%u", sock_port(s));
    char text[NETADDR_STRLEN], data[8];
    int fd;

    if (!have_ipv6())
        return;
    fd = client("::1");
    for (int i = 0; i < 5; i++)
        send_to(fd, "::1", sock_port(s), "ping", 4);
    wait_sock(s);
    g_assert_cmpuint(sock_receive(s, on_datagram, &seen), ==, 5);
    g_assert_cmpstr(netaddr_to_string(&seen.local, text), ==, want);
    sock_flush(s);
    for (int i = 0; i < 5; i++) {
        g_assert_cmpint(receive(fd, data, sizeof data, text), ==, 4);
        g_assert_cmpstr(text, ==, want);
    }
    close(fd);
}

/* Both families at once: neither starves, each is answered on its own socket. */
static void test_both_families(void)
{
    g_autoptr(Sock) s = open_sock(NULL);
    Seen seen = {.sock = s, .answer = TRUE};
    char text[NETADDR_STRLEN], data[8];
    int fd4 = client("127.0.0.1"), fd6;

    if (!have_ipv6())
        return;
    fd6 = client("::1");
    for (int i = 0; i < 100; i++) {
        send_to(fd4, "127.0.0.1", sock_port(s), "four", 4);
        send_to(fd6, "::1", sock_port(s), "six", 3);
    }
    wait_sock(s);
    while (sock_receive(s, on_datagram, &seen) > 0)
        ;
    sock_flush(s);
    g_assert_cmpuint(seen.n, ==, 200);
    for (int i = 0; i < 100; i++) {
        g_assert_cmpint(receive(fd4, data, sizeof data, text), ==, 4);
        g_assert_cmpint(receive(fd6, data, sizeof data, text), ==, 3);
    }
    close(fd4);
    close(fd6);
}

static void test_one_address(void)
{
    g_autoptr(Sock) s = open_sock("127.0.0.9");
    Seen seen = {.sock = s};
    int fd = client("127.0.0.1");
    char text[NETADDR_STRLEN];

    send_to(fd, "127.0.0.9", sock_port(s), "yes", 3);
    send_to(fd, "127.0.0.8", sock_port(s), "no", 2);
    wait_sock(s);
    g_assert_cmpuint(sock_receive(s, on_datagram, &seen), ==, 1);
    g_assert_cmpuint(seen.len, ==, 3);
    g_assert_cmpstr(netaddr_host_to_string(&seen.local, text), ==, "127.0.0.9");
    close(fd);
}

/* A machine that is answered without ever having written to this server, as after a restart. */
static void test_no_local(void)
{
    g_autoptr(Sock) s = open_sock(NULL);
    int fd = client("127.0.0.5");
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    NetAddr to, none = {0};
    char text[NETADDR_STRLEN], data[8];

    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sa, &len), ==, 0);
    g_assert_true(netaddr_from_sockaddr((struct sockaddr *)&sa, len, &to));
    sock_queue(s, &none, &to, (const guint8 *)"ping", 4);
    sock_flush(s);
    g_assert_cmpint(receive(fd, data, sizeof data, text), ==, 4);
    close(fd);
}

static void test_in_use(void)
{
    g_autoptr(Sock) s = open_sock("127.0.0.1");
    SockOptions options = {.port = sock_port(s), .datagram_max = DATAGRAM_MAX};
    g_autoptr(GError) error = NULL;
    g_autofree char *want = g_strdup_printf("UDP port %u (IPv4) is already in use", sock_port(s));

    g_assert_null(sock_open(&options, &error));
    g_assert_nonnull(error);
    g_assert_true(g_str_has_prefix(error->message, want));
    g_assert_nonnull(strstr(error->message, "ss -ulpn"));
}

static void test_not_our_address(void)
{
    g_autoptr(GError) error = NULL;
    NetAddr a;
    SockOptions options = {.addr = &a, .datagram_max = DATAGRAM_MAX};

    g_assert_true(netaddr_parse("192.0.2.77", &a, NULL));
    g_assert_null(sock_open(&options, &error));
    g_assert_nonnull(error);
    g_assert_true(g_str_has_prefix(error->message,
                                   "cannot listen on 192.0.2.77: not an address of this host"));
}

/* More than a batch, in order and whole; plain or coalesced by the kernel where it can. */
static void numbered(gpointer user, const SockDatagram *d)
{
    Seen *seen = user;
    guint32 n = 0;
    gboolean ok = d->len == 1037 || d->len == 500;

    memcpy(&n, d->data, sizeof n);
    ok = ok && n == seen->next++;
    for (gsize i = sizeof n; ok && i < d->len; i++)
        ok = d->data[i] == (guint8)(n + i);
    seen->wrong += ok ? 0 : 1;
    seen->n++;
}

static void fill_numbered(guint8 *data, guint32 n, gsize len)
{
    for (gsize i = sizeof n; i < len; i++)
        data[i] = (guint8)(n + i);
    memcpy(data, &n, sizeof n);
}

static void test_batches(void)
{
    g_autoptr(Sock) s = open_sock("127.0.0.1");
    Seen seen = {.sock = s};
    guint8 data[1037];
    int fd = client("127.0.0.1");
    guint calls = 0;

    for (guint32 i = 0; i < 150; i++) {
        fill_numbered(data, i, sizeof data);
        send_to(fd, "127.0.0.1", sock_port(s), data, sizeof data);
    }
    wait_sock(s);
    while (sock_receive(s, numbered, &seen) > 0)
        calls++;
    g_assert_cmpuint(seen.n, ==, 150);
    g_assert_cmpuint(seen.wrong, ==, 0);
    g_assert_cmpuint(calls, ==, 3);
    close(fd);
}

/* A sender that coalesces: 40 segments and a short one in a single datagram for the kernel. */
static void send_coalesced(gboolean no_gro)
{
    g_autoptr(Sock) s = open_sock("127.0.0.1");
    Seen seen = {.sock = s};
    g_autofree guint8 *data = g_malloc_n(41, 1037);
    int fd = client("127.0.0.1"), size = 1037;

    if (no_gro)
        switch_gro_off(s);
    if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) < 0) {
        g_test_skip("the kernel has no UDP_SEGMENT");
        close(fd);
        return;
    }
    for (guint32 round = 0; round < 4; round++) {
        for (guint32 i = 0; i < 41; i++)
            fill_numbered(data + (gsize)i * 1037, round * 41 + i, i == 40 ? 500 : 1037);
        send_to(fd, "127.0.0.1", sock_port(s), data, (gsize)40 * 1037 + 500);
    }
    wait_sock(s);
    if (s->gro && !no_gro) /* four calls' worth of datagrams in a batch: they did come coalesced */
        g_assert_cmpuint(sock_receive(s, numbered, &seen), >, SOCK_BATCH);
    while (sock_receive(s, numbered, &seen) > 0)
        ;
    g_assert_cmpuint(seen.n, ==, 164);
    g_assert_cmpuint(seen.wrong, ==, 0);
    g_assert_cmpuint(sock_stats(s)->truncated, ==, 0);
    close(fd);
}

static void test_gro(void)
{
    send_coalesced(FALSE);
}

static void test_no_gro(void)
{
    send_coalesced(TRUE);
}

/* The real length is told, whatever the buffers' size is; an empty datagram is one too. */
static void odd_sizes(gboolean no_gro, gsize datagram_max, guint cut)
{
    static const gsize sizes[] = {0, 1, DATAGRAM_MAX, DATAGRAM_MAX + 1, 9000, 65507};
    g_autoptr(Sock) s = open_sock_for("127.0.0.1", datagram_max);
    g_autofree guint8 *data = g_malloc0(65507);
    int fd = client("127.0.0.1");

    if (no_gro)
        switch_gro_off(s);
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Seen seen = {.sock = s};
        send_to(fd, "127.0.0.1", sock_port(s), data, sizes[i]);
        wait_sock(s);
        g_assert_cmpuint(sock_receive(s, on_datagram, &seen), ==, 1);
        g_assert_cmpuint(seen.len, ==, sizes[i]);
    }
    g_assert_cmpuint(sock_stats(s)->truncated, ==, cut);
    close(fd);
}

static void test_odd_sizes(void)
{
    odd_sizes(TRUE, DATAGRAM_MAX, 3);
    odd_sizes(FALSE, DATAGRAM_MAX, 3);
    odd_sizes(TRUE, 65535, 0);
    odd_sizes(FALSE, 65535, 0);
}

/* What does not fit is counted, once the next one fits. */
static void test_overflow(void)
{
    g_autoptr(Sock) s = open_sock("127.0.0.1");
    Seen seen = {0};
    guint8 data[1037] = {0};
    int fd = client("127.0.0.1"), granted = 0, small = 16384;
    socklen_t len = sizeof granted;
    guint got;

    g_assert_cmpint(getsockopt(s->ports[0].fd, SOL_SOCKET, SO_RCVBUF, &granted, &len), ==, 0);
    g_assert_cmpuint(sock_rcvbuf(s), ==, (gsize)granted);
    g_assert_true((granted < 2 * (int)SOCK_RCVBUF) == (sock_rcvbuf_hint(s) != NULL));
    g_assert_cmpint(setsockopt(s->ports[0].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), ==, 0);
    for (int i = 0; i < 100; i++)
        send_to(fd, "127.0.0.1", sock_port(s), data, sizeof data);
    while (sock_receive(s, on_datagram, &seen) > 0)
        ;
    got = seen.n;
    g_assert_cmpuint(got, <, 100);
    send_to(fd, "127.0.0.1", sock_port(s), data, sizeof data);
    wait_sock(s);
    g_assert_cmpuint(sock_receive(s, on_datagram, &seen), ==, 1);
    g_assert_cmpuint(sock_drops(s), ==, 100 - got);
    close(fd);
}

/* More requests than a batch has room for, to several machines: all come, in order. */
static void test_queue_many(void)
{
    g_autoptr(Sock) s = open_sock("127.0.0.1");
    int fds[3];
    NetAddr to[3], local = {.family = NET_IPV4, .bytes = {127, 0, 0, 1}};

    for (int i = 0; i < 3; i++) {
        struct sockaddr_storage sa;
        socklen_t len = sizeof sa;
        fds[i] = client("127.0.0.1");
        g_assert_cmpint(getsockname(fds[i], (struct sockaddr *)&sa, &len), ==, 0);
        g_assert_true(netaddr_from_sockaddr((struct sockaddr *)&sa, len, &to[i]));
    }
    for (guint8 i = 0; i < 201; i++)
        sock_queue(s, &local, &to[i % 3], (const guint8[24]){i}, i % 10 ? 24 : 20);
    sock_flush(s);
    sock_flush(s); /* nothing left */
    for (int i = 0; i < 3; i++) {
        guint8 data[64], seen[201] = {0};
        char from[NETADDR_STRLEN];
        int last = -1;
        for (int k = 0; k < 67; k++) {
            gssize n = receive(fds[i], data, sizeof data, from);
            g_assert_cmpint(n, ==, data[0] % 10 ? 24 : 20);
            g_assert_cmpint(data[0] % 3, ==, i);
            g_assert_cmpuint(seen[data[0]]++, ==, 0);
            g_assert_cmpint(data[0], >, last);
            last = data[0];
        }
        g_assert_cmpint(recv(fds[i], data, sizeof data, MSG_DONTWAIT), <, 0);
        close(fds[i]);
    }
    g_assert_cmpuint(sock_stats(s)->sent, ==, 201);
    g_assert_cmpuint(sock_stats(s)->send_failed + sock_stats(s)->send_full, ==, 0);
}

/* One that cannot be sent takes no other with it. */
static void test_send_errors(void)
{
    g_autoptr(Sock) s = open_sock("127.0.0.1");
    int fd = client("127.0.0.1");
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    NetAddr good, bad = {.family = NET_IPV4, .port = 9, .bytes = {255, 255, 255, 255}}, six;
    NetAddr local = {.family = NET_IPV4, .bytes = {127, 0, 0, 1}};
    char text[NETADDR_STRLEN], data[8];

    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sa, &len), ==, 0);
    g_assert_true(netaddr_from_sockaddr((struct sockaddr *)&sa, len, &good));
    for (int i = 0; i < 3; i++) {
        sock_queue(s, &local, &bad, (const guint8 *)"bad", 3); /* broadcast: EACCES */
        sock_queue(s, &local, &good, (const guint8 *)"good", 4);
    }
    sock_flush(s);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(receive(fd, data, sizeof data, text), ==, 4);
    g_assert_cmpuint(sock_stats(s)->sent, ==, 3);
    g_assert_cmpuint(sock_stats(s)->send_failed, ==, 3);
    g_assert_cmpint(sock_stats(s)->last_errno, !=, 0);
    g_assert_cmpstr(netaddr_to_string(&sock_stats(s)->last_to, text), ==, "255.255.255.255:9");

    g_assert_true(netaddr_parse("::1", &six, NULL)); /* this one has no IPv6 socket */
    sock_queue(s, &local, &six, (const guint8 *)"six", 3);
    g_assert_cmpint(sock_stats(s)->last_errno, ==, EAFNOSUPPORT);
    sock_queue(s, &local, &good, (const guint8[LIMIT_SEND + 1]){0}, LIMIT_SEND + 1);
    g_assert_cmpint(sock_stats(s)->last_errno, ==, EMSGSIZE);
    g_assert_cmpuint(sock_stats(s)->send_failed, ==, 5);
    close(fd);
}

/* ICMP "port unreachable" of a machine that has gone must not disturb the others. */
static void test_refused(void)
{
    g_autoptr(Sock) s = open_sock("127.0.0.1");
    Seen seen = {.sock = s, .answer = TRUE};
    int fd = client("127.0.0.1"), gone = client("127.0.0.1");
    char text[NETADDR_STRLEN], data[8];

    send_to(gone, "127.0.0.1", sock_port(s), "ping", 4);
    close(gone);
    wait_sock(s);
    for (int i = 0; i < 5; i++) {
        send_to(fd, "127.0.0.1", sock_port(s), "ping", 4);
        while (sock_receive(s, on_datagram, &seen) > 0)
            ;
        sock_flush(s);
        g_assert_cmpint(receive(fd, data, sizeof data, text), ==, 4);
    }
    g_assert_cmpuint(seen.n, ==, 6);
    g_assert_cmpuint(sock_stats(s)->send_failed, ==, 0);
    close(fd);
}

/* Without privilege the kernel's limit holds, and the administrator is told. In a child, because
 * there is no way back from having no privilege. */
static int ask_without_privilege(guint rmem_max)
{
    NetAddr a = {.family = NET_IPV4, .bytes = {127, 0, 0, 1}};
    SockOptions options = {.addr = &a, .datagram_max = DATAGRAM_MAX};
    g_autofree char *remedy = g_strdup_printf("net.core.rmem_max=%u ", SOCK_RCVBUF);
    g_autoptr(Sock) s = NULL;

    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresuid(65534, 65534, 65534) < 0))
        return 77;
    s = sock_open(&options, NULL);
    if (!s || sock_rcvbuf(s) != 2 * (gsize)rmem_max)
        return 1;
    return sock_rcvbuf_hint(s) && strstr(sock_rcvbuf_hint(s), remedy) ? 0 : 2;
}

static void test_hint(void)
{
    g_autofree char *text = NULL;
    guint64 rmem_max;
    int status;
    pid_t pid;

    g_assert_true(g_file_get_contents("/proc/sys/net/core/rmem_max", &text, NULL, NULL));
    g_assert_true(g_ascii_string_to_unsigned(g_strchomp(text), 10, 1, G_MAXINT, &rmem_max, NULL));
    if (rmem_max >= SOCK_RCVBUF) {
        g_test_skip("net.core.rmem_max is too large to be exceeded");
        return;
    }
    pid = fork();
    if (pid == 0)
        _exit(ask_without_privilege((guint)rmem_max));
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        g_test_skip("cannot drop privileges");
    else
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sock/local-address", test_local_address);
    g_test_add_func("/sock/ipv6", test_ipv6);
    g_test_add_func("/sock/both-families", test_both_families);
    g_test_add_func("/sock/one-address", test_one_address);
    g_test_add_func("/sock/no-local", test_no_local);
    g_test_add_func("/sock/in-use", test_in_use);
    g_test_add_func("/sock/not-our-address", test_not_our_address);
    g_test_add_func("/sock/batches", test_batches);
    g_test_add_func("/sock/gro", test_gro);
    g_test_add_func("/sock/no-gro", test_no_gro);
    g_test_add_func("/sock/odd-sizes", test_odd_sizes);
    g_test_add_func("/sock/overflow", test_overflow);
    g_test_add_func("/sock/queue-many", test_queue_many);
    g_test_add_func("/sock/send-errors", test_send_errors);
    g_test_add_func("/sock/refused", test_refused);
    g_test_add_func("/sock/hint", test_hint);
    return g_test_run();
}
