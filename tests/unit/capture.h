/* capture.h - what is written to stderr, as a text, for tests of messages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

typedef struct {
    int stderr_fd; /* the real one */
    int file;
} Capture;

/* From here on stderr is a file. */
static inline Capture capture_begin(void)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    Capture c = {dup(STDERR_FILENO), g_file_open_tmp("netdump-unit-XXXXXX", &path, &error)};

    g_assert_no_error(error);
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(dup2(c.file, STDERR_FILENO), ==, STDERR_FILENO);
    return c;
}

/* What was written up to now. */
static inline char *capture_text(const Capture *c)
{
    off_t size = lseek(c->file, 0, SEEK_END);
    char *text = g_malloc0((gsize)size + 1);

    g_assert_cmpint(pread(c->file, text, (gsize)size, 0), ==, size);
    return text;
}

/* stderr is itself again; returns what was written. */
static inline char *capture_end(Capture *c)
{
    char *text = capture_text(c);

    g_assert_cmpint(dup2(c->stderr_fd, STDERR_FILENO), ==, STDERR_FILENO);
    close(c->stderr_fd);
    close(c->file);
    return text;
}
