// SPDX-License-Identifier: GPL-2.0
/*
 * memory.c - which pages are RAM, and reading them without faults
 *
 * The kernel's resource tree is protected by a lock, so the map is built when the module is loaded
 * and after memory hotplug; after the panic it is only read.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/elf.h>
#include <linux/ioport.h>
#include <linux/kexec.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "netdump.h"

#ifndef CONFIG_64BIT
#error "netdump reads memory through the direct map, which covers only a part of memory on 32-bit kernels"
#endif

#define VMCOREINFO_MAX 65536
#define MAX_RANGES 1024	/* of memory; the rest is not dumped, with a warning */

struct map {
	unsigned int n;
	bool full;
	struct nd_range ranges[MAX_RANGES];	/* ascending, with gaps between them */
};

/* Two, so that one is always valid: a panic can interrupt an update. */
static struct map *maps[2];
static struct map *current_map;
static DEFINE_MUTEX(map_lock);

static int map_range(struct resource *res, void *arg)
{
	struct map *map = arg;
	unsigned long first = PFN_UP(res->start), end = PFN_DOWN(res->end + 1);

	if (first >= end)
		return 0;
	if (map->n > 0 && map->ranges[map->n - 1].end >= first) {
		map->ranges[map->n - 1].end = max(map->ranges[map->n - 1].end, end);
		return 0;
	}
	if (map->n == MAX_RANGES) {
		map->full = true;
		return 0;
	}
	map->ranges[map->n].first = first;
	map->ranges[map->n].end = end;
	map->n++;
	return 0;
}

static void make_map(void)
{
	struct map *map;

	mutex_lock(&map_lock);
	map = maps[current_map == maps[0]];
	map->n = 0;
	map->full = false;
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1, map,
			    map_range);
	if (map->full)
		pr_warn("more than %d memory ranges, pages from %#lx on will not be dumped\n",
			MAX_RANGES, map->ranges[MAX_RANGES - 1].end);
	/* A panic on another CPU must see a complete map. */
	smp_store_release(&current_map, map);
	mutex_unlock(&map_lock);
}

#ifdef CONFIG_MEMORY_HOTPLUG
static int on_memory(struct notifier_block *nb, unsigned long action, void *arg)
{
	if (action == MEM_ONLINE || action == MEM_OFFLINE)
		make_map();
	return NOTIFY_OK;
}

static struct notifier_block memory_notifier = {
	.notifier_call = on_memory,
};
#endif

int nd_memory_init(void)
{
	maps[0] = vzalloc(sizeof(*maps[0]));
	maps[1] = vzalloc(sizeof(*maps[1]));
	if (!maps[0] || !maps[1])
		goto fail;
	make_map();
	if (current_map->n == 0) {
		pr_err("no RAM found\n");
		goto fail;
	}
#ifdef CONFIG_MEMORY_HOTPLUG
	if (register_memory_notifier(&memory_notifier))
		goto fail;
#endif
	return 0;
fail:
	vfree(maps[0]);
	vfree(maps[1]);
	return -ENOMEM;
}

void nd_memory_exit(void)
{
#ifdef CONFIG_MEMORY_HOTPLUG
	unregister_memory_notifier(&memory_notifier);
#endif
	vfree(maps[0]);
	vfree(maps[1]);
}

unsigned int nd_ranges(const struct nd_range **ranges)
{
	*ranges = current_map->ranges;
	return current_map->n;
}

unsigned long nd_nr_pages(void)
{
	return current_map->ranges[current_map->n - 1].end;
}

unsigned long nd_ram_pages(void)
{
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < current_map->n; i++)
		pages += current_map->ranges[i].end - current_map->ranges[i].first;
	return pages;
}

unsigned long nd_next_ram(unsigned long pfn)
{
	unsigned int low = 0, high = current_map->n;

	/* The first range that ends above pfn. */
	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (current_map->ranges[middle].end > pfn)
			high = middle;
		else
			low = middle + 1;
	}
	if (low == current_map->n)
		return 0;
	return max(pfn, current_map->ranges[low].first);
}

bool nd_read(unsigned long pfn, void *page)
{
	struct page *p;

	if (!pfn_valid(pfn))
		return false;
	p = pfn_to_online_page(pfn);
	if (!p || PageHWPoison(p))
		return false;
	/* Not all pages are in the direct map: secret memory, guard pages, KFENCE. */
	return !copy_from_kernel_nofault(page, __va(PFN_PHYS(pfn)), PAGE_SIZE);
}

/* The note is filled in when the kernel boots, and does not change. */
const u8 *nd_vmcoreinfo(u32 *size)
{
	const struct elf_note *note = __va(paddr_vmcoreinfo_note());

	*size = 0;
	if (!paddr_vmcoreinfo_note() || note->n_namesz > 16 || note->n_descsz == 0 ||
	    note->n_descsz > VMCOREINFO_MAX)
		return NULL;
	*size = note->n_descsz;
	return (const u8 *)(note + 1) + ALIGN(note->n_namesz, 4);
}
