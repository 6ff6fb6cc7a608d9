/* hook.h - how a hook of the administrator ended.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

typedef enum {
    HOOK_EXITED,    /* value: exit status, 0..255 */
    HOOK_SIGNALLED, /* value: the signal that ended it */
    HOOK_TIMED_OUT, /* it was ended; value: 0 */
    HOOK_NOT_RUN,   /* there is no such hook, which is normal (value: 0), or it could not be started
                       (value: an errno) */
    HOOK_N_ENDS
} HookEnd;
