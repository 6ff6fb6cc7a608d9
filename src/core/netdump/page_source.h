/* page_source.h - the order in which a dump's pages are asked for.
 *
 * The window draws one pfn after the other from a PageSource and tells it which ones are not worth
 * asking for. Today's order is from the first page to the last. The protocol is a pull protocol, so
 * another order (what a reader waits for, what an analyst needs first) is another struct with the
 * same three verbs; the window does not care.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
    guint32 next; /* the pfn that is drawn next */
    guint32 end;  /* one above the last pfn */
} PageSource;

/* FALSE when there is nothing left to ask for. */
static inline gboolean source_draw(PageSource *s, guint32 *pfn)
{
    if (s->next >= s->end)
        return FALSE;
    *pfn = s->next++;
    return TRUE;
}

/* No page from the next one up to `to` is RAM; 0 = none is any more. */
static inline void source_skip(PageSource *s, guint32 to)
{
    s->next = to == 0 ? s->end : CLAMP(to, s->next, s->end);
}

static inline gboolean source_empty(const PageSource *s)
{
    return s->next >= s->end;
}
