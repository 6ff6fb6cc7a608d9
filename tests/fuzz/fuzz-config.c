/* fuzz-config.c - any bytes as a configuration file: either it is refused with a message of bounded
 * length, or what it means can be printed as a file that means the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/config/config_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 20000 /* 50 problems, each with at most some 300 bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(gboolean right)
{
    if (!right)
        __builtin_trap();
}

static char *printed(const Config *c)
{
    char *text = NULL;
    gsize len = 0;
    FILE *out = open_memstream(&text, &len);

    must(out != NULL);
    config_print(c, out);
    must(fclose(out) == 0);
    return text;
}

static void must_be_in_range(const Config *c)
{
    must(c->max_concurrent_dumps <= LIMIT_CLIENTS);
    must(c->window >= 1 && c->window <= LIMIT_IN_FLIGHT);
    must(c->min_free <= CONFIG_MIN_FREE_MAX);
    must(c->client_timeout >= 1 && c->script_timeout >= 1);
    must(c->n_allow <= CONFIG_ALLOW_MAX);
    must(g_path_is_absolute(c->dumpdir));
    must(!c->pidfile || g_path_is_absolute(c->pidfile));
    must(!c->metrics_file || g_path_is_absolute(c->metrics_file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = config_from_text("fuzz", (const char *)data, size, &error);
    g_autoptr(Config) again = NULL;
    char *first, *second;

    must((c == NULL) == (error != NULL));
    if (!c) {
        must(*error->message && strlen(error->message) < MESSAGE_MAX);
        return 0;
    }
    must_be_in_range(c);
    first = printed(c);
    again = config_from_text("fuzz", first, strlen(first), &error);
    must(again != NULL);
    second = printed(again);
    must(strcmp(first, second) == 0);
    free(first);
    free(second);
    return 0;
}
