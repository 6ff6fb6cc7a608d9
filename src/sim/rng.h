/* rng.h - the simulator's random numbers: small, fast, the same on every machine for a seed.
 *
 * Not for secrets. rng_mix() is the finalizer of the splitmix64 generator (Steele, Lea, Flood
 * 2014), rng_next() the generator itself: any state is a good one, so seeds can be added up freely.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

static inline guint64 rng_mix(guint64 x)
{
    x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline guint64 rng_next(guint64 *state)
{
    *state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    return rng_mix(*state);
}
