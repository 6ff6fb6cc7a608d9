/* config_reload.c - reads the configuration again, outside the loop's thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/config/config_reload.h"

typedef enum {
    IDLE,
    READING,
    READING_AGAIN, /* what is read now may be old: once more */
} State;

/* What the thread is given, and what it brings back. */
typedef struct {
    ConfigReload *owner; /* NULL: gone; the loop's */
    char **argv;
    char *start_in;
    Config *config;
    GError *error;
} Reading;

struct ConfigReload {
    char **argv;
    char *start_in;
    OffLoop off;
    ConfigReloadFn fn;
    gpointer user;
    State state;
    Reading *reading; /* NULL if IDLE */
};

static void run(gpointer data)
{
    Reading *r = data;

    r->config = config_reread(r->argv, r->start_in, &r->error);
}

static void done(gpointer data)
{
    Reading *r = data;
    ConfigReload *reload = r->owner;
    gboolean again;

    if (!reload)
        return;
    again = reload->state == READING_AGAIN;
    reload->state = IDLE;
    reload->reading = NULL;
    r->owner = NULL;
    reload->fn(reload->user, g_steal_pointer(&r->config), r->error);
    if (again)
        config_reload_start(reload);
}

static void destroy(gpointer data)
{
    Reading *r = data;

    if (r->owner) { /* the threads have ended: nothing will be read any more */
        r->owner->reading = NULL;
        r->owner->state = IDLE;
    }
    config_free(r->config);
    g_clear_error(&r->error);
    g_strfreev(r->argv);
    g_free(r->start_in);
    g_free(r);
}

ConfigReload *config_reload_new(const Config *config, const OffLoop *off, ConfigReloadFn fn,
                                gpointer user)
{
    ConfigReload *reload = g_new0(ConfigReload, 1);

    reload->argv = g_strdupv(config->argv);
    reload->start_in = g_strdup(config->start_in);
    reload->off = *off;
    reload->fn = fn;
    reload->user = user;
    return reload;
}

void config_reload_free(ConfigReload *reload)
{
    if (!reload)
        return;
    if (reload->reading)
        reload->reading->owner = NULL;
    g_strfreev(reload->argv);
    g_free(reload->start_in);
    g_free(reload);
}

void config_reload_start(ConfigReload *reload)
{
    Reading *r;

    if (reload->state != IDLE) {
        reload->state = READING_AGAIN;
        return;
    }
    r = g_new0(Reading, 1);
    r->owner = reload;
    r->argv = g_strdupv(reload->argv);
    r->start_in = g_strdup(reload->start_in);
    reload->state = READING;
    reload->reading = r;
    reload->off.push(reload->off.owner, &(OffLoopJob){run, done, destroy, r});
}
