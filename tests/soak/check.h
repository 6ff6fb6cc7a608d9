/* check.h - what must hold in a world: after each step, at each action, and at the end.
 *
 * Each of these fails the run if it does not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "soak/server.h"

/* After session_step(), before its actions (w->actions). */
void check_step(World *w, const ClientEntry *entry, const Event *event);

void check_request(World *w, const ClientEntry *entry, const Served *s, const WireRequest *r);
void check_dir(World *w, const Served *s, const char *action);  /* it is there */
void check_file(World *w, const Served *s, const char *action); /* vmcore is open */
void check_start(World *w, const ClientEntry *entry, const Served *s);
void check_store(World *w, const ClientEntry *entry, const Served *s, const Action *a,
                 Chunk *chunk);
void check_floors(World *w, const ClientEntry *entry, const Served *s);
void check_amplification(World *w, gsize start_len);
void check_ended(World *w, const ClientEntry *entry, const Served *s);
void check_close(World *w, const ClientEntry *entry, const Served *s, gboolean keep);
void check_resumed(World *w, Dump *d);
void check_whole(World *w, const Dump *d); /* each page is as the machine has it */
void check_end(World *w);
void check_stuck(World *w) G_GNUC_NORETURN;
