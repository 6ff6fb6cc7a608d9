/* link.h - one direction of a bad network: loses, duplicates, reorders and delays datagrams.
 *
 * What happens to the n-th datagram depends on the seed and n alone; only the clock decides when a
 * delayed one comes out. Times are microseconds of any one clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
    double loss, dup, reorder; /* percent, 0 to 100 */
    gint64 delay, jitter;      /* us: every datagram takes delay plus 0..jitter */
} LinkRules;

typedef struct {
    guint64 lost, duplicated, reordered;
    guint64 overflowed; /* dropped because LINK_QUEUE_MAX were under way */
} LinkStats;

#define LINK_QUEUE_MAX   16384u
#define LINK_HELD_MAX    64u
#define LINK_REORDER_MAX 8u    /* a reordered datagram is overtaken by 1 to 8 others, */
#define LINK_HOLD_US     10000 /* or comes out after this time */

typedef struct Link Link;

/* Called for each datagram that comes out, from link_put() and link_turn(). lane is what was given
 * to link_put(). It must not put anything into this link itself. */
typedef void (*LinkOut)(gpointer user, guint lane, const guint8 *data, gsize len);

/* Would these rules change anything? If not, no link is needed. */
gboolean link_rules_any(const LinkRules *rules);

/* Datagrams longer than max_size are cut. */
Link *link_new(const LinkRules *rules, guint64 seed, gsize max_size, LinkOut out, gpointer user);
void link_free(Link *link);

void link_put(Link *link, guint lane, const guint8 *data, gsize len, gint64 now);

/* Let out what is due; returns the time of the next one, G_MAXINT64 if nothing is under way. */
gint64 link_turn(Link *link, gint64 now);

/* Forget everything under way. */
void link_clear(Link *link);

const LinkStats *link_stats(const Link *link);
