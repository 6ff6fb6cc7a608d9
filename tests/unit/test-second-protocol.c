/* test-second-protocol.c - the whole server speaks a protocol that it has never heard of.
 *
 * Real sockets, dispatch, executor, clients, store and resume; of the server only its table of
 * protocols is another one. The client loses, repeats and reorders blocks as a seed says:
 * TEST_SEED=n repeats a run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/pending_clients.h"
#include "io/sys/log.h"
#include "io/sys/signals.h"
#include "server/loop.h"
#include "server/resume.h"
#include "unit/push_protocol.h"
#include "unit/scratch.h"

#include <arpa/inet.h>
#include <string.h>

#define BLOCKS 300

/* -- a server ---------------------------------------------------------------------------------- */

/* The daemon's own table, and one more row. (With a key of its own in the configuration the second
 * line would name it; port=0 is any free port.) */
static const Protocols *protocols(void)
{
    static Protocol rows[2];
    static const Protocols table = {rows, G_N_ELEMENTS(rows)};

    rows[0] = protocols_of_daemon()->rows[0];
    rows[1] = (Protocol){&push_ops, G_STRUCT_OFFSET(Config, port)};
    return &table;
}

typedef struct {
    Scratch dir;
    Server *server;
    int fd;       /* the client's socket */
    NetAddr addr; /* its address */
    guint8 memory[BLOCKS][PUSH_BLOCK_SIZE];
    gboolean acked[BLOCKS];
    gboolean call_acked, done_acked;
    gboolean once; /* what is acked is not sent again */
    GRand *rand;
    gint64 started; /* us, monotonic */
} Rig;

static void start_with(Rig *r, const Protocols *table)
{
    g_autofree char *file = g_build_filename(r->dir.path, "conf", NULL);
    g_autofree char *dump = g_build_filename(r->dir.path, "crash", NULL);
    g_autofree char *text = g_strdup_printf("port=0\naddr=127.0.0.1\ndumpdir=%s\n"
                                            "space_check=0\nclient_timeout=600\n",
                                            dump);
    char name[] = "netdump-server", option[] = "-f";
    char *argv[] = {name, option, file, NULL};
    g_autoptr(GError) error = NULL;
    ConfigTask task;
    Config *config;

    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    config = config_load(3, argv, &task, &error);
    g_assert_no_error(error);
    r->server = server_new(config, table, &error);
    g_assert_no_error(error);
    server_set_time(r->server, (Mono){g_get_monotonic_time()}, g_get_real_time());
    server_say_hello(r->server);
    resume_all(r->server);
}

static void start_server(Rig *r)
{
    start_with(r, protocols());
}

static void stop_server(Rig *r)
{
    server_stop(r->server);
    server_free(g_steal_pointer(&r->server));
}

static Rig *rig_new(void)
{
    const char *seed = g_getenv("TEST_SEED");
    guint32 n = seed ? (guint32)strtoul(seed, NULL, 10) : g_random_int();
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof any;
    Rig *r = g_new0(Rig, 1);

    g_test_message("TEST_SEED=%u", n);
    r->rand = g_rand_new_with_seed(n);
    r->dir = scratch_new();
    r->started = g_get_monotonic_time();
    for (guint i = 0; i < BLOCKS; i++)
        for (guint j = 0; i % 7 != 3 && j < PUSH_BLOCK_SIZE; j++) /* some blocks are zeros */
            r->memory[i][j] = (guint8)g_rand_int(r->rand);
    r->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_assert_cmpint(bind(r->fd, (struct sockaddr *)&any, len), ==, 0);
    g_assert_cmpint(getsockname(r->fd, (struct sockaddr *)&any, &len), ==, 0);
    g_assert_true(netaddr_from_sockaddr((struct sockaddr *)&any, len, &r->addr));
    start_server(r);
    return r;
}

static void rig_free(Rig *r)
{
    if (r->server)
        stop_server(r);
    close(r->fd);
    scratch_free(&r->dir);
    g_rand_free(r->rand);
    g_free(r);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rig, rig_free)

/* -- a client ---------------------------------------------------------------------------------- */

static void send_to_port(Rig *r, const void *bytes, gsize len)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(server_port(r->server, &push_ops)),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};

    g_assert_cmpint(sendto(r->fd, bytes, len, 0, (const struct sockaddr *)&to, sizeof to), ==,
                    (gssize)len);
}

static void push(Rig *r, PushType type, guint32 number, const guint8 *payload, gsize len)
{
    guint8 bytes[PUSH_HEADER + PUSH_BLOCK_SIZE];

    send_to_port(r, bytes, push_pack(type, number, payload, len, bytes));
}

static void call(Rig *r)
{
    const guint64 bytes = GUINT64_TO_LE((guint64)BLOCKS * PUSH_BLOCK_SIZE);

    push(r, PUSH_CALL, 0, (const guint8 *)&bytes, sizeof bytes);
}

static guint n_acked(const Rig *r)
{
    guint n = 0;

    for (guint i = 0; i < BLOCKS; i++)
        n += r->acked[i] ? 1 : 0;
    return n;
}

static void read_acks(Rig *r)
{
    guint8 bytes[64];
    struct sockaddr_in from = {0};
    socklen_t len = sizeof from;
    ssize_t n;
    PushType type;
    guint32 number;

    while ((n = recvfrom(r->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &len)) >= 0) {
        g_assert_cmpuint(ntohs(from.sin_port), ==, server_port(r->server, &push_ops));
        g_assert_true(push_parse(bytes, (gsize)n, &type, &number));
        r->call_acked |= type == PUSH_CALL;
        r->done_acked |= type == PUSH_DONE;
        if (type == PUSH_BLOCK)
            r->acked[number] = TRUE;
    }
}

/* Fails when all that is waited for has had two minutes: the disk may be busy with other tests. */
static void check_patience(const Rig *r)
{
    g_assert_cmpint(g_get_monotonic_time() - r->started, <, 120 * G_USEC_PER_SEC);
}

/* A turn of the server for what was sent, and for what its threads have done. */
static void turn(Rig *r)
{
    check_patience(r);
    g_assert_true(loop_turn(r->server));
    read_acks(r);
}

/* Until the server has acked the call. */
static void announce(Rig *r)
{
    while (!r->call_acked) {
        call(r);
        turn(r);
    }
}

/* Blocks that are not acked, until `limit` are. One in five is lost, one in five comes twice, and
 * the order is any. */
static void transfer(Rig *r, guint limit)
{
    while (n_acked(r) < limit) {
        for (guint i = 0; i < 32; i++) {
            guint block = (guint)g_rand_int_range(r->rand, 0, BLOCKS);
            guint copies = (guint)g_rand_int_range(r->rand, 0, 5);

            if (!r->acked[block] || (copies == 2 && !r->once))
                for (guint j = 0; j < (copies < 2 ? copies * 2 : 1); j++)
                    push(r, PUSH_BLOCK, block, r->memory[block], PUSH_BLOCK_SIZE);
        }
        push(r, PUSH_DONE, 0, NULL, 0); /* not yet: but what is gathered is written */
        turn(r);
    }
}

static void finish(Rig *r)
{
    transfer(r, BLOCKS);
    while (!r->done_acked) {
        push(r, PUSH_DONE, 0, NULL, 0);
        turn(r);
    }
}

/* -- what it leaves ---------------------------------------------------------------------------- */

/* A file of the only dump there is, to be freed; NULL if it is not there. */
static char *dump_file(const Rig *r, const char *name, gsize *len)
{
    g_autofree char *crash = g_build_filename(r->dir.path, "crash", NULL);
    g_autoptr(GDir) dir = g_dir_open(crash, 0, NULL);
    g_autofree char *path = NULL;
    const char *entry;
    char *text = NULL;

    while ((entry = g_dir_read_name(dir)))
        if (g_str_has_prefix(entry, "127.0.0.1-")) {
            g_assert_null(path);
            path = g_build_filename(crash, entry, name, NULL);
        }
    g_assert_nonnull(path);
    return g_file_get_contents(path, &text, len, NULL) ? text : NULL;
}

static gboolean has_file(const Rig *r, const char *name)
{
    g_autofree char *file = dump_file(r, name, NULL);

    return file != NULL;
}

static void assert_memory(const Rig *r, const char *name, guint8 partial)
{
    gsize len;
    g_autofree char *file = dump_file(r, name, &len);
    guint64 bytes = 0;

    g_assert_nonnull(file);
    g_assert_cmpuint(len, ==, PUSH_FILE_HEADER + sizeof r->memory);
    g_assert_cmpint(memcmp(file, "PUSHDUMP", 8), ==, 0);
    memcpy(&bytes, file + 8, 8);
    g_assert_cmpuint(GUINT64_FROM_LE(bytes), ==, sizeof r->memory);
    g_assert_cmpuint((guint8)file[16], ==, partial);
    g_assert_cmpint(memcmp(file + PUSH_FILE_HEADER, r->memory, sizeof r->memory), ==, 0);
}

static void assert_text(const Rig *r, const char *name, const char *text)
{
    g_autofree char *file = dump_file(r, name, NULL);

    g_assert_nonnull(file);
    if (!strstr(file, text))
        g_error("%s holds no \"%s\": %s", name, text, file);
}

/* -- tests ------------------------------------------------------------------------------------- */

static void test_whole(void)
{
    g_autoptr(Rig) r = rig_new();

    announce(r);
    send_to_port(r, "the last words\n", 15);
    finish(r);
    stop_server(r);
    assert_memory(r, "vmcore", 0);
    assert_text(r, "info", "result=complete\n");
    assert_text(r, "info", "blocks=300\n");
    assert_text(r, "log", "the last words\n");
    g_assert_false(has_file(r, "vmcore-incomplete"));
    g_assert_false(has_file(r, "journal"));
}

/* The server ends in the middle, several times; what is acked is never sent again. */
static void test_restarts(void)
{
    g_autoptr(Rig) r = rig_new();

    r->once = TRUE;
    announce(r);
    for (guint i = 1; i <= 3; i++) {
        transfer(r, i * BLOCKS / 4);
        stop_server(r);
        g_assert_true(has_file(r, "journal"));
        g_assert_false(has_file(r, "vmcore"));
        start_server(r);
    }
    finish(r);
    stop_server(r);
    assert_memory(r, "vmcore", 0);
    assert_text(r, "info", "resumed=yes\n");
    g_assert_false(has_file(r, "journal"));
}

/* The server ends as soon as it has started: before the file of the resumed dump is open. */
static void test_restart_at_once(void)
{
    g_autoptr(Rig) r = rig_new();

    r->once = TRUE;
    announce(r);
    transfer(r, BLOCKS / 2);
    for (guint i = 0; i < 5; i++) {
        stop_server(r);
        start_server(r);
    }
    finish(r);
    stop_server(r);
    assert_memory(r, "vmcore", 0);
    assert_text(r, "info", "result=complete\n");
}

/* It was killed when it had recorded the client, and before there was a directory. */
static void test_pending(void)
{
    g_autoptr(Rig) r = rig_new();
    g_autofree char *path = g_build_filename(r->dir.path, "crash", PENDING_CLIENTS_FILE, NULL);
    const SessionSpec spec = {.id = 1};
    const guint64 datagram[2] = {0, GUINT64_TO_LE((guint64)BLOCKS * PUSH_BLOCK_SIZE)};
    Session *session = push_ops.open(&spec, (const guint8 *)datagram, sizeof datagram, (Mono){0});
    TaggedWriter w = tagged_writer_new();
    NetAddr local = r->addr;

    local.port = 1; /* of another configuration */
    stop_server(r);
    tagged_add(&w, TAG_PROTOCOL, "push", 4);
    tagged_add_addr(&w, TAG_CLIENT, &r->addr);
    tagged_add_addr(&w, TAG_LOCAL, &local);
    push_ops.record(session, &w);
    tagged_writer_seal(&w);
    g_assert_true(g_file_set_contents(path, (const char *)w.bytes->data, w.bytes->len, NULL));
    tagged_writer_clear(&w);
    push_ops.free(session);

    start_server(r);
    while (!r->call_acked) { /* without another call */
        turn(r);
    }
    finish(r);
    stop_server(r);
    assert_memory(r, "vmcore", 0);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

/* A record of a protocol that this server does not know stays for one that does. */
static void test_unknown_protocol(void)
{
    g_autoptr(Rig) r = rig_new();

    announce(r);
    transfer(r, BLOCKS / 2);
    stop_server(r);
    start_with(r, protocols_of_daemon());
    stop_server(r);
    g_assert_true(has_file(r, "journal"));
    start_server(r);
    finish(r);
    stop_server(r);
    assert_memory(r, "vmcore", 0);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    g_test_init(&argc, &argv, NULL);
    log_open("test-second-protocol", LOG_TO_STDERR, FALSE);
    g_assert_true(signals_init(&error));
    g_test_add_func("/second-protocol/whole", test_whole);
    g_test_add_func("/second-protocol/restarts", test_restarts);
    g_test_add_func("/second-protocol/restart-at-once", test_restart_at_once);
    g_test_add_func("/second-protocol/pending", test_pending);
    g_test_add_func("/second-protocol/unknown", test_unknown_protocol);
    return g_test_run();
}
