#!/bin/sh
# A wheel and a source release, outside of any checkout: releases.sh, from the root of the tree.
#
# `make packages-check` runs it: the wheel in an environment of its own, and the Debian package made
# from the unpacked source release, which is the one that the tree makes.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip='-I -m pip --disable-pip-version-check install -q'
python3 -I -m venv "$work/builder"
# shellcheck disable=SC2086 # words
"$work/builder/bin/python" $pip build
"$work/builder/bin/python" -I -m build --outdir "$work/made" . >"$work/log" 2>&1 ||
	{ cat "$work/log"; exit 1; }

python3 -I -m venv "$work/env"
# shellcheck disable=SC2086
"$work/env/bin/python" $pip "$work"/made/lvsdr-*.whl
(
	cd /
	PATH=$work/env/bin:$PATH
	lvsdr --version
	lvsdr schema realserver | grep -q draft-07
	cp "$work/env/share/doc/lvsdr/examples/"*.json "$work"
	lvsdr check "$work/director.json" "$work/realserver.json" >/dev/null
	# Beside the program, where man looks for pages by itself, and bash for completions.
	[ "$(MANPATH= man -w lvsdr)" = "$work/env/share/man/man8/lvsdr.8" ]
	[ -f "$work/env/share/bash-completion/completions/lvsdr" ]
	lvsdr rehearse --scenario classic | tail -n 1
	lvsdr rehearse "$work/director.json" "$work/realserver.json" | tail -n 1
)
tar -C "$work" -xzf "$work"/made/lvsdr-*.tar.gz
make -s -C "$work"/lvsdr-[0-9]*/ deb >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmp dist/lvsdr_*_all.deb "$work"/lvsdr-[0-9]*/dist/lvsdr_*_all.deb
echo 'the package made from the source release is that of the tree'
