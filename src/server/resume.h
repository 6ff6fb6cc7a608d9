/* resume.h - takes up what a previous instance left: unfinished dumps, and the record of pending
 * clients.
 *
 * It blocks: for the start of the server.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "server/server.h"

/* Directories with a journal first: what cannot be resumed, ever, is marked as incomplete. Then
 * clients without a directory. */
void resume_all(Server *server);
