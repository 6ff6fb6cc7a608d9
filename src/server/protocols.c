/* protocols.c - the dump protocols that the daemon speaks, each on a port of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/protocols.h"

#include "core/netdump/netdump.h"

#include <string.h>

const Protocols *protocols_of_daemon(void)
{
    static const Protocol rows[] = {
        {&netdump_session_ops, G_STRUCT_OFFSET(Config, port)},
    };
    static const Protocols protocols = {rows, G_N_ELEMENTS(rows)};

    return &protocols;
}

guint16 protocol_port(const Protocol *protocol, const Config *config)
{
    guint16 port;

    memcpy(&port, (const guint8 *)config + protocol->port, sizeof port);
    return port;
}

TaggedConvert protocols_convert(const Protocols *protocols)
{
    for (guint i = 0; i < protocols->n; i++)
        if (protocols->rows[i].ops->convert_old)
            return protocols->rows[i].ops->convert_old;
    return NULL;
}

const Protocol *protocols_find(const Protocols *protocols, const TaggedReader *fields)
{
    gsize len = 0;
    const guint8 *name = tagged_find(fields, TAG_PROTOCOL, &len);

    if (!name)
        return &protocols->rows[0];
    for (guint i = 0; i < protocols->n; i++) {
        const char *known = protocols->rows[i].ops->name;

        if (strlen(known) == len && memcmp(known, name, len) == 0)
            return &protocols->rows[i];
    }
    return NULL;
}
