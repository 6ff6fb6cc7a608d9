# sim.mk - whole dumps in virtual time: `make sim SEEDS=10000 SEED=1`. See tests/sim/world.h.
# SPDX-License-Identifier: GPL-2.0-or-later

SOAK  := $(BUILD)/sim/netdump-soak
SEEDS ?= 10000
SEED  ?= 1

# Nothing but the pure layer and the table of clients: no socket, no file, no clock.
$(SOAK): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/sim/*.c)) $(PURE_OBJ) $(BUILD)/src/clients.o
	@mkdir -p $(@D)
	$(say) LINK $@
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

sim: $(SOAK)
	$(SOAK) --seeds=$(SEEDS) --seed=$(SEED)

check check-one: $(SOAK)
CHECK_TESTS += tests/sim/50-soak.t

.PHONY: sim
