# The library that makes system calls fail, for tests/system. Never with a sanitizer of its own: it
# is loaded into programs that may have one.
FAULTS := $(BUILD)/faults.so
check check-one: $(FAULTS)

$(FAULTS): tests/faults/faults.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(CC) -D_GNU_SOURCE -std=gnu11 $(OPT) -Wall -Wextra -fPIC -shared -o $@ $< -ldl
