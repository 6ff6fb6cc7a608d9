/* table.c - rows of named values, printed as a table for people or as JSON for programs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/table.h"

#include <string.h>

GHashTable *table_row_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void table_row_put(GHashTable *row, const char *key, char *value)
{
    g_hash_table_insert(row, g_strdup(key), value);
}

GPtrArray *table_rows_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
}

static const char *cell(GHashTable *row, const TableColumn *column)
{
    const char *value = g_hash_table_lookup(row, column->key);

    return value && *value ? value : NULL;
}

static gsize width_of(const TableColumn *column, GPtrArray *rows)
{
    gsize width = strlen(column->title);

    for (guint i = 0; i < rows->len; i++) {
        const char *value = cell(g_ptr_array_index(rows, i), column);

        width = MAX(width, value ? (gsize)g_utf8_strlen(value, -1) : 1);
    }
    return width;
}

static void print_cell(FILE *out, const char *text, gsize width, gboolean right, gboolean last)
{
    gsize len = (gsize)g_utf8_strlen(text, -1);
    int pad = (int)(width > len ? width - len : 0);

    if (right)
        fprintf(out, "%*s%s", pad, "", text);
    else
        fprintf(out, "%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", out);
}

void table_print(FILE *out, const TableColumn *columns, gsize n, GPtrArray *rows)
{
    gsize last = n;
    g_autofree gsize *widths = g_new0(gsize, n);

    for (gsize c = 0; c < n; c++)
        if (columns[c].title) {
            widths[c] = width_of(&columns[c], rows);
            last = c;
        }
    for (gsize c = 0; c < n; c++)
        if (columns[c].title)
            print_cell(out, columns[c].title, widths[c], columns[c].kind != TABLE_TEXT, c == last);
    for (guint i = 0; i < rows->len; i++)
        for (gsize c = 0; c < n; c++) {
            const char *value = cell(g_ptr_array_index(rows, i), &columns[c]);

            if (columns[c].title)
                print_cell(out, value ? value : "-", widths[c], columns[c].kind != TABLE_TEXT,
                           c == last);
        }
}

void table_json_string(FILE *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    fputc('"', out);
    for (const char *p = valid; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if ((guchar)*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\u%04x", (guint)(guchar)*p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

/* The contents of a status or info file are not trusted. */
static gboolean is_number(const char *text)
{
    gsize digits = strspn(text, "0123456789");
    gsize rest = text[digits] == '.' ? 1 + strspn(text + digits + 1, "0123456789") : 0;

    return digits > 0 && digits + rest < 24 && rest != 1 && text[digits + rest] == '\0' &&
           (text[0] != '0' || digits == 1);
}

void table_json_row(FILE *out, const TableColumn *columns, gsize n, GHashTable *row)
{
    fputc('{', out);
    for (gsize c = 0; c < n; c++) {
        const char *value = cell(row, &columns[c]);

        if (columns[c].kind == TABLE_DISPLAY)
            continue;
        fprintf(out, "%s\"%s\":", c > 0 ? "," : "", columns[c].key);
        if (!value || (columns[c].kind == TABLE_NUMBER && !is_number(value)))
            fputs("null", out);
        else if (columns[c].kind == TABLE_NUMBER)
            fputs(value, out);
        else
            table_json_string(out, value);
    }
    fputc('}', out);
}

void table_json(FILE *out, const TableColumn *columns, gsize n, GPtrArray *rows, const char *indent)
{
    fputc('[', out);
    for (guint i = 0; i < rows->len; i++) {
        fprintf(out, "%s\n%s  ", i > 0 ? "," : "", indent);
        table_json_row(out, columns, n, g_ptr_array_index(rows, i));
    }
    if (rows->len > 0)
        fprintf(out, "\n%s", indent);
    fputc(']', out);
}
