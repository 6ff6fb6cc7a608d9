/* page_plan.c - which page is requested next.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/netdump/page_plan.h"

void page_plan_init(PagePlan *p, PageSet *missing)
{
    *p = (PagePlan){.missing = missing};
}

void page_plan_clear(PagePlan *p)
{
    page_set_free(p->missing);
    p->missing = NULL;
}

gboolean page_plan_want(PagePlan *p, guint64 first, guint64 end)
{
    if (page_set_count_range(p->missing, first, end) == 0)
        return TRUE;
    if (p->n_wanted == PAGE_PLAN_RANGES)
        return FALSE;
    p->wanted[(p->oldest + p->n_wanted) % PAGE_PLAN_RANGES] = (PageRange){first, end};
    p->n_wanted++;
    return TRUE;
}

static gboolean next_wanted(PagePlan *p, guint32 *pfn)
{
    while (p->n_wanted > 0) {
        PageRange *r = &p->wanted[p->oldest];

        if (r->first < r->end && page_set_next(p->missing, (guint32)r->first, pfn) &&
            *pfn < r->end) {
            r->first = (guint64)*pfn + 1;
            return TRUE;
        }
        p->oldest = (p->oldest + 1) % PAGE_PLAN_RANGES;
        p->n_wanted--;
    }
    return FALSE;
}

gboolean page_plan_draw(PagePlan *p, guint32 *pfn)
{
    if (!next_wanted(p, pfn) && !page_set_next(p->missing, 0, pfn))
        return FALSE;
    page_set_remove(p->missing, *pfn, (guint64)*pfn + 1);
    return TRUE;
}

guint64 page_plan_skip(PagePlan *p, guint64 first, guint64 end)
{
    guint64 n = page_set_count_range(p->missing, first, end);

    page_set_remove(p->missing, first, end);
    return n;
}
