#!/bin/sh
# A host whose table of neighbours is full does not answer ARP for its own addresses, and the table
# is one for all network namespaces of the kernel.
#
# Linux 6.1 (Debian's user-mode-linux 6.1um4+b13). To answer a question, arp_process() first makes an
# entry for whoever asks (net/ipv4/arp.c, neigh_event_ns()); where there is no room for it, it says
# nothing. The room is net.ipv4.neigh.default.gc_thresh3, 1024 by default, which only the first
# namespace has; entries of every namespace count. So a container that speaks to many hosts makes the
# host beside it unreachable for all that it does not know already, its gateway among them. A question
# without a sender address (0.0.0.0, a probe) is answered all the same: no entry is made.
#
# Seen:
#   room for 4, table empty: answered
#   room for 4, another namespace asks for 8: not answered
#   the same, asked as a probe: answered
#
# Needs: apt-get with a Debian mirror, dpkg-deb. Nothing is installed; takes about ten seconds.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for package in user-mode-linux=6.1um4+b13 busybox-static iputils-arping; do
	apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null
done
for file in ./*.deb; do dpkg-deb -x "$file" .; done
cat >guest <<'GUEST'
#!FOLDER/bin/busybox sh
PATH=FOLDER/bin:FOLDER/usr/bin:FOLDER/usr/sbin
b=FOLDER/bin/busybox
$b mount -t proc proc /proc
$b insmod FOLDER/usr/lib/uml/modules/$($b uname -r)/kernel/drivers/net/veth.ko
neigh=/proc/sys/net/ipv4/neigh/default
$b echo 2 >$neigh/gc_thresh2; $b echo 4 >$neigh/gc_thresh3
# Two hosts with a cable between them, and one that has nothing to do with either.
$b ip link add type veth
$b unshare -n $b sleep 60 & answers=$!
$b unshare -n $b sleep 60 & apart=$!
$b sleep 1
$b ip link set veth1 netns $answers
$b ip link set veth0 up; $b ip addr add 192.0.2.1/24 dev veth0
$b nsenter -t $answers -n $b ip link set veth1 up
$b nsenter -t $answers -n $b ip addr add 192.0.2.2/24 dev veth1
$b ip link add type veth
$b ip link set veth1 netns $apart
$b ip link set veth2 up
$b nsenter -t $apart -n $b ip link set veth1 up
$b nsenter -t $apart -n $b ip addr add 198.51.100.1/24 dev veth1
$b sleep 2
ask() { if arping -c 2 -w 3 -I veth0 "$@" >/dev/null 2>&1; then echo answered; else echo not answered; fi; }
echo "room for 4, table empty: $(ask 192.0.2.2)"
for last in 11 12 13 14 15 16 17 18; do
	$b nsenter -t $apart -n $b ping -c 1 -W 1 198.51.100.$last >/dev/null 2>&1 &
done
$b nsenter -t $answers -n $b ip neigh flush dev veth1 >/dev/null 2>&1
echo "room for 4, another namespace asks for 8: $(ask 192.0.2.2)"
# With -D it asks without a sender address, and fails where somebody answers.
if arping -D -c 2 -w 3 -I veth0 192.0.2.2 >/dev/null 2>&1; then probe="not answered"; else probe=answered; fi
echo "the same, asked as a probe: $probe"
$b poweroff -f
GUEST
sed -i "s|FOLDER|$folder|g" guest
chmod 0755 guest
./usr/bin/linux.uml rootfstype=hostfs rootflags=/ ro mem=256M con=null con0=fd:0,fd:1 quiet init="$folder/guest" </dev/null >console 2>&1 || true
tr -d '\r' <console | grep -E '^(room|the same)' >seen || { cat console; exit 1; }
cat seen
cat >expected <<'EXPECTED'
room for 4, table empty: answered
room for 4, another namespace asks for 8: not answered
the same, asked as a probe: answered
EXPECTED
cmp seen expected
