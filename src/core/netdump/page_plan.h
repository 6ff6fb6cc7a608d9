/* page_plan.h - which page is requested next: wanted pages, then the others in ascending order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/page_set.h"

#define PAGE_PLAN_RANGES 64 /* wanted pages */

typedef struct {
    guint64 first, end; /* pages first..end-1; end may be 2^32 */
} PageRange;

typedef struct {
    PageSet *missing; /* the plan's own: pages that were not drawn yet */
    PageRange wanted[PAGE_PLAN_RANGES];
    guint n_wanted, oldest;
} PagePlan;

/* Takes `missing` over. */
void page_plan_init(PagePlan *p, PageSet *missing);
void page_plan_clear(PagePlan *p);

/* Pages first..end-1 come before all that are not wanted, and after those that were wanted before.
 * FALSE: too many ranges wait already. */
gboolean page_plan_want(PagePlan *p, guint64 first, guint64 end);

/* Takes the next page out of those that are missing; FALSE if none is. */
gboolean page_plan_draw(PagePlan *p, guint32 *pfn);

/* Pages first..end-1 need not be requested; how many of them were missing. */
guint64 page_plan_skip(PagePlan *p, guint64 first, guint64 end);
