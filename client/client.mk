# client.mk - the parts of the kernel module that user space can test.
# SPDX-License-Identifier: GPL-2.0-or-later

$(BUILD)/client/%.o: client/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/unit/test-unpack $(SIMULATOR): $(BUILD)/client/module/pack.o

# The module's source for DKMS, the service and its manual page. See client/netdump.8.
CLIENT_SOURCE := $(wildcard client/module/*.[ch]) client/module/Kbuild
CLIENT_DKMS   ?= /usr/src/netdump-$(VERSION)
unitdir       ?= $(prefix)/lib/systemd/system
defaultdir    ?= $(sysconfdir)/default

install-client:
	$(say) INST $(DESTDIR)$(CLIENT_DKMS)
	install -d $(DESTDIR)$(CLIENT_DKMS) $(DESTDIR)$(sbindir) $(DESTDIR)$(initdir) \
	    $(DESTDIR)$(unitdir) $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(defaultdir)
	install -m 0644 $(CLIENT_SOURCE) $(DESTDIR)$(CLIENT_DKMS)
	sed 's/@VERSION@/$(VERSION)/' client/dkms/dkms.conf >$(DESTDIR)$(CLIENT_DKMS)/dkms.conf
	install -m 0755 client/service/netdump-client $(DESTDIR)$(sbindir)
	sed 's,/usr/sbin,$(sbindir),' client/service/netdump.init >$(DESTDIR)$(initdir)/netdump
	chmod 0755 $(DESTDIR)$(initdir)/netdump
	for unit in netdump.service netdump-refresh.service netdump-refresh.timer; do \
	    sed 's,/usr/sbin,$(sbindir),' client/service/$$unit >$(DESTDIR)$(unitdir)/$$unit || exit; \
	done
	install -m 0644 client/netdump.8 $(DESTDIR)$(mandir)/man8
	[ -e $(DESTDIR)$(defaultdir)/netdump ] || \
	    install -m 0644 client/service/netdump.default $(DESTDIR)$(defaultdir)/netdump

# The module for the kernels whose headers are here, with sparse where it is installed.
check-module:
	client/check-module $(BUILD)/client-module

.PHONY: install-client check-module
