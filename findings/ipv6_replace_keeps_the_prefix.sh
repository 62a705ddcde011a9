#!/bin/sh
# `ip -6 address replace` of another prefix length succeeds, and changes nothing.
#
# iproute2 6.1.0 (Debian 12, 6.1.0-3), seen on Linux 6.18. IPv4 holds an address of a link once with each
# prefix length, IPv6 once in all: with 2001:db8::2/64 there, 2001:db8::2/128 cannot be added. `replace`
# and `change` of it end with 0 all the same: the kernel finds the address, sets its flags and times, and
# leaves the prefix length, with the route that goes with it. So a script that "makes sure" of a host
# address has none afterwards, and `del` of what it has set is told that there is no such address.
#
# Seen:
#   add 2
#   replace 0
#   change 0
#   2001:db8::2/64
#   del 2
#   IPv4 add 0
#   192.0.2.2/24
#   192.0.2.2/32
#
# Needs: root, unshare, apt-get with a Debian 12 mirror, dpkg-deb. Nothing is installed; some seconds.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
get() { apt-get -q -o APT::Sandbox::User=root download "$@" >/dev/null; }
get iproute2=6.1.0-3
get libbpf1 libelf1 libmnl0 libbsd0 libmd0 libcap2 libtirpc3 libxtables12 libdb5.3
for file in ./*.deb; do dpkg-deb -x "$file" .; done
LD_LIBRARY_PATH=$(find "$folder" -name '*.so.*' -exec dirname {} \; | sort -u | paste -sd:)
export LD_LIBRARY_PATH
ip=$(find "$folder" -path '*bin/ip' -type f | head -n 1)
export ip
unshare -n sh >seen 2>/dev/null <<'INSIDE'
$ip link set lo up
shown() { $ip -br address show dev lo | tr -s ' ' '\n' | grep "^$1" || true; }
$ip -6 address add 2001:db8::2/64 dev lo
for verb in add replace change; do
	code=0
	$ip -6 address $verb 2001:db8::2/128 dev lo || code=$?
	echo "$verb $code"
done
shown 2001:db8::2
code=0
$ip -6 address del 2001:db8::2/128 dev lo || code=$?
echo "del $code"
$ip address add 192.0.2.2/24 dev lo
code=0
$ip address add 192.0.2.2/32 dev lo || code=$?
echo "IPv4 add $code"
shown 192.0.2.2
INSIDE
cat seen
cat >expected <<'EXPECTED'
add 2
replace 0
change 0
2001:db8::2/64
del 2
IPv4 add 0
192.0.2.2/24
192.0.2.2/32
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
