#!/bin/sh
# keepalived's use_vmac does half its work on Linux 7.2: another MAC than the virtual router's answers.
#
# keepalived 2.2.7 (Debian 12, 1:2.2.7-1+b2), 2.3.3 (Debian 13, 1:2.3.3-1) and 2.3.4 (sid, 1:2.3.4-1+b2),
# on Linux 7.2.7 (User-Mode Linux of Debian sid, 7.2um1). It makes the macvlan vrrp.51, and sets
# arp_ignore, accept_local and rp_filter of that link and of the interface below by RTM_NEWLINK with
# IFLA_INET_CONF. The kernel wants NLA_F_NESTED on that attribute now ("NLA_F_NESTED is missing"; 6.12 did
# not look), and refuses the whole message: EINVAL. keepalived says so in its log, becomes master all the
# same and announces the VIP at 00:00:5e:00:01:33; but who asks for it is told the MAC of the interface
# itself, which the next master does not have.
#
# Seen:
#   keepalived 2.2.7, "Unable to set parameters for vrrp.51":
#     arp_ignore of vrrp.51 and eth0: 0 0, answered at 02:00:00:00:00:10
#   keepalived 2.3.3, "Unable to set parameters for vrrp.51":
#     arp_ignore of vrrp.51 and eth0: 0 0, answered at 02:00:00:00:00:10
#   keepalived 2.3.4, "Unable to set parameters for vrrp.51":
#     arp_ignore of vrrp.51 and eth0: 0 0, answered at 02:00:00:00:00:10
#
# Needs: apt-get with a Debian mirror (DEBIAN_MIRROR), dpkg-deb, kmod, iproute2, bash. Nothing is installed
# and no privilege is needed: the kernel is an ordinary process. Takes about a minute and a half.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
get() { # SUITE PROGRAM...: unpack packages, and the libraries that they need, below SUITE
	suite=$1
	mkdir -p "$suite/lists/partial" "$suite/archives/partial"
	: >"$suite/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"${DEBIAN_MIRROR:-http://deb.debian.org/debian} $suite main" >"$suite/sources.list"
	options="-q -o APT::Sandbox::User=$(id -un) -o Acquire::Languages=none -o Dir::State=$folder/$suite
		-o Dir::State::status=$folder/$suite/status -o Dir::Cache=$folder/$suite
		-o Dir::Etc::SourceList=$folder/$suite/sources.list -o Dir::Etc::SourceParts=-"
	shift
	# shellcheck disable=SC2086
	(
		cd "$suite"
		apt-get $options update >/dev/null
		apt-get $options download "$@" $(apt-cache $options depends --recurse --no-recommends \
			--no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
			grep '^lib' | sort -u) >/dev/null
		for file in ./*.deb; do dpkg-deb -x "$file" .; done
	)
}
libraries() { find "$folder/$1" -name '*.so.*' -exec dirname {} + | sort -u | tr '\n' ':'; }
loader() { find "$folder/$1" -name 'ld-linux-x86-64.so.2' -type f | head -n 1; }
get sid user-mode-linux=7.2um1 patchelf keepalived=1:2.3.4-1+b2
get bookworm keepalived=1:2.2.7-1+b2
get trixie keepalived=1:2.3.3-1
"$(loader sid)" --library-path "$(libraries sid)" sid/usr/bin/patchelf --set-rpath "$(libraries sid)" \
	--set-interpreter "$(loader sid)" sid/usr/bin/linux.uml
cat >conf <<'CONF'
global_defs {
  router_id one
}
vrrp_instance web {
  state MASTER
  interface eth0
  virtual_router_id 51
  advert_int 1
  use_vmac
  virtual_ipaddress {
    192.0.2.2
  }
}
CONF
cat >try <<'TRY'
#!/bin/bash
# try SUITE LOADER LIBRARIES: one keepalived on links of its own, and who answers another host.
set -eu
ip link add eth0 address 02:00:00:00:00:10 type veth peer name eth0 netns other
ip link set eth0 up
ip address add 192.0.2.10/24 dev eth0
ip -n other link set eth0 up
ip -n other address add 192.0.2.20/24 dev eth0
# It does not start without this file from 2.3 on, which it looks for beside itself as well.
cp $1/etc/keepalived/keepalived.config-opts $1/usr/sbin/ 2>/dev/null || true
"$2" --library-path "$3" $1/usr/sbin/keepalived -n -l -D -P -f conf -p $1/pid -r $1/vrrp >$1/log 2>&1 &
tries=0
until ip -4 address show dev vrrp.51 2>/dev/null | grep -q 192.0.2.2 || [ $tries = 100 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
sleep 1
ip -n other neighbour flush dev eth0
ip netns exec other bash -c 'echo >/dev/udp/192.0.2.2/9'
sleep 1
version=$(sed -n 's/.*Starting Keepalived v\([0-9.]*\) .*/\1/p' $1/log)
said=$(sed -n 's/.*\(Unable to set parameters for [^ ]*\).*/, "\1"/p' $1/log | sort -u)
set=$(cat /proc/sys/net/ipv4/conf/vrrp.51/arp_ignore /proc/sys/net/ipv4/conf/eth0/arp_ignore | paste -sd' ')
mac=$(ip -n other neighbour show 192.0.2.2 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p')
echo "keepalived $version$said:"
echo "  arp_ignore of vrrp.51 and eth0: $set, answered at ${mac:-no MAC}"
kill $!
wait
ip link delete eth0
TRY
cat >init <<INIT
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mount -t tmpfs tmpfs /run
mkdir -p /mnt/lib/modules
ln -s $folder/sid/usr/lib/uml/modules/* /mnt/lib/modules/
modprobe -d /mnt -a veth macvlan
cd $folder
ip link set lo up
ip netns add other
{
	bash try bookworm "$(loader bookworm)" "$(libraries bookworm)"
	bash try trixie "$(loader trixie)" "$(libraries trixie)"
	bash try sid "$(loader sid)" "$(libraries sid)"
} >seen 2>errors
sync
echo o >/proc/sysrq-trigger
sleep 60
INIT
chmod +x init
TMPDIR=$folder timeout 300 sid/usr/bin/linux.uml mem=256M rootfstype=hostfs rootflags=/ rw init="$folder/init" \
	uml_dir="$folder/" umid=vm con=null con0=null,fd:1 ssl=null panic=-1 noreboot quiet loglevel=3 \
	</dev/null >console 2>&1 || true
cat seen errors || { cat console; exit 1; }
cat >expected <<'EXPECTED'
keepalived 2.2.7, "Unable to set parameters for vrrp.51":
  arp_ignore of vrrp.51 and eth0: 0 0, answered at 02:00:00:00:00:10
keepalived 2.3.3, "Unable to set parameters for vrrp.51":
  arp_ignore of vrrp.51 and eth0: 0 0, answered at 02:00:00:00:00:10
keepalived 2.3.4, "Unable to set parameters for vrrp.51":
  arp_ignore of vrrp.51 and eth0: 0 0, answered at 02:00:00:00:00:10
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
