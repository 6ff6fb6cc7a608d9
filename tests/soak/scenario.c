/* scenario.c - what chance decides beforehand about a world.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/limits.h"
#include "soak/disk.h"

#include <stdio.h>

static void choose_network(World *w)
{
    Scenario *sc = &w->sc;

    sc->delay = (Span)world_scaled(w, 15);
    sc->jitter = (Span)world_scaled(w, 13);
    sc->lateness = (Span)world_scaled(w, 20);
    for (guint way = 0; way < 2; way++) {
        if (world_chance(w, 6000))
            sc->loss[way] = (guint)MIN(world_scaled(w, 12), 3000); /* up to 30 % */
        if (world_chance(w, 3000))
            sc->dup[way] = (guint)world_scaled(w, 11);
        if (world_chance(w, 3000))
            sc->late[way] = (guint)world_scaled(w, 11);
    }
    if (world_chance(w, 1500))
        sc->corrupt = (guint)world_scaled(w, 10);
    if (world_chance(w, 500))
        sc->truncate = (guint)world_scaled(w, 8);
    if (world_chance(w, 500))
        sc->outages = 1 + (guint)world_below(w, 2);
    if (world_chance(w, 2000))
        sc->forgeries = (guint)world_scaled(w, 7);
}

static void choose_disk(World *w)
{
    Scenario *sc = &w->sc;

    for (guint kind = 0; kind < JOB_N_KINDS; kind++)
        sc->job_delay[kind] = (Span)world_scaled(w, world_chance(w, 9700) ? 14 : 22);
    sc->told_delay = (Span)world_scaled(w, world_chance(w, 9500) ? 10 : 20);
    sc->at_once = world_chance(w, 2000) ? 5000 : 0;
    sc->space_low = world_chance(w, 300) ? 1000 : 0;
    sc->never_kind = world_chance(w, 1200) ? (int)world_below(w, JOB_N_KINDS) : -1;
    sc->never_at = 1 + world_scaled(w, 3);
    sc->gather = (guint)world_scaled(w, 7);
    sc->unusable = world_chance(w, 1500) ? 5000 : 0;
    sc->hook_slow = world_chance(w, 1500);
    sc->no_space = world_chance(w, 300);
    sc->disk_faults = world_chance(w, 1500);
    if (sc->disk_faults) {
        sc->fault_kind = world_chance(w, 4000) ? -1 : (int)world_below(w, JOB_N_KINDS);
        sc->fault_at = 1 + world_scaled(w, sc->fault_kind == -1 ? 6 : 3);
        sc->fault_length = world_chance(w, 3000) ? G_MAXUINT : 1 + (guint)world_scaled(w, 3);
    }
}

void scenario_choose(World *w)
{
    Scenario *sc = &w->sc;

    *sc = (Scenario){0};
    sc->kernels = world_chance(w, 8000) ? 1 : 1 + (guint)world_below(w, KERNELS_MAX);
    sc->max_dumps = world_chance(w, 9000) ? 2 * KERNELS_MAX : (guint)world_below(w, 4);
    sc->max_in_flight = world_chance(w, 8000) ? LIMIT_IN_FLIGHT : 1 + (guint)world_scaled(w, 7);
    sc->rcvbuf = (gsize)1 << (13 + world_below(w, 12));
    sc->client_timeout = world_chance(w, 7000) ? SPAN_S(60) : SPAN_S(20 + world_below(w, 100));
    sc->secure = world_chance(w, 1500);
    choose_network(w);
    choose_disk(w);
    if (world_chance(w, 2500))
        sc->ends = 1 + (guint)world_below(w, G_N_ELEMENTS(sc->end_at));
    for (guint i = 0; i < sc->ends; i++) {
        sc->end_on[i] = world_chance(w, 5000) ? -1 : (int)world_below(w, ACTION_N);
        sc->end_at[i] = 1 + world_scaled(w, sc->end_on[i] == -1 ? 10 : 3);
    }
}

void scenario_print(const World *w)
{
    const Scenario *sc = &w->sc;

    printf("# %u kernels, %u dumps at most, window %u, receive buffer %" G_GSIZE_FORMAT
           ", timeout %.0f s\n",
           sc->kernels, sc->max_dumps, sc->max_in_flight, sc->rcvbuf,
           (double)sc->client_timeout / 1e6);
    printf("# to the server: %.2f %% lost, %.2f %% doubled, %.2f %% late; to the kernels: %.2f %% "
           "lost, %.2f %% doubled, %.2f %% late\n",
           sc->loss[0] / 100.0, sc->dup[0] / 100.0, sc->late[0] / 100.0, sc->loss[1] / 100.0,
           sc->dup[1] / 100.0, sc->late[1] / 100.0);
    printf(
        "# delay %.3f ms, jitter %.3f ms, late ones up to %.0f ms; %.2f %% damaged, %.2f %% cut; "
        "%u outages, %u forgeries\n",
        (double)sc->delay / 1e3, (double)sc->jitter / 1e3, (double)sc->lateness / 1e3,
        sc->corrupt / 100.0, sc->truncate / 100.0, sc->outages, sc->forgeries);
    printf("# disk: %.3f ms for pages, %u pages gathered%s%s%s; %s\n",
           (double)sc->job_delay[JOB_PAGES] / 1e3, sc->gather, sc->disk_faults ? ", it fails" : "",
           sc->no_space ? ", it is full" : "", sc->space_low ? ", it gets full" : "",
           sc->secure ? "secure" : "any client may dump");
    if (sc->never_kind >= 0)
        printf("# job %d never ends the %" G_GUINT64_FORMAT ". time\n", sc->never_kind,
               sc->never_at);
    if (sc->disk_faults)
        printf("# ... at operation %" G_GUINT64_FORMAT ", for %u\n", sc->fault_at,
               sc->fault_length);
    for (guint i = 0; i < sc->ends; i++)
        printf("# the server ends with %" G_GUINT64_FORMAT ". %s %d\n", sc->end_at[i],
               sc->end_on[i] == -1 ? "step" : "action of kind", sc->end_on[i]);
}
