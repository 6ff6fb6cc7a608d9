/* main.c - netdump-sim: crashed machines over real UDP, for tests, demonstrations and measurements.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/options.h"
#include "sim/report.h"
#include "sim/verify.h"

#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Requests that all machines together answer in one turn: each has but a few at a time, since real
 * ones do not wait for each other. */
#define BUDGET         32
#define BUDGET_MIN     2
#define PROGRESS_EVERY 200000  /* us */
#define VERIFY_WAIT    3000000 /* us: the server renames the dump before it says REBOOT */

typedef struct {
    Options *options;
    Report report;
    struct pollfd *fds;
    Machine **polled; /* whose descriptor that is */
    gint64 next_progress;
} Sim;

static gboolean create_machines(Sim *sim)
{
    const Options *o = sim->options;

    for (guint i = 0; i < o->clients; i++) {
        g_autoptr(GError) error = NULL;
        PortSetup setup;

        options_port(o, i, &setup);
        Port *port = port_open(&setup, &error);
        if (!port) {
            (void)fprintf(stderr, "netdump-sim: %s\n", error->message);
            return FALSE;
        }
        sim->report.machines[sim->report.n++] = machine_new(&o->setup, i, port);
    }
    return TRUE;
}

static void wait_for(Sim *sim, guint n, gint64 until)
{
    gint64 us = CLAMP(until - g_get_monotonic_time(), 0, G_GINT64_CONSTANT(3600000000));
    struct timespec timeout = {us / G_USEC_PER_SEC, us % G_USEC_PER_SEC * 1000};

    (void)ppoll(sim->fds, n, &timeout, NULL);
    gint64 now = g_get_monotonic_time();
    for (guint i = 0; i < n; i++)
        if (sim->fds[i].revents)
            machine_listen(sim->polled[i], now);
}

static void show_progress(Sim *sim, gint64 now, gint64 *next)
{
    if (!sim->options->progress)
        return;
    sim->report.now = now;
    if (now >= sim->next_progress) {
        report_progress(&sim->report, sim->options);
        sim->next_progress = now + PROGRESS_EVERY;
    }
    *next = MIN(*next, sim->next_progress);
}

static void run(Sim *sim)
{
    guint budget = MAX(BUDGET / sim->report.n, BUDGET_MIN);

    for (;;) {
        gint64 now = g_get_monotonic_time(), next = G_MAXINT64;
        guint n = 0;

        for (guint i = 0; i < sim->report.n; i++) {
            Machine *m = sim->report.machines[i];

            next = MIN(next, machine_turn(m, now, budget));
            /* A rebooted machine receives nothing, but its last datagrams can be in flight. */
            if (machine_finished(m))
                continue;
            sim->fds[n] = (struct pollfd){port_fd(machine_port(m)), POLLIN, 0};
            sim->polled[n++] = m;
        }
        if (n == 0 && next == G_MAXINT64)
            break;
        show_progress(sim, now, &next);
        wait_for(sim, n, next);
    }
    sim->report.now = g_get_monotonic_time();
    if (sim->options->progress) {
        report_progress(&sim->report, sim->options);
        report_progress_end();
    }
}

static void verify(Sim *sim, gint64 since)
{
    const Options *o = sim->options;

    for (guint i = 0; i < sim->report.n && o->verify; i++) {
        g_autoptr(GError) error = NULL;
        const Machine *m = sim->report.machines[i];

        if (machine_stats(m)->state != MACHINE_REBOOTED)
            continue;
        sim->report.verdicts[i] = "";
        if (!verify_dump(o->verify, &o->setup, m, i, since, VERIFY_WAIT, &error))
            sim->report.verdicts[i] = g_intern_string(error->message);
    }
}

static gboolean finish(Sim *sim)
{
    gboolean good = TRUE;

    for (guint i = 0; i < sim->report.n; i++)
        good = report_good(&sim->report, sim->options, i) && good;
    if (sim->options->json || !sim->options->quiet)
        good = report_summary(&sim->report, sim->options) && good;
    for (guint i = 0; i < sim->report.n && sim->options->quiet && !sim->options->json; i++)
        if (sim->report.verdicts[i] && *sim->report.verdicts[i])
            (void)fprintf(stderr, "netdump-sim: %s\n", sim->report.verdicts[i]);
    return good;
}

static void sim_clear(Sim *sim)
{
    for (guint i = 0; i < sim->report.n; i++)
        machine_free(sim->report.machines[i]);
    g_free(sim->report.machines);
    g_free(sim->report.verdicts);
    g_free(sim->fds);
    g_free(sim->polled);
    options_free(sim->options);
}

int main(int argc, char **argv)
{
    int status = 2;
    gint64 since = g_get_real_time();
    Sim sim = {.options = options_parse(argc, argv, &status)};

    if (!sim.options)
        return status;
    guint n = sim.options->clients;
    sim.report.machines = g_new0(Machine *, n);
    sim.report.verdicts = g_new0(const char *, n);
    sim.fds = g_new0(struct pollfd, n);
    sim.polled = g_new0(Machine *, n);
    /* A delay of 0.2 ms must not become 0.25: the kernel's default slack is 50 us. */
    (void)prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
    (void)fprintf(stderr, "netdump-sim: seed %" G_GUINT64_FORMAT "\n", sim.options->setup.seed);
    status = 1;
    if (create_machines(&sim)) {
        sim.report.started = g_get_monotonic_time();
        if (!sim.options->quiet && !sim.options->json && isatty(STDERR_FILENO))
            sim.options->progress = TRUE;
        run(&sim);
        verify(&sim, since);
        status = finish(&sim) ? 0 : 1;
    }
    sim_clear(&sim);
    return status;
}
