# client.mk - today's kernels as clients, in an emulator. Not part of check: it fetches about 1.3 GB
# of kernels the first time, and wants qemu, crash, makedumpfile, drgn and the kernels' headers.
# SPDX-License-Identifier: GPL-2.0-or-later

check-client: $(SERVER)
	BUILD=$(BUILD) tests/client/check-client $(SCENARIOS)

.PHONY: check-client
