/* args.c - the options that the simulator knows.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/args.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *value, *help;
} arguments[N_ARGS] = {
    [ARG_MACHINE] = {"machine", "NAME", "i386, x86_64 (default), ia64 or ppc64"},
    [ARG_GENERATION] = {"generation", "NAME", "rhel4 (default), rhel4-old or rhel3"},
    [ARG_MEMORY] = {"memory", "FILE", "raw physical memory, page 0 first (default: generated)"},
    [ARG_SIZE] = {"size", "N[K|M|G]", "size of generated memory (default 16M)"},
    [ARG_PAGE_SIZE] = {"page-size", "N[K]", "page size in bytes (default 4096, ia64: 16384)"},
    [ARG_HOLES] = {"holes", "A-B,...", "pfn ranges without RAM, inclusive, decimal or 0x"},
    [ARG_ZERO] = {"zero", "PERCENT", "share of zero pages in generated memory (default 25)"},
    [ARG_REGS] = {"regs", "FILE", "raw registers in the client's byte order (default: generated)"},
    [ARG_TASK] = {"task", "HEX", "address of the task that panicked"},
    [ARG_PAGE_OFFSET] = {"page-offset", "HEX", "virtual address of physical address 0"},
    [ARG_MAGIC] = {"magic", "HEX", "netdump_magic (default 0)"},
    [ARG_EXTENSIONS] = {"extensions", "MASK",
                        "protocol extensions to offer, 15 for all (default 0)"},
    [ARG_START_TEXT] = {"start-text", "TEXT", "additional key:value pairs at the end of START"},
    [ARG_PORT] = {"port", "N", "source port (default: any; rhel3: the server's)"},
    [ARG_LOG_PORT] = {"log-port", "N", "source port of console text (default: any; rhel3: --port)"},
    [ARG_BIND] = {"bind", "ADDR", "source address (default 127.0.0.2 or ::1 for a local server)"},
    [ARG_CLIENTS] = {"clients", "N", "number of clients, from consecutive addresses (default 1)"},
    [ARG_TEXT] = {"text", "FILE", "console text before the crash (default: an oops)"},
    [ARG_LOSS] = {"loss", "PERCENT", "datagrams lost in each direction"},
    [ARG_DUP] = {"dup", "PERCENT", "datagrams duplicated in each direction"},
    [ARG_REORDER] = {"reorder", "PERCENT", "datagrams reordered in each direction"},
    [ARG_DELAY] = {"delay", "MS", "delay of a datagram in each direction"},
    [ARG_JITTER] = {"jitter", "MS", "additional random delay of at most MS in each direction"},
    [ARG_SEED] = {"seed", "N", "seed of memory, registers and faults (default: from the clock)"},
    [ARG_SILENT_AFTER] = {"silent-after", "N", "stop responding after N pages"},
    [ARG_RECRASH_AFTER] = {"recrash-after", "N", "reboot and crash again after N pages"},
    [ARG_LOSE_REBOOTS] = {"lose-reboots", "N", "lose the first N REBOOTs"},
    [ARG_VERIFY] = {"verify", "DIR", "compare the dump in this dump directory to the memory"},
    [ARG_TIMEOUT] = {"timeout", "S", "give up after S seconds without a datagram (default 60)"},
};

static const struct {
    const char *name, *help;
} flags[N_FLAGS] = {
    [FLAG_OLDEST] = {"oldest", "the client of 2.4.21-4 to -27, implies i386 and rhel3"},
    [FLAG_NETCONSOLE] = {"netconsole", "send console text as plain netconsole datagrams"},
    [FLAG_NO_CRASH] = {"no-crash", "announce the start, send the text and exit"},
    [FLAG_DEAF] = {"deaf", "never receive anything"},
    [FLAG_GSO] = {"gso", "send with UDP_SEGMENT"},
    [FLAG_PROGRESS] = {"progress", "show progress (default: on a terminal)"},
    [FLAG_QUIET] = {"quiet", "no progress and no summary"},
    [FLAG_JSON] = {"json", "print the summary as JSON"},
    [FLAG_VERSION] = {"version", "print the version"},
};

const char *arg_name(Arg arg)
{
    return arguments[arg].name;
}

/* popt's strings are malloc()ed, ours are glib's. */
static char *adopt(char *text)
{
    char *copy = g_strdup(text);

    free(text);
    return copy;
}

static gboolean run_popt(Args *args, poptContext context)
{
    int rc;

    while ((rc = poptGetNextOpt(context)) > 0) {
        char *text = poptGetOptArg(context);

        g_free(args->text[rc - 1]);
        args->text[rc - 1] = adopt(text);
    }
    if (rc < -1) {
        (void)fprintf(stderr, "netdump-sim: %s: %s\n",
                      poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(rc));
        return FALSE;
    }
    args->server = g_strdup(poptGetArg(context));
    if (poptPeekArg(context)) {
        (void)fprintf(stderr, "netdump-sim: %s: unexpected argument, only one server is allowed\n",
                      poptPeekArg(context));
        return FALSE;
    }
    return TRUE;
}

gboolean args_parse(Args *args, int argc, char **argv)
{
    struct poptOption options[N_ARGS + N_FLAGS + 2] = {0};
    gsize n = 0;

    for (Arg i = 0; i < N_ARGS; i++)
        options[n++] = (struct poptOption){
            arguments[i].name, 0, POPT_ARG_STRING, NULL, (int)i + 1, arguments[i].help,
            arguments[i].value};
    for (Flag i = 0; i < N_FLAGS; i++)
        options[n++] = (struct poptOption){flags[i].name, 0,   POPT_ARG_NONE, &args->flag[i], 0,
                                           flags[i].help, NULL};
    options[n] =
        (struct poptOption){NULL, 0, POPT_ARG_INCLUDE_TABLE, poptHelpOptions, 0, "Help:", NULL};
    poptContext context =
        poptGetContext("netdump-sim", argc, (const char **)(void *)argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] [SERVER[:PORT]]   (default 127.0.0.1:6688)");
    gboolean ok = run_popt(args, context);
    poptFreeContext(context);
    return ok;
}

void args_clear(Args *args)
{
    for (Arg i = 0; i < N_ARGS; i++)
        g_free(args->text[i]);
    g_free(args->server);
    *args = (Args){0};
}
