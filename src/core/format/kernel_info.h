/* kernel_info.h - what a client with a current kernel sends about itself: VMCOREINFO and the map of
 * RAM.
 *
 * Pure. Both come in pieces of at most a datagram, one after the other, and are only used if they
 * are complete and valid. Old clients send neither: an all-zero Kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define KERNEL_INFO_VMCOREINFO_MAX                                                                 \
    8192 /* bytes; Linux 6.12 on x86_64 has about 3,000 of at most 4,072 */
#define KERNEL_INFO_RANGES_MAX  640 /* of RAM; what is beyond them becomes one, holes included */
#define KERNEL_INFO_RANGE_SIZE  8   /* bytes of a range on the wire */
#define KERNEL_INFO_RELEASE_MAX 65  /* bytes of `uname -r` with its NUL: the kernel's own limit */

typedef struct {
    guint32 first, end; /* pfns; end is one above the last */
} KernelInfoRange;

typedef struct {
    guint32 cpu; /* that crashed */
    guint32 pid; /* of the task that crashed it */
    guint32 vmcoreinfo_len;
    guint8 vmcoreinfo[KERNEL_INFO_VMCOREINFO_MAX]; /* lines of KEY=value */
    guint32 n_ranges;
    KernelInfoRange ranges[KERNEL_INFO_RANGES_MAX]; /* ascending, with gaps between them */
} KernelInfo;

typedef enum { KERNEL_INFO_MORE, KERNEL_INFO_DONE, KERNEL_INFO_REFUSED } KernelInfoVerdict;

/* The piece at `offset` of VMCOREINFO, whose size as a whole is `total`. */
KernelInfoVerdict kernel_info_add_vmcoreinfo(KernelInfo *kernel, guint32 offset,
                                             const guint8 *piece, gsize len, guint32 total);

/* The piece at `offset` of the map: pairs of u32, big-endian. Ranges must ascend. */
KernelInfoVerdict kernel_info_add_ranges(KernelInfo *kernel, guint32 offset, const guint8 *piece,
                                         gsize len, guint32 total);

/* TRUE if both are here, and no range reaches beyond nr_pages. */
gboolean kernel_info_usable(const KernelInfo *kernel, guint32 nr_pages);

/* A number in VMCOREINFO, by its whole key: "NUMBER(phys_base)" is decimal and may be negative,
 * then it comes as its two's complement; others are hexadecimal. FALSE if it is not there. */
gboolean kernel_info_number(const KernelInfo *kernel, const char *key, guint64 *value);

/* The kernel's release out of VMCOREINFO; "" if it does not say, or not in plain characters. */
void kernel_info_release(const KernelInfo *kernel, char release[KERNEL_INFO_RELEASE_MAX]);
