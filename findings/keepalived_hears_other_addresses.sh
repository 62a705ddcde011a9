#!/bin/sh
# Two keepaliveds that list other addresses are both master before 2.3.3, and one of them from then on.
#
# keepalived 2.2.7 (Debian 12) throws away an advert of VRRP 2 whose addresses are not its own list, and
# both directors are master for good. 2.3.3 (Debian 13) logs it, and takes the advert: where one director
# has been given an address more, it is nobody's once the other one takes over, and no two masters tell
# of it. RFC 5798 lets both do so ("MAY verify").
#
# Seen:
#   Keepalived v2.2.7: 192.0.2.1 is held by 2 of 2
#   Keepalived v2.3.3: 192.0.2.1 is held by 1 of 2
#
# Needs: root, apt-get, a Debian mirror (DEBIAN_MIRROR), dpkg-deb, ip, unshare. Nothing is installed; takes
# about a minute.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# keepalived of a suite, and what it is linked with.
unpack() {
	mkdir -p "$1/apt/lists/partial" "$1/apt/archives/partial"
	: >"$1/apt/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"${DEBIAN_MIRROR:-http://deb.debian.org/debian} $1 main" >"$1/apt/sources.list"
	options="-q -o APT::Sandbox::User=root -o Acquire::Languages=none
		-o Dir::Etc::SourceList=$folder/$1/apt/sources.list -o Dir::Etc::SourceParts=-
		-o Dir::State=$folder/$1/apt -o Dir::State::status=$folder/$1/apt/status
		-o Dir::Cache=$folder/$1/apt"
	# shellcheck disable=SC2086
	(
		cd "$1"
		apt-get $options update
		apt-get $options download keepalived $(apt-cache $options depends --recurse --no-recommends \
			--no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances keepalived |
			grep '^lib' | sort -u)
		for file in ./*.deb; do dpkg-deb -x "$file" .; done
		# It does not start without this file, where there is one, and looks beside itself as well.
		cp etc/keepalived/keepalived.config-opts usr/sbin/ || true
	) >"$1/apt/log" 2>&1
}

cat >one <<'CONF'
vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority PRIORITY
  advert_int 1
  virtual_ipaddress {
    192.0.2.1
    MORE
  }
}
CONF
sed 's/PRIORITY/100/; s/MORE/192.0.2.2/' one >a.conf
sed 's/PRIORITY/50/; /MORE/d' one >b.conf

# Two namespaces and a cable, in a network and a folder of named ones of our own.
cat >try <<'TRY'
set -eu
suite=$1
mount -t tmpfs tmpfs /run
mkdir /run/netns
libraries=$(find "$PWD/$suite" -name '*.so.*' -exec dirname {} + | sort -u | tr '\n' ':')
loader=$(find "$PWD/$suite" -name ld-linux-x86-64.so.2 | head -n 1)
for each in a b; do ip netns add "$each"; done
ip link add eth0 netns a type veth peer name eth0 netns b
pids=
for each in a b; do
	ip -n "$each" link set lo up
	ip -n "$each" link set eth0 up
done
ip -n a address add 192.0.2.11/24 dev eth0
ip -n b address add 192.0.2.12/24 dev eth0
for each in a b; do
	ip netns exec "$each" "$loader" --library-path "$libraries" "$suite/usr/sbin/keepalived" --dont-fork \
		--log-console --vrrp --use-file="$each.conf" --pid="/run/$each" --vrrp_pid="/run/v$each" \
		--bfd_pid="/run/b$each" --checkers_pid="/run/c$each" >"$each.log" 2>&1 &
	pids="$pids $!"
done
sleep 8
held=0
for each in a b; do
	! ip -n "$each" address show dev eth0 | grep -q 192.0.2.1/ || held=$((held + 1))
done
# shellcheck disable=SC2086
kill $pids
wait
version=$(sed -n 's/.*Starting \(Keepalived v[0-9.]*\).*/\1/p' a.log)
echo "$version: 192.0.2.1 is held by $held of 2"
TRY
for suite in bookworm trixie; do
	unpack "$suite"
	unshare --net --mount --propagation private sh try "$suite"
done | tee seen
cat >expected <<'EXPECTED'
Keepalived v2.2.7: 192.0.2.1 is held by 2 of 2
Keepalived v2.3.3: 192.0.2.1 is held by 1 of 2
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
