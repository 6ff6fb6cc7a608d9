/* disk.h - dumps' directories in a world: what is queued, what the kernel has, what is on the disk.
 *
 * A dump's jobs run one after the other; its journal has a queue of its own. A job that fails may
 * stop its queue, and one may never end. The server hears of a job some time after it has run: in
 * order for each queue. When the server is killed, what the kernel has stays; a power cut leaves
 * what was synced and any part of the rest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/kernel.h"

/* 1 KiB pieces of a page that are to be written. */
typedef struct {
    guint32 index; /* of the page among those of RAM */
    guint32 cookie;
    guint64 mask; /* bits of 1 KiB */
    gboolean last;
} Chunk;

typedef struct {
    Chunk *items;
    guint n, room, whole; /* whole: pages that are */
} Chunks;

/* The journal's record, as bytes. */
typedef struct {
    const guint8 *bytes;
    gsize len;
    gboolean lost; /* nothing of what it tells is in the file that is there */
    const DumpFiles *of;
    guint infos; /* how often these had to write info before it */
} Record;

typedef struct Job {
    JobKind kind;
    Chunks chunks;
    Record record;            /* JOURNAL */
    const guint8 *headers[2]; /* OPEN, CREATE: of a file that is whole, of one that is not */
    SessionFile file;         /* likewise */
    guint64 bytes;            /* SPACE */
    gboolean sync, lost;      /* JOURNAL; lost: no file that there was can be used any more */
    gboolean ok;              /* the reply's */
    Crash *crash;             /* likewise: that it is about */
    struct Job *next;
} Job;

typedef struct {
    DumpFiles *files;
    Job *head, *tail;
    Mono told;        /* what has run is told by then */
    gboolean stopped; /* the job at its head has failed */
    gboolean stuck;   /* ... or never ends */
} JobQueue;

/* A directory. */
struct Dump {
    guint number;
    Kernel *kernel;
    Crash *crash;
    guint64 *written, *synced; /* bits of 1 KiB, by page */
    gboolean made;
    gboolean file, renamed; /* vmcore-incomplete, vmcore */
    SessionFile layout;
    const guint8 *headers[2];
    gboolean header_synced;
    gboolean journal;       /* it is there, and was not removed */
    gboolean forgotten;     /* it was removed in this life of the server's */
    Record latest, durable; /* durable: the newest one that was synced */
    gboolean cut;           /* the host was booted since the journal was written */
    guint infos;            /* how often info was written */
    DumpFiles *files;       /* the last one */

    gboolean was_over; /* when it was resumed only the reboot was left */
    SessionResult result;
};

/* What an instance of the server knows of a client's files. */
struct DumpFiles {
    World *w;
    Model *model;
    guint32 client, life;
    Dump *dump;       /* NULL before OPEN_DIR */
    gboolean open;    /* it was told that the directory is there */
    gboolean in_use;  /* ... and the file */
    Job *opening;     /* OPEN_FILE was given; NULL: not yet */
    gboolean lost;    /* the file that was to be resumed cannot be */
    gboolean low;     /* it was told that there is little space, or of a failure */
    gboolean whole;   /* FINISH was given, */
    gboolean partial; /* ... so or so */
    gboolean skip;    /* after FINISH not whole, writes that fail are left out */
    gboolean closed;
    SessionFile file;
    Chunks gathered;
    guint waiting; /* whole pages that are not stored yet */
    guint infos, infos_written;
    Job *last; /* a record that waits for info */
    JobQueue jobs, journal;
};

/* A job has run: to be told to the session. */
typedef struct {
    JobQueue *queue;
    Job *job;
    int err;
    gboolean stopped;
} Told;

/* -- disk.c -- */
void disk_push(World *w, JobQueue *q, Job *job);
Job *disk_job(World *w, JobKind kind);
void disk_wake(World *w, JobQueue *q, guint32 life);
void disk_told(World *w, Told *told, guint32 life);
void disk_retry(World *w, DumpFiles *files);
gboolean disk_fails(World *w, JobKind kind);    /* this operation */
gboolean disk_is_stuck(World *w, JobKind kind); /* this operation never ends */
int disk_run(World *w, JobQueue *q);            /* the job at its head: 0 or an errno */
gboolean disk_has(const Dump *dump, guint32 index);

/* -- disk_dump.c -- */
Dump *disk_new_dump(World *w, Kernel *k, Crash *c);
void disk_set_crash(World *w, Dump *dump, Crash *c); /* it is to hold this one */
void disk_write(Dump *dump, const Chunks *chunks, guint n);
void disk_sync(Dump *dump);
void disk_create(World *w, Dump *dump, const Job *job);
gboolean disk_can_resume(World *w, const Dump *dump, const Job *job);
/* The first bytes of the file; 0 = there is none. */
gsize disk_first_bytes(const Dump *dump, guint8 *out, gsize max);
gboolean disk_journals(const World *w, const Crash *c); /* a journal tells of it */
void disk_drain(World *w); /* everything that is queued runs now: at the server's orderly end */
void disk_end(World *w, EndKind how);
