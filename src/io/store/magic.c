/* magic.c - which magic is on file for a host, read outside the loop's thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/magic.h"

#include "core/base/limits.h"
#include "core/base/rate_limit.h"
#include "io/sys/log.h"

#include <errno.h>

#define LIFE        SPAN_S(1)     /* of a result */
#define KNOWN_MAX   LIMIT_CLIENTS /* results kept */
#define WAITING_MAX LIMIT_CLIENTS /* calls that wait for their callback */
#define OPENS_RATE  500           /* a second: two seconds for all clients that there can be */
#define OPENS_BURST 100

typedef struct {
    NetAddr host;
    gboolean big_endian;
} Key;

typedef enum {
    QUEUED,
    READING, /* a thread is at it */
    KNOWN,   /* until it expires */
    N_STATES
} State;

typedef struct {
    Key key;
    State state;
    GArray *ids; /* guint32: ids of waiting clients */
    GList link;  /* in the list of its state */
    int err;
    guint64 magic;
    Mono expires;
} Entry;

struct Magic {
    const Dumpdir *dumpdir;
    MagicFn fn;
    gpointer user;
    WorkQueue *queue;      /* NULL once stopped */
    GHashTable *entries;   /* Key -> Entry, which the table owns */
    GQueue list[N_STATES]; /* Entry; the oldest at the head. READING: one at most */
    guint waiting;
    RateLimit opens;
    Mono now;      /* of the last call that reported it */
    Mono start_at; /* when the next file may be opened */
    LogLimit fault;
};

/* What the thread is given, and what it brings back. */
typedef struct {
    Magic *owner;
    Key key;
    guint64 magic;
    GError *error;
} Reading;

static guint key_hash(gconstpointer data)
{
    const Key *key = data;

    return netaddr_host_hash(&key->host) + (key->big_endian ? 1 : 0);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const Key *x = a, *y = b;

    return netaddr_host_equal(&x->host, &y->host) && !x->big_endian == !y->big_endian;
}

static void entry_free(gpointer data)
{
    Entry *entry = data;

    g_array_unref(entry->ids);
    g_free(entry);
}

static void set_state(Magic *m, Entry *entry, State state)
{
    g_queue_unlink(&m->list[entry->state], &entry->link);
    entry->state = state;
    g_queue_push_tail_link(&m->list[state], &entry->link);
}

static Entry *add_entry(Magic *m, const Key *key)
{
    Entry *entry = g_new0(Entry, 1);

    entry->key = *key;
    entry->ids = g_array_new(FALSE, FALSE, sizeof(guint32));
    entry->link.data = entry;
    entry->state = QUEUED;
    g_queue_push_tail_link(&m->list[QUEUED], &entry->link);
    g_hash_table_insert(m->entries, &entry->key, entry);
    return entry;
}

static void remove_entry(Magic *m, Entry *entry)
{
    g_queue_unlink(&m->list[entry->state], &entry->link);
    g_hash_table_remove(m->entries, &entry->key);
}

static void expire(Magic *m)
{
    Entry *oldest;

    while ((oldest = g_queue_peek_head(&m->list[KNOWN])) &&
           (m->list[KNOWN].length > KNOWN_MAX || !mono_before(m->now, oldest->expires)))
        remove_entry(m, oldest);
}

/* -- reading -------------------------------------------------------------------------------------
 */

static int run_read(gpointer data)
{
    Reading *r = data;
    char host[NETADDR_STRLEN];

    return dumpdir_magic(r->owner->dumpdir, netaddr_host_to_string(&r->key.host, host),
                         r->key.big_endian, &r->magic, &r->error);
}

static void done_read(gpointer data, int err)
{
    const Reading *r = data;
    Magic *m = r->owner;
    Entry *entry = g_hash_table_lookup(m->entries, &r->key);
    g_autoptr(GArray) ids = g_steal_pointer(&entry->ids);
    guint64 magic = r->magic;

    if (err && err != ENOENT)
        log_limited(&m->fault, m->now, LOG_WARNING, NULL, "%s", r->error->message);
    entry->ids = g_array_new(FALSE, FALSE, sizeof(guint32));
    entry->err = err;
    entry->magic = magic;
    entry->expires = mono_add(m->now, LIFE);
    set_state(m, entry, KNOWN);
    m->waiting -= ids->len;
    m->start_at = m->now;
    /* The callback may ask for the next one, or stop. */
    for (guint i = 0; i < ids->len && m->queue; i++)
        m->fn(m->user, g_array_index(ids, guint32, i), err, magic);
}

static void reading_free(gpointer data)
{
    Reading *r = data;

    g_clear_error(&r->error);
    g_free(r);
}

static void start_reading(Magic *m, Entry *entry)
{
    Reading *r = g_new0(Reading, 1);
    WorkJob job = {
        .run = run_read,
        .done = done_read,
        .destroy = reading_free,
        .data = r,
        .what = "read a magic",
        .ignore_failure = TRUE,
    };

    r->owner = m;
    r->key = entry->key;
    set_state(m, entry, READING);
    work_queue_push(m->queue, &job);
}

/* The next one, if it is time. */
static void start_next(Magic *m)
{
    Entry *entry = g_queue_peek_head(&m->list[QUEUED]);

    m->start_at = MONO_NEVER; /* until one is queued, or the present one is read */
    if (!entry || m->list[READING].length > 0)
        return;
    if (rate_limit_take(&m->opens, OPENS_RATE, m->now))
        start_reading(m, entry);
    else
        m->start_at = mono_add(m->now, SPAN_S(1) / OPENS_RATE);
}

/* -- interface -----------------------------------------------------------------------------------
 */

Magic *magic_new(WorkPool *pool, const Dumpdir *dumpdir, MagicFn fn, gpointer user)
{
    Magic *m = g_new0(Magic, 1);

    m->dumpdir = dumpdir;
    m->fn = fn;
    m->user = user;
    m->queue = work_queue_new(pool, NULL, NULL);
    m->entries = g_hash_table_new_full(key_hash, key_equal, NULL, entry_free);
    for (gsize i = 0; i < N_STATES; i++)
        g_queue_init(&m->list[i]);
    m->opens = rate_limit_new(OPENS_BURST);
    m->start_at = MONO_NEVER;
    m->fault = (LogLimit)LOG_LIMIT(3, SPAN_S(60));
    return m;
}

void magic_stop(Magic *m)
{
    work_queue_free(g_steal_pointer(&m->queue));
}

void magic_free(Magic *m)
{
    if (!m)
        return;
    g_hash_table_unref(m->entries);
    g_free(m);
}

void magic_check(Magic *m, const NetAddr *host, gboolean big_endian, guint32 id, Mono now)
{
    Key key = {*host, big_endian};
    Entry *entry;

    m->now = now;
    expire(m);
    entry = g_hash_table_lookup(m->entries, &key);
    if (entry && entry->state == KNOWN) {
        m->fn(m->user, id, entry->err, entry->magic);
        return;
    }
    if (m->waiting >= WAITING_MAX) {
        m->fn(m->user, id, EAGAIN, 0);
        return;
    }
    if (!entry)
        entry = add_entry(m, &key);
    g_array_append_val(entry->ids, id);
    m->waiting++;
    if (m->list[READING].length == 0 && m->list[QUEUED].length == 1)
        start_next(m);
}

Mono magic_deadline(const Magic *m)
{
    return mono_min(m->start_at, log_limit_deadline(&m->fault));
}

void magic_tick(Magic *m, Mono now)
{
    m->now = now;
    expire(m);
    if (m->queue && !mono_before(now, m->start_at))
        start_next(m);
    log_limit_tick(&m->fault, now);
}
