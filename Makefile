# netdump-server: build, test, install. `make help` lists what there is.
# SPDX-License-Identifier: GPL-2.0-or-later

VERSION := 2.0.0

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
PKGS       := glib-2.0 popt liblz4
# Not every distribution ships a .pc file of CRoaring.
ROARING    ?= -lroaring
PKG_CFLAGS := $(subst -I,-isystem ,$(shell $(PKG_CONFIG) --cflags $(PKGS)))
PKG_LIBS   := -Wl,--as-needed $(shell $(PKG_CONFIG) --libs $(PKGS)) $(ROARING)

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
HEADERS  := $(wildcard src/*/*.h src/*/*/*.h)
CORE_OBJ := $(CORE_SRC:%.c=$(BUILD)/%.o)
SIM_OBJ  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/sim/*.c))

CORE_LIB  := $(BUILD)/libcore.a
LIBS      := $(BUILD)/libnetdump.a $(CORE_LIB)
SERVER    := $(BUILD)/netdump-server
SIMULATOR := $(BUILD)/netdump-sim

# `make V=1` shows whole commands.
ifeq ($(V),1)
say = @:
else
.SILENT:
say = @printf '  %-5s %s\n'
endif

# Lines that begin with "#:" are what `make help` prints.

#:: Build, in BUILD=build, with CC, OPT, CFLAGS, SANITIZE=address,undefined, WERROR=1; V=1 shows commands
#: all               the server and netdump-sim; the default
#: clean             remove what was built
#: help              this list
all: $(SERVER) $(SIMULATOR) $(BUILD)/layers-ok

MAKE_FILES := Makefile tests/tests.mk tests/fuzz/fuzz.mk tests/coverage/coverage.mk \
              tests/bench/bench.mk packaging/packaging.mk client/client.mk
include $(filter-out Makefile,$(MAKE_FILES))

help:
	sed -n -e 's/^#:: \(.*\)/\n\1/p' -e 's/^#: /  /p' $(MAKE_FILES)

# $(call link,WHAT ELSE): a program from its prerequisites.
define link
@mkdir -p $(@D)
$(say) LINK $@
$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)
endef

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(CC) $(CPPFLAGS_ALL) $(if $(filter tests/%,$<),-Itests) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(CORE_LIB): $(CORE_OBJ)
$(BUILD)/libnetdump.a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(CORE_SRC),$(SRC)))
$(LIBS):
	$(say) AR $@
	rm -f $@
	ar rcs $@ $^

$(SERVER): $(BUILD)/src/main.o $(LIBS)
	$(link)

$(SIMULATOR): $(SIM_OBJ) $(BUILD)/client/module/pack.o $(CORE_LIB)
	$(link)

# Break a rule of the house and the build breaks.
$(BUILD)/layers-ok: $(SRC) $(HEADERS) src/main.c $(SRC:%.c=$(BUILD)/%.o) $(wildcard tests/layers/*)
	$(say) LAYER src
	tests/layers/check-layers src $(SRC:%.c=$(BUILD)/%.o)
	touch $@

clean:
	rm -rf $(BUILD)

# -- tests ------------------------------------------------------------------------------------------

# Everything that `make check` runs, and everything that is built for it. (tests/tests.mk says how.)
CHECK_TESTS  = $(sort $(SYSTEM)) tests/soak/50-soak.t tests/fuzz/60-corpus.t $(sort $(UNIT))
CHECK_BUILDS = all $(UNIT) $(TOOLS) $(SOAK) $(FAULTS) $(BENCH_TOOLS) $(if $(SANITIZE),,fuzz-if-possible)

# Tests at a time: most of their time is waiting.
JOBS ?= 3

# Sanitizers: any report is a failure.
PROVE = BUILD=$(BUILD) ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
        UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 TSAN_OPTIONS=halt_on_error=1 \
        G_TEST_SRCDIR=$(CURDIR) prove --exec tests/run-test

#:: Tests (tests/README says what each kind is for)
#: check             all tests but those that stand apart below; JOBS=3 at a time, PROVE_FLAGS=-v
#: check-unit        the unit tests alone
#: test-NAME         one test and what it needs: test-window, test-50-hooks, test-50-soak
check: $(CHECK_BUILDS)
	$(PROVE) --timer --failures --jobs $(JOBS) $(PROVE_FLAGS) $(CHECK_TESTS)

check-unit: $(UNIT)
	$(PROVE) --failures --jobs $(JOBS) $(PROVE_FLAGS) $(sort $(UNIT))

# The running server under valgrind; takes its time. The other tests count on a server that is quick,
# or that may run a script whose interpreter is missing, of which valgrind dies.
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
           --suppressions=$(CURDIR)/tests/valgrind.supp
VALGRIND_TESTS ?= $(foreach n,10 12 20 21,$(wildcard tests/system/$(n)-*.t))

#: check-valgrind    the server under valgrind, in the tests VALGRIND_TESTS
check-valgrind: all $(TOOLS)
	WRAP='$(VALGRIND)' $(PROVE) --timer $(VALGRIND_TESTS)

# -- lint -------------------------------------------------------------------------------------------

C_FILES      = $(shell git ls-files '*.c' '*.h')
TEST_C_FILES = $(wildcard tests/*/*.c tests/tools/*/*.c)
SHELL_FILES  = $(shell git grep -lE '^\#! ?/(bin/sh|usr/bin/env bash|bin/bash)')
PYTHON_FILES = $(shell git grep -lE '^\#! ?/usr/bin/(env )?python3'; git ls-files '*.py')
# One file after another on each processor; $(call each,FILES) COMMAND
each = printf '%s\n' $(1) | xargs -P"$$(getconf _NPROCESSORS_ONLN)"

#:: Linters: any finding is a failure
#: lint              all of these
#: lint-format       clang-format
#: lint-cppcheck     cppcheck
#: lint-tidy         clang-tidy
#: lint-analyzer     gcc -fanalyzer
#: lint-shell        shellcheck
#: lint-python       pyflakes
#: lint-man          mandoc
#: format            apply clang-format
lint: lint-format lint-cppcheck lint-tidy lint-analyzer lint-shell lint-python lint-man $(BUILD)/layers-ok

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
	printf '%s\n' $(CPPFLAGS_ALL:-Isrc=-I$(CURDIR)/src) -I$(CURDIR)/tests -std=gnu11 >$(BUILD)/compile_flags.txt
	$(call each,$(SRC) src/main.c $(wildcard src/sim/*.c) $(TEST_C_FILES)) -n4 \
	    clang-tidy --quiet --warnings-as-errors='*' -p $(BUILD) 2>/dev/null

# gcc's own, which looks along paths. Not over the tests: it does not know what an assertion of
# GLib's testing framework or a longjmp() rules out.
lint-analyzer:
	$(say) LINT 'gcc -fanalyzer'
	$(call each,$(SRC) src/main.c $(wildcard src/sim/*.c)) -n1 \
	    gcc $(CPPFLAGS_ALL) -std=gnu11 -O2 -fanalyzer -Werror -c -o /dev/null

lint-shell:
	$(say) LINT shellcheck
	shellcheck $(SHELL_FILES)

lint-python:
	$(say) LINT pyflakes
	pyflakes3 $(PYTHON_FILES)

lint-man:
	$(say) LINT 'man pages'
	mandoc -T lint -W warning $(wildcard *.[1-9] man/*.[1-9])

.PHONY: all help clean check check-unit check-valgrind format lint lint-format lint-cppcheck lint-tidy \
    lint-analyzer lint-shell lint-python lint-man
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard $(addprefix $(BUILD)/,src/*.d src/*/*.d src/*/*/*.d tests/*/*.d tests/*/*/*.d client/*/*.d))
