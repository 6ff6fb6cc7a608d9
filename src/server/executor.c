/* executor.c - carries out what the clients' state machines want done, and tells them the outcome.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/executor.h"

#include "io/store/abandon.h"
#include "io/sys/log.h"
#include "io/sys/random.h"
#include "server/dump_files.h"

#include <errno.h>
#include <poll.h>

#define SHUTDOWN_WAIT_MS 10000 /* for the disk at the end */

struct Executor {
    ExecutorWorld world;
    Clients *clients;
    Hooks *hooks;
    VmcorePool *pool;
    DumpFilesShared shared;
    Mono now;
    gint64 wall;
    GArray *actions; /* of Action; of the step that is being carried out */
    GArray *outcome; /* of Outcome; events that follow from it */
    GPtrArray *grown;
    ExecutorStats stats;
    LogLimit forged_limit;
};

typedef struct {
    guint32 id;
    Event event;
} Outcome;

static void carry_out(Executor *p, ClientEntry *entry, const Action *action);

/* -- events -------------------------------------------------------------------------------------
 */

/* One step; TRUE if the client is closed. */
static gboolean step(Executor *p, ClientEntry *entry, const Event *event)
{
    gboolean closed = FALSE;

    g_array_set_size(p->actions, 0);
    session_step(entry->client, p->now, event, p->actions);
    for (guint i = 0; i < p->actions->len; i++) {
        const Action *action = &g_array_index(p->actions, Action, i);

        carry_out(p, entry, action);
        closed |= action->kind == ACTION_CLOSE;
    }
    return closed;
}

static void step_and_close(Executor *p, ClientEntry *entry, const Event *event)
{
    if (step(p, entry, event))
        clients_remove(p->clients, entry);
}

void executor_event(Executor *p, ClientEntry *entry, const Event *event)
{
    step_and_close(p, entry, event);
    for (guint i = 0; i < p->outcome->len; i++) {
        Outcome outcome = g_array_index(p->outcome, Outcome, i);
        ClientEntry *other = clients_by_id(p->clients, outcome.id);

        if (other)
            step_and_close(p, other, &outcome.event);
    }
    g_array_set_size(p->outcome, 0);
}

/* To be told to the client when the present step is through. */
static void follow(Executor *p, guint32 id, Event event)
{
    Outcome outcome = {id, event};

    g_array_append_val(p->outcome, outcome);
}

/* From outside a step: a callback of the disk or the hooks. */
static void tell(Executor *p, guint32 id, Event event)
{
    ClientEntry *entry = clients_by_id(p->clients, id);

    if (entry)
        executor_event(p, entry, &event);
}

static void on_opened(gpointer user, guint32 id, int err)
{
    tell(user, id, (Event){.kind = EVENT_DIR, .err = err});
}

static void on_space(gpointer user, guint32 id, gboolean enough)
{
    tell(user, id, (Event){.kind = EVENT_SPACE, .ok = enough});
}

static void on_stored(gpointer user, guint32 id, const guint32 *nrs, guint n)
{
    Executor *p = user;
    const ClientEntry *entry = clients_by_id(p->clients, id);

    if (entry)
        p->stats.bytes += (guint64)n * session_facts(entry->client)->page_size;
    tell(p, id, (Event){.kind = EVENT_STORED, .nrs = nrs, .n = n});
}

static void on_failed(gpointer user, guint32 id, int err)
{
    tell(user, id, (Event){.kind = EVENT_DISK_FAILED, .err = err, .ok = TRUE});
}

/* As a write that met ENOSPC, but while there is room for what is under way. */
static void on_full(gpointer user, guint32 id)
{
    Executor *p = user;
    const ClientEntry *entry = clients_by_id(p->clients, id);

    if (entry && p->world.config->space_check &&
        session_facts(entry->client)->state == SESSION_DUMPING)
        on_failed(p, id, ENOSPC);
}

static void on_finished(gpointer user, guint32 id, int err)
{
    tell(user, id, (Event){.kind = EVENT_FINISHED, .err = err});
}

/* -- hooks --------------------------------------------------------------------------------------
 */

static const struct {
    HooksKind kind;
    SessionHook hook;
} hook_kinds[] = {
    {HOOKS_CRASH, SESSION_HOOK_CRASH},
    {HOOKS_NOSPACE, SESSION_HOOK_NOSPACE},
    {HOOKS_REBOOT, SESSION_HOOK_REBOOT},
};

/* Any other end than status 0 is a reason to try again: it costs little and may save a dump. */
static void on_hook_end(gpointer user, guint64 id, HooksKind kind, HooksEnd end, int value)
{
    for (guint i = 0; i < G_N_ELEMENTS(hook_kinds); i++)
        if (hook_kinds[i].kind == kind)
            tell(user, (guint32)id,
                 (Event){.kind = EVENT_HOOK,
                         .hook = hook_kinds[i].hook,
                         .ok = end != HOOKS_NOT_RUN && !(end == HOOKS_EXITED && value == 0)});
}

static void run_hook(Executor *p, const ClientEntry *entry, SessionHook hook)
{
    for (guint i = 0; i < G_N_ELEMENTS(hook_kinds); i++) {
        if (hook_kinds[i].hook != hook)
            continue;
        if (hooks_run(p->hooks, hook_kinds[i].kind, netaddr_host_hash(&entry->peer), entry->host,
                      dump_files_path(entry->files), entry->id, p->now) != HOOKS_QUEUED)
            follow(p, entry->id, (Event){.kind = EVENT_HOOK, .hook = hook});
    }
}

void executor_started(Executor *p, const NetAddr *host)
{
    char text[NETADDR_STRLEN];

    hooks_run(p->hooks, HOOKS_START, netaddr_host_hash(host), netaddr_host_to_string(host, text),
              NULL, 0, p->now);
}

/* -- actions ------------------------------------------------------------------------------------
 */

Report executor_report(Executor *p, const ClientEntry *entry)
{
    return (Report){
        .entry = entry,
        .facts = session_facts(entry->client),
        .files = entry->files,
        .now = p->now,
        .wall = p->wall,
        .client_timeout = p->world.config->client_timeout,
        .max_dumps = p->world.config->max_concurrent_dumps,
        .socket_drops = sock_drops(p->world.sock) - entry->drops_before,
        .limit = &p->forged_limit,
    };
}

static void send_request(Executor *p, const ClientEntry *entry, const WireRequest *request)
{
    guint8 bytes[WIRE_REQUEST_SIZE];

    wire_pack_request(request, bytes);
    sock_queue(p->world.sock, &entry->local, &entry->peer, bytes, sizeof bytes);
}

static void open_dir(Executor *p, ClientEntry *entry)
{
    if (!entry->files)
        entry->files = dump_files_new(&p->shared, entry->id, &entry->peer, &entry->local, p->wall);
    dump_files_open_dir(entry->files);
}

static void check_space(Executor *p, ClientEntry *entry, guint64 need)
{
    if (p->world.config->space_check)
        dump_files_check_space(entry->files, need);
    else
        follow(p, entry->id, (Event){.kind = EVENT_SPACE, .ok = TRUE});
}

static void open_vmcore(Executor *p, ClientEntry *entry, gboolean resume)
{
    gboolean resumed = FALSE;
    int err = dump_files_open_vmcore(entry->files, session_facts(entry->client), resume, &resumed);

    follow(p, entry->id, (Event){.kind = EVENT_VMCORE, .err = err, .ok = resumed});
}

static void store(Executor *p, ClientEntry *entry, const Action *a)
{
    if (!vmcore_put(dump_files_vmcore(entry->files), a->chunk.pfn, a->chunk.offset, a->data, a->len,
                    a->chunk.whole, a->chunk.nr))
        follow(p, entry->id, (Event){.kind = EVENT_DISK_FAILED, .err = ENOMEM, .ok = FALSE});
}

static void finish(Executor *p, ClientEntry *entry, gboolean whole)
{
    Vmcore *vmcore = dump_files_vmcore(entry->files);

    clients_give_slot(p->clients, entry);
    if (whole)
        vmcore_finish_whole(vmcore);
    else
        vmcore_finish_partial(vmcore);
}

static void count_end(Executor *p, const SessionFacts *facts)
{
    p->stats.complete += facts->result == RESULT_COMPLETE;
    p->stats.incomplete += facts->result == RESULT_INCOMPLETE;
    if (facts->reason == REASON_UNREACHABLE)
        p->stats.unreachable++;
    else
        p->stats.not_dumped += facts->result == RESULT_NOT_DUMPED;
}

static void close_files(Executor *p, ClientEntry *entry, gboolean keep)
{
    p->stats.retransmitted += session_facts(entry->client)->pages.retransmitted;
    if (entry->files)
        dump_files_close(entry->files, keep);
    entry->files = NULL;
}

static void carry_out(Executor *p, ClientEntry *entry, const Action *a)
{
    Report report;

    switch (a->kind) {
    case ACTION_SEND:
        send_request(p, entry, &a->request);
        break;
    case ACTION_STORE_CHUNK:
        store(p, entry, a);
        break;
    case ACTION_TAKE_SLOT:
        follow(p, entry->id,
               (Event){.kind = EVENT_SLOT, .ok = clients_take_slot(p->clients, entry)});
        break;
    case ACTION_OPEN_DIR:
        open_dir(p, entry);
        break;
    case ACTION_CHECK_SPACE:
        check_space(p, entry, a->bytes);
        break;
    case ACTION_OPEN_VMCORE:
        open_vmcore(p, entry, a->resume);
        break;
    case ACTION_FLUSH:
        vmcore_flush(dump_files_vmcore(entry->files));
        break;
    case ACTION_RETRY:
        dump_files_retry(entry->files);
        break;
    case ACTION_FINISH:
        finish(p, entry, a->whole);
        break;
    case ACTION_JOURNAL:
        dump_files_journal(entry->files, session_facts(entry->client), a->sync);
        break;
    case ACTION_INFO:
        report = executor_report(p, entry);
        report_info(&report);
        break;
    case ACTION_LOG_TEXT:
        dump_files_log(entry->files, a->data, a->len);
        break;
    case ACTION_RUN_HOOK:
        run_hook(p, entry, a->hook);
        break;
    case ACTION_NOTE:
        report = executor_report(p, entry);
        report_note(&report, a->note);
        if (a->note == NOTE_ENDED)
            count_end(p, report.facts);
        break;
    case ACTION_CLOSE:
        close_files(p, entry, a->keep);
        break;
    }
}

/* -- life ---------------------------------------------------------------------------------------
 */

static ClientsLimits limits_of(const ExecutorWorld *world)
{
    return (ClientsLimits){
        .max_dumps = world->config->max_concurrent_dumps,
        .max_in_flight = world->config->window,
        .rcvbuf = sock_rcvbuf(world->sock),
        .client_timeout = SPAN_S(world->config->client_timeout),
    };
}

Executor *executor_new(const ExecutorWorld *world)
{
    Executor *p = g_new0(Executor, 1);
    ClientsLimits limits = limits_of(world);

    p->world = *world;
    p->clients = clients_new(&limits);
    p->hooks = hooks_new(dumpdir_path(world->dumpdir), SPAN_S(world->config->script_timeout),
                         on_hook_end, p);
    p->pool = vmcore_pool_new(VMCORE_POOL_BLOCKS);
    p->forged_limit = (LogLimit)LOG_LIMIT(5, SPAN_S(60));
    p->actions = g_array_new(FALSE, FALSE, sizeof(Action));
    p->outcome = g_array_new(FALSE, FALSE, sizeof(Outcome));
    p->grown = g_ptr_array_new();
    p->shared = (DumpFilesShared){
        .disk = world->disk,
        .dumpdir = world->dumpdir,
        .console = world->console,
        .console_queue = world->console_queue,
        .pool = p->pool,
        .min_free = world->config->min_free,
        .opened = on_opened,
        .space = on_space,
        .stored = on_stored,
        .failed = on_failed,
        .full = on_full,
        .finished = on_finished,
        .user = p,
    };
    return p;
}

void executor_free(Executor *p)
{
    if (!p)
        return;
    hooks_free(p->hooks);
    clients_free(p->clients);
    vmcore_pool_free(p->pool);
    g_ptr_array_unref(p->grown);
    g_array_unref(p->outcome);
    g_array_unref(p->actions);
    g_free(p);
}

void executor_set_time(Executor *p, Mono now, gint64 wall)
{
    p->now = now;
    p->wall = wall;
}

Mono executor_now(const Executor *p)
{
    return p->now;
}

gint64 executor_wall(const Executor *p)
{
    return p->wall;
}

void executor_set_config(Executor *p, const Config *config)
{
    ClientsLimits limits;

    p->world.config = config;
    p->shared.min_free = config->min_free;
    limits = limits_of(&p->world);
    clients_set_limits(p->clients, &limits);
    hooks_set_timeout(p->hooks, SPAN_S(config->script_timeout));
}

Clients *executor_clients(Executor *p)
{
    return p->clients;
}

Hooks *executor_hooks(Executor *p)
{
    return p->hooks;
}

const ExecutorStats *executor_stats(const Executor *p)
{
    return &p->stats;
}

/* -- a former server's dumps --------------------------------------------------------------------
 */

static void close_leftover(Executor *p, const char *name, const char *reason)
{
    g_autoptr(GError) error = NULL;

    log_error("cannot go on with the dump in %s/%s, which stays incomplete: %s",
              dumpdir_path(p->world.dumpdir), name, reason);
    if (abandon_dump(p->world.dumpdir, name, reason, &error))
        log_error("%s", error->message);
}

static gboolean resume_one(Executor *p, const char *name)
{
    JournalRecord record;
    SessionFacts facts;
    ClientEntry *entry = NULL;
    gboolean rebooting;
    g_autoptr(GError) error = NULL;
    DumpFiles *files = dump_files_adopt(&p->shared, name, &record, &error);

    if (!files && g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_INVAL)) {
        close_leftover(p, name, error->message);
        return FALSE;
    }
    if (!files) { /* it may be better at the next start */
        log_error("cannot go on with the dump in %s: %s", name, error->message);
        return FALSE;
    }
    rebooting = dump_files_facts(files, &record, &facts);
    entry = clients_readmit(p->clients, &record.client, &record.local, &facts, rebooting,
                            random_u32(), p->now);
    if (!entry) {
        dump_files_close(files, TRUE);
        if (clients_find(p->clients, &record.client))
            close_leftover(p, name, "its machine has another unfinished dump that is newer");
        else
            log_error("cannot go on with the dump in %s: %d others go on already", name,
                      CLIENTS_MAX);
        return FALSE;
    }
    dump_files_set_id(files, entry->id);
    entry->files = files;
    entry->drops_before = sock_drops(p->world.sock);
    executor_event(p, entry, &(Event){.kind = EVENT_TIMER});
    return TRUE;
}

guint executor_resume(Executor *p)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = dumpdir_unfinished(p->world.dumpdir, &error);
    guint n = 0;

    if (!names) {
        log_error("cannot look for unfinished dumps: %s", error->message);
        return 0;
    }
    /* The newest first: of two dumps of one machine only the newer can go on. */
    for (guint i = names->len; i > 0; i--)
        n += resume_one(p, g_ptr_array_index(names, i - 1)) ? 1 : 0;
    return n;
}

/* -- time ---------------------------------------------------------------------------------------
 */

void executor_tick(Executor *p)
{
    const Event timer = {.kind = EVENT_TIMER};

    hooks_tick(p->hooks, p->now);
    for (guint i = clients_count(p->clients); i > 0; i--) {
        ClientEntry *entry = clients_nth(p->clients, i - 1);

        if (!mono_before(p->now, session_deadline(entry->client)))
            executor_event(p, entry, &timer);
    }
    clients_balance(p->clients, p->now, p->grown);
    for (guint i = 0; i < p->grown->len; i++)
        executor_event(p, g_ptr_array_index(p->grown, i), &timer);
}

Mono executor_deadline(const Executor *p)
{
    return mono_min(clients_deadline(p->clients), hooks_deadline(p->hooks));
}

static const WindowStats *pages_of(const ClientEntry *entry)
{
    return &session_facts(entry->client)->pages;
}

void executor_mark_open(Executor *p)
{
    for (guint i = 0; i < clients_count(p->clients); i++) {
        ClientEntry *entry = clients_nth(p->clients, i);

        if (entry->share == 0)
            continue;
        entry->open = pages_of(entry)->in_flight;
        entry->answered_before = pages_of(entry)->answered;
    }
}

gdouble executor_answered(const Executor *p)
{
    gdouble sum = 0, answers = 0;

    for (guint i = 0; i < clients_count(p->clients); i++) {
        const ClientEntry *entry = clients_nth(p->clients, i);
        gdouble n;

        if (entry->share == 0 || entry->open == 0)
            continue;
        n = (gdouble)(pages_of(entry)->answered - entry->answered_before);
        sum += n * MIN(n / entry->open, 1);
        answers += n;
    }
    return answers > 0 ? sum / answers : -1;
}

static void drain_disk(Executor *p)
{
    struct pollfd pfd = {.fd = work_pool_fd(p->world.disk), .events = POLLIN};

    while (work_pool_jobs(p->world.disk) > 0) {
        int n = poll(&pfd, 1, SHUTDOWN_WAIT_MS);

        if (n == 0 || (n < 0 && errno != EINTR)) {
            log_warning("the disk does not finish what it has to write; leaving it");
            return;
        }
        work_pool_dispatch(p->world.disk);
    }
}

void executor_shutdown(Executor *p)
{
    while (clients_count(p->clients) > 0) {
        ClientEntry *entry = clients_nth(p->clients, 0);

        executor_event(p, entry, &(Event){.kind = EVENT_SHUTDOWN});
    }
    drain_disk(p);
}
