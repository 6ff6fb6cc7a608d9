/* flood.c - sends junk to a netdump server from many addresses of 127/8, as fast as it is told, and
 * counts what comes back. On loopback only, and never longer than a minute.
 *
 *     flood [-k KIND] [-r PER_SECOND] [-n COUNT] [-s SECONDS] [-a ADDRESSES] [-S SEED] [-f
 * FROM:PORT] 127.x.y.z PORT
 *
 * KIND: random (bytes), cut (replies that end too early), start, text, announce, mem, answers (to
 * nothing that was asked), mixed. -f: all from one address and port, forged, which takes root.
 * Prints one line of JSON.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS     32 /* ports to send from; the addresses are chosen for each datagram */
#define BATCH       64
#define SIZE_MAX_   1472
#define SECONDS_MAX 60.0
#define COUNT_MAX   20000000u
#define FIRST_HOST  0x7f400000u /* 127.64.0.0 */

typedef struct {
    const char *kind;
    guint64 rate, count, seed;
    guint32 addresses;
    double seconds;
    struct sockaddr_in to, forged; /* forged: as whom, port 0 = nobody */
} Options;

typedef struct {
    guint64 sent, sent_bytes, failed, back, back_bytes;
} Counts;

typedef struct {
    GRand *rand;
    int fds[SOCKETS];
    int raw;
    guint8 data[BATCH][sizeof(struct iphdr) + sizeof(struct udphdr) + SIZE_MAX_];
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    union {
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct cmsghdr align;
    } control[BATCH];
} Flood;

/* -- what is sent -------------------------------------------------------------------------------
 */

static gsize reply(Flood *f, guint8 *out, guint32 code, guint32 info, gsize payload)
{
    wire_pack_reply((guint8)g_rand_int_range(f->rand, 1, 9), g_rand_int(f->rand), code, info, out);
    for (gsize i = 0; i < payload; i++)
        out[WIRE_HEADER_SIZE + i] = (guint8)(i * 7);
    return WIRE_HEADER_SIZE + payload;
}

static gsize make_random(Flood *f, guint8 *out)
{
    gsize len = (gsize)g_rand_int_range(f->rand, 1, SIZE_MAX_ / 4);

    for (gsize i = 0; i < len; i++)
        out[i] = (guint8)g_rand_int(f->rand);
    return len;
}

static gsize make_cut(Flood *f, guint8 *out)
{
    gsize whole = reply(f, out, (guint32)g_rand_int_range(f->rand, 0, 15), 0, 40);

    return (gsize)g_rand_int_range(f->rand, 1, (gint32)whole);
}

static gsize make_start(Flood *f, guint8 *out)
{
    int n = snprintf((char *)out + WIRE_HEADER_SIZE, 200,
                     "task_struct:0x%x page_offset:0xffff888000000000 netdump_magic:0x%x\n",
                     g_rand_int(f->rand), g_rand_int(f->rand));

    wire_pack_reply(4, WIRE_MACHINE_X86_64, WIRE_CODE_START_NETDUMP, 5, out);
    return WIRE_HEADER_SIZE + (gsize)n;
}

static gsize make_text(Flood *f, guint8 *out)
{
    return (gsize)snprintf((char *)out, 200, "<6>[%5d.%06d] nothing to see here, line %u\n",
                           g_rand_int_range(f->rand, 0, 99999),
                           g_rand_int_range(f->rand, 0, 999999), g_rand_int(f->rand));
}

static gsize make_announce(G_GNUC_UNUSED Flood *f, guint8 *out)
{
    static const char text[] = "<6>netconsole: network logging started\n";

    memcpy(out, text, sizeof text - 1);
    return sizeof text - 1;
}

static gsize make_mem(Flood *f, guint8 *out)
{
    guint32 offset = (guint32)g_rand_int_range(f->rand, 0, 4) * WIRE_CHUNK_SIZE;

    return reply(f, out, WIRE_CODE_MEM, offset, WIRE_CHUNK_SIZE);
}

static gsize make_answers(Flood *f, guint8 *out)
{
    static const guint32 codes[] = {WIRE_CODE_ERROR,    WIRE_CODE_RESERVED,  WIRE_CODE_HELLO,
                                    WIRE_CODE_NR_PAGES, WIRE_CODE_PAGE_SIZE, WIRE_CODE_END_NETDUMP,
                                    WIRE_CODE_REGS,     WIRE_CODE_SHOW_STATE};
    guint i = (guint)g_rand_int_range(f->rand, 0, G_N_ELEMENTS(codes));

    return reply(f, out, codes[i], 4096, 64);
}

static const struct {
    const char *name;
    gsize (*make)(Flood *f, guint8 *out);
} kinds[] = {
    {"random", make_random},     {"cut", make_cut}, {"start", make_start},     {"text", make_text},
    {"announce", make_announce}, {"mem", make_mem}, {"answers", make_answers},
};

static gsize make(Flood *f, const char *kind, guint8 *out)
{
    guint any = (guint)g_rand_int_range(f->rand, 0, G_N_ELEMENTS(kinds));

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            any = i;
    return kinds[any].make(f, out);
}

/* -- sending ------------------------------------------------------------------------------------
 */

/* From an address of 127/8: all of them are ours. */
static void add_source(Flood *f, guint i, guint32 addresses)
{
    struct msghdr *h = &f->msg[i].msg_hdr;
    struct in_pktinfo info = {0};
    guint32 host = FIRST_HOST + (guint32)g_rand_int_range(f->rand, 1, (gint32)addresses + 1);
    struct cmsghdr *c;

    info.ipi_spec_dst.s_addr = htonl(host);
    memset(&f->control[i], 0, sizeof f->control[i]);
    h->msg_control = f->control[i].bytes;
    h->msg_controllen = sizeof f->control[i].bytes;
    c = CMSG_FIRSTHDR(h);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
}

/* Headers before the datagram; without a UDP checksum, which 0 means. */
static gsize forge(const Options *o, guint8 *packet, gsize len)
{
    struct udphdr udp = {.source = o->forged.sin_port, .dest = o->to.sin_port};
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};

    ip.saddr = o->forged.sin_addr.s_addr;
    ip.daddr = o->to.sin_addr.s_addr;
    udp.len = htons((guint16)(sizeof udp + len));
    memcpy(packet, &ip, sizeof ip);
    memcpy(packet + sizeof ip, &udp, sizeof udp);
    return sizeof ip + sizeof udp + len;
}

static void send_batch(Flood *f, const Options *o, guint n, Counts *counts)
{
    gboolean forged = o->forged.sin_port != 0;
    int fd = forged ? f->raw : f->fds[g_rand_int_range(f->rand, 0, SOCKETS)];
    gsize head = sizeof(struct iphdr) + sizeof(struct udphdr);
    int sent;

    for (guint i = 0; i < n; i++) {
        gsize len = make(f, o->kind, f->data[i] + head);

        f->iov[i] = (struct iovec){f->data[i] + head, len};
        if (forged)
            f->iov[i] = (struct iovec){f->data[i], forge(o, f->data[i], len)};
        f->msg[i].msg_hdr = (struct msghdr){.msg_name = (gpointer)(gintptr)&o->to,
                                            .msg_namelen = sizeof o->to,
                                            .msg_iov = &f->iov[i],
                                            .msg_iovlen = 1};
        if (!forged)
            add_source(f, i, o->addresses);
    }
    sent = sendmmsg(fd, f->msg, n, 0);
    for (int i = 0; i < sent; i++)
        counts->sent_bytes += f->iov[i].iov_len;
    counts->sent += sent > 0 ? (guint64)sent : 0;
    counts->failed += sent < 0;
}

/* Only what the target sends: another test's server may still be calling a client whose port one of
 * these sockets has got. */
static void count_back(const Flood *f, in_port_t target, Counts *counts)
{
    guint8 drop[2048];

    for (guint i = 0; i < SOCKETS; i++)
        for (;;) {
            struct sockaddr_in from = {0};
            socklen_t len = sizeof from;
            ssize_t n = recvfrom(f->fds[i], drop, sizeof drop, MSG_DONTWAIT,
                                 (struct sockaddr *)&from, &len);

            if (n < 0)
                break;
            if (from.sin_port != target)
                continue;
            counts->back++;
            counts->back_bytes += (guint64)n;
        }
}

static double clock_now(void)
{
    return (double)g_get_monotonic_time() / 1e6;
}

/* Behind its time it catches up, but not by more than a fifth of a second. */
static void run(Flood *f, const Options *o, Counts *counts)
{
    double begin = clock_now(), now = begin, due = 0;

    while (now - begin < o->seconds && counts->sent < o->count) {
        double last = now;

        due = MIN(due, (double)o->rate / 5);
        if (due < 1) {
            g_usleep(500);
        } else {
            guint n = (guint)MIN(MIN(due, BATCH), (double)(o->count - counts->sent));

            send_batch(f, o, n, counts);
            due -= n;
        }
        now = clock_now();
        due += (now - last) * (double)o->rate;
        if (counts->sent % 1024 < BATCH)
            count_back(f, o->to.sin_port, counts);
    }
    printf("{\"kind\":\"%s\",\"sent\":%" G_GUINT64_FORMAT ",\"sent_bytes\":%" G_GUINT64_FORMAT
           ",\"seconds\":%.3f,\"per_second\":%.0f,",
           o->kind, counts->sent, counts->sent_bytes, now - begin,
           now > begin ? (double)counts->sent / (now - begin) : 0);
}

/* -- starting -----------------------------------------------------------------------------------
 */

static gboolean open_sockets(Flood *f, const Options *o)
{
    int on = 1, buffer = 8 << 20;

    for (guint i = 0; i < SOCKETS; i++) {
        struct sockaddr_in any = {.sin_family = AF_INET};

        f->fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (f->fds[i] < 0 || bind(f->fds[i], (struct sockaddr *)&any, sizeof any))
            return FALSE;
        if (setsockopt(f->fds[i], SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer))
            setsockopt(f->fds[i], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    f->raw = o->forged.sin_port ? socket(AF_INET, SOCK_RAW, IPPROTO_RAW) : -1;
    return !o->forged.sin_port ||
           (f->raw >= 0 && !setsockopt(f->raw, IPPROTO_IP, IP_HDRINCL, &on, sizeof on));
}

static gboolean loopback(const char *text, const char *port, struct sockaddr_in *out)
{
    guint64 number = 0;

    *out = (struct sockaddr_in){.sin_family = AF_INET};
    if (!g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL) ||
        inet_pton(AF_INET, text, &out->sin_addr) != 1)
        return FALSE;
    out->sin_port = htons((guint16)number);
    return ntohl(out->sin_addr.s_addr) >> 24 == 127;
}

static gboolean read_options(int argc, char **argv, Options *o)
{
    guint64 number;
    int c;

    *o = (Options){.kind = "mixed", .rate = 50000, .count = COUNT_MAX, .seed = 1};
    o->seconds = 10;
    o->addresses = 1 << 20;
    while ((c = getopt(argc, argv, "k:r:n:s:a:S:f:")) >= 0) {
        if (c == '?')
            return FALSE;
        if (c == 'k') {
            o->kind = optarg;
        } else if (c == 'f') {
            g_auto(GStrv) parts = g_strsplit(optarg, ":", 2);

            if (g_strv_length(parts) != 2 || !loopback(parts[0], parts[1], &o->forged))
                return FALSE;
        } else if (!g_ascii_string_to_unsigned(optarg, 10, 1, COUNT_MAX, &number, NULL)) {
            return FALSE;
        } else if (c == 'r') {
            o->rate = number;
        } else if (c == 'n') {
            o->count = number;
        } else if (c == 's') {
            o->seconds = MIN((double)number, SECONDS_MAX);
        } else if (c == 'a') {
            o->addresses = (guint32)MIN(number, 1 << 20);
        } else {
            o->seed = number;
        }
    }
    return argc - optind == 2 && loopback(argv[optind], argv[optind + 1], &o->to);
}

int main(int argc, char **argv)
{
    static Flood flood;
    Counts counts = {0};
    Options o;

    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "flood: see the head of flood.c; loopback addresses only\n");
        return 2;
    }
    if (!open_sockets(&flood, &o)) {
        perror("flood: socket");
        return 1;
    }
    flood.rand = g_rand_new_with_seed((guint32)o.seed);
    run(&flood, &o, &counts);
    g_usleep(200000); /* for the last answers */
    count_back(&flood, o.to.sin_port, &counts);
    printf("\"failed\":%" G_GUINT64_FORMAT ",\"back\":%" G_GUINT64_FORMAT
           ",\"back_bytes\":%" G_GUINT64_FORMAT "}\n",
           counts.failed, counts.back, counts.back_bytes);
    g_rand_free(flood.rand);
    return 0;
}
