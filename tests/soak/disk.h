/* disk.h - dumps' directories in a world: what is queued, what the kernel has, what is on the disk.
 *
 * A dump's jobs run one after the other; its journal has a queue of its own. A job that fails stops
 * its queue. When the server is killed, what the kernel has stays; a power cut leaves what was
 * synced and any part of the rest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/netdump/session_record.h"

#include "soak/kernel.h"

typedef enum {
    JOB_DIR,
    JOB_SPACE,
    JOB_CREATE,
    JOB_PAGES,
    JOB_WHOLE,   /* FINISH, whole */
    JOB_PARTIAL, /* or not */
    JOB_JOURNAL,
    JOB_FORGET, /* the journal is removed */
    JOB_N_KINDS
} JobKind;

/* A chunk that is to be written. */
typedef struct {
    guint32 index; /* of the page among those of RAM */
    guint32 nr;
    guint8 chunk;
    gboolean whole;
} Chunk;

typedef struct {
    Chunk *items;
    guint n, room, whole; /* whole: pages that are */
} Chunks;

typedef struct Job {
    JobKind kind;
    Chunks chunks;
    JournalRecord *record;
    gboolean sync;
    struct Job *next;
} Job;

typedef struct {
    Dump *dump;
    Job *head, *tail;
    gboolean stopped; /* the job at its head has failed */
} Strand;

struct Dump {
    guint number;
    Machine *machine;
    Crash *crash;
    guint32 client; /* id, in the server's life `life` */
    guint32 life;
    guint64 *written, *synced; /* bits of chunks, by page */
    gboolean made;             /* the directory */
    gboolean file, renamed;
    gboolean journal;   /* it is there, and was not removed */
    gboolean forgotten; /* it was removed in this life of the server's */
    JournalRecord latest, durable;
    KernelInfo *kernel; /* in vmcore's head */
    guint32 synced_floor;

    /* of the server's life */
    gboolean was_over; /* only the reboot was left */
    gboolean open;     /* the server knows that the directory is there */
    gboolean in_use;   /* vmcore is open */
    gboolean whole;    /* FINISH was given, */
    gboolean partial;  /* ... so or so */
    gboolean ended;    /* its result was told */
    gboolean skip;     /* behind FINISH not whole, writes that fail are left out */
    Chunks gathered;
    Strand files, records;
    guint waiting; /* whole pages that are not stored yet */

    guint32 checked; /* pages below are known to be written */
    SessionResult result;
    gboolean closed;
};

Dump *disk_new_dump(World *w, Machine *m, Crash *c, guint32 client);
void disk_push(World *w, Strand *s, Job *job);
Job *disk_job(World *w, JobKind kind);
void disk_wake(World *w, Strand *s, guint32 life);
void disk_put(World *w, Dump *dump, Chunk chunk);
void disk_flush(World *w, Dump *dump);
void disk_retry(World *w, Dump *dump);
void disk_drain(World *w); /* everything that is queued runs now: at the server's orderly end */
void disk_end(World *w, EndKind how);

/* Forget what a former server's life left in the dump, but not on the disk. */
void disk_adopt(World *w, Dump *dump, guint32 client);
void disk_rebind(World *w, Dump *dump, Crash *c); /* it is to hold another crash */
void disk_forget_floor(Dump *dump);
void disk_empty(Dump *dump);                            /* vmcore-incomplete was put aside */
gboolean disk_journals(const World *w, const Crash *c); /* a journal tells of it */
gboolean disk_has(const Dump *dump, guint32 index);
