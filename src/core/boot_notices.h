/* boot_notices.h - which of the texts "the client's module was loaded" is worth a hook.
 *
 * A client announces itself in several datagrams and on several ports: one hook is enough. And
 * anyone can say so in anyone's name: all clients of a data center may, once, and then two a
 * second.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/netaddr.h"
#include "core/base/rate_limit.h"

#define BOOT_NOTICES_PAUSE SPAN_S(30) /* for one client */
#define BOOT_NOTICES_MAX   1024       /* clients that are remembered for that, and the burst */
#define BOOT_NOTICES_RATE  2          /* a second */

typedef struct BootNotices BootNotices;

BootNotices *boot_notices_new(void);
void boot_notices_free(BootNotices *notices);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BootNotices, boot_notices_free)

typedef enum {
    BOOT_NEW,      /* run the hook */
    BOOT_REPEATED, /* reported within BOOT_NOTICES_PAUSE */
    BOOT_TOO_MANY  /* nothing is remembered of it */
} BootNotice;

BootNotice boot_notices_take(BootNotices *notices, const NetAddr *host, Mono now);
