/* link.c - one direction of a bad network.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/link.h"

#include "sim/rng.h"

#include <string.h>

typedef struct {
    gint64 due;    /* us */
    guint64 order; /* of entry, so that equal times stay in order */
    guint32 slot;  /* where its bytes are */
    guint8 waits;  /* held back: how many have still to overtake it */
} Entry;

struct Link {
    LinkRules rules;
    guint64 rng, jitter_rng;
    guint64 order;
    gsize slot_size; /* max_size and in front of it length and lane */
    guint8 *slots;
    guint32 n_slots;
    GArray *free_slots; /* guint32 */
    GArray *heap;       /* Entry: a binary heap by (due, order) */
    Entry held[LINK_HELD_MAX];
    guint n_held;
    LinkOut out;
    gpointer user;
    LinkStats stats;
};

typedef struct {
    guint32 len, lane;
    gint64 jitter; /* us, drawn on entry: what befalls a datagram must not hang on the clock */
} SlotHead;

gboolean link_rules_any(const LinkRules *rules)
{
    return rules->loss > 0 || rules->dup > 0 || rules->reorder > 0 || rules->delay > 0 ||
           rules->jitter > 0;
}

Link *link_new(const LinkRules *rules, guint64 seed, gsize max_size, LinkOut out, gpointer user)
{
    Link *link = g_new0(Link, 1);

    link->rules = *rules;
    link->rng = rng_mix(seed);
    link->jitter_rng = rng_mix(link->rng);
    link->slot_size = (sizeof(SlotHead) + max_size + 7) / 8 * 8;
    link->free_slots = g_array_new(FALSE, FALSE, sizeof(guint32));
    link->heap = g_array_new(FALSE, FALSE, sizeof(Entry));
    link->out = out;
    link->user = user;
    return link;
}

void link_free(Link *link)
{
    if (!link)
        return;
    g_array_unref(link->free_slots);
    g_array_unref(link->heap);
    g_free(link->slots);
    g_free(link);
}

const LinkStats *link_stats(const Link *link)
{
    return &link->stats;
}

/* FALSE when too much is under way. */
static gboolean store(Link *link, guint lane, const guint8 *data, gsize len, guint32 *slot)
{
    SlotHead head = {(guint32)MIN(len, link->slot_size - sizeof(SlotHead)), lane, 0};

    if (link->rules.jitter > 0)
        head.jitter = (gint64)(rng_next(&link->jitter_rng) % ((guint64)link->rules.jitter + 1));

    if (link->free_slots->len == 0) {
        guint32 more = link->n_slots ? link->n_slots : 64;

        if (link->n_slots + more > LINK_QUEUE_MAX) {
            link->stats.overflowed++;
            return FALSE;
        }
        link->slots = g_realloc_n(link->slots, link->n_slots + more, link->slot_size);
        for (guint32 i = 0; i < more; i++) {
            guint32 fresh = link->n_slots + more - 1 - i;
            g_array_append_val(link->free_slots, fresh);
        }
        link->n_slots += more;
    }
    *slot = g_array_index(link->free_slots, guint32, link->free_slots->len - 1);
    g_array_set_size(link->free_slots, link->free_slots->len - 1);
    guint8 *at = link->slots + *slot * link->slot_size;
    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), data, head.len);
    return TRUE;
}

static gboolean earlier(const Entry *a, const Entry *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_push(GArray *heap, Entry entry)
{
    g_array_append_val(heap, entry);
    Entry *e = (Entry *)(void *)heap->data;
    guint i = heap->len - 1;
    for (; i > 0 && earlier(&entry, &e[(i - 1) / 2]); i = (i - 1) / 2)
        e[i] = e[(i - 1) / 2];
    e[i] = entry;
}

static Entry heap_pop(GArray *heap)
{
    Entry *e = (Entry *)(void *)heap->data;
    Entry top = e[0], last = e[heap->len - 1];
    guint n = heap->len - 1, i = 0;

    for (guint child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && earlier(&e[child + 1], &e[child]))
            child++;
        if (!earlier(&e[child], &last))
            break;
        e[i] = e[child];
    }
    e[i] = last;
    g_array_set_size(heap, n);
    return top;
}

static void release(Link *link, guint32 slot)
{
    guint8 *at = link->slots + slot * link->slot_size;
    SlotHead head;

    memcpy(&head, at, sizeof(head));
    link->out(link->user, head.lane, at + sizeof(head), head.len);
    g_array_append_val(link->free_slots, slot);
}

static gboolean has_delay(const Link *link)
{
    return link->rules.delay > 0 || link->rules.jitter > 0;
}

static void fly(Link *link, guint32 slot, gint64 now)
{
    SlotHead head;

    memcpy(&head, link->slots + slot * link->slot_size, sizeof(head));
    heap_push(link->heap, (Entry){now + link->rules.delay + head.jitter, link->order++, slot, 0});
}

/* A held datagram is sent. */
static void unhold(Link *link, guint i, gint64 now)
{
    guint32 slot = link->held[i].slot;

    memmove(&link->held[i], &link->held[i + 1], (--link->n_held - i) * sizeof(Entry));
    if (has_delay(link))
        fly(link, slot, now);
    else
        release(link, slot);
}

static void overtake(Link *link, guint n_before, gint64 now)
{
    for (guint i = 0; i < n_before;) {
        if (--link->held[i].waits > 0) {
            i++;
            continue;
        }
        unhold(link, i, now);
        n_before--;
    }
}

static gboolean chance(guint32 draw, double percent)
{
    return draw < percent / 100.0 * 4294967296.0;
}

static void pass(Link *link, guint lane, const guint8 *data, gsize len, gint64 now)
{
    guint32 slot;

    if (!has_delay(link))
        link->out(link->user, lane, data, len);
    else if (store(link, lane, data, len, &slot))
        fly(link, slot, now);
}

void link_put(Link *link, guint lane, const guint8 *data, gsize len, gint64 now)
{
    guint64 a = rng_next(&link->rng), b = rng_next(&link->rng);
    gboolean late = chance((guint32)b, link->rules.reorder) && link->n_held < LINK_HELD_MAX;
    guint n_before = link->n_held;
    guint32 slot;

    if (chance((guint32)a, link->rules.loss)) {
        link->stats.lost++;
        return;
    }
    if (chance((guint32)(a >> 32), link->rules.dup)) {
        link->stats.duplicated++;
        pass(link, lane, data, len, now);
    }
    if (!late) {
        pass(link, lane, data, len, now);
    } else if (store(link, lane, data, len, &slot)) {
        guint8 waits = (guint8)(1 + (b >> 32) % LINK_REORDER_MAX);

        link->stats.reordered++;
        link->held[link->n_held++] = (Entry){now + LINK_HOLD_US, 0, slot, waits};
    }
    overtake(link, n_before, now);
}

gint64 link_turn(Link *link, gint64 now)
{
    while (link->n_held > 0 && link->held[0].due <= now)
        unhold(link, 0, now);
    while (link->heap->len > 0 && g_array_index(link->heap, Entry, 0).due <= now)
        release(link, heap_pop(link->heap).slot);
    gint64 next = link->heap->len ? g_array_index(link->heap, Entry, 0).due : G_MAXINT64;
    return link->n_held ? MIN(next, link->held[0].due) : next;
}

void link_clear(Link *link)
{
    for (guint i = 0; i < link->heap->len; i++)
        g_array_append_val(link->free_slots, g_array_index(link->heap, Entry, i).slot);
    for (guint i = 0; i < link->n_held; i++)
        g_array_append_val(link->free_slots, link->held[i].slot);
    g_array_set_size(link->heap, 0);
    link->n_held = 0;
}
