# coverage.mk - `make coverage`: lines that unit tests and simulation reach, by file; it fails when the
# pure layer is under 95 %. `make coverage COVERAGE=all` runs the system tests as well and prints
# the whole (85 % wanted). Needs gcc and its gcov.
# SPDX-License-Identifier: GPL-2.0-or-later

COVERAGE       ?= pure
COVERAGE_SEEDS ?= 3000

coverage:
	$(MAKE) BUILD=$(BUILD)/coverage CC=gcc OPT='-O0 -g' CFLAGS='--coverage' LDFLAGS='--coverage' \
	    coverage-$(COVERAGE)

coverage-pure: $(UNIT) $(SOAK)
	find $(BUILD) -name '*.gcda' -delete
	BUILD=$(BUILD) G_TEST_SRCDIR=$(CURDIR) prove --merge --exec tests/run-test $(UNIT) >$(BUILD)/tests.log || \
	    { cat $(BUILD)/tests.log; exit 1; }
	$(SOAK) --seeds=$(COVERAGE_SEEDS) >>$(BUILD)/tests.log || { cat $(BUILD)/tests.log; exit 1; }
	tests/coverage/report $(BUILD) 95 0

coverage-all:
	find . -path './$(BUILD)/*' -name '*.gcda' -delete
	$(MAKE) BUILD=$(BUILD) CC=gcc OPT='-O0 -g' CFLAGS='--coverage' LDFLAGS='--coverage' check
	tests/coverage/report $(BUILD) 95 85

.PHONY: coverage coverage-pure coverage-all
