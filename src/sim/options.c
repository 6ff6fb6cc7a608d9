/* options.c - the simulator's command line.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/options.h"

#include "sim/args.h"
#include "sim/parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define MAX_CLIENTS  64
#define DEFAULT_PORT 6688

/* Where parsing stands: the first error wins, and names the option. */
typedef struct {
    Options *o;
    Args *args;
    GError *error;
} Parse;

static void fail(Parse *p, const char *option, GError *error)
{
    if (!error)
        return;
    g_prefix_error(&error, "--%s: ", option);
    if (p->error)
        g_error_free(error);
    else
        p->error = error;
}

static guint64 number(Parse *p, Arg arg, guint64 preset, guint64 max)
{
    const char *text = p->args->text[arg];
    GError *error = NULL;
    guint64 n = preset;

    if (text && !parse_number(text, 0, max, &n, &error))
        fail(p, arg_name(arg), error);
    return n;
}

static guint64 hex(Parse *p, Arg arg, guint64 preset)
{
    const char *text = p->args->text[arg];
    GError *error = NULL;
    guint64 n = preset;

    if (text && !parse_hex(text, &n, &error))
        fail(p, arg_name(arg), error);
    return n;
}

static double fraction(Parse *p, Arg arg, double preset, double max)
{
    const char *text = p->args->text[arg];
    GError *error = NULL;
    double n = preset;

    if (text && !parse_fraction(text, 0, max, &n, &error))
        fail(p, arg_name(arg), error);
    return n;
}

static void refuse(Parse *p, const char *option, const char *why)
{
    fail(p, option, g_error_new_literal(G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, why));
}

static void parse_kind(Parse *p)
{
    static const char *const names[] = {[GENERATION_RHEL3] = "rhel3",
                                        [GENERATION_RHEL4_OLD] = "rhel4-old",
                                        [GENERATION_RHEL4] = "rhel4"};
    MachineSetup *s = &p->o->setup;
    gboolean oldest = p->args->flag[FLAG_OLDEST] != 0;
    const char *machine = p->args->text[ARG_MACHINE] ? p->args->text[ARG_MACHINE]
                          : oldest                   ? "i386"
                                                     : "x86_64";
    const char *generation = p->args->text[ARG_GENERATION] ? p->args->text[ARG_GENERATION]
                             : oldest                      ? "rhel3"
                                                           : "rhel4";
    gsize g = 0;

    s->model = model_find(machine);
    if (!s->model) {
        refuse(p, "machine", "must be i386, x86_64, ia64 or ppc64");
        s->model = model_find("x86_64");
    }
    while (g < G_N_ELEMENTS(names) && !g_str_equal(names[g], generation))
        g++;
    if (g == G_N_ELEMENTS(names))
        refuse(p, "generation", "must be rhel3, rhel4 or rhel4-old");
    s->generation = (Generation)g;
    s->oldest = oldest;
    if (oldest && (s->model->machine != WIRE_MACHINE_I386 || s->generation != GENERATION_RHEL3))
        refuse(p, "oldest", "requires i386 and rhel3");
    s->task = hex(p, ARG_TASK, s->model->task);
    s->page_offset = hex(p, ARG_PAGE_OFFSET, s->model->page_offset);
    s->magic = hex(p, ARG_MAGIC, 0);
}

static void parse_memory(Parse *p)
{
    MachineSetup *s = &p->o->setup;
    guint64 seed = s->seed;
    guint64 page = s->model->page_size;
    guint64 size = 16u << 20;
    double zero = fraction(p, ARG_ZERO, 25, 100);
    g_autoptr(GArray) holes = g_array_new(FALSE, FALSE, sizeof(RamHole));
    GError *error = NULL;
    Ram *ram = NULL;

    if (p->args->text[ARG_PAGE_SIZE] && !parse_size(p->args->text[ARG_PAGE_SIZE], &page, &error))
        fail(p, "page-size", g_steal_pointer(&error));
    if (page < LIMIT_PAGE_SIZE_MIN || page > LIMIT_PAGE_SIZE_MAX || (page & (page - 1)) != 0) {
        refuse(p, "page-size", "must be a power of two from 4096 to 65536");
        page = LIMIT_PAGE_SIZE_MIN;
    }
    if (p->args->text[ARG_SIZE] && !parse_size(p->args->text[ARG_SIZE], &size, &error))
        fail(p, "size", g_steal_pointer(&error));
    if (size % page != 0 || size / page > G_MAXUINT32)
        refuse(p, "size", "must be a multiple of the page size and at most 2^32 - 1 pages");
    if (p->args->text[ARG_HOLES] && !parse_holes(p->args->text[ARG_HOLES], holes, &error))
        fail(p, "holes", g_steal_pointer(&error));
    if (p->error)
        return;
    if (p->args->text[ARG_MEMORY])
        ram = ram_open(p->args->text[ARG_MEMORY], (guint32)page, &error);
    else
        ram = ram_generate(seed, (guint32)(size / page), (guint32)page, zero);
    s->ram = p->o->ram = ram;
    if (!ram)
        fail(p, "memory", g_steal_pointer(&error));
    else if (!ram_set_holes(ram, (RamHole *)(void *)holes->data, holes->len, &error))
        fail(p, "holes", g_steal_pointer(&error));
}

static void parse_files(Parse *p)
{
    MachineSetup *s = &p->o->setup;
    gsize should = model_regs_size(s->model, s->generation), len;
    GError *error = NULL;
    char *bytes;

    if (p->args->text[ARG_TEXT] &&
        g_file_get_contents(p->args->text[ARG_TEXT], &bytes, NULL, &error))
        s->text = p->o->text = bytes;
    fail(p, "text", g_steal_pointer(&error));
    if (p->args->text[ARG_REGS] &&
        g_file_get_contents(p->args->text[ARG_REGS], &bytes, &len, &error)) {
        s->regs = p->o->regs = (guint8 *)bytes;
        if (len != should)
            error = g_error_new(G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                                "%s has %" G_GSIZE_FORMAT
                                " bytes; the registers of %s have %" G_GSIZE_FORMAT,
                                p->args->text[ARG_REGS], len, s->model->name, should);
    }
    fail(p, "regs", g_steal_pointer(&error));
}

static gboolean is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
}

static void parse_network(Parse *p)
{
    PortSetup *net = &p->o->port;
    GError *error = NULL;

    if (!parse_address(p->args->server ? p->args->server : "127.0.0.1", DEFAULT_PORT, &net->server,
                       &error))
        fail(p, "server", g_steal_pointer(&error));
    gboolean six = net->server.ss_family == AF_INET6, near = is_loopback(&net->server);
    const char *own = p->args->text[ARG_BIND] ? p->args->text[ARG_BIND]
                      : six                   ? (near ? "::1" : "::")
                                              : (near ? "127.0.0.2" : "0.0.0.0");
    g_autofree char *bracketed = six && *own != '[' ? g_strdup_printf("[%s]", own) : g_strdup(own);
    if (!parse_address(bracketed, DEFAULT_PORT, &net->local, &error))
        fail(p, "bind", g_steal_pointer(&error));
    else if (net->local.ss_family != net->server.ss_family && !p->error)
        refuse(p, "bind", "this address and the server's must be of the same family");
    net->only_same_port = p->o->setup.generation == GENERATION_RHEL3;
    net->port = (guint16)number(p, ARG_PORT, 0, G_MAXUINT16);
    /* RHEL 3 works only where both ports are the same number. */
    if (net->only_same_port && !p->args->text[ARG_PORT])
        net->port = ntohs(((struct sockaddr_in *)(void *)&net->server)->sin_port);
    net->log_port = (guint16)number(p, ARG_LOG_PORT, 0, G_MAXUINT16);
    net->text_from_dump_port = net->only_same_port && !p->args->text[ARG_LOG_PORT] &&
                               p->o->setup.style == CONSOLE_LOG_LINES;
    net->gso = p->args->flag[FLAG_GSO] != 0;
}

static void parse_behaviour(Parse *p)
{
    MachineSetup *s = &p->o->setup;

    s->start_text = p->o->start_text = g_steal_pointer(&p->args->text[ARG_START_TEXT]);
    s->style = p->args->flag[FLAG_NETCONSOLE] ? CONSOLE_PLAIN : CONSOLE_LOG_LINES;
    s->no_crash = p->args->flag[FLAG_NO_CRASH] != 0;
    s->deaf = p->args->flag[FLAG_DEAF] != 0;
    s->extensions = (guint32)number(p, ARG_EXTENSIONS, 0, WIRE_EXT_ALL);
    s->silent_after = number(p, ARG_SILENT_AFTER, 0, G_MAXUINT32);
    s->recrash_after = number(p, ARG_RECRASH_AFTER, 0, G_MAXUINT32);
    s->lose_reboots = (guint)number(p, ARG_LOSE_REBOOTS, 0, 1000000);
    s->timeout = (gint64)(fraction(p, ARG_TIMEOUT, 60, 1e6) * G_USEC_PER_SEC);
    s->rules.loss = fraction(p, ARG_LOSS, 0, 100);
    s->rules.dup = fraction(p, ARG_DUP, 0, 100);
    s->rules.reorder = fraction(p, ARG_REORDER, 0, 100);
    s->rules.delay = (gint64)(fraction(p, ARG_DELAY, 0, 60000) * 1000);
    s->rules.jitter = (gint64)(fraction(p, ARG_JITTER, 0, 60000) * 1000);
    if (p->args->flag[FLAG_GSO] && link_rules_any(&s->rules))
        refuse(p, "gso", "cannot be combined with --loss, --dup, --reorder, --delay or --jitter");
    s->seed = p->args->text[ARG_SEED] ? number(p, ARG_SEED, 0, G_MAXUINT64)
                                      : (guint64)g_get_real_time() % 1000000000;
    p->o->clients = (guint)number(p, ARG_CLIENTS, 1, MAX_CLIENTS);
    if (p->o->clients == 0)
        refuse(p, "clients", "must be at least 1");
    p->o->verify = g_steal_pointer(&p->args->text[ARG_VERIFY]);
    p->o->progress = p->args->flag[FLAG_PROGRESS] != 0;
    p->o->quiet = p->args->flag[FLAG_QUIET] != 0;
    p->o->json = p->args->flag[FLAG_JSON] != 0;
}

Options *options_parse(int argc, char **argv, int *status)
{
    g_autoptr(Options) o = g_new0(Options, 1);
    g_auto(Args) args = {0};
    Parse p = {o, &args, NULL};

    *status = 2;
    if (!args_parse(&args, argc, argv))
        return NULL;
    if (args.flag[FLAG_VERSION]) {
        *status = puts("netdump-sim " NETDUMP_VERSION) < 0;
        return NULL;
    }
    parse_kind(&p);
    parse_behaviour(&p);
    parse_memory(&p);
    parse_files(&p);
    parse_network(&p);
    if (!p.error)
        return g_steal_pointer(&o);
    (void)fprintf(stderr, "netdump-sim: %s\n", p.error->message);
    g_error_free(p.error);
    return NULL;
}

void options_free(Options *o)
{
    if (!o)
        return;
    ram_free(o->ram);
    g_free(o->regs);
    g_free(o->start_text);
    g_free(o->text);
    g_free(o->verify);
    g_free(o);
}

void options_port(const Options *o, guint n, PortSetup *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)&out->local;

    *out = o->port;
    if (out->local.ss_family == AF_INET && four->sin_addr.s_addr != INADDR_ANY)
        four->sin_addr.s_addr = htonl(ntohl(four->sin_addr.s_addr) + n);
    else if (n > 0)
        out->port = out->log_port = 0;
}
