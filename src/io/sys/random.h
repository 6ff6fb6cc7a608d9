/* random.h - numbers from the kernel's generator.
 *
 * Request numbers must not be predictable, not even after observing thousands of them: a seeded
 * generator is not good enough.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Never blocks once the system has booted. */
guint32 random_u32(void);
