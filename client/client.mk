# client.mk - the parts of the kernel module that user space can test.
# SPDX-License-Identifier: GPL-2.0-or-later

$(BUILD)/client/%.o: client/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/unit/test-unpack: $(BUILD)/client/module/pack.o
