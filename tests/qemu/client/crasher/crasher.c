// SPDX-License-Identifier: GPL-2.0
/* crasher.c - a kernel thread that dereferences NULL, for tests of what comes after that */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>

static int *volatile nothing;

static noinline int crasher_touches_null(void *unused)
{
	return *nothing;
}

static int __init crasher_init(void)
{
	struct task_struct *task = kthread_create(crasher_touches_null, NULL, "crasher");

	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, num_online_cpus() - 1);
	wake_up_process(task);
	return 0;
}

module_init(crasher_init);

MODULE_DESCRIPTION("Crash the kernel, for tests");
MODULE_LICENSE("GPL");
