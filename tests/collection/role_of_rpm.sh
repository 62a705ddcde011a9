#!/usr/bin/env bash
# The role with an .rpm, by a real dnf: `tests/collection/role_of_rpm.sh BIN COLLECTIONS RPM`, as root.
#
# BIN has ansible-core. This machine's files lie below a throw-away folder, in which it has dnf and
# says that it is Fedora; what a host of RPM brings by itself is a package without files there.
set -euo pipefail
bin=$1 collections=$2 rpm=$3 top=${4:-}
if [ -z "$top" ]; then
	top=$(mktemp -d)
	trap 'rmdir "$top"' EXIT
	unshare --mount "$0" "$bin" "$collections" "$rpm" "$top"
	exit
fi
mount -t tmpfs tmpfs "$top"
mkdir "$top/upper" "$top/work" "$top/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" "$top/root"
for each in proc sys dev "${collections#/}" "${bin#/}" "$(dirname "${rpm#/}")"; do
	mkdir -p "$top/root/$each"
	mount --rbind "/$each" "$top/root/$each"
done
exec chroot "$top/root" /bin/bash -euo pipefail -s "$bin" "$collections" "$rpm" <<'INSIDE'
bin=$1 collections=$2 rpm=$3
export DEBIAN_FRONTEND=noninteractive HOME=/root LC_ALL=C.UTF-8
apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends dnf python3-dnf rpm >/dev/null
rm -f /usr/bin/apt /usr/bin/apt-get /etc/debian_version /etc/os-release
printf 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=39\n' >/etc/os-release
echo 'Fedora release 39 (Thirty Nine)' | tee /etc/fedora-release >/etc/redhat-release
ln -sf dnf-3 /usr/bin/dnf4
work=$(mktemp -d)
cat >"$work/base.spec" <<'SPEC'
Name: base
Version: 39
Release: 1
Summary: What a host of RPM has by itself
License: none
BuildArch: noarch
Provides: python3 = 3.11, python3-jsonschema = 4.10, /usr/bin/kill, /bin/sh
%description
It has no files: they are there.
%files
SPEC
rpmbuild -bb --quiet --define "_topdir $work" "$work/base.spec"
rpm --install --justdb --quiet "$work"/RPMS/noarch/base-*.rpm
cat >"$work/play.yml" <<PLAY
- hosts: localhost
  connection: local
  vars: {lvsdr_package: "$rpm", ansible_python_interpreter: /usr/bin/python3}
  roles: [lvsdr.cluster.lvsdr]
PLAY
export ANSIBLE_COLLECTIONS_PATH=$collections ANSIBLE_HOME=$work/home ANSIBLE_NOCOLOR=1

# What the play changes: in check mode what it would bring; brought and installed; then nothing.
play() {
	expected=$1
	shift
	"$bin/ansible-playbook" -i localhost, "$@" "$work/play.yml" | tee "$work/said" | grep '^localhost'
	grep -Eq "changed=$expected +unreachable=0 +failed=0" "$work/said" || { cat "$work/said"; exit 1; }
}
play 1 --check
test ! -e /usr/bin/lvsdr
play 2
rpm --query lvsdr
/usr/bin/lvsdr --version
play 0
INSIDE
