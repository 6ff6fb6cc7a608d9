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
    [ARG_MEMORY] = {"memory", "FILE", "raw physical memory, page 0 first (default: made up)"},
    [ARG_SIZE] = {"size", "N[K|M|G]", "size of made-up memory (default 16M)"},
    [ARG_PAGE_SIZE] = {"page-size", "N[K]", "bytes (default: 4096, ia64 16384)"},
    [ARG_HOLES] = {"holes", "A-B,...", "page frames that are no RAM, inclusive, decimal or 0x"},
    [ARG_ZERO] = {"zero", "PERCENT", "zero pages in made-up memory (default 25)"},
    [ARG_REGS] = {"regs", "FILE", "raw registers in the machine's byte order (default: made up)"},
    [ARG_TASK] = {"task", "HEX", "address of the task that panicked"},
    [ARG_PAGE_OFFSET] = {"page-offset", "HEX", "virtual address of physical address 0"},
    [ARG_MAGIC] = {"magic", "HEX", "netdump_magic (default 0)"},
    [ARG_EXTENSIONS] = {"extensions", "MASK", "of the protocol, to offer: 15 for all (default 0)"},
    [ARG_START_TEXT] = {"start-text", "TEXT", "more key:value pairs at the end of START"},
    [ARG_PORT] = {"port", "N", "own netdump port (default: any; rhel3: the server's)"},
    [ARG_LOG_PORT] = {"log-port", "N", "own port of console text (default: any; rhel3: --port)"},
    [ARG_BIND] = {"bind", "ADDR", "own address (default 127.0.0.2 or ::1, if the server is near)"},
    [ARG_CLIENTS] = {"clients", "N", "N machines, from consecutive addresses (default 1)"},
    [ARG_TEXT] = {"text", "FILE", "console text before the crash (default: an oops)"},
    [ARG_LOSS] = {"loss", "PERCENT", "datagrams lost, each way"},
    [ARG_DUP] = {"dup", "PERCENT", "datagrams doubled, each way"},
    [ARG_REORDER] = {"reorder", "PERCENT", "datagrams overtaken by others, each way"},
    [ARG_DELAY] = {"delay", "MS", "time that a datagram takes, each way"},
    [ARG_JITTER] = {"jitter", "MS", "up to so much more time, each way"},
    [ARG_SEED] = {"seed", "N", "of memory, registers and bad luck (default: the clock's)"},
    [ARG_SILENT_AFTER] = {"silent-after", "N", "fall silent for ever after N pages"},
    [ARG_RECRASH_AFTER] = {"recrash-after", "N", "boot and crash again after N pages"},
    [ARG_LOSE_REBOOTS] = {"lose-reboots", "N", "the first N REBOOTs are lost"},
    [ARG_VERIFY] = {"verify", "DIR", "compare the dump in this dump directory with the memory"},
    [ARG_TIMEOUT] = {"timeout", "S", "give up after S seconds without a word (default 60)"},
};

static const struct {
    const char *name, *help;
} flags[N_FLAGS] = {
    [FLAG_OLDEST] = {"oldest", "the client of 2.4.21-4 to -27: implies i386 and rhel3"},
    [FLAG_NETCONSOLE] = {"netconsole", "console text as plain netconsole datagrams"},
    [FLAG_NO_CRASH] = {"no-crash", "announce the start, send the text, and leave"},
    [FLAG_DEAF] = {"deaf", "hear nothing, ever"},
    [FLAG_GSO] = {"gso", "hand the kernel many datagrams at once (UDP_SEGMENT)"},
    [FLAG_PROGRESS] = {"progress", "show progress (default: on a terminal)"},
    [FLAG_QUIET] = {"quiet", "no progress and no summary"},
    [FLAG_JSON] = {"json", "the summary as JSON"},
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
        (void)fprintf(stderr, "netdump-sim: %s: only one server can be named\n",
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
