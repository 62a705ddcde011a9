#!/bin/sh
# netplan writes a route's metric from 2147483648 on as a negative number, and networkd leaves it out.
#
# netplan.io 0.106-2+deb12u1 (Debian 12). The metric of a route is 0 to 4294967295 in the kernel, in
# systemd-networkd and, by its own documentation, in netplan; a route that is to be the last of all has
# one near the end. Of 4294967294 netplan makes Metric=-2, without a word. systemd-networkd does not
# take the line, and with systemd 252 the route was not there. netplan.io 1.1.2-7 (Debian 13) writes
# what it was given.
#
# Seen:
#   metric: 2147483647
#   Metric=2147483647
#   metric: 4294967294
#   Metric=-2
#
# Needs: apt-get with a Debian 12 mirror, dpkg-deb. Nothing is installed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# The newest of 0.106 that the mirror has, and the libraries that it was built with.
for package in netplan.io libnetplan0; do
	version=$(apt-cache madison $package | awk '$3 ~ /^0\.106/ {print $3; exit}')
	apt-get -q -o APT::Sandbox::User=root download "$package=$version" >/dev/null
done
for package in libglib2.0-0 libyaml-0-2; do
	apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null
done
for file in ./*.deb; do dpkg-deb -x "$file" .; done
LD_LIBRARY_PATH=$(find "$folder" -name '*.so.*' -exec dirname {} \; | sort -u | paste -sd:)
export LD_LIBRARY_PATH
generate=$(find . -path '*netplan/generate' -type f | head -n 1)
for metric in 2147483647 4294967294; do
	rm -rf root
	mkdir -p root/etc/netplan
	cat >root/etc/netplan/1.yaml <<YAML
network:
  version: 2
  ethernets:
    eth0:
      routes:
        - {to: 192.0.2.1/32, type: unreachable, metric: $metric}
YAML
	chmod 0600 root/etc/netplan/1.yaml
	"$generate" --root-dir root
	echo "metric: $metric"
	grep '^Metric' root/run/systemd/network/10-netplan-eth0.network
done >seen
cat seen
cat >expected <<'EXPECTED'
metric: 2147483647
Metric=2147483647
metric: 4294967294
Metric=-2
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
