#!/bin/sh
# A minimal Debian of another release, below .roots/: make_root.sh SUITE [PACKAGE...]
#
# What a newcomer's machine has, and nothing more. It is made once, from the archive that this
# machine's own apt uses, and kept; in_root.sh starts commands in a copy of it that is thrown away.
# With packages it is a root of its own, .roots/SUITE+NAME+NAME, above the minimal one.
set -eu

usage='usage: make_root.sh bookworm|trixie|sid [PACKAGE...]'
suite=${1:?$usage}
shift
case $suite in bookworm | trixie | sid) ;; *) echo "$usage" >&2; exit 2 ;; esac
here=$(cd "$(dirname "$0")" && pwd)
roots=${LVSDR_ROOTS:-$here/../../.roots}
if ! command -v debootstrap >/dev/null; then
	echo 'make_root.sh: debootstrap is missing; hint: apt-get install debootstrap' >&2
	exit 6
fi
mkdir -p "$roots"
roots=$(cd "$roots" && pwd)

# As apt itself reads its sources, whatever their form.
archive=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' |
	sed -n '/ Debian$/{s/ .*//;p;q}')
if [ -z "$archive" ]; then
	echo 'make_root.sh: this machine has no source of Debian in /etc/apt' >&2
	exit 6
fi

# Below another name until it is whole: what is there is finished.
minimal() {
	[ ! -e "$roots/$suite" ] || return 0
	rm -rf --one-file-system "$roots/$suite.part"
	debootstrap --variant=minbase "$suite" "$roots/$suite.part" "$archive"
	# Nothing is started in a folder, and how this machine gets at its archive holds there too.
	printf '#!/bin/sh\nexit 101\n' >"$roots/$suite.part/usr/sbin/policy-rc.d"
	chmod 0755 "$roots/$suite.part/usr/sbin/policy-rc.d"
	apt-config dump --format '%f "%v";%n' Acquire::http Acquire::https \
		Acquire::Check-Valid-Until Acquire::Check-Date |
		grep -v '::::\| "";$' >"$roots/$suite.part/etc/apt/apt.conf.d/90machine" || true
	printf 'APT::Install-Recommends "0";\nAPT::Install-Suggests "0";\n' \
		>"$roots/$suite.part/etc/apt/apt.conf.d/91minimal"
	mv "$roots/$suite.part" "$roots/$suite"
	LVSDR_IN_PLACE=1 "$here/in_root.sh" "$suite" apt-get -q update
}

minimal
[ $# -gt 0 ] || { echo "$roots/$suite"; exit 0; }
name=$suite$(printf '+%s' "$@")
if [ ! -e "$roots/$name" ]; then
	rm -rf --one-file-system "$roots/$name.part"
	cp -a --reflink=auto "$roots/$suite" "$roots/$name.part"
	LVSDR_IN_PLACE=1 "$here/in_root.sh" "$name.part" \
		env DEBIAN_FRONTEND=noninteractive apt-get -qy install "$@"
	mv "$roots/$name.part" "$roots/$name"
fi
echo "$roots/$name"
