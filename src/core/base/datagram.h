/* datagram.h - why a datagram is none of a protocol.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

typedef enum {
    DATAGRAM_OK,
    DATAGRAM_SHORT,   /* a header or payload is cut off */
    DATAGRAM_LONG,    /* longer than any of the protocol */
    DATAGRAM_CODE,    /* a code that no client sends */
    DATAGRAM_PAYLOAD, /* its content breaks a rule */
    DATAGRAM_BINARY,  /* neither the protocol's nor text */
    DATAGRAM_N_FAULTS
} DatagramFault;

/* Lower-case words for logs and metrics: "short", "long" ... Never NULL. */
const char *datagram_fault_name(DatagramFault fault);
