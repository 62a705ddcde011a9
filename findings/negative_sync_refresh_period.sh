#!/bin/sh
# Linux 7.2 shows a negative sync_refresh_period of IPVS as a huge number, which it does not take back.
#
# Linux 7.2.7 (User-Mode Linux of Debian sid, user-mode-linux 7.2um1; 6.12.113 of trixie shows -1). The
# period is kept in ticks: what is shown is -(2^64 - 2^64/HZ + n), and HZ is 100 here. A program that
# reads the setting and later writes it back as it was is refused.
#
# Seen:
#   wrote -1, reads -18262276632972456101
#   wrote -18262276632972456101: refused
#   wrote 10, reads 10
#
# Needs: apt-get with a Debian mirror, dpkg-deb, kmod. Nothing is installed and no privilege is needed:
# the kernel is an ordinary process. Takes about twenty seconds.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial archives/partial root
: >status
echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main' >sources.list
get() {
	apt-get -q -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Dir::State="$folder" \
		-o Dir::State::status="$folder/status" -o Dir::Cache="$folder" \
		-o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null "$@" >/dev/null
}
get update
get download user-mode-linux=7.2um1 libc6 patchelf libstdc++6 libgcc-s1
for file in ./*.deb; do dpkg-deb -x "$file" root; done
libraries=$folder/root/usr/lib/x86_64-linux-gnu
"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" root/usr/bin/patchelf \
	--set-rpath "$libraries" --set-interpreter "$libraries/ld-linux-x86-64.so.2" root/usr/bin/linux.uml
cat >init <<INIT
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/lib/modules
ln -s $folder/root/usr/lib/uml/modules/* /mnt/lib/modules/
modprobe -d /mnt ip_vs
period=/proc/sys/net/ipv4/vs/sync_refresh_period
{
	echo -1 >\$period
	echo "wrote -1, reads \$(cat \$period)"
	was=\$(cat \$period)
	(echo \$was >\$period) 2>/dev/null || echo "wrote \$was: refused"
	echo 10 >\$period
	echo "wrote 10, reads \$(cat \$period)"
} >$folder/seen
sync
echo o >/proc/sysrq-trigger
sleep 60
INIT
chmod +x init
TMPDIR=$folder timeout 60 root/usr/bin/linux.uml mem=256M rootfstype=hostfs rootflags=/ rw init="$folder/init" \
	uml_dir="$folder/" umid=vm con=null con0=null,fd:1 ssl=null panic=-1 noreboot quiet loglevel=3 \
	</dev/null >console 2>&1 || true
cat seen || { cat console; exit 1; }
cat >expected <<'EXPECTED'
wrote -1, reads -18262276632972456101
wrote -18262276632972456101: refused
wrote 10, reads 10
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
