# scale.mk - several servers behind one address, in network namespaces. Wants root, so not part of check.
# SPDX-License-Identifier: GPL-2.0-or-later

check-scale: $(SERVER) $(SIMULATOR)
	BUILD=$(BUILD) tests/scale/check-scale

.PHONY: check-scale
