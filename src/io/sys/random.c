/* random.c - numbers from the kernel's generator.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sys/random.h"

#include <errno.h>
#include <sys/random.h>

guint32 random_u32(void)
{
    guint32 value;
    ssize_t n;

    /* Requests of up to 256 bytes are neither cut nor interrupted once the generator is ready. */
    do
        n = getrandom(&value, sizeof value, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof value)
        g_error("getrandom: %s", n < 0 ? g_strerror(errno) : "short read");
    return value;
}
