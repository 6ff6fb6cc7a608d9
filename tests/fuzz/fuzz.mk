# fuzz.mk - libFuzzer targets.
# SPDX-License-Identifier: GPL-2.0-or-later

#: fuzz              run each fuzzer for T=60 seconds; what is worth keeping goes to BUILD/fuzz/corpus
#: fuzz-build        build the fuzzers
#: fuzz-keep         add to the tree's corpus what the last runs found and nothing else reaches
#: fuzz-if-possible  fuzz-build if there is a clang with libFuzzer

T            ?= 60
FUZZ         := $(BUILD)/fuzz
FUZZ_CC      ?= clang
FUZZ_FLAGS   := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
                -fno-omit-frame-pointer -O1 -g
FUZZ_NAMES   := $(patsubst tests/fuzz/fuzz-%.c,%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_TARGETS := $(FUZZ_NAMES:%=$(FUZZ)/fuzz-%)

# Its own objects: these have the fuzzer's eyes in them.
$(FUZZ)/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(say) FUZZ $<
	$(FUZZ_CC) $(CPPFLAGS_ALL) -std=gnu11 -pthread $(WARNINGS) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

$(FUZZ)/libnetdump.a: $(SRC:%.c=$(FUZZ)/%.o)
	rm -f $@
	ar rcs $@ $^

$(FUZZ)/fuzz-%: tests/fuzz/fuzz-%.c $(FUZZ)/libnetdump.a
	$(say) LINK $@
	$(FUZZ_CC) $(CPPFLAGS_ALL) -Itests -std=gnu11 -pthread $(WARNINGS) $(FUZZ_FLAGS) -fsanitize=fuzzer \
	    -MMD -MP -MF $@.d -o $@ $< $(FUZZ)/libnetdump.a $(PKG_LIBS)

fuzz-build: $(FUZZ_TARGETS)

fuzz: $(FUZZ_TARGETS)
	FUZZ=$(FUZZ) T=$(T) tests/fuzz/run-fuzz $(FUZZ_NAMES)

fuzz-keep: $(FUZZ_TARGETS)
	FUZZ=$(FUZZ) tests/fuzz/run-fuzz --keep $(FUZZ_NAMES)

# For check, which runs every fuzzer over its corpus. Whether it can be built is found out here and not
# when make reads this file, which it does for every target.
fuzz-if-possible:
	printf 'int LLVMFuzzerTestOneInput(const char *, unsigned long);\n%s\n' \
	    'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 9; }' | \
	    $(FUZZ_CC) -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null || \
	    { echo "  no clang with libFuzzer: its tests are skipped"; exit 0; }; \
	$(MAKE) --no-print-directory fuzz-build

.PHONY: fuzz fuzz-build fuzz-keep fuzz-if-possible
-include $(wildcard $(addprefix $(FUZZ)/,*.d src/*/*.d src/*/*/*.d))
