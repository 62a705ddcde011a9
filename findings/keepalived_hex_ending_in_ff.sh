#!/bin/sh
# keepalived takes no hexadecimal string whose last byte is ff, and the configuration is refused.
#
# keepalived 2.2.7 (Debian 12, 1:2.2.7-1+b2). UDP_CHECK's payload and require_reply are written in
# hexadecimal. Bytes of ff at the beginning are taken, one at the end is called an invalid hex string:
# so no check can be written of a protocol whose question, or the answer waited for, ends in it.
#
# Seen:
#   payload ff00: taken
#   payload 00fe: taken
#   payload 00ff: Invalid hex string for UDP_CHECK payload
#   payload ff: Invalid hex string for UDP_CHECK payload
#
# Needs: root, apt-get with a Debian 12 mirror, dpkg-deb. Nothing is installed; takes about ten seconds.
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
try() {
	cat >conf <<CONF
virtual_server 192.0.2.1 53 {
  lvs_sched rr
  lvs_method DR
  protocol UDP
  real_server 192.0.2.2 53 {
    UDP_CHECK {
      payload $1
    }
  }
}
CONF
	said=$(LD_LIBRARY_PATH=$libraries "$folder/usr/sbin/keepalived" -t -f conf 2>&1 | grep -o 'Invalid hex.*' || true)
	echo "payload $1: ${said:-taken}"
}
for word in ff00 00fe 00ff ff; do try $word; done | tee seen
cat >expected <<'EXPECTED'
payload ff00: taken
payload 00fe: taken
payload 00ff: Invalid hex string for UDP_CHECK payload
payload ff: Invalid hex string for UDP_CHECK payload
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
