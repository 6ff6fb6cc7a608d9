# packaging.mk - install, uninstall, and packages.
# SPDX-License-Identifier: GPL-2.0-or-later

#:: Install, with DESTDIR, prefix, sysconfdir, localstatedir and the other usual variables
#: install           the server, netdump-sim, manuals, examples
#: uninstall         remove them; configuration and dumps stay
#:: Packages
#: dist              the source of the last commit: BUILD/netdump-server-VERSION.tar.gz
#: deb               Debian packages, in BUILD
#: rpm               RPM packages, in BUILD/rpm/RPMS
#: lint-packages     lintian and rpmlint
#: check-deb         the server's package in a fresh Debian (root; fetches 100 MB)
#: check-client-deb  the client's packages there, the module for every kernel that Debian offers (root; 1 GB)
#: check-systemd     both under a real systemd, in a container (root; fetches 120 MB)

bindir        ?= $(exec_prefix)/bin
unitdir       ?= $(prefix)/lib/systemd/system
sysusersdir   ?= $(prefix)/lib/sysusers.d
tmpfilesdir   ?= $(prefix)/lib/tmpfiles.d
logrotatedir  ?= $(sysconfdir)/logrotate.d
defaultdir    ?= $(sysconfdir)/default
completiondir ?= $(datarootdir)/bash-completion/completions
exampledir    ?= $(docdir)/examples

INSTALL      ?= install
HOOK_SCRIPTS := $(filter-out %.sh,$(wildcard scripts/netdump-*))
DOCUMENTS    := README NEWS SECURITY.md $(wildcard doc/*.md)

# The files contain the paths of a package in /usr; this replaces them by those of the installation.
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

# The same for configuration files: an existing file is not changed.
define put_once
if [ -e $(DESTDIR)$(3) ]; then \
    echo "  $(DESTDIR)$(3) exists and is not changed"; \
else \
    $(INSTALL) -d $(dir $(DESTDIR)$(3)) && $(settle) $(2) >$(DESTDIR)$(3) && \
    chmod $(1) $(DESTDIR)$(3); \
fi

endef

# MODE:SOURCE:TARGET
CONFIGURATION += \
    0644:netdump-server.conf:$(sysconfdir)/netdump-server.conf \
    0644:packaging/default:$(defaultdir)/netdump-server \
    0644:packaging/logrotate.conf:$(logrotatedir)/netdump-server

INSTALLED_TEXT += \
    0755:netdump-server.init:$(initdir)/netdump-server \
    0644:packaging/netdump-server.service:$(unitdir)/netdump-server.service \
    0644:packaging/sysusers.conf:$(sysusersdir)/netdump-server.conf \
    0644:packaging/tmpfiles.conf:$(tmpfilesdir)/netdump-server.conf \
    0644:packaging/completion/netdump-server:$(completiondir)/netdump-server \
    0644:netdump-server.8:$(mandir)/man8/netdump-server.8 \
    0644:man/netdump-server.conf.5:$(mandir)/man5/netdump-server.conf.5 \
    0644:man/netdump-sim.1:$(mandir)/man1/netdump-sim.1 \
    $(foreach f,$(DOCUMENTS),0644:$(f):$(docdir)/$(notdir $(f))) \
    0644:scripts/netdump-hooks.sh:$(exampledir)/netdump-hooks.sh \
    $(foreach f,$(HOOK_SCRIPTS),0755:$(f):$(exampledir)/$(notdir $(f)))

colon = $(word $(1),$(subst :, ,$(2)))

install: $(SERVER) $(SIMULATOR)
	$(say) INST $(sbindir)/netdump-server
	$(INSTALL) -D -m 0755 $(SERVER) $(DESTDIR)$(sbindir)/netdump-server
	$(say) INST $(bindir)/netdump-sim
	$(INSTALL) -D -m 0755 $(SIMULATOR) $(DESTDIR)$(bindir)/netdump-sim
	$(foreach t,$(INSTALLED_TEXT),$(call put,$(call colon,1,$(t)),$(call colon,2,$(t)),$(call colon,3,$(t))))
	ln -sf netdump-server $(DESTDIR)$(completiondir)/netdump-sim
	$(foreach t,$(CONFIGURATION),$(call put_once,$(call colon,1,$(t)),$(call colon,2,$(t)),$(call colon,3,$(t))))
	[ -n "$(DESTDIR)" ] || packaging/after-install $(localstatedir)/spool/crash

# Configuration, dumps and the user stay.
uninstall:
	rm -f $(DESTDIR)$(sbindir)/netdump-server $(DESTDIR)$(bindir)/netdump-sim \
	    $(DESTDIR)$(completiondir)/netdump-sim \
	    $(foreach t,$(INSTALLED_TEXT),$(DESTDIR)$(call colon,3,$(t)))
	-rmdir $(DESTDIR)$(exampledir) $(DESTDIR)$(docdir) 2>/dev/null

# -- packages -----------------------------------------------------------------------------------------

DATE_RFC := date -R -u $(if $(SOURCE_DATE_EPOCH),-d @$(SOURCE_DATE_EPOCH))
NAME     := netdump-server-$(VERSION)
PACKAGES := netdump-server netdump-client netdump-dkms

# The source as it is here, without what was built. $(call copy_source,DIRECTORY)
define copy_source
rm -rf $(1)
mkdir -p $(1)
tar -c --exclude='./build*' --exclude=./.git . | tar -x -C $(1)
endef

# The same commit gives the same bytes.
dist:
	$(say) DIST $(BUILD)/$(NAME).tar.gz
	mkdir -p $(BUILD)
	git archive --prefix=$(NAME)/ HEAD | gzip -9n >$(BUILD)/$(NAME).tar.gz

deb:
	$(say) DEB $(BUILD)
	$(call copy_source,$(BUILD)/deb/$(NAME))
	cp -r packaging/deb $(BUILD)/deb/$(NAME)/debian
	sed -i -e 's/@VERSION@/$(VERSION)/' -e "s/@DATE@/$$($(DATE_RFC))/" \
	    $(BUILD)/deb/$(NAME)/debian/changelog
	cd $(BUILD)/deb/$(NAME) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD \
	    dpkg-buildpackage -b -us -uc >../build.log 2>&1 || { tail -n 40 ../build.log; exit 1; }
	cp $(foreach p,$(PACKAGES),$(BUILD)/deb/$(p)_$(VERSION)_*.deb) $(BUILD)
	ls $(foreach p,$(PACKAGES),$(BUILD)/$(p)_$(VERSION)_*.deb)

rpm:
	$(say) RPM $(BUILD)/rpm
	$(call copy_source,$(BUILD)/rpm/$(NAME))
	mkdir -p $(BUILD)/rpm/SOURCES
	tar -C $(BUILD)/rpm -czf $(BUILD)/rpm/SOURCES/$(NAME).tar.gz $(NAME)
	rm -rf $(BUILD)/rpm/$(NAME)
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD rpmbuild -bb $(RPMBUILD_FLAGS) \
	    --define '_topdir $(abspath $(BUILD))/rpm' --define 'netdump_version $(VERSION)' \
	    packaging/rpm/netdump-server.spec >$(BUILD)/rpm/build.log 2>&1 || \
	    { tail -n 40 $(BUILD)/rpm/build.log; exit 1; }
	ls $(foreach p,$(PACKAGES),$(BUILD)/rpm/RPMS/*/$(p)-$(VERSION)-*.rpm)

check-deb: deb
	BUILD=$(BUILD) packaging/check-deb

check-client-deb: deb
	BUILD=$(BUILD) packaging/check-client-deb

check-systemd: deb
	BUILD=$(BUILD) packaging/check-systemd

lint-packages: deb rpm
	lintian --fail-on error,warning --tag-display-limit 0 $(BUILD)/deb/*.changes
	rpmlint -c packaging/rpm/rpmlint.toml \
	    $(foreach p,$(PACKAGES),$(BUILD)/rpm/RPMS/*/$(p)-$(VERSION)-*.rpm)

.PHONY: install uninstall dist deb rpm check-deb check-client-deb check-systemd lint-packages
