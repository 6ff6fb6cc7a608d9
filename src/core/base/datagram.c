/* datagram.c - why a datagram is none of a protocol.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/datagram.h"

const char *datagram_fault_name(DatagramFault fault)
{
    static const char *const names[DATAGRAM_N_FAULTS] = {
        [DATAGRAM_OK] = "ok",     [DATAGRAM_SHORT] = "short",     [DATAGRAM_LONG] = "long",
        [DATAGRAM_CODE] = "code", [DATAGRAM_PAYLOAD] = "payload", [DATAGRAM_BINARY] = "binary",
    };

    return fault < DATAGRAM_N_FAULTS ? names[fault] : "unknown";
}
