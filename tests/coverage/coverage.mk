# coverage.mk - lines that tests reach, by file. Needs gcc and its gcov.
# SPDX-License-Identifier: GPL-2.0-or-later

#: coverage          lines that unit tests and simulation reach; fails if core is below 95 %
#: coverage-all      the same with the system tests; fails if all is below 85 %

COVERAGE_SEEDS ?= 3000
COVERAGE_FLAGS := CC=gcc OPT='-O0 -g' CFLAGS=--coverage LDFLAGS=--coverage

# $(call covered,TARGETS): run these, counting from 0
define covered
[ ! -d $(BUILD)/coverage ] || find $(BUILD)/coverage -name '*.gcda' -delete
+$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage $(COVERAGE_FLAGS) SEEDS=$(COVERAGE_SEEDS) $(1)
endef

coverage:
	$(call covered,check-unit soak)
	tests/coverage/report $(BUILD)/coverage 95 0

coverage-all:
	$(call covered,check)
	tests/coverage/report $(BUILD)/coverage 95 85

.PHONY: coverage coverage-all
