# `make demo` and `make test` do all the set-up on a fresh Debian machine; `make help` tells more.

PYTHON ?= python3
BIN := .venv/bin
# Isolated: no Python file of the folder that make is started in, and no variable, has a say.
PY := $(BIN)/python -I
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# Debian's packages: what the lab's kernel and hosts need, and the tests' witnesses.
# From util-linux 2.42 on, pivot_root is in a package of its own.
PIVOT := $(if $(wildcard /usr/sbin/pivot_root /sbin/pivot_root),,util-linux-extra)
LAB := user-mode-linux kmod iproute2 $(PIVOT)
WITNESSES := ipvsadm ldirectord keepalived iptables iputils-arping tcpdump ndisc6 mandoc systemd \
	procps
# And what else sets up links or tables, beside us: in `make torture`.
MANAGERS := network-manager ifupdown netplan.io udev dbus
# What watches hosts, likewise.
MONITORING := prometheus prometheus-node-exporter
missing = $(shell for name in $(1); do \
	dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || echo $$name; done)
# Debian's python3 has the module venv, but it does not work before python3-venv is installed.
VENV := $(shell $(PYTHON) -I -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv)

.PHONY: help demo test check unit lab torture bench format clean packages-demo packages-test \
	collection collection-sanity collection-rpm fleet kernels lab-newest lowest stock-firewalls \
	packages-stock packages-torture

help:
	@echo 'make demo    rehearse profiles/ on a cluster in a throw-away kernel'
	@echo 'make test    linters, unit tests and the lab; fails if anything was skipped'
	@echo 'make check   the linters alone     make unit   the tests outside the lab'
	@echo 'make lowest  the latter with the oldest libraries that will do'
	@echo 'make lab     the tests in the lab  make torture  the long ones, in full'
	@echo 'make kernels newer kernels from Debian, below .kernels; make lab KERNEL=6.12 or 7.2'
	@echo 'make docs    the site, in build/site'
	@echo 'make bench   the benchmarks, in the lab'
	@echo 'make collection  the Ansible collection, in dist/; make collection-sanity tests it'
	@echo 'make install the program, man pages and units, below DESTDIR and PREFIX'
	@echo 'make deb     a package for Debian, in dist/      make rpm  one for RPM'
	@echo 'make packages-check  both on clean Debian 12, 13 and sid, some ten minutes'
	@echo 'make root    a minimal Debian of another release below .roots/, SUITE=trixie'
	@echo 'make newcomer       what a newcomer types there (TARGETS="demo test")'
	@echo 'make lab-keepalived the tests about keepalived there, with its own keepalived'
	@echo 'make lab-managers   those about managers of networks there, with its own'
	@echo 'make clean   remove what was built'

include packaging/packages.mk

# Other releases of Debian: `tests/roots/in_root.sh SUITE COMMAND` runs there, in a throw-away copy.
.PHONY: root
root:
	$(call install,$(call missing,debootstrap))
	tests/roots/make_root.sh $(or $(SUITE),trixie)

# What a newcomer types there (TARGETS), and what is about keepalived, or about managers of networks,
# with the release's own and on the release's own kernel. Some minutes each, `TARGETS="demo test"` more than half an hour.
OF_KEEPALIVED := hooks keep_fifo keepalived_table host_rules failover vmac standby_guard \
	standby_without_hooks take_over checker_states down_servers two_boxes sync_daemons
OF_MANAGERS := networkd network_manager ifupdown first_address
.PHONY: newcomer lab-keepalived lab-managers
newcomer: root
	tests/roots/newcomer.sh $(or $(SUITE),trixie) $(or $(TARGETS),demo)

lab-keepalived: root
	LAB='$(OF_KEEPALIVED)' tests/roots/newcomer.sh $(or $(SUITE),trixie)

lab-managers: root
	PACKAGES=torture LAB='$(OF_MANAGERS)' tests/roots/newcomer.sh $(or $(SUITE),trixie)

demo: packages-demo .venv/.demo
	$(PY) -m lvsdr rehearse profiles/director.json profiles/realserver.json

# The linters first, for they take no time; then the lab's kernels, those that take longest first; and
# the unit tests last, which use both CPUs at the end, when few kernels are left. The newest kernel is
# there before: else what needs it comes last, and runs alone. So is the byte code, of which no kernel
# keeps what it has compiled: each would spend a second on it.
test: export LVSDR_REQUIRE_ALL := 1
test: packages-test .venv/.test
	$(MAKE) kernel-$(NEWEST) $(if $(LACKING),kernel-$(WITH_IPTABLES))
	$(PY) -m compileall -q lvsdr
	$(PY) -m compileall -q -l tests tests/lab
	$(MAKE) --output-sync --jobs $(JOBS) check docs $(PARTS:%=lab-part-%) $(LACKING) \
		$(HALVES:%=lab-newest-scenarios-%) lab-newest unit

# A small site; a link that leads nowhere is an error.
.PHONY: docs
docs: .venv/.test
	rm -rf build/site docs/reference
	$(PY) -m sphinx -q -W --keep-going -b html -d build/site.cache docs build/site

check: .venv/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(PY) -m mypy
	$(PY) $(BIN)/lint-imports

# One process for each CPU, isolated as well.
EACH_CPU := --dist load --tx '$(shell nproc)*popen//python=$(PY)'
unit: .venv/.test
	nice -n 19 $(PY) -m pytest $(EACH_CPU) tests --ignore tests/lab --cov --cov-report=
	$(PY) -m coverage report --fail-under 98 \
		--include '*/planner.py,*/plan_order.py,*/workflow.py,*/situation.py,*/both_roles.py,*/record.py,*/core/book.py,*/durable_file.py,*/reader/*'

# The same with the oldest libraries that pyproject.toml allows: .venv has the newest. Completions are
# shipped as the newest click prints them.
LOWEST = $(shell sed -n 's/^    "\([a-z0-9]*\)>=\([0-9.]*\),<.*/\1==\2/p' pyproject.toml)
WITH_LOWEST := build/lowest/bin/python -I
lowest: packages-test
	$(PYTHON) -I -m venv build/lowest
	$(WITH_LOWEST) -m pip --disable-pip-version-check install -q -e '.[dev]' $(LOWEST)
	nice -n 19 $(WITH_LOWEST) -m pytest $(subst $(PY),$(WITH_LOWEST),$(EACH_CPU)) tests --ignore tests/lab \
		--deselect tests/test_packaging.py::test_a_shipped_completion_is_what_the_program_prints

# In twelve kernels: a boot, and what Python imports there, is five seconds of CPU time for each. In
# this order by how long they take, the longest first: none begins late and runs on alone.
PARTS := 1 2 10 6 11 4 3 5 8 12 7 9
# Each of them has one CPU, and waits for two thirds of the time: of four some are always ready, and no
# test waits long for its turn. Each takes 300 MB.
JOBS ?= $(shell awk -v most=$$((4 * $$(nproc))) '/^MemAvailable:/ \
	{ fit = int($$2 / 500000); print fit < 2 ? 2 : fit < most ? fit : most }' /proc/meminfo)
lab: .venv/.test $(if $(KERNEL),kernel-$(KERNEL))
	$(if $(LACKING),$(MAKE) kernel-$(WITH_IPTABLES))
	$(MAKE) --output-sync --jobs $(JOBS) $(LACKING) $(PARTS:%=lab-part-%)

# Other kernels than that of this machine's Debian; `KERNEL=7.2` is for whatever runs in the lab.
KERNELS := 6.12 7.2
NEWEST := 7.2
KERNEL ?=
ifneq ($(KERNEL),)
export LVSDR_UML := $(CURDIR)/.kernels/$(KERNEL)
endif

# What differs between kernels, on the newest, which has no legacy iptables; and every scenario.
SCENARIO := test_scenarios.py::test_a_scenario_shows_its_trouble_and_that_lvsdr_ends_it
HALVES := 1 2
FAILOVER := test_failover.py::test_the_other_director_takes_over_and_gives_back
COUNTERS := test_ipvs_status.py::test_counters_that_stand_still_are_said_to
ON_NEWEST := newer test_host_state.py test_host_rules.py test_ipvs_table.py test_ipvs_control.py \
	$(COUNTERS) $(FAILOVER)
lab-newest $(HALVES:%=lab-newest-scenarios-%): export LVSDR_UML := $(CURDIR)/.kernels/$(NEWEST)
lab-newest: .venv/.test kernel-$(NEWEST)
	$(PY) -m lvsdr rehearse profiles/director.json profiles/realserver.json
	$(IN_LAB) $(patsubst %,'tests/lab/%',$(ON_NEWEST)) -k 'not takes_over or stops'

# They wait for four fifths of the time, so by halves.
lab-newest-scenarios-%: export LVSDR_EVERY_ROW = $*/$(words $(HALVES))
lab-newest-scenarios-%: .venv/.test kernel-$(NEWEST)
	$(IN_LAB) 'tests/lab/$(SCENARIO)'

# Firewalls that User-Mode Linux has no modules for, on Debian's newest kernel in QEMU: as root.
STOCK := qemu-system-x86 qemu-system-common nftables
stock-firewalls: export LVSDR_UML := $(CURDIR)/.kernels/stock
stock-firewalls: .venv/.test packages-stock kernel-stock
	$(IN_LONG_LAB) tests/lab/stock

packages-stock:
	$(call install,$(call missing,$(STOCK)))

kernels: $(KERNELS:%=kernel-%)

kernel-%:
	tests/kernels.sh .kernels $*

# The collection for Ansible: built, and installed for the tests with an ansible-core of their own.
# It is no need of the program, nor of `make test`.
ANSIBLE_CORE := ansible-core==2.19.*
ANSIBLE := .venv-ansible/bin
COLLECTION := dist/lvsdr-cluster-$(VERSION).tar.gz
.venv-ansible/.made: Makefile | packages-demo
	$(PYTHON) -I -m venv .venv-ansible
	$(ANSIBLE)/python -I -m pip --disable-pip-version-check install -q '$(ANSIBLE_CORE)'
	touch $@

collection: .venv-ansible/.made
	$(ANSIBLE)/ansible-galaxy collection build ansible --output-path dist --force

fleet: collection
	$(ANSIBLE)/ansible-galaxy collection install $(COLLECTION) -p build/ansible --force

collection-sanity: collection
	tests/collection/sanity.sh $(CURDIR)/$(ANSIBLE) $(CURDIR)/$(COLLECTION)

# As root: dnf, and what makes a host of RPM of this one, in a folder that is thrown away.
collection-rpm: fleet rpm
	tests/collection/role_of_rpm.sh $(CURDIR)/$(ANSIBLE) $(CURDIR)/build/ansible \
		$(CURDIR)/dist/lvsdr-$(VERSION)-1.noarch.rpm

# The longest first, by their CPU time and how long they took beside others; dealt out to and fro,
# so that the parts are about as long as one another.
LONGEST := crashes scenarios folded_crashes two_boxes give_back service keep way_back \
	down_servers standby_guard watch failover tunnels fault_is_real health_kinds \
	restored_tables pressure wire vmac vrf_ipvlan given_up changing_links import_tables \
	take_over holders director_firewall two_masters keepalived_table unproven health flood \
	checks_in_trouble verify senders guards routed_containers keep_clusters unusual_checks \
	paths same_host client_kinds containers flux foreign_table disabled_checkers \
	unusual_paths path_checks recipes http_checks healthy_traffic cloned_host health_hands \
	hints commands keep_fifo export_tables arp_reply clients_unanswered silences report_page \
	host_rules proxies import_running director metrics forged_answers replace_director \
	first_address kept_bond ipvs_batch rtnetlink arp_model hooks drain_datagrams ipvs_drain
# A systemd of its own takes a minute to itself, each of the other hints some twenty seconds, and the
# managers of networks and what watches hosts are packages that nothing else needs; what a resident takes at rest, a race with
# keepalived or a long look at it, and troubles by the hundred are nothing beside other kernels: in `make torture`.
LATER := units hints_elsewhere keep_at_rest beside_keepalived many_die killed_keeper false_removals \
	networkd network_manager ifupdown prometheus export_managers export_ldirectord odd_services \
	keepalived_misses recipes_reversed fleet fleet_pair
# No plugin but pytest's own: none is used there, and to import them takes half a second of CPU time.
PLAIN := PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
IN_LAB := $(PLAIN) $(PY) -m lvsdr.lab --timeout 2400 -- $(PY) -m pytest

SHORTER = $(filter-out $(LONGEST) $(LATER),$(patsubst tests/lab/test_%.py,%,$(sort $(wildcard tests/lab/test_*.py))))
IN_ORDER = $(patsubst %,tests/lab/test_%.py,$(LONGEST) $(SHORTER))

# Debian's User-Mode Linux has no legacy iptables since 7.2. Where that is the machine's own kernel,
# the files that want its rules run on the newest that has them, by halves.
WITH_IPTABLES := 6.12
OWN_IPTABLES = $(shell find /usr/lib/uml/modules -name 'ip_tables.ko*' 2>/dev/null)
LACKING = $(if $(LVSDR_UML)$(OWN_IPTABLES),,$(HALVES:%=lab-iptables-%))
OF_IPTABLES = $(shell grep -lE 'ip6?tables|^from test_paths import' $(IN_ORDER))
HERE = $(filter-out $(if $(LACKING),$(OF_IPTABLES)),$(IN_ORDER))

part = $(shell printf '%s\n' $(HERE) | awk -v part=$(1) -v parts=$(words $(PARTS)) \
	'{ turn = (NR - 1) % (2 * parts); if (turn == part - 1 || turn == 2 * parts - part) print }')
# 6.1 now and then keeps a dead namespace's link (unregister_netdevice), for a while or for good, and
# then no module can be loaded. It does so after these, so they come last in their part.
LAST := tests/lab/test_two_boxes.py tests/lab/test_failover.py
ordered = $(filter-out $(LAST),$(1)) $(filter $(LAST),$(1))

lab-part-%: .venv/.test
	$(IN_LAB) $(call ordered,$(call part,$*))

lab-iptables-%: export LVSDR_UML = $(CURDIR)/.kernels/$(WITH_IPTABLES)
lab-iptables-%: .venv/.test kernel-$(WITH_IPTABLES)
	$(IN_LAB) $(shell printf '%s\n' $(OF_IPTABLES) | awk 'NR % $(words $(HALVES)) == $* - 1')

# The long form of the tests that are samples in `make test`; some hours. Three kernels at
# once: much of it is waiting, and one of them does not disturb another on two cores.
LONG := crashes progress keep pressure watch arp_reply arp_model changing_links silences vmac way_back \
	host_rules host_state ipvs_table paths scenarios give_back hooks units hints \
	hints_elsewhere healthy_traffic commands holders route_to unfit_hosts down_servers \
	beside_keepalived keepalived_misses false_removals killed_keeper many_die keep_at_rest networkd \
	network_manager ifupdown prometheus export_managers export_ldirectord export_tables \
	restored_tables random_rules odd_services recipes recipes_reversed keepalived_table fleet fleet_pair
CLUSTERS := lvsdr keepalived ipv6 ipv6-keepalived two-boxes two-boxes-keepalived
torture: packages-torture .venv/.test
	$(MAKE) --output-sync --keep-going --jobs 3 \
		$(LONG:%=torture-of-%) torture-of-data $(CLUSTERS:%=failover-of-%) stock-firewalls \
		collection-sanity collection-rpm

IN_LONG_LAB := $(PLAIN) $(PY) -m lvsdr.lab --timeout 9000 --memory 1024 -- $(PY) -m pytest --durations 5
torture-of-%: export LVSDR_TORTURE := 1
torture-of-%: .venv/.test
	$(IN_LONG_LAB) tests/lab/test_$*.py

# Ansible and eight hosts at once on one CPU: it takes most of an hour, and a playbook some minutes.
torture-of-fleet torture-of-fleet_pair: export PYTEST_ADDOPTS := -o faulthandler_timeout=4000
torture-of-fleet torture-of-fleet_pair: fleet

torture-of-data: .venv/.test
	$(PY) -m pytest tests/test_reader.py tests/test_workflow.py tests/test_wire_codecs.py

failover-of-%: export LVSDR_TORTURE := 1
failover-of-%: .venv/.test
	LVSDR_CLUSTER=$* $(IN_LONG_LAB) tests/lab/test_failover.py

bench: packages-test .venv/.test fleet
	for script in benchmarks/*.py; do \
		$(PY) -m lvsdr.lab --timeout 3000 --memory 1024 -- $(PY) $$script || exit 1; \
	done

format: .venv/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

packages-demo:
	$(call install,$(call missing,$(LAB)) $(VENV))

packages-test:
	$(call install,$(call missing,$(LAB) $(WITNESSES)) $(VENV))

packages-torture: packages-test
	$(call install,$(call missing,$(MANAGERS) $(MONITORING)))

# Nothing is asked of the network, nor of sudo, where nothing is missing.
define install
	@if [ -n '$(strip $(1))' ]; then set -ex; \
		$(SUDO) apt-get -q update; \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get -qy install --no-install-recommends $(strip $(1)); \
	fi
endef

.venv/.demo: pyproject.toml | packages-demo
	$(PYTHON) -I -m venv .venv
	$(PY) -m pip --disable-pip-version-check install -q -e .
	touch $@

.venv/.test: pyproject.toml | packages-test
	$(PYTHON) -I -m venv .venv
	$(PY) -m pip --disable-pip-version-check install -q -e '.[dev]'
	touch .venv/.demo $@

clean:
	rm -rf .venv .venv-ansible .kernels build dist *.egg-info .coverage .mypy_cache .ruff_cache .hypothesis
