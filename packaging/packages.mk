# What `make install`, `make deb` and `make rpm` place, and how each of them is made.

DESTDIR ?=
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
UNITDIR ?= $(PREFIX)/lib/systemd/system
# The program lies beside the libraries that it needs: distributions ship a pyroute2 without IPVS.
LIBRARY := $(PREFIX)/lib/lvsdr
SHARE := $(DESTDIR)$(PREFIX)/share
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

.PHONY: install install-files install-program uninstall deb rpm locked packages-check \
	packages-install packages-deb packages-rpm

# Some of it is compiled, for one version of Python.
COMPLETE := build/complete-$(shell $(PYTHON) -I -c \
	'import sys; print("%d.%d" % sys.version_info[:2])')

# All that can fail for want of a tool comes before anything is placed.
install: $(COMPLETE)
	rm -rf $(DESTDIR)$(LIBRARY)
	$(MAKE) install-program LIBRARIES=$(COMPLETE)
	# As if it lay where it will: byte code says so in tracebacks.
	$(PYTHON) -I -m compileall -q -s '$(DESTDIR)' -p / $(DESTDIR)$(LIBRARY)
	$(MAKE) install-files

# Not what others have put there: profiles, what is enabled, what is applied.
uninstall:
	rm -rf $(DESTDIR)$(LIBRARY)
	rm -f $(DESTDIR)$(BINDIR)/lvsdr $(patsubst packaging/systemd/%,$(DESTDIR)$(UNITDIR)/%,$(UNITS)) \
		$(DESTDIR)$(PREFIX)/lib/modules-load.d/lvsdr.conf $(SHARE)/man/man5/lvsdr-profile.5 \
		$(SHARE)/man/man8/lvsdr.8 $(SHARE)/bash-completion/completions/lvsdr \
		$(SHARE)/zsh/$(ZSH)/_lvsdr $(SHARE)/fish/vendor_completions.d/lvsdr.fish
	rm -rf $(SHARE)/lvsdr
	@echo 'What is applied on this host stays as it is; units that run go on until they are stopped.'

UNITS := $(wildcard packaging/systemd/*)
# Debian's zsh looks for what packages bring in a folder of its own.
ZSH ?= site-functions

install-files:
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(PREFIX)/lib/modules-load.d $(SHARE)/lvsdr \
		$(SHARE)/man/man5 $(SHARE)/man/man8 $(SHARE)/bash-completion/completions \
		$(SHARE)/zsh/$(ZSH) $(SHARE)/fish/vendor_completions.d
	for unit in $(UNITS); do \
		sed 's|@BINDIR@|$(BINDIR)|' $$unit >$(DESTDIR)$(UNITDIR)/$${unit##*/} || exit 1; \
	done
	chmod 0644 $(patsubst packaging/systemd/%,$(DESTDIR)$(UNITDIR)/%,$(UNITS))
	install -m 0644 packaging/modules-load.d/lvsdr.conf $(DESTDIR)$(PREFIX)/lib/modules-load.d/
	# Not active: for a real server, to be copied to /etc/sysctl.d.
	install -m 0644 packaging/sysctl.d/* $(SHARE)/lvsdr/
	# For Prometheus and Grafana, which run elsewhere.
	install -m 0644 packaging/monitoring/* $(SHARE)/lvsdr/
	install -m 0644 man/lvsdr-profile.5 $(SHARE)/man/man5/
	install -m 0644 man/lvsdr.8 $(SHARE)/man/man8/
	install -m 0644 packaging/completions/lvsdr $(SHARE)/bash-completion/completions/
	install -m 0644 packaging/completions/_lvsdr $(SHARE)/zsh/$(ZSH)/
	install -m 0644 packaging/completions/lvsdr.fish $(SHARE)/fish/vendor_completions.d/

# No pip, no environment, and no place of the build in any file: it may be moved whole.
install-program:
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBRARY)
	tar -C $(LIBRARIES) --exclude '*.dist-info' --exclude ./bin --exclude __pycache__ -cf - . \
		| tar -C $(DESTDIR)$(LIBRARY) --no-same-owner -xf -
	tar --exclude __pycache__ -cf - lvsdr | tar -C $(DESTDIR)$(LIBRARY) --no-same-owner -xf -
	# No shell in between, which has to start first; isolated, as everywhere.
	sed 's|@PYTHON@|$(PYTHON_INSTALLED)|; s|@LIBRARY@|$(LIBRARY)|' packaging/launcher.in \
		>$(DESTDIR)$(BINDIR)/lvsdr
	chmod 0755 $(DESTDIR)$(BINDIR)/lvsdr
# Itself, by its whole path: no shell script that chooses one, no environment that may go.
PYTHON_INSTALLED ?= $(shell $(PYTHON) -I -c 'import sys; print(sys._base_executable)')

# Libraries as they are locked, and nothing that was put in their place.
build/vendored: packaging/locked/vendored.txt
$(COMPLETE): packaging/locked/complete.txt
build/vendored $(COMPLETE): | packages-install
	rm -rf build/pip $@
	$(PYTHON) -I -m venv build/pip
	build/pip/bin/python -I -m pip --disable-pip-version-check install -q --no-compile --no-deps \
		--only-binary :all: --require-hashes --target $@ -r $<
	rm -rf build/pip
	touch $@

packages-install:
	$(call install,$(VENV))

# The newest within the bounds of pyproject.toml; what was audited and tested is what is committed.
COMPILE := build/lock/bin/python -I -m piptools compile -q --generate-hashes --strip-extras \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --upgrade
locked: | packages-install
	$(PYTHON) -I -m venv build/lock
	build/lock/bin/python -I -m pip --disable-pip-version-check install -q pip-tools
	echo '# All that the program needs, for `make install`. Made by `make locked`.' >build/complete.txt
	$(COMPILE) --output-file - pyproject.toml >>build/complete.txt
	printf 'click\npyroute2\n' >build/vendored.in
	echo '# What the packages bring along: pure Python, one for all architectures. Made by `make locked`.' \
		>build/vendored.txt
	$(COMPILE) --output-file - -c build/complete.txt build/vendored.in >>build/vendored.txt
	mv build/complete.txt build/vendored.txt packaging/locked/

packages-deb:
	$(call install,$(call missing,debhelper dh-python dpkg-dev lintian) $(VENV))

# One package for all architectures and Pythons, from a copy in which the build may write.
DEB := lvsdr_$(VERSION)_all.deb
deb: packages-deb build/vendored
	$(call staged,build/deb/lvsdr-$(VERSION))
	cd build/deb/lvsdr-$(VERSION) && dpkg-buildpackage --build=all --no-sign
	install -d dist
	cp build/deb/$(DEB) build/deb/lvsdr_$(VERSION)_*.changes dist/
	$(PYTHON) -I packaging/sbom.py build/vendored packaging/locked/vendored.txt $(VERSION) \
		>dist/$(DEB:.deb=.cdx.json)
	lintian --fail-on error dist/$(DEB)

packages-rpm:
	$(call install,$(call missing,rpm) $(VENV))

rpm: packages-rpm build/vendored
	$(call staged,build/rpm/lvsdr-$(VERSION))
	SOURCE_DATE_EPOCH=$$(cat build/rpm/lvsdr-$(VERSION)/build/epoch) rpmbuild -bb \
		--define '_topdir $(CURDIR)/build/rpm' --define 'version_of_it $(VERSION)' \
		--define 'tree $(CURDIR)/build/rpm/lvsdr-$(VERSION)' packaging/rpm/lvsdr.spec
	install -d dist
	cp build/rpm/RPMS/noarch/lvsdr-$(VERSION)-1.noarch.rpm dist/
	$(PYTHON) -I packaging/sbom.py build/vendored packaging/locked/vendored.txt $(VERSION) \
		>dist/lvsdr-$(VERSION)-1.noarch.cdx.json

# What a package is made from, with the libraries that it brings.
define staged
	rm -rf $(1)
	mkdir -p $(1)
	tar --exclude __pycache__ -cf - CHANGELOG.md LICENSE Makefile README.md debian docs lvsdr man \
		packaging profiles pyproject.toml build/vendored | tar -C $(1) -xf -
	dpkg-parsechangelog -l debian/changelog -S Timestamp >$(1)/build/epoch
endef

# Outside of CI: some ten minutes, and three systems of Debian below .roots/.
packages-check: deb rpm packages-test .venv/.test
	$(call install,$(call missing,debootstrap man-db))
	tests/roots/releases.sh
	tests/roots/packages.sh
