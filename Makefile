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
CPPFLAGS_ALL = -D_GNU_SOURCE -DNETDUMP_VERSION='"$(VERSION)"' -DSYSCONFDIR='"$(sysconfdir)"' \
               -DLOCALSTATEDIR='"$(localstatedir)"' -Isrc $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL   = -std=gnu11 -pthread $(OPT) $(WARNINGS) \
               $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
               -fno-sanitize-recover=undefined) $(CFLAGS)
LDFLAGS_ALL  = -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

# The pure layer: no system call, no clock, no global. See src/README.
PURE := wire window client client-dump client-end elfcore netaddr record text
SRC  := $(filter-out src/main.c,$(wildcard src/*.c))
OBJ  := $(SRC:src/%.c=$(BUILD)/src/%.o)
PURE_OBJ := $(filter $(OBJ),$(PURE:%=$(BUILD)/src/%.o))

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

all: $(SERVER) $(SIMULATOR)

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

$(SIMULATOR): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/simulator/*.c)) $(BUILD)/src/wire.o
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

clean:
	rm -rf $(BUILD)

.PHONY: all clean
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)
