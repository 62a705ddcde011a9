#!/bin/sh
# Unpack newer User-Mode Linux kernels: `tests/kernels.sh FOLDER SERIES...`, as `make kernels` does.
#
# FOLDER/SERIES then holds a kernel as LVSDR_UML takes it: linux.uml, and its modules beside it. They
# are Debian's own packages of the suite that has SERIES, and the libc of that suite, which they need.
# Nothing is installed: apt-get has lists, settings and a status of its own, in FOLDER. What is there
# already and starts is left as it is, and nothing is asked of the network.
#
# SERIES `stock` is Debian's newest kernel for virtual machines, which QEMU runs (tests/stock_uml.sh):
# it has what User-Mode Linux lacks, nftables and arptables.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case $1 in /*) folder=$1 ;; *) folder=$PWD/$1 ;; esac
shift
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
# patchelf, of the same suite and run by its libc, and what that is linked with beside the libc.
packages='user-mode-linux libc6 patchelf libstdc++6 libgcc-s1'

suite_of() {
	case $1 in
	6.12) echo trixie ;;
	7.2 | stock) echo sid ;;
	*) echo "$0: no suite of Debian is known that has Linux $1" >&2 && exit 2 ;;
	esac
}

# Its programs have the path of their libc in them: a folder that was moved is made anew.
starts() { [ -d "$1/modules" ] && "$1/linux.uml" --version >/dev/null 2>&1; }

apt() {
	command=$1
	shift
	"apt-${tool:-get}" -q -o APT::Update::Error-Mode=any -o Acquire::Retries=3 \
		-o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)" \
		-o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts="$apt/archives/partial" \
		-o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" "$command" "$@"
}

unpack() {
	series=$1 suite=$(suite_of "$1") target=$folder/$1
	apt=$(mktemp -d "$folder/apt.XXXXXX")
	trap 'rm -rf "$apt"' EXIT
	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	: >"$apt/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
		>"$apt/sources.list"
	# A mirror that is just being renewed has lists that do not go together.
	apt update || { sleep 5 && apt update; }
	if [ "$series" = stock ]; then wanted=$(stock_packages); else wanted=$packages; fi
	# shellcheck disable=SC2086
	(cd "$apt" && apt download $wanted)
	for package in "$apt"/*.deb; do dpkg-deb -x "$package" "$apt/root"; done
	rm -rf "$target"
	if [ "$series" = stock ]; then place_stock; else place_uml; fi
	rm -rf "$apt"

	starts "$target" || { echo "$0: Linux $series does not start here" >&2 && exit 1; }
	release=$("$target/linux.uml" --version)
	case $series:$release in
	stock:* | "$series:$series".*) ;;
	# Suites move on. The newest kernel is what is wanted, so this is no failure.
	*) echo "$0: $suite has Linux $release now, which is in $target" >&2 ;;
	esac
}

# The packages that the newest kernel for virtual machines is made of.
stock_packages() {
	name=$(tool=cache apt depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: linux-image-//p')
	echo "linux-base-$name linux-binary-$name linux-modules-$name"
}

place_stock() {
	mkdir -p "$target"
	mv "$apt/root/usr/lib/modules" "$target/"
	release=$(basename "$target"/modules/*)
	mv "$target/modules/$release/vmlinuz" "$target/"
	mkdir -p "$apt/base/lib"
	ln -s "$target/modules" "$apt/base/lib/modules"
	/usr/sbin/depmod -b "$apt/base" "$release"
	install -m 0755 "$here/stock_uml.sh" "$target/linux.uml"
}

place_uml() {
	mkdir -p "$target/lib"
	mv "$apt"/root/usr/lib/uml/modules "$apt"/root/usr/bin/linux.uml "$target/"
	libraries=$(dirname "$(find "$apt/root" -name libc.so.6)")
	mv "$libraries/libc.so.6" "$libraries/ld-linux-x86-64.so.2" "$target/lib/"
	"$target/lib/ld-linux-x86-64.so.2" --library-path "$target/lib:$libraries" \
		"$apt/root/usr/bin/patchelf" --set-rpath "$target/lib" \
		--set-interpreter "$target/lib/ld-linux-x86-64.so.2" "$target/linux.uml"
}

mkdir -p "$folder"
for series in "$@"; do
	starts "$folder/$series" || unpack "$series"
done
