/* resume.c - takes up what a previous instance left.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/resume.h"

#include "core/base/limits.h"
#include "io/store/abandon.h"
#include "io/sys/log.h"
#include "io/sys/random.h"
#include "server/server_internal.h"

/* Whose it was. Our address is the one that the client wrote to; the port is today's. */
static gboolean identify(const Server *s, const TaggedReader *fields, const Protocol **protocol,
                         NetAddr *peer, NetAddr *local)
{
    *protocol = protocols_find(s->protocols, fields);
    if (!*protocol || !tagged_addr(fields, TAG_CLIENT, peer) ||
        !tagged_addr(fields, TAG_LOCAL, local))
        return FALSE;
    local->port = sock_port(server_port_of(s, *protocol)->sock);
    return TRUE;
}

/* -- dumps ------------------------------------------------------------------------------------- */

static void abandon(const Server *s, const char *name, const char *reason)
{
    g_autoptr(GError) error = NULL;

    log_error("cannot resume the dump in %s/%s, marked incomplete: %s", dumpdir_path(s->dumpdir),
              name, reason);
    if (abandon_dump(s->dumpdir, name, reason, &error))
        log_error("%s", error->message);
}

static ClientEntry *readmit(Server *s, DumpFiles *files, const SessionRemains *remains,
                            const char *name)
{
    const Protocol *protocol;
    NetAddr peer, local;
    const char *why = NULL;
    ClientEntry *entry;

    if (!identify(s, remains->fields, &protocol, &peer, &local)) {
        dump_files_close(files, TRUE); /* another server may know its protocol */
        log_error("cannot resume the dump in %s: %s", name, "unknown protocol or client");
        return NULL;
    }
    entry = clients_readmit(s->clients, protocol->ops, &peer, &local, remains, random_u32(), s->now,
                            &why);
    if (entry)
        return entry;
    dump_files_close(files, TRUE);
    if (why)
        abandon(s, name, why);
    else if (clients_find(s->clients, protocol->ops, &peer))
        abandon(s, name, "client has a newer unfinished dump");
    else
        log_error("cannot resume the dump in %s: client table full (%d)", name, LIMIT_CLIENTS);
    return NULL;
}

static gboolean resume_one(Server *s, const char *name)
{
    SessionRemains remains;
    ClientEntry *entry;
    g_autoptr(GError) error = NULL;
    DumpFiles *files = dump_files_adopt(&s->files, name, &remains, &error);

    if (!files && g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_INVAL)) {
        abandon(s, name, error->message);
        return FALSE;
    }
    if (!files) { /* it may be better at the next start */
        log_error("cannot resume the dump in %s: %s", name, error->message);
        return FALSE;
    }
    entry = readmit(s, files, &remains, name);
    if (!entry)
        return FALSE;
    dump_files_take_over(files, entry->id, entry->session->ops);
    entry->files = files;
    executor_event(s->executor, entry, &(Event){.kind = EVENT_TIMER});
    return TRUE;
}

static guint resume_dumps(Server *s)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = dumpdir_unfinished(s->dumpdir, &error);
    guint n = 0;

    if (!names) {
        log_error("cannot search for unfinished dumps: %s", error->message);
        return 0;
    }
    /* The newest first: of two dumps of one client only the newer can be resumed. */
    for (guint i = names->len; i > 0; i--)
        n += resume_one(s, g_ptr_array_index(names, i - 1)) ? 1 : 0;
    return n;
}

/* -- pending clients --------------------------------------------------------------------------- */

static gboolean resume_client(Server *s, GBytes *record)
{
    gsize len, used;
    const guint8 *bytes = g_bytes_get_data(record, &len);
    const Protocol *protocol;
    TaggedReader fields;
    const SessionRemains remains = {.fields = &fields};
    NetAddr peer, local;
    const char *why = NULL;
    ClientEntry *entry;

    if (tagged_reader_init(&fields, bytes, len, &used) ||
        !identify(s, &fields, &protocol, &peer, &local) ||
        !netrule_match(s->rules.allow, s->rules.n_allow, &peer))
        return FALSE;
    entry = clients_readmit(s->clients, protocol->ops, &peer, &local, &remains, random_u32(),
                            s->now, &why);
    if (!entry)
        return FALSE;
    pending_clients_add(s->pending, entry, s->now, s->wall); /* the next file must name it, too */
    executor_event(s->executor, entry, &(Event){.kind = EVENT_TIMER});
    return TRUE;
}

static guint resume_pending(Server *s)
{
    g_autoptr(GPtrArray) records =
        pending_clients_load(s->dumpdir, protocols_convert(s->protocols));
    guint n = 0;

    for (guint i = 0; i < records->len; i++)
        n += resume_client(s, g_ptr_array_index(records, i)) ? 1 : 0;
    return n;
}

void resume_all(Server *s)
{
    guint n = resume_dumps(s);

    if (n > 0)
        log_notice("resuming %u dumps", n);
    n = resume_pending(s);
    if (n > 0)
        log_notice("contacting %u clients of the previous instance", n);
    server_flush(s);
}
