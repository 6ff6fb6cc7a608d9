# packaging.mk - install, uninstall, and packages.
# SPDX-License-Identifier: GPL-2.0-or-later

bindir        ?= $(exec_prefix)/bin
rundir        ?= /run
unitdir       ?= $(prefix)/lib/systemd/system
sysusersdir   ?= $(prefix)/lib/sysusers.d
tmpfilesdir   ?= $(prefix)/lib/tmpfiles.d
logrotatedir  ?= $(sysconfdir)/logrotate.d
completiondir ?= $(datarootdir)/bash-completion/completions
exampledir    ?= $(docdir)/examples

INSTALL      ?= install
HOOK_SCRIPTS := $(wildcard scripts/netdump-*)
DOCUMENTS    := README $(wildcard doc/*.md)

# The files name the places of a package in /usr; here they get those of this installation.
settle = sed -e 's,/usr/sbin/netdump,$(sbindir)/netdump,g' \
             -e 's,/usr/share/doc/netdump-server,$(docdir),g' \
             -e 's,/etc/netdump-server,$(sysconfdir)/netdump-server,g' \
             -e 's,/etc/init\.d,$(initdir),g' \
             -e 's,/var/spool/crash,$(localstatedir)/spool/crash,g'

# $(call put,MODE,SOURCE,TARGET)
define put
$(say) INST $(3)
$(INSTALL) -d $(dir $(DESTDIR)$(3))
$(settle) $(2) >$(DESTDIR)$(3)
chmod $(1) $(DESTDIR)$(3)

endef

# MODE:SOURCE:TARGET of all that is text. A configuration that is there already is not touched.
INSTALLED_TEXT += \
    0755:netdump-server.init:$(initdir)/netdump-server \
    0644:packaging/netdump-server.service:$(unitdir)/netdump-server.service \
    0644:packaging/sysusers.conf:$(sysusersdir)/netdump-server.conf \
    0644:packaging/tmpfiles.conf:$(tmpfilesdir)/netdump-server.conf \
    0644:packaging/logrotate.conf:$(logrotatedir)/netdump-server \
    0644:packaging/completion/netdump-server:$(completiondir)/netdump-server \
    0644:packaging/completion/netdump-server:$(completiondir)/netdump-sim \
    0644:netdump-server.8:$(mandir)/man8/netdump-server.8 \
    0644:netdump-server.conf.5:$(mandir)/man5/netdump-server.conf.5 \
    0644:netdump-sim.1:$(mandir)/man1/netdump-sim.1 \
    $(foreach f,$(DOCUMENTS),0644:$(f):$(docdir)/$(notdir $(f))) \
    $(foreach f,$(HOOK_SCRIPTS),0755:$(f):$(exampledir)/$(notdir $(f)))

colon = $(word $(1),$(subst :, ,$(2)))

install: $(SERVER) $(SIMULATOR)
	$(say) INST $(sbindir)/netdump-server
	$(INSTALL) -D -m 0755 $(SERVER) $(DESTDIR)$(sbindir)/netdump-server
	$(say) INST $(bindir)/netdump-sim
	$(INSTALL) -D -m 0755 $(SIMULATOR) $(DESTDIR)$(bindir)/netdump-sim
	$(foreach t,$(INSTALLED_TEXT),$(call put,$(call colon,1,$(t)),$(call colon,2,$(t)),$(call colon,3,$(t))))
	if [ -e $(DESTDIR)$(sysconfdir)/netdump-server.conf ]; then \
	    echo "  $(DESTDIR)$(sysconfdir)/netdump-server.conf is there already and stays as it is"; \
	else \
	    $(INSTALL) -d $(DESTDIR)$(sysconfdir) && \
	    $(settle) netdump-server.conf >$(DESTDIR)$(sysconfdir)/netdump-server.conf && \
	    chmod 0644 $(DESTDIR)$(sysconfdir)/netdump-server.conf; \
	fi
	[ -n "$(DESTDIR)" ] || packaging/after-install $(localstatedir)/spool/crash

# Configuration, dumps and the user stay.
uninstall:
	rm -f $(DESTDIR)$(sbindir)/netdump-server $(DESTDIR)$(bindir)/netdump-sim \
	    $(foreach t,$(INSTALLED_TEXT),$(DESTDIR)$(call colon,3,$(t)))
	-rmdir $(DESTDIR)$(exampledir) $(DESTDIR)$(docdir) 2>/dev/null

.PHONY: install uninstall
