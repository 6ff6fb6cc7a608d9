/* server.c - the server of a world. See server.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak/server.h"

#include "core/base/limits.h"
#include "soak/check.h"
#include "soak/disk.h"
#include "soak/effects.h"
#include "soak/files.h"
#include "soak/pending.h"
#include "soak/probe.h"

static const NetAddr local_addr = {.family = NET_IPV4, .port = 6688, .bytes = {10, 0, 0, 254}};

gboolean server_was_killed(const World *w)
{
    return w->ending && w->how != END_SHUTDOWN;
}

void server_tell(World *w, guint32 id, Event event)
{
    if (w->up && !server_was_killed(w))
        executor_tell(w->executor, id, &event);
}

/* -- models ------------------------------------------------------------------------------------ */

Model *server_model(const World *w, guint32 id)
{
    return id < w->models->len ? w->models->pdata[id] : NULL;
}

Model *server_new_model(World *w, guint32 id)
{
    Model *model = world_alloc(w, sizeof *model);

    if (server_model(w, id) || id > 1000000)
        world_fail(w, "id %u is used again", id);
    if (id >= w->models->len)
        g_ptr_array_set_size(w->models, (gint)id + 1);
    w->models->pdata[id] = model;
    model->id = id;
    return model;
}

Kernel *server_kernel(const World *w, const NetAddr *peer)
{
    for (guint i = 0; i < w->sc.kernels; i++)
        if (netaddr_equal(&w->kernels[i]->peer, peer))
            return w->kernels[i];
    return NULL;
}

/* -- datagrams --------------------------------------------------------------------------------- */

/* The crash that it is from; NULL: a stranger's. A replay may be a client's own datagram. */
static Crash *sender(const Datagram *d)
{
    return d->forged && d->crash != d->kernel->crash ? NULL : d->crash;
}

/* What the session that gets it is about. */
static void note_sender(Model *model, const Datagram *d, const WireMessage *m, gsize len)
{
    if (m->kind == WIRE_MSG_START) {
        if (d->forged || d->crash != d->kernel->crash)
            model->forged = TRUE;
        model->start_of = d->forged ? NULL : d->crash;
        model->start_len = MAX(model->start_len, len);
        model->starts++;
    }
    if (m->kind == WIRE_MSG_REGS && sender(d))
        model->regs_of = sender(d);
    if (m->kind == WIRE_MSG_PAGE_SIZE && sender(d))
        model->answered = sender(d);
}

void server_note_start(World *w, Model *model)
{
    const Kernel *k = w->from;
    WireMessage m = {.kind = WIRE_MSG_START};

    model->crash = k->state == KERNEL_UP ? NULL : k->crash;
    note_sender(model, w->arrived, &m, w->arrived_len);
}

void server_receive(World *w, const Datagram *d)
{
    WireMessage m = {.kind = WIRE_MSG_TEXT};
    NetAddr peer = d->kernel->peer;
    const ClientEntry *entry;
    const guint8 *bytes;
    gboolean valid;
    gsize len;

    w->totals.datagrams++;
    if (!w->up)
        return;
    len = link_arrive(w, d);
    if (len == 0)
        return;
    bytes = w->datagram + WIRE_MAX_SIZE - len;
    valid = wire_parse(bytes, len, &m) == DATAGRAM_OK;
    peer.port = d->port;
    w->from = server_kernel(w, &peer);
    if (!w->from)
        w->from = d->kernel;
    w->speaker = sender(d);
    w->texts = w->malformed = 0;
    entry = clients_find(w->clients, &probe_ops, &peer);
    if (valid && entry)
        note_sender(server_model(w, entry->id), d, &m, len);
    w->arrived = d;
    w->arrived_len = len;
    dispatch_datagram(w->dispatch, &probe_ops, &peer, &local_addr, bytes, len);
    w->from = NULL;
    w->speaker = NULL;
    if (!server_was_killed(w))
        check_received(w, valid, m.kind == WIRE_MSG_TEXT && m.len > 0);
}

/* -- turns ------------------------------------------------------------------------------------- */

static void end(World *w);

void server_tick(World *w)
{
    if (w->up && !server_was_killed(w))
        executor_tick(w->executor, &w->share);
    if (w->up && !server_was_killed(w))
        check_slots(w);
    if (w->ending)
        end(w);
    pending_tick(w);
}

Mono server_deadline(const World *w)
{
    return w->up ? mono_min(clients_deadline(w->clients),
                            mono_min(window_share_deadline(&w->share),
                                     pending_set_deadline(w->pending_set)))
                 : MONO_NEVER;
}

/* -- life and death ---------------------------------------------------------------------------- */

static guint32 draw(gpointer world)
{
    return (guint32)world_random(world);
}

static void no_room(gpointer world, const NetAddr *peer)
{
    world_fail(world, "no room for a client at port %u", peer->port);
}

static const DispatchRules rules = {.random = draw, .no_room = no_room};

static Model *readmit(World *w, Kernel *k, const SessionRemains *remains)
{
    const char *why = NULL;
    ClientEntry *entry;

    w->from = k;
    entry = clients_readmit(w->clients, &probe_ops, &k->peer, &local_addr, remains, draw(w), w->now,
                            &why);
    w->from = NULL;
    if (why)
        world_fail(w, "what was written down cannot be read: %s", why);
    return entry ? server_model(w, entry->id) : NULL;
}

static void begin_restored(World *w, Model *model)
{
    ClientEntry *entry = clients_by_id(w->clients, model->id);

    executor_event(w->executor, entry, &(Event){.kind = EVENT_TIMER});
}

/* The newest dump of a client is resumed; of an older one the journal stays where it is. */
static void resume(World *w, Dump *d)
{
    guint8 *header;
    TaggedReader fields;
    SessionRemains remains = {.fields = &fields, .dir = TRUE};
    Model *model;

    if (!d->journal)
        return;
    check_reader(w, &d->latest, &fields);
    header = world_alloc(w, LIMIT_HEADER);
    remains.header = header;
    remains.header_len = disk_first_bytes(d, header, LIMIT_HEADER);
    model = readmit(w, d->kernel, &remains);
    if (!model)
        return;
    model->crash = d->crash;
    d->forgotten = FALSE;
    check_resumed(w, model, d);
    clients_by_id(w->clients, model->id)->files = files_adopt(w, model, d);
    world_say(w, "session %u: dump %u of kernel %u is resumed", model->id, d->number,
              d->kernel->number);
    begin_restored(w, model);
}

void server_restore_pending(World *w, const Pending *p)
{
    Kernel *k = p->kernel;
    TaggedReader fields;
    SessionRemains remains = {.fields = &fields};
    ClientEntry *entry = clients_find(w->clients, &probe_ops, &k->peer);
    Model *model;

    if (entry) { /* of two dumps of a client the older one has a journal, and is resumed */
        if (server_model(w, entry->id)->crash != k->crash && k->crash)
            k->crash->orphaned = TRUE;
        return;
    }
    check_reader(w, &p->record, &fields);
    model = readmit(w, k, &remains);
    if (!model)
        return;
    model->start_of = p->crash;
    model->forged = p->forged || !p->crash || p->crash != k->crash;
    model->crash = k->state == KERNEL_UP ? NULL : k->crash;
    pending_set_add(w->pending_set, model->id);
    model->awaits[EVENT_RECORDED] = 1;
    begin_restored(w, model);
}

void server_begin(World *w)
{
    const ClientsLimits limits = {.max_dumps = w->sc.max_dumps,
                                  .max_in_flight = w->sc.max_in_flight,
                                  .rcvbuf = w->sc.rcvbuf,
                                  .client_timeout = w->sc.client_timeout,
                                  .secure = w->sc.secure};

    w->up = TRUE;
    w->life++;
    g_ptr_array_set_size(w->models, 0);
    w->clients = clients_new(&limits);
    w->executor = executor_new(w->clients, &soak_effects, w, &w->now);
    w->dispatch = dispatch_new(w->clients, w->executor, &soak_effects, w, &rules, &w->now);
    window_share_init(&w->share);
    w->pending_set = pending_set_new(w->pending->len > 0);
    for (guint i = w->dumps->len; i > 0 && !server_was_killed(w); i--)
        resume(w, w->dumps->pdata[i - 1]);
    if (!server_was_killed(w))
        pending_restore(w);
}

void server_free(World *w)
{
    dispatch_free(w->dispatch);
    executor_free(w->executor);
    clients_free(w->clients);
    pending_set_free(w->pending_set);
    w->pending_set = NULL;
    w->dispatch = NULL;
    w->executor = NULL;
    w->clients = NULL;
}

void server_end_later(World *w, guint32 life)
{
    if (!w->up || life != w->life || w->ending)
        return;
    w->ending = TRUE;
    w->how = (EndKind)world_below(w, 3);
}

/* What may happen while there is no server: clients are reset and crash again, and a stranger
 * sends them an ACK. The next instance must not take that for the crash that it knows. Until when
 * at least. */
static Span meanwhile(World *w)
{
    if (!world_chance(w, 500))
        return 0;
    for (guint i = 0; i < w->sc.kernels; i++)
        if (w->kernels[i]->state == KERNEL_SERVING && world_chance(w, 7000)) {
            kernel_crash_again(w, w->kernels[i]);
            world_schedule(w, SPAN_S(4), WORLD_FORGED_ACK, w->kernels[i], 0);
        }
    return SPAN_S(6);
}

static void end(World *w)
{
    static const char *const names[] = {"killed", "power cut", "shut down"};

    w->totals.ends[w->how]++;
    world_say(w, "the server ends: %s", names[w->how]);
    check_known(w);
    check_files_closed(w);
    pending_end(w, w->how);
    if (w->how == END_SHUTDOWN) {
        executor_shutdown(w->executor);
        if (clients_count(w->clients) > 0)
            world_fail(w, "SHUTDOWN does not close session %u", clients_nth(w->clients, 0)->id);
        disk_drain(w);
    }
    disk_end(w, w->how);
    server_free(w);
    w->up = w->ending = FALSE;
    world_schedule(w, meanwhile(w) + (Span)world_scaled(w, 25), WORLD_SERVER_UP, NULL, 0);
}
