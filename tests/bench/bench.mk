# bench.mk - how fast the server is, against what the line and the least possible server could do.
# SPDX-License-Identifier: GPL-2.0-or-later

#:: Measurements
#: bench             all of them: ONLY=line,loss ROUNDS=7 QUICK=1; all numbers in BUILD/bench.json
#:                   BASE=DIR: this server against DIR/build/netdump-server, run in pairs
BENCH_TOOLS := $(BUILD)/bench/requester $(BUILD)/bench/push $(BUILD)/bench/rcvbuf.so

bench: $(SERVER) $(SIMULATOR) $(BENCH_TOOLS)
	tests/bench/bench --build=$(BUILD) $(if $(ONLY),--only=$(ONLY)) $(if $(ROUNDS),--rounds=$(ROUNDS)) \
	    $(if $(QUICK),--quick) $(if $(BASE),--base=$(BASE))

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(CORE_LIB)
	$(link)

# Without sanitizers: it is loaded into a program that may have them.
$(BUILD)/bench/rcvbuf.so: tests/bench/rcvbuf.c
	@mkdir -p $(@D)
	$(say) LINK $@
	$(CC) -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARNINGS) -fPIC -shared -o $@ $<

.PHONY: bench
