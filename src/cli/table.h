/* table.h - rows of named values, printed as a table for people or as JSON for programs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdio.h>

typedef enum {
    TABLE_TEXT,
    TABLE_NUMBER,  /* right-aligned; a JSON number */
    TABLE_DISPLAY, /* right-aligned; not in JSON, where another column has it as a number */
} TableKind;

typedef struct {
    const char *key;   /* of the row's value, and the JSON name */
    const char *title; /* NULL: only for JSON */
    TableKind kind;
} TableColumn;

/* A row is a GHashTable of char * to char *; a key that it lacks is "-" or null. */
GHashTable *table_row_new(void);
void table_row_put(GHashTable *row, const char *key, char *value); /* takes the value over */
GPtrArray *table_rows_new(void);                                   /* owns its rows */

void table_print(FILE *out, const TableColumn *columns, gsize n, GPtrArray *rows);

/* A JSON string. What is no UTF-8 is replaced. */
void table_json_string(FILE *out, const char *text);

/* One JSON object {"key":value,...} of a row. */
void table_json_row(FILE *out, const TableColumn *columns, gsize n, GHashTable *row);

/* A JSON array of the rows, one a line, each line indented by `indent`. */
void table_json(FILE *out, const TableColumn *columns, gsize n, GPtrArray *rows,
                const char *indent);
