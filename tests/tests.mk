# tests.mk - how the tests are built, and the targets that run them apart from `make check`.
# SPDX-License-Identifier: GPL-2.0-or-later

# Optional: without it, 34-stall.t is skipped.
FUSE_LIBS := $(shell $(PKG_CONFIG) --libs 'fuse3 >= 3.12' 2>/dev/null)

UNIT   := $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/unit/test-*.c))
TOOLS  := $(patsubst tests/%.c,$(BUILD)/%,$(filter-out $(if $(FUSE_LIBS),,%/stallfs.c), \
              $(wildcard tests/tools/*.c)))
SYSTEM := $(wildcard tests/system/*.t)
SOAK   := $(BUILD)/soak/netdump-soak
FAULTS := $(BUILD)/faults.so

# -- programs ---------------------------------------------------------------------------------------

# A unit test that includes nothing but core links nothing but core.
UNIT_CORE := $(patsubst %.c,$(BUILD)/unit/%,$(shell cd tests/unit && \
    grep -LE '"((io|server|cli)/|scratch\.h|dumping\.h)' test-*.c))

$(UNIT): $(BUILD)/unit/%: $(BUILD)/tests/unit/%.o
	$(link)
$(addprefix $(BUILD)/unit/test-,dispatch executor pending-clients rates rx-coalesce second-protocol): \
    $(BUILD)/tests/unit/push_protocol.o
$(filter-out $(UNIT_CORE),$(UNIT)): $(BUILD)/libnetdump.a
$(UNIT): $(CORE_LIB)
$(BUILD)/unit/test-pack: $(BUILD)/client/module/pack.o

$(TOOLS): $(BUILD)/tools/%: $(BUILD)/tests/tools/%.o
	$(link)
$(BUILD)/tools/netdump-replay: $(addprefix $(BUILD)/,tests/tools/replay/recording.o \
    src/sim/dumpfind.o src/sim/parse.o)
$(TOOLS): $(CORE_LIB)
$(BUILD)/tools/stallfs: private PKG_LIBS += $(FUSE_LIBS)

# The daemon's own core, executor and dispatch, and nothing else of it: if one of them touched a
# socket, a file or the clock, this would not link.
$(SOAK): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/soak/*.c)) $(BUILD)/src/server/executor.o \
         $(BUILD)/src/server/dispatch.o $(CORE_LIB)
	$(link)

# The library that makes system calls fail. Never with a sanitizer of its own: it is loaded into
# programs that may have one.
$(FAULTS): tests/faults/faults.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(CC) -D_GNU_SOURCE -std=gnu11 $(OPT) -Wall -Wextra -fPIC -shared -o $@ $< -ldl

# -- one test ---------------------------------------------------------------------------------------

TEST_UNIT  := $(notdir $(UNIT))
TEST_OTHER := $(patsubst %.t,test-%,$(notdir $(SYSTEM)))

.PHONY: $(TEST_UNIT) $(TEST_OTHER) test-50-soak test-60-corpus

$(TEST_UNIT): test-%: $(BUILD)/unit/test-%
	$(PROVE) --verbose $<

$(TEST_OTHER): test-%: $(SERVER) $(SIMULATOR)
	$(PROVE) --verbose tests/system/$*.t

test-50-soak: $(SOAK)
	$(PROVE) --verbose tests/soak/50-soak.t

test-60-corpus: fuzz-if-possible
	$(PROVE) --verbose tests/fuzz/60-corpus.t

# What a system test needs beside the server and the simulator.
test-01-layers: $(SRC:%.c=$(BUILD)/%.o)
test-20-captures: $(BUILD)/tools/netdump-replay
test-31-faults: $(FAULTS)
test-32-hostile: $(BUILD)/tools/flood
test-34-stall: $(filter %/stallfs,$(TOOLS))
test-70-bench: $(BENCH_TOOLS)

# -- tests that stand apart -------------------------------------------------------------------------

SEEDS ?= 10000
SEED  ?= 1

#:: Tests that stand apart
#: soak              whole dumps in virtual time: SEEDS=10000 worlds from SEED=1 on
soak: $(SOAK)
	$(SOAK) --seeds=$(SEEDS) --seed=$(SEED)

#: demo              two simulated crashes on one screen
demo: $(SERVER) $(SIMULATOR)
	BUILD=$(BUILD) tests/demo/demo

#: check-scale       several servers behind one address, in network namespaces (root)
check-scale: $(SERVER) $(SIMULATOR)
	BUILD=$(BUILD) tests/scale/check-scale

#: check-kernel      a kernel that crashed in an emulator, its dump opened with crash(8); fetches 310 MB
check-kernel: $(SERVER) $(SIMULATOR)
	BUILD=$(BUILD) tests/qemu/server/check-kernel

#: check-client      current kernels as clients in an emulator, SCENARIOS=...; fetches 1.3 GB
check-client: $(SERVER)
	BUILD=$(BUILD) tests/qemu/client/check-client $(SCENARIOS)

.PHONY: soak demo check-scale check-kernel check-client
