/* parse.h - texts of the command line to numbers, every one checked.
 *
 * Each function returns FALSE with error set to what was expected; out is then untouched.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sim/ram.h"

#include <glib.h>
#include <sys/socket.h>

/* Decimal, or hexadecimal with 0x. */
gboolean parse_number(const char *text, guint64 min, guint64 max, guint64 *out,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Hexadecimal with or without 0x. */
gboolean parse_hex(const char *text, guint64 *out, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A fraction such as 0.5. */
gboolean parse_fraction(const char *text, double min, double max, double *out,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Bytes: a number with suffix K, M, G or none. */
gboolean parse_size(const char *text, guint64 *out, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* "0x9f-0xb7,300-310": appends RamHoles. A single pfn is a range of one. */
gboolean parse_holes(const char *text, GArray *holes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* "host", "host:port", "[::1]:port", "[::1]", "::1"; names are looked up. The first address wins.
 */
gboolean parse_address(const char *text, guint16 default_port, struct sockaddr_storage *out,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
