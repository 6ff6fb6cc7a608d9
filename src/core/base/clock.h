/* clock.h - monotonic time as a type of its own.
 *
 * A Mono is microseconds since some fixed but unknown instant (CLOCK_MONOTONIC in the daemon, a
 * counter in the simulation). It is a struct so that the compiler refuses to mix it with wall-clock
 * time or with a plain number. A Span is a difference of two Monos: microseconds, signed.
 *
 * Only loop.c reads the real clock; all others get the time as an argument.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
    gint64 us;
} Mono;

typedef gint64 Span;

#define SPAN_MS(n) ((Span)(n)*1000)
#define SPAN_S(n)  ((Span)(n)*1000000)

/* Later than every other time: "no deadline". */
#define MONO_NEVER ((Mono){G_MAXINT64})

static inline Mono mono_add(Mono t, Span d)
{
    return (Mono){d > 0 && t.us > G_MAXINT64 - d ? G_MAXINT64 : t.us + d};
}

static inline Span mono_diff(Mono later, Mono earlier)
{
    return later.us - earlier.us;
}

static inline gboolean mono_before(Mono a, Mono b)
{
    return a.us < b.us;
}

static inline Mono mono_min(Mono a, Mono b)
{
    return a.us < b.us ? a : b;
}
