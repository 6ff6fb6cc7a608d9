/* main.c - configuration, daemon, loop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cmd_list.h"
#include "cli/cmd_status.h"
#include "io/config/config.h"
#include "io/sys/daemon.h"
#include "io/sys/log.h"
#include "io/sys/pidfile.h"
#include "io/sys/signals.h"
#include "server/loop.h"

#include <stdlib.h>

/* In the process that stays. The reason of a failure goes to the log, and to the terminal that
 * waits for a daemon. */
static int serve(Config *config)
{
    g_autofree char *pidfile = g_strdup(config->pidfile);
    g_autoptr(GError) error = NULL;
    g_autoptr(Server) server = NULL;

    daemon_warn_if_root();
    if (!signals_init(&error)) {
        config_free(config);
    } else if (pidfile && !pidfile_take(pidfile, &error)) {
        config_free(config);
    } else {
        server = server_new(config, protocols_of_daemon(), &error);
    }
    if (!server) {
        daemon_failed(error->message);
        if (pidfile)
            pidfile_drop();
        return EXIT_FAILURE;
    }
    daemon_ready();
    loop_run(server);
    /* Whoever waits for the pid file to go may start the next server at once: it must find the dump
     * directory free. */
    server_free(g_steal_pointer(&server));
    if (pidfile)
        pidfile_drop();
    return EXIT_SUCCESS;
}

static int start(Config *config)
{
    g_autoptr(GError) error = NULL;
    int status = EXIT_FAILURE;

    log_open("netdump-server", LOG_TO_STDERR, config->verbose);
    if (!config->daemon) {
        daemon_foreground();
        return serve(config);
    }
    switch (daemon_background(&status, &error)) {
    case DAEMON_CHILD:
        log_open("netdump-server", LOG_TO_SYSLOG, config->verbose);
        return serve(config);
    case DAEMON_PARENT:
        break;
    case DAEMON_FAILED:
        log_error("%s", error->message);
        break;
    }
    config_free(config);
    return status;
}

/* The tasks that only look at something and exit. */
static int look(Config *config, ConfigTask task)
{
    int status = EXIT_SUCCESS;

    if (task == CONFIG_STATUS)
        status = cmd_status(config);
    else if (task == CONFIG_LIST)
        status = cmd_list(config);
    else
        config_print(config, stdout);
    config_free(config);
    return status;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    ConfigTask task;
    Config *config;

    daemon_fill_stdio();
    config = config_load(argc, argv, &task, &error);
    if (!config) {
        if (task == CONFIG_SHOWN && !error)
            return EXIT_SUCCESS;
        fprintf(stderr, "%s\n", error->message);
        return EXIT_FAILURE;
    }
    if (task == CONFIG_RUN)
        return start(config);
    return look(config, task);
}
