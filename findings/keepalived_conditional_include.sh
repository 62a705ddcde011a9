#!/bin/sh
# keepalived reads a file twice that is included under a condition.
#
# keepalived 2.2.7 (Debian 12, 1:2.2.7-1+b2; 2.3.3 and 2.3.4 do the same). Its processes read a copy of
# the configuration, in which what is included stands in the place of its `include`. A line that begins
# with @ID is copied as it is, before what it includes; so the processes include the file again. A
# vrrp_instance in it is called a double, and keepalived -t ends with 5 for a configuration without a
# fault; the same file included without a condition is taken. As with @ID it is with a name that stands
# for an include.
#
# Seen:
#   include part: 0
#   @here include part: 5, vrrp instance VI_1 already defined
#   $PART: 5, vrrp instance VI_1 already defined
#
# Needs: root, apt-get with a Debian 12 mirror, dpkg-deb, ip. Nothing is installed; about ten seconds.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
get() { apt-get -q -o APT::Sandbox::User=root download "$@" >/dev/null; }
get keepalived=1:2.2.7-1+b2
# What it is linked with, and what that needs.
# shellcheck disable=SC2046
get $(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
	--no-replaces --no-enhances keepalived=1:2.2.7-1+b2 | grep '^lib' | grep -v '^libc6$' | sort -u)
for file in ./*.deb; do dpkg-deb -x "$file" .; done
libraries=$(find "$folder" -name '*.so.*' -exec dirname {} + | sort -u | tr '\n' ':')
cat >part <<'PART'
vrrp_instance VI_1 {
  interface link0
  virtual_router_id 51
  virtual_ipaddress {
    192.0.2.1
  }
}
PART
try() {
	printf 'global_defs {\n  router_id one\n}\n%b\n' "$1" >conf
	# A namespace of its own, with the link that the instance names.
	code=0
	said=$(unshare -n sh -c 'ip link add link0 type veth peer name link1 && ip link set link0 up &&
		LD_LIBRARY_PATH=$1 "$2/usr/sbin/keepalived" -t -i here -f conf' sh "$libraries" "$folder" \
		2>&1) || code=$?
	said=$(echo "$said" | grep -o 'vrrp instance .*' | sort -u || true)
	echo "${1##*\\n}: $code${said:+, $said}"
}
for line in 'include part' '@here include part' '$PART=include part\n$PART'; do try "$line"; done |
	tee seen
cat >expected <<'EXPECTED'
include part: 0
@here include part: 5, vrrp instance VI_1 already defined
$PART: 5, vrrp instance VI_1 already defined
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
