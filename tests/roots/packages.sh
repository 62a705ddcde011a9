#!/bin/sh
# The packages on clean Debian 12, 13 and sid: packages.sh [SUITE...], from the root of the tree.
#
# `make packages-check` runs it. Some ten minutes, the most of them the package's life under each
# release's systemd. It builds nothing but a package that is newer by its version.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- bookworm trixie sid
package=$(ls dist/lvsdr_*_all.deb)
rpm=$(ls dist/lvsdr-*.noarch.rpm)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$package" "$rpm" "$work"

# The same program, and newer.
dpkg-deb -R "$package" "$work/next"
sed -i 's/^\(Version: .*\)$/\1+next/' "$work/next/DEBIAN/control"
sed -i 's/^\(__version__ = ".*\)"$/\1+next"/' "$work/next/usr/lib/lvsdr/lvsdr/__init__.py"
dpkg-deb -b "$work/next" "$work/next.deb"
rm -rf "$work/next"

systemd='systemd kmod iproute2 ipvsadm procps python3-jsonschema'
for suite in "$@"; do
	echo "== $suite"
	tests/roots/make_root.sh "$suite" >/dev/null
	for script in clean_root rpm_root; do
		LVSDR_OUT=$work tests/roots/in_root.sh "$suite" sh -eu "/here/tests/roots/$script.sh"
	done
	# shellcheck disable=SC2086 # names of packages
	system=$(tests/roots/make_root.sh "$suite" $systemd | tail -n 1)
	LVSDR_OUT=$work tests/roots/in_root.sh "$system" sh -eu /here/tests/roots/units_verified.sh
	LVSDR_SYSTEM=$system LVSDR_PACKAGE=$PWD/$package LVSDR_UPGRADE=$work/next.deb \
		.venv/bin/python -I -m lvsdr.lab --timeout 1500 --memory 1500 -- \
		.venv/bin/python -I -m pytest -q -s tests/roots/package_lives.py
done
