/* magic.h - which magic is on file for a host, read outside the loop's thread.
 *
 * One file is opened at a time and not more than 500 a second, however many clients announce
 * themselves: a request for a host that is being read, or was read within the last second, gets the
 * same result, and excess requests are refused. All calls from one thread, the loop's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/netaddr.h"
#include "io/store/dumpdir.h"
#include "io/work/work.h"

typedef struct Magic Magic;

/* err 0: `magic` is on file. ENOENT: there is no file; EINVAL: not a magic file (see the log);
 * EAGAIN: too many requests; otherwise the error of the system. */
typedef void (*MagicFn)(gpointer user, guint32 id, int err, guint64 magic);

/* Borrows pool and dumpdir. */
Magic *magic_new(WorkPool *pool, const Dumpdir *dumpdir, MagicFn fn, gpointer user);

/* Before work_pool_free(); no callback comes any more. */
void magic_stop(Magic *magic);

/* After it. */
void magic_free(Magic *magic);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Magic, magic_free)

/* Exactly one callback for each call, maybe from inside. big_endian: the client's byte order. */
void magic_check(Magic *magic, const NetAddr *host, gboolean big_endian, guint32 id, Mono now);

Mono magic_deadline(const Magic *magic);
void magic_tick(Magic *magic, Mono now);
