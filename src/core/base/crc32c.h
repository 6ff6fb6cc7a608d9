/* crc32c.h - CRC-32C (Castagnoli), RFC 3720 appendix B.4: reflected, polynomial 0x82f63b78.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

guint32 crc32c(const guint8 *bytes, gsize len);
