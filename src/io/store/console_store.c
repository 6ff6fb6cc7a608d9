/* console_store.c - the console store: console text of clients that have not crashed, bounded on
 * disk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/console_store.h"

#include "io/sys/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEWER ".log"
#define OLDER ".log.1"

typedef struct {
    char *ip;
    gint64 last; /* wall clock, us: the last write */
    int fd;      /* of the newer file, -1 when not open */
    GList in_order;
    GList in_open; /* in the queue while fd is open */
} Machine;

struct ConsoleStore {
    GMutex lock;
    int fd;
    char *path;
    GHashTable *machines; /* ip -> Machine, owned by the table */
    GQueue order;         /* all clients, least recently written first */
    GQueue open;          /* clients with an open descriptor, least recently used first */
    guint64 refused;
    guint64 evicted;
    guint64 rotated;
};

static void machine_free(gpointer data)
{
    Machine *m = data;
    files_close(&m->fd);
    g_free(m->ip);
    g_free(m);
}

static char *file_name(const Machine *m, const char *suffix)
{
    return g_strconcat(m->ip, suffix, NULL);
}

static void machine_close(ConsoleStore *c, Machine *m)
{
    if (m->fd < 0)
        return;
    g_queue_unlink(&c->open, &m->in_open);
    files_close(&m->fd);
}

static Machine *machine_add(ConsoleStore *c, const char *ip)
{
    Machine *m = g_new0(Machine, 1);
    m->ip = g_strdup(ip);
    m->fd = -1;
    m->in_order.data = m->in_open.data = m;
    g_hash_table_insert(c->machines, m->ip, m);
    g_queue_push_tail_link(&c->order, &m->in_order);
    return m;
}

static void machine_forget(ConsoleStore *c, Machine *m)
{
    machine_close(c, m);
    g_queue_unlink(&c->order, &m->in_order);
    g_hash_table_remove(c->machines, m->ip);
}

/* Evicts the least recently written client. EUSERS if it is too young. */
static int evict(ConsoleStore *c, gint64 now, GError **error)
{
    Machine *m = g_queue_peek_head(&c->order);
    if (now - m->last < CONSOLE_IDLE) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "%s is full: %u clients, all active within the last hour", c->path,
                    c->order.length);
        return EUSERS;
    }
    static const char *const suffixes[] = {OLDER, NEWER};
    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *name = file_name(m, suffixes[i]);
        if (unlinkat(c->fd, name, 0) < 0 && errno != ENOENT)
            return files_fail(error, errno, "cannot remove %s/%s", c->path, name);
    }
    machine_forget(c, m);
    c->evicted++;
    return 0;
}

/* The client of this file, created if it is new; NULL for a foreign file. */
static Machine *machine_of_file(ConsoleStore *c, const char *name)
{
    static const char *const suffixes[] = {OLDER, NEWER};
    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (!g_str_has_suffix(name, suffixes[i]))
            continue;
        g_autofree char *ip = g_strndup(name, strlen(name) - strlen(suffixes[i]));
        if (!files_name_ok(ip))
            return NULL;
        Machine *m = g_hash_table_lookup(c->machines, ip);
        return m ? m : machine_add(c, ip);
    }
    return NULL;
}

static gint compare_last(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    const Machine *x = a;
    const Machine *y = b;
    return x->last < y->last ? -1 : x->last > y->last ? 1 : strcmp(x->ip, y->ip);
}

/* Count what is on the disk. A time in the future (the clock was set back) becomes now. */
static int scan(ConsoleStore *c, gint64 now, GError **error)
{
    int fd = openat(c->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int err = errno;
        files_close(&fd);
        return files_fail(error, err, "cannot read directory %s", c->path);
    }
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        struct stat st;
        if (fstatat(c->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        Machine *m = machine_of_file(c, entry->d_name);
        gint64 last = (gint64)st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
        if (m)
            m->last = MIN(MAX(m->last, last), now);
    }
    int err = errno;
    (void)closedir(d);
    if (err != 0)
        return files_fail(error, err, "cannot read directory %s", c->path);
    /* The links are part of the entries: removed before sorting, which frees none. */
    g_autoptr(GList) sorted = NULL;
    for (GList *l = c->order.head; l; l = l->next)
        sorted = g_list_prepend(sorted, l->data);
    sorted = g_list_sort_with_data(sorted, compare_last, NULL);
    for (GList *l = sorted; l; l = l->next) {
        Machine *m = l->data;
        g_queue_unlink(&c->order, &m->in_order);
        g_queue_push_tail_link(&c->order, &m->in_order);
    }
    return 0;
}

ConsoleStore *console_store_open(int dumpdir_fd, const char *dumpdir_path, gint64 now,
                                 GError **error)
{
    int fd = -1;
    if (files_open_dir(dumpdir_fd, dumpdir_path, "console", TRUE, &fd, error) != 0)
        return NULL;
    g_autoptr(ConsoleStore) c = g_new0(ConsoleStore, 1);
    g_mutex_init(&c->lock);
    c->fd = fd;
    c->path = g_strconcat(dumpdir_path, "/console", NULL);
    c->machines = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, machine_free);
    g_queue_init(&c->order);
    g_queue_init(&c->open);
    if (scan(c, now, error) != 0)
        return NULL;
    while (c->order.length > CONSOLE_MACHINES && evict(c, now, NULL) == 0)
        continue;
    return g_steal_pointer(&c);
}

void console_store_free(ConsoleStore *console)
{
    if (!console)
        return;
    g_hash_table_destroy(console->machines);
    files_close(&console->fd);
    g_mutex_clear(&console->lock);
    g_free(console->path);
    g_free(console);
}

/* Opens the newer file if needed; returns its size. */
static int ready(ConsoleStore *c, Machine *m, off_t *size, GError **error)
{
    struct stat st;
    /* The file was removed by someone else: create a new one. */
    if (m->fd >= 0 && (fstat(m->fd, &st) < 0 || st.st_nlink == 0))
        machine_close(c, m);
    if (m->fd >= 0) {
        g_queue_unlink(&c->open, &m->in_open);
        g_queue_push_tail_link(&c->open, &m->in_open);
        *size = st.st_size;
        return 0;
    }
    if (c->open.length >= CONSOLE_OPEN)
        machine_close(c, g_queue_peek_head(&c->open));
    g_autofree char *name = file_name(m, NEWER);
    int err = files_open(c->fd, c->path, name, O_WRONLY | O_CREAT | O_APPEND, &m->fd, error);
    if (err != 0)
        return err;
    g_queue_push_tail_link(&c->open, &m->in_open);
    if (fstat(m->fd, &st) < 0)
        return files_fail(error, errno, "cannot stat %s/%s", c->path, name);
    *size = st.st_size;
    return 0;
}

static int rotate(ConsoleStore *c, Machine *m, GError **error)
{
    g_autofree char *newer = file_name(m, NEWER);
    g_autofree char *older = file_name(m, OLDER);
    machine_close(c, m);
    if (renameat(c->fd, newer, c->fd, older) < 0)
        return files_fail(error, errno, "cannot rename %s/%s to %s", c->path, newer, older);
    c->rotated++;
    return 0;
}

static int append(ConsoleStore *c, Machine *m, const char *text, gsize len, GError **error)
{
    off_t size = 0;
    int err = ready(c, m, &size, error);
    if (err == 0 && size > 0 && (gsize)size + len > CONSOLE_FILE_MAX) {
        err = rotate(c, m, error);
        if (err == 0)
            err = ready(c, m, &size, error);
    }
    if (err != 0)
        return err;
    err = files_write(m->fd, text, len, -1);
    if (err != 0) {
        (void)ftruncate(m->fd, size);
        return files_fail(error, err, "cannot write %s/%s" NEWER, c->path, m->ip);
    }
    return 0;
}

static int append_locked(ConsoleStore *c, const char *ip, gint64 now, const char *text, gsize len,
                         GError **error)
{
    Machine *m = g_hash_table_lookup(c->machines, ip);
    gboolean fresh = m == NULL;
    if (fresh) {
        while (c->order.length >= CONSOLE_MACHINES) {
            int err = evict(c, now, error);
            if (err != 0) {
                c->refused++;
                return err;
            }
        }
        m = machine_add(c, ip);
    }
    int err = append(c, m, text, len, error);
    if (err != 0 && fresh && m->fd < 0) {
        machine_forget(c, m); /* nothing of it is on the disk: it evicts no other */
        return err;
    }
    m->last = now;
    g_queue_unlink(&c->order, &m->in_order);
    g_queue_push_tail_link(&c->order, &m->in_order);
    return err;
}

int console_store_append(ConsoleStore *console, const char *ip, gint64 now, const char *text,
                         gsize len, GError **error)
{
    if (!files_name_ok(ip))
        return files_fail(error, EINVAL, "'%s' is not a valid file name in %s", ip, console->path);
    if (len == 0)
        return 0;
    if (len > CONSOLE_FILE_MAX) {
        text += len - CONSOLE_FILE_MAX;
        len = CONSOLE_FILE_MAX;
    }
    g_mutex_lock(&console->lock);
    int err = append_locked(console, ip, now, text, len, error);
    g_mutex_unlock(&console->lock);
    return err;
}

/* The last bytes of a file, up to max, stored right before `end`; *got is their number. */
static int tail_of(ConsoleStore *c, const Machine *m, const char *suffix, char *end, gsize max,
                   gsize *got, GError **error)
{
    g_autofree char *name = file_name(m, suffix);
    g_autoptr(GError) e = NULL;
    int fd = -1;
    *got = 0;
    int err = files_open(c->fd, c->path, name, O_RDONLY, &fd, &e);
    if (err == ENOENT)
        return 0;
    if (err != 0) {
        g_propagate_error(error, g_steal_pointer(&e));
        return err;
    }
    struct stat st;
    if (fstat(fd, &st) < 0) {
        err = errno;
    } else {
        gsize want = (gsize)MIN((guint64)st.st_size, max);
        err = files_read(fd, end - want, want, st.st_size - (off_t)want, got);
        if (err == 0 && *got != want)
            err = EIO;
    }
    files_close(&fd);
    return err ? files_fail(error, err, "cannot read %s/%s", c->path, name) : 0;
}

int console_store_tail(ConsoleStore *console, const char *ip, gsize max, char **text, gsize *len,
                       GError **error)
{
    max = MIN(max, (gsize)2 * CONSOLE_FILE_MAX);
    /* One extra byte shows whether the text starts at the beginning of a line. */
    gsize room = max + 1;
    char *buffer = g_malloc(room + 1);
    gsize newer = 0;
    gsize older = 0;
    g_mutex_lock(&console->lock);
    const Machine *m = g_hash_table_lookup(console->machines, ip);
    int err = m ? tail_of(console, m, NEWER, buffer + room, room, &newer, error) : 0;
    if (m && err == 0 && newer < room)
        err = tail_of(console, m, OLDER, buffer + room - newer, room - newer, &older, error);
    g_mutex_unlock(&console->lock);
    if (err != 0) {
        g_free(buffer);
        return err;
    }
    const char *start = buffer + room - newer - older;
    buffer[room] = 0;
    if (newer + older == room) {
        const char *line = memchr(start, '\n', room);
        /* Without any line's end in it, a text that is too long is cut where it must be. */
        start = line && line + 1 < buffer + room ? line + 1 : start + 1;
        while (((guint8)*start & 0xc0) == 0x80)
            start++;
    }
    *len = (gsize)(buffer + room - start);
    memmove(buffer, start, *len + 1);
    *text = buffer;
    return 0;
}

void console_store_counts(ConsoleStore *console, ConsoleCounts *counts)
{
    g_mutex_lock(&console->lock);
    *counts = (ConsoleCounts){
        .machines = console->order.length,
        .open = console->open.length,
        .refused = console->refused,
        .evicted = console->evicted,
        .rotated = console->rotated,
    };
    g_mutex_unlock(&console->lock);
}
