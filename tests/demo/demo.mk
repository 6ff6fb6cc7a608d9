# demo.mk - what the server does, on one screen.
# SPDX-License-Identifier: GPL-2.0-or-later

demo: $(SERVER) $(SIMULATOR)
	BUILD=$(BUILD) tests/demo/demo

.PHONY: demo
