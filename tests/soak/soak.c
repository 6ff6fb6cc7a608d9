/* soak.c - netdump-soak: whole dumps in virtual time, one world for each seed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    gint64 seeds, seed;
    gboolean verbose;
} Options;

static gboolean parse(Options *o, int *argc, char ***argv)
{
    GOptionEntry entries[] = {
        {"seeds", 'n', 0, G_OPTION_ARG_INT64, &o->seeds, "how many worlds (1000)", "N"},
        {"seed", 's', 0, G_OPTION_ARG_INT64, &o->seed, "the first one's seed (1)", "S"},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &o->verbose,
         "show the run: events, actions, jobs, and the hash of all of them", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GOptionContext *context = g_option_context_new("- crash kernels in virtual time");
    GError *error = NULL;
    gboolean ok;

    g_option_context_add_main_entries(context, entries, NULL);
    ok = g_option_context_parse(context, argc, argv, &error) && *argc == 1 && o->seeds > 0;
    if (!ok)
        fprintf(stderr, "netdump-soak: %s\n", error ? error->message : "see --help");
    g_clear_error(&error);
    g_option_context_free(context);
    return ok;
}

static void print_totals(const Totals *t, gint64 seeds, gdouble seconds)
{
    printf("# %" G_GINT64_FORMAT " worlds in %.1f s, %.0f a second; %" G_GUINT64_FORMAT
           " events, %" G_GUINT64_FORMAT " steps, %" G_GUINT64_FORMAT " actions\n",
           seeds, seconds, (gdouble)seeds / MAX(seconds, 1e-3), t->events, t->steps, t->actions);
    printf("# %" G_GUINT64_FORMAT " dumps: %" G_GUINT64_FORMAT " complete, %" G_GUINT64_FORMAT
           " incomplete, %" G_GUINT64_FORMAT " not dumped; %" G_GUINT64_FORMAT
           " chunks stored, %" G_GUINT64_FORMAT " datagrams to the server\n",
           t->dumps, t->complete, t->incomplete, t->not_dumped, t->stores, t->datagrams);
    printf("# server ends: %" G_GUINT64_FORMAT " kills, %" G_GUINT64_FORMAT
           " power cuts, %" G_GUINT64_FORMAT " orderly; %" G_GUINT64_FORMAT
           " dumps interrupted, %" G_GUINT64_FORMAT " resumed, %" G_GUINT64_FORMAT
           " clients that no instance knows\n",
           t->ends[END_KILLED], t->ends[END_POWER_CUT], t->ends[END_SHUTDOWN], t->interrupted,
           t->resumed, t->orphaned);
    printf("# disk faults: %" G_GUINT64_FORMAT ", jobs that never end: %" G_GUINT64_FORMAT
           ", forgeries: %" G_GUINT64_FORMAT ", crashes in a dump: %" G_GUINT64_FORMAT
           ", clients that died: %" G_GUINT64_FORMAT ", refused: %" G_GUINT64_FORMAT
           ", outages: %" G_GUINT64_FORMAT "\n",
           t->disk_faults, t->nevers, t->forgeries, t->recrashes, t->deaths, t->refused,
           t->outages);
}

int main(int argc, char **argv)
{
    Options o = {.seeds = 1000, .seed = 1};
    World *w;
    guint64 trace = 0;
    guint64 all = 0;
    gint64 failed = 0;
    gint64 begin = g_get_monotonic_time();

    if (!parse(&o, &argc, &argv))
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    w = world_new();
    w->verbose = o.verbose;
    printf("# seeds %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "\n", o.seed, o.seed + o.seeds - 1);
    for (gint64 i = 0; i < o.seeds && failed < 10; i++) {
        guint64 again;

        if (!world_run(w, (guint64)(o.seed + i), &trace)) {
            failed++;
            printf("# replay: %s --seeds=1 --seed=%" G_GINT64_FORMAT " --verbose\n", argv[0],
                   o.seed + i);
            continue;
        }
        all = rng_mix(all ^ trace);
        if (o.verbose)
            printf("# trace %016" G_GINT64_MODIFIER "x\n", trace);
        /* The same seed must give the same trace. */
        if (i % 64 == 0 && !o.verbose &&
            (!world_run(w, (guint64)(o.seed + i), &again) || again != trace)) {
            failed++;
            printf("# seed %" G_GINT64_FORMAT " does not replay\n", o.seed + i);
        }
    }
    print_totals(&w->totals, o.seeds, (gdouble)(g_get_monotonic_time() - begin) / 1e6);
    printf("# trace of all: %016" G_GINT64_MODIFIER "x\n", all);
    printf("%sok 1 - every dump ends as expected\n1..1\n", failed ? "not " : "");
    world_free(w);
    return failed ? 1 : 0;
}
