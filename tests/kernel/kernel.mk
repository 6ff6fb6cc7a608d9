# kernel.mk - a real kernel's panic through the daemon to crash(8). Not part of check: it fetches
# 310 MB the first time, and wants qemu, crash and gdb. See tests/kernel/check-kernel.
# SPDX-License-Identifier: GPL-2.0-or-later

check-kernel: $(SERVER) $(SIMULATOR)
	BUILD=$(BUILD) tests/kernel/check-kernel

.PHONY: check-kernel
