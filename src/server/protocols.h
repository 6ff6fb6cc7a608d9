/* protocols.h - the dump protocols that the daemon speaks, each on a port of its own.
 *
 * A new one is a folder in core, a key in the configuration, and two lines in protocols.c: its
 * header and its row. Nothing else outside that folder names a protocol.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/session.h"
#include "io/config/config.h"

typedef struct {
    const SessionOps *ops;
    gsize port; /* where in Config the key is, a guint16, that gives its port */
} Protocol;

/* The first one is the default: it is that of records that name none. */
typedef struct {
    const Protocol *rows;
    guint n;
} Protocols;

const Protocols *protocols_of_daemon(void);

guint16 protocol_port(const Protocol *protocol, const Config *config);

/* For the files of version 1.0; NULL if no protocol can read them. */
TaggedConvert protocols_convert(const Protocols *protocols);

/* The one that wrote these fields (TAG_PROTOCOL). NULL if it is none of the table. */
const Protocol *protocols_find(const Protocols *protocols, const TaggedReader *fields);
