/* session.h - one crashed machine as a state machine: events in, actions out.
 *
 * Pure: no clock, no system call, no log, no global. The daemon, the simulation in virtual time and
 * the fuzzer run the same object files. Memory use is fixed, whatever the client claims.
 *
 * The course of a dump:
 *
 *   CALLED     START came; ACK and GET_PAGE_SIZE go out until one answer proves that the address
 *              is not forged (an answer carries our nr). Only then disk, slot and scripts are used.
 *   ASKING     pages, registers; meanwhile the directory is made
 *   PREPARING  is there space? netdump-nospace, once more
 *   DUMPING    pages
 *   STALLED    the disk refused; netdump-nospace, once more
 *   ENDING     SHOW_STATE until it is quiet; the file is finished meanwhile
 *   WAITING    for netdump-reboot
 *   REBOOTING  REBOOT and HELLO until HELLO stays unanswered
 *   CLOSED
 *
 * RESUMING stands before these for a client that a former server had begun with: HELLO first.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/netdump/kernel_info.h"
#include "core/netdump/window.h"
#include "core/netdump/wire.h"

#define SESSION_REGS_MAX 1024 /* bytes */

typedef struct Session Session;

typedef enum {
    SESSION_CALLED,
    SESSION_RESUMING,
    SESSION_ASKING,
    SESSION_PREPARING,
    SESSION_DUMPING,
    SESSION_STALLED,
    SESSION_ENDING,
    SESSION_WAITING,
    SESSION_REBOOTING,
    SESSION_CLOSED,
    SESSION_N_STATES
} SessionState;

/* How it ended, or would end now. */
typedef enum {
    RESULT_RUNNING,
    RESULT_COMPLETE,    /* vmcore is whole */
    RESULT_INCOMPLETE,  /* vmcore-incomplete stays */
    RESULT_NOT_DUMPED,  /* only the log was kept */
    RESULT_INTERRUPTED, /* we are shutting down; the journal says how to go on */
} SessionResult;

typedef enum {
    REASON_NONE,
    REASON_OVER_LIMIT,  /* max_concurrent_dumps */
    REASON_NO_SPACE,    /* not enough of it before the start */
    REASON_DISK,        /* the disk refused; facts.disk_errno */
    REASON_SILENT,      /* client_timeout */
    REASON_RECRASHED,   /* the machine crashed again in the middle of the dump */
    REASON_MACHINE,     /* of a kind that we can't describe */
    REASON_PAGE_SIZE,   /* not a power of two from 4 KiB to 64 KiB */
    REASON_NO_PAGES,    /* it says that it has none */
    REASON_SLOW,        /* it answers, but too little comes of it to keep a slot for */
    REASON_UNREACHABLE, /* START came, but no answer ever did */
    SESSION_N_REASONS
} SessionReason;

typedef enum { SESSION_HOOK_CRASH, SESSION_HOOK_NOSPACE, SESSION_HOOK_REBOOT } SessionHook;

/* What happened that an administrator should read; the words are perform.c's. */
typedef enum {
    NOTE_CRASHED,        /* it is proven, what it is is known */
    NOTE_DUMPING,        /* the first page is about to be asked for */
    NOTE_RESUMED,        /* it answered: going on with a former server's dump */
    NOTE_NO_SPACE,       /* before the dump; netdump-nospace is asked */
    NOTE_DISK_FAILED,    /* in the dump; netdump-nospace is asked */
    NOTE_ONCE_MORE,      /* netdump-nospace allows one more try */
    NOTE_TRANSFERRED,    /* every page is stored */
    NOTE_ENDED,          /* facts.result and facts.reason */
    NOTE_REBOOTED,       /* REBOOT sent, HELLO no longer answered */
    NOTE_REBOOT_REFUSED, /* it still answers HELLO */
    NOTE_STARTS_IGNORED, /* START in the middle of a dump that goes on: forged or late */
} SessionNote;

/* Everything that others may want to know of a client. Read only; lives as long as the client. */
typedef struct {
    guint32 id;
    SessionState state;
    SessionResult result;
    SessionReason reason;
    int disk_errno;
    WireStart start;
    guint8 version; /* the client's, of its last reply */
    gboolean resumed;
    gboolean dumps;       /* it has, or had, a slot and a file */
    gboolean transferred; /* every page is stored */
    gboolean over;        /* nothing is left to do but the reboot */
    guint32 page_size;    /* bytes, 0 = not known yet; likewise the next three */
    guint32 nr_pages;     /* highest pfn + 1 */
    guint32 ram_pages;    /* as it told, not above nr_pages */
    guint32 regs_len;
    guint8 regs[SESSION_REGS_MAX]; /* in the client's byte order */
    const KernelInfo *kernel;      /* NULL: it has not told, or not all of it */
    guint32 floor_written;         /* every page below is stored */
    guint32 floor_synced;  /* ... and was so when the last ACTION_JOURNAL with sync was given */
    guint32 next_nr;       /* above every nr in use */
    guint64 asked_again;   /* questions other than for pages that were repeated */
    guint64 stored_before; /* pages that a former server stored */
    WindowStats pages;     /* as of the last step */
    Mono first_request, last_stored; /* of the transfer; MONO_NEVER = not yet */
} SessionFacts;

typedef enum {
    EVENT_PACKET,      /* packet: from the client's address; TEXT from any port, others from its */
    EVENT_TIMER,       /* session_deadline() has come, or anything else: always allowed */
    EVENT_SLOT,        /* ok: the answer to ACTION_TAKE_SLOT */
    EVENT_DIR,         /* err: the answer to ACTION_OPEN_DIR */
    EVENT_SPACE,       /* ok: the answer to ACTION_CHECK_SPACE */
    EVENT_VMCORE,      /* err: the answer to ACTION_OPEN_VMCORE. 0: ok tells whether the file that
                          was to be resumed is; else it is new. EEXIST: it is whole already */
    EVENT_STORED,      /* nrs: pages that are written */
    EVENT_DISK_FAILED, /* err: a write failed. ok: what is queued waits for RETRY or FINISH; not ok:
                          something is lost, there is nothing to retry */
    EVENT_FINISHED,    /* err: the answer to ACTION_FINISH */
    EVENT_HOOK,        /* hook, ok: it has run and exited with a status that is not zero */
    EVENT_SHUTDOWN,    /* the server ends: leave everything so that the next one can go on */
} EventKind;

typedef struct {
    EventKind kind;
    const WireMessage *packet;
    gboolean ok;
    int err; /* an errno, 0 = success */
    SessionHook hook;
    const guint32 *nrs;
    guint n;
} Event;

typedef enum {
    ACTION_SEND,        /* request */
    ACTION_TAKE_SLOT,   /* one of max_concurrent_dumps; given back with FINISH and CLOSE */
    ACTION_OPEN_DIR,    /* make the directory and its log, with what the console store has */
    ACTION_CHECK_SPACE, /* bytes */
    ACTION_OPEN_VMCORE, /* resume: go on with the file that is there, if it can be used */
    ACTION_STORE_CHUNK, /* pfn, offset, data, len, whole, nr */
    ACTION_FLUSH,       /* no page comes for a while: write what is gathered */
    ACTION_RETRY,       /* the disk, once more */
    ACTION_FINISH,      /* whole: or what there is */
    ACTION_JOURNAL,     /* write facts down; sync: and see to it that they survive a power cut */
    ACTION_INFO,        /* write the info file */
    ACTION_LOG_TEXT,    /* data, len: console text */
    ACTION_RUN_HOOK,    /* hook; answered by EVENT_HOOK, also where there is no script */
    ACTION_NOTE,        /* note */
    ACTION_CLOSE, /* keep: the journal stays. The last one; the client may be freed after it */
} ActionKind;

typedef struct {
    ActionKind kind;
    guint32 client; /* facts.id */
    union {
        WireRequest request;
        guint64 bytes;
        struct {
            guint32 pfn, offset, nr;
            gboolean whole;
        } chunk;
        SessionHook hook;
        SessionNote note;
        gboolean resume, whole, sync, keep;
    };
    const guint8 *data; /* STORE_CHUNK, LOG_TEXT: lives as long as the event that caused it */
    gsize len;
} Action;

typedef struct {
    guint32 id;
    guint32 nr_seed;     /* random: where the nrs of this dump begin */
    Span client_timeout; /* without a word, while we wait for one */
    guint max_in_flight; /* 1..WINDOW_MAX */
} SessionSpec;

/* A machine of which START has come: to be given as the first event. */
Session *session_new(const SessionSpec *spec, const WireStart *start, Mono now);

/* A machine that a former server knew, whose directory is open; facts are what its journal says
 * (id, state, result, reason, pages and times are not read). rebooting: nothing else is left to do.
 * It wants EVENT_TIMER as its first event. */
Session *session_resume(const SessionSpec *spec, const SessionFacts *facts, gboolean rebooting,
                        Mono now);

void session_free(Session *c);

/* One event; what is to be done about it is appended to actions (of Action), in order. */
void session_step(Session *c, Mono now, const Event *event, GArray *actions);

/* When the next EVENT_TIMER is due; MONO_NEVER if only events from outside can change anything. */
Mono session_deadline(Session *c);

/* What all clients together allow this one, see window_limit(). */
void session_limit(Session *c, guint max_in_flight);

/* For a new configuration. */
void session_set_timeout(Session *c, Span client_timeout);

/* What session_resume() wants to know as `rebooting`. */
gboolean session_is_over(const SessionFacts *facts);

const SessionFacts *session_facts(const Session *c);

/* Lower-case words for status, info and logs. Never NULL. */
const char *session_state_name(SessionState state);
const char *session_result_name(SessionResult result);
const char *session_reason_text(SessionReason reason);
