/* page_ring.c - the pages that were drawn and are not done.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/page_ring.h"

void page_ring_init(PageRing *r, guint32 size, guint32 nr_first)
{
    r->size = size;
    r->nr_first = nr_first;
    for (guint i = 0; i < PAGE_N_LISTS; i++)
        r->lists[i].head = r->lists[i].tail = PAGE_RING_NONE;
}

static void list_append(PageRing *r, guint list, RingPage *p)
{
    guint16 i = page_ring_index(r, p);

    p->prev = r->lists[list].tail;
    p->next = PAGE_RING_NONE;
    if (p->prev == PAGE_RING_NONE)
        r->lists[list].head = i;
    else
        r->pages[p->prev].next = i;
    r->lists[list].tail = i;
    r->lists[list].n++;
}

static void list_remove(PageRing *r, guint list, const RingPage *p)
{
    if (p->prev == PAGE_RING_NONE)
        r->lists[list].head = p->next;
    else
        r->pages[p->prev].next = p->next;
    if (p->next == PAGE_RING_NONE)
        r->lists[list].tail = p->prev;
    else
        r->pages[p->next].prev = p->prev;
    r->lists[list].n--;
}

RingPage *page_ring_add(PageRing *r, guint32 pfn, guint64 all_chunks)
{
    RingPage *p = page_ring_at(r, r->head++);

    *p = (RingPage){.pfn = pfn, .missing = all_chunks, .state = PAGE_WHOLE};
    r->n_kept++;
    return p;
}

void page_ring_set_state(PageRing *r, RingPage *p, PageState state)
{
    if (p->state < PAGE_N_LISTS)
        list_remove(r, p->state, p);
    p->state = (guint8)state;
    if (state < PAGE_N_LISTS)
        list_append(r, state, p);
    if (state != PAGE_DONE)
        return;
    r->n_kept--;
    while (r->tail != r->head && page_ring_at(r, r->tail)->state == PAGE_DONE)
        r->tail++;
}

void page_ring_add_to(const PageRing *r, PageSet *set)
{
    for (guint32 k = r->tail; k != r->head; k++) {
        const RingPage *p = &r->pages[k % PAGE_RING_SIZE];

        if (p->state != PAGE_DONE)
            page_set_add(set, p->pfn, (guint64)p->pfn + 1);
    }
}
