/* session.h - the seam between a dump protocol and the server: events in, actions out.
 *
 * A protocol is a folder in core/ that exports one `const SessionOps`. A session is the state
 * machine of one client. It is pure: no clock, no system call, no log, no global; its memory is
 * bounded, whatever the client claims. The daemon, the simulation in virtual time and the fuzzers
 * run the same objects.
 *
 * Everything here is common to all protocols: sizes and offsets are in bytes, offsets count from
 * the beginning of the dump file, header included. What only one protocol knows stays in its
 * folder, or leaves through SessionOps.describe as keys and values.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/base/clock.h"
#include "core/base/datagram.h"
#include "core/base/limits.h"
#include "core/format/tagged.h"
#include "core/hook.h"

#define SESSION_SEND_MAX   LIMIT_SEND /* bytes of the longest datagram that a session sends */
#define SESSION_SYSTEM_MAX 96         /* bytes of SessionFacts.system, its NUL included */

typedef struct Session Session;
typedef struct SessionOps SessionOps;

/* -- what is known of a session ---------------------------------------------------------------- */

/* How far it has come, in terms that admission, slots and shares need. Ascending. */
typedef enum {
    PHASE_UNPROVEN,     /* someone says that a client crashed; nothing proves its address */
    PHASE_PREPARING,    /* proven: directory, slot, space, first requests */
    PHASE_TRANSFERRING, /* memory is being received */
    PHASE_FINISHING,    /* all is received, or given up; the file is being finished */
    PHASE_REBOOTING,    /* nothing is left to do but the reboot */
    PHASE_CLOSED,
    PHASE_N
} SessionPhase;

/* How it ended, or would end now. */
typedef enum {
    RESULT_RUNNING,
    RESULT_COMPLETE,    /* vmcore is whole */
    RESULT_INCOMPLETE,  /* vmcore-incomplete stays */
    RESULT_NOT_DUMPED,  /* only the log was kept */
    RESULT_INTERRUPTED, /* the server shuts down; the journal says how to resume */
    RESULT_N
} SessionResult;

typedef enum {
    REASON_NONE,
    REASON_OVER_LIMIT,  /* max_concurrent_dumps */
    REASON_NO_SPACE,    /* not enough disk space before the start */
    REASON_DISK,        /* a write failed: facts.disk_errno */
    REASON_SILENT,      /* nothing heard for client_timeout */
    REASON_RECRASHED,   /* the client crashed again before its dump was complete */
    REASON_MACHINE,     /* unknown architecture */
    REASON_PAGE_SIZE,   /* not a power of two from 4 KiB to 64 KiB */
    REASON_NO_PAGES,    /* the client reports no memory */
    REASON_SLOW,        /* too little came to keep a slot for it */
    REASON_UNREACHABLE, /* no reply ever came */
    REASON_N
} SessionReason;

/* The directory of a dump, and its file. */
typedef enum { DIR_NONE, DIR_OPENING, DIR_OPEN, DIR_FAILED } DirState;
typedef enum { FILE_NONE, FILE_OPENING, FILE_OPEN, FILE_FINISHING, FILE_DONE } FileState;

/* The dump file. */
typedef struct {
    guint32 header_size; /* bytes before the first page, from SessionOps.header; 0 = no header */
    guint32 page_size;   /* bytes, a power of two, 4096 to 65536: pages of zeros become holes */
    guint64 size;        /* bytes of the finished file, header included; 0 = not known yet */
} SessionFile;

/* Of this instance of the server, unless it says otherwise. */
typedef struct {
    guint64 bytes_new;         /* of memory stored, zero pages included */
    guint64 bytes_skipped;     /* no RAM there: done, nothing to store */
    guint64 bytes_zero;        /* of bytes_new: reported as zero, not transferred */
    guint64 retransmitted;     /* requests for memory that were sent again, each time */
    guint64 requests_repeated; /* other requests that were */
    guint64 timeouts;          /* losses found by the timer, not by a gap */
    guint64 duplicate_bytes;
    guint64 answered; /* requests for memory of which the whole reply came */
} SessionCounters;

/* What is requested and has not come. All zero for a client that pushes. */
typedef struct {
    guint32 request_datagrams; /* datagrams that answer one request for memory */
    guint in_flight;           /* requests for memory */
    gboolean stalled;          /* the timer expired more than once in a row: nothing is coming */
} SessionFlow;

/* Read only for everybody but the session; lives as long as the session. */
typedef struct {
    guint32 id;
    const char *state; /* the protocol's own state, a word for people: "dumping" */
    SessionPhase phase;
    SessionResult result;
    SessionReason reason;
    int disk_errno;
    DirState dir;
    FileState file_state;
    gboolean resumed;                /* begun by a previous instance of the server */
    char system[SESSION_SYSTEM_MAX]; /* "x86_64, Linux 6.1.0-1-amd64"; "" = not known yet */
    SessionFile file;     /* valid from ACTION_OPEN_FILE on; page_size before, as the client says */
    guint64 bytes_done;   /* over all instances; whatever need not be requested any more */
    guint64 bytes_total;  /* 0 = not known yet */
    guint64 bytes_needed; /* of disk space for the whole; 0 = not known yet */
    guint64 bytes_before; /* stored by previous instances */
    SessionCounters counters;
    SessionFlow flow;
    Mono first_request, last_stored; /* of the transfer; MONO_NEVER = not yet */
} SessionFacts;

/* Every protocol's session begins with this. */
struct Session {
    const SessionOps *ops;
    SessionFacts facts;
};

/* -- events ------------------------------------------------------------------------------------ */

typedef enum {
    SESSION_HOOK_CRASH,
    SESSION_HOOK_NOSPACE,
    SESSION_HOOK_REBOOT,
    SESSION_HOOK_N
} SessionHook;

typedef enum {
    EVENT_DATAGRAM,  /* data, len: from the client's own address and port */
    EVENT_TEXT,      /* data, len: console text from another port of its address */
    EVENT_TIMER,     /* the deadline has come, or anything else: always allowed */
    EVENT_MAGIC,     /* the reply to ACTION_CHECK_MAGIC. err 0: `magic` is on file */
    EVENT_RECORDED,  /* the reply to ACTION_RECORD: written, or cannot be */
    EVENT_SLOT,      /* ok: the reply to ACTION_TAKE_SLOT */
    EVENT_DIR,       /* err: the reply to ACTION_OPEN_DIR */
    EVENT_SPACE,     /* ok: the reply to ACTION_CHECK_SPACE */
    EVENT_FILE,      /* err: the reply to ACTION_OPEN_FILE. 0: ok tells whether the file that was to
                        be resumed is; else it is new. EEXIST: `vmcore` exists, complete */
    EVENT_STORED,    /* cookies, n: what is in the file */
    EVENT_SPACE_LOW, /* less than min_free is left; nothing has failed yet */
    EVENT_DISK_FAILED, /* err: a write failed. ok: what is queued waits for RETRY or FINISH; not ok:
                          something is lost, there is nothing to retry */
    EVENT_FINISHED,    /* err: the reply to ACTION_FINISH */
    EVENT_HOOK,        /* the reply to ACTION_RUN_HOOK: hook, and how it ended */
    EVENT_SHUTDOWN,    /* the server ends: leave everything so that the next one can resume */
    EVENT_N
} EventKind;

typedef struct {
    EventKind kind;
    const guint8 *data;
    gsize len;
    gboolean ok;
    int err; /* an errno, 0 = success */
    guint64 magic;
    SessionHook hook;
    HookEnd hook_end;
    int hook_status; /* HOOK_EXITED: exit status */
    const guint32 *cookies;
    guint n;
} Event;

/* -- actions ----------------------------------------------------------------------------------- */

/* What an administrator should read; the words are report.c's. */
typedef enum {
    NOTE_CRASHED,        /* proven, and it is known what it is */
    NOTE_DUMPING,        /* the first page is about to be requested */
    NOTE_RESUMED,        /* it replied: resuming a dump of a previous instance */
    NOTE_NO_SPACE,       /* before the dump; netdump-nospace is run */
    NOTE_DISK_FAILED,    /* in the dump; netdump-nospace is run */
    NOTE_RETRYING,       /* netdump-nospace allows one more try */
    NOTE_TRANSFERRED,    /* every page is stored */
    NOTE_ENDED,          /* facts.result and facts.reason */
    NOTE_REBOOTED,       /* reboot sent, it no longer replies */
    NOTE_REBOOT_REFUSED, /* it still replies */
    NOTE_STARTS_IGNORED, /* a crash announced during a running dump: late or spoofed
                          */
    NOTE_NO_MAGIC,       /* secure=1: no magic on file, event's err in facts.disk_errno */
    NOTE_WRONG_MAGIC,    /* secure=1: not the magic on file */
    NOTE_N
} SessionNote;

typedef enum {
    ACTION_SEND,         /* send: to the client, from the address it wrote to */
    ACTION_CHECK_MAGIC,  /* big_endian: which magic is on file for the client's address? */
    ACTION_RECORD,       /* put the client into the record of pending clients: SessionOps.record */
    ACTION_TAKE_SLOT,    /* one of max_concurrent_dumps; given back with FINISH and CLOSE */
    ACTION_OPEN_DIR,     /* create the directory and its log, with the tail of the console store */
    ACTION_CHECK_SPACE,  /* for facts.bytes_needed */
    ACTION_OPEN_FILE,    /* facts.file; resume: use the file that is there, if it can be */
    ACTION_STORE,        /* store */
    ACTION_FLUSH,        /* nothing comes for a while: write what is gathered */
    ACTION_RETRY,        /* the failed write, once more */
    ACTION_FINISH,       /* whole: or what there is */
    ACTION_JOURNAL,      /* write SessionOps.record down. sync: what is stored so far is brought to
                            the disk first. after_info: not before the last ACTION_INFO is written */
    ACTION_INFO,         /* write the info file */
    ACTION_LOG_TEXT,     /* text: console text for the dump's log */
    ACTION_CONSOLE_TEXT, /* text: console text for the console store */
    ACTION_BOOTED,       /* the client's text says that its module has just been loaded */
    ACTION_MALFORMED,    /* fault: the event's datagram is none of the protocol */
    ACTION_RUN_HOOK,     /* hook; answered by EVENT_HOOK, also if there is no such hook */
    ACTION_NOTE,         /* note */
    ACTION_CLOSE, /* keep: the journal stays. The last one; the session may be freed after it */
    ACTION_N
} ActionKind;

typedef struct {
    ActionKind kind;
    guint32 client; /* facts.id */
    union {
        struct {
            guint8 bytes[SESSION_SEND_MAX];
            guint8 len;
        } send;
        struct {
            guint64 offset;     /* in the file; offset and len: multiples of 1024 */
            const guint8 *data; /* lives until the actions of this step are carried out */
            guint32 len;
            guint32 cookie; /* of the page that holds it */
            gboolean last;  /* with these bytes the page is whole: EVENT_STORED names its cookie */
        } store;
        struct {
            const guint8 *data; /* as store.data */
            gsize len;
        } text;
        struct {
            gboolean sync, after_info;
        } journal;
        DatagramFault fault;
        SessionHook hook;
        SessionNote note;
        gboolean big_endian, resume, whole, keep;
    };
} Action;

/* -- a protocol -------------------------------------------------------------------------------- */

/* What a session gets from the server when it is created. */
typedef struct {
    guint32 id;
    guint32 random;      /* from the kernel's generator: where request numbers begin */
    Span client_timeout; /* without a reply, while one is awaited */
    guint max_in_flight; /* requests for memory: 1..LIMIT_IN_FLIGHT */
    gboolean secure;     /* only clients whose magic is on file may dump */
} SessionSpec;

/* A datagram from a peer that has no session of this protocol. */
typedef enum {
    INTRO_CALL,     /* a client says that it crashed: SessionOps.open() */
    INTRO_TEXT,     /* console text */
    INTRO_STRAY,    /* a reply, but nothing was requested there */
    INTRO_MALFORMED /* fault */
} IntroKind;

typedef struct {
    IntroKind kind;
    DatagramFault fault;
    const guint8 *text; /* INTRO_TEXT: within the datagram */
    gsize text_len;
    gboolean booted; /* INTRO_TEXT: the client's module has just been loaded */
} Intro;

/* What a previous instance left of a dump. */
typedef struct {
    const TaggedReader *fields; /* what SessionOps.record had written */
    gboolean dir;               /* there is a directory; else the client was only pending */
    const guint8 *header;       /* the first bytes of the file that is there, whole or not, */
    gsize header_len;           /* 0 = none; at most LIMIT_HEADER */
} SessionRemains;

/* Takes copies. */
typedef void (*SessionDescribe)(gpointer user, const char *key, const char *value);

struct SessionOps {
    const char *name;   /* a word: for the journal and for metrics */
    gsize datagram_max; /* bytes: longer ones are truncated, len is the full length */

    void (*classify)(const guint8 *data, gsize len, Intro *intro);

    /* A session for the datagram of an INTRO_CALL, which is to be given as its first event. */
    Session *(*open)(const SessionSpec *spec, const guint8 *data, gsize len, Mono now);

    /* A session of a previous instance; wants EVENT_TIMER as its first event. NULL with a static
     * string in *why if the fields are invalid. */
    Session *(*restore)(const SessionSpec *spec, const SessionRemains *remains, Mono now,
                        const char **why);

    /* One event; what is to be done about it is appended to actions (of Action), in order. */
    void (*step)(Session *s, Mono now, const Event *event, GArray *actions);

    /* When the next EVENT_TIMER is due; MONO_NEVER if only other events can change anything. */
    Mono (*deadline)(Session *s);

    /* Requests for memory that all clients together allow this one to have in flight; 0 = none now.
     */
    void (*limit)(Session *s, guint in_flight);

    /* For a new configuration. */
    void (*set_timeout)(Session *s, Span client_timeout);

    /* What a restarted server must know, as tagged fields of this protocol's. */
    void (*record)(const Session *s, TaggedWriter *out);

    /* The file's header: exactly facts.file.header_size bytes. */
    void (*header)(const Session *s, gboolean partial, guint8 *out);

    /* What only this protocol knows, for `info`, in the order in which people shall read it. */
    void (*describe)(const Session *s, SessionDescribe fn, gpointer user);

    /* Tags of its own that this version knows: tags.first..tags.end-1. Others in its range are a
     * later version's, and are kept. */
    struct {
        guint16 first, end;
    } tags;

    /* Of the one protocol that version 1.0 had; else NULL. */
    TaggedConvert convert_old;

    void (*free)(Session *s);
};

/* Lower-case words for status, info and logs. Never NULL. */
const char *session_result_name(SessionResult result);
const char *session_reason_text(SessionReason reason);
