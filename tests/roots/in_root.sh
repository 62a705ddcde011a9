#!/bin/sh
# A command in a root of make_root.sh: in_root.sh ROOT COMMAND [ARGUMENT...]
#
# Root and what it changes are thrown away afterwards: the folder is the lower layer of an overlay
# in a mount namespace of its own. The working folder is there under /here (read only), and with
# LVSDR_OUT=FOLDER that one under /out. LVSDR_IN_PLACE=1 changes the root itself, and with
# LVSDR_CHANGES=FOLDER what it changes is kept there: the next command goes on from it.
set -eu

root=${1:?usage: in_root.sh ROOT COMMAND...}
shift
here=$(cd "$(dirname "$0")" && pwd)
roots=$(cd "${LVSDR_ROOTS:-$here/../../.roots}" && pwd)
case $root in /*) ;; *) root=$roots/$root ;; esac
if [ ! -d "$root/usr" ]; then
	echo "in_root.sh: $root is no root; hint: tests/roots/make_root.sh ${root##*/}" >&2
	exit 6
fi

stage=$(mktemp -d)
trap 'rmdir "$stage"' EXIT
export LVSDR_ROOT="$root" LVSDR_HERE="$PWD" LVSDR_STAGE="$stage"
# Its own PID namespace as well: whatever it starts ends with it.
unshare --mount --pid --fork --kill-child --propagation private sh -eu -c '
	stage=$LVSDR_STAGE
	if [ -n "${LVSDR_IN_PLACE:-}" ]; then
		mount --bind "$LVSDR_ROOT" "$stage"
		inside=$stage
	else
		if [ -n "${LVSDR_CHANGES:-}" ]; then
			mkdir -p "$LVSDR_CHANGES"
			mount --bind "$LVSDR_CHANGES" "$stage"
		else
			mount -t tmpfs -o mode=0755 above "$stage"
		fi
		mkdir -p "$stage/upper" "$stage/work" "$stage/root"
		mount -t overlay above -o \
			"lowerdir=$LVSDR_ROOT,upperdir=$stage/upper,workdir=$stage/work" "$stage/root"
		inside=$stage/root
	fi
	mount -t proc proc "$inside/proc"
	mount --rbind /sys "$inside/sys"
	mount --rbind /dev "$inside/dev"
	mount -t tmpfs tmp "$inside/tmp"
	mount -t tmpfs -o mode=0755 run "$inside/run"
	cp --dereference /etc/resolv.conf "$inside/etc/resolv.conf"
	cp /etc/hosts "$inside/etc/hosts"
	if [ -z "${LVSDR_IN_PLACE:-}" ]; then
		mkdir -p "$inside/here" "$inside/out"
		mount --bind "$LVSDR_HERE" "$inside/here"
		mount -o remount,bind,ro "$inside/here"
		[ -z "${LVSDR_OUT:-}" ] || mount --bind "$LVSDR_OUT" "$inside/out"
	fi
	exec env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		chroot "$inside" "$@"
' in_root "$@"
