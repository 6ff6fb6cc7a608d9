/* console.c - what a machine prints.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/console.h"

#include "sim/rng.h"

#include <string.h>

gsize console_next(Console *console, gsize max, const char **piece)
{
    gsize most = MIN(console->left, max);
    const char *end = memchr(console->text, '\n', most);
    gsize len = end ? (gsize)(end - console->text) + 1 : most;

    *piece = console->text;
    console->text += len;
    console->left -= len;
    return len;
}

char *console_oops(const char *machine, guint64 task, guint64 seed)
{
    guint64 state = seed;
    guint32 pid = (guint32)(1000 + rng_next(&state) % 30000);
    GString *s = g_string_new(NULL);

    g_string_append_printf(
        s,
        "Unable to handle kernel NULL pointer dereference at virtual address %08x\n"
        "Oops: 0002 [#1]\n"
        "Machine: %s, pid: %u, comm: simulated, task: 0x%" G_GINT64_MODIFIER "x\n"
        "Call trace:\n",
        (guint32)(rng_next(&state) % 4096), machine, pid, task);
    static const char *const calls[] = {"simulated_fault", "simulated_ioctl", "vfs_ioctl",
                                        "sys_ioctl", "system_call"};
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++)
        g_string_append_printf(s, " %s+0x%x/0x%x\n", calls[i], (guint32)(rng_next(&state) % 256),
                               (guint32)(256 + rng_next(&state) % 256));
    g_string_append(s, "Kernel panic - not syncing: Fatal exception\n");
    return g_string_free(s, FALSE);
}

char *console_state(const char *machine, guint64 task, guint32 n_pages, guint32 n_present)
{
    GString *s = g_string_new("\n");

    g_string_append_printf(
        s, "Registers of the %s that crashed, task 0x%" G_GINT64_MODIFIER "x:\n\n", machine, task);
    g_string_append(s, "task          state    pid\n");
    for (guint i = 0; i < 6; i++)
        g_string_append_printf(s, "simulated-%u   S       %u\n", i, 2000 + i);
    g_string_append_printf(s, "Mem-info:\n%u pages of RAM\n%u reserved pages\n", n_present,
                           n_pages - n_present);
    return g_string_free(s, FALSE);
}
