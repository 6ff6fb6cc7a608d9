/* limits.h - the limits that more than one module must agree on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#define LIMIT_CLIENTS       1024 /* in the table, of all protocols together */
#define LIMIT_IN_FLIGHT     128  /* requests for memory: half a NIC's receive ring of 256 */
#define LIMIT_PAGE_SIZE_MIN 4096 /* bytes of a client's page, a power of two */
#define LIMIT_PAGE_SIZE_MAX 65536
#define LIMIT_REGS          1024 /* bytes of registers: ia64's 128; the greatest that is sent has 448 */
#define LIMIT_SEND          64    /* bytes of a datagram that the server sends: a request has 24 */
#define LIMIT_HEADER        65536 /* bytes of a dump file's header */
