/* fake_world.h - effects that only write down what they were told, for tests of the executor and
 * of dispatch. Nothing replies by itself, unless `at_once` is set.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "server/dispatch.h"

struct DumpFiles {
    struct FakeWorld *world;
    guint32 id;
};

typedef struct FakeWorld {
    Clients *clients;
    Executor *executor;
    Dispatch *dispatch;
    DispatchRules rules;
    WindowShare share;
    Mono now;
    GString *told;     /* "send(PU) record(1) open_dir(1) ..." since fake_world_told() */
    gboolean at_once;  /* record, open_dir, open_file, store, finish reply from inside the call */
    gboolean no_store; /* store() has no memory */
    guint files;       /* made and not closed */
    GByteArray *file;  /* what was stored, of all clients */
    guint32 next_random;
    guint32 cookie; /* of a reply that is queued */
} FakeWorld;

static inline FakeWorld *fake_of(gpointer world, const char *what, guint32 id)
{
    FakeWorld *w = world;

    g_string_append_printf(w->told, "%s%s(%u)", w->told->len > 0 ? " " : "", what, id);
    return w;
}

static inline void fake_reply(FakeWorld *w, guint32 id, Event event)
{
    if (w->at_once)
        executor_tell(w->executor, id, &event);
}

static inline void fake_send(gpointer world, G_GNUC_UNUSED const NetAddr *local,
                             const NetAddr *peer, G_GNUC_UNUSED const guint8 *data,
                             G_GNUC_UNUSED gsize len)
{
    fake_of(world, "send", peer->bytes[3]);
}

static inline void fake_check_magic(gpointer world, const ClientEntry *entry,
                                    G_GNUC_UNUSED gboolean big_endian)
{
    fake_of(world, "check_magic", entry->id);
}

static inline void fake_record(gpointer world, const ClientEntry *entry)
{
    fake_reply(fake_of(world, "record", entry->id), entry->id, (Event){.kind = EVENT_RECORDED});
}

static inline void fake_run_hook(gpointer world, const ClientEntry *entry,
                                 G_GNUC_UNUSED SessionHook hook)
{
    fake_of(world, "run_hook", entry->id);
}

static inline void fake_console_text(gpointer world, const NetAddr *host,
                                     G_GNUC_UNUSED const guint8 *text, G_GNUC_UNUSED gsize len)
{
    fake_of(world, "console_text", host->bytes[3]);
}

static inline void fake_booted(gpointer world, const NetAddr *host)
{
    fake_of(world, "booted", host->bytes[3]);
}

static inline void fake_malformed(gpointer world, G_GNUC_UNUSED const NetAddr *peer, gsize len,
                                  G_GNUC_UNUSED DatagramFault fault)
{
    fake_of(world, "malformed", (guint32)len);
}

static inline void fake_note(gpointer world, const ClientEntry *entry, SessionNote note)
{
    fake_of(world, note == NOTE_ENDED ? "ended" : "note", entry->id);
}

static inline void fake_closed(gpointer world, const ClientEntry *entry)
{
    fake_of(world, "closed", entry->id);
}

static inline DumpFiles *fake_files_new(gpointer world, const ClientEntry *entry)
{
    DumpFiles *f = g_new0(DumpFiles, 1);

    f->world = world;
    f->id = entry->id;
    f->world->files++;
    return f;
}

static inline void fake_open_dir(DumpFiles *f)
{
    fake_reply(fake_of(f->world, "open_dir", f->id), f->id, (Event){.kind = EVENT_DIR});
}

static inline void fake_check_space(DumpFiles *f, G_GNUC_UNUSED guint64 bytes)
{
    fake_of(f->world, "check_space", f->id);
}

static inline void fake_open_file(DumpFiles *f, G_GNUC_UNUSED const Session *session,
                                  G_GNUC_UNUSED gboolean resume)
{
    fake_reply(fake_of(f->world, "open_file", f->id), f->id, (Event){.kind = EVENT_FILE});
}

static inline gboolean fake_store(DumpFiles *f, guint64 offset, const guint8 *data, gsize len,
                                  gboolean last, guint32 cookie)
{
    FakeWorld *w = fake_of(f->world, "store", cookie);

    if (w->no_store)
        return FALSE;
    if (w->file->len < offset + len)
        g_byte_array_set_size(w->file, (guint)(offset + len));
    memcpy(w->file->data + offset, data, len);
    w->cookie = cookie;
    if (last)
        fake_reply(w, f->id, (Event){.kind = EVENT_STORED, .cookies = &w->cookie, .n = 1});
    return TRUE;
}

static inline void fake_flush(DumpFiles *f)
{
    fake_of(f->world, "flush", f->id);
}

static inline void fake_retry(DumpFiles *f)
{
    fake_of(f->world, "retry", f->id);
}

static inline void fake_finish(DumpFiles *f, gboolean whole)
{
    fake_reply(fake_of(f->world, whole ? "finish" : "finish_partial", f->id), f->id,
               (Event){.kind = EVENT_FINISHED});
}

static inline void fake_journal(DumpFiles *f, G_GNUC_UNUSED const Session *session,
                                G_GNUC_UNUSED gboolean sync, G_GNUC_UNUSED gboolean after_info)
{
    fake_of(f->world, "journal", f->id);
}

static inline void fake_info(DumpFiles *f, G_GNUC_UNUSED const ClientEntry *entry)
{
    fake_of(f->world, "info", f->id);
}

static inline void fake_log_text(DumpFiles *f, G_GNUC_UNUSED const guint8 *text,
                                 G_GNUC_UNUSED gsize len)
{
    fake_of(f->world, "log_text", f->id);
}

static inline void fake_close(DumpFiles *f, gboolean keep)
{
    fake_of(f->world, keep ? "close_keep" : "close", f->id);
    f->world->files--;
    g_free(f);
}

static const Effects fake_effects = {
    .send = fake_send,
    .check_magic = fake_check_magic,
    .record = fake_record,
    .run_hook = fake_run_hook,
    .console_text = fake_console_text,
    .booted = fake_booted,
    .malformed = fake_malformed,
    .note = fake_note,
    .closed = fake_closed,
    .files_new = fake_files_new,
    .open_dir = fake_open_dir,
    .check_space = fake_check_space,
    .open_file = fake_open_file,
    .store = fake_store,
    .flush = fake_flush,
    .retry = fake_retry,
    .finish = fake_finish,
    .journal = fake_journal,
    .info = fake_info,
    .log_text = fake_log_text,
    .close = fake_close,
};

static inline guint32 fake_random(gpointer world)
{
    return ++((FakeWorld *)world)->next_random;
}

static inline void fake_no_room(gpointer world, const NetAddr *peer)
{
    fake_of(world, "no_room", peer->bytes[3]);
}

/* max_dumps is a limit of the table. To be freed with fake_world_free(). */
static inline FakeWorld *fake_world_new(guint max_dumps)
{
    const ClientsLimits limits = {.max_dumps = max_dumps,
                                  .max_in_flight = 128,
                                  .rcvbuf = 1 << 20,
                                  .client_timeout = SPAN_S(60)};
    FakeWorld *w = g_new0(FakeWorld, 1);

    w->now = (Mono){SPAN_S(1)};
    w->told = g_string_new(NULL);
    w->file = g_byte_array_new();
    w->rules = (DispatchRules){.random = fake_random, .no_room = fake_no_room};
    w->clients = clients_new(&limits);
    w->executor = executor_new(w->clients, &fake_effects, w, &w->now);
    w->dispatch = dispatch_new(w->clients, w->executor, &fake_effects, w, &w->rules, &w->now);
    window_share_init(&w->share);
    return w;
}

static inline void fake_world_free(FakeWorld *w)
{
    for (guint i = 0; i < clients_count(w->clients); i++)
        g_free(clients_nth(w->clients, i)->files);
    dispatch_free(w->dispatch);
    executor_free(w->executor);
    clients_free(w->clients);
    g_byte_array_unref(w->file);
    g_string_free(w->told, TRUE);
    g_free(w);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeWorld, fake_world_free)

/* What happened since the last call, to be freed. */
static inline char *fake_world_told(FakeWorld *w)
{
    char *told = g_string_free(w->told, FALSE);

    w->told = g_string_new(NULL);
    return told;
}

static inline void fake_world_forget(FakeWorld *w)
{
    g_string_truncate(w->told, 0);
}

#define assert_told(w, text)                                                                       \
    do {                                                                                           \
        g_autofree char *told_ = fake_world_told(w);                                               \
        g_assert_cmpstr(told_, ==, text);                                                          \
    } while (0)

/* 10.0.0.host, its port. */
static inline NetAddr fake_address(guint host, guint port)
{
    return (NetAddr){.family = NET_IPV4,
                     .port = (guint16)port,
                     .bytes = {10, (guint8)(host >> 16), (guint8)(host >> 8), (guint8)host}};
}
