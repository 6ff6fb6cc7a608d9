/* dumpfind.c - find the dumps that a server made of a machine.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/dumpfind.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_STEP 20000 /* us */
/* A file's time is that of the last tick, so it can lie a little before the moment it was written.
 */
#define TIME_SLACK 100000 /* us */

/* The address, and then the date. */
static gboolean is_dump_of(const char *name, const char *address)
{
    gsize len = strlen(address);

    return strncmp(name, address, len) == 0 && name[len] == '-' && g_ascii_isdigit(name[len + 1]);
}

static gboolean is_fresh(const char *path, gint64 since)
{
    struct stat st;

    return stat(path, &st) == 0 && (gint64)st.st_mtim.tv_sec * (gint64)G_USEC_PER_SEC +
                                           st.st_mtim.tv_nsec / 1000 + TIME_SLACK >=
                                       since;
}

static gboolean collect(const char *dumpdir, const char *address, gint64 since, GPtrArray *found,
                        GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(dumpdir, 0, error);
    const char *name;

    if (!dir)
        return FALSE;
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(dumpdir, name, "vmcore", NULL);

        if (is_dump_of(name, address) && is_fresh(path, since))
            g_ptr_array_add(found, g_steal_pointer(&path));
    }
    return TRUE;
}

GPtrArray *dump_find(const char *dumpdir, const char *address, gint64 since, gint64 wait_us,
                     GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);

    while (collect(dumpdir, address, since, found, error)) {
        if (found->len > 0)
            return g_steal_pointer(&found);
        if (wait_us <= 0) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s: no new vmcore of %s", dumpdir,
                        address);
            return NULL;
        }
        wait_us -= WAIT_STEP;
        g_usleep(WAIT_STEP);
    }
    return NULL;
}

gssize dump_read(int fd, guint8 *data, gsize len, guint64 offset)
{
    gsize have = 0;

    while (have < len) {
        ssize_t n = pread(fd, data + have, len - have, (off_t)(offset + have));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (gsize)n;
    }
    return (gssize)have;
}
