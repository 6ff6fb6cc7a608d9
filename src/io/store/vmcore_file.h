/* vmcore_file.h - the file of one dump on the disk: created, checked, synced, given its final name.
 *
 * For vmcore.c; what its other users may call is at the end. Every function that touches the file
 * blocks; they are called in one dump's queue, one at a time, whatever the thread. They return 0 or
 * an errno and can be called again after a failure: they continue where they stopped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/session.h"
#include "io/store/vmcore_block.h"

#define VMCORE_FILE_INCOMPLETE "vmcore-incomplete"

#define VMCORE_FILE_SIZE_MAX (1ll << 62) /* bytes: more than any file system takes */

typedef struct VmcoreFile VmcoreFile;

/* dirfd is duplicated; NULL and *error if there are no descriptors left. dir: its path. The
 * headers, of a partial and of a whole dump, have layout->header_size bytes each and are copied. */
VmcoreFile *vmcore_file_new(int dirfd, const char *dir, const SessionFile *layout,
                            const guint8 *partial, const guint8 *whole, GError **error);

/* The descriptors are not closed but handed out (-1 for one that is not there). */
void vmcore_file_free(VmcoreFile *file, int *fd, int *dirfd);

/* Create vmcore-incomplete with the header of a partial dump. replace: see vmcore_create(). */
int vmcore_file_create(VmcoreFile *file, gboolean replace) G_GNUC_WARN_UNUSED_RESULT;

/* Open one that exists and has this dump's header; *size is its length. See vmcore_open(). */
int vmcore_file_open(VmcoreFile *file, guint64 *size, GError **error) G_GNUC_WARN_UNUSED_RESULT;

int vmcore_file_fd(const VmcoreFile *file); /* -1 before create or open */

/* To be called for each block that was written. Starts the write-back now and then; a file whose
 * size is not known grows to the end of a hole. */
int vmcore_file_written(VmcoreFile *file, const VmcoreBlockResult *block) G_GNUC_WARN_UNUSED_RESULT;

/* Full size, sync, the header of a whole dump, sync, the final name, sync of the directory. Once a
 * sync has failed it always fails: the kernel forgets what it could not write, and says so only
 * once. */
int vmcore_file_finish_whole(VmcoreFile *file) G_GNUC_WARN_UNUSED_RESULT;

/* Full size if the file system can, sync. Undoes what a finish_whole that failed has done. Tries
 * everything; the errno is the first one that means that something is lost. */
int vmcore_file_finish_partial(VmcoreFile *file) G_GNUC_WARN_UNUSED_RESULT;

/* -- the file in a directory, whoever has it open: blocks -------------------------------------- */

/* The first bytes of the dump, whole or not; 0 = there is none that can be read. */
gsize vmcore_file_header_in(int dirfd, const char *dir, guint8 *out, gsize max);

/* fdatasync() of vmcore-incomplete; if there is none, nothing. 0 or an errno. */
int vmcore_file_sync_in(int dirfd) G_GNUC_WARN_UNUSED_RESULT;
