#!/bin/sh
# keepalived from 2.3.0 on never runs a hook whose path leads through a folder that is a link.
#
# keepalived 2.3.3 (Debian 13, 1:2.3.3-1). A hook's path is looked at as it is written, and not only as
# it is resolved, and a link in it that is not the last part has the wrong type: /opt/tool/hook, where
# /opt/tool leads to a version, or /sbin/hook on a Debian of today. It says so in one line of its log
# ("Wrong file type found in script path"), whether script security is on or not; keepalived -t does not
# look, and ends with 0. 2.2.7 ran such a hook. A link as the last part is taken.
#
# Seen:
#   tool-1/hook: -t ends with 0, run
#   tool/hook: -t ends with 0, never run: Wrong file type found in script path
#   tool-1/newest: -t ends with 0, run
#
# Needs: root, apt-get, a Debian mirror (DEBIAN_MIRROR), dpkg-deb, ip. Nothing is installed; takes about
# half a minute.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p apt/lists/partial apt/archives/partial
: >apt/status
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
	"${DEBIAN_MIRROR:-http://deb.debian.org/debian} trixie main" >apt/sources.list
options="-q -o APT::Sandbox::User=root -o Acquire::Languages=none -o Dir::Etc::SourceList=$folder/apt/sources.list
	-o Dir::Etc::SourceParts=- -o Dir::State=$folder/apt -o Dir::State::status=$folder/apt/status
	-o Dir::Cache=$folder/apt"
# shellcheck disable=SC2086
{
	apt-get $options update >/dev/null
	# What it is linked with, and what that needs.
	apt-get $options download keepalived=1:2.3.3-1 $(apt-cache $options depends --recurse \
		--no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
		keepalived=1:2.3.3-1 | grep '^lib' | sort -u) >/dev/null
}
for file in ./*.deb; do dpkg-deb -x "$file" .; done
libraries=$(find "$folder" -name '*.so.*' -exec dirname {} + | sort -u | tr '\n' ':')
loader=$(find "$folder" -name 'ld-linux-x86-64.so.2' | head -n 1)
# It does not start without this file, which it looks for beside itself as well.
cp etc/keepalived/keepalived.config-opts usr/sbin/
mkdir tool-1
ln -s tool-1 tool
printf '#!/bin/sh\necho run >>%s/ran\n' "$folder" >tool-1/hook
chmod 0755 . tool-1 tool-1/hook
ln -s hook tool-1/newest
try() {
	cat >conf <<CONF
global_defs {
  router_id one
  enable_script_security
  script_user root
}
vrrp_instance VI_1 {
  interface link0
  virtual_router_id 51
  advert_int 1
  virtual_ipaddress {
    192.0.2.1
  }
  notify $folder/$1
}
CONF
	rm -f ran
	code=0
	unshare -n sh -c 'ip link add link0 type veth peer name link1 && ip link set link0 up &&
		ip link set link1 up && ip address add 192.0.2.2/24 dev link0
		"$1" --library-path "$2" "$3/usr/sbin/keepalived" -t -f conf >/dev/null 2>&1 || exit
		timeout 8 "$1" --library-path "$2" "$3/usr/sbin/keepalived" -n -l -P -f conf -p pid -r vrrp &
		tries=0
		until [ -e ran ] || grep -q "Wrong file" log || [ $tries = 60 ]; do
			sleep 0.1
			tries=$((tries + 1))
		done
		kill $!; wait' sh "$loader" "$libraries" "$folder" >log 2>&1 || code=$?
	why=$(grep -o 'Wrong file type found in script path' log | sort -u || true)
	echo "$1: -t ends with $code, $([ -e ran ] && echo run || echo "never run: $why")"
}
for hook in tool-1/hook tool/hook tool-1/newest; do try $hook; done | tee seen
cat >expected <<'EXPECTED'
tool-1/hook: -t ends with 0, run
tool/hook: -t ends with 0, never run: Wrong file type found in script path
tool-1/newest: -t ends with 0, run
EXPECTED
cmp -s seen expected || { echo "this has changed" >&2; exit 1; }
