# fuzz.mk - libFuzzer targets: `make fuzz T=60` runs each for so many seconds, and fails on a finding.
# What a run finds worth keeping goes to $(FUZZ)/corpus; `make fuzz-keep` adds it to the tree's.
# SPDX-License-Identifier: GPL-2.0-or-later

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

# Merge the corpus of the last runs into the tree's: only inputs that reach something new.
fuzz-keep: $(FUZZ_TARGETS)
	FUZZ=$(FUZZ) tests/fuzz/run-fuzz --keep $(FUZZ_NAMES)

# check runs every target over the corpus, where there is a clang with libFuzzer. (With SANITIZE it
# would be the same programs once more.)
ifeq ($(SANITIZE),)
ifneq ($(shell echo 'int LLVMFuzzerTestOneInput(const char *, unsigned long); int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 9; }' | \
         $(FUZZ_CC) -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null && echo yes),)
check: $(FUZZ_TARGETS)
endif
endif
CHECK_TESTS += tests/fuzz/60-corpus.t

.PHONY: fuzz fuzz-build fuzz-keep
-include $(wildcard $(addprefix $(FUZZ)/,*.d src/*/*.d src/*/*/*.d))
