#!/bin/sh
# Since Linux 7 a look-up of a packet that the reverse-path filter drops fails as one of a blackhole does.
#
# Linux 7.2.7 (User-Mode Linux of Debian sid, user-mode-linux 7.2um1). "ip route get VIP from CLIENT iif
# LINK" (RTM_GETROUTE) says what becomes of a packet that comes in. Up to 6.12 (6.12um1+b22 of trixie)
# what the filter drops is EXDEV, "Invalid cross-device link". Now it is EINVAL, as a source that is an
# address of this host, and a blackhole, are: whoever wants to know why has to look at the route back.
#
# Seen:
#   6.12 no filter: local
#   6.12 filtered: Invalid cross-device link
#   6.12 blackhole: Invalid argument
#   7.2 no filter: local
#   7.2 filtered: Invalid argument
#   7.2 blackhole: Invalid argument
#
# Needs: apt-get with a Debian mirror, dpkg-deb, kmod, iproute2. Nothing is installed and no privilege is
# needed: the kernels are ordinary processes (6.12 does not start where the processor has AMX). Takes
# about half a minute.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >init <<INIT
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
release=\$(uname -r)
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/lib/modules
ln -s $folder/*/root/usr/lib/uml/modules/\$release /mnt/lib/modules/
modprobe -d /mnt dummy
ip link set lo up
ip link add eth0 type dummy
ip link add eth1 type dummy
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.1/24 dev eth0
ip route add 198.51.100.0/24 dev eth1
ip route add blackhole 203.0.113.1
ask() {
	said=\$(ip route get "\$1" from 198.51.100.9 iif eth0 2>&1 | head -n 1)
	case \$said in local*) said=local ;; *) said=\${said##*: } ;; esac
	echo "\${release%.*} \$2: \$said"
}
filter() { echo \$1 >/proc/sys/net/ipv4/conf/eth0/rp_filter; }
{
	filter 0
	echo 1 >/proc/sys/net/ipv4/ip_forward
	ask 192.0.2.1 "no filter"
	filter 1
	ask 192.0.2.1 filtered
	filter 0
	ask 203.0.113.1 blackhole
} >>$folder/seen
sync
echo o >/proc/sysrq-trigger
sleep 60
INIT
chmod +x init
boot() {
	here=$folder/$1
	mkdir -p "$here/lists/partial" "$here/archives/partial" "$here/root"
	: >"$here/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $1 main" >"$here/sources.list"
	for what in update "download user-mode-linux=$2 libc6 patchelf libstdc++6 libgcc-s1"; do
		# shellcheck disable=SC2086
		(cd "$here" && apt-get -q -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none \
			-o Dir::State="$here" -o Dir::State::status="$here/status" -o Dir::Cache="$here" \
			-o Dir::Etc::SourceList="$here/sources.list" -o Dir::Etc::SourceParts=/dev/null $what >/dev/null)
	done
	for file in "$here"/*.deb; do dpkg-deb -x "$file" "$here/root"; done
	libraries=$here/root/usr/lib/x86_64-linux-gnu
	"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$here/root/usr/bin/patchelf" \
		--set-rpath "$libraries" --set-interpreter "$libraries/ld-linux-x86-64.so.2" \
		"$here/root/usr/bin/linux.uml"
	TMPDIR=$folder timeout 60 "$here/root/usr/bin/linux.uml" mem=256M rootfstype=hostfs rootflags=/ rw \
		init="$folder/init" uml_dir="$here/" umid=vm con=null con0=null,fd:1 ssl=null panic=-1 noreboot \
		quiet loglevel=3 </dev/null >>console 2>&1 || true
}
boot trixie 6.12um1+b22
boot sid 7.2um1
cat seen || { cat console; exit 1; }
cat >expected <<'EXPECTED'
6.12 no filter: local
6.12 filtered: Invalid cross-device link
6.12 blackhole: Invalid argument
7.2 no filter: local
7.2 filtered: Invalid argument
7.2 blackhole: Invalid argument
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
