#!/bin/sh
# What a newcomer types on a minimal Debian: newcomer.sh SUITE [TARGET...]
#
# Clones the last commit into a throw-away copy of the suite's root, and types `make TARGET` for each
# (default: demo); FLAGS=-k goes on after a failure. LAB="NAME ..." runs tests/lab/test_NAME.py there
# instead, one kernel for each: on the release's own kernel, with its keepalived; PACKAGES=torture
# installs what the long ones need. What this machine trusts, the root trusts as well.
set -eu
cd "$(dirname "$0")/../.."
suite=${1:?usage: newcomer.sh bookworm|trixie|sid [TARGET...]}
shift
[ $# -gt 0 ] || set -- demo
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
git bundle create -q "$out/clone" HEAD
cp --dereference /etc/ssl/certs/ca-certificates.crt "$out/trusted"

# Nothing but what has to be there before anybody can clone, and type make.
root=$(tests/roots/make_root.sh "$suite" ca-certificates git make python3 | tail -n 1)
LVSDR_OUT=$out tests/roots/in_root.sh "$root" sh -eu -c '
	suite=$1 lab=$2 packages=$3 flags=$4
	shift 4
	cat /out/trusted >/etc/ssl/certs/ca-certificates.crt
	export PIP_CERT=/etc/ssl/certs/ca-certificates.crt LVSDR_REQUIRE_ALL=1
	git clone -q /out/clone /root/lvsdr
	cd /root/lvsdr
	echo "== $suite: $(python3 --version), make $*"
	if [ -z "$lab" ]; then
		# shellcheck disable=SC2086 # words
		for target in "$@"; do make $flags "$target"; done
		exit
	fi
	make "packages-$packages" .venv/.test >/out/log 2>&1 || { tail /out/log; exit 1; }
	dpkg-query -W -f "\${binary:Package} \${Version}\n" systemd network-manager ifupdown 2>/dev/null || true
	echo "== $(keepalived -v 2>&1 | head -n 1), Linux $(linux.uml --version)"
	[ "$packages" = torture ] || .venv/bin/python -I -m pytest -q tests/test_keepalived_*.py
	for name in $lab; do
		echo "== $name"
		.venv/bin/python -I -m lvsdr.lab --timeout 900 --memory 1024 -- \
			.venv/bin/python -I -m pytest -q "tests/lab/test_$name.py" || failed="${failed:-} $name"
	done
	[ -z "${failed:-}" ] || { echo "newcomer.sh: on $suite failed:$failed" >&2; exit 1; }
' newcomer "$suite" "${LAB:-}" "${PACKAGES:-test}" "${FLAGS:-}" "$@"
