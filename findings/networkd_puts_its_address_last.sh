#!/bin/sh
# systemd-networkd puts its own address behind those that it keeps, and multicast leaves from those.
#
# systemd 252.39-1~deb12u2 (Debian 12). An address that another program has put on a link is first in the list of
# that link once networkd has taken its own address away, when carrier is lost, and brought it back.
# The kernel takes the first one for the source of what no route names a source for: of multicast, and
# of broadcast. So a virtual IP address, of which each host of a cluster may hold a copy on lo, becomes
# the source of a host's multicast, for as long as the link stays up.
#
# Seen:
#   before: 192.0.2.1 192.0.2.10, multicast from 192.0.2.1
#   carrier lost and back: 192.0.2.10 192.0.2.1, multicast from 192.0.2.10
#
# Needs: root, apt-get with a Debian 12 mirror, dpkg-deb, iproute2, the user systemd-network. Nothing is
# installed; it runs in network and mount namespaces of its own, and takes about ten seconds.
set -eu
if [ "${1-}" != inside ]; then
	self=$(realpath "$0")
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
	cd "$folder"
	# The newest of 252 that the mirror has.
	for package in systemd libsystemd-shared; do
		version=$(apt-cache madison $package | awk '$3 ~ /^252/ {print $3; exit}')
		apt-get -q -o APT::Sandbox::User=root download "$package=$version" >/dev/null
	done
	for file in ./*.deb; do dpkg-deb -x "$file" .; done
	chmod 0755 .
	unshare --net --mount "$self" inside "$folder" >seen
	cat seen
	cat >expected <<'EXPECTED'
before: 192.0.2.1 192.0.2.10, multicast from 192.0.2.1
carrier lost and back: 192.0.2.10 192.0.2.1, multicast from 192.0.2.10
EXPECTED
	cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
	exit
fi
folder=$2
# Without a /sys that can be written it does not wait for udev; /run and /etc are none of the host's.
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/netif /run/systemd/network
for name in . links leases lldp; do
	mkdir -p "/run/systemd/netif/$name"
	chown systemd-network:systemd-network "/run/systemd/netif/$name"
done
mkdir "$folder/empty"
[ ! -d /etc/systemd/network ] || mount --bind "$folder/empty" /etc/systemd/network
ip link set lo up
ip link add eth0 type veth peer name peer0
ip link set peer0 up
cat >/run/systemd/network/10-eth0.network <<'NETWORK'
[Match]
Name=eth0
[Network]
LinkLocalAddressing=no
Address=192.0.2.1/24
NETWORK
LD_LIBRARY_PATH=$(find "$folder" -name 'libsystemd-shared*' -exec dirname {} \;) \
	"$folder/lib/systemd/systemd-networkd" 2>"$folder/log" &
manager=$!
trap 'kill $manager' EXIT
wait_for() { # ADDRESS there|gone
	for _ in $(seq 200); do
		if ip -4 -o address show dev eth0 | grep -q " $1/"; then now=there; else now=gone; fi
		[ $now != "$2" ] || return 0
		sleep 0.1
	done
	cat "$folder/log" >&2
	exit 1
}
told() {
	list=$(ip -4 -o address show dev eth0 | awk '{ sub("/.*", "", $4); printf "%s ", $4 }')
	source=$(ip route get 224.0.0.81 oif eth0 | grep -o 'src [0-9.]*')
	echo "$1: ${list% }, multicast from ${source#src }"
}
wait_for 192.0.2.1 there
ip address add 192.0.2.10/32 dev eth0
told before
ip link set peer0 down
wait_for 192.0.2.1 gone
ip link set peer0 up
wait_for 192.0.2.1 there
told "carrier lost and back"
