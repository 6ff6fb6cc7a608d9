/* vmcore_file.h - the file of one dump on the disk: made, checked, synced, given its final name.
 *
 * vmcore.c's own room. Every function that touches the file blocks; they are called in one dump's
 * disk queue, one at a time, whatever the thread. They return 0 or an errno and bear to be called
 * again after a failure, going on where they stopped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/format/elf_netdump.h"

#define VMCORE_FILE_INCOMPLETE "vmcore-incomplete"
#define VMCORE_FILE_WHOLE      "vmcore"

typedef struct VmcoreFile VmcoreFile;

/* dirfd is duplicated; NULL and *error if there are no descriptors left. dir: its path. */
VmcoreFile *vmcore_file_new(int dirfd, const char *dir, const ElfSpec *spec, GError **error);

/* The descriptors are not closed but handed out (-1 for one that is not there). */
void vmcore_file_free(VmcoreFile *file, int *fd, int *dirfd);

/* Make vmcore-incomplete, which must not exist, with the header of a partial dump. */
int vmcore_file_create(VmcoreFile *file) G_GNUC_WARN_UNUSED_RESULT;

/* Open one that exists and has this dump's header; *size is its length. */
int vmcore_file_open(VmcoreFile *file, guint64 *size, GError **error) G_GNUC_WARN_UNUSED_RESULT;

int vmcore_file_fd(const VmcoreFile *file); /* -1 before create or open */

/* To be told of bytes written: starts the write-back now and then. */
void vmcore_file_written(VmcoreFile *file, guint64 bytes);

/* fdatasync(). Once that has failed it fails for ever, and so does vmcore_file_finish_whole(): the
 * kernel forgets what it could not write, and says so only once. */
int vmcore_file_sync(VmcoreFile *file) G_GNUC_WARN_UNUSED_RESULT;

/* Full size, sync, the header of a whole dump, sync, the final name, sync of the directory. */
int vmcore_file_finish_whole(VmcoreFile *file) G_GNUC_WARN_UNUSED_RESULT;

/* Full size where the file system can, sync. Undoes what a finish_whole that failed has done. Tries
 * everything; the errno is the first one that means that something is lost. */
int vmcore_file_finish_partial(VmcoreFile *file) G_GNUC_WARN_UNUSED_RESULT;
