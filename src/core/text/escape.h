/* escape.h - console bytes from a stranger -> text that is safe in a file and on a terminal.
 *
 * What stays: '\n', '\t', printable ASCII, and printable characters in valid UTF-8. A CR right
 * before a LF is dropped. Every other byte becomes \xNN (two lower-case hex digits): control
 * characters, broken UTF-8, and characters that would reorder or break lines on a screen (Unicode's
 * format, line and paragraph separators, private use, unassigned). A backslash stays what it is, so
 * the escaping is for reading, not for turning back. No state is kept between calls: a character
 * cut in two by a datagram's end is escaped.
 *
 * Pure.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Bytes that the output can take at most: every byte as \xNN. */
#define TEXT_ESCAPED_MAX(len) ((gsize)4 * (len))

/* Write the escaped text to out, which has room for TEXT_ESCAPED_MAX(len) bytes; returns the bytes
 * written. No NUL is appended. */
gsize text_escape(const guint8 *bytes, gsize len, char *out);

/* The same, but '\n', '\t' and '\r' are escaped too, so that the result is always one line. */
gsize text_escape_line(const guint8 *bytes, gsize len, char *out);

/* The greatest length, at most `len`, at which escaped text can be cut without cutting a UTF-8
 * character. */
gsize text_cut(const char *text, gsize len);

/* "12.3 MiB", all ASCII: what is read in a log is also looked for in it. To be freed. */
char *text_size(guint64 bytes);
