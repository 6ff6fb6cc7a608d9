/* boot_notices.c - which of the texts "the client's module was loaded" is worth a hook.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/boot_notices.h"

typedef struct {
    NetAddr host;
    Mono at;
} Notice;

struct BootNotices {
    Notice ring[BOOT_NOTICES_MAX]; /* the oldest one is forgotten first */
    guint next;
    RateLimit limit;
};

BootNotices *boot_notices_new(void)
{
    BootNotices *notices = g_new0(BootNotices, 1);

    notices->limit = rate_limit_new(BOOT_NOTICES_MAX);
    return notices;
}

void boot_notices_free(BootNotices *notices)
{
    g_free(notices);
}

BootNotice boot_notices_take(BootNotices *notices, const NetAddr *host, Mono now)
{
    Notice *notice = NULL;

    /* First, so that a flood does not search the ring. */
    if (!rate_limit_ready(&notices->limit, BOOT_NOTICES_RATE, now))
        return BOOT_TOO_MANY;
    for (guint i = 0; i < BOOT_NOTICES_MAX; i++)
        if (netaddr_host_equal(&notices->ring[i].host, host))
            notice = &notices->ring[i];
    if (notice && mono_diff(now, notice->at) < BOOT_NOTICES_PAUSE)
        return BOOT_REPEATED;
    (void)rate_limit_take(&notices->limit, BOOT_NOTICES_RATE, now);
    if (!notice)
        notice = &notices->ring[notices->next++ % BOOT_NOTICES_MAX];
    *notice = (Notice){*host, now};
    return BOOT_NEW;
}
