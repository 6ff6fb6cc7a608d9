/* executor.c - gives events to sessions and carries out their actions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/executor.h"

#include <errno.h>

struct Executor {
    Clients *clients;
    const Effects *effects;
    gpointer world;
    const Mono *now;
    gboolean busy;   /* a step, or an event that follows from it, is being carried out */
    GArray *actions; /* of Action; of the step that is being carried out */
    GArray *queue;   /* of Told; follow-up events */
    GArray *grown;   /* of guint32: ids */
};

typedef struct {
    guint32 id;
    Event event;
} Told;

static void carry_out(Executor *x, ClientEntry *entry, const Event *event, const Action *a);

/* -- events ------------------------------------------------------------------------------------ */

static void step(Executor *x, ClientEntry *entry, const Event *event)
{
    gboolean closed = FALSE;

    g_array_set_size(x->actions, 0);
    entry->session->ops->step(entry->session, *x->now, event, x->actions);
    for (guint i = 0; i < x->actions->len; i++) {
        const Action *action = &g_array_index(x->actions, Action, i);

        carry_out(x, entry, event, action);
        closed |= action->kind == ACTION_CLOSE;
    }
    if (closed)
        clients_remove(x->clients, entry);
}

void executor_event(Executor *x, ClientEntry *entry, const Event *event)
{
    g_assert(!x->busy);
    x->busy = TRUE;
    step(x, entry, event);
    for (guint i = 0; i < x->queue->len; i++) {
        Told told = g_array_index(x->queue, Told, i); /* the array may move */

        entry = clients_by_id(x->clients, told.id);
        if (entry)
            step(x, entry, &told.event);
    }
    g_array_set_size(x->queue, 0);
    x->busy = FALSE;
}

void executor_tell(Executor *x, guint32 id, const Event *event)
{
    ClientEntry *entry;

    if (x->busy) {
        Told told = {id, *event};

        g_array_append_val(x->queue, told);
        return;
    }
    entry = clients_by_id(x->clients, id);
    if (entry)
        executor_event(x, entry, event);
}

/* Text comes from other ports than the dump. Of several clients at one address the matching port
 * selects the client; if none matches, each gets it: twice is better than not at all. A client
 * without a log gets it as well: while its console prints, it must not get requests. */
gboolean executor_text(Executor *x, const NetAddr *host, const ClientEntry *from,
                       const guint8 *text, gsize len)
{
    const Event event = {.kind = EVENT_TEXT, .data = text, .len = len};
    gboolean logged = FALSE;

    if (clients_at_host(x->clients, host) <= (from ? 1 : 0))
        return FALSE;
    for (guint i = clients_count(x->clients); i > 0; i--) {
        const ClientEntry *entry;

        if (i > clients_count(x->clients)) /* an event has removed more than one */
            continue;
        entry = clients_nth(x->clients, i - 1);
        if (entry == from || !netaddr_host_equal(&entry->peer, host))
            continue;
        logged |= entry->session->facts.dir == DIR_OPEN;
        executor_tell(x, entry->id, &event);
    }
    return logged;
}

/* -- actions ----------------------------------------------------------------------------------- */

static void tell(Executor *x, const ClientEntry *entry, Event event)
{
    executor_tell(x, entry->id, &event);
}

static void open_dir(Executor *x, ClientEntry *entry)
{
    if (!entry->files)
        entry->files = x->effects->files_new(x->world, entry);
    x->effects->open_dir(entry->files);
}

static void store(Executor *x, ClientEntry *entry, const Action *a)
{
    if (!x->effects->store(entry->files, a->store.offset, a->store.data, a->store.len,
                           a->store.last, a->store.cookie))
        tell(x, entry, (Event){.kind = EVENT_DISK_FAILED, .err = ENOMEM});
}

static void finish(Executor *x, ClientEntry *entry, gboolean whole)
{
    clients_give_slot(x->clients, entry);
    x->effects->finish(entry->files, whole);
}

/* From the client's own port. */
static void console_text(Executor *x, const ClientEntry *entry, const Action *a)
{
    if (!executor_text(x, &entry->peer, entry, a->text.data, a->text.len))
        x->effects->console_text(x->world, &entry->peer, a->text.data, a->text.len);
}

static void close_client(Executor *x, ClientEntry *entry, gboolean keep)
{
    x->effects->closed(x->world, entry);
    if (entry->files)
        x->effects->close(entry->files, keep);
    entry->files = NULL;
}

static void carry_out_other(Executor *x, ClientEntry *entry, const Event *event, const Action *a);

/* What concerns the client's files. */
static void carry_out(Executor *x, ClientEntry *entry, const Event *event, const Action *a)
{
    const Effects *effects = x->effects;

    switch (a->kind) {
    case ACTION_STORE:
        store(x, entry, a);
        break;
    case ACTION_OPEN_DIR:
        open_dir(x, entry);
        break;
    case ACTION_CHECK_SPACE:
        effects->check_space(entry->files, entry->session->facts.bytes_needed);
        break;
    case ACTION_OPEN_FILE:
        effects->open_file(entry->files, entry->session, a->resume);
        break;
    case ACTION_FLUSH:
        effects->flush(entry->files);
        break;
    case ACTION_RETRY:
        effects->retry(entry->files);
        break;
    case ACTION_FINISH:
        finish(x, entry, a->whole);
        break;
    case ACTION_JOURNAL:
        effects->journal(entry->files, entry->session, a->journal.sync, a->journal.after_info);
        break;
    case ACTION_INFO:
        effects->info(entry->files, entry);
        break;
    case ACTION_LOG_TEXT:
        effects->log_text(entry->files, a->text.data, a->text.len);
        break;
    default:
        carry_out_other(x, entry, event, a);
    }
}

static void carry_out_other(Executor *x, ClientEntry *entry, const Event *event, const Action *a)
{
    const Effects *effects = x->effects;

    switch (a->kind) {
    case ACTION_SEND:
        effects->send(x->world, &entry->local, &entry->peer, a->send.bytes, a->send.len);
        break;
    case ACTION_CHECK_MAGIC:
        effects->check_magic(x->world, entry, a->big_endian);
        break;
    case ACTION_RECORD:
        effects->record(x->world, entry);
        break;
    case ACTION_TAKE_SLOT:
        tell(x, entry, (Event){.kind = EVENT_SLOT, .ok = clients_take_slot(x->clients, entry)});
        break;
    case ACTION_CONSOLE_TEXT:
        console_text(x, entry, a);
        break;
    case ACTION_BOOTED:
        effects->booted(x->world, &entry->peer);
        break;
    case ACTION_MALFORMED:
        effects->malformed(x->world, &entry->peer, event->len, a->fault);
        break;
    case ACTION_RUN_HOOK:
        effects->run_hook(x->world, entry, a->hook);
        break;
    case ACTION_NOTE:
        effects->note(x->world, entry, a->note);
        break;
    case ACTION_CLOSE:
        close_client(x, entry, a->keep);
        break;
    default:
        g_assert_not_reached(); /* no action of session.h */
    }
}

/* -- time -------------------------------------------------------------------------------------- */

void executor_tick(Executor *x, WindowShare *share)
{
    const Event timer = {.kind = EVENT_TIMER};

    for (guint i = clients_count(x->clients); i > 0; i--) {
        ClientEntry *entry;

        if (i > clients_count(x->clients)) /* an event has removed more than one */
            continue;
        entry = clients_nth(x->clients, i - 1);
        if (!mono_before(*x->now, entry->session->ops->deadline(entry->session)))
            executor_event(x, entry, &timer);
    }
    window_share_balance(share, x->clients, *x->now, x->grown);
    for (guint i = 0; i < x->grown->len; i++)
        executor_tell(x, g_array_index(x->grown, guint32, i), &timer);
}

void executor_shutdown(Executor *x)
{
    const Event shutdown = {.kind = EVENT_SHUTDOWN};

    for (guint i = clients_count(x->clients); i > 0; i--)
        if (i <= clients_count(x->clients))
            executor_event(x, clients_nth(x->clients, i - 1), &shutdown);
}

/* -- life -------------------------------------------------------------------------------------- */

Executor *executor_new(Clients *clients, const Effects *effects, gpointer world, const Mono *now)
{
    Executor *x = g_new0(Executor, 1);

    x->clients = clients;
    x->effects = effects;
    x->world = world;
    x->now = now;
    x->actions = g_array_new(FALSE, FALSE, sizeof(Action));
    x->queue = g_array_new(FALSE, FALSE, sizeof(Told));
    x->grown = g_array_new(FALSE, FALSE, sizeof(guint32));
    return x;
}

void executor_free(Executor *x)
{
    if (!x)
        return;
    g_array_unref(x->grown);
    g_array_unref(x->queue);
    g_array_unref(x->actions);
    g_free(x);
}
