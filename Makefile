# netdump-server: build, test, install. `make help` lists what there is.
# SPDX-License-Identifier: GPL-2.0-or-later

VERSION := 1.0.0

prefix        ?= /usr/local
exec_prefix   ?= $(prefix)
sbindir       ?= $(exec_prefix)/sbin
datarootdir   ?= $(prefix)/share
mandir        ?= $(datarootdir)/man
docdir        ?= $(datarootdir)/doc/netdump-server
sysconfdir    ?= /etc
localstatedir ?= /var
initdir       ?= $(sysconfdir)/init.d

BUILD    ?= build
CC       ?= cc
OPT      ?= -O2 -g
# SANITIZE=address,undefined builds everything with these sanitizers; give it a BUILD of its own.
SANITIZE ?=
WERROR   ?=

PKG_CONFIG ?= pkg-config
PKGS       := glib-2.0 popt
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) | sed 's/-I/-isystem /g')
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef \
            -Wvla $(if $(WERROR),-Werror)
CPPFLAGS_ALL = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DNETDUMP_VERSION='"$(VERSION)"' -DSYSCONFDIR='"$(sysconfdir)"' \
               -DLOCALSTATEDIR='"$(localstatedir)"' -Isrc $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL   = -std=gnu11 -pthread $(OPT) $(WARNINGS) \
               $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
               -fno-sanitize-recover=undefined) $(CFLAGS)
LDFLAGS_ALL  = -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

# Folders are layers, see src/README. core is pure: no system call, no clock, no global.
CORE_SRC := $(wildcard src/core/*.c src/core/*/*.c)
SRC      := $(CORE_SRC) $(wildcard src/io/*/*.c src/server/*.c src/cli/*.c)
OBJ      := $(SRC:%.c=$(BUILD)/%.o)
CORE_OBJ := $(CORE_SRC:%.c=$(BUILD)/%.o)
SIM_OBJ  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/sim/*.c))
HEADERS  := $(wildcard src/*/*.h src/*/*/*.h)

SERVER    := $(BUILD)/netdump-server
SIMULATOR := $(BUILD)/netdump-sim
UNIT      := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test-*.c))
TOOLS     := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
SYSTEM    := $(sort $(wildcard tests/system/*.t))

# `make V=1` shows whole commands.
ifeq ($(V),1)
say = @:
else
.SILENT:
say = @printf '  %-5s %s\n'
endif

all: $(SERVER) $(SIMULATOR) $(BUILD)/layers-ok

$(BUILD)/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(CC) $(CPPFLAGS_ALL) -Itests $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/libnetdump.a: $(OBJ)
	$(say) AR $@
	rm -f $@
	ar rcs $@ $^

$(SERVER): $(BUILD)/src/main.o $(BUILD)/libnetdump.a
	$(say) LINK $@
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

$(SIMULATOR): $(SIM_OBJ) $(BUILD)/src/core/netdump/wire.o
	$(say) LINK $@
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libnetdump.a
	@mkdir -p $(@D)
	$(say) LINK $@
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

$(BUILD)/tools/%: $(BUILD)/tests/tools/%.o $(BUILD)/libnetdump.a
	@mkdir -p $(@D)
	$(say) LINK $@
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

# What a tool needs beside the library.
$(BUILD)/tools/netdump-replay: $(addprefix $(BUILD)/tests/,tools/replay/recording.o) \
    $(BUILD)/src/sim/dumpfind.o $(BUILD)/src/sim/parse.o

# Break a rule of the house and the build breaks.
$(BUILD)/layers-ok: $(SRC) $(HEADERS) src/main.c $(CORE_OBJ) $(wildcard tests/layers/*)
	$(say) LAYER src
	tests/layers/check-layers src $(CORE_OBJ)
	touch $@

# -- tests ------------------------------------------------------------------------------------------

# Tests at a time: most of their time is waiting.
JOBS ?= 3

# All of them in one run, so that prove's last lines count all. Sanitizers: any report is a failure.
check: all $(UNIT) $(TOOLS)
	BUILD=$(BUILD) ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	TSAN_OPTIONS=halt_on_error=1 G_TEST_SRCDIR=$(CURDIR) \
	prove --timer --failures --jobs $(JOBS) --exec tests/run-test $(PROVE_FLAGS) \
	    $(sort $(UNIT)) $(CHECK_TESTS) $(SYSTEM)

# One test: make check-one T=tests/system/20-captures.t
check-one: all $(UNIT) $(TOOLS)
	BUILD=$(BUILD) prove --verbose --exec tests/run-test $(T)

# The running server under valgrind; takes its time. The other tests count on a server that is quick,
# or that may run a script whose interpreter is missing, of which valgrind dies.
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
           --suppressions=$(CURDIR)/tests/valgrind.supp
VALGRIND_TESTS ?= $(foreach n,10 12 20 21,$(wildcard tests/system/$(n)-*.t))

check-valgrind: all $(TOOLS)
	BUILD=$(BUILD) WRAP='$(VALGRIND)' prove --timer --exec tests/run-test $(VALGRIND_TESTS)

# -- lint -------------------------------------------------------------------------------------------

C_FILES     = $(shell git ls-files '*.c' '*.h')
SHELL_FILES = $(shell git grep -lE '^\#! ?/(bin/sh|usr/bin/env bash|bin/bash)')

lint: lint-format lint-cppcheck lint-tidy lint-analyzer lint-shell lint-man $(BUILD)/layers-ok

lint-format:
	$(say) LINT clang-format
	clang-format --dry-run -Werror $(C_FILES)

format:
	clang-format -i $(C_FILES)

lint-cppcheck:
	$(say) LINT cppcheck
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
	    --library=gtk '-DG_DEFINE_QUARK(a,b)=' '-DG_GNUC_PRINTF(a,b)=' \
	    --suppress=assertWithSideEffect --suppress=assignmentInAssert --suppress=varFuncNullUB \
	    --suppressions-list=tests/cppcheck.suppress -Isrc --force -j2 src tests

lint-tidy:
	$(say) LINT clang-tidy
	mkdir -p $(BUILD)
	printf '%s\n' $(CPPFLAGS_ALL:-Isrc=-I$(CURDIR)/src) -std=gnu11 >$(BUILD)/compile_flags.txt
	printf '%s\n' $(SRC) src/main.c | \
	    xargs -P2 -n4 clang-tidy --quiet --warnings-as-errors='*' -p $(BUILD) 2>/dev/null

# gcc's own, which looks along paths.
lint-analyzer:
	$(say) LINT 'gcc -fanalyzer'
	printf '%s\n' $(SRC) src/main.c | xargs -P2 -n1 \
	    gcc $(CPPFLAGS_ALL) -std=gnu11 -O2 -fanalyzer -Werror -c -o /dev/null

lint-shell:
	$(say) LINT shellcheck
	shellcheck $(SHELL_FILES)

lint-man:
	$(say) LINT 'man pages'
	mandoc -T lint -W warning $(wildcard *.[1-9] man/*.[1-9])

clean:
	rm -rf $(BUILD)

.PHONY: all check check-one check-valgrind clean format lint lint-format lint-cppcheck lint-tidy \
    lint-analyzer lint-shell lint-man
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard tests/*/*.mk client/*.mk packaging/*.mk)
-include $(wildcard $(addprefix $(BUILD)/,*/*.d */*/*.d */*/*/*.d */*/*/*/*.d))
