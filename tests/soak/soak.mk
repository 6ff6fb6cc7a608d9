# soak.mk - whole dumps in virtual time: `make soak SEEDS=10000 SEED=1`. See tests/soak/world.h.
# SPDX-License-Identifier: GPL-2.0-or-later

SOAK  := $(BUILD)/soak/netdump-soak
SEEDS ?= 10000
SEED  ?= 1

# Nothing but the pure layer and the table of clients: no socket, no file, no clock.
$(SOAK): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/soak/*.c)) $(CORE_OBJ)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

soak: $(SOAK)
	$(SOAK) --seeds=$(SEEDS) --seed=$(SEED)

check check-one: $(SOAK)
CHECK_TESTS += tests/soak/50-soak.t

.PHONY: soak
