# bench.mk - how fast the server is, against what the line and the least possible server could do.
# ONLY=line,loss ROUNDS=7 QUICK=1. The table is on the terminal, all numbers in $(BUILD)/bench.json.
# SPDX-License-Identifier: GPL-2.0-or-later

BENCH_TOOLS := $(BUILD)/bench/requester $(BUILD)/bench/push $(BUILD)/bench/rcvbuf.so

bench: $(SERVER) $(SIMULATOR) $(BENCH_TOOLS)
	tests/bench/bench --build=$(BUILD) $(if $(ONLY),--only=$(ONLY)) $(if $(ROUNDS),--rounds=$(ROUNDS)) \
	    $(if $(QUICK),--quick)

# tests/system/70-bench.t runs it in small.
check check-one: $(BENCH_TOOLS)

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/src/core/netdump/wire.o
	@mkdir -p $(@D)
	$(say) LINK $@
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

# Without sanitizers: it is loaded into a program that may have them.
$(BUILD)/bench/rcvbuf.so: tests/bench/rcvbuf.c
	@mkdir -p $(@D)
	$(say) LINK $@
	$(CC) -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARNINGS) -fPIC -shared -o $@ $<

.PHONY: bench
