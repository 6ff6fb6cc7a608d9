# client.mk - installs the client: the kernel module's source for DKMS, the service and its manual page.
# SPDX-License-Identifier: GPL-2.0-or-later

#:: The client, see man/netdump.8
#: install-client    its service and the source of its kernel module
#: install-client-service, install-client-source    one of the two
#: uninstall-client  remove both
#: check-module      build the module for the kernels whose headers are installed

# The macros are in packaging/packaging.mk.
CLIENT_SOURCE := $(wildcard client/module/*.[ch]) client/module/Kbuild
CLIENT_DKMS   ?= /usr/src/netdump-$(VERSION)
CLIENT_TEXT   += \
    0755:client/service/netdump-client:$(sbindir)/netdump-client \
    0755:client/service/netdump.init:$(initdir)/netdump \
    $(foreach u,netdump.service netdump-refresh.service netdump-refresh.timer, \
        0644:client/service/$(u):$(unitdir)/$(u)) \
    0644:man/netdump.8:$(mandir)/man8/netdump.8

install-client: install-client-service install-client-source

install-client-service:
	$(foreach t,$(CLIENT_TEXT),$(call put,$(call colon,1,$(t)),$(call colon,2,$(t)),$(call colon,3,$(t))))
	printf '.so man8/netdump.8\n' >$(DESTDIR)$(mandir)/man8/netdump-client.8
	chmod 0644 $(DESTDIR)$(mandir)/man8/netdump-client.8
	$(call put_once,0644,client/service/netdump.default,$(defaultdir)/netdump)

install-client-source:
	$(say) INST $(CLIENT_DKMS)
	$(INSTALL) -d $(DESTDIR)$(CLIENT_DKMS)
	$(INSTALL) -m 0644 $(CLIENT_SOURCE) $(DESTDIR)$(CLIENT_DKMS)
	sed 's/@VERSION@/$(VERSION)/' client/dkms/dkms.conf >$(DESTDIR)$(CLIENT_DKMS)/dkms.conf
	chmod 0644 $(DESTDIR)$(CLIENT_DKMS)/dkms.conf

# The configuration stays; so does what DKMS has built: dkms remove netdump/$(VERSION) --all
uninstall-client:
	rm -f $(DESTDIR)$(mandir)/man8/netdump-client.8 \
	    $(foreach t,$(CLIENT_TEXT),$(DESTDIR)$(call colon,3,$(t)))
	rm -rf $(DESTDIR)$(CLIENT_DKMS)

# The module for the kernels whose headers are here, with sparse where it is installed.
check-module:
	client/check-module $(BUILD)/client-module

.PHONY: install-client install-client-service install-client-source uninstall-client check-module
