/* abandon.c - closes a dump of a previous instance that cannot be resumed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store/abandon.h"

#include "io/store/crashdir.h"
#include "io/store/journal.h"
#include "io/sys/files.h"

#include <fcntl.h>
#include <string.h>

#define INFO_SIZE_MAX 16384 /* bytes; ours have less than 2,000 */
#define INFO_PAIRS    64

/* The text of info, empty if it cannot be read. */
static char *read_info(const Crashdir *dir)
{
    char *text = NULL;

    if (files_read_all(crashdir_fd(dir), crashdir_path(dir), "info", INFO_SIZE_MAX, &text, NULL,
                       NULL) != 0)
        return g_strdup("");
    return text;
}

/* Cuts the text into pairs that point into it; result and reason are left out. */
static gsize parse_info(char *text, CrashdirInfo *pairs, gsize max)
{
    gsize n = 0;
    char *rest = text, *line;

    while (n < max && (line = strsep(&rest, "\n"))) {
        char *equals = strchr(line, '=');

        if (!equals)
            continue;
        *equals = '\0';
        if (crashdir_key_ok(line) && strcmp(line, "result") != 0 && strcmp(line, "reason") != 0)
            pairs[n++] = (CrashdirInfo){line, equals + 1};
    }
    return n;
}

int abandon_dump(const Dumpdir *dumpdir, const char *name, const char *reason, GError **error)
{
    g_autoptr(Crashdir) dir = NULL;
    g_autofree char *text = NULL;
    CrashdirInfo pairs[INFO_PAIRS + 2];
    gsize n;
    int err = crashdir_open(dumpdir_fd(dumpdir), dumpdir_path(dumpdir), name, &dir, error);

    if (err)
        return err;
    text = read_info(dir);
    n = parse_info(text, pairs, INFO_PAIRS);
    pairs[n++] = (CrashdirInfo){"result", "incomplete"};
    pairs[n++] = (CrashdirInfo){"reason", reason};
    err = crashdir_write_info(dir, pairs, n, error);
    return err ? err : journal_remove(crashdir_fd(dir), crashdir_path(dir), error);
}
